//! Delivery: rows of the outbox to their channels, and what became of them back as receipts, which
//! are events again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::channel::{Channel, Outcome};
use crate::engine::Outgoing;
use crate::engine::event::{Event, Grade, Instant, Receipt, Shows, What};

/// The channels of a host, by name.
#[derive(Clone, Default)]
pub struct Channels(BTreeMap<String, Arc<dyn Channel>>);

impl Channels {
    /// Adds a channel; one of the same name makes way for it.
    pub fn add(&mut self, channel: impl Channel + 'static) {
        self.0.insert(channel.name().to_owned(), Arc::new(channel));
    }

    /// Makes an attempt, and gives the receipt for it. An attempt on a channel that there is not has
    /// failed.
    pub async fn send(&self, outgoing: &Outgoing, now: Instant) -> Event {
        let outcome = match self.0.get(&*outgoing.channel) {
            Some(channel) => channel.send(outgoing).await,
            None => {
                tracing::warn!(channel = &*outgoing.channel, "there is no such channel");
                Outcome::Failed
            }
        };
        let shows = match outcome {
            Outcome::Accepted => Shows::Grade(Grade::Accepted),
            Outcome::Failed => Shows::Failed,
        };
        let receipt = Receipt { tracking: outgoing.tracking.clone(), shows };
        Event { user: outgoing.user.clone(), at: now, what: What::Receipt(receipt) }
    }
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
