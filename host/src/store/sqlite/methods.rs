//! The store's methods, and which room does each. Touches nothing itself.

use std::sync::Arc;

use super::Sqlite;
use crate::engine::event::Instant;
use crate::store::{
    Change, Commit, ControlRecord, Cursor, Deferred, Delivered, Due, Group, Leased, Logged, Offset,
    ReceiptRow, Recovered, Retention, Seq, Size, Store, StoreError, Stored, Suppression, TenantId,
    UserKey, Waiting, Wanted, Which,
};

impl Store for Sqlite {
    fn recover(&self, ids_since: Instant, most: usize) -> Result<Recovered, StoreError> {
        self.shared.recover(ids_since, most)
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.shared.commit(commit)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.shared.probe()
    }

    fn load(&self, keys: &[UserKey]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.shared.load(keys)
    }

    fn resolve(&self, names: &[UserKey]) -> Result<Vec<Option<Arc<str>>>, StoreError> {
        self.shared.resolve(names)
    }

    fn due(
        &self,
        until: Instant,
        after: Option<&Due>,
        most: usize,
    ) -> Result<Vec<Due>, StoreError> {
        self.shared.due(until, after, most)
    }

    fn next_due(&self) -> Result<Option<Instant>, StoreError> {
        let first = self.shared.due(Instant::MAX, None, 1)?;
        Ok(first.first().map(|due| due.at))
    }

    fn users(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Arc<str>>, StoreError> {
        self.shared.users(tenant, after, most)
    }

    fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.shared.waiting()
    }

    fn lease(
        &self,
        now: Instant,
        until: Instant,
        wanted: &[Wanted],
    ) -> Result<Vec<Leased>, StoreError> {
        self.shared.lease(now, until, wanted)
    }

    fn defer(&self, deferred: &[Deferred]) -> Result<(), StoreError> {
        self.shared.defer(deferred)
    }

    fn release(&self, tenant: TenantId, tracking: &[Arc<str>]) -> Result<(), StoreError> {
        self.shared.release(tenant, tracking)
    }

    fn resend(&self, tenant: TenantId, tracking: &str, due: Instant) -> Result<bool, StoreError> {
        self.shared.resend(tenant, tracking, due)
    }

    fn attempt(&self, tenant: TenantId, tracking: &str) -> Result<Option<Leased>, StoreError> {
        self.shared.attempt(tenant, tracking)
    }

    fn by_reference(
        &self,
        tenant: TenantId,
        channel: &str,
        reference: &str,
    ) -> Result<Option<Leased>, StoreError> {
        self.shared.by_reference(tenant, channel, reference)
    }

    fn by_address(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<Option<Leased>, StoreError> {
        self.shared.by_address(tenant, channel, address)
    }

    fn attempts(
        &self,
        tenant: TenantId,
        which: &Which<'_>,
        before: Option<(Instant, &str)>,
        most: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        self.shared.attempts(tenant, which, before, most)
    }

    fn sent_since(&self, tenant: TenantId, since: Instant) -> Result<u64, StoreError> {
        self.shared.sent_since(tenant, since)
    }

    fn suppressed(
        &self,
        addresses: &[(TenantId, Arc<str>, Arc<str>)],
    ) -> Result<Vec<Option<Suppression>>, StoreError> {
        self.shared.suppressed(addresses)
    }

    fn suppressions(
        &self,
        tenant: TenantId,
        after: Option<(&str, &str)>,
        most: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.shared.suppressions(tenant, after, most)
    }

    fn suppress(&self, tenant: TenantId, suppressed: &[Suppression]) -> Result<(), StoreError> {
        self.shared.suppress(tenant, suppressed)
    }

    fn unsuppress(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<bool, StoreError> {
        self.shared.unsuppress(tenant, channel, address)
    }

    fn receipts(&self, tenant: TenantId, tracking: &str) -> Result<Vec<ReceiptRow>, StoreError> {
        self.shared.receipts(tenant, tracking)
    }

    fn letters(
        &self,
        tenant: TenantId,
        user: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        self.shared.letters(tenant, user, after, most)
    }

    fn groups(&self, tenant: TenantId) -> Result<Vec<Group>, StoreError> {
        self.shared.groups(tenant)
    }

    fn members(
        &self,
        tenant: TenantId,
        policy: &str,
        group: &str,
        after: Option<(Seq, &str)>,
        most: usize,
    ) -> Result<Vec<(Seq, Arc<str>)>, StoreError> {
        self.shared.members(tenant, (policy, group), after, most)
    }

    fn tallies(&self, tenant: TenantId, prefix: &str) -> Result<Vec<(Arc<str>, i64)>, StoreError> {
        self.shared.tallies(tenant, prefix)
    }

    fn cursors(&self, tenant: TenantId) -> Result<Vec<Cursor>, StoreError> {
        self.shared.cursors(tenant)
    }

    fn drop_campaign(
        &self,
        tenant: TenantId,
        cursor: &str,
        tallies: &str,
    ) -> Result<(), StoreError> {
        self.shared.drop_campaign(tenant, cursor, tallies)
    }

    fn offsets(&self, tenant: TenantId, prefix: &str) -> Result<Vec<Offset>, StoreError> {
        self.shared.offsets(tenant, prefix)
    }

    fn offset(&self, tenant: TenantId, source: &str) -> Result<Option<u64>, StoreError> {
        self.shared.offset(tenant, source)
    }

    fn drop_offsets(&self, tenant: TenantId, sources: &[Arc<str>]) -> Result<(), StoreError> {
        self.shared.drop_offsets(tenant, sources)
    }

    fn log(&self, tenant: TenantId, from: Seq, most: usize) -> Result<Vec<Logged>, StoreError> {
        self.shared.logged(tenant, from, Seq(u64::MAX), most)
    }

    fn chunk(&self, tenant: TenantId, seq: Seq) -> Result<Option<Logged>, StoreError> {
        Ok(self.shared.logged(tenant, seq, seq, 1)?.pop())
    }

    fn head(&self, tenant: TenantId) -> Result<Option<(Seq, [u8; 32])>, StoreError> {
        self.shared.head(tenant)
    }

    fn redact(&self, tenant: TenantId, chunks: &[(Seq, Vec<u8>)]) -> Result<(), StoreError> {
        self.shared.redact(tenant, chunks)
    }

    fn control(&self) -> Result<Vec<ControlRecord>, StoreError> {
        self.shared.records()
    }

    fn change(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.shared.change(changes)
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.blob(name)
    }

    fn remove_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.shared.remove_tenant(tenant)
    }

    fn prune(&self, retention: &Retention) -> Result<bool, StoreError> {
        self.shared.prune(retention)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.shared.size()
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush_now()
    }
}
