//! What SQLite's errors mean to who uses the store. Touches nothing.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::store::StoreError;

/// Why a data directory cannot be opened, backed up or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "{} is in use by another process{}: stop it first, or name another directory",
        dir.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The process, if it left its number.
        pid: Option<u32>,
    },
    /// A file there belongs to another program.
    #[error("{} is not ours: it has SQLite's application id {found:#x}, not {expected:#x}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// Whose it says it is.
        found: i32,
        /// What it should say.
        expected: i32,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {known}: run the \
         version that wrote it, or restore a backup from before the upgrade",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version known.
        known: u32,
    },
    /// A backup goes to an empty place only.
    #[error("{} is not empty: a backup needs a directory of its own", .0.display())]
    NotEmpty(PathBuf),
    /// There is no data.
    #[error("{} has no data: {} is missing", dir.display(), file)]
    Missing {
        /// The directory.
        dir: PathBuf,
        /// The missing file.
        file: &'static str,
    },
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// Of which file or directory.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A database refused.
    #[error("{}: {error}", path.display())]
    Store {
        /// Of which file or directory.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
}

impl OpenError {
    /// For `map_err`: an error of the file system about `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError + '_ {
        |error| OpenError::Io { path: path.to_owned(), error }
    }

    /// For `map_err`: an error of the database at `path`.
    pub(super) fn sql<E: Into<StoreError>>(path: &Path) -> impl FnOnce(E) -> OpenError + '_ {
        |error| OpenError::Store { path: path.to_owned(), error: error.into() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let text = error.to_string();
        match &error {
            rusqlite::Error::SqliteFailure(cause, _) => match cause.code {
                ErrorCode::DiskFull => StoreError::Full(text),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged(text),
                ErrorCode::SystemIoFailure => match cause.extended_code {
                    // What is left of ENOSPC and a quota once SQLite has named it.
                    ffi::SQLITE_IOERR_WRITE
                    | ffi::SQLITE_IOERR_SHMSIZE
                    | ffi::SQLITE_IOERR_TRUNCATE => StoreError::Full(text),
                    ffi::SQLITE_IOERR_SHORT_READ
                    | ffi::SQLITE_IOERR_DATA
                    | ffi::SQLITE_IOERR_CORRUPTFS => StoreError::Damaged(text),
                    _ => StoreError::Failed(text),
                },
                _ => StoreError::Failed(text),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => StoreError::Damaged(text),
            _ => StoreError::Failed(text),
        }
    }
}
