//! Tenants' mailboxes: texts and files that messages are composed with, sent in by mail or uploaded. What is known
//! of them is in the book; what is in them is in the store, each run of bytes under its hash, once for each tenant
//! that has it.

mod contents;
mod doors;
mod files;
mod post;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::book::{Account, CONTENT, MAILBOX, put, remove};
use super::core::Core;
use super::lane::lock;
use super::words::{MailboxInfo, NewMailbox};
use super::{Error, TenantName};
use crate::mailbox::mime::File;
use crate::sandbox::Issue;
use crate::store::{Change, TenantId};

pub use files::ContentFile;

/// Mailboxes of a tenant.
const MOST: usize = 50;

/// Senders of a mailbox.
const MOST_SENDERS: usize = 100;

/// Characters of an address before the `@` (RFC 5321, 4.5.3.1.1).
const LOCAL_PART: usize = 64;

/// A mailbox, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MailboxRecord {
    pub(super) name: String,
    senders: Vec<String>,
    #[serde(default)]
    max_bytes: Option<usize>,
    created: i64,
    changed: i64,
}

/// What is in a mailbox, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContentRecord {
    pub(super) id: u64,
    pub(super) mailbox: String,
    subject: String,
    #[serde(default)]
    text: Option<Kept>,
    files: Vec<FileRecord>,
    #[serde(default)]
    from: Option<String>,
    at: i64,
    sha256: String,
}

/// Bytes that are kept under their hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    sha256: String,
    bytes: u64,
}

/// A file, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileRecord {
    name: String,
    media_type: String,
    #[serde(flatten)]
    kept: Kept,
}

/// Something to be put into a mailbox.
#[derive(Clone, Default)]
pub struct NewContent {
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Its files.
    pub files: Vec<File>,
}

/// Without what it says.
impl std::fmt::Debug for NewContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewContent").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl MailboxRecord {
    /// Whether mail from this address is wanted. Case makes no difference, as people write it as they like.
    fn wants(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        let Some((local, domain)) = address.rsplit_once('@') else { return false };
        let whole = !local.is_empty() && !domain.is_empty();
        whole
            && self.senders.iter().any(|sender| match sender.strip_prefix("*@") {
                Some(any) => any == domain,
                None => *sender == address,
            })
    }
}

impl ContentRecord {
    /// All bytes that it needs.
    fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.text.iter().chain(self.files.iter().map(|file| &file.kept))
    }
}

/// Under which name bytes are kept.
fn blob(tenant: TenantId, sha256: &str) -> String {
    format!("content/{}/{sha256}", tenant.0)
}

/// The bytes that a tenant's contents need: hashes and lengths.
fn needed(account: &Account) -> BTreeMap<&str, u64> {
    let all = account.contents.values().flat_map(|content| content.kept());
    all.map(|kept| (kept.sha256.as_str(), kept.bytes)).collect()
}

/// What it takes to remove all mailboxes of a tenant with all that is in them.
pub(super) fn removals(account: &Account) -> Vec<Change> {
    let number = account.record.number;
    let mut changes: Vec<Change> = Vec::new();
    changes.extend(account.mailboxes.keys().map(|name| remove(MAILBOX, number, name)));
    changes.extend(account.contents.keys().map(|id| remove(CONTENT, number, id)));
    let blobs = needed(account);
    changes.extend(blobs.keys().map(|sha256| Change::RemoveBlob { name: blob(number, sha256) }));
    changes
}

impl Core {
    /// Sets a mailbox up, or up anew; true if it is new.
    fn put_mailbox(
        &self,
        tenant: &TenantName,
        name: &str,
        new: &NewMailbox,
    ) -> Result<(MailboxInfo, bool), Error> {
        check_name(name)?;
        let senders = senders(&new.senders)?;
        let most = self.config.mailbox.message_bytes;
        if new.max_bytes.is_some_and(|bytes| !(1..=most).contains(&bytes)) {
            return Err(issue("/max_bytes", format!("is from 1 to {most}")));
        }
        if self.takes_mail() && name.len() + 1 + tenant.as_str().len() > LOCAL_PART {
            let room = LOCAL_PART.saturating_sub(1 + tenant.as_str().len());
            return Err(Error::invalid(format!(
                "the name is too long for an address: with this tenant's it may have {room} characters"
            )));
        }
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let before = account.mailboxes.get(name);
        if before.is_none() && account.mailboxes.len() >= MOST {
            return Err(Error::Conflict(format!("a tenant has at most {MOST} mailboxes")));
        }
        let now = self.clock.now().0;
        let record = MailboxRecord {
            name: name.to_owned(),
            senders,
            max_bytes: new.max_bytes,
            created: before.map_or(now, |before| before.created),
            changed: now,
        };
        self.change(&[put(MAILBOX, account.record.number, name, &record)?])?;
        Ok((self.mailbox_told(&account, &record), before.is_none()))
    }

    /// A tenant's mailboxes, by name.
    fn mailboxes_of(&self, tenant: &TenantName) -> Result<Vec<MailboxInfo>, Error> {
        let account = self.account(tenant)?;
        let all = account.mailboxes.values();
        Ok(all.map(|record| self.mailbox_told(&account, record)).collect())
    }

    /// One of a tenant's mailboxes.
    fn mailbox_info(&self, tenant: &TenantName, name: &str) -> Result<MailboxInfo, Error> {
        let account = self.account(tenant)?;
        let record = account.mailboxes.get(name).ok_or_else(|| none(name))?;
        Ok(self.mailbox_told(&account, record))
    }

    /// Removes a mailbox with all that is in it.
    fn delete_mailbox(&self, tenant: &TenantName, name: &str) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if !account.mailboxes.contains_key(name) {
            return Err(none(name));
        }
        let number = account.record.number;
        let mut after = account.clone();
        after.contents.retain(|_, content| content.mailbox != name);
        let mut changes = vec![remove(MAILBOX, number, name)];
        changes.extend(gone(&account, &after));
        self.change(&changes)
    }

    fn mailbox_told(&self, account: &Account, record: &MailboxRecord) -> MailboxInfo {
        let own = |content: &&std::sync::Arc<ContentRecord>| content.mailbox == record.name;
        MailboxInfo {
            name: record.name.clone(),
            address: self.takes_mail().then(|| {
                let domain = &self.config.mailbox.domain;
                format!("{}.{}@{domain}", record.name, account.record.name)
            }),
            senders: record.senders.clone(),
            max_bytes: self.most_bytes(record),
            contents: account.contents.values().filter(own).count(),
            created: record.created,
            changed: record.changed,
        }
    }

    fn takes_mail(&self) -> bool {
        self.config.mailbox.listen.is_some()
    }

    /// Bytes of a mail or an upload that a mailbox takes.
    fn most_bytes(&self, record: &MailboxRecord) -> usize {
        let most = self.config.mailbox.message_bytes;
        record.max_bytes.map_or(most, |own| own.min(most))
    }
}

/// What has to go, for `before` to become `after`: contents, and bytes that no other content needs.
fn gone(before: &Account, after: &Account) -> Vec<Change> {
    let number = before.record.number;
    let contents = before.contents.keys().filter(|id| !after.contents.contains_key(id));
    let mut changes: Vec<Change> = contents.map(|id| remove(CONTENT, number, id)).collect();
    let still = needed(after);
    let blobs = needed(before).into_keys().filter(|sha256| !still.contains_key(sha256));
    changes.extend(blobs.map(|sha256| Change::RemoveBlob { name: blob(number, sha256) }));
    changes
}

fn none(name: &str) -> Error {
    Error::NotFound(format!("mailbox {name:?}"))
}

fn issue(path: &str, message: String) -> Error {
    let issues = vec![Issue { path: path.to_owned(), message }];
    Error::Invalid { detail: "the mailbox is not what it should be".to_owned(), issues }
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || name.starts_with('-') || !name.chars().all(plain) {
        return Err(Error::invalid(
            "a mailbox's name has 1 to 40 lower-case letters, digits and hyphens, and does not begin with a \
             hyphen",
        ));
    }
    Ok(())
}

/// Senders as they are kept: in small letters, each once.
fn senders(new: &[String]) -> Result<Vec<String>, Error> {
    if new.len() > MOST_SENDERS {
        return Err(issue("/senders", format!("are {MOST_SENDERS} at most")));
    }
    let mut senders = BTreeSet::new();
    for (at, sender) in new.iter().enumerate() {
        let sender = sender.trim().to_lowercase();
        let whole = sender.rsplit_once('@').is_some_and(|(local, domain)| {
            let odd =
                |c: char| c.is_control() || c.is_whitespace() || matches!(c, '*' | '<' | '>' | ',');
            let local = local == "*" || (!local.is_empty() && !local.contains(odd));
            local && !domain.is_empty() && !domain.contains(odd) && !domain.starts_with('.')
        });
        if !whole || sender.len() > 254 {
            let message = "is an address, like \"ann@example.com\", or all of a domain, like \"*@example.com\"";
            return Err(issue(&format!("/senders/{at}"), message.to_owned()));
        }
        senders.insert(sender);
    }
    Ok(senders.into_iter().collect())
}
