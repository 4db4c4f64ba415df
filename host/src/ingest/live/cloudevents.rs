//! CloudEvents 1.0 over HTTP: an event in headers and body, in the body alone, or many in a body.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::clock;
use super::error::{Fault, Refused};
use super::fields::Gather;
use super::header;
use super::json::{self, Json, Object};
use super::segment::{few, short};
use super::take;
use super::{Deed, Item, Received, Who, id_of};
use crate::engine::event::What;

const BATCH: &str = "application/cloudevents-batch";
const ONE: &str = "application/cloudevents";

/// Reads a call: `headers` gives the value of the header of a lower-case name, `body` is all of
/// the body. The event's subject is the user; failing that, `user`, `userId` or `anonymousId` in
/// its data. Its type is the operation's name, unless the extension attribute `nudgekind` says
/// that it is something else: `page`, `hidden`, `heartbeat` or `profile`.
///
/// # Errors
///
/// If there is too much of it, or if it is not in the format that it says it is in.
pub fn read<'h>(
    headers: impl Fn(&str) -> Option<&'h [u8]>,
    body: &[u8],
    received: &Received,
) -> Result<Vec<Result<Item, Refused>>, Refused> {
    let limits = &received.limits;
    let media = headers("content-type").map(media).unwrap_or_default();
    if let Some(format) = media.strip_prefix(BATCH) {
        written_as_json(format)?;
        short(body.len(), limits.body_bytes)?;
        let all = json::elements(json::text(body)?)?;
        few(all.len(), received)?;
        let each = all.into_iter().enumerate().map(|(n, text)| {
            structured(text, received).map_err(|refused| refused.within(&n.to_string()))
        });
        return Ok(each.collect());
    }
    short(body.len(), limits.item_bytes)?;
    if let Some(format) = media.strip_prefix(ONE) {
        written_as_json(format)?;
        // What is no JSON is nobody's event; what is wrong in it is the one event's.
        let object = json::object(json::text(body)?)?;
        return Ok(vec![event_in(&object, received)]);
    }
    match binary(headers, &media, body, received) {
        Err(refused) if refused.kind == Fault::Malformed => Err(refused),
        item => Ok(vec![item]),
    }
}

/// The media type of a content type: lower-case, without parameters.
fn media(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let media = value.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

fn is_json(media: &str) -> bool {
    media.ends_with("/json") || media.ends_with("+json")
}

/// Refuses the `format` of a structured event unless it is JSON.
fn written_as_json(format: &str) -> Result<(), Refused> {
    match format {
        "" | "+json" => Ok(()),
        _ => {
            let reason = "an event format that is not read: send JSON";
            Err(Refused::invalid("content-type", reason))
        }
    }
}

/// What an event says of itself.
struct Attributes<'a> {
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    name: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    /// Takes each by its name from `get`; `place` is where it is.
    fn take(
        get: impl Fn(&'static str) -> Result<Option<Cow<'a, str>>, Refused>,
        place: fn(&str) -> String,
    ) -> Result<Attributes<'a>, Refused> {
        let required = |name| match get(name)? {
            Some(text) if !text.is_empty() => {
                take::printing(&text).map_err(|refused| moved(refused, place(name)))?;
                Ok(text)
            }
            _ => Err(Refused::invalid(place(name), "missing: CloudEvents 1.0 requires it")),
        };
        if required("specversion")? != "1.0" {
            let reason = "a version that is not read: send CloudEvents 1.0";
            return Err(Refused::invalid(place("specversion"), reason));
        }
        Ok(Attributes {
            id: required("id")?,
            source: required("source")?,
            name: required("type")?,
            subject: get("subject")?,
            time: get("time")?,
            kind: get("nudgekind")?,
        })
    }
}

fn moved(refused: Refused, at: String) -> Refused {
    Refused { at, ..refused }
}

fn binary<'h>(
    headers: impl Fn(&str) -> Option<&'h [u8]>,
    media: &str,
    body: &[u8],
    received: &Received,
) -> Result<Item, Refused> {
    let place: fn(&str) -> String = |name| format!("ce-{name}");
    let get = |name: &'static str| {
        let at = place(name);
        match headers(&at).map(header::decode) {
            Some(Ok(text)) => Ok(Some(Cow::Owned(text))),
            Some(Err(reason)) => Err(Refused::invalid(at, reason)),
            None => Ok(None),
        }
    };
    let attributes = Attributes::take(get, place)?;
    if headers("ce-datacontenttype").is_some() {
        let reason = "not to be there: in this mode, Content-Type is the data's";
        return Err(Refused::invalid("ce-datacontenttype", reason));
    }
    let data = match body {
        [] => Json::Null,
        body if media.is_empty() || is_json(media) => json::parse(json::text(body)?)?,
        body if media.starts_with("text/") => Json::Text(Cow::Borrowed(json::text(body)?)),
        body => Json::Text(Cow::Owned(STANDARD.encode(body))),
    };
    event(&attributes, place, &data, None, received)
}

fn structured(text: &str, received: &Received) -> Result<Item, Refused> {
    short(text.len(), received.limits.item_bytes)?;
    event_in(&json::object(text)?, received)
}

fn event_in(object: &Object<'_>, received: &Received) -> Result<Item, Refused> {
    let place: fn(&str) -> String = |name| format!("/{name}");
    let get = |name: &'static str| match object.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(Cow::Borrowed(text.as_ref()))),
        Some(other) => Err(other.instead_of("text").within(name)),
    };
    let attributes = Attributes::take(get, place)?;
    let done = |data: &Json<'_>, key| event(&attributes, place, data, key, received);

    let packed = match object.get("data_base64") {
        None => return done(object.get("data").unwrap_or(&Json::Null), Some("data")),
        Some(Json::Text(packed)) => packed,
        Some(other) => return Err(other.instead_of("text").within("data_base64")),
    };
    if object.get("data").is_some() {
        let reason = "not to be there together with data: send one of them";
        return Err(Refused::invalid("/data_base64", reason));
    }
    let bytes = STANDARD.decode(packed.as_ref()).map_err(|_| {
        let reason = "not base64: send the standard alphabet, padded";
        Refused::new(Fault::Malformed, "/data_base64", reason)
    })?;
    let key = Some("data_base64");
    if get("datacontenttype")?.is_some_and(|declared| is_json(&media(declared.as_bytes()))) {
        let data = json::text(&bytes).and_then(json::parse::<Json<'_>>);
        return done(&data.map_err(|refused| refused.within("data_base64"))?, key);
    }
    done(&Json::Text(Cow::Borrowed(packed)), key)
}

/// The item that an event with these `attributes` and `data` is. The data is under `key` in the
/// body; `None`: it is the body.
fn event(
    attributes: &Attributes<'_>,
    place: fn(&str) -> String,
    data: &Json<'_>,
    key: Option<&str>,
    received: &Received,
) -> Result<Item, Refused> {
    let in_data = |refused: Refused| match key {
        Some(key) => refused.within(key),
        None => refused,
    };
    let none = Object::default();
    let members = match data {
        Json::Object(members) => members,
        _ => &none,
    };
    let subject = attributes.subject.as_deref().map(take::user_id);
    let user = match subject {
        Some(subject) => Some(subject.map_err(|refused| moved(refused, place("subject")))?),
        None => match take::user(members, "user").map_err(in_data)? {
            Some(user) => Some(user),
            None => take::user(members, "userId").map_err(in_data)?,
        },
    };
    let who = Who { user, anonymous: take::id(members, "anonymousId").map_err(in_data)? };
    if who.user.is_none() && who.anonymous.is_none() {
        let reason = "missing: send the user as subject, or as user in the data";
        return Err(Refused::invalid(place("subject"), reason));
    }
    let at = match &attributes.time {
        Some(time) => clock::past_text(time, "time", received)
            .map_err(|refused| moved(refused, place("time")))?,
        None => received.now,
    };

    let mut fields = Gather::default();
    match data {
        Json::Object(members) => fields.object(members, |_| false).map_err(in_data)?,
        other => fields.value("data", other).map_err(in_data)?,
    }
    let fields = fields.finish();
    let name = || {
        let name = take::name_of(&attributes.name);
        name.map_err(|refused| moved(refused, place("type")))
    };
    let what = match attributes.kind.as_deref() {
        None | Some("operation") => What::Operation { name: name()?, fields },
        Some("page") => What::Page { name: name()?, fields },
        Some("hidden") => What::Hidden,
        Some("heartbeat") => What::Heartbeat,
        Some("profile") => What::Profile { fields },
        Some(_) => {
            let reason = "unknown: one of operation, page, hidden, heartbeat and profile";
            return Err(Refused::invalid(place("nudgekind"), reason));
        }
    };
    let source = format!("cloudevents {}", attributes.source);
    let id = Some(id_of(&source, &attributes.id));
    Ok(Item { id, who, at, deed: Deed::Happened(vec![what]) })
}
