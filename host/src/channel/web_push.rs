//! Web Push (RFC 8030): messages to a browser, through the push service that the browser chose. What
//! they say is encrypted for the browser (RFC 8291), and who sends them is signed (RFC 8292).
//!
//! The address is the browser's subscription, as its `JSON.stringify` gives it. The service worker gets
//! `{"title", "body", "link"?, "tracking", "data"?}`.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::wire::{Answer, Request, Wire};
use super::{Channel, Dispatch, Outcome, Reason, Secret, Sending, Trouble, Wrong, link, settings};
use crate::engine::event::Fields;
use crate::engine::policy::Importance;
use subscription::Subscription;
use vapid::{URL_SAFE, Vapid};

mod seal;
mod subscription;
#[cfg(test)]
mod tests;
mod vapid;

pub use vapid::new_keys;

/// Where the secrets stand in the settings.
pub(crate) const SECRETS: &[&str] = &["/private_key"];

/// Seconds: how long a push service may keep a message, at most (four weeks).
const LONGEST_TTL: u32 = 2_419_200;
/// Bytes of a `Location` that are kept.
const MOST_LOCATION: usize = 512;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    subject: String,
    public_key: String,
    private_key: Secret,
    #[serde(default = "a_day")]
    ttl: u32,
    urgency: Option<Urgency>,
}

fn a_day() -> u32 {
    86_400
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Urgency {
    VeryLow,
    Low,
    Normal,
    High,
}

impl Urgency {
    fn of(importance: Importance) -> Urgency {
        match importance {
            Importance::Low => Urgency::Low,
            Importance::Normal => Urgency::Normal,
            Importance::High | Importance::Urgent => Urgency::High,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Urgency::VeryLow => "very-low",
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        }
    }
}

/// The channel to browsers.
pub(crate) struct WebPush {
    name: String,
    wire: Wire,
    vapid: Vapid,
    ttl: u32,
    urgency: Option<Urgency>,
}

impl WebPush {
    /// The channel by its settings.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub(crate) fn build(
        name: &str,
        settings: &serde_json::Value,
        wire: &Wire,
    ) -> Result<Self, Vec<Wrong>> {
        let Settings { subject, public_key, private_key, ttl, urgency } = settings::read(settings)?;
        let mut wrongs = Vec::new();
        if ttl > LONGEST_TTL {
            wrongs.push(Wrong::new("/ttl", format!("at most {LONGEST_TTL} seconds: four weeks")));
        }
        match Vapid::new(&subject, &public_key, private_key.reveal()) {
            Ok(vapid) if wrongs.is_empty() => {
                Ok(WebPush { name: name.to_owned(), wire: wire.clone(), vapid, ttl, urgency })
            }
            Ok(_) => Err(wrongs),
            Err(more) => {
                wrongs.extend(more);
                Err(wrongs)
            }
        }
    }

    async fn push(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let address = dispatch.outgoing.address.as_deref().unwrap_or_default();
        if address.trim().is_empty() {
            return Err(Outcome::failed(Reason::NoAddress, "the user has no subscription"));
        }
        let subscription = Subscription::read(address)
            .ok_or_else(|| Outcome::gone(Reason::InvalidAddress, "the subscription is none"))?;
        let body = seal::seal(&subscription, &payload(dispatch)?)?;
        let no_signature = || Outcome::later(Reason::Provider, "the system has no randomness");
        let authorization =
            self.vapid.authorization(&subscription.origin, dispatch.at).ok_or_else(no_signature)?;
        let urgency = self.urgency.unwrap_or_else(|| Urgency::of(dispatch.outgoing.importance));
        let request = Request {
            method: "POST",
            url: &subscription.endpoint,
            headers: vec![
                ("authorization", authorization),
                ("content-encoding", "aes128gcm".to_owned()),
                ("content-type", "application/octet-stream".to_owned()),
                ("ttl", self.ttl.to_string()),
                ("urgency", urgency.word().to_owned()),
                ("topic", topic(&dispatch.outgoing.message)),
            ],
            body,
        };
        Ok(outcome(self.wire.send(request).await.map_err(Outcome::unsent)?))
    }
}

impl Channel for WebPush {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.push(dispatch).await.unwrap_or_else(|not| not) })
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    title: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    tracking: &'a str,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    data: &'a Fields,
}

fn payload(dispatch: &Dispatch) -> Result<Vec<u8>, Outcome> {
    let content = &dispatch.outgoing.content;
    let payload = Payload {
        title: &content.title,
        body: &content.body,
        link: link::of(dispatch),
        tracking: &dispatch.outgoing.tracking,
        data: &content.features,
    };
    let unwritten = |_| Outcome::failed(Reason::Content, "the message cannot be written as JSON");
    let bytes = serde_json::to_vec(&payload).map_err(unwritten)?;
    if bytes.len() > seal::MOST_PAYLOAD {
        let most = seal::MOST_PAYLOAD;
        let detail = format!("{} bytes, and a push message has room for {most}", bytes.len());
        return Err(Outcome::failed(Reason::TooLong, detail));
    }
    Ok(bytes)
}

/// What a message is called at the push service: its next attempt replaces it there. A hash, for a push
/// service is not to know messages by name; 32 characters are all there is room for.
fn topic(message: &str) -> String {
    let hash = digest(&SHA256, message.as_bytes());
    base64::Engine::encode(&URL_SAFE, hash.as_ref().get(..24).unwrap_or_default())
}

fn outcome(answer: Answer) -> Outcome {
    let status = answer.status;
    let said = format!("the push service answered {status}");
    let later = |reason| Outcome::Later {
        trouble: Trouble::new(reason, said.clone()),
        after: answer.retry_after,
    };
    match status {
        200..=202 => {
            let location = answer.location.filter(|location| location.len() <= MOST_LOCATION);
            Outcome::Accepted { reference: location.map(Into::into) }
        }
        404 | 410 => Outcome::gone(Reason::Unsubscribed, said),
        413 => Outcome::failed(Reason::TooLong, said),
        401 | 403 => later(Reason::Credentials),
        429 => later(Reason::Throttled),
        408 | 500.. => later(Reason::Provider),
        _ => Outcome::failed(Reason::Rejected, said),
    }
}
