//! Who sends: a signed token for each push service (RFC 8292), and the keys that sign.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::subscription::POINT;
use crate::channel::Wrong;
use crate::engine::event::Instant;

/// Base64 for URLs, as keys and tokens are written; padding is taken but not given.
pub(super) const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a private key.
const SCALAR: usize = 32;
/// Where the private key begins in the document that new keys come in.
const SCALAR_AT: usize = 36;
/// Seconds that a token holds: push services refuse more than 24 hours.
const LIFE: i64 = 12 * 3600;
/// Tokens that are kept: endpoints are the users' to name, push services are few.
const MOST_TOKENS: usize = 64;

/// The sender's identity.
pub(super) struct Vapid {
    subject: String,
    public: String,
    keys: EcdsaKeyPair,
    rng: SystemRandom,
    /// By origin.
    tokens: Mutex<HashMap<String, Token>>,
}

struct Token {
    /// Unix time, in seconds.
    made: i64,
    text: String,
}

impl Vapid {
    pub(super) fn new(subject: &str, public: &str, private: &str) -> Result<Vapid, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        if !is_subject(subject) {
            let message = "who push services turn to: mailto:name@host or https://host";
            wrongs.push(Wrong::new("/subject", message));
        }
        let point = URL_SAFE.decode(public.trim()).unwrap_or_default();
        if point.len() != POINT || point.first() != Some(&4) {
            let message = "65 bytes in base64url: an uncompressed point of P-256, from 4 on";
            wrongs.push(Wrong::new("/public_key", message));
        }
        let scalar = URL_SAFE.decode(private.trim()).unwrap_or_default();
        if scalar.len() != SCALAR {
            wrongs.push(Wrong::new("/private_key", "32 bytes in base64url"));
        }
        if !wrongs.is_empty() {
            return Err(wrongs);
        }
        let rng = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, &point, &rng)
            .map(|keys| Vapid {
                subject: subject.to_owned(),
                public: URL_SAFE.encode(&point),
                keys,
                rng,
                tokens: Mutex::default(),
            })
            .map_err(|_| vec![Wrong::new("/private_key", "does not belong to the public key")])
    }

    /// The header for a push service; nothing if the system has no randomness. A token serves until
    /// half of its life is over.
    pub(super) fn authorization(&self, origin: &str, at: Instant) -> Option<String> {
        let now = at.0.div_euclid(1000);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |token: &&Token| (0..LIFE / 2).contains(&now.saturating_sub(token.made));
        let token = match tokens.get(origin).filter(fresh) {
            Some(token) => token.text.clone(),
            None => {
                let text = self.sign(origin, now)?;
                if tokens.len() >= MOST_TOKENS {
                    tokens.clear();
                }
                tokens.insert(origin.to_owned(), Token { made: now, text: text.clone() });
                text
            }
        };
        Some(format!("vapid t={token}, k={}", self.public))
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.tokens.lock().map_or(0, |tokens| tokens.len())
    }

    fn sign(&self, origin: &str, now: i64) -> Option<String> {
        let head = URL_SAFE.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let exp = now.saturating_add(LIFE);
        let claims = serde_json::json!({"aud": origin, "exp": exp, "sub": self.subject});
        let signed = format!("{head}.{}", URL_SAFE.encode(claims.to_string()));
        let signature = self.keys.sign(&self.rng, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE.encode(signature)))
    }
}

fn is_subject(subject: &str) -> bool {
    let plain = subject.len() <= 300 && subject.bytes().all(|b| b.is_ascii_graphic());
    plain
        && match subject.split_once(':') {
            Some(("mailto", address)) => address
                .split_once('@')
                .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty()),
            Some(("https", _)) => reqwest::Url::parse(subject).is_ok_and(|url| url.has_host()),
            _ => false,
        }
}

/// A new pair of keys for the settings, public and private, in base64url; nothing if the system has no
/// randomness.
#[must_use]
pub fn new_keys() -> Option<(String, String)> {
    let rng = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).ok()?;
    let scalar = document.as_ref().get(SCALAR_AT..SCALAR_AT + SCALAR)?;
    let keys = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng).ok()?;
    let point = keys.public_key().as_ref();
    // Whether what was cut out is the key.
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point, &rng).ok()?;
    Some((URL_SAFE.encode(point), URL_SAFE.encode(scalar)))
}
