//! Names that follow from what they name: the same cause gives the same message, the same attempt the
//! same tracking id, in every run. Hashes only.

use std::fmt::Write as _;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::policy::Content;
use super::state::Cause;

/// Half of a SHA-256, in hexadecimal: 128 bits are beyond guessing and beyond chance.
const BYTES: usize = 16;

/// The key of a tenant's tracking ids. Without it nobody can tell the next one.
#[derive(Clone)]
pub struct TrackingKey([u8; 32]);

impl TrackingKey {
    /// A key from a secret of any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> TrackingKey {
        TrackingKey(Sha256::digest(secret).into())
    }
}

impl std::fmt::Debug for TrackingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrackingKey(..)")
    }
}

/// Which message this is: a hash over the tenant, the policy's label, the user and the cause.
pub(super) fn message(tenant: &str, label: &str, user: &str, cause: &Cause) -> Arc<str> {
    let (kind, about, since, rule) = match cause {
        Cause::Visit { node, entered, rule } => ("journey", node, entered, *rule),
        Cause::Campaign { campaign, since } => ("audience", campaign, since, 0),
    };
    let mut hash = parts([tenant, kind, label, user, about]);
    hash.update(since.0.to_le_bytes());
    hash.update(rule.to_le_bytes());
    hex(&hash.finalize())
}

/// A hash over texts, none of which runs into the next.
fn parts<const N: usize>(texts: [&str; N]) -> Sha256 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash
}

/// A user's place from 0 to 999 in a campaign, the same in every run: who is held out is told by it. Nobody
/// can tell it in advance without the tenant's key.
pub(super) fn lot(key: &TrackingKey, campaign: &str, user: &str) -> u32 {
    let mut hash = parts([campaign, user]);
    hash.update(key.0);
    let digest = hash.finalize();
    let number = digest.iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    u32::try_from(number % 1_000).unwrap_or_default()
}

/// The key under which a step of a message is sent at most once on each channel.
pub(super) fn send_key(message: &str, step: u32) -> Arc<str> {
    let mut hash = Sha256::new();
    hash.update(message);
    hash.update(step.to_le_bytes());
    hex(&hash.finalize())
}

/// The tracking id of an attempt: message x channel x try.
pub(super) fn tracking(
    key: &TrackingKey,
    message: &str,
    channel: &str,
    attempt: usize,
) -> Arc<str> {
    // HMAC takes a key of any length, so there is always a code.
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(&key.0) else { return Arc::from("") };
    code.update(message.as_bytes());
    code.update(&(attempt as u64).to_le_bytes());
    code.update(channel.as_bytes());
    hex(&code.finalize().into_bytes())
}

/// The address of what a message says: equal contents have the same.
pub(super) fn content(content: &Content) -> Arc<str> {
    // Plain data, which does not fail to be written.
    let text = serde_json::to_vec(content).unwrap_or_default();
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex.into()
}

fn hex(bytes: &[u8]) -> Arc<str> {
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes.iter().take(BYTES) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
