//! Encryption for one browser: `aes128gcm` in a single record (RFC 8188, RFC 8291).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::subscription::{POINT, Subscription};
use crate::channel::{Outcome, Reason};

/// Bytes of the one record, which is all that push services must take.
const RECORD: usize = 4096;
/// Bytes of a salt.
const SALT: usize = 16;
/// Bytes of a key.
const KEY: usize = 16;
/// Bytes before the record: salt, record size, length of the public key, public key.
const HEAD: usize = SALT + 4 + 1 + POINT;
/// Bytes of a payload: what the record leaves beside the head, the delimiter and the tag.
pub(super) const MOST_PAYLOAD: usize = RECORD - HEAD - 1 - 16;

/// A payload that only the browser can read.
///
/// # Errors
///
/// If the browser's key is none, or the system has no randomness.
pub(super) fn seal(to: &Subscription, payload: &[u8]) -> Result<Vec<u8>, Outcome> {
    let random = |_| Outcome::later(Reason::Provider, "the system has no randomness");
    let rng = SystemRandom::new();
    let mut salt = [0; SALT];
    rng.fill(&mut salt).map_err(random)?;
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &rng).map_err(random)?;
    let public = ours.compute_public_key().map_err(random)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &to.key);
    agree_ephemeral(ours, &theirs, |secret| {
        let (key, nonce) = keys(secret, &to.auth, &to.key, public.as_ref(), &salt)?;
        record(&key, nonce, &salt, public.as_ref(), payload)
    })
    .ok()
    .flatten()
    .ok_or_else(|| Outcome::gone(Reason::InvalidAddress, "the subscription's key is none"))
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    key.expand(info, Bytes(N)).ok()?.fill(&mut bytes).ok()?;
    Some(bytes)
}

/// The key and the nonce that follow from what both sides agreed on.
pub(super) fn keys(
    secret: &[u8],
    auth: &[u8],
    theirs: &[u8],
    ours: &[u8],
    salt: &[u8],
) -> Option<([u8; KEY], [u8; NONCE_LEN])> {
    let shared = Salt::new(HKDF_SHA256, auth).extract(secret);
    let material: [u8; 32] = expand(&shared, &[b"WebPush: info\0", theirs, ours])?;
    let salted = Salt::new(HKDF_SHA256, salt).extract(&material);
    let key = expand(&salted, &[b"Content-Encoding: aes128gcm\0"])?;
    Some((key, expand(&salted, &[b"Content-Encoding: nonce\0"])?))
}

/// Head and record. The key is used this once, so that the nonce cannot come again.
pub(super) fn record(
    key: &[u8; KEY],
    nonce: [u8; NONCE_LEN],
    salt: &[u8; SALT],
    public: &[u8],
    payload: &[u8],
) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).ok()?);
    let mut sealed = payload.to_vec();
    // The delimiter of the last record.
    sealed.push(2);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed).ok()?;
    let mut body = Vec::with_capacity(HEAD + sealed.len());
    body.extend_from_slice(salt);
    body.extend_from_slice(&u32::try_from(RECORD).ok()?.to_be_bytes());
    body.push(u8::try_from(public.len()).ok()?);
    body.extend_from_slice(public);
    body.extend_from_slice(&sealed);
    Some(body)
}
