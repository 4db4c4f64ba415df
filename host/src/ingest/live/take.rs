//! Single values of a call: ids, names, and what makes them good.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::Refused;
use super::json::{Json, Object};
use super::{ANONYMOUS, MessageId, Who, id_of};

/// The longest id, in bytes.
const ID: usize = 256;
/// The longest id of a message, in characters.
const MESSAGE: usize = 100;
/// The longest name of an operation or page, in characters.
const NAME: usize = 200;

/// The id under `key`; numbers are ids, too.
pub(super) fn id(object: &Object<'_>, key: &str) -> Result<Option<Arc<str>>, Refused> {
    let Some(json) = object.get(key) else { return Ok(None) };
    let id = words(json).and_then(|id| checked(&id).map(|()| Arc::from(id)));
    id.map(Some).map_err(|refused| refused.within(key))
}

/// The user id under `key`.
pub(super) fn user(object: &Object<'_>, key: &str) -> Result<Option<Arc<str>>, Refused> {
    let id = id(object, key)?;
    if let Some(id) = &id {
        unreserved(id).map_err(|refused| refused.within(key))?;
    }
    Ok(id)
}

/// The user id that `text` is.
pub(super) fn user_id(text: &str) -> Result<Arc<str>, Refused> {
    checked(text)?;
    unreserved(text)?;
    Ok(Arc::from(text))
}

/// Whose `object` is: `userId` and `anonymousId`.
pub(super) fn who(object: &Object<'_>) -> Result<Who, Refused> {
    let who = Who { user: user(object, "userId")?, anonymous: id(object, "anonymousId")? };
    match who {
        Who { user: None, anonymous: None } => {
            Err(Refused::invalid("/userId", "missing: send userId or anonymousId"))
        }
        who => Ok(who),
    }
}

/// By what a message of a Segment sender is known.
pub(super) fn message(object: &Object<'_>) -> Result<Option<MessageId>, Refused> {
    let Some(json) = object.get("messageId") else { return Ok(None) };
    let id = words(json).and_then(|id| match id.chars().count() {
        0 => Err(Refused::invalid("", "empty: leave it out or send an id")),
        1..=MESSAGE => printing(&id).map(|()| id_of("segment", &id)),
        _ => {
            let reason = format!("longer than {MESSAGE} characters: send a shorter id");
            Err(Refused::invalid("", reason))
        }
    });
    id.map(Some).map_err(|refused| refused.within("messageId"))
}

/// The name that `json` is.
pub(super) fn name(json: &Json<'_>) -> Result<Arc<str>, Refused> {
    match json {
        Json::Text(text) => name_of(text),
        other => Err(other.instead_of("text")),
    }
}

/// The name that `text` is.
pub(super) fn name_of(text: &str) -> Result<Arc<str>, Refused> {
    if text.trim().is_empty() {
        return Err(Refused::invalid("", "empty: send a name"));
    }
    if beginning(text) != text {
        let reason = format!("a name longer than {NAME} characters: shorten it");
        return Err(Refused::invalid("", reason));
    }
    Ok(Arc::from(text))
}

/// As much of `text` as a name may have.
pub(super) fn beginning(text: &str) -> &str {
    match text.char_indices().nth(NAME) {
        Some((end, _)) if text.len() > NAME => text.get(..end).unwrap_or_default(),
        _ => text,
    }
}

/// The text that `json` is, if there is something in it.
pub(super) fn spoken<'a>(json: Option<&'a Json<'_>>) -> Option<&'a str> {
    match json {
        Some(Json::Text(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// Refuses what does not print.
pub(super) fn printing(text: &str) -> Result<(), Refused> {
    match text.chars().any(char::is_control) {
        true => Err(Refused::invalid("", "has control characters: leave them out")),
        false => Ok(()),
    }
}

fn words<'a>(json: &'a Json<'_>) -> Result<Cow<'a, str>, Refused> {
    match json {
        Json::Text(text) => Ok(Cow::Borrowed(text)),
        Json::Integer(number) => Ok(Cow::Owned(number.to_string())),
        Json::Large(number) => Ok(Cow::Owned(number.to_string())),
        Json::Number(_) => {
            Err(Refused::invalid("", "no whole number, or too large a one: send the id as text"))
        }
        other => Err(other.instead_of("text or a whole number")),
    }
}

fn checked(id: &str) -> Result<(), Refused> {
    match id.len() {
        0 => Err(Refused::invalid("", "empty: leave it out or send an id")),
        1..=ID => printing(id),
        _ => Err(Refused::invalid("", format!("longer than {ID} bytes: send a shorter id"))),
    }
}

fn unreserved(id: &str) -> Result<(), Refused> {
    if id.starts_with(ANONYMOUS) {
        let reason = format!(
            "begins with \"{ANONYMOUS}\", which is the service's: send anonymous ids as anonymousId"
        );
        return Err(Refused::invalid("", reason));
    }
    Ok(())
}
