//! The events of a log, by user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::audience::out_to;
use crate::engine::event::{Event, Instant};
use crate::engine::policy::Launch;
use crate::ingest::{BadRow, Log, LogError, Options, ReadError};

/// All users of a log in order of name, each with their events.
#[derive(Debug, Default)]
pub struct Users(Vec<(Arc<str>, Vec<Event>)>);

impl Users {
    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no user.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Has a campaign go out to all of them at a moment.
    pub fn reach(&mut self, launch: &Arc<Launch>, at: Instant) {
        for (user, events) in &mut self.0 {
            events.push(out_to(launch, user, at));
        }
    }

    /// Cuts them into chunks of so many, in order.
    pub(super) fn chunks(self, size: usize) -> Vec<Users> {
        let mut rest = self.0.into_iter();
        let mut chunks = Vec::new();
        loop {
            let chunk: Vec<_> = rest.by_ref().take(size).collect();
            if chunk.is_empty() {
                return chunks;
            }
            chunks.push(Users(chunk));
        }
    }
}

impl IntoIterator for Users {
    type Item = (Arc<str>, Vec<Event>);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What happens while logs are read.
pub trait Progress {
    /// A log was opened.
    fn opened(&mut self, path: &Path, log: &Log);
    /// A row was read.
    fn row(&mut self, log: &Log);
    /// A row could not be read.
    fn bad(&mut self, row: &BadRow);
}

/// Why the logs were not read to their end.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A row cannot be read, and was not to be passed over.
    #[error("{0}")]
    Strict(BadRow),
    /// There is nothing in the logs.
    #[error("{path}: there is not one event in it", path = path.display())]
    Empty {
        /// The first log.
        path: PathBuf,
    },
    /// The logs have rows, but not one that could be read.
    #[error("{path}: not one of its {bad} rows could be read; the first: {first}", path = path.display())]
    Nothing {
        /// The first log.
        path: PathBuf,
        /// How many rows.
        bad: u64,
        /// The first of them.
        first: BadRow,
    },
}

/// What was read.
#[derive(Debug)]
pub struct Events {
    /// By user.
    pub users: Users,
    /// How many events.
    pub count: u64,
    /// How many rows could not be read.
    pub bad: u64,
    /// The earliest moment.
    pub first: Instant,
    /// The latest moment.
    pub last: Instant,
}

/// Reads logs to their end.
///
/// # Errors
///
/// If a log cannot be read, or, with `strict`, a row of it.
pub fn read(
    paths: &[PathBuf],
    options: &Options,
    strict: bool,
    progress: &mut dyn Progress,
) -> Result<Events, ReadFailure> {
    let mut users: BTreeMap<Arc<str>, Vec<Event>> = BTreeMap::new();
    let (mut count, mut bad, mut worst) = (0, 0, None);
    let (mut first, mut last) = (Instant::MAX, Instant::MIN);
    for path in paths {
        let mut log = Log::open(path, options)?;
        progress.opened(path, &log);
        while let Some(event) = log.next() {
            progress.row(&log);
            match event {
                Ok(event) => {
                    count += 1;
                    first = first.min(event.at);
                    last = last.max(event.at);
                    users.entry(event.user.clone()).or_default().push(event);
                }
                Err(ReadError::Row(row)) if strict => return Err(ReadFailure::Strict(row)),
                Err(ReadError::Row(row)) => {
                    bad += 1;
                    progress.bad(&row);
                    worst.get_or_insert(row);
                }
                Err(ReadError::Fatal(error)) => return Err(error.into()),
            }
        }
    }
    if count == 0
        && let Some(path) = paths.first().cloned()
    {
        return Err(match worst {
            Some(first) => ReadFailure::Nothing { path, bad, first },
            None => ReadFailure::Empty { path },
        });
    }
    Ok(Events { users: Users(users.into_iter().collect()), count, bad, first, last })
}
