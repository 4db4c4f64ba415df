//! Makes a row an event, now that its columns have a meaning.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::columns::Columns;
use super::row::{Cell, Row};
use super::text::quoted;
use super::time::Clock;
use crate::engine::event::{Event, Fields, Value, What};

/// From this many fields on, putting each in its place is slower than sorting all.
const MANY: usize = 64;

/// What every row of a log is made an event by.
pub(super) struct Shape {
    columns: Columns,
    clock: Clock,
    keep: Option<BTreeSet<String>>,
    /// The name of the field that holds the node.
    node: Arc<str>,
}

impl Shape {
    pub(super) fn new(columns: Columns, clock: Clock, keep: Option<BTreeSet<String>>) -> Shape {
        Shape { columns, clock, keep, node: "node".into() }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The event that `row` tells of, which is empty then; or why there is none.
    pub(super) fn event(&mut self, row: &mut Row) -> Result<Event, String> {
        let columns = &self.columns;
        let (mut user, mut node, mut time, mut kind) = (None, None, None, None);
        for (name, value) in &row.cells {
            for (column, found) in
                [(&columns.user, &mut user), (&columns.node, &mut node), (&columns.time, &mut time)]
            {
                if *name == column.name {
                    *found = Some(value.clone());
                }
            }
            if columns.kind.as_ref().is_some_and(|kind| *name == kind.name) {
                kind = Some(value.clone());
            }
        }

        let missing = |role, name| format!("no value in the {role} column {}", quoted(name));
        let user = user.as_ref().and_then(text);
        let user = user.ok_or_else(|| missing("user", &columns.user.name))?;
        let time = time.filter(|time| !words(time).trim().is_empty());
        let time = time.ok_or_else(|| missing("time", &columns.time.name))?;
        let at = self.clock.read(&time)?;
        let node = node.as_ref().and_then(text);
        let named = || node.clone().ok_or_else(|| missing("node", &columns.node.name));

        // From here on nothing is wrong with it, unless it is the name that is missing.
        let kind = kind.as_ref().map(words).unwrap_or_default();
        let plain = |name: &Arc<str>| {
            ![&columns.user, &columns.node, &columns.time].iter().any(|c| c.name == *name)
                && self.keep.as_ref().is_none_or(|keep| keep.contains(&**name))
        };
        let rest = |row: &mut Row| {
            let mut rest = std::mem::take(&mut row.cells);
            rest.retain(|(name, _)| plain(name));
            rest
        };
        let what = match kind.trim().to_ascii_lowercase().as_str() {
            "hidden" => What::Hidden,
            "heartbeat" => What::Heartbeat,
            "profile" | "identify" => {
                let mut rest = rest(row);
                rest.retain(|(name, _)| columns.kind.as_ref().is_none_or(|k| *name != k.name));
                What::Profile { fields: fields(rest) }
            }
            kind => {
                let name = named()?;
                let mut rest = rest(row);
                rest.retain(|(field, _)| *field != self.node);
                rest.push((Arc::clone(&self.node), Value::Text(Arc::clone(&name))));
                let fields = fields(rest);
                match kind {
                    "page" => What::Page { name, fields },
                    _ => What::Operation { name, fields },
                }
            }
        };
        Ok(Event { user, at, what })
    }
}

fn fields(cells: Vec<Cell>) -> Fields {
    if cells.len() > MANY {
        return cells.into_iter().collect();
    }
    let mut fields = Fields::default();
    for (name, value) in cells {
        fields.set(name, value);
    }
    fields
}

/// A value as text.
pub(super) fn words(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// A value as text without space around it; nothing if that leaves nothing.
fn text(value: &Value) -> Option<Arc<str>> {
    let words = words(value);
    match (words.trim(), value) {
        ("", _) => None,
        (trimmed, Value::Text(whole)) if trimmed.len() == whole.len() => Some(Arc::clone(whole)),
        (trimmed, _) => Some(trimmed.into()),
    }
}
