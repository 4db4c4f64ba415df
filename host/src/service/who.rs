//! Who is meant by an input, and who has turned out to be the same as whom; and what was heard before.

use std::sync::Arc;

use super::batch::{ANONYMOUS, Batch};
use super::lane::Input;
use super::memory::Memory;
use crate::engine::event::What;
use crate::ingest::live::{Deed, Item};
use crate::store::MessageId;

impl Batch<'_> {
    /// Leaves out what was heard before, and finds out who is the same as whom.
    pub(super) fn hear(&mut self, memory: &mut Memory, inputs: Vec<Input>) -> Vec<Input> {
        let mut heard = Vec::with_capacity(inputs.len());
        for input in inputs {
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
        let identifies = match &item.deed {
            Deed::Alias { .. } => true,
            Deed::Happened(deeds) => deeds.iter().any(|deed| matches!(deed, What::Profile { .. })),
        };
        let mut others = Vec::new();
        if identifies && let Some(anonymous) = &item.who.anonymous {
            others.push(Arc::from(format!("{ANONYMOUS}{anonymous}")));
        }
        if let Deed::Alias { previous } = &item.deed {
            others.push(previous.clone());
            others.push(Arc::from(format!("{ANONYMOUS}{previous}")));
        }
        for other in others {
            let (me, them) = (memory.owner(user), memory.owner(&other));
            let mine = identifies && matches!(item.deed, Deed::Alias { .. });
            if me != them && (mine || them.starts_with(ANONYMOUS)) {
                memory.link(them.clone(), me.clone());
                self.chunk.links.push((them, me));
            }
        }
    }
}

/// The name under which an item's user is known before any link is followed.
pub(super) fn name(item: &Item) -> Option<Arc<str>> {
    let anonymous = || item.who.anonymous.as_ref().map(|id| format!("{ANONYMOUS}{id}").into());
    item.who.user.clone().or_else(anonymous)
}

/// All names in an input.
pub(super) fn names(input: &Input) -> Vec<Arc<str>> {
    match input {
        Input::Item { item, .. } => {
            let mut names: Vec<Arc<str>> = item.who.user.iter().cloned().collect();
            names.extend(item.who.anonymous.as_ref().map(|id| format!("{ANONYMOUS}{id}").into()));
            if let Deed::Alias { previous } = &item.deed {
                names.push(previous.clone());
                names.push(format!("{ANONYMOUS}{previous}").into());
            }
            names
        }
        Input::Receipt { user, .. } | Input::Wake { user } => vec![user.clone()],
        Input::Settled { attempt, .. } => vec![attempt.attempt.user.clone()],
    }
}
