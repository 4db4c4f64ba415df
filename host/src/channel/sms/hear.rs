//! What Twilio sends back: the status of messages, and what users reply. Nothing is believed before
//! its signature is checked, which covers the URL as Twilio has it and the whole form.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::errors::{self, Fate};
use super::form;
use crate::channel::{About, Callback, Heard, Reason, Return, Secret, Shown, Trouble, Unheard};
use crate::engine::event::Grade;

/// Fields of a form: Twilio sends some thirty.
const MOST_FIELDS: usize = 500;
/// Bytes of an id or an address.
const MOST_NAME: usize = 200;

type Pairs = Vec<(String, String)>;

/// Reads a callback.
pub(super) fn hear(callback: &Callback<'_>, token: &Secret) -> Result<Heard, Unheard> {
    let query = form::read(callback.query.as_bytes());
    let pairs = checked(callback, &query, token)?;
    let get = |name| value(&pairs, name);
    if let Some(status) = get("MessageStatus") {
        let sid = get("MessageSid").or_else(|| get("SmsSid"));
        return Ok(Heard {
            returns: status_of(&query, sid, status, get("ErrorCode")),
            answer: None,
        });
    }
    let (Some(from), Some(body)) = (get("From"), get("Body")) else {
        return Err(Unheard::Unreadable("neither a status nor a message".to_owned()));
    };
    let from: Arc<str> =
        named(from).ok_or_else(|| Unheard::Unreadable("From is none".to_owned()))?;
    let shown = reply(body, get("OptOutType"));
    let about = || About::Address(from.clone());
    let returns = shown.into_iter().map(|shown| Return { about: about(), shown }).collect();
    // Twilio wants instructions: there are none.
    Ok(Heard { returns, answer: Some(("text/xml", "<Response/>".to_owned())) })
}

/// The callback's fields, if Twilio signed them.
fn checked(callback: &Callback<'_>, query: &Pairs, token: &Secret) -> Result<Pairs, Unheard> {
    let signature = callback.header("x-twilio-signature").ok_or(Unheard::Forged)?;
    let signature = STANDARD.decode(signature.trim()).map_err(|_| Unheard::Forged)?;
    let hash = value(query, "bodySHA256");
    let is_form = callback.method == "POST" && hash.is_none();
    let pairs = if is_form { form::read(callback.body) } else { Vec::new() };
    if pairs.len() > MOST_FIELDS {
        return Err(Unheard::Unreadable("too many fields".to_owned()));
    }
    let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let fields: String =
        sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.reveal().as_bytes());
    let signed = |url: String| hmac::verify(&key, (url + &fields).as_bytes(), &signature).is_ok();
    if !spellings(callback.url).into_iter().any(signed) {
        return Err(Unheard::Forged);
    }
    match hash {
        Some(hash) => {
            let body: String = digest(&SHA256, callback.body)
                .as_ref()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            if !bool::from(body.as_bytes().ct_eq(hash.to_ascii_lowercase().as_bytes())) {
                return Err(Unheard::Forged);
            }
            json(callback.body)
        }
        None if is_form => Ok(pairs),
        None => Ok(query.clone()),
    }
}

/// A URL as Twilio may have signed it: with its port and without.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let port = if scheme == "https" { 443 } else { 80 };
    all.push(match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{scheme}://{host}{path}")
        }
        _ => format!("{scheme}://{host}:{port}{path}"),
    });
    all
}

/// The texts of a JSON object.
fn json(body: &[u8]) -> Result<Pairs, Unheard> {
    let unreadable = |_| Unheard::Unreadable("no JSON object".to_owned());
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(unreadable)?;
    let text = |value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(object.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// A name that something may be known by.
fn named(text: &str) -> Option<Arc<str>> {
    (!text.is_empty() && text.len() <= MOST_NAME).then(|| Arc::from(text))
}

fn status_of(query: &Pairs, sid: Option<&str>, status: &str, code: Option<&str>) -> Vec<Return> {
    let tracking = value(query, "t").and_then(named).map(About::Tracking);
    let about = tracking.or_else(|| sid.and_then(named).map(About::Reference));
    let shown = match status {
        "delivered" => Shown::Grade(Grade::Delivered),
        // Only WhatsApp tells.
        "read" => Shown::Grade(Grade::Opened),
        "failed" | "undelivered" => failure(status, code),
        _ => return Vec::new(),
    };
    about.map(|about| Return { about, shown }).into_iter().collect()
}

fn failure(status: &str, code: Option<&str>) -> Shown {
    let code = code.and_then(|code| code.parse().ok());
    let (fate, reason, words) = code.and_then(errors::known).unwrap_or((
        Fate::Failed,
        Reason::Rejected,
        "the message did not arrive",
    ));
    let code = code.map(|code: u32| format!(", code {code}")).unwrap_or_default();
    // A status is short of known words, or it would not have come here.
    let trouble = Trouble::new(reason, format!("{words}: {status}{code}"));
    match fate {
        Fate::Gone => Shown::Gone(trouble),
        Fate::Later | Fate::Failed => Shown::Failed(trouble),
    }
}

/// What a reply shows. The keywords are those that Twilio itself obeys.
fn reply(body: &str, kind: Option<&str>) -> Vec<Shown> {
    let confirmed = Shown::Grade(Grade::Confirmed);
    // Said where Twilio keeps the keywords, in the languages that the account has set.
    match kind {
        Some("STOP") => return vec![Shown::OptedOut],
        Some("START") => return vec![Shown::OptedIn],
        _ => {}
    }
    let word = body.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase();
    match word.as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "OPTOUT" | "REVOKE" => {
            vec![Shown::OptedOut]
        }
        "START" | "UNSTOP" => vec![Shown::OptedIn],
        // Also what people answer to a question.
        "YES" => vec![Shown::OptedIn, confirmed],
        _ => vec![confirmed],
    }
}
