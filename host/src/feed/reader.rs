//! One file, read twice: first to its end, to know it by its content and to know that it is whole; then in
//! portions, from where it was left. Between the two it must not change: a file that does is another one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::Stop;
use super::folder::{Folder, facts};
use super::rejects::{Reject, Rejects};
use super::watch::Facts;
use crate::engine::event::{Event, Value, What};
use crate::ingest::live::{Deed, Item, Received, file};
use crate::ingest::{Log, LogError, Options, ReadError};
use crate::service::{END, Portion};

/// Rows of a portion.
const ROWS: u64 = 1_000;
/// Bytes of text in a portion, about.
const BYTES: usize = 1 << 20;
/// Rows after which it is asked whether to stop.
const GLANCE: u64 = 1_024;

/// Why a file is not read, or no further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// Never: it is no log, or it is damaged.
    #[error("{0}")]
    Refused(String),
    /// Not now: it has changed since it was seen.
    #[error("it has changed while it was read")]
    Changed,
    /// Not now: it cannot be read, or what is wrong with it cannot be written.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// It is time to stop, or nobody wants it any more.
    #[error("stopped")]
    Stopped,
}

impl From<LogError> for Unread {
    fn from(error: LogError) -> Unread {
        match error {
            LogError::Unreadable { reason, .. } => Unread::Failed(io::Error::other(reason)),
            error => Unread::Refused(error.to_string()),
        }
    }
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Source {
    /// Its name, fit to be shown.
    pub(super) name: String,
    pub(super) file: File,
    pub(super) seen: Facts,
    pub(super) options: Options,
}

impl Source {
    /// The SHA-256 of its content, if that is a log from beginning to end.
    pub(super) fn check(&self, stop: &Stop) -> Result<String, Unread> {
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let mut file = self.rewound()?;
        let hashing = Hashing { inner: file.try_clone()?, hash: Arc::clone(&hash) };
        let log = Log::read(&self.name, Box::new(hashing), &self.options)?;
        for (n, row) in (0_u64..).zip(log) {
            if let Err(ReadError::Fatal(error)) = row {
                return Err(error.into());
            }
            if n.is_multiple_of(GLANCE) && stop.is_now() {
                return Err(Unread::Stopped);
            }
        }
        // What the log did not need is a part of the content, too. Both have one position.
        let mut hashing = Hashing { inner: file.try_clone()?, hash: Arc::clone(&hash) };
        io::copy(&mut hashing, &mut io::sink())?;
        let read = file.stream_position()?;
        if read != self.seen.size || !self.is_same()? {
            return Err(Unread::Changed);
        }
        let hash = hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Gives out what is behind row number `after`, portion by portion, and writes all bad rows.
    pub(super) fn read(
        &self,
        digest: &str,
        after: u64,
        folder: &Folder,
        received: impl Fn() -> Received,
        mut give: impl FnMut(Portion, Counts) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        let source: Arc<str> = source_of(digest);
        let mut rejects = Rejects::begin(folder, digest)?;
        let mut log = Log::read(&self.name, Box::new(self.rewound()?), &self.options)?;
        let mut portion = Portion { source, after, items: Vec::new(), end: after };
        let (mut row, mut bytes, mut counts) = (0, 0, Counts::default());
        let mut now = received();
        while let Some(read) = log.next() {
            row += 1;
            let (line, fresh) = (log.line(), row > after);
            let wrong = match read {
                Ok(event) => understood(event, &now),
                Err(ReadError::Row(bad)) => Err((bad.reason, bad.text)),
                Err(ReadError::Fatal(error)) => return Err(error.into()),
            };
            match wrong {
                Ok(item) if fresh => {
                    bytes += weight(&item);
                    counts.taken += 1;
                    portion.items.push((row, item));
                }
                Ok(_) => {}
                Err((reason, text)) => {
                    counts.refused += u64::from(fresh);
                    rejects.add(&Reject { row, line, reason: &reason, text: &text })?;
                }
            }
            if fresh && (row - portion.after >= ROWS || bytes >= BYTES) {
                if !self.is_same()? {
                    return Err(Unread::Changed);
                }
                portion.end = row;
                let next = Portion { after: row, items: Vec::new(), ..clone(&portion) };
                give(std::mem::replace(&mut portion, next), std::mem::take(&mut counts))?;
                bytes = 0;
                now = received();
            }
        }
        if !self.is_same()? {
            return Err(Unread::Changed);
        }
        // They are complete before the file counts as finished.
        rejects.end()?;
        portion.end = END;
        give(portion, counts)
    }

    fn rewound(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    fn is_same(&self) -> io::Result<bool> {
        Ok(facts(&self.file.metadata()?) == self.seen)
    }
}

/// How many rows were taken, and how many refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) taken: u64,
    pub(super) refused: u64,
}

/// The name of a file's content as a source.
pub(super) fn source_of(digest: &str) -> Arc<str> {
    format!("file:{digest}").into()
}

/// A portion without what is in it.
fn clone(portion: &Portion) -> Portion {
    let source = Arc::clone(&portion.source);
    Portion { source, after: portion.after, items: Vec::new(), end: portion.end }
}

/// The item that an event is; or why it is none, and what it says.
fn understood(event: Event, received: &Received) -> Result<Item, (String, String)> {
    // Nearly all are fine, and a clone is cheap beside what comes after it.
    file::item(event.clone(), received).map_err(|refused| {
        let text = serde_json::to_string(&event).unwrap_or_default();
        (refused.to_string(), text)
    })
}

/// About how many bytes an item takes.
fn weight(item: &Item) -> usize {
    let of = |what: &What| match what {
        What::Operation { fields, .. } | What::Page { fields, .. } | What::Profile { fields } => {
            let text = |value: &Value| if let Value::Text(text) = value { text.len() } else { 8 };
            fields.iter().map(|(name, value)| name.len() + text(value)).sum::<usize>()
        }
        _ => 0,
    };
    match &item.deed {
        Deed::Happened(deeds) => 64 + deeds.iter().map(of).sum::<usize>(),
        Deed::Alias { previous } => 64 + previous.len(),
    }
}

/// Hashes what goes through it.
struct Hashing {
    inner: File,
    hash: Arc<Mutex<Sha256>>,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}
