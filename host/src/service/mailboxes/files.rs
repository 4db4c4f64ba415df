//! Links to files of mailboxes. Whoever has the link may have the file: it names the tenant and the file's hash,
//! and carries a code that only the tenant's secret makes, so that to know a file is not to know its link.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::FileRecord;
use crate::service::Error;
use crate::service::book::Account;
use crate::service::core::Core;
use crate::store::TenantId;

/// Bytes of the tenant's number, of the hash, and of the code: 128 bits, which nobody guesses.
const NUMBER: usize = 4;
const HASH: usize = 32;
const CODE: usize = 16;

/// A file of a mailbox, for whoever has its link.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Without what is in it.
impl std::fmt::Debug for ContentFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentFile").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Core {
    /// Where a file can be had.
    pub(super) fn file_url(&self, tenant: TenantId, sha256: &str) -> Result<String, Error> {
        let token = self.read_book(|book| {
            let account = book.tenants().find(|account| account.record.number == tenant)?;
            let signed = signed(tenant, sha256)?;
            let code = code(account, &signed);
            Some(BASE64_URL_SAFE_NO_PAD.encode([signed, code].concat()))
        });
        let gone = || Error::NotFound("such file".to_owned());
        Ok(format!("{}/c/{}", self.config.public_url, token.ok_or_else(gone)?))
    }

    /// The file of a link.
    pub(super) fn file(&self, token: &str) -> Result<ContentFile, Error> {
        let unknown = || Error::NotFound("file of this link".to_owned());
        // Or the last letter could be another one, and the link the same.
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| unknown())?;
        let (signed, given) = bytes.split_at_checked(NUMBER + HASH).ok_or_else(unknown)?;
        let (number, hash) = signed.split_at_checked(NUMBER).ok_or_else(unknown)?;
        let number = number.try_into().map(u32::from_be_bytes).map_err(|_| unknown())?;
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = self.read_book(|book| {
            let account = book.tenants().find(|account| account.record.number.0 == number)?;
            let whole = given.len() == CODE && matches(account, signed, given);
            (whole && !account.record.suspended).then(|| latest(account, &sha256)).flatten()
        });
        let FileRecord { name, media_type, .. } = found.ok_or_else(unknown)?;
        let bytes = self.bytes(TenantId(number), &sha256)?;
        Ok(ContentFile { name, media_type, bytes })
    }
}

/// The file as it was last sent: the same bytes may have had several names.
fn latest(account: &Account, sha256: &str) -> Option<FileRecord> {
    let files = account.contents.values().rev().flat_map(|content| &content.files);
    files.into_iter().find(|file| file.kept.sha256 == sha256).cloned()
}

/// What the code is made over.
fn signed(tenant: TenantId, sha256: &str) -> Option<Vec<u8>> {
    let mut signed = tenant.0.to_be_bytes().to_vec();
    for at in (0..HASH * 2).step_by(2) {
        signed.push(u8::from_str_radix(sha256.get(at..at + 2)?, 16).ok()?);
    }
    (signed.len() == NUMBER + HASH).then_some(signed)
}

fn keyed(account: &Account, signed: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(account.record.secret.as_bytes()).ok()?;
    // The same secret is used for other things, too.
    mac.update(b"content file");
    mac.update(signed);
    Some(mac)
}

fn code(account: &Account, signed: &[u8]) -> Vec<u8> {
    let code = keyed(account, signed).map(|mac| mac.finalize().into_bytes().to_vec());
    code.unwrap_or_default().into_iter().take(CODE).collect()
}

/// Compares in constant time.
fn matches(account: &Account, signed: &[u8], given: &[u8]) -> bool {
    keyed(account, signed).is_some_and(|mac| mac.verify_truncated_left(given).is_ok())
}
