//! The book: tenants, keys, policies and releases. In memory as a whole, and in the store as records, a
//! change of which is durable before anybody sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Error;
use super::campaigns::CampaignRecord;
use super::channels::ChannelRecord;
use super::core::{Core, stored};
use super::forget::ErasureRecord;
use super::keys::StoredKey;
use super::mailboxes::{ContentRecord, MailboxRecord};
use super::words::{PolicyInfo, ReleaseStatus};
use crate::store::{Change, ControlRecord, Store, TenantId};

/// The service's own records are kept under this number; tenants' numbers begin above it.
pub(super) const SERVICE: TenantId = TenantId(0);

pub(super) const TENANT: &str = "tenant";
pub(super) const KEY: &str = "key";
pub(super) const POLICY: &str = "policy";
pub(super) const RELEASE: &str = "release";
pub(super) const CHANNEL: &str = "channel";
pub(super) const ERASURE: &str = "erasure";
pub(super) const CAMPAIGN: &str = "campaign";
pub(super) const MAILBOX: &str = "mailbox";
pub(super) const CONTENT: &str = "content";

/// A tenant, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TenantRecord {
    pub(super) number: TenantId,
    pub(super) name: String,
    pub(super) suspended: bool,
    pub(super) created: i64,
    /// What tracking ids and user tokens are made with: 32 bytes, in hexadecimal.
    pub(super) secret: String,
    /// Being removed: gone for everybody, while its data still goes.
    #[serde(default)]
    pub(super) leaving: bool,
    /// All users' deadlines are to be found anew, as the rules have changed.
    #[serde(default)]
    pub(super) retime: bool,
    /// Attempts that may be accepted within a day.
    #[serde(default)]
    pub(super) daily_quota: Option<u64>,
}

/// A release, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ReleaseRecord {
    pub(super) number: u64,
    pub(super) status: ReleaseStatus,
    pub(super) reason: Option<String>,
    pub(super) created: i64,
    pub(super) activated: Option<i64>,
    /// What the name of each policy meant when the release was made.
    pub(super) pinned: Vec<Pinned>,
    pub(super) strategy: serde_json::Value,
}

/// A policy of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pinned {
    pub(super) label: String,
    pub(super) digest: String,
    pub(super) name: String,
    pub(super) version: String,
}

/// All about one tenant.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) record: TenantRecord,
    pub(super) keys: BTreeMap<String, StoredKey>,
    pub(super) policies: BTreeMap<String, PolicyInfo>,
    pub(super) releases: BTreeMap<u64, ReleaseRecord>,
    pub(super) channels: BTreeMap<String, ChannelRecord>,
    pub(super) campaigns: BTreeMap<u64, CampaignRecord>,
    /// Erasures that are not over.
    pub(super) erasures: BTreeMap<String, ErasureRecord>,
    pub(super) mailboxes: BTreeMap<String, MailboxRecord>,
    /// What is in all of them, oldest first.
    pub(super) contents: BTreeMap<u64, Arc<ContentRecord>>,
}

impl Account {
    pub(super) fn active(&self) -> Option<&ReleaseRecord> {
        self.releases.values().find(|release| release.status == ReleaseStatus::Active)
    }

    /// The release that was active before, if one was and did not fault.
    pub(super) fn before(&self) -> Option<&ReleaseRecord> {
        let retired = |release: &&ReleaseRecord| release.status == ReleaseStatus::Retired;
        self.releases.values().filter(retired).max_by_key(|r| (r.activated, r.number))
    }
}

/// The book.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    accounts: BTreeMap<String, Account>,
    /// Keys of the service itself.
    pub(super) admins: BTreeMap<String, StoredKey>,
    /// Whose each tenant's key is.
    owners: BTreeMap<String, String>,
    greatest: u32,
}

impl Book {
    /// Reads the book from the store.
    pub(super) fn load(store: &dyn Store) -> Result<Book, Error> {
        let mut book = Book::default();
        let mut records = store.control().map_err(stored)?;
        // Tenants first: the rest is about them.
        records.sort_by_key(|record| record.kind != TENANT);
        for record in records {
            book.apply(&record)?;
        }
        Ok(book)
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().filter(|account| !account.record.leaving)
    }

    /// Tenants whose removal has begun and was not finished.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().filter(|account| account.record.leaving)
    }

    pub(super) fn tenant(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name).filter(|account| !account.record.leaving)
    }

    /// Whether the name is in use, be it by a tenant that is leaving.
    pub(super) fn has(&self, name: &str) -> bool {
        self.accounts.contains_key(name)
    }

    pub(super) fn owner_of_key(&self, id: &str) -> Option<&Account> {
        self.owners.get(id).and_then(|name| self.tenant(name))
    }

    /// A number that no tenant has or had.
    pub(super) fn next_number(&self) -> TenantId {
        TenantId(self.greatest.saturating_add(1))
    }

    /// Whether some tenant still has the policy.
    pub(super) fn needs(&self, digest: &str) -> bool {
        let pinned = |account: &Account| {
            account.releases.values().any(|r| r.pinned.iter().any(|pinned| pinned.digest == digest))
        };
        self.accounts.values().any(|a| a.policies.contains_key(digest) || pinned(a))
    }

    fn by_number(&mut self, number: TenantId) -> Option<&mut Account> {
        self.accounts.values_mut().find(|account| account.record.number == number)
    }

    fn apply(&mut self, record: &ControlRecord) -> Result<(), Error> {
        match record.kind.as_str() {
            TENANT => {
                let tenant: TenantRecord = read(record)?;
                self.greatest = self.greatest.max(tenant.number.0);
                match self.accounts.get_mut(&tenant.name) {
                    Some(account) => account.record = tenant,
                    None => {
                        let account = Account {
                            record: tenant.clone(),
                            keys: BTreeMap::new(),
                            policies: BTreeMap::new(),
                            releases: BTreeMap::new(),
                            channels: BTreeMap::new(),
                            campaigns: BTreeMap::new(),
                            erasures: BTreeMap::new(),
                            mailboxes: BTreeMap::new(),
                            contents: BTreeMap::new(),
                        };
                        self.accounts.insert(tenant.name, account);
                    }
                }
            }
            GREATEST => self.greatest = self.greatest.max(read(record)?),
            KEY if record.tenant == SERVICE => {
                let key: StoredKey = read(record)?;
                self.admins.insert(key.id.clone(), key);
            }
            KEY => {
                let key: StoredKey = read(record)?;
                let Some(account) = self.by_number(record.tenant) else { return Ok(()) };
                account.keys.insert(key.id.clone(), key.clone());
                let name = account.record.name.clone();
                self.owners.insert(key.id, name);
            }
            POLICY => {
                let policy: PolicyInfo = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.policies.insert(policy.digest.clone(), policy);
                }
            }
            RELEASE => {
                let release: ReleaseRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.releases.insert(release.number, release);
                }
            }
            CHANNEL => {
                let channel: ChannelRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.channels.insert(channel.name.clone(), channel);
                }
            }
            CAMPAIGN => {
                let campaign: CampaignRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.campaigns.insert(campaign.number, campaign);
                }
            }
            ERASURE => {
                let erasure: ErasureRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.erasures.insert(erasure.id.clone(), erasure);
                }
            }
            MAILBOX => {
                let mailbox: MailboxRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.mailboxes.insert(mailbox.name.clone(), mailbox);
                }
            }
            CONTENT => {
                let content: ContentRecord = read(record)?;
                if let Some(account) = self.by_number(record.tenant) {
                    account.contents.insert(content.id, Arc::new(content));
                }
            }
            // A later version may know more.
            other => tracing::warn!("a control record of an unknown kind: {other}"),
        }
        Ok(())
    }

    fn remove(&mut self, kind: &str, tenant: TenantId, id: &str) {
        match kind {
            TENANT => {
                if let Some(account) = self.accounts.remove(id) {
                    account.keys.keys().for_each(|key| {
                        self.owners.remove(key);
                    });
                }
            }
            KEY => {
                self.admins.remove(id);
                self.owners.remove(id);
                if let Some(account) = self.by_number(tenant) {
                    account.keys.remove(id);
                }
            }
            POLICY => {
                if let Some(account) = self.by_number(tenant) {
                    account.policies.remove(id);
                }
            }
            CHANNEL => {
                if let Some(account) = self.by_number(tenant) {
                    account.channels.remove(id);
                }
            }
            ERASURE => {
                if let Some(account) = self.by_number(tenant) {
                    account.erasures.remove(id);
                }
            }
            CAMPAIGN => {
                if let (Some(account), Ok(number)) = (self.by_number(tenant), id.parse::<u64>()) {
                    account.campaigns.remove(&number);
                }
            }
            MAILBOX => {
                if let Some(account) = self.by_number(tenant) {
                    account.mailboxes.remove(id);
                }
            }
            CONTENT => {
                if let (Some(account), Ok(id)) = (self.by_number(tenant), id.parse::<u64>()) {
                    account.contents.remove(&id);
                }
            }
            RELEASE => {
                if let (Some(account), Ok(number)) = (self.by_number(tenant), id.parse::<u64>()) {
                    account.releases.remove(&number);
                }
            }
            _ => {}
        }
    }
}

/// The greatest number that a tenant ever had: it must not be given again.
pub(super) const GREATEST: &str = "greatest-tenant";

fn read<T: DeserializeOwned>(record: &ControlRecord) -> Result<T, Error> {
    serde_json::from_str(&record.body).map_err(|error| {
        Error::Unavailable(format!("the record {} {} is damaged: {error}", record.kind, record.id))
    })
}

/// A record to be kept.
pub(super) fn put(
    kind: &str,
    tenant: TenantId,
    id: impl ToString,
    body: &impl Serialize,
) -> Result<Change, Error> {
    let body = serde_json::to_string(body)
        .map_err(|error| Error::Unavailable(format!("a record cannot be written: {error}")))?;
    Ok(Change::Put(ControlRecord { kind: kind.to_owned(), tenant, id: id.to_string(), body }))
}

/// A record to be removed.
pub(super) fn remove(kind: &str, tenant: TenantId, id: impl ToString) -> Change {
    Change::Remove { kind: kind.to_owned(), tenant, id: id.to_string() }
}

impl Core {
    /// Makes changes durable and then visible. The caller holds `changing`.
    pub(super) fn change(&self, changes: &[Change]) -> Result<(), Error> {
        self.store.change(changes).map_err(stored)?;
        let mut book = self.book.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for change in changes {
            match change {
                Change::Put(record) => book.apply(record)?,
                Change::Remove { kind, tenant, id } => book.remove(kind, *tenant, id),
                Change::PutBlob { .. } | Change::RemoveBlob { .. } => {}
            }
        }
        Ok(())
    }
}
