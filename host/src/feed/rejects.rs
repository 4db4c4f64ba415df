//! The rows of a file that cannot be read, a line of JSON each, with the reason. They are written under a
//! name of their content while the file is read, made again whenever it is read again, and get their own
//! name once the file is finished: so they are complete, and there once.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder::{self, Folder};

/// A row that cannot be read.
#[derive(Debug, Serialize)]
pub(super) struct Reject<'a> {
    /// Which row of the file it is, the first being 1.
    pub(super) row: u64,
    /// The line that it starts on, the first being 1.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) reason: &'a str,
    /// What it says, as far as it is text.
    pub(super) text: &'a str,
}

/// Rejects that are being written.
#[derive(Debug)]
pub(super) struct Rejects {
    folder: Folder,
    name: OsString,
    file: Option<BufWriter<File>>,
}

/// The name of rejects that are being written, of the file with this digest.
fn under_way(digest: &str) -> OsString {
    format!(".{digest}.tmp").into()
}

impl Rejects {
    /// Begins those of the file with this digest, from the start.
    pub(super) fn begin(folder: &Folder, digest: &str) -> io::Result<Rejects> {
        let name = under_way(digest);
        if let Some(place) = folder.has_rejects() {
            gone(fs::remove_file(place.join(&name)))?;
        }
        Ok(Rejects { folder: folder.clone(), name, file: None })
    }

    /// Adds one.
    pub(super) fn add(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let path = self.folder.rejects()?.join(&self.name);
                none.insert(BufWriter::new(folder::fresh(&path)?))
            }
        };
        serde_json::to_writer(&mut *file, reject)?;
        file.write_all(b"\n")
    }

    /// There are no more: they are on the disk.
    pub(super) fn end(self) -> io::Result<()> {
        match self.file {
            Some(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// Gives the rejects of a finished file their own name, after the file's. Without any, it does nothing.
pub(super) fn publish(folder: &Folder, digest: &str, file: &OsStr) -> io::Result<()> {
    let Some(place) = folder.has_rejects() else { return Ok(()) };
    let from = place.join(under_way(digest));
    match fs::symlink_metadata(&from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    fs::rename(from, own(&place, digest, file)?)
}

fn own(place: &Path, digest: &str, file: &OsStr) -> io::Result<PathBuf> {
    let mut name = file.to_owned();
    name.push(".ndjson");
    folder::free(place, &name).or_else(|_| {
        let short: String = digest.chars().take(32).collect();
        folder::free(place, OsStr::new(&format!("{short}.ndjson")))
    })
}

/// It is well if what was to be removed was not there.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
