//! A copy of a data directory, also while another process works in it. Reads the three files, writes the
//! copy.
//!
//! The copies are of different moments, and still they fit together: states are copied first, and as long
//! as the copying goes on nothing leaves the journal, so the journal in the copy begins where the states
//! in the copy end. Whatever was committed before the backup began is in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::error::OpenError;
use super::lock::{self, Gate, private_dir};
use super::pool::connect;
use super::schema;
use crate::store::StoreError;

/// Pages that are copied at a time.
const PAGES: i32 = 1024;
/// How long the disk is left to others after each time.
const PAUSE: Duration = Duration::from_millis(1);

/// What a backup copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The files of the copy, and how many bytes each has.
    pub files: Vec<(PathBuf, u64)>,
}

/// Copies the data in `data` to `to`, which is then a data directory like any other. The service may run
/// meanwhile, in this process or in another.
///
/// # Errors
///
/// If `to` has something in it, if `data` is not a data directory or too new, or if a file cannot be
/// read or written. What there is of a copy then lacks a file, and cannot be taken for a whole one.
pub fn backup(data: &Path, to: &Path) -> Result<BackupReport, OpenError> {
    for file in schema::FILES {
        if !data.join(file.name).is_file() {
            return Err(OpenError::Missing { dir: data.to_owned(), file: file.name });
        }
    }
    private_dir(to)?;
    if std::fs::read_dir(to).map_err(OpenError::io(to))?.next().is_some() {
        return Err(OpenError::NotEmpty(to.to_owned()));
    }
    let _gate = Gate::open(data)?.keep(data)?;
    let mut files = Vec::new();
    for file in schema::FILES {
        let path = data.join(file.name);
        let from = connect(&path, 1 << 10, true).map_err(OpenError::sql(&path))?;
        schema::known(&from, &path, file)?;
        let (part, whole) = (to.join(format!("{}.part", file.name)), to.join(file.name));
        // SQLite would make it for everybody to read.
        lock::private_file(&part)?;
        copy(&from, &part).map_err(OpenError::sql(&path))?;
        let bytes = finish(&part, &whole).map_err(OpenError::io(&whole))?;
        files.push((whole, bytes));
    }
    File::open(to).and_then(|dir| dir.sync_all()).map_err(OpenError::io(to))?;
    Ok(BackupReport { files })
}

/// Copies a database page by page, all of one moment.
fn copy(from: &Connection, part: &Path) -> Result<(), StoreError> {
    // A transaction that has begun to read stays in its moment: else each commit of the service would
    // send the copying back to its first page.
    from.execute_batch("BEGIN")?;
    from.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let mut into = Connection::open(part)?;
    // It is made durable at the end, and half a copy is worth nothing.
    into.pragma_update(None, "synchronous", "OFF")?;
    let copy = Backup::new(from, &mut into)?;
    loop {
        match copy.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => std::thread::sleep(PAUSE),
            _ => std::thread::sleep(10 * PAUSE),
        }
    }
    drop(copy);
    drop(into);
    from.execute_batch("COMMIT")?;
    Ok(())
}

/// Makes a copy durable under its own name.
fn finish(part: &Path, whole: &Path) -> Result<u64, std::io::Error> {
    let file = File::open(part)?;
    file.sync_all()?;
    std::fs::rename(part, whole)?;
    Ok(file.metadata()?.len())
}
