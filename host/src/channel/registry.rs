//! The channels of a host, by name, and what becomes of an attempt on one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Channel, Dispatch, Links, Outcome, Reason};
use crate::engine::Outgoing;
use crate::engine::event::{Event, Grade, Instant, Receipt, Shows, What};

/// Channels by name.
#[derive(Clone, Default)]
pub(crate) struct Channels(BTreeMap<String, Arc<dyn Channel>>);

impl Channels {
    /// Adds a channel; one of the same name makes way for it.
    pub(crate) fn add(&mut self, channel: impl Channel + 'static) {
        self.0.insert(channel.name().to_owned(), Arc::new(channel));
    }

    /// What they are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The channel of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Channel>> {
        self.0.get(name)
    }

    /// Makes an attempt, and gives the receipt for it: one that cannot be made now has failed, as nobody
    /// keeps it for later.
    pub(crate) async fn send(&self, outgoing: &Outgoing, now: Instant) -> Event {
        let links = Links::default();
        let dispatch = Dispatch { outgoing: outgoing.clone(), at: now, tries: 1, links };
        let outcome = match self.get(&outgoing.channel) {
            Some(channel) => channel.send(&dispatch).await,
            None => Outcome::failed(Reason::NoChannel, "there is no such channel"),
        };
        let receipt = Receipt { tracking: outgoing.tracking.clone(), shows: shows(&outcome) };
        Event { user: outgoing.user.clone(), at: now, what: What::Receipt(receipt) }
    }
}

/// What an outcome shows, once no further try is made.
pub(crate) fn shows(outcome: &Outcome) -> Shows {
    match outcome {
        Outcome::Accepted { .. } => Shows::Grade(Grade::Accepted),
        Outcome::Later { .. } | Outcome::Failed(_) => Shows::Failed,
        Outcome::Gone(_) => Shows::Gone,
    }
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sending;
    use super::*;
    use crate::engine::event::Fields;
    use crate::engine::policy::{Content, Importance};

    struct Always(&'static str, Outcome);

    impl Channel for Always {
        fn name(&self) -> &str {
            self.0
        }

        fn send<'a>(&'a self, _: &'a Dispatch) -> Sending<'a> {
            Box::pin(std::future::ready(self.1.clone()))
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
            key: "push".into(),
            user: "u".into(),
            channel: channel.into(),
            address: None,
            locale: "".into(),
            topic: "".into(),
            importance: Importance::Normal,
            at: Instant(1),
            content,
        }
    }

    #[test]
    fn an_outcome_comes_back_as_a_receipt_of_the_attempt() {
        let mut channels = Channels::default();
        channels.add(Always("good", Outcome::ACCEPTED));
        channels.add(Always("bad", Outcome::failed(Reason::Rejected, "no")));
        channels.add(Always("busy", Outcome::later(Reason::Throttled, "later")));
        channels.add(Always("dead", Outcome::gone(Reason::InvalidAddress, "nobody")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let expected = [
            ("good", Shows::Grade(Grade::Accepted)),
            ("bad", Shows::Failed),
            ("busy", Shows::Failed),
            ("dead", Shows::Gone),
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
