//! Mail that comes in: the listener (`server`), what is said on a connection (`smtp`, over the lines of
//! `lines`), and what a mail says (`mime`, `html`). Whom mail is for, who may send it and where it is kept is
//! asked of [`Mailboxes`]; nothing of the service or of HTTP is known here.
//!
//! Whoever can connect can say anything, so everything has a limit: lines, mails, connections, time, errors.

mod html;
mod lines;
pub mod mime;
mod server;
pub mod smtp;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

pub use server::{Limits, serve};

/// A mail as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Who sends it, by the envelope.
    pub from: String,
    /// The mailboxes' addresses, by the envelope; those that [`Mailboxes::may`] has let through.
    pub to: Vec<String>,
    /// The mail, without what only the way needed.
    pub bytes: Vec<u8>,
}

/// Without what it says.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A delivery under way.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + 'a>>;

/// Where mail goes.
pub trait Mailboxes: Send + Sync {
    /// Whether there is such a mailbox, and it takes mail from this sender: how many bytes at most. Asked for
    /// every recipient, so it has to be quick.
    ///
    /// # Errors
    ///
    /// Why not. Who has no business with a mailbox does not learn whether there is one.
    fn may(&self, from: &str, to: &str) -> Result<usize, Refused>;

    /// Takes a mail for all its mailboxes, or for none. Done is what is durable.
    fn deliver(&self, mail: Incoming) -> Delivering<'_>;
}

/// Why a mail is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such mailbox, or it does not take mail from this sender.
    #[error("there is no such mailbox, or it takes no mail from this sender")]
    Unknown,
    /// It is larger than the mailbox takes.
    #[error("the mail is larger than {0} bytes, which is the most that is taken here")]
    TooLarge(usize),
    /// There is no room for it.
    #[error("there is no room for it: {0}")]
    Full(String),
    /// It is no mail, or not one that can be kept.
    #[error("{0}")]
    Unreadable(String),
    /// Not now.
    #[error("it cannot be stored now: try again later")]
    Later,
}

impl Refused {
    /// The codes of the answer.
    fn codes(&self) -> &'static str {
        match self {
            Refused::Unknown => "550 5.7.1",
            Refused::TooLarge(_) => "552 5.3.4",
            Refused::Full(_) => "452 4.2.2",
            Refused::Unreadable(_) => "554 5.6.0",
            Refused::Later => "451 4.3.0",
        }
    }
}
