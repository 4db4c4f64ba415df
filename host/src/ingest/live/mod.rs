//! Turns what senders post — Segment calls, CloudEvents, lines of history — into items: one thing
//! that one person did, whoever that is to the service. Pure functions from bytes to items; nothing
//! is read, asked or remembered. Of the engine it knows `event`, the plain data it makes; of the
//! rest of the host, nothing.
//!
//! `segment`, `cloudevents` and `history` are the three formats; `file` holds rows of recorded files to the
//! same limits. They stand on `json` (a body as a
//! tree that borrows from it), `fields` (objects taken apart into named values), `take` (single
//! values: ids, names) and `clock` (moments); `header` decodes what stands in HTTP headers.

mod clock;
pub mod cloudevents;
mod error;
mod fields;
pub mod file;
mod header;
pub mod history;
mod json;
pub mod segment;
mod take;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use error::{Fault, Refused};

use crate::engine::event::{Instant, Millis, What};

/// The operation that says that the page that was shown is no longer.
pub const HIDDEN: &str = "$hidden";
/// The operation that says that the page that was shown still is.
pub const HEARTBEAT: &str = "$heartbeat";
/// What the service writes before the ids of the anonymous; no sender's user id begins with it.
pub const ANONYMOUS: &str = "anon:";

/// One call of a sender, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// By what it is known when it is sent again; `None`: the sender named nothing, and it is
    /// never taken for one that was there before.
    pub id: Option<MessageId>,
    /// Whose it is.
    pub who: Who,
    /// When it happened, by the service's clock, and never later than it was received.
    pub at: Instant,
    /// What it says.
    pub deed: Deed,
}

/// Whose an item is: a user's, somebody's without a name, or one's who has been both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user id.
    pub user: Option<Arc<str>>,
    /// The anonymous id; there if the user id is not.
    pub anonymous: Option<Arc<str>>,
}

/// What an item says.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Things for the engine, in order; none if nothing is to be made of it.
    Happened(Vec<What>),
    /// What the previous id's was is the user's.
    Alias {
        /// The previous id: a user's or an anonymous one.
        previous: Arc<str>,
    },
}

/// By what a message is known when it is sent again: half a hash of where it comes from and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u128);

/// The message that `source` calls `id`.
#[must_use]
pub fn id_of(source: &str, id: &str) -> MessageId {
    // The length in front keeps ("a", "bc") and ("ab", "c") apart.
    let hash = Sha256::new()
        .chain_update((source.len() as u64).to_be_bytes())
        .chain_update(source)
        .chain_update(id)
        .finalize();
    let half = hash.iter().take(16).fold(0, |half, byte| half << 8 | u128::from(*byte));
    MessageId(half)
}

/// Under what a call was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub now: Instant,
    /// What it may hold.
    pub limits: Limits,
}

/// What a call may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one item, be it by itself or in a batch.
    pub item_bytes: usize,
    /// The most items of a batch.
    pub items: usize,
    /// The most bytes of a batch.
    pub body_bytes: usize,
    /// How far in the future an item may lie and still be taken to happen now; `None`: any.
    pub future: Option<Millis>,
}

/// Segment's own.
impl Default for Limits {
    fn default() -> Limits {
        Limits { item_bytes: 32 << 10, items: 2500, body_bytes: 500 << 10, future: None }
    }
}
