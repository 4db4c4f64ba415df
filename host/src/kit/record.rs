//! What really happened to somebody, made a case: their recorded events become its steps, the strategy
//! its settings, and what the strategy decides its expectations.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::bless;
use super::when;
use crate::engine::consent::Consent;
use crate::engine::event::{Event, Fields, Instant, What};
use crate::strategy::{Document, PolicyEntry};

/// What to make a case of.
#[derive(Debug)]
pub(crate) struct Recorded<'a> {
    /// What the case is to be called.
    pub(crate) name: &'a str,
    /// The strategy that was at work.
    pub(crate) document: &'a Document,
    /// Where it stands.
    pub(crate) path: &'a Path,
    /// The policy to be tested, an index into the strategy's.
    pub(crate) subject: usize,
    /// One user's events.
    pub(crate) events: &'a [Event],
    /// The end of the record.
    pub(crate) end: Instant,
    /// Where the case will stand, to name other policies from there.
    pub(crate) folder: &'a Path,
}

/// The text of a file with the one case, which expects nothing so far.
///
/// # Errors
///
/// What cannot be said in a case.
pub(crate) fn write(recorded: &Recorded<'_>) -> Result<String, String> {
    let mut file = DocumentMut::new();
    let document = recorded.document;
    for (at, entry) in document.policy.iter().enumerate() {
        if at == recorded.subject {
            if entry.settings.as_object().is_some_and(|settings| !settings.is_empty()) {
                file.insert("settings", table(&entry.settings)?);
            }
            continue;
        }
        let entry = PolicyEntry { r#use: moved(recorded, &entry.r#use), ..entry.clone() };
        push(&mut file, "with", table(&entry)?);
    }
    for channel in &document.channel {
        push(&mut file, "channel", table(channel)?);
    }
    if !document.messages.is_empty() {
        file.insert("messages", table(&document.messages)?);
    }
    let mut case = Table::new();
    case.insert("name", recorded.name.into());
    let mut steps = ArrayOfTables::new();
    let mut before: Option<Instant> = None;
    let mut events: Vec<&Event> = recorded.events.iter().collect();
    events.sort_by_key(|event| event.at);
    for event in events {
        let mut step = moment(before, event.at);
        before = Some(event.at.max(before.unwrap_or(Instant::MIN)));
        match &event.what {
            What::Operation { name, fields } => step.insert("event", fields_of(name, fields)),
            What::Page { name, fields } => step.insert("page", fields_of(name, fields)),
            What::Hidden => step.insert("hidden", true.into()),
            What::Heartbeat => step.insert("heartbeat", true.into()),
            What::Profile { fields } => step.insert("profile", item(fields)),
            What::Consent(word) => step.insert("consent", said(word)),
            // A receipt names an attempt of the past, of which there is none here; a campaign is in no log.
            What::Receipt(_) | What::Campaign(_) => continue,
        };
        steps.push(step);
    }
    if before.is_some_and(|before| before < recorded.end) {
        steps.push(moment(before, recorded.end));
    }
    case.insert("step", Item::ArrayOfTables(steps));
    push(&mut file, "case", Item::Table(case));
    Ok(file.to_string())
}

/// What the user has said about being messaged.
fn said(word: &Consent) -> Item {
    let mut table = InlineTable::new();
    for (name, value) in [("topic", &word.topic), ("channel", &word.channel)] {
        if let Some(value) = value {
            table.insert(name, (&**value).into());
        }
    }
    table.insert("allowed", word.allowed.into());
    toml_edit::value(table)
}

/// A step with its moment: the first says when, the others how long after.
fn moment(before: Option<Instant>, at: Instant) -> Table {
    let mut step = Table::new();
    match before {
        None => step.insert("at", at.to_string().into()),
        Some(before) if at > before => step.insert("after", when::written(at.since(before)).into()),
        Some(_) => None,
    };
    step
}

/// A policy's file as it is named from where the case stands.
fn moved(recorded: &Recorded<'_>, named: &str) -> String {
    if !named.ends_with(".wasm") {
        return named.to_owned();
    }
    let from = |path: &Path| path.canonicalize().ok();
    let file = from(&recorded.path.parent().unwrap_or(Path::new("")).join(named));
    let here =
        from(if recorded.folder.as_os_str().is_empty() { Path::new(".") } else { recorded.folder });
    let (Some(file), Some(here)) = (file, here) else { return named.to_owned() };
    let shared = file.components().zip(here.components()).take_while(|(a, b)| a == b).count();
    let up = here.components().skip(shared).map(|_| "..");
    let down = file.components().skip(shared);
    let path: PathBuf = up.map(PathBuf::from).chain(down.map(|d| d.as_os_str().into())).collect();
    path.to_string_lossy().replace('\\', "/")
}

fn fields_of(name: &str, fields: &Fields) -> Item {
    let mut table = InlineTable::new();
    // What says nothing is left out.
    if name != "event" {
        table.insert("name", name.into());
    }
    for (name, field) in fields.iter() {
        table.insert(name.to_string(), value(field));
    }
    Item::Value(Value::InlineTable(table))
}

fn item(fields: &Fields) -> Item {
    let fields = fields.iter().map(|(name, field)| (name.to_string(), value(field)));
    Item::Value(Value::InlineTable(fields.collect()))
}

fn value(value: &crate::engine::event::Value) -> Value {
    bless::value(&serde_json::to_value(value).unwrap_or_default())
}

/// A document as a table.
fn table(value: &impl Serialize) -> Result<Item, String> {
    let mut json = serde_json::to_value(value).map_err(|error| error.to_string())?;
    strip(&mut json);
    let written = toml_edit::ser::to_document(&json).map_err(|error| error.to_string())?;
    let mut table = written.as_table().clone();
    spread(&mut table);
    table.set_implicit(false);
    // Places in the text it was read from mean nothing here.
    unplace(&mut table);
    Ok(Item::Table(table))
}

/// Two levels of tables read better than braces in braces.
fn spread(table: &mut Table) {
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        let Some(item) = table.get_mut(&key) else { continue };
        if let Item::Value(Value::InlineTable(inner)) = item {
            let nested = inner.iter().any(|(_, value)| value.is_inline_table());
            if nested {
                let mut inner = inner.clone().into_table();
                spread(&mut inner);
                inner.set_implicit(true);
                *item = Item::Table(inner);
            }
        }
    }
}

fn unplace(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        if let Item::Table(table) = item {
            unplace(table);
        }
    }
}

/// What is null is not there.
fn strip(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

fn push(file: &mut DocumentMut, key: &str, item: Item) {
    let Item::Table(table) = item else { return };
    let entry = file.entry(key).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Item::ArrayOfTables(tables) = entry {
        tables.push(table);
    }
}
