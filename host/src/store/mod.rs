//! The store: what a service remembers. One trait, in batches; the rooms behind it are the only ones
//! that name a database. Users' states are bytes here, and decisions are lines: what they mean is the
//! service's business. The cache of states and the window of message ids live above the trait, once for
//! every engine.

mod audience;
mod rows;
pub mod sqlite;

use std::sync::Arc;

pub use self::audience::*;
pub use self::rows::*;
use crate::engine::event::Instant;

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

    /// Tenants and channels with attempts that are not settled, in that order, and when the first of each
    /// is due. Costs nothing for what waits behind the first.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn waiting(&self) -> Result<Vec<Waiting>, StoreError>;

    /// Leases attempts that are due at `now`, those first that have been due for longest, until `until`.
    /// A lease is durable before it is given. Each attempt has the `due` that it had before.
    ///
    /// After the clock was set back, leases that end more than twice as late as one given now count as
    /// ended, of whatever tenant and channel: nobody waits for the clock to catch up.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. If some were leased before an error, they are given, and there is none.
    fn lease(
        &self,
        now: Instant,
        until: Instant,
        wanted: &[Wanted],
    ) -> Result<Vec<Leased>, StoreError>;

    /// Puts off attempts that were tried and did not succeed: their leases end, and each counts a try
    /// more. One that is settled stays as it is.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. Some may be put off by then.
    fn defer(&self, deferred: &[Deferred]) -> Result<(), StoreError>;

    /// Gives leases back, as if nothing had been tried: the attempts are due since they were decided.
    /// One that is not leased stays as it is.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn release(&self, tenant: TenantId, tracking: &[Arc<str>]) -> Result<(), StoreError>;

    /// Lets an attempt that ended as `failed` or `refused` wait again, as if it had never been tried;
    /// false if it is not such a one.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn resend(&self, tenant: TenantId, tracking: &str, due: Instant) -> Result<bool, StoreError>;

    /// Looks an attempt up by its tracking id.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn attempt(&self, tenant: TenantId, tracking: &str) -> Result<Option<Leased>, StoreError>;

    /// Looks an attempt up by what the provider calls it; the latest, if it calls several so.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn by_reference(
        &self,
        tenant: TenantId,
        channel: &str,
        reference: &str,
    ) -> Result<Option<Leased>, StoreError>;

    /// The latest attempt that goes to an address.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn by_address(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<Option<Leased>, StoreError>;

    /// A tenant's attempts, newest first, before the moment and tracking id `before`, at most `most` of
    /// them.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn attempts(
        &self,
        tenant: TenantId,
        which: &Which<'_>,
        before: Option<(Instant, &str)>,
        most: usize,
    ) -> Result<Vec<Leased>, StoreError>;

    /// How many of a tenant's attempts were accepted at `since` or later, those left out that are
    /// removed by now. Reads an entry for each.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn sent_since(&self, tenant: TenantId, since: Instant) -> Result<u64, StoreError>;

    /// Whether nothing is to be sent to addresses (tenant, channel, address), in their order.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn suppressed(
        &self,
        addresses: &[(TenantId, Arc<str>, Arc<str>)],
    ) -> Result<Vec<Option<Suppression>>, StoreError>;

    /// A tenant's suppressed addresses, by channel and address, after those named, at most `most`.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn suppressions(
        &self,
        tenant: TenantId,
        after: Option<(&str, &str)>,
        most: usize,
    ) -> Result<Vec<Suppression>, StoreError>;

    /// Suppresses addresses. One that is known has the new reason.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. Some may be suppressed by then; again is safe.
    fn suppress(&self, tenant: TenantId, suppressed: &[Suppression]) -> Result<(), StoreError>;

    /// Lets an address be sent to again; false if it was not suppressed.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn unsuppress(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<bool, StoreError>;

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

    /// A tenant's groups that have members or had some, by policy and name, with exact counts. Costs the
    /// same however many members there are.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn groups(&self, tenant: TenantId) -> Result<Vec<Group>, StoreError>;

    /// A group's members in the order in which they joined, by chunk and then by name, after the one
    /// named, at most `most` of them. Whoever leaves and joins again comes again at the end. Nobody is
    /// in a group that there is not.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn members(
        &self,
        tenant: TenantId,
        policy: &str,
        group: &str,
        after: Option<(Seq, &str)>,
        most: usize,
    ) -> Result<Vec<(Seq, Arc<str>)>, StoreError>;

    /// A tenant's counts whose names begin with `prefix`, by name; all of them if it is empty. Reads no
    /// others.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn tallies(&self, tenant: TenantId, prefix: &str) -> Result<Vec<(Arc<str>, i64)>, StoreError>;

    /// Where a tenant's campaigns have got to, by name.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn cursors(&self, tenant: TenantId) -> Result<Vec<Cursor>, StoreError>;

    /// Removes a campaign that is no more: the cursor named `cursor`, and the counts whose names begin
    /// with `tallies`, all or none. End the prefix as no other campaign's name goes on; an empty one is
    /// every count of the tenant.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn drop_campaign(
        &self,
        tenant: TenantId,
        cursor: &str,
        tallies: &str,
    ) -> Result<(), StoreError>;

    /// How far a tenant's sources have been read whose names begin with `prefix`, by name; all of them
    /// if it is empty.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn offsets(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Offset>, StoreError>;

    /// How far one source has been read; none if it was not.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn offset(&self, tenant: TenantId, source: &str) -> Result<Option<u64>, StoreError>;

    /// Forgets how far sources have been read, all or none. They need not be known.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn drop_offsets(&self, tenant: TenantId, sources: &[Arc<str>]) -> Result<(), StoreError>;

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

    /// The head of a tenant's chain of hashes, and the chunk it is of; none if nothing was chained.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`].
    fn head(&self, tenant: TenantId) -> Result<Option<(Seq, [u8; 32])>, StoreError>;

    /// Puts other lines in the place of those of a tenant's chunks, all or none, and overwrites what was
    /// there. A chunk that is gone is left out; the chain stays as it was.
    ///
    /// # Errors
    ///
    /// See [`Store::recover`]. A damaged chunk is not redacted, and no other is then.
    fn redact(&self, tenant: TenantId, chunks: &[(Seq, Vec<u8>)]) -> Result<(), StoreError>;

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
