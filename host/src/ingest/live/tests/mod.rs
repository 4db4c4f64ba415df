//! The formats as senders write them, well and otherwise.

mod cloudevents;
mod fields;
mod golden;
mod history;
mod hostile;
mod ids;
mod segment;
mod times;

use serde_json::{Value as Json, json};

use super::segment::{Call, Kind, call};
use super::{Deed, Fault, Item, Limits, MessageId, Received, Refused, Who, id_of};
use crate::engine::event::{Fields, Instant, Millis, Value, What};

/// 2026-03-02T10:00:00Z.
const NOW: i64 = 1_772_445_600_000;

fn received() -> Received {
    Received { now: Instant(NOW), limits: Limits::default() }
}

fn read(kind: Kind, body: &Json) -> Result<Call, Refused> {
    call(kind, body.to_string().as_bytes(), &received())
}

/// The item of a single call.
fn one(kind: Kind, body: &Json) -> Result<Item, Refused> {
    let mut items = read(kind, body).unwrap().items;
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn track(more: Json) -> Result<Item, Refused> {
    one(Kind::Track, &with(json!({"userId": "u", "event": "e"}), more))
}

fn with(mut base: Json, more: Json) -> Json {
    for (name, value) in more.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

fn at(refused: Result<Item, Refused>) -> String {
    refused.unwrap_err().at
}

/// An item in short: `user/anonymous what name [field=value …]`.
fn short(item: &Item) -> String {
    let id = |id: &Option<std::sync::Arc<str>>| id.as_deref().unwrap_or("-").to_owned();
    let who = format!("{}/{}", id(&item.who.user), id(&item.who.anonymous));
    match &item.deed {
        Deed::Alias { previous } => format!("{who} alias {previous}"),
        Deed::Happened(all) => all.iter().fold(who, |text, what| text + " " + &shortest(what)),
    }
}

fn shortest(what: &What) -> String {
    let listed = |fields: &Fields| {
        let all = fields.iter().map(|(name, value)| format!("{name}={value}"));
        format!("[{}]", all.collect::<Vec<_>>().join(" "))
    };
    match what {
        What::Operation { name, fields } => format!("{name} {}", listed(fields)),
        What::Page { name, fields } => format!("page {name} {}", listed(fields)),
        What::Profile { fields } => format!("profile {}", listed(fields)),
        What::Hidden => "hidden".into(),
        What::Heartbeat => "heartbeat".into(),
        What::Consent(word) => format!("{word:?}"),
        What::Receipt(receipt) => format!("{receipt:?}"),
        What::Campaign(launch) => format!("{launch:?}"),
    }
}

fn shorts(call: &Call) -> Vec<String> {
    let each = call.items.iter().map(|item| match item {
        Ok(item) => short(item),
        Err(refused) => refused.to_string(),
    });
    each.collect()
}

fn fields(item: &Item) -> &Fields {
    match &item.deed {
        Deed::Happened(all) => match all.as_slice() {
            [
                What::Operation { fields, .. }
                | What::Page { fields, .. }
                | What::Profile { fields },
            ] => fields,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
