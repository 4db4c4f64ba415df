//! The keeper: a thread that copies the write-ahead log of `log.db` into the file, and trims the
//! journal when no commit does. Touches `log.db`.

use std::time::Duration;

use rusqlite::Connection;

use super::commit::{WAL, Writer};
use super::pool::connect;
use super::{Shared, Synchronous, locked, schema};
use crate::store::StoreError;

/// How often the keeper looks without being asked.
const ROUND: Duration = Duration::from_millis(200);
/// Rows of the journal that go in one transaction when no commit takes them along.
const TRIM: u64 = 8;
/// Rows of the journal that commits may leave for later; beyond that the keeper helps.
const LEFT: u64 = 4096;
/// Pages of the log that may be copied while commits wait.
const REST: i64 = (4 << 20) / schema::LOG.page as i64;

/// A look at the write-ahead log: pages in it, and how many of them are in the file too.
#[derive(Clone, Copy, Debug)]
struct Wal {
    pages: i64,
    copied: i64,
}

/// Copies what can be copied without anybody waiting.
fn checkpoint(connection: &Connection, how: &str) -> Result<Wal, StoreError> {
    let sql = format!("PRAGMA wal_checkpoint({how})");
    let wal = connection
        .query_row(&sql, [], |row| Ok(Wal { pages: row.get(1)?, copied: row.get(2)? }))?;
    Ok(wal)
}

/// Copies the write-ahead log of a file that nobody writes meanwhile.
pub(super) fn checkpoint_alone(connection: &Connection) -> Result<(), StoreError> {
    checkpoint(connection, "PASSIVE").map(|_| ())
}

impl Shared {
    /// Looks after `log.db` until the store is dropped.
    pub(super) fn keep_always(&self) {
        let mut own = None;
        let mut before = 0;
        while self.keeper.wait(ROUND) {
            if own.is_none() {
                own = self.keeper_connection();
            }
            if let Some(connection) = &own
                && let Err(error) = self.keep(connection)
            {
                tracing::warn!(%error, "the write-ahead log stays as it is for now");
            }
            if let Err(error) = self.trim_idle(&mut before) {
                tracing::warn!(%error, "the journal stays as it is for now");
            }
        }
    }

    fn keeper_connection(&self) -> Option<Connection> {
        let open = || {
            let connection = connect(&self.dir.join(schema::LOG.name), 1 << 10, false)?;
            let off = self.options.synchronous == Synchronous::Off;
            let synchronous = if off { "OFF" } else { "FULL" };
            connection.pragma_update(None, "synchronous", synchronous)?;
            Ok::<_, rusqlite::Error>(connection)
        };
        open().map_err(|error| tracing::warn!(%error, "the keeper has no connection")).ok()
    }

    /// Copies the log into the file. Only all of it lets the log begin anew, and under load there is
    /// always some more: so the last of it is copied while commits wait, and that is little.
    fn keep(&self, connection: &Connection) -> Result<(), StoreError> {
        if !locked(&self.log).long(WAL) {
            return Ok(());
        }
        let mut copied = 0;
        for _ in 0..6 {
            let wal = checkpoint(connection, "PASSIVE")?;
            // Little came while the last of it was copied, or a reader is in the way.
            if wal.pages - copied <= REST || wal.copied == copied {
                break;
            }
            copied = wal.copied;
        }
        let mut writer = locked(&self.log);
        let wal = checkpoint(connection, "PASSIVE")?;
        writer.looked(wal.pages == wal.copied);
        Ok(())
    }

    /// For a commit that finds the log far too long: copies it here and now. A backup may read it; then
    /// it grows until the backup is done, and to wait for that would be worse.
    pub(super) fn reset_wal(&self, writer: &mut Writer) {
        match checkpoint(&writer.connection, "PASSIVE") {
            Ok(wal) => writer.looked(wal.pages == wal.copied),
            Err(error) => tracing::warn!(%error, "the write-ahead log stays as it is for now"),
        }
    }

    /// Trims the journal if no commit has since the last time, or if commits cannot keep up.
    fn trim_idle(&self, before: &mut u64) -> Result<(), StoreError> {
        let applied = self.overlay.applied();
        let idle = std::mem::replace(before, applied) == applied;
        let mut left = self.trim(0)?;
        while left > if idle { 0 } else { LEFT } && !self.keeper.stopped() {
            let now = self.trim(TRIM)?;
            if now == left || (idle && self.overlay.applied() != applied) {
                break;
            }
            left = now;
            // A commit that waits for the lock has its turn.
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}
