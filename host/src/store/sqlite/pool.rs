//! Connections to one database file. Readers take one each and never wait for a writer.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// Idle connections that are kept.
const IDLE: usize = 8;
/// Pages that a reader keeps, in KiB; the rest is the operating system's cache.
const READER_CACHE: i64 = 4 << 10;
/// Statements that a connection keeps compiled.
const STATEMENTS: usize = 96;

/// Connections that only read.
#[derive(Debug)]
pub(super) struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(path: PathBuf) -> Pool {
        Pool { path, idle: Mutex::new(Vec::new()) }
    }

    /// Reads with a connection of one's own.
    ///
    /// # Errors
    ///
    /// As `work` or the database says.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.path, READER_CACHE, true)?,
        };
        let done = work(&connection);
        let mut idle = idle();
        // One that is stuck in a transaction would see the past for ever.
        if connection.is_autocommit() && idle.len() < IDLE {
            idle.push(connection);
        }
        done
    }
}

/// A new connection with `cache` KiB of pages.
pub(super) fn connect(path: &Path, cache: i64, read: bool) -> Result<Connection, rusqlite::Error> {
    // A reader too opens for writing: it may have to put the index of the write-ahead log in order.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Waits only happen around checkpoints and recovery, and last milliseconds.
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "query_only", read)?;
    // Who only reads leaves the files as they are, also when it is the last to close them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, read)?;
    Ok(connection)
}

/// Runs `work` in a transaction of its own.
///
/// # Errors
///
/// As `work` or the database says; nothing of `work` is kept then.
pub(super) fn within<T>(
    connection: &Connection,
    begin: &str,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run(begin)?;
    let done = work(connection).and_then(|done| {
        run("COMMIT")?;
        Ok(done)
    });
    if done.is_err() && !connection.is_autocommit() {
        // After some errors SQLite has done it already; else there is nothing more to try.
        if let Err(error) = run("ROLLBACK") {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
    done
}

/// Has `work` overwrite what it removes, pages that become free included: they are written once more.
/// Copies in the write-ahead log last until that begins anew.
///
/// # Errors
///
/// As `work` or the database says.
pub(super) fn securely<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.pragma_update(None, "secure_delete", "ON")?;
    let done = work(connection);
    if let Err(error) = connection.pragma_update(None, "secure_delete", "FAST") {
        tracing::warn!(%error, "what is removed goes on being overwritten: commits may be slow");
    }
    done
}

/// How a transaction that writes begins.
pub(super) const WRITE: &str = "BEGIN IMMEDIATE";
/// How a transaction that reads begins.
pub(super) const READ: &str = "BEGIN";
