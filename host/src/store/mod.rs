//! The store: what a service remembers. One trait, in batches; the rooms behind it are the only ones
//! that name a database. Users' states are bytes here, and decisions are lines: what they mean is the
//! service's business. The cache of states and the window of message ids live above the trait, once for
//! every engine.

pub mod sqlite;

use std::sync::Arc;

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
    /// The chunk's place in the log, from the service's own counter; see [`Store::recover`].
    pub seq: Seq,
    /// When it was decided, for retention.
    pub at: Instant,
    /// Message ids of the events in it.
    pub ids: Vec<MessageId>,
    /// How many events it has.
    pub events: u32,
    /// Events and decisions, a line of JSON for each user; nothing if there are none.
    pub lines: Vec<u8>,
    /// Users' states from now on.
    pub images: Vec<Image>,
    /// Names that mean somebody else from now on: the name, and the user it belongs to.
    pub links: Vec<(Arc<str>, Arc<str>)>,
    /// Attempts to be made. An attempt that the outbox has or had (same tenant, `send_key` and
    /// `channel`) is not added again.
    pub outbox: Vec<Attempt>,
    /// Attempts that were made, by tracking id.
    pub outcomes: Vec<Settled>,
    /// Messages whose attempts that are neither leased nor settled are called off.
    pub called_off: Vec<Arc<str>>,
    /// What users find in the app. One with a known tracking id is not added again.
    pub letters: Vec<Letter>,
    /// Evidence that came in.
    pub receipts: Vec<ReceiptRow>,
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
            images: Vec::new(),
            links: Vec::new(),
            outbox: Vec::new(),
            outcomes: Vec::new(),
            called_off: Vec::new(),
            letters: Vec::new(),
            receipts: Vec::new(),
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
    /// How it ended, in one word: `accepted`, `failed`.
    pub outcome: Arc<str>,
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
    /// How often it was leased, this time included.
    pub leases: u32,
    /// How it ended: `accepted`, `failed`, `called-off`; none while it is still to be made.
    pub outcome: Option<Arc<str>>,
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
}

/// Where a service goes on after a restart.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The greatest number that a chunk has or had.
    pub seq: Seq,
    /// Message ids of recent events, oldest first, with the moment of their chunk.
    pub ids: Vec<(TenantId, Instant, MessageId)>,
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

/// Why a store did not do as it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room left. Nothing of the batch is kept; the same may succeed later.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Somebody else owns the data now. Nothing of the batch is kept, and nothing ever will be.
    #[error("another process owns the data: {0}")]
    Fenced(String),
    /// What is stored cannot be what was stored.
    #[error("the data is damaged: {0}")]
    Damaged(String),
    /// Anything else. Nothing of the batch is kept, or, after a crash, all of it.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// A store. Its methods block; whoever calls them has a thread to spare.
pub trait Store: Send + Sync {
    /// Where to go on: ids of events since `ids_since`, at most the latest `most` of them.
    ///
    /// # Errors
    ///
    /// As for all methods: see [`StoreError`].
    fn recover(&self, ids_since: Instant, most: usize) -> Result<Recovered, StoreError>;

    /// Makes a batch durable. When it returns, it is.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is kept then.
    fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Finds out whether a batch could be stored now, by storing something of no consequence.
    ///
    /// # Errors
    ///
    /// Why not.
    fn probe(&self) -> Result<(), StoreError>;

    /// Users' states, in the order of `keys`; none for somebody new.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn load(&self, keys: &[UserKey]) -> Result<Vec<Option<Stored>>, StoreError>;

    /// Whom each name belongs to, in the order of `names`; none for a name that means itself. A link
    /// is followed once.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn resolve(&self, names: &[UserKey]) -> Result<Vec<Option<Arc<str>>>, StoreError>;

    /// Timers due at `until` or before, by moment, then tenant and user, those after `after` in that
    /// order, at most `most` of them. A timer is there until a commit has moved it.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn due(&self, until: Instant, after: Option<&Due>, most: usize)
    -> Result<Vec<Due>, StoreError>;

    /// The moment of the first timer there is.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn next_due(&self) -> Result<Option<Instant>, StoreError>;

    /// A tenant's users with a state, by name, after `after`, at most `most` of them.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn users(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Arc<str>>, StoreError>;

    /// Leases attempts that are neither settled nor leased beyond `now`, oldest first, at most `most`
    /// of them, until `until`. `fair` limits how many of one tenant are among them.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn lease(
        &self,
        now: Instant,
        until: Instant,
        most: usize,
        fair: usize,
    ) -> Result<Vec<Leased>, StoreError>;

    /// Gives leases back, so that others need not wait for their end.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn release(&self, tenant: TenantId, tracking: &[Arc<str>]) -> Result<(), StoreError>;

    /// Looks an attempt up by its tracking id.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn attempt(&self, tenant: TenantId, tracking: &str) -> Result<Option<Leased>, StoreError>;

    /// A tenant's attempts, newest first, before the moment and tracking id `before`, of a user if one
    /// is named, at most `most` of them.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn attempts(
        &self,
        tenant: TenantId,
        user: Option<&str>,
        before: Option<(Instant, &str)>,
        most: usize,
    ) -> Result<Vec<Leased>, StoreError>;

    /// Evidence about an attempt, oldest first.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn receipts(&self, tenant: TenantId, tracking: &str) -> Result<Vec<ReceiptRow>, StoreError>;

    /// A user's letters with numbers above `after`, by number, at most `most` of them; the latest
    /// `most` of all if `after` is none.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn letters(
        &self,
        tenant: TenantId,
        user: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<Delivered>, StoreError>;

    /// A tenant's chunks of the log from `from` on, at most `most` of them.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn log(&self, tenant: TenantId, from: Seq, most: usize) -> Result<Vec<Logged>, StoreError>;

    /// One chunk of the log, if it is still there.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn chunk(&self, tenant: TenantId, seq: Seq) -> Result<Option<Logged>, StoreError>;

    /// All records of the control data.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn control(&self) -> Result<Vec<ControlRecord>, StoreError>;

    /// Makes changes of the control data durable, all or none.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn change(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Bytes that were put under a name.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes everything of a tenant but its control data.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. Some may be removed by then; again is safe.
    fn remove_tenant(&self, tenant: TenantId) -> Result<(), StoreError>;

    /// Removes what is older than it has to be kept, some at a time; true if there may be more.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn prune(&self, retention: &Retention) -> Result<bool, StoreError>;

    /// How large it is.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn size(&self) -> Result<Size, StoreError>;

    /// Writes out what is only in the journal, so that the next start is quick.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. Nothing is lost: the journal has it.
    fn flush(&self) -> Result<(), StoreError>;
}
