//! A store that fails when it is told to.

use std::sync::{Arc, Mutex};

use crate::engine::event::Instant;
use crate::service::lane::lock;
use crate::store::{
    Change, Commit, ControlRecord, Delivered, Due, Leased, Logged, ReceiptRow, Recovered,
    Retention, Seq, Size, Store, StoreError, Stored, TenantId, UserKey,
};

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is stored.
    Stored,
    /// It is not.
    Refused,
    /// There is no room for it.
    Full,
    /// It is stored, and nobody hears of it.
    Unheard,
}

pub(super) struct Faulty {
    pub(super) inner: Arc<dyn Store>,
    pub(super) fate: Mutex<Fate>,
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
        let fate = std::mem::replace(&mut *lock(&self.fate), Fate::Stored);
        match fate {
            Fate::Stored => self.inner.commit(commit),
            Fate::Refused => Err(StoreError::Failed("refused".to_owned())),
            Fate::Full => Err(StoreError::Full("full".to_owned())),
            Fate::Unheard => {
                self.inner.commit(commit)?;
                Err(StoreError::Failed("unheard".to_owned()))
            }
        }
    }

    as_it_is! {
        recover(since: Instant, most: usize) -> Recovered;
        probe() -> ();
        load(keys: &[UserKey]) -> Vec<Option<Stored>>;
        resolve(names: &[UserKey]) -> Vec<Option<Arc<str>>>;
        due(until: Instant, after: Option<&Due>, most: usize) -> Vec<Due>;
        next_due() -> Option<Instant>;
        users(tenant: TenantId, after: Option<&str>, most: usize) -> Vec<Arc<str>>;
        lease(now: Instant, until: Instant, most: usize, fair: usize) -> Vec<Leased>;
        release(tenant: TenantId, tracking: &[Arc<str>]) -> ();
        attempt(tenant: TenantId, tracking: &str) -> Option<Leased>;
        attempts(
            tenant: TenantId,
            user: Option<&str>,
            before: Option<(Instant, &str)>,
            most: usize
        ) -> Vec<Leased>;
        receipts(tenant: TenantId, tracking: &str) -> Vec<ReceiptRow>;
        letters(tenant: TenantId, user: &str, after: Option<u64>, most: usize) -> Vec<Delivered>;
        log(tenant: TenantId, from: Seq, most: usize) -> Vec<Logged>;
        chunk(tenant: TenantId, seq: Seq) -> Option<Logged>;
        control() -> Vec<ControlRecord>;
        change(changes: &[Change]) -> ();
        blob(name: &str) -> Option<Vec<u8>>;
        remove_tenant(tenant: TenantId) -> ();
        prune(retention: &Retention) -> bool;
        size() -> Size;
        flush() -> ();
    }
}
