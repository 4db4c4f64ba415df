//! History in bulk, one JSON object to a line: messages as Segment has them, out of a recording,
//! or simple rows of who, when and what.

use super::clock;
use super::error::Refused;
use super::fields::Gather;
use super::json::{self, Json, Object};
use super::segment::{self, Kind};
use super::take;
use super::{Deed, Item, Received, Who};

/// What names the time of a simple row, the first that is there.
const TIME: [&str; 2] = ["time", "timestamp"];
/// What names the operation of a simple row, the first that is there.
const NAME: [&str; 3] = ["node", "event", "name"];

/// Reads one line. An object with `user` is a simple row; without it, a message with a `type`.
/// History says when it happened: a line without a time is refused.
///
/// # Errors
///
/// If the line is too long, or no JSON object, or if something is missing or wrong in it.
pub fn line(bytes: &[u8], received: &Received) -> Result<Item, Refused> {
    read(bytes, received, false)
}

/// The same of a line that was sent as things happened: one without a time happened when it was received.
///
/// # Errors
///
/// If the line is too long, or no JSON object, or if something is missing or wrong in it.
pub fn fresh(bytes: &[u8], received: &Received) -> Result<Item, Refused> {
    read(bytes, received, true)
}

fn read(bytes: &[u8], received: &Received, fresh: bool) -> Result<Item, Refused> {
    segment::short(bytes.len(), received.limits.item_bytes)?;
    let object = json::object(json::text(bytes)?)?;
    let typed = match object.get("type") {
        Some(Json::Text(name)) => Kind::from_type(name).is_some() || named(&object).is_none(),
        _ => false,
    };
    match object.get("user") {
        None if typed && fresh => segment::sent(&object, received),
        None if typed => segment::recorded(&object, received),
        _ => row(&object, received, fresh),
    }
}

fn named(object: &Object<'_>) -> Option<&'static str> {
    NAME.into_iter().find(|key| object.get(key).is_some())
}

fn row(object: &Object<'_>, received: &Received, fresh: bool) -> Result<Item, Refused> {
    let id = take::message(object)?;
    let user = match take::user(object, "user")? {
        Some(user) => Some(user),
        None => take::user(object, "userId")?,
    };
    let who = Who { user, anonymous: take::id(object, "anonymousId")? };
    if who.user.is_none() && who.anonymous.is_none() {
        return Err(Refused::invalid("/user", "missing: say whose it is"));
    }
    let time = TIME.into_iter().find(|key| object.get(key).is_some());
    if time.is_none() && !fresh {
        return Err(Refused::invalid("/time", "missing: say when it happened"));
    }
    let at = match time.map_or(Ok(None), |time| clock::named(object, time))? {
        Some(at) => clock::past(at, received)?,
        None => received.now,
    };
    let key = named(object).ok_or_else(|| {
        Refused::invalid("/node", "missing: say what happened, as node, event or name")
    })?;
    let name = take::name(object.get(key).unwrap_or(&Json::Null));
    let name = name.map_err(|refused| refused.within(key))?;

    let mut fields = Gather::default();
    let taken = |name: &str| {
        name == key
            || Some(name) == time
            || ["user", "userId", "anonymousId", "messageId"].contains(&name)
    };
    fields.object(object, taken)?;
    // As in a recorded log, the node of what stands at one is a field, too.
    if key == "node" {
        fields.text("node", &name)?;
    }
    let what = segment::operation(name, fields.finish());
    Ok(Item { id, who, at, deed: Deed::Happened(vec![what]) })
}
