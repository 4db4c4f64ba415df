//! Turns recorded log files into events: opens a file, finds out what it is and which column is
//! what, and reads it row by row. Reads the one file it is given and nothing else. Of the engine
//! it knows `event`, the plain data it makes; of the rest of the host, nothing.
//!
//! `source` gives plain bytes, `detect` says what they are; `csv`, `ndjson` and `xes` cut them
//! into rows of named values (`xes` behind `clean`, which tames its bytes), `columns` finds the
//! columns that matter, `time` reads their clock (with `date` and `scan` for all the ways to write
//! one) and `shape` makes the event.

mod clean;
mod columns;
mod csv;
mod date;
mod detect;
mod error;
pub mod live;
mod ndjson;
mod row;
mod scan;
mod shape;
mod source;
mod text;
mod time;
mod xes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::path::Path;
use std::sync::Arc;

pub use columns::{Column, Columns};
pub use detect::{Format, Syntax};
pub use error::{BadRow, LogError, ReadError};

use crate::engine::event::{Event, Value};
use row::{Fatal, Fault, Row, Rows};
use shape::Shape;
use source::Progress;
use time::Clock;

/// How many rows are looked at before the first event is made.
const SAMPLE_ROWS: usize = 1000;
/// How much they may hold, names and all: they are kept until they have been given out.
const SAMPLE_BYTES: usize = 4 << 20;

/// How to read a log: which column is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The column that says whose event it is; `None`: guessed from the usual names.
    pub user: Option<String>,
    /// The column that says which node the user is at; `None`: guessed from the usual names.
    pub node: Option<String>,
    /// The column that says when; `None`: guessed from the usual names.
    pub time: Option<String>,
    /// The column that says what kind of event a row is: `page`, `hidden`, `heartbeat` or
    /// `profile` (`identify`), anything else an operation. `None`: every row is an operation.
    pub kind: Option<String>,
    /// How times are written, as strptime has it; `None`: any of the usual ways.
    pub time_format: Option<String>,
    /// True if 03/04/2011 is the third of April.
    pub day_first: bool,
    /// The fields worth keeping, next to `node`; `None`: all of them.
    pub keep: Option<BTreeSet<String>>,
}

/// One opened log: its events in the order of the file.
///
/// A row that cannot be read is a [`ReadError::Row`] and reading goes on behind it; after a
/// [`ReadError::Fatal`] there is nothing more.
pub struct Log {
    file: Arc<str>,
    format: Format,
    progress: Progress,
    rows: Rows,
    /// What was read for the sample and not yet given out.
    early: VecDeque<Result<Row, Fault>>,
    shape: Shape,
    /// The line that the row that was last given out starts on.
    line: u64,
    over: bool,
}

impl Log {
    /// Opens the log at `path`; `-` is standard input. Reads its first rows to find out what its
    /// columns are and how its dates are written.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is empty or no log, or if a column that was asked for is not
    /// there or one that was not cannot be guessed.
    pub fn open(path: &Path, options: &Options) -> Result<Log, LogError> {
        let file: Arc<str> = match path.as_os_str() == "-" {
            true => "standard input".into(),
            false => text::printable(&path.display().to_string()).into(),
        };
        let source = source::open(path).map_err(|fatal| LogError::new(&file, fatal))?;
        Log::of(file, source, options)
    }

    /// The same of what somebody else has opened, and calls `file`.
    ///
    /// # Errors
    ///
    /// As for [`Log::open`].
    pub fn read(
        file: &str,
        bytes: Box<dyn io::Read + Send>,
        options: &Options,
    ) -> Result<Log, LogError> {
        let file: Arc<str> = text::printable(file).into();
        let source = source::from_reader(bytes, None);
        let source = source.map_err(|error| LogError::new(&file, Fatal::from(&error)))?;
        Log::of(file, source, options)
    }

    fn of(
        file: Arc<str>,
        (head, mut source): (Vec<u8>, source::Source),
        options: &Options,
    ) -> Result<Log, LogError> {
        let fatal = |fatal: Fatal| LogError::new(&file, fatal);
        // What makes no sense may just be cut short.
        let syntax = detect::syntax(&head).map_err(|no| fatal(source.broken().unwrap_or(no)))?;
        let format = Format { syntax, gzip: source.gzip };
        let progress = source.progress.clone();
        let mut rows = Rows::new(syntax, source.chain(head)).map_err(fatal)?;

        let sample = Sample::take(&mut rows);
        if sample.good == 0 {
            if let Some(error) = sample.failed {
                return Err(fatal(error));
            }
            if syntax == Syntax::Ndjson {
                let reason = "none of its first lines is a JSON object (one to a line)";
                return Err(fatal(Fatal::NotALog(reason.into())));
            }
        }
        // The names in an XES log are laid down: events without them are bad rows, not a riddle.
        let names = match &rows {
            Rows::Csv(rows) => rows.header(),
            Rows::Ndjson(_) | Rows::Xes(_) => sample.names,
        };
        let columns = columns::resolve(options, &names, syntax == Syntax::Xes)
            .map_err(|missing| LogError::missing(&file, missing, &names))?;

        let mut clock = Clock::new(options.time_format.clone(), options.day_first);
        let time = &columns.time.name;
        clock.study(sample.rows.iter().flatten().filter_map(|row| {
            let cell = row.cells.iter().rev().find(|(name, _)| name == time);
            cell.map(|(_, value)| value)
        }));

        Ok(Log {
            format,
            progress,
            rows,
            early: sample.rows,
            shape: Shape::new(columns, clock, options.keep.clone()),
            line: 0,
            over: false,
            file,
        })
    }

    /// What the file was found to be.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Which column is what, and whether that was given or guessed.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        self.shape.columns()
    }

    /// The line of the (unpacked) file that the row that was last given out starts on; 0 before the first.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes of the file on disk have been read: packed ones, if it is packed.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.progress.read()
    }

    /// How many bytes the file on disk has; `None` if it is no plain file.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.progress.total()
    }

    /// What had to be assumed to read what has been read up to now; right after opening, that is
    /// a sample of the first rows. Sentences without a full stop.
    #[must_use]
    pub fn assumptions(&self) -> Vec<String> {
        let mut all = match &self.rows {
            Rows::Csv(rows) => rows.notes().to_vec(),
            Rows::Ndjson(_) | Rows::Xes(_) => Vec::new(),
        };
        all.extend(self.shape.clock().notes());
        all
    }

    fn bad(&self, line: u64, reason: String, text: String) -> ReadError {
        ReadError::Row(BadRow { file: Arc::clone(&self.file), line, reason, text })
    }
}

impl Iterator for Log {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let Some(row) = self.early.pop_front().or_else(|| self.rows.next()) else {
            self.over = true;
            return None;
        };
        Some(match row {
            Ok(row) => {
                let mut row = row;
                self.line = row.line;
                let event = self.shape.event(&mut row);
                event.map_err(|reason| self.bad(row.line, reason, row.text()))
            }
            Err(Fault::Row { line, reason, text }) => {
                self.line = line;
                Err(self.bad(line, reason, text))
            }
            Err(Fault::Fatal(fatal)) => {
                self.over = true;
                Err(ReadError::Fatal(LogError::new(&self.file, fatal)))
            }
        })
    }
}

impl FusedIterator for Log {}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("file", &self.file)
            .field("format", &self.format)
            .field("columns", self.columns())
            .finish_non_exhaustive()
    }
}

/// The first rows of a log.
struct Sample {
    rows: VecDeque<Result<Row, Fault>>,
    /// How many of them are rows.
    good: usize,
    /// What ended the log, if that is all there is to say of it.
    failed: Option<Fatal>,
    /// The columns seen, in the order they were first seen in.
    names: Vec<Arc<str>>,
}

impl Sample {
    fn take(rows: &mut Rows) -> Sample {
        let mut sample = Sample { rows: VecDeque::new(), good: 0, failed: None, names: Vec::new() };
        let mut known = HashSet::new();
        let mut size = 0;
        while sample.rows.len() < SAMPLE_ROWS && size < SAMPLE_BYTES {
            let Some(row) = rows.next() else { break };
            match &row {
                Ok(row) => {
                    sample.good += 1;
                    for (name, value) in &row.cells {
                        size += size_of::<row::Cell>() + name.len();
                        if let Value::Text(text) = value {
                            size += text.len();
                        }
                        if known.insert(Arc::clone(name)) {
                            sample.names.push(Arc::clone(name));
                        }
                    }
                }
                Err(Fault::Row { reason, text, .. }) => size += reason.len() + text.len(),
                Err(Fault::Fatal(_)) if sample.good > 0 => {}
                Err(Fault::Fatal(fatal)) => {
                    sample.failed = Some(fatal.clone());
                    break;
                }
            }
            sample.rows.push_back(row);
        }
        sample
    }
}
