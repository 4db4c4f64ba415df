//! Webhooks by the Standard Webhooks specification: the tenant's own endpoint gets every message as signed
//! JSON, and does with it what it likes.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use serde::Serializer;
use serde_json::Value;

use super::wire::header_value;
use super::wire::{Answer, HeaderMap, HeaderName, HeaderValue, Target, Wire, header_name};
use super::{Channel, Dispatch, Outcome, Reason, Secret, Sending, Trouble, Wrong, settings};
use crate::engine::event::{Fields, Instant};
use crate::engine::policy::Importance;

/// Members of the settings that are secrets.
pub(crate) const SECRETS: &[&str] = &["/secrets/*", "/headers/*"];

/// Bytes of a body.
const MOST_BODY: usize = 20 * 1024;
/// Secrets that sign at a time: one in use, the one before and the one after.
const MOST_SECRETS: usize = 3;
/// Headers that a tenant adds.
const MOST_HEADERS: usize = 20;

/// What a tenant sets.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    secrets: Vec<Secret>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

/// A tenant's endpoint.
pub(crate) struct Webhook {
    name: String,
    wire: Wire,
    target: Target,
    headers: HeaderMap,
    keys: Vec<Key>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Builds the channel from its settings.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(crate) fn build(name: &str, settings: &Value, wire: &Wire) -> Result<Webhook, Vec<Wrong>> {
    let settings: Settings = settings::read(settings)?;
    let mut wrongs = Vec::new();
    let target = wire.target(&settings.url).map_err(|t| wrongs.push(Wrong::new("/url", t.detail)));
    let mut keys = Vec::new();
    for (at, secret) in settings.secrets.iter().enumerate() {
        match Key::read(secret) {
            Ok(key) => keys.push(key),
            Err(message) => wrongs.push(Wrong::new(format!("/secrets/{at}"), message)),
        }
    }
    if !(1..=MOST_SECRETS).contains(&settings.secrets.len()) {
        wrongs.push(Wrong::new("/secrets", format!("give 1 to {MOST_SECRETS} secrets")));
    }
    if settings.headers.len() > MOST_HEADERS {
        wrongs.push(Wrong::new("/headers", format!("give {MOST_HEADERS} headers at most")));
    }
    let mut headers = HeaderMap::with_capacity(settings.headers.len().saturating_add(8));
    for (name, value) in &settings.headers {
        match header(name, value) {
            Ok((name, value)) => drop(headers.insert(name, value)),
            Err(message) => {
                wrongs.push(Wrong::new(format!("/headers/{}", escaped(name)), message));
            }
        }
    }
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    match target {
        Ok(target) if wrongs.is_empty() => {
            Ok(Webhook { name: name.to_owned(), wire: wire.clone(), target, headers, keys })
        }
        _ => Err(wrongs),
    }
}

/// A name as a JSON pointer writes it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = header_name(name)?;
    if name.as_str().starts_with("webhook-") || name == "content-type" {
        return Err("is a header that cannot be set");
    }
    let value = header_value(value.reveal().to_owned());
    Ok((name, value.map_err(|_| "has a value that cannot be sent")?))
}

/// What signs.
enum Key {
    /// The endpoint has the same secret.
    Shared(hmac::Key),
    /// The endpoint has the public half.
    Private(Ed25519KeyPair),
}

impl Key {
    fn read(secret: &Secret) -> Result<Key, &'static str> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let bytes =
            |encoded: &str| LENIENT.decode(encoded).map_err(|_| "is not base64 after its prefix");
        let secret = secret.reveal();
        if let Some(encoded) = secret.strip_prefix("whsec_") {
            let bytes = bytes(encoded)?;
            if !(24..=64).contains(&bytes.len()) {
                return Err("must hold 24 to 64 bytes, in base64, after `whsec_`");
            }
            Ok(Key::Shared(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
        } else if let Some(encoded) = secret.strip_prefix("whsk_") {
            let bytes = bytes(encoded)?;
            let pair = match bytes.split_at_checked(32) {
                Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
                Some((seed, public)) if public.len() == 32 => {
                    Ed25519KeyPair::from_seed_and_public_key(seed, public)
                }
                _ => return Err("must hold a seed of 32 bytes, or 64 bytes with the public key"),
            };
            pair.map(Key::Private).map_err(|_| "is no ed25519 key: its two halves do not fit")
        } else {
            Err("must begin with `whsec_` (shared secret) or `whsk_` (ed25519 private key)")
        }
    }

    /// Adds the signature to the others.
    fn sign(&self, id: &str, seconds: &str, body: &[u8], signatures: &mut String) {
        if !signatures.is_empty() {
            signatures.push(' ');
        }
        match self {
            Key::Shared(key) => {
                let mut context = hmac::Context::with_key(key);
                for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                    context.update(part);
                }
                signatures.push_str("v1,");
                STANDARD.encode_string(context.sign(), signatures);
            }
            Key::Private(pair) => {
                let content = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
                signatures.push_str("v1a,");
                STANDARD.encode_string(pair.sign(&content), signatures);
            }
        }
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.attempt(dispatch).await.unwrap_or_else(|outcome| outcome) })
    }
}

impl Webhook {
    async fn attempt(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let mut body = Vec::with_capacity(1024);
        serde_json::to_writer(&mut body, &Message::of(dispatch)).map_err(|_| {
            Outcome::failed(Reason::Content, "the message cannot be written as JSON")
        })?;
        if body.len() > MOST_BODY {
            return Err(Outcome::failed(Reason::TooLong, "the body is longer than 20 KB"));
        }
        let id = format!("msg_{}", dispatch.outgoing.tracking);
        let seconds = dispatch.at.0.div_euclid(1000).to_string();
        let mut signatures = String::with_capacity(self.keys.len().saturating_mul(96));
        for key in &self.keys {
            key.sign(&id, &seconds, &body, &mut signatures);
        }
        let mut headers = self.headers.clone();
        for (name, value) in
            [("webhook-id", id), ("webhook-timestamp", seconds), ("webhook-signature", signatures)]
        {
            headers.insert(name, header_value(value).map_err(Outcome::Failed)?);
        }
        match self.wire.post(&self.target, headers, body).await {
            Ok(answer) => Ok(read(&answer)),
            Err(trouble) => Err(Outcome::Later { trouble, after: None }),
        }
    }
}

/// What the endpoint's answer means. The endpoint is the tenant's and not the user's: that it is gone says
/// nothing of the user, so that messages are kept until the tenant has mended it.
fn read(answer: &Answer) -> Outcome {
    let later = |reason, detail| Outcome::Later {
        trouble: Trouble::new(reason, detail),
        after: answer.retry_after,
    };
    match answer.status {
        404 => later(Reason::Settings, "there is nothing at the endpoint's URL (404)"),
        410 => later(Reason::Settings, "the endpoint has been disabled (410)"),
        502 => later(Reason::Throttled, "the endpoint answered 502"),
        504 => later(Reason::Throttled, "the endpoint answered 504"),
        _ => answer.outcome(),
    }
}

/// The body.
#[derive(serde::Serialize)]
struct Message<'a> {
    r#type: &'static str,
    #[serde(serialize_with = "in_words")]
    timestamp: Instant,
    data: Data<'a>,
}

#[derive(serde::Serialize)]
struct Data<'a> {
    tracking: &'a str,
    message: &'a str,
    user: &'a str,
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    topic: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    locale: &'a str,
    importance: Importance,
    title: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(serialize_with = "in_order")]
    features: &'a Fields,
    #[serde(skip_serializing_if = "Links::is_empty")]
    links: Links<'a>,
}

#[derive(serde::Serialize)]
struct Links<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribe: Option<&'a str>,
}

impl Links<'_> {
    fn is_empty(&self) -> bool {
        self.read.is_none() && self.open.is_none() && self.unsubscribe.is_none()
    }
}

impl<'a> Message<'a> {
    fn of(dispatch: &'a Dispatch) -> Message<'a> {
        let (outgoing, links) = (&dispatch.outgoing, &dispatch.links);
        let content = &outgoing.content;
        let data = Data {
            tracking: &outgoing.tracking,
            message: &outgoing.message,
            user: &outgoing.user,
            channel: &outgoing.channel,
            address: outgoing.address.as_deref(),
            topic: &outgoing.topic,
            locale: &outgoing.locale,
            importance: outgoing.importance,
            title: &content.title,
            body: &content.body,
            link: content.link.as_deref(),
            features: &content.features,
            links: Links {
                read: links.read.as_deref(),
                open: links.open.as_deref(),
                unsubscribe: links.unsubscribe.as_deref(),
            },
        };
        Message { r#type: "message.push", timestamp: outgoing.at, data }
    }
}

fn in_words<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// As `Fields` are written, without a copy of them.
fn in_order<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter())
}
