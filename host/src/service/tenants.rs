//! Tenants and their keys: who may ask, and for whom.

use std::sync::Arc;
use std::time::Duration;

use super::book::{
    CHANNEL, ERASURE, GREATEST, KEY, POLICY, RELEASE, SERVICE, TENANT, TenantRecord, put, remove,
};
use super::core::{Core, stored};
use super::keys::{Key, KeyError, Presented, StoredKey};
use super::lane::{Input, Lane, lock};
use super::release::no_tenant;
use super::ticket::Failed;
use super::words::{CreatedKey, KeyInfo, KeyScope, NewKey, NewTenant, Tenant, TenantChange};
use super::{Caller, Error, TenantName};
use crate::store::Change;

/// Keys of a tenant.
const MOST_KEYS: usize = 100;

/// Characters of a key's name.
const MOST_NAME: usize = 100;

/// How long a removal waits for a batch that is under way.
const PATIENCE: Duration = Duration::from_secs(30);

impl Core {
    /// Who presents this key, if it is one.
    pub(super) fn caller(&self, presented: Option<Presented>) -> Result<Caller, Error> {
        const UNKNOWN: Error = Error::Unauthorized("the key is not known here, or was revoked");
        let presented = presented.ok_or(Error::Unauthorized(
            "there is no key: send one as `Authorization: Bearer nk_…`, or as the user of Basic",
        ))?;
        self.read_book(|book| {
            if let Some(key) = book.admins.get(presented.id()) {
                let caller = Caller { tenant: None, scope: key.scope, key: key.id.clone() };
                return if key.verify(&presented) { Ok(caller) } else { Err(UNKNOWN) };
            }
            let account = book.owner_of_key(presented.id()).ok_or(UNKNOWN)?;
            let key = account.keys.get(presented.id()).ok_or(UNKNOWN)?;
            if !key.verify(&presented) {
                return Err(UNKNOWN);
            }
            if account.record.suspended {
                return Err(Error::Forbidden("the tenant is suspended".to_owned()));
            }
            let tenant = Some(TenantName::known(&account.record.name));
            Ok(Caller { tenant, scope: key.scope, key: key.id.clone() })
        })
    }

    /// All tenants, by name.
    pub(super) fn tenants(&self) -> Vec<Tenant> {
        self.read_book(|book| book.tenants().map(|account| told(&account.record)).collect())
    }

    /// Adds a tenant.
    pub(super) fn create_tenant(&self, new: &NewTenant) -> Result<Tenant, Error> {
        check_name(&new.name)?;
        let _changing = lock(&self.changing);
        let (taken, number) = self.read_book(|book| (book.has(&new.name), book.next_number()));
        if taken {
            let leaves = self.read_book(|book| book.tenant(&new.name).is_none());
            return Err(Error::Conflict(match leaves {
                true => {
                    format!("the removal of tenant {:?} is not over: try again later", new.name)
                }
                false => format!("there is a tenant {:?} already", new.name),
            }));
        }
        let record = TenantRecord {
            number,
            name: new.name.clone(),
            suspended: false,
            created: self.clock.now().0,
            secret: secret()?,
            leaving: false,
            retime: false,
            daily_quota: None,
        };
        self.change(&[
            put(GREATEST, SERVICE, GREATEST, &number.0)?,
            put(TENANT, number, &record.name, &record)?,
        ])?;
        self.open_lane(number, &TenantName::known(&record.name));
        Ok(told(&record))
    }

    /// Suspends a tenant or takes it up again, and sets what it may send.
    pub(super) fn change_tenant(
        &self,
        tenant: &TenantName,
        change: &TenantChange,
    ) -> Result<Tenant, Error> {
        let _changing = lock(&self.changing);
        let record = self.account(tenant)?.record;
        let suspended = change.suspended.unwrap_or(record.suspended);
        let quota = change.daily_quota.map(|most| Some(most).filter(|most| *most > 0));
        let daily_quota = quota.unwrap_or(record.daily_quota);
        // Timers that came due meanwhile are found by the turn that everybody has then.
        let retime = record.retime || (record.suspended && !suspended);
        let record = TenantRecord { suspended, retime, daily_quota, ..record };
        self.change(&[put(TENANT, record.number, &record.name, &record)?])?;
        if let Some(lane) = self.lane(tenant) {
            lock(&lane.queue).suspended = suspended;
        }
        Ok(told(&record))
    }

    /// Removes a tenant with everything that is its.
    pub(super) fn delete_tenant(&self, tenant: &TenantName) -> Result<(), Error> {
        {
            let _changing = lock(&self.changing);
            let record = TenantRecord { leaving: true, ..self.account(tenant)?.record };
            // From here on nobody knows it, and a restart goes on with its removal.
            self.change(&[put(TENANT, record.number, &record.name, &record)?])?;
        }
        if let Some(lane) = self.close_lane(tenant) {
            give_up(&lane);
            let started = std::time::Instant::now();
            while !lane.is_idle() && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
                give_up(&lane);
            }
        }
        self.finish_leaving()
    }

    /// Removes what is left of tenants that are leaving.
    pub(super) fn finish_leaving(&self) -> Result<(), Error> {
        let _leaving = lock(&self.leaving);
        let leaving: Vec<_> = self.read_book(|book| book.leaving().cloned().collect());
        for account in leaving {
            let record = &account.record;
            self.store.remove_tenant(record.number).map_err(stored)?;
            let _changing = lock(&self.changing);
            let number = record.number;
            let mut changes: Vec<Change> = Vec::new();
            changes.extend(account.keys.keys().map(|key| remove(KEY, number, key)));
            changes.extend(account.policies.keys().map(|digest| remove(POLICY, number, digest)));
            changes.extend(account.releases.keys().map(|release| remove(RELEASE, number, release)));
            changes.extend(account.channels.keys().map(|name| remove(CHANNEL, number, name)));
            changes.extend(account.erasures.keys().map(|id| remove(ERASURE, number, id)));
            changes.extend(super::mailboxes::removals(&account));
            changes.push(remove(TENANT, number, &record.name));
            self.change(&changes)?;
            let pinned = account.releases.values().flat_map(|release| &release.pinned);
            let digests = account.policies.keys().chain(pinned.map(|pinned| &pinned.digest));
            self.drop_components(digests.cloned())?;
        }
        Ok(())
    }

    /// A tenant's keys.
    pub(super) fn keys(&self, tenant: &TenantName) -> Result<Vec<KeyInfo>, Error> {
        let mut keys: Vec<KeyInfo> = self.account(tenant)?.keys.values().map(key_info).collect();
        keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(keys)
    }

    /// Adds a key.
    pub(super) fn create_key(
        &self,
        tenant: &TenantName,
        new: &NewKey,
    ) -> Result<CreatedKey, Error> {
        if new.scope == KeyScope::Admin {
            return Err(Error::invalid("a tenant's key has the scope `ingest` or `manage`"));
        }
        if new.name.chars().count() > MOST_NAME || new.name.chars().any(char::is_control) {
            return Err(Error::invalid(format!("a key's name has at most {MOST_NAME} characters")));
        }
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if account.keys.len() >= MOST_KEYS {
            return Err(Error::Conflict(format!("the tenant has {MOST_KEYS} keys: revoke one")));
        }
        let now = self.clock.now().0;
        let (key, kept) =
            Key::generate(Some(tenant.as_str()), new.scope, &new.name, now).map_err(no_key)?;
        self.change(&[put(KEY, account.record.number, &kept.id, &kept)?])?;
        Ok(CreatedKey { info: key_info(&kept), key: key.reveal().to_owned() })
    }

    /// Revokes a key, from the next request on.
    pub(super) fn revoke_key(&self, tenant: &TenantName, id: &str) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if !account.keys.contains_key(id) {
            return Err(Error::NotFound(format!("key {id:?}")));
        }
        self.change(&[remove(KEY, account.record.number, id)])
    }

    /// An admin key, if there is none so far: what the first start shows.
    pub(super) fn first_key(&self) -> Result<Option<String>, Error> {
        let _changing = lock(&self.changing);
        if self.read_book(|book| !book.admins.is_empty()) {
            return Ok(None);
        }
        self.admin_key("first").map(Some)
    }

    /// Another admin key.
    pub(super) fn new_admin_key(&self) -> Result<String, Error> {
        let _changing = lock(&self.changing);
        self.admin_key("another")
    }

    fn admin_key(&self, name: &str) -> Result<String, Error> {
        let now = self.clock.now().0;
        let (key, kept) = Key::generate(None, KeyScope::Admin, name, now).map_err(no_key)?;
        self.change(&[put(KEY, SERVICE, &kept.id, &kept)?])?;
        Ok(key.reveal().to_owned())
    }
}

/// Whoever waits for a lane that is no more is told so.
fn give_up(lane: &Arc<Lane>) {
    let failed = Failed::Unavailable(no_tenant(&lane.name).to_string());
    for input in lane.drain() {
        if let Input::Item { ticket, .. }
        | Input::Mark { ticket, .. }
        | Input::Receipt { ticket, .. }
        | Input::Erase { ticket, .. } = input
        {
            ticket.settle(1, Err(failed.clone()));
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 63 || name.starts_with('-') || !name.chars().all(fits) {
        return Err(Error::invalid(
            "a tenant's name has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a \
             hyphen",
        ));
    }
    Ok(())
}

fn told(record: &TenantRecord) -> Tenant {
    Tenant {
        name: record.name.clone(),
        suspended: record.suspended,
        created: record.created,
        daily_quota: record.daily_quota,
    }
}

fn key_info(key: &StoredKey) -> KeyInfo {
    KeyInfo { id: key.id.clone(), name: key.name.clone(), scope: key.scope, created: key.created }
}

fn no_key(error: KeyError) -> Error {
    Error::Unavailable(error.to_string())
}

pub(super) fn secret() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Unavailable(format!("there are no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
