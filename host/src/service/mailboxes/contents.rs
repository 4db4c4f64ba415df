//! What is in mailboxes: put there, looked at, and handed to those who compose messages with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{ContentRecord, FileRecord, Kept, NewContent, blob, gone, issue, needed, none};
use crate::mailbox::mime::{file_name, line, media_type, tidy};
use crate::sandbox::Issue;
use crate::service::book::{Account, CONTENT, put};
use crate::service::core::{Core, stored};
use crate::service::lane::lock;
use crate::service::words::{ContentInfo, FileInfo};
use crate::service::{Error, TenantName};
use crate::store::{Change, TenantId};

/// Bytes of a text: messages are no books.
const TEXT: usize = 64 << 10;

/// Characters of a subject.
const SUBJECT: usize = 500;

/// Files of a content.
const FILES: usize = 20;

/// Where something is put.
pub(super) struct Target {
    pub(super) tenant: TenantName,
    pub(super) mailbox: String,
}

impl Core {
    /// Puts something into mailboxes, into all or none: what it is there, in their order. `check` sees each
    /// account as it is when that happens.
    pub(super) fn keep(
        &self,
        targets: &[Target],
        new: NewContent,
        from: Option<&str>,
        check: impl Fn(&Account, &str) -> Result<(), Error>,
    ) -> Result<Vec<ContentInfo>, Error> {
        let (draft, bytes) = draft(new, from)?;
        let _changing = lock(&self.changing);
        let mut before: BTreeMap<TenantId, Account> = BTreeMap::new();
        let mut after: BTreeMap<TenantId, Account> = BTreeMap::new();
        let mut added: Vec<(TenantId, Arc<ContentRecord>)> = Vec::new();
        for Target { tenant, mailbox } in targets {
            let account = self.account(tenant)?;
            let number = account.record.number;
            let account = &*before.entry(number).or_insert(account);
            if !account.mailboxes.contains_key(mailbox) {
                return Err(none(mailbox));
            }
            check(account, mailbox)?;
            let account = after.entry(number).or_insert_with(|| account.clone());
            let last = account.contents.last_key_value().map_or(0, |(id, _)| *id);
            let now = self.clock.now().0;
            // By time, and never the same one twice.
            let id = u64::try_from(now).unwrap_or_default().max(last + 1);
            let content =
                Arc::new(ContentRecord { id, mailbox: mailbox.clone(), at: now, ..draft.clone() });
            account.contents.insert(id, Arc::clone(&content));
            let own = account.contents.values().filter(|content| content.mailbox == *mailbox);
            let own: Vec<u64> = own.map(|content| content.id).collect();
            let too_many = own.len().saturating_sub(self.config.mailbox.contents);
            for oldest in own.iter().take(too_many) {
                account.contents.remove(oldest);
            }
            added.push((number, content));
        }
        let mut changes = Vec::new();
        for (number, after) in &after {
            let Some(before) = before.get(number) else { continue };
            let most = self.config.mailbox.tenant_bytes;
            let kept = needed(after);
            if kept.values().sum::<u64>() > most {
                return Err(Error::Conflict(format!(
                    "the tenant's mailboxes may have {most} bytes all in all: remove one that is not used"
                )));
            }
            let known = needed(before);
            for (sha256, bytes) in &bytes {
                if kept.contains_key(sha256.as_str()) && !known.contains_key(sha256.as_str()) {
                    let (name, bytes) = (blob(*number, sha256), bytes.clone());
                    changes.push(Change::PutBlob { name, bytes });
                }
            }
            changes.extend(gone(before, after));
        }
        for (number, content) in &added {
            changes.push(put(CONTENT, *number, content.id, &**content)?);
        }
        self.change(&changes)?;
        added.iter().map(|(number, content)| self.content_told(*number, content)).collect()
    }

    /// What is in a mailbox, newest first.
    pub(super) fn contents_of(
        &self,
        tenant: &TenantName,
        mailbox: &str,
    ) -> Result<Vec<ContentInfo>, Error> {
        let account = self.account(tenant)?;
        if !account.mailboxes.contains_key(mailbox) {
            return Err(none(mailbox));
        }
        let own = account.contents.values().rev().filter(|content| content.mailbox == mailbox);
        own.map(|content| self.content_told(account.record.number, content)).collect()
    }

    /// One of the things in a mailbox.
    pub(super) fn content(
        &self,
        tenant: &TenantName,
        mailbox: &str,
        id: &str,
    ) -> Result<ContentInfo, Error> {
        let account = self.account(tenant)?;
        if !account.mailboxes.contains_key(mailbox) {
            return Err(none(mailbox));
        }
        let found = id.parse().ok().and_then(|id: u64| account.contents.get(&id));
        let found = found.filter(|content| content.mailbox == mailbox);
        let found = found.ok_or_else(|| Error::NotFound(format!("content {id:?}")))?;
        self.content_told(account.record.number, found)
    }

    /// The latest of what is in a mailbox.
    pub(in crate::service) fn latest_content(
        &self,
        tenant: &TenantName,
        mailbox: &str,
    ) -> Result<Option<ContentInfo>, Error> {
        let account = self.account(tenant)?;
        if !account.mailboxes.contains_key(mailbox) {
            return Err(none(mailbox));
        }
        let mut own = account.contents.values().filter(|content| content.mailbox == mailbox);
        let latest = own.next_back();
        latest.map(|content| self.content_told(account.record.number, content)).transpose()
    }

    /// Puts what is in a mailbox in the place of its name, in the member `content` of parameters. What is no
    /// text there stays as it is: it was written out.
    pub(in crate::service) fn resolve_content(
        &self,
        tenant: &TenantName,
        parameters: &mut Json,
    ) -> Result<(), Error> {
        let Some(content) = parameters.as_object_mut().and_then(|all| all.get_mut("content"))
        else {
            return Ok(());
        };
        let Json::String(mailbox) = content else { return Ok(()) };
        let missing = |message: String| Error::Invalid {
            detail: "there is nothing to compose it with".to_owned(),
            issues: vec![Issue { path: "/content".to_owned(), message }],
        };
        let latest = match self.latest_content(tenant, mailbox) {
            Err(Error::NotFound(_)) if self.account(tenant).is_ok() => {
                return Err(missing(format!("there is no mailbox {mailbox:?}")));
            }
            latest => latest?,
        };
        let latest = latest.ok_or_else(|| {
            missing(format!("the mailbox {mailbox:?} is empty: send something to it"))
        })?;
        if !latest.files.is_empty() && self.config.public_url.is_empty() {
            tracing::warn!(
                "a message links files of a mailbox, and nobody can follow: set public_url"
            );
        }
        let files: Vec<Json> = (latest.files.iter())
            .map(|file| json!({ "name": file.name, "url": file.url }))
            .collect();
        *content = json!({ "subject": latest.subject, "text": latest.text, "files": files });
        Ok(())
    }

    fn content_told(
        &self,
        tenant: TenantId,
        content: &ContentRecord,
    ) -> Result<ContentInfo, Error> {
        let text = match &content.text {
            None => String::new(),
            Some(kept) => {
                let bytes = self.bytes(tenant, &kept.sha256)?;
                String::from_utf8(bytes).map_err(|_| damaged(&kept.sha256))?
            }
        };
        let files = content.files.iter().map(|file| {
            Ok(FileInfo {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                bytes: file.kept.bytes,
                sha256: file.kept.sha256.clone(),
                url: self.file_url(tenant, &file.kept.sha256)?,
            })
        });
        Ok(ContentInfo {
            id: content.id,
            mailbox: content.mailbox.clone(),
            subject: content.subject.clone(),
            text,
            files: files.collect::<Result<_, Error>>()?,
            from: content.from.clone(),
            at: content.at,
            sha256: content.sha256.clone(),
        })
    }

    /// Bytes that are kept.
    pub(super) fn bytes(&self, tenant: TenantId, sha256: &str) -> Result<Vec<u8>, Error> {
        let found = self.store.blob(&blob(tenant, sha256)).map_err(stored)?;
        // Content that is not what its hash says would go out in messages.
        found.filter(|bytes| hash(bytes) == sha256).ok_or_else(|| damaged(sha256))
    }
}

fn damaged(sha256: &str) -> Error {
    Error::Unavailable(format!("what is kept under {sha256} is damaged or gone"))
}

/// The SHA-256 in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of something new, and its bytes by their hashes. It is in no mailbox yet.
fn draft(
    new: NewContent,
    from: Option<&str>,
) -> Result<(ContentRecord, BTreeMap<String, Vec<u8>>), Error> {
    let NewContent { subject, text, files } = new;
    let (subject, text) = (line(&subject, SUBJECT), tidy(&text));
    if text.len() > TEXT {
        return Err(Error::TooLarge(format!(
            "the text has more than {TEXT} bytes: send it as a file, or a shorter one"
        )));
    }
    if files.len() > FILES {
        return Err(issue("/files", format!("are {FILES} at most")));
    }
    if text.is_empty() && files.is_empty() {
        return Err(Error::invalid("there is neither a text nor a file in it"));
    }
    let mut bytes = BTreeMap::new();
    let mut keep = |own: Vec<u8>| {
        let kept = Kept { sha256: hash(&own), bytes: own.len() as u64 };
        bytes.insert(kept.sha256.clone(), own);
        kept
    };
    let files = files.into_iter().enumerate().map(|(n, file)| FileRecord {
        name: file_name(&file.name).unwrap_or_else(|| format!("file-{}", n + 1)),
        media_type: media_type(&file.media_type),
        kept: keep(file.bytes),
    });
    let files: Vec<FileRecord> = files.collect();
    let text = (!text.is_empty()).then(|| keep(text.into_bytes()));
    // Each part with its length before it, so that no two contents are the same text.
    let mut whole = Sha256::new();
    let mut add = |part: &str| {
        whole.update((part.len() as u64).to_be_bytes());
        whole.update(part);
    };
    add(&subject);
    add(text.as_ref().map_or("", |text| &text.sha256));
    for file in &files {
        [&file.name, &file.media_type, &file.kept.sha256].into_iter().for_each(|part| add(part));
    }
    let sha256 = whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let from = from.map(|from| line(from, SUBJECT));
    let mailbox = String::new();
    Ok((ContentRecord { id: 0, mailbox, subject, text, files, from, at: 0, sha256 }, bytes))
}
