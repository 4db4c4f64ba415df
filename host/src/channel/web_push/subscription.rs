//! A browser's subscription, as a user's profile has it: hostile until checked.

use base64::Engine as _;
use serde::Deserialize;

use super::vapid::URL_SAFE;

/// Bytes of a subscription.
const MOST: usize = 4096;
/// Bytes of a public key: an uncompressed point.
pub(super) const POINT: usize = 65;
/// Bytes of the secret that browser and sender share.
const AUTH: usize = 16;

/// Where a browser is reached, and the keys to encrypt for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) endpoint: String,
    /// Scheme, host and port of the endpoint.
    pub(super) origin: String,
    pub(super) key: Vec<u8>,
    pub(super) auth: Vec<u8>,
}

/// As browsers write it; they add members of their own.
#[derive(Deserialize)]
struct Written {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

impl Subscription {
    /// Reads a subscription; nothing if it is none.
    pub(super) fn read(text: &str) -> Option<Subscription> {
        if text.len() > MOST {
            return None;
        }
        let Written { endpoint, keys } = serde_json::from_str(text).ok()?;
        let url = reqwest::Url::parse(&endpoint).ok()?;
        let open = url.scheme() == "http" && here(&url);
        let clean = url.username().is_empty() && url.password().is_none();
        if !(url.scheme() == "https" || open) || !clean || !url.has_host() {
            return None;
        }
        let key = URL_SAFE.decode(keys.p256dh).ok().filter(|key| key.len() == POINT)?;
        let auth = URL_SAFE.decode(keys.auth).ok().filter(|auth| auth.len() == AUTH)?;
        let origin = url.origin().ascii_serialization();
        (key.first() == Some(&4)).then(|| Subscription { endpoint: url.into(), origin, key, auth })
    }
}

/// Whether a URL names this very machine: a push service under test has no certificate.
fn here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}
