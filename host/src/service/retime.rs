//! When rules change, the deadlines of users who wait under the old ones are found anew: everybody has a
//! turn, some at a time, under the new release. A restart in between begins again; a second turn changes
//! nothing.

use std::sync::Arc;

use super::book::{TENANT, TenantRecord, put};
use super::core::{Core, MOST_WAKES, stored};
use super::lane::lock;
use super::{Error, TenantName};

/// Users that are woken in one go.
const PAGE: usize = 1_000;

/// How far it has got with a tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Retiming {
    after: Option<Arc<str>>,
    /// Everybody was woken; their turns may not be over.
    all: bool,
}

impl Core {
    /// Begins again with a tenant: its rules have changed once more. The caller holds `changing`.
    pub(super) fn retime_anew(&self, tenant: &TenantRecord) {
        lock(&self.retiming).remove(&tenant.number);
    }

    /// Goes on with all tenants whose rules have changed; true if it is to be called again soon.
    pub(super) fn retime(&self) -> Result<bool, Error> {
        let wanted: Vec<TenantRecord> = self.read_book(|book| {
            let tenants = book.tenants().map(|account| &account.record);
            tenants.filter(|tenant| tenant.retime && !tenant.suspended).cloned().collect()
        });
        for tenant in &wanted {
            self.retime_tenant(tenant)?;
        }
        Ok(!wanted.is_empty())
    }

    fn retime_tenant(&self, tenant: &TenantRecord) -> Result<(), Error> {
        let name = TenantName::known(&tenant.name);
        let Some(lane) = self.lane(&name) else { return Ok(()) };
        // A release that is to be at work and is not has nobody's deadlines.
        let waits = self.account(&name)?.active().is_some() && lane.live().is_none();
        if waits {
            return Ok(());
        }
        let so_far = lock(&self.retiming).entry(tenant.number).or_default().clone();
        let wakes = lane.wakes();
        if so_far.all && wakes == 0 {
            let _changing = lock(&self.changing);
            // If it was begun anew in between, there is nothing to be ended.
            let over = lock(&self.retiming).get(&tenant.number).is_some_and(|now| now.all);
            if over {
                lock(&self.retiming).remove(&tenant.number);
                let record = TenantRecord { retime: false, ..self.account(&name)?.record };
                self.change(&[put(TENANT, tenant.number, &tenant.name, &record)?])?;
            }
            return Ok(());
        }
        // Newcomers of a batch under way are in no list before it is stored.
        if so_far.all || wakes + PAGE > MOST_WAKES || lane.is_outdated() {
            return Ok(());
        }
        let after = so_far.after.as_deref();
        let users = self.store.users(tenant.number, after, PAGE).map_err(stored)?;
        for user in &users {
            lane.wake(user);
        }
        let mut retiming = lock(&self.retiming);
        // A place in a list that was begun anew in between would be the wrong one.
        if let Some(now) = retiming.get_mut(&tenant.number).filter(|now| now.after == so_far.after)
        {
            now.all = users.len() < PAGE;
            now.after = users.into_iter().next_back().or(so_far.after);
        }
        Ok(())
    }
}
