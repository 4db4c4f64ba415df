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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Sending;
    use crate::engine::event::Fields;
    use crate::engine::policy::{Content, Importance};

    struct Always(&'static str, Outcome);

    impl Channel for Always {
        fn name(&self) -> &str {
            self.0
        }

        fn send<'a>(&'a self, _: &'a Outgoing) -> Sending<'a> {
            Box::pin(std::future::ready(self.1))
        }
    }

    fn outgoing(channel: &str) -> Outgoing {
        let content = Content {
            title: String::new(),
            body: String::new(),
            link: None,
            features: Fields::default(),
        };
        Outgoing {
            tracking: "t".into(),
            send_key: "k".into(),
            message: "m".into(),
            user: "u".into(),
            channel: channel.into(),
            importance: Importance::Normal,
            at: Instant(1),
            content,
        }
    }

    #[test]
    fn an_outcome_comes_back_as_a_receipt_of_the_attempt() {
        let mut channels = Channels::default();
        channels.add(Always("good", Outcome::Accepted));
        channels.add(Always("bad", Outcome::Failed));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let expected = [
            ("good", Shows::Grade(Grade::Accepted)),
            ("bad", Shows::Failed),
            ("none", Shows::Failed),
        ];
        for (channel, shows) in expected {
            let event = runtime.block_on(channels.send(&outgoing(channel), Instant(7)));
            let receipt = Receipt { tracking: "t".into(), shows };
            let want = Event { user: "u".into(), at: Instant(7), what: What::Receipt(receipt) };
            assert_eq!(event, want, "{channel}");
        }
    }
}
