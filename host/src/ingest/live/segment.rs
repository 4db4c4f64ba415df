//! Segment's HTTP tracking API, which many senders speak: one message to a call, or a batch.

use std::sync::Arc;

use super::clock;
use super::error::{Fault, Refused};
use super::fields::Gather;
use super::json::{self, Json, Object};
use super::take;
use super::{Deed, HEARTBEAT, HIDDEN, Item, Received};
use crate::engine::event::{Fields, Instant, What};

/// What a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is known of a user.
    Identify,
    /// A user did something.
    Track,
    /// A page of a site was shown.
    Page,
    /// A screen of an app was shown.
    Screen,
    /// A user belongs to a group.
    Group,
    /// Two ids are one user's.
    Alias,
    /// Any of the others, many times.
    Batch,
}

impl Kind {
    /// What calls of `/v1/{path}` say: `track`, or `t` as scripts in browsers have it.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Kind> {
        Some(match path {
            "i" => Kind::Identify,
            "t" => Kind::Track,
            "p" => Kind::Page,
            "s" => Kind::Screen,
            "g" => Kind::Group,
            "a" => Kind::Alias,
            "b" | "batch" => Kind::Batch,
            _ => return Kind::from_type(path),
        })
    }

    /// What a message of the type `name` says.
    pub(super) fn from_type(name: &str) -> Option<Kind> {
        Some(match name {
            "identify" => Kind::Identify,
            "track" => Kind::Track,
            "page" => Kind::Page,
            "screen" => Kind::Screen,
            "group" => Kind::Group,
            "alias" => Kind::Alias,
            _ => return None,
        })
    }
}

/// One call, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The write key, if the sender put it into the body.
    pub write_key: Option<String>,
    /// The item of a single call, or those of a batch in their order; one that is refused spoils
    /// no other.
    pub items: Vec<Result<Item, Refused>>,
}

/// Reads the `body` of a call of `kind`. Of a single call, whatever is wrong with the message
/// itself is said of its one item, so that the write key can be looked at first.
///
/// # Errors
///
/// If there is too much of it, or if it is no JSON object, or if what a batch has around its
/// messages is wrong.
pub fn call(kind: Kind, body: &[u8], received: &Received) -> Result<Call, Refused> {
    match kind {
        Kind::Batch => batch(body, received),
        kind => {
            short(body.len(), received.limits.item_bytes)?;
            let object = json::object(json::text(body)?)?;
            let write_key = write_key(object.get("writeKey"));
            let items = vec![message(kind, &object, &Around::default(), received)];
            Ok(Call { write_key, items })
        }
    }
}

/// What a batch says of all its messages.
#[derive(Default)]
struct Around<'a> {
    sent: Option<i64>,
    context: Object<'a>,
}

fn batch(body: &[u8], received: &Received) -> Result<Call, Refused> {
    short(body.len(), received.limits.body_bytes)?;
    let members = json::members(json::text(body)?)?;
    let member = |key: &str| {
        // Of two the last, as everywhere.
        let found = members.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, text)| *text).filter(|text| *text != "null")
    };
    let parsed = |key: &str| match member(key).map(json::parse::<Json<'_>>) {
        Some(Err(refused)) => Err(refused.within(key)),
        Some(Ok(json)) => Ok(Some(json)),
        None => Ok(None),
    };
    let write_key = write_key(parsed("writeKey")?.as_ref());
    let sent = match parsed("sentAt")? {
        Some(sent) => Some(clock::moment(&sent).map_err(|refused| refused.within("sentAt"))?),
        None => None,
    };
    let context = match parsed("context")? {
        Some(Json::Object(context)) => context,
        None => Object::default(),
        Some(Json::Array(none)) if none.is_empty() => Object::default(),
        Some(other) => return Err(other.instead_of("an object").within("context")),
    };
    let around = Around { sent, context };

    let Some(all) = member("batch") else {
        return Err(Refused::invalid("/batch", "missing: send an array of messages"));
    };
    let all = json::elements(all).map_err(|refused| refused.within("batch"))?;
    few(all.len(), received).map_err(|refused| refused.within("batch"))?;
    let each = all.into_iter().enumerate().map(|(n, text)| {
        let item = element(text, &around, received);
        item.map_err(|refused| refused.within(&n.to_string()).within("batch"))
    });
    Ok(Call { write_key, items: each.collect() })
}

fn element(text: &str, around: &Around<'_>, received: &Received) -> Result<Item, Refused> {
    short(text.len(), received.limits.item_bytes)?;
    let object = json::object(text)?;
    message(kind(&object)?, &object, around, received)
}

fn kind(object: &Object<'_>) -> Result<Kind, Refused> {
    let known = match object.get("type") {
        Some(Json::Text(name)) => Kind::from_type(name),
        _ => None,
    };
    known.ok_or_else(|| {
        let reason = "missing or unknown: one of identify, track, page, screen, group and alias";
        Refused::invalid("/type", reason)
    })
}

fn message(
    kind: Kind,
    object: &Object<'_>,
    around: &Around<'_>,
    received: &Received,
) -> Result<Item, Refused> {
    let at = clock::live(object, around.sent, received)?;
    item(kind, object, &around.context, at)
}

/// The message `object`, which happened `at`, with a `context` around its own.
fn item(
    kind: Kind,
    object: &Object<'_>,
    context: &Object<'_>,
    at: Instant,
) -> Result<Item, Refused> {
    let id = take::message(object)?;
    let who = take::who(object)?;
    let context = Context { own: object.object("context")?, around: context };
    let what = match kind {
        Kind::Identify => Some(What::Profile { fields: traits(object, &context)? }),
        Kind::Group => Some(What::Profile { fields: group(object)? }),
        Kind::Track => Some(track(object)?),
        Kind::Page | Kind::Screen => Some(page(object, &context)?),
        // No message is a batch: neither a path nor a type leads here with one.
        Kind::Alias | Kind::Batch => {
            if who.user.is_none() {
                return Err(Refused::invalid("/userId", "missing: send whose previousId was"));
            }
            let reason = "missing: send the id that userId had before";
            let previous = take::user(object, "previousId")?;
            let previous = previous.ok_or_else(|| Refused::invalid("/previousId", reason))?;
            return Ok(Item { id, who, at, deed: Deed::Alias { previous } });
        }
    };
    Ok(Item { id, who, at, deed: Deed::Happened(what.into_iter().collect()) })
}

/// The operation `name`, or what it stands for.
pub(super) fn operation(name: Arc<str>, fields: Fields) -> What {
    match &*name {
        HIDDEN => What::Hidden,
        HEARTBEAT => What::Heartbeat,
        _ => What::Operation { name, fields },
    }
}

/// A message by itself, which says what it is.
pub(super) fn sent(object: &Object<'_>, received: &Received) -> Result<Item, Refused> {
    message(kind(object)?, object, &Around::default(), received)
}

/// A message out of a recording, which says itself what and when it was.
pub(super) fn recorded(object: &Object<'_>, received: &Received) -> Result<Item, Refused> {
    let kind = kind(object)?;
    let at = clock::recorded(object, received)?
        .ok_or_else(|| Refused::invalid("/timestamp", "missing: say when it happened"))?;
    item(kind, object, &Object::default(), at)
}

fn traits(object: &Object<'_>, context: &Context<'_>) -> Result<Fields, Refused> {
    let mut fields = members(object, "traits")?;
    for (name, path) in [
        ("timezone", &["timezone"][..]),
        ("locale", &["locale"]),
        ("device.token", &["device", "token"]),
    ] {
        context.add(&mut fields, name, path)?;
    }
    Ok(fields.finish())
}

fn group(object: &Object<'_>) -> Result<Fields, Refused> {
    let group = take::id(object, "groupId")?;
    let group =
        group.ok_or_else(|| Refused::invalid("/groupId", "missing: send the group's id"))?;
    let mut fields = Gather::default();
    if let Some(traits) = object.object("traits")? {
        fields.under("group", traits).map_err(|refused| refused.within("traits"))?;
    }
    fields.text("group", &group).map_err(|refused| refused.within("groupId"))?;
    Ok(fields.finish())
}

fn track(object: &Object<'_>) -> Result<What, Refused> {
    let event = object.get("event").unwrap_or(&Json::Null);
    let name = match event {
        Json::Null => Err(Refused::invalid("", "missing: send the event's name")),
        event => take::name(event),
    };
    let name = name.map_err(|refused| refused.within("event"))?;
    Ok(operation(name, members(object, "properties")?.finish()))
}

fn page(object: &Object<'_>, context: &Context<'_>) -> Result<What, Refused> {
    let properties = object.object("properties")?;
    let property = |key| take::spoken(properties.and_then(|all| all.get(key)));
    let name = match object.get("name") {
        Some(Json::Text(text)) if text.is_empty() => None,
        Some(name) => Some(take::name(name).map_err(|refused| refused.within("name"))?),
        None => None,
    };
    let name = name.unwrap_or_else(|| {
        let other = property("name").or_else(|| property("title"));
        let other = other.or_else(|| take::spoken(object.get("category")));
        // Titles are written for people: one that is too long for a name is no mistake.
        take::beginning(other.unwrap_or("page")).into()
    });
    let mut fields = members(object, "properties")?;
    fields
        .other("category", object.get("category"))
        .map_err(|refused| refused.within("category"))?;
    context.add(&mut fields, "url", &["page", "url"])?;
    context.add(&mut fields, "path", &["page", "path"])?;
    Ok(What::Page { name, fields: fields.finish() })
}

fn members(object: &Object<'_>, key: &str) -> Result<Gather, Refused> {
    let mut fields = Gather::default();
    if let Some(members) = object.object(key)? {
        fields.object(members, |_| false).map_err(|refused| refused.within(key))?;
    }
    Ok(fields)
}

/// The context of a message and, behind it, that of its batch.
struct Context<'a> {
    own: Option<&'a Object<'a>>,
    around: &'a Object<'a>,
}

impl<'a> Context<'a> {
    fn get(&self, path: &[&str]) -> Option<&'a Json<'a>> {
        let find = |all: &'a Object<'a>| {
            let (last, way) = path.split_last()?;
            let end = way.iter().try_fold(all, |all, key| match all.get(key) {
                Some(Json::Object(inner)) => Some(inner),
                _ => None,
            });
            end?.get(last)
        };
        self.own.and_then(find).or_else(|| find(self.around))
    }

    /// Adds the text at `path` as the field `name`, unless there is one.
    fn add(&self, fields: &mut Gather, name: &str, path: &[&str]) -> Result<(), Refused> {
        let text = self.get(path).filter(|json| matches!(json, Json::Text(_)));
        fields.other(name, text).map_err(|refused| {
            let inner = path.iter().rev().fold(refused, |refused, key| refused.within(key));
            inner.within("context")
        })
    }
}

fn write_key(json: Option<&Json<'_>>) -> Option<String> {
    take::spoken(json).map(str::to_owned)
}

/// Refuses what has more bytes than it may.
pub(super) fn short(bytes: usize, most: usize) -> Result<(), Refused> {
    if bytes > most {
        let reason = format!("{bytes} bytes where {most} are taken: send less at once");
        return Err(Refused::new(Fault::TooLarge, "", reason));
    }
    Ok(())
}

/// Refuses a batch of more items than it may have.
pub(super) fn few(items: usize, received: &Received) -> Result<(), Refused> {
    let most = received.limits.items;
    if items > most {
        let reason = format!("{items} items where {most} are taken: send smaller batches");
        return Err(Refused::new(Fault::TooLarge, "", reason));
    }
    Ok(())
}
