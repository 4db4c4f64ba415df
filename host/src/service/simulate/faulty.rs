//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::engine::event::Instant;
use crate::service::lane::lock;
use crate::store::{
    Change, Commit, ControlRecord, Cursor, Deferred, Delivered, Due, Group, Leased, Logged, Offset,
    ReceiptRow, Recovered, Retention, Seq, Size, Store, StoreError, Stored, Suppression, TenantId,
    UserKey, Waiting, Wanted, Which,
};

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is stored.
    Stored,
    /// It is not.
    Refused,
    /// There is no room for it.
    Full,
    /// It is stored, and nobody hears of it.
    Unheard,
    /// It is stored, nobody hears of it, and nobody can find out.
    InDoubt,
}

pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn Store>,
    /// What becomes of the next commit; those after it are stored.
    pub(crate) fate: Mutex<Fate>,
    /// Events for which there is room.
    room: AtomicU64,
    panics: AtomicBool,
    deaf: AtomicBool,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Faulty {
        let (fate, room) = (Mutex::new(Fate::Stored), AtomicU64::new(u64::MAX));
        let (panics, deaf) = (AtomicBool::new(false), AtomicBool::new(false));
        Faulty { inner, fate, room, panics, deaf }
    }

    /// From now on there is room for so many events; without any, for nothing at all.
    pub(crate) fn set_room(&self, events: u64) {
        self.room.store(events, Ordering::SeqCst);
    }

    /// Whoever next asks how large it is has a panic.
    pub(crate) fn panic(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    fn has_room(&self) -> Result<u64, StoreError> {
        match self.room.load(Ordering::SeqCst) {
            0 => Err(StoreError::Full("no room at all".to_owned())),
            room => Ok(room),
        }
    }
}

macro_rules! as_it_is {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
            self.inner.$name($($argument),*)
        })*
    };
}

impl Store for Faulty {
    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let room = self.has_room()?;
        let events = commit.chunks.iter().map(|chunk| u64::from(chunk.events)).sum();
        let left = room.checked_sub(events);
        let left = left.ok_or_else(|| StoreError::Full("too little room".to_owned()))?;
        let fate = std::mem::replace(&mut *lock(&self.fate), Fate::Stored);
        match fate {
            Fate::Stored => self.inner.commit(commit)?,
            Fate::Refused => return Err(StoreError::Failed("refused".to_owned())),
            Fate::Full => return Err(StoreError::Full("full".to_owned())),
            Fate::Unheard | Fate::InDoubt => {
                self.inner.commit(commit)?;
                self.deaf.store(fate == Fate::InDoubt, Ordering::SeqCst);
                return Err(StoreError::Failed("unheard".to_owned()));
            }
        }
        if room != u64::MAX {
            self.room.store(left, Ordering::SeqCst);
        }
        Ok(())
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.has_room()?;
        self.inner.probe()
    }

    fn change(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.has_room()?;
        self.inner.change(changes)
    }

    fn chunk(&self, tenant: TenantId, seq: Seq) -> Result<Option<Logged>, StoreError> {
        if self.deaf.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Failed("deaf".to_owned()));
        }
        self.inner.chunk(tenant, seq)
    }

    fn size(&self) -> Result<Size, StoreError> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "it was told to");
        self.inner.size()
    }

    as_it_is! {
        recover(since: Instant, most: usize) -> Recovered;
        load(keys: &[UserKey]) -> Vec<Option<Stored>>;
        resolve(names: &[UserKey]) -> Vec<Option<Arc<str>>>;
        due(until: Instant, after: Option<&Due>, most: usize) -> Vec<Due>;
        next_due() -> Option<Instant>;
        users(tenant: TenantId, after: Option<&str>, most: usize) -> Vec<Arc<str>>;
        waiting() -> Vec<Waiting>;
        lease(now: Instant, until: Instant, wanted: &[Wanted]) -> Vec<Leased>;
        defer(deferred: &[Deferred]) -> ();
        release(tenant: TenantId, tracking: &[Arc<str>]) -> ();
        resend(tenant: TenantId, tracking: &str, due: Instant) -> bool;
        attempt(tenant: TenantId, tracking: &str) -> Option<Leased>;
        by_reference(tenant: TenantId, channel: &str, reference: &str) -> Option<Leased>;
        by_address(tenant: TenantId, channel: &str, address: &str) -> Option<Leased>;
        attempts(
            tenant: TenantId,
            which: &Which<'_>,
            before: Option<(Instant, &str)>,
            most: usize
        ) -> Vec<Leased>;
        sent_since(tenant: TenantId, since: Instant) -> u64;
        suppressed(addresses: &[(TenantId, Arc<str>, Arc<str>)]) -> Vec<Option<Suppression>>;
        suppressions(
            tenant: TenantId,
            after: Option<(&str, &str)>,
            most: usize
        ) -> Vec<Suppression>;
        suppress(tenant: TenantId, suppressed: &[Suppression]) -> ();
        unsuppress(tenant: TenantId, channel: &str, address: &str) -> bool;
        receipts(tenant: TenantId, tracking: &str) -> Vec<ReceiptRow>;
        letters(tenant: TenantId, user: &str, after: Option<u64>, most: usize) -> Vec<Delivered>;
        groups(tenant: TenantId) -> Vec<Group>;
        members(
            tenant: TenantId,
            policy: &str,
            group: &str,
            after: Option<(Seq, &str)>,
            most: usize
        ) -> Vec<(Seq, Arc<str>)>;
        tallies(tenant: TenantId, prefix: &str) -> Vec<(Arc<str>, i64)>;
        cursors(tenant: TenantId) -> Vec<Cursor>;
        drop_campaign(tenant: TenantId, cursor: &str, tallies: &str) -> ();
        offsets(tenant: TenantId, prefix: &str) -> Vec<Offset>;
        offset(tenant: TenantId, source: &str) -> Option<u64>;
        drop_offsets(tenant: TenantId, sources: &[Arc<str>]) -> ();
        log(tenant: TenantId, from: Seq, most: usize) -> Vec<Logged>;
        head(tenant: TenantId) -> Option<(Seq, [u8; 32])>;
        redact(tenant: TenantId, chunks: &[(Seq, Vec<u8>)]) -> ();
        control() -> Vec<ControlRecord>;
        blob(name: &str) -> Option<Vec<u8>>;
        remove_tenant(tenant: TenantId) -> ();
        prune(retention: &Retention) -> bool;
        flush() -> ();
    }
}
