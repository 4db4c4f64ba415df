//! Who is meant by an input, and who has turned out to be the same as whom; and what was heard before.

use std::sync::Arc;

use super::batch::Batch;
use super::lane::Input;
use super::memory::Memory;
use crate::engine::event::What;
use crate::ingest::live::{ANONYMOUS, Deed, Item};
use crate::store::MessageId;

impl Batch<'_> {
    /// Leaves out what was heard before, and finds out who is the same as whom.
    pub(super) fn hear(&mut self, memory: &mut Memory, inputs: Vec<Input>) -> Vec<Input> {
        let mut heard = Vec::with_capacity(inputs.len());
        for input in inputs {
            if !self.follows(memory, &input) {
                continue;
            }
            if let Input::Item { item, .. } = &input {
                if let Some(id) = item.id.map(|id| id.0)
                    && !self.is_new(memory, id)
                {
                    self.then.duplicates += 1;
                    continue;
                }
                self.link(memory, item);
            }
            heard.push(input);
        }
        heard
    }

    fn is_new(&mut self, memory: &mut Memory, id: MessageId) -> bool {
        let new = memory.window.insert(id, self.now);
        if new {
            self.chunk.ids.push(id);
        }
        new
    }

    /// An anonymous user who says who they are is that user from then on; an anonymous id belongs to
    /// whom it belonged to first. With an alias another user's name may become one's own.
    fn link(&mut self, memory: &mut Memory, item: &Item) {
        let Some(user) = &item.who.user else { return };
        let mut others: Vec<Arc<str>> =
            item.who.anonymous.as_deref().map(anonymous).into_iter().collect();
        let alias = match &item.deed {
            Deed::Alias { previous } => {
                others.extend([previous.clone(), anonymous(previous)]);
                true
            }
            Deed::Happened(deeds) => {
                if !deeds.iter().any(|deed| matches!(deed, What::Profile { .. })) {
                    return;
                }
                false
            }
        };
        for other in others {
            let (me, them) = (memory.owner(user), memory.owner(&other));
            if me != them && (alias || them.starts_with(ANONYMOUS)) {
                memory.link(them.clone(), me.clone());
                self.chunk.links.push((them, me));
            }
        }
    }
}

/// The name of somebody who is only known by an anonymous id.
fn anonymous(id: &str) -> Arc<str> {
    format!("{ANONYMOUS}{id}").into()
}

/// The name under which an item's user is known before any link is followed.
pub(super) fn name(item: &Item) -> Option<Arc<str>> {
    item.who.user.clone().or_else(|| item.who.anonymous.as_deref().map(anonymous))
}

/// All names in an input.
pub(super) fn names(input: &Input) -> Vec<Arc<str>> {
    match input {
        Input::Item { item, .. } => {
            let mut names: Vec<Arc<str>> = item.who.user.iter().cloned().collect();
            names.extend(item.who.anonymous.as_deref().map(anonymous));
            if let Deed::Alias { previous } = &item.deed {
                names.extend([previous.clone(), anonymous(previous)]);
            }
            names
        }
        Input::Receipt { user, .. }
        | Input::Wake { user }
        | Input::Reach { user, .. }
        | Input::Erase { user, .. } => vec![user.clone()],
        Input::Mark { .. } => Vec::new(),
        Input::Settled { attempt, .. } => vec![attempt.attempt.user.clone()],
    }
}
