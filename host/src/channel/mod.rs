//! Channels: the ways to reach people. The only room that names a provider; each has a file here, or
//! is an embedder's own. A channel is handed one attempt at a time and says what became of it, which
//! comes back as a receipt: an event again.

mod callback;
mod email;
mod http;
pub(crate) mod kinds;
mod link;
mod log;
mod outcome;
mod registry;
mod settings;
mod sms;
mod template;
#[cfg(test)]
mod tests;
mod token;
pub mod web_push;
mod webhook;
mod wechat;
mod wecom;
mod weixin;
pub mod wire;

use std::future::Future;
use std::pin::Pin;

use crate::engine::Outgoing;
use crate::engine::event::Instant;

pub use callback::{About, Callback, Heard, Return, Shown, Unheard};
pub use log::Log;
pub use outcome::{Outcome, Reason, Trouble};
pub(crate) use registry::{Channels, shows};
pub use settings::{Secret, Wrong};

/// A way to reach people.
pub trait Channel: Send + Sync {
    /// What strategies call it.
    fn name(&self) -> &str;

    /// Makes one attempt. The attempt's tracking id goes with it, so that return data can be told by
    /// it. Called again for the same attempt if the outcome was [`Outcome::Later`], or if the host died
    /// before it knew the outcome.
    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a>;

    /// Reads what the provider sends back by itself, once its signature is checked.
    ///
    /// # Errors
    ///
    /// If the channel expects nothing, the signature is not the provider's, or it cannot be read.
    fn hear(&self, callback: &Callback<'_>) -> Result<Heard, Unheard> {
        let _ = callback;
        Err(Unheard::Unexpected)
    }
}

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// An attempt, as a channel gets it.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// What is to be sent, and to whom.
    pub outgoing: Outgoing,
    /// When this try is made, by the service's clock.
    pub at: Instant,
    /// Which try it is, from 1.
    pub tries: u32,
    /// Links that lead back to the service.
    pub links: Links,
}

/// Links that lead back to the service, each naming the attempt; none where nobody said how the service is
/// reached from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The tracked link: leads to where the message leads, or to a page with a read button.
    pub read: Option<String>,
    /// A picture of one pixel: that it is fetched shows that the message was opened.
    pub open: Option<String>,
    /// Where the user unsubscribes; one POST does it (RFC 8058).
    pub unsubscribe: Option<String>,
    /// Where the provider reports to.
    pub callback: Option<String>,
}
