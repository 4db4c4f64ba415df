//! Channels: the ways to reach people. The only room that names a provider; each has a file here, or
//! is an embedder's own. A channel is handed one attempt at a time and says what became of it.

use std::future::Future;
use std::pin::Pin;

use crate::engine::Outgoing;

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
