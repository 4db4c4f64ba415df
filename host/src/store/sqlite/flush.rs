//! The flusher: a thread that writes dirty states into `state.db`, in the order of their keys and a few
//! at a time, so that commits on the other file find the disk free. Touches `state.db` and the overlay.
//!
//! Nobody is harmed if only some of them are written when the power goes: the journal has them all until
//! the last few are written, together with the number of the journal's row.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::codec::state_sum;
use super::keep::checkpoint_alone;
use super::overlay::Entry;
use super::pool::{WRITE, within};
use super::{Shared, locked, number};
use crate::store::{StoreError, UserKey};

/// States in one transaction.
const PIECE: usize = 1000;
/// How many times as many if more is dirty than should be.
const LATE: usize = 3;
/// Transactions of that size after which the write-ahead log is copied into the file.
const PIECES: usize = 4;
/// How long the flusher lets others have the disk after each transaction, unless it is late.
const PAUSE: Duration = Duration::from_millis(2);
/// How long it waits after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// The last row of the journal that is in `state.db`.
pub(super) fn flushed(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT value FROM meta WHERE name = 'flushed'";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

impl Shared {
    /// Flushes when there is enough to be flushed, until the store is dropped.
    pub(super) fn flush_always(&self) {
        while self.flusher.wait(AGAIN) {
            let (dirty, _) = self.overlay.counts();
            if (dirty >= self.options.flush_every || self.overlay.unfinished())
                && let Err(error) = self.flush_once(&locked(&self.state), true)
            {
                tracing::warn!(%error, "states cannot be written out for now; the journal has them");
            }
        }
    }

    /// See [`crate::store::Store::flush`].
    pub(super) fn flush_now(&self) -> Result<(), StoreError> {
        let until = self.overlay.applied();
        let state = locked(&self.state);
        // Twice at most: what was left unfinished, and what has come since.
        while self.flushed.load(Ordering::Acquire) < until {
            if !self.flush_once(&state, false)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes out what is dirty; false if nothing is.
    fn flush_once(&self, state: &Connection, gently: bool) -> Result<bool, StoreError> {
        let Some((layer, last)) = self.overlay.freeze() else { return Ok(false) };
        let written = self.write_out(state, layer.entries.iter(), last, gently);
        drop(layer);
        if let Err(error) = written {
            self.overlay.blame(&error);
            return Err(error);
        }
        self.flushed.store(last, Ordering::Release);
        self.overlay.retire();
        Ok(true)
    }

    fn write_out<'a>(
        &self,
        state: &Connection,
        entries: impl Iterator<Item = (&'a UserKey, &'a Entry)>,
        last: u64,
        gently: bool,
    ) -> Result<(), StoreError> {
        let mut entries = entries.peekable();
        let mut pieces = 0;
        loop {
            let late = self.overlay.counts().0 >= self.options.flush_every;
            let piece = if late { LATE * PIECE } else { PIECE };
            within(state, WRITE, |state| {
                write_piece(state, entries.by_ref().take(piece))?;
                if entries.peek().is_none() {
                    state
                        .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'flushed'")?
                        .execute([number(last)?])?;
                }
                Ok(())
            })?;
            let done = entries.peek().is_none();
            pieces += piece / PIECE;
            if done || pieces >= PIECES {
                checkpoint_alone(state)?;
                pieces = 0;
            }
            if done {
                return Ok(());
            }
            if gently && !self.flusher.stopped() && !late {
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn write_piece<'a>(
    state: &Connection,
    entries: impl Iterator<Item = (&'a UserKey, &'a Entry)>,
) -> Result<(), StoreError> {
    // Most timers stay where they are, and then the index of timers need not be touched.
    let mut same = state.prepare_cached(
        "UPDATE state SET last = ?4, sum = ?5, image = ?6 \
         WHERE tenant = ?1 AND user = ?2 AND due IS ?3",
    )?;
    let mut put = state.prepare_cached(
        "INSERT INTO state (tenant, user, due, last, sum, image) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (tenant, user) DO UPDATE \
         SET due = excluded.due, last = excluded.last, sum = excluded.sum, image = excluded.image",
    )?;
    let mut remove = state.prepare_cached("DELETE FROM state WHERE tenant = ?1 AND user = ?2")?;
    for (key, entry) in entries {
        let Some(image) = &entry.state else {
            remove.execute(params![key.tenant.0, key.user])?;
            continue;
        };
        let (due, last) = (entry.due.map(|due| due.0), number(entry.last.0)?);
        let sum = state_sum((key.tenant.0, &key.user), due, last, image);
        let row = params![key.tenant.0, key.user, due, last, sum, &**image];
        if same.execute(row)? == 0 {
            put.execute(row)?;
        }
    }
    Ok(())
}
