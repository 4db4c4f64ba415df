//! Tests of the room as a whole, on small logs made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod columns;
mod csv;
mod files;
mod hostile;
mod ndjson;
mod times;
mod xes;

use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::engine::event::{Fields, Instant, What};

/// A file that is gone when the test is over.
pub(super) struct Temp {
    _folder: tempfile::TempDir,
    pub(super) path: PathBuf,
}

/// A file of these bytes, by a name that says nothing.
pub(super) fn file(bytes: impl AsRef<[u8]>) -> Temp {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.dat");
    std::fs::write(&path, bytes).unwrap();
    Temp { _folder: folder, path }
}

pub(super) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes.as_ref()).unwrap();
    packer.finish().unwrap()
}

pub(super) fn open(bytes: impl AsRef<[u8]>, options: &Options) -> Result<Log, LogError> {
    Log::open(&file(bytes).path, options)
}

/// Everything in a log: events, and errors as `LINE: reason` (or `fatal: reason`).
pub(super) fn read_with(bytes: impl AsRef<[u8]>, options: &Options) -> Vec<Result<Event, String>> {
    let file = file(bytes);
    let shown = file.path.display().to_string();
    let log = Log::open(&file.path, options).unwrap();
    log.map(|event| {
        event.map_err(|error| match &error {
            ReadError::Row(bad) => {
                assert_eq!(error.to_string(), format!("{shown}:{}: {}", bad.line, bad.reason));
                format!("{}: {}", bad.line, bad.reason)
            }
            ReadError::Fatal(error) => format!("fatal: {error}").replace(&shown, "FILE"),
        })
    })
    .collect()
}

pub(super) fn read(bytes: impl AsRef<[u8]>) -> Vec<Result<Event, String>> {
    read_with(bytes, &Options::default())
}

/// What an event is, in short: `user@millis what name {field: value, ...}`.
pub(super) fn short(event: &Event) -> String {
    let list = |fields: &Fields| {
        let all: Vec<_> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
        all.join(" ")
    };
    let Event { user, at: Instant(at), what } = event;
    match what {
        What::Operation { name, fields } => format!("{user}@{at} {name} [{}]", list(fields)),
        What::Page { name, fields } => format!("{user}@{at} page {name} [{}]", list(fields)),
        What::Profile { fields } => format!("{user}@{at} profile [{}]", list(fields)),
        What::Hidden => format!("{user}@{at} hidden"),
        What::Heartbeat => format!("{user}@{at} heartbeat"),
        What::Consent(_) | What::Receipt(_) | What::Campaign(_) => panic!("no log has these"),
    }
}

/// Everything in a log in short: the errors too.
pub(super) fn shorts_with(bytes: impl AsRef<[u8]>, options: &Options) -> Vec<String> {
    let all = read_with(bytes, options).into_iter();
    all.map(|event| event.map_or_else(|error| error, |event| short(&event))).collect()
}

pub(super) fn shorts(bytes: impl AsRef<[u8]>) -> Vec<String> {
    shorts_with(bytes, &Options::default())
}
