//! Commits: one transaction on `log.db` each, then the overlay. Touches `log.db` and the overlay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};

use super::codec::{chunk_sum, decode, encode, encode_ids, encode_link};
use super::groups::{Joining, Known};
use super::into::Into;
use super::overlay::{Entry, Overlay};
use super::pool::{WRITE, securely, within};
use super::{Shared, locked, number, schema};
use crate::store::{Chunk, Commit, StoreError, UserKey};

/// How many times `flush_every` states may wait before commits do.
const CROWD: usize = 4;
/// Rows of the journal that a commit removes once they are not needed: more than the one it adds, so
/// that the journal shrinks, and few, so that no commit is slow.
const TRIM: u64 = 3;
/// Bytes in the write-ahead log after which the keeper is to look after it.
pub(super) const WAL: u64 = 8 << 20;
/// Bytes in the write-ahead log after which a commit does so itself.
const WAL_MOST: u64 = 256 << 20;

/// The one connection that writes `log.db`.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// Groups whose numbers are known.
    pub(super) known: Known,
    /// The last row of the journal.
    last: u64,
    /// The last row of the journal that is removed.
    trimmed: u64,
    /// Pages in the write-ahead log, as of the last transaction.
    pages: Arc<AtomicU64>,
    /// Bytes that were there when somebody looked last, and could not be helped.
    seen: u64,
}

impl Writer {
    pub(super) fn new(mut connection: Connection) -> Result<Writer, StoreError> {
        let pages = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            count.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let known = Known::default();
        Ok(Writer { connection, known, last: 0, trimmed: 0, pages, seen: 0 })
    }

    /// True if the write-ahead log has become longer by `bytes` than it need be.
    pub(super) fn long(&self, bytes: u64) -> bool {
        let long = self.pages.load(Ordering::Relaxed) * u64::from(schema::LOG.page);
        // Shorter than before means that it began anew.
        let seen = if long < self.seen { 0 } else { self.seen };
        long > seen.saturating_add(bytes)
    }

    /// Notes that all of the write-ahead log is in the file, or as much as could be.
    pub(super) fn looked(&mut self, all: bool) {
        if all {
            self.pages.store(0, Ordering::Relaxed);
        }
        self.seen = self.pages.load(Ordering::Relaxed) * u64::from(schema::LOG.page);
    }

    /// Reads what is not yet in `state.db`, all after row `flushed`, into the overlay.
    ///
    /// # Errors
    ///
    /// If a row is damaged or missing.
    pub(super) fn replay(&mut self, overlay: &Overlay, flushed: u64) -> Result<(), StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = self.connection.query_row(
            "SELECT (SELECT min(number) FROM journal), (SELECT max(number) FROM journal)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let counted = |number: i64| number.cast_unsigned();
        self.last = last.map_or(0, counted).max(flushed);
        self.trimmed = first.map_or(self.last, |first| counted(first).saturating_sub(1));
        overlay.start(flushed);
        let mut rows = self
            .connection
            .prepare("SELECT number, images FROM journal WHERE number > ?1 ORDER BY number")?;
        let mut rows = rows.query([number(flushed)?])?;
        let mut next = flushed + 1;
        while let Some(row) = rows.next()? {
            let found = counted(row.get(0)?);
            if found != next {
                return Err(StoreError::Damaged(format!("row {next} of the journal is missing")));
            }
            let images = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let mut entries = Vec::new();
            decode(images, |key, entry| entries.push((key, entry))).map_err(|what| {
                StoreError::Damaged(format!("row {found} of the journal: {what}"))
            })?;
            overlay.put(found, entries.into_iter());
            next += 1;
        }
        Ok(())
    }

    /// Writes in a transaction of its own.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        within(&self.connection, WRITE, work)
    }

    /// Rows of the journal that are there still though `state.db` has them.
    pub(super) fn behind(&self, flushed: u64) -> u64 {
        flushed.saturating_sub(self.trimmed)
    }
}

impl Shared {
    /// See [`crate::store::Store::commit`].
    pub(super) fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.overlay.wait_for_room(self.options.flush_every.saturating_mul(CROWD))?;
        // All that needs no lock comes first.
        let journal = encode(&commit)?;
        let rows = commit.chunks.iter().map(ChunkRow::new).collect::<Result<Vec<_>, _>>()?;

        let mut writer = locked(&self.log);
        if writer.long(WAL_MOST) {
            self.reset_wal(&mut writer);
        }
        let writer = &mut *writer;
        let next = writer.last + 1;
        let flushed = self.flushed.load(Ordering::Acquire);
        // It comes back with the commit: of one that fails nothing is known.
        let mut known = std::mem::take(&mut writer.known);
        let mut write = |trim: Option<(u64, u64)>| {
            let all = |connection: &Connection| {
                let mut joining = Joining::new(connection, &mut known);
                for row in &rows {
                    row.insert(connection, &mut joining)?;
                }
                for row in &rows {
                    row.erase(connection, &mut joining)?;
                }
                joining.finish()?;
                if let Some(images) = &journal {
                    connection
                        .prepare_cached("INSERT INTO journal (number, images) VALUES (?1, ?2)")?
                        .execute(params![number(next)?, images])?;
                }
                if let Some((from, to)) = trim {
                    trim_journal(connection, from, to)?;
                }
                Ok(())
            };
            if rows.iter().any(|row| !row.chunk.erased.is_empty()) {
                securely(&writer.connection, |connection| within(connection, WRITE, all))
            } else {
                within(&writer.connection, WRITE, all)
            }
        };
        let (from, to) = (writer.trimmed, flushed.min(writer.trimmed + TRIM));
        if to > from {
            let trimmed = self.gate.unless_backup(|free| {
                write(free.then_some((from, to))).map(|()| if free { to } else { from })
            })?;
            writer.trimmed = trimmed;
        } else {
            write(None)?;
        }
        writer.known = known;
        drop(rows);
        if writer.long(WAL) {
            self.keeper.ring();
        }
        if journal.is_some() {
            writer.last = next;
            // Under the writer's lock, so that states come in the order of the journal.
            let images = commit.chunks.into_iter().flat_map(images);
            if self.overlay.put(next, images) >= self.options.flush_every {
                self.flusher.ring();
            }
        }
        Ok(())
    }

    /// See [`crate::store::Store::probe`]. Written and removed in two transactions: what goes in the same
    /// one would never see the disk.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        self.overlay.wait_for_room(self.options.flush_every.saturating_mul(CROWD))?;
        let mut writer = locked(&self.log);
        for sql in [
            "INSERT OR REPLACE INTO probe (id, bytes) VALUES (1, randomblob(65536))",
            "DELETE FROM probe",
        ] {
            writer.write(|connection| Ok(connection.prepare_cached(sql)?.execute([])?))?;
        }
        Ok(())
    }

    /// Removes up to `most` rows of the journal that are not needed; how many are left.
    pub(super) fn trim(&self, most: u64) -> Result<u64, StoreError> {
        let flushed = self.flushed.load(Ordering::Acquire);
        let mut writer = locked(&self.log);
        let (from, to) = (writer.trimmed, flushed.min(writer.trimmed.saturating_add(most)));
        if to > from {
            self.gate.unless_backup(|free| {
                if free {
                    writer.write(|connection| trim_journal(connection, from, to))?;
                    writer.trimmed = to;
                }
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(writer.behind(flushed))
    }
}

fn trim_journal(connection: &Connection, from: u64, to: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM journal WHERE number > ?1 AND number <= ?2")?
        .execute([number(from)?, number(to)?])?;
    Ok(())
}

fn images(chunk: Chunk) -> impl Iterator<Item = (UserKey, Entry)> {
    let tenant = chunk.tenant;
    chunk.images.into_iter().map(move |image| {
        // Who is forgotten has no timer, whatever the image says.
        let due = image.due.filter(|_| image.state.is_some());
        (UserKey { tenant, user: image.user }, Entry { last: image.last, due, state: image.state })
    })
}

/// A chunk, ready to be written.
struct ChunkRow<'a> {
    chunk: &'a Chunk,
    seq: i64,
    ids: Vec<u8>,
    chain: Option<[u8; 64]>,
    sum: i64,
}

impl<'a> ChunkRow<'a> {
    fn new(chunk: &'a Chunk) -> Result<ChunkRow<'a>, StoreError> {
        let (seq, ids) = (number(chunk.seq.0)?, encode_ids(&chunk.ids));
        let head = (chunk.tenant.0, seq, chunk.at.0, chunk.events);
        let chain = chunk.chain.as_ref().map(encode_link);
        let sum = chunk_sum(head, &ids, &chunk.lines, chain.as_ref().map(<[u8; 64]>::as_slice));
        Ok(ChunkRow { chunk, seq, ids, chain, sum })
    }

    fn insert(&self, connection: &Connection, joining: &mut Joining<'_>) -> Result<(), StoreError> {
        let chunk = self.chunk;
        connection
            .prepare_cached(
                "INSERT INTO chunk (seq, tenant, at, events, sum, ids, lines, chain) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                self.seq,
                chunk.tenant.0,
                chunk.at.0,
                chunk.events,
                self.sum,
                self.ids,
                chunk.lines,
                self.chain
            ])?;
        if let Some(link) = &chunk.chain {
            connection
                .prepare_cached(
                    "INSERT INTO head (tenant, seq, head) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, head = excluded.head",
                )?
                .execute(params![chunk.tenant.0, self.seq, link.head])?;
        }
        let into = Into { connection, tenant: chunk.tenant };
        into.links(&chunk.links)?;
        into.outbox(&chunk.outbox)?;
        into.outcomes(&chunk.outcomes)?;
        // After the new attempts, which may be among them, and after the outcomes, which come first.
        into.called_off(chunk)?;
        into.suppressed(&chunk.suppressed)?;
        into.letters(&chunk.letters)?;
        // After the letters that they may be about.
        into.receipts(self.seq, &chunk.receipts)?;
        joining.members(chunk.tenant, self.seq, &chunk.members)?;
        into.tallies(&chunk.tallies)?;
        into.cursors(&chunk.cursors)?;
        into.offsets(&chunk.offsets)?;
        // Who is in a group has a state. After the cursors, which may be at them.
        for (place, image) in chunk.images.iter().enumerate() {
            let later = || chunk.images.iter().skip(place + 1);
            if image.state.is_none() && !later().any(|other| other.user == image.user) {
                joining.forget(chunk.tenant, &image.user)?;
            }
        }
        Ok(())
    }

    fn erase(&self, connection: &Connection, joining: &mut Joining<'_>) -> Result<(), StoreError> {
        let (tenant, users) = (self.chunk.tenant, &self.chunk.erased);
        Into { connection, tenant }.erased(users)?;
        users.iter().try_for_each(|user| joining.forget(tenant, user))
    }
}
