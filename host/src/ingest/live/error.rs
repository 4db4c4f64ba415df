//! Why a call or an item is not taken: where it is wrong, how, and what to do.

use std::fmt::Write;

/// Why a call or an item is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if at.is_empty() { "the body" } else { at.as_str() })]
pub struct Refused {
    /// Where: a JSON pointer into the body, which is empty for the body itself, or the name of a
    /// header.
    pub at: String,
    /// What is wrong, and what to do.
    pub reason: String,
    /// Which kind of wrong.
    pub kind: Fault,
}

/// Which kind of wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More than is taken at once: send less.
    TooLarge,
    /// Not in the format at all.
    Malformed,
    /// In the format, but it makes no sense.
    Invalid,
}

impl Refused {
    pub(super) fn new(kind: Fault, at: impl Into<String>, reason: impl Into<String>) -> Refused {
        Refused { at: at.into(), reason: reason.into(), kind }
    }

    pub(super) fn invalid(at: impl Into<String>, reason: impl Into<String>) -> Refused {
        Refused::new(Fault::Invalid, at, reason)
    }

    /// The same, seen from the object or array that has what is wrong at `key`.
    pub(super) fn within(mut self, key: &str) -> Refused {
        self.at.insert_str(0, &pointer(key));
        self
    }
}

/// `key` as a step of a JSON pointer, short enough to be shown and without what does not print.
fn pointer(key: &str) -> String {
    let mut step = String::from("/");
    for c in key.chars().take(64) {
        match c {
            '~' => step.push_str("~0"),
            '/' => step.push_str("~1"),
            '"' | '\'' | '\\' => step.push(c),
            // Writing to a string does not fail.
            c => _ = write!(step, "{}", c.escape_debug()),
        }
    }
    step
}
