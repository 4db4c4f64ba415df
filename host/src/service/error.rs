//! Why the service does not do as it is asked. Every reason says what, and what to do.

use crate::sandbox::{AdmitError, Issue};

/// Why the service does not do as it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no key, or not one that the service knows.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The key does not go so far.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or it is somebody else's.
    #[error("there is no {0}")]
    NotFound(String),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// What was sent is wrong.
    #[error("{detail}")]
    Invalid {
        /// What is wrong, all in all.
        detail: String,
        /// Where and what, one by one.
        issues: Vec<Issue>,
    },
    /// A component is not admitted.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// More than may be sent at once.
    #[error("{0}")]
    TooLarge(String),
    /// More than the tenant may send, or than can wait.
    #[error("{reason}: try again in {after_ms} ms")]
    TooMany {
        /// Which limit.
        reason: &'static str,
        /// When it is worth trying again, in milliseconds.
        after_ms: u64,
    },
    /// The disk is full: nothing is taken until there is room.
    #[error("there is no room to store it ({0}): it was not taken, try again later")]
    Full(String),
    /// The service cannot do it now.
    #[error("{0}: it was not taken, try again later")]
    Unavailable(String),
}

impl Error {
    /// Something wrong in what was sent, in one sentence.
    pub fn invalid(detail: impl Into<String>) -> Error {
        Error::Invalid { detail: detail.into(), issues: Vec::new() }
    }
}
