//! Channels: the ways to reach people. The only room that names a provider; each has a file here, or
//! is an embedder's own. A channel is handed one attempt at a time and says what became of it, which
//! comes back as a receipt: an event again.

mod log;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::engine::Outgoing;
use crate::engine::event::{Event, Grade, Instant, Receipt, Shows, What};

pub use log::Log;

/// A way to reach people.
pub trait Channel: Send + Sync {
    /// What strategies call it.
    fn name(&self) -> &str;

    /// Makes one attempt. The attempt's tracking id goes with it, so that return data can be told by
    /// it. Called again for the same attempt only if the host died before it knew the outcome.
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a>;
}

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// What became of an attempt, as far as the channel knows at once; what it learns later comes back as
/// receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted,
    /// It will not arrive on this channel.
    Failed,
}

/// The channels of a host, by name.
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

    /// Makes an attempt. One on a channel that there is not has failed.
    pub(crate) async fn attempt(&self, outgoing: &Outgoing) -> Outcome {
        match self.0.get(&*outgoing.channel) {
            Some(channel) => channel.send(outgoing).await,
            None => {
                tracing::warn!(channel = &*outgoing.channel, "there is no such channel");
                Outcome::Failed
            }
        }
    }

    /// Makes an attempt, and gives the receipt for it.
    pub(crate) async fn send(&self, outgoing: &Outgoing, now: Instant) -> Event {
        let outcome = self.attempt(outgoing).await;
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
