//! API keys: how they are made, presented and recognised. It draws random bytes and touches nothing else;
//! keeping the stored half is the store's business.
//!
//! A key is `nk_<id>_<secret>`, in lower-case hexadecimal throughout: one word for a double click, and easy
//! to find for whatever looks for leaked secrets (`nk_[0-9a-f]{12}_[0-9a-f]{64}`).

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::words::KeyScope as Scope;

const PREFIX: &str = "nk_";

/// Digits of an id. 48 bits are no secret, only enough that two hardly ever meet; the store, which sees
/// when they do, has another made.
const ID_DIGITS: usize = 12;

/// Digits of a secret: 256 bits.
const SECRET_DIGITS: usize = 64;

/// Bytes of the longest header worth looking at. A key in base64 has 108.
const HEADER_BYTES: usize = 256;

/// Padded or not: the specification pads, clients do as they like.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why there is no new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum KeyError {
    /// The operating system has no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// Nobody's.
    #[error("a key that is not an admin's is a tenant's")]
    NoTenant,
    /// Somebody's, and everybody's.
    #[error("an admin's key is no tenant's")]
    AdminOfTenant,
}

/// A new key. There is one moment to show it; afterwards nobody knows it but its bearer.
pub(super) struct Key(String);

impl Key {
    /// Makes a key, and what is kept of it, at an instant in milliseconds since 1970 UTC.
    ///
    /// # Errors
    ///
    /// If there are no random numbers, or if an admin's key is to have a tenant, or another to have none.
    pub(super) fn generate(
        tenant: Option<&str>,
        scope: Scope,
        name: &str,
        now: i64,
    ) -> Result<(Key, StoredKey), KeyError> {
        match (scope, tenant) {
            (Scope::Admin, Some(_)) => return Err(KeyError::AdminOfTenant),
            (Scope::Ingest | Scope::Manage, None) => return Err(KeyError::NoTenant),
            (Scope::Admin, None) | (Scope::Ingest | Scope::Manage, Some(_)) => {}
        }
        let mut id = [0; ID_DIGITS / 2];
        let mut secret = [0; SECRET_DIGITS / 2];
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let (id, secret) = (hex(&id), hex(&secret));
        let key = Key(format!("{PREFIX}{id}_{secret}"));
        let stored = StoredKey {
            id,
            tenant: tenant.map(str::to_owned),
            scope,
            name: name.to_owned(),
            hash: hash(&secret),
            created: now,
        };
        Ok((key, stored))
    }

    /// The key, to be shown once.
    #[must_use]
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What is kept of a key: enough to recognise it, too little to present it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredKey {
    /// Its public part, by which it is looked up.
    pub(super) id: String,
    /// Whose it is; an admin's is nobody's.
    pub(super) tenant: Option<String>,
    /// What it lets its bearer do.
    pub(super) scope: Scope,
    /// What it is for, in its owner's words.
    pub(super) name: String,
    /// The SHA-256 of the secret's digits, in hexadecimal. A slow hash makes guessing dear where people
    /// chose the secret; 256 random bits nobody guesses, so it would only make every request dear.
    pub(super) hash: String,
    /// When it was made, in milliseconds since 1970 UTC.
    pub(super) created: i64,
}

impl StoredKey {
    /// Whether this is the key that is presented. The time it takes tells nothing of the secret; it does
    /// tell whether the id is right, which is no secret.
    #[must_use]
    pub(super) fn verify(&self, presented: &Presented) -> bool {
        let same = hash(&presented.secret).as_bytes().ct_eq(self.hash.as_bytes());
        self.id == presented.id && bool::from(same)
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("scope", &self.scope)
            .field("name", &self.name)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// A key that somebody presents: well-formed, and so far nothing else.
#[derive(Clone)]
pub(super) struct Presented {
    id: String,
    secret: String,
}

impl Presented {
    /// Reads a key.
    #[must_use]
    pub(super) fn parse(key: &str) -> Option<Presented> {
        let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
        let whole = is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS);
        whole.then(|| Presented { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The public part, by which the stored half is looked up.
    #[must_use]
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key in an `Authorization` header: `Bearer <key>`, or `Basic` with the key as the user's name and no
/// password, with the colon or without, as the Segment libraries send their write key.
#[must_use]
pub(super) fn from_authorization(header: &str) -> Option<Presented> {
    if header.len() > HEADER_BYTES {
        return None;
    }
    let (scheme, credentials) = header.trim().split_once(' ')?;
    let credentials = credentials.trim_start();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Presented::parse(credentials);
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64.decode(credentials).ok()?).ok()?;
        return Presented::parse(decoded.strip_suffix(':').unwrap_or(&decoded));
    }
    None
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect()
}

fn digit(half: u8) -> Option<char> {
    char::from_digit(u32::from(half), 16)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

    use super::*;

    fn key() -> (Key, StoredKey) {
        Key::generate(Some("acme"), Scope::Manage, "the shop", 17).unwrap()
    }

    #[test]
    fn a_key_is_recognised() {
        let (key, stored) = key();
        let presented = Presented::parse(key.reveal()).unwrap();
        assert_eq!(presented.id(), stored.id);
        assert!(stored.verify(&presented));
        assert_eq!(key.reveal().len(), 3 + ID_DIGITS + 1 + SECRET_DIGITS);
        assert_eq!((stored.tenant.as_deref(), stored.created), (Some("acme"), 17));
    }

    #[test]
    fn the_hash_is_the_one_of_sha256sum() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn another_key_is_not() {
        let ((one, stored), (other, _)) = (key(), key());
        assert_ne!(one.reveal(), other.reveal());
        let other = Presented::parse(other.reveal()).unwrap();
        assert!(!stored.verify(&other));
        let secret_of_another = Presented { id: stored.id.clone(), ..other };
        assert!(!stored.verify(&secret_of_another));
        let id_of_another =
            Presented { id: "0".repeat(12), ..Presented::parse(one.reveal()).unwrap() };
        assert!(!stored.verify(&id_of_another));
    }

    #[test]
    fn a_hash_that_is_none_matches_nothing() {
        let (key, stored) = key();
        let presented = Presented::parse(key.reveal()).unwrap();
        for hash in [String::new(), stored.hash[..63].to_owned(), format!("{}0", stored.hash)] {
            assert!(!StoredKey { hash, ..stored.clone() }.verify(&presented));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (id, secret) = ("0123456789ab", "c".repeat(64));
        assert!(Presented::parse(&format!("nk_{id}_{secret}")).is_some());
        for key in [
            String::new(),
            "nk_".to_owned(),
            "nk__".to_owned(),
            format!("{id}_{secret}"),
            format!("NK_{id}_{secret}"),
            format!("nk_{id}{secret}"),
            format!("nk_{id}_{secret}_"),
            format!("nk_{id}_{secret}0"),
            format!("nk_{id}_{}", "C".repeat(64)),
            format!("nk_{id}_{}", "g".repeat(64)),
            format!("nk_{id}_{}", "é".repeat(32)),
            format!("nk_{}_{secret}", "x".repeat(12)),
            format!(" nk_{id}_{secret}"),
        ] {
            assert!(Presented::parse(&key).is_none(), "{key}");
        }
    }

    #[test]
    fn headers() {
        let (key, stored) = key();
        let key = key.reveal();
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for header in [
            format!("Bearer {key}"),
            format!("bearer  {key} "),
            basic(&format!("{key}:")),
            basic(key),
            basic(&format!("{key}:")).replace("Basic", "BASIC"),
            format!("Basic {}", BASE64_STANDARD_NO_PAD.encode(format!("{key}:"))),
        ] {
            let presented = from_authorization(&header).unwrap_or_else(|| panic!("{header}"));
            assert!(stored.verify(&presented), "{header}");
        }
        for header in [
            String::new(),
            key.to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            format!("Token {key}"),
            format!("Bearer{key}"),
            format!("Bearer {key} {key}"),
            format!("Basic {key}"),
            basic(&format!("{key}:password")),
            basic(&format!("{key}::")),
            basic(&format!(":{key}")),
            format!("Basic {}", BASE64_STANDARD.encode([0xff, 0xfe])),
            format!("Bearer {}{key}", " ".repeat(HEADER_BYTES)),
        ] {
            assert!(from_authorization(&header).is_none(), "{header}");
        }
    }

    #[test]
    fn a_tenants_key_has_a_tenant() {
        let make = |tenant, scope| Key::generate(tenant, scope, "", 0).map(|_| ());
        assert_eq!(make(None, Scope::Ingest), Err(KeyError::NoTenant));
        assert_eq!(make(None, Scope::Manage), Err(KeyError::NoTenant));
        assert_eq!(make(Some("acme"), Scope::Admin), Err(KeyError::AdminOfTenant));
    }

    #[test]
    fn no_secret_is_printed() {
        let (key, stored) = key();
        let presented = Presented::parse(key.reveal()).unwrap();
        let printed = format!("{key:?} {stored:?} {presented:?}");
        assert!(!printed.contains(&presented.secret), "{printed}");
        assert!(!printed.contains(&stored.hash), "{printed}");
        assert!(printed.contains(&stored.id));
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let (_, stored) = key();
        let json = serde_json::to_string(&stored).unwrap();
        assert!(json.contains(r#""scope":"manage""#), "{json}");
        assert_eq!(serde_json::from_str::<StoredKey>(&json).unwrap(), stored);
    }
}
