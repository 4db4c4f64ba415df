//! What providers send back by themselves. Plain data.

use std::sync::Arc;

use crate::engine::event::{Grade, Instant};

/// A request of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Callback<'a> {
    /// The method: `GET` or `POST`.
    pub method: &'a str,
    /// The URL as the provider wrote it, host and query included: some signatures cover it.
    pub url: &'a str,
    /// Its query, undecoded; empty if there is none.
    pub query: &'a str,
    /// Headers, names in small letters.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// When it came in.
    pub at: Instant,
}

impl Callback<'_> {
    /// The header of that name, in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// What a callback says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Evidence, none if it says nothing of consequence.
    pub returns: Vec<Return>,
    /// What the provider expects as an answer, with its content type; nothing: an empty one.
    pub answer: Option<(&'static str, String)>,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// Of which attempt.
    pub about: About,
    /// What it shows.
    pub shown: Shown,
}

/// Which attempt return data is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The one with this tracking id.
    Tracking(Arc<str>),
    /// The one that the provider calls so.
    Reference(Arc<str>),
    /// The latest one to this address on this channel.
    Address(Arc<str>),
}

/// What return data shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It got this far. A reply is `Confirmed`.
    Grade(Grade),
    /// It did not arrive, and will not.
    Failed(super::Trouble),
    /// It did not arrive, and nothing will at this address.
    Gone(super::Trouble),
    /// The user wants nothing more on this channel, for instance by a reply that says STOP.
    OptedOut,
    /// The user wants messages on this channel again.
    OptedIn,
}

/// Why a callback was not heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// The channel has no callbacks.
    #[error("this channel expects no callbacks")]
    Unexpected,
    /// It is not the provider's.
    #[error("the signature is not the provider's, or is too old")]
    Forged,
    /// It cannot be read.
    #[error("the callback cannot be read: {0}")]
    Unreadable(String),
}
