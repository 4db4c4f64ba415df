//! What goes into a store and what comes out of it: commits and their parts, attempts, letters, the log, control
//! data. Plain data.

use std::sync::Arc;

use super::{Cursor, Membership, Offset, Tally};
use crate::engine::event::Instant;

/// A tenant's number, given once and never again.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u32);

/// A user of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The user's name there.
    pub user: Arc<str>,
}

/// A place in the log: the number of a chunk. Numbers rise; some are never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// A hash of the sender's message id: who sends the same again is heard once.
pub type MessageId = u128;

/// Everything of some batches that becomes durable as one, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// One for each batch.
    pub chunks: Vec<Chunk>,
}

/// What came of one batch of one tenant.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The tenant.
    pub tenant: TenantId,
    /// The chunk's place in the log, from the service's own counter; see [`recover`](super::Store::recover).
    pub seq: Seq,
    /// When it was decided, for retention.
    pub at: Instant,
    /// Message ids of the events in it.
    pub ids: Vec<MessageId>,
    /// How many events it has.
    pub events: u32,
    /// Events and decisions, a line of JSON for each user; nothing if there are none.
    pub lines: Vec<u8>,
    /// What the lines are proved by, if they are.
    pub chain: Option<Link>,
    /// Users' states from now on.
    pub images: Vec<Image>,
    /// Names that mean somebody else from now on: the name, and the user it belongs to.
    pub links: Vec<(Arc<str>, Arc<str>)>,
    /// Attempts to be made. An attempt that the outbox has or had (same tenant, `send_key` and
    /// `channel`) is not added again.
    pub outbox: Vec<Attempt>,
    /// Attempts that were made, by tracking id.
    pub outcomes: Vec<Settled>,
    /// Messages whose attempts that are neither leased nor settled are called off; a lease that has run
    /// out by `at` is none.
    pub called_off: Vec<Arc<str>>,
    /// Addresses that nothing is to be sent to from now on. One that is known has the new reason.
    pub suppressed: Vec<Suppression>,
    /// What users find in the app. One with a known tracking id is not added again.
    pub letters: Vec<Letter>,
    /// Evidence that came in.
    pub receipts: Vec<ReceiptRow>,
    /// Who joins which group, and who leaves, one after the other. Whoever joins is a member since this
    /// chunk. Users whose state goes with the chunk leave all groups after that.
    pub members: Vec<Membership>,
    /// What is added to named counts.
    pub tallies: Vec<Tally>,
    /// Where campaigns have got to, in the place of where they were.
    pub cursors: Vec<Cursor>,
    /// How far sources have been read. One that was read further stays as it is.
    pub offsets: Vec<Offset>,
    /// Users of whom nothing is left, after all else of the commit: their attempts with the receipts of
    /// these, their letters, the links from and to their names, and their memberships. States go by
    /// [`Image`], lines by [`redact`](super::Store::redact).
    pub erased: Vec<Arc<str>>,
}

/// A chunk's place in its tenant's chain of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The head before the chunk.
    pub prev: [u8; 32],
    /// The head with the chunk.
    pub head: [u8; 32],
}

/// An address that nothing is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// On which channel.
    pub channel: Arc<str>,
    /// The address's key, as in [`Attempt::address`].
    pub address: Arc<str>,
    /// Why, in one word.
    pub reason: Arc<str>,
    /// Since when.
    pub at: Instant,
}

impl Chunk {
    /// A chunk with nothing in it so far.
    #[must_use]
    pub fn new(tenant: TenantId, seq: Seq, at: Instant) -> Chunk {
        Chunk {
            tenant,
            seq,
            at,
            ids: Vec::new(),
            events: 0,
            lines: Vec::new(),
            chain: None,
            images: Vec::new(),
            links: Vec::new(),
            outbox: Vec::new(),
            outcomes: Vec::new(),
            called_off: Vec::new(),
            suppressed: Vec::new(),
            letters: Vec::new(),
            receipts: Vec::new(),
            members: Vec::new(),
            tallies: Vec::new(),
            cursors: Vec::new(),
            offsets: Vec::new(),
            erased: Vec::new(),
        }
    }
}

/// A user's state after a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Who.
    pub user: Arc<str>,
    /// The latest chunk that has a line about the user.
    pub last: Seq,
    /// When the user's timer fires, if they have one.
    pub due: Option<Instant>,
    /// The state; none if the user is forgotten.
    pub state: Option<Arc<[u8]>>,
}

/// A user's state as the store gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The latest chunk that has a line about the user: the end of a chain, as each line names the chunk
    /// before it that is about the same user.
    pub last: Seq,
    /// When the user's timer fires.
    pub due: Option<Instant>,
    /// The state.
    pub state: Arc<[u8]>,
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its tracking id, unique.
    pub tracking: Arc<str>,
    /// With the channel, what is sent at most once.
    pub send_key: Arc<str>,
    /// The message.
    pub message: Arc<str>,
    /// Its user.
    pub user: Arc<str>,
    /// The channel.
    pub channel: Arc<str>,
    /// When it was decided.
    pub at: Instant,
    /// It is not to be made before; in the store, the end of the lease while it is leased.
    pub due: Instant,
    /// A key of the address it goes to, if it goes to one: a hash, not the address.
    pub address: Option<Arc<str>>,
    /// What it says, as JSON.
    pub content: Arc<str>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub tracking: Arc<str>,
    /// When.
    pub at: Instant,
    /// How it ended, in one word: `accepted`, `failed`, `refused`.
    pub outcome: Arc<str>,
    /// Why it ended so.
    pub reason: Option<Arc<str>>,
    /// What the provider calls it.
    pub reference: Option<Arc<str>>,
}

/// A try that did not succeed, and another that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The tenant.
    pub tenant: TenantId,
    /// Of which attempt.
    pub tracking: Arc<str>,
    /// The next try is not to be made before.
    pub due: Instant,
    /// Why it did not succeed.
    pub reason: Arc<str>,
    /// A try was made. Without one it was only put off.
    pub tried: bool,
}

/// Attempts of a tenant on a channel that are not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel.
    pub channel: Arc<str>,
    /// When the first of them is due, or its lease ends.
    pub due: Instant,
}

/// Attempts that somebody would make now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which tenant.
    pub tenant: TenantId,
    /// On which channel.
    pub channel: Arc<str>,
    /// How many at most.
    pub most: usize,
}

/// Which attempts to list: those that agree with all that is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which<'a> {
    /// Of this user.
    pub user: Option<&'a str>,
    /// That ended so. `failed` and `refused` are found at once; for any other word a tenant's attempts
    /// may have to be read one after the other, if nothing else is named.
    pub outcome: Option<&'a str>,
    /// Of this message.
    pub message: Option<&'a str>,
}

/// A message in the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Whose it is.
    pub user: Arc<str>,
    /// The attempt's tracking id.
    pub tracking: Arc<str>,
    /// When it was put there.
    pub at: Instant,
    /// What it says, as JSON.
    pub content: Arc<str>,
}

/// Evidence about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Of which attempt.
    pub tracking: Arc<str>,
    /// When it came in.
    pub at: Instant,
    /// What it shows: a grade of evidence, or `failed`. The letter with this tracking id, if there is
    /// one, remembers `seen` and `confirmed`.
    pub shows: Arc<str>,
}

/// A letter with what its user did with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its number; numbers rise.
    pub id: u64,
    /// The letter.
    pub letter: Letter,
    /// It was on the screen.
    pub seen: Option<Instant>,
    /// Its user confirmed it.
    pub confirmed: Option<Instant>,
}

/// An attempt on lease, or looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The tenant.
    pub tenant: TenantId,
    /// The attempt.
    pub attempt: Attempt,
    /// How often it was leased, this time included; since it was sent again, if it was. A lease that is
    /// neither this one nor one of `tries` was lost or given back: the message may have been sent.
    pub leases: u32,
    /// Tries that were made and deferred.
    pub tries: u32,
    /// How it ended: `accepted`, `failed`, `refused`, `called-off`; none while it is still to be made.
    pub outcome: Option<Arc<str>>,
    /// Why it ended so, or else why the last try did not succeed.
    pub reason: Option<Arc<str>>,
    /// What the provider calls it.
    pub reference: Option<Arc<str>>,
    /// When it ended.
    pub settled: Option<Instant>,
}

/// A timer that has fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it was due.
    pub at: Instant,
    /// Whose it is.
    pub key: UserKey,
}

/// A chunk of the log, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub seq: Seq,
    /// When it was decided.
    pub at: Instant,
    /// How many events it has.
    pub events: u32,
    /// Its lines.
    pub lines: Vec<u8>,
    /// What they are proved by, if they are; of redacted lines, what those before were.
    pub chain: Option<Link>,
}

/// Where a service goes on after a restart.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The greatest number that a chunk has or had.
    pub seq: Seq,
    /// Message ids of recent events, oldest first, with the moment of their chunk.
    pub ids: Vec<(TenantId, Instant, MessageId)>,
    /// The head of each tenant's chain of hashes, and the chunk it is of.
    pub heads: Vec<(TenantId, Seq, [u8; 32])>,
}

/// A record of the control data: tenants, keys, releases and the like. Few, and read at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRecord {
    /// What it is.
    pub kind: String,
    /// Whose it is; 0 for the service's own.
    pub tenant: TenantId,
    /// Its name, unique among its kind and tenant.
    pub id: String,
    /// What it says, as JSON.
    pub body: String,
}

/// A change of the control data.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a record, or puts it in the place of its namesake.
    Put(ControlRecord),
    /// Removes a record; it need not be there.
    Remove {
        /// What it is.
        kind: String,
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        id: String,
    },
    /// Adds bytes under a name, or puts them in the place of what was there.
    PutBlob {
        /// The name.
        name: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Removes bytes; they need not be there.
    RemoveBlob {
        /// Their name.
        name: String,
    },
}

/// What is left of a store's contents after each age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Chunks of the log from before this moment are removed, with their receipts.
    pub log_before: Instant,
    /// Settled attempts and letters from before this moment are removed.
    pub messages_before: Instant,
}

/// How large a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of all its files.
    pub bytes: u64,
    /// Attempts that wait to be made.
    pub outbox: u64,
    /// Changed states that are only in the journal so far.
    pub unflushed: u64,
}
