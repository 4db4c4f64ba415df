//! Text messages through Twilio: SMS, and WhatsApp where address and sender say `whatsapp:`.
//!
//! Twilio has no key against doubles: a request whose answer is lost may have been a message, and its
//! next try is a second one. Status callbacks go to the link that the dispatch carries; replies go
//! where the number's settings at Twilio say, which should be the same place without the tracking id.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::wire::{Answer, Request, Wire};
use super::{
    Callback, Channel, Dispatch, Heard, Outcome, Reason, Secret, Sending, Trouble, Unheard, Wrong,
    link, settings,
};
use errors::Fate;

mod errors;
mod form;
mod hear;
#[cfg(test)]
mod tests;

/// Where the secrets stand in the settings.
pub(crate) const SECRETS: &[&str] = &["/auth_token"];

/// UTF-16 units of a text.
const MOST_TEXT: usize = 1600;
/// Seconds that Twilio keeps a message waiting, at most.
const LONGEST_VALIDITY: u32 = 36_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "twilio")]
    base_url: String,
    account_sid: String,
    auth_token: Secret,
    from: Option<String>,
    messaging_service_sid: Option<String>,
    validity: Option<u32>,
}

fn twilio() -> String {
    "https://api.twilio.com".to_owned()
}

/// The channel to telephones.
pub(crate) struct Sms {
    name: String,
    wire: Wire,
    url: String,
    account: String,
    token: Secret,
    /// The form's field that says who sends, and its value.
    sender: (&'static str, String),
    validity: Option<u32>,
}

impl Sms {
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
        let settings: Settings = settings::read(settings)?;
        let mut wrongs = Vec::new();
        let base = settings.base_url.trim_end_matches('/');
        if !is_base(base) {
            wrongs.push(Wrong::new("/base_url", "an http or https URL without query"));
        }
        if !is_sid(&settings.account_sid, "AC") {
            wrongs.push(Wrong::new("/account_sid", "AC and 32 hexadecimal digits"));
        }
        if settings.auth_token.reveal().is_empty() {
            wrongs.push(Wrong::new("/auth_token", "is empty"));
        }
        let sender = match (settings.from, settings.messaging_service_sid) {
            (Some(from), None) => {
                if !is_sender(&from) {
                    let message = "a number such as +15550001111 (also after whatsapp:), a short \
                                   code, or a name of up to 11 letters and digits";
                    wrongs.push(Wrong::new("/from", message));
                }
                ("From", from)
            }
            (None, Some(service)) => {
                if !is_sid(&service, "MG") {
                    let message = "MG and 32 hexadecimal digits";
                    wrongs.push(Wrong::new("/messaging_service_sid", message));
                }
                ("MessagingServiceSid", service)
            }
            _ => {
                let message = "exactly one of from and messaging_service_sid is needed";
                wrongs.push(Wrong::new("/from", message));
                ("From", String::new())
            }
        };
        if settings.validity.is_some_and(|span| !(1..=LONGEST_VALIDITY).contains(&span)) {
            let message = format!("from 1 to {LONGEST_VALIDITY} seconds");
            wrongs.push(Wrong::new("/validity", message));
        }
        if !wrongs.is_empty() {
            return Err(wrongs);
        }
        Ok(Sms {
            name: name.to_owned(),
            wire: wire.clone(),
            url: format!("{base}/2010-04-01/Accounts/{}/Messages.json", settings.account_sid),
            account: settings.account_sid,
            token: settings.auth_token,
            sender,
            validity: settings.validity,
        })
    }

    async fn text(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let to = dispatch.outgoing.address.as_deref().unwrap_or_default().trim();
        if to.is_empty() {
            return Err(Outcome::failed(Reason::NoAddress, "the user has no number"));
        }
        if !is_number(to.strip_prefix("whatsapp:").unwrap_or(to)) {
            return Err(Outcome::gone(Reason::InvalidAddress, "the number is not + and digits"));
        }
        let text = words(dispatch)?;
        let mut pairs = vec![("To", to), (self.sender.0, self.sender.1.as_str()), ("Body", &text)];
        if let Some(callback) = &dispatch.links.callback {
            pairs.push(("StatusCallback", callback));
        }
        let validity = self.validity.map(|span| span.to_string());
        if let Some(validity) = &validity {
            pairs.push(("ValidityPeriod", validity));
        }
        let login = STANDARD.encode(format!("{}:{}", self.account, self.token.reveal()));
        let request = Request {
            method: "POST",
            url: &self.url,
            headers: vec![
                ("authorization", format!("Basic {login}")),
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("accept", "application/json".to_owned()),
            ],
            body: form::write(&pairs).into_bytes(),
        };
        let answer = self.wire.send(request).await.map_err(Outcome::unsent)?;
        Ok(outcome(&answer))
    }
}

impl Channel for Sms {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.text(dispatch).await.unwrap_or_else(|not| not) })
    }

    fn hear(&self, callback: &Callback<'_>) -> Result<Heard, Unheard> {
        hear::hear(callback, &self.token)
    }
}

/// What goes onto the telephone: title, text and link, each on lines of its own.
fn words(dispatch: &Dispatch) -> Result<String, Outcome> {
    let content = &dispatch.outgoing.content;
    let link = link::of(dispatch).unwrap_or_default();
    let parts = [content.title.trim(), content.body.trim(), &link];
    let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let text = said.join("\n");
    if text.is_empty() {
        return Err(Outcome::failed(Reason::Content, "the message says nothing"));
    }
    let long = text.encode_utf16().count();
    if long > MOST_TEXT {
        let detail = format!("{long} characters, and a text message has room for {MOST_TEXT}");
        return Err(Outcome::failed(Reason::TooLong, detail));
    }
    Ok(text)
}

/// What Twilio answers: a message, or an error with a code.
#[derive(Default, Deserialize)]
struct Said {
    sid: Option<String>,
    code: Option<u32>,
}

fn outcome(answer: &Answer) -> Outcome {
    let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
    if matches!(answer.status, 200 | 201) {
        let reference = said.sid.filter(|sid| is_sid(sid, "SM") || is_sid(sid, "MM"));
        return Outcome::Accepted { reference: reference.map(Arc::from) };
    }
    let status = answer.status;
    let (fate, reason, words) = said.code.and_then(errors::known).unwrap_or(match status {
        401 | 403 => (Fate::Later, Reason::Credentials, "the account is refused"),
        404 => (Fate::Later, Reason::Settings, "there is no such account"),
        429 => (Fate::Later, Reason::Throttled, "too many requests"),
        408 | 500.. => (Fate::Later, Reason::Provider, "Twilio is in trouble"),
        _ => (Fate::Failed, Reason::Rejected, "the message is refused"),
    });
    // What Twilio says in words names the number, and so is left out.
    let code = said.code.map(|code| format!(", code {code}")).unwrap_or_default();
    let trouble = Trouble::new(reason, format!("{words}: status {status}{code}"));
    match fate {
        Fate::Later => Outcome::Later { trouble, after: answer.retry_after },
        Fate::Failed => Outcome::Failed(trouble),
        Fate::Gone => Outcome::Gone(trouble),
    }
}

fn is_base(base: &str) -> bool {
    reqwest::Url::parse(base).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn is_sid(sid: &str, kind: &str) -> bool {
    let hex = sid.strip_prefix(kind).unwrap_or_default();
    hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether it is a number in the form of E.164.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
}

fn is_sender(from: &str) -> bool {
    let number = from.strip_prefix("whatsapp:").unwrap_or(from);
    let short = (3..=8).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_digit());
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'&' | b'+');
    let name = from.len() <= 11
        && from.bytes().all(named)
        && from.bytes().any(|b| b.is_ascii_alphabetic())
        && from.trim() == from;
    is_number(number) || short || name
}
