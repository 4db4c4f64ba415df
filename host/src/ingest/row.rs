//! A row of any log before anybody knows what its columns mean, and what can be wrong with it.

use std::io;
use std::sync::Arc;

use super::detect::Syntax;
use super::source::{Bytes, Damage};
use super::{csv, ndjson, xes};
use crate::engine::event::Value;

/// The longest row that is read, in bytes; longer ones are skipped.
pub(super) const CAP: usize = 1 << 20;

/// A column's name and what is there.
pub(super) type Cell = (Arc<str>, Value);

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line of the unpacked file that it starts on, the first being 1.
    pub(super) line: u64,
    /// What it holds; nothing for what is absent or empty.
    pub(super) cells: Vec<Cell>,
}

impl Row {
    /// What it holds, as a JSON object.
    pub(super) fn text(&self) -> String {
        let cells = self.cells.iter().map(|(name, value)| (name.as_ref(), value));
        serde_json::to_string(&std::collections::BTreeMap::from_iter(cells)).unwrap_or_default()
    }
}

/// Why there is no row.
#[derive(Debug)]
pub(super) enum Fault {
    /// This one cannot be read, the next one may.
    Row {
        line: u64,
        reason: String,
        /// What it says, as far as that is text.
        text: String,
    },
    /// There is no next one.
    Fatal(Fatal),
}

/// What ends the reading of a file.
#[derive(Clone, Debug)]
pub(super) enum Fatal {
    /// The system would not give it.
    Unreadable(String),
    /// There is nothing in it.
    Empty,
    /// It is something else.
    NotALog(String),
    /// It breaks off, or what holds it together is broken.
    Damaged(String),
}

impl From<&io::Error> for Fatal {
    fn from(error: &io::Error) -> Fatal {
        match error.get_ref().is_some_and(|inner| inner.is::<Damage>()) {
            true => Fatal::Damaged(error.to_string()),
            false => Fatal::Unreadable(error.to_string()),
        }
    }
}

impl From<Fatal> for Fault {
    fn from(fatal: Fatal) -> Fault {
        Fault::Fatal(fatal)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Fatal(Fatal::from(&error))
    }
}

/// The rows of a log, whatever it is written in.
pub(super) enum Rows {
    Csv(csv::Rows<Bytes>),
    Ndjson(ndjson::Rows<Bytes>),
    Xes(Box<xes::Rows<Bytes>>),
}

impl Rows {
    /// The rows of `bytes`, which are written in `syntax`.
    pub(super) fn new(syntax: Syntax, bytes: Bytes) -> Result<Rows, Fatal> {
        Ok(match syntax {
            Syntax::Csv { delimiter } => Rows::Csv(csv::Rows::open(bytes, delimiter)?),
            Syntax::Ndjson => Rows::Ndjson(ndjson::Rows::new(bytes)),
            Syntax::Xes => Rows::Xes(Box::new(xes::Rows::new(bytes))),
        })
    }

    /// The next row; nothing, for good, at the end of the file or after something fatal.
    pub(super) fn next(&mut self) -> Option<Result<Row, Fault>> {
        match self {
            Rows::Csv(rows) => rows.next(),
            Rows::Ndjson(rows) => rows.next(),
            Rows::Xes(rows) => rows.next(),
        }
    }
}
