//! What goes: old chunks and messages, and tenants. And how much there is. Touches `log.db` and
//! `state.db`; nothing in here holds up a commit for longer than a small transaction takes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::groups::shrink;
use super::pool::{WRITE, within};
use super::{Shared, limit, locked, schema};
use crate::store::{Retention, Size, StoreError, TenantId};

/// Rows in one transaction.
const STEP: usize = 200;
/// Bytes of chunks in one transaction: to free a page takes longer than to write one.
const STEP_BYTES: i64 = 2 << 20;

/// Notes the greatest number of a chunk before chunks go, so that none is given again.
const REMEMBER: &str = "UPDATE meta SET value = max(value, coalesce((SELECT max(seq) FROM chunk), 0)) \
                        WHERE name = 'seq'";

impl Shared {
    /// See [`crate::store::Store::prune`].
    pub(super) fn prune(&self, retention: &Retention) -> Result<bool, StoreError> {
        let (log, messages) = (retention.log_before.0, retention.messages_before.0);
        let sql = "SELECT seq, length(ids) + length(lines), sum, ids, lines FROM chunk \
                   INDEXED BY chunk_at WHERE at < ?1 ORDER BY at, seq";
        let more = self.remove_chunks(sql, log)?;
        let settled = self.read_log.read(|connection| settled(connection, messages))?;
        let letters = "DELETE FROM letter WHERE id IN (SELECT id FROM letter INDEXED BY letter_at \
                       WHERE at < ?1 ORDER BY at LIMIT ?2)";
        let removed = locked(&self.log).write(|connection| {
            // It may have been sent again since it was looked for.
            let mut attempt = connection
                .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND outcome IS NOT NULL")?;
            for id in &settled {
                attempt.execute([id])?;
            }
            Ok(connection.prepare_cached(letters)?.execute([messages, limit(STEP)])?)
        })?;
        Ok(more || settled.len().max(removed) >= STEP)
    }

    /// Removes the first few chunks that `sql` finds, with their receipts; true if there may be more.
    fn remove_chunks(&self, sql: &str, bound: i64) -> Result<bool, StoreError> {
        // Read before the writer is held: to free a chunk's pages SQLite has to read them, and from the
        // disk that takes time.
        let (chunks, more) = self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(sql)?;
            let mut rows = rows.query([bound])?;
            let (mut chunks, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                if chunks.len() >= STEP || bytes >= STEP_BYTES {
                    return Ok((chunks, true));
                }
                chunks.push(row.get::<_, i64>(0)?);
                bytes += row.get::<_, i64>(1)?;
                let warm = |row: &Row<'_>, column| row.get_ref(column).map(|_| ());
                warm(row, 3).and_then(|()| warm(row, 4))?;
            }
            Ok((chunks, false))
        })?;
        if chunks.is_empty() {
            return Ok(false);
        }
        locked(&self.log).write(|connection| {
            connection.prepare_cached(REMEMBER)?.execute([])?;
            let mut receipts = connection.prepare_cached("DELETE FROM receipt WHERE seq = ?1")?;
            let mut chunk = connection.prepare_cached("DELETE FROM chunk WHERE seq = ?1")?;
            for seq in &chunks {
                receipts.execute([seq])?;
                chunk.execute([seq])?;
            }
            Ok(())
        })?;
        Ok(more)
    }

    /// See [`crate::store::Store::remove_tenant`].
    pub(super) fn remove_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        // Before the states: nobody is in a group without one.
        loop {
            let mut writer = locked(&self.log);
            writer.known.clear();
            if !writer.write(|connection| shrink(connection, tenant, STEP))? {
                break;
            }
        }
        // The journal must not bring the tenant's states back.
        self.flush_now()?;
        let state =
            "DELETE FROM state WHERE id IN (SELECT id FROM state WHERE tenant = ?1 LIMIT ?2)";
        loop {
            // The lock is given back after each step: a flush may want it.
            let connection = locked(&self.state);
            if within(&connection, WRITE, |connection| step(connection, state, tenant))? == 0 {
                super::keep::checkpoint_alone(&connection)?;
                break;
            }
        }
        let sql = "SELECT seq, length(ids) + length(lines), sum, ids, lines FROM chunk \
                   INDEXED BY chunk_tenant WHERE tenant = ?1 ORDER BY seq";
        while self.remove_chunks(sql, i64::from(tenant.0))? {}
        for table in ["outbox", "letter", "receipt"] {
            let sql = format!(
                "DELETE FROM {table} WHERE id IN \
                 (SELECT id FROM {table} WHERE tenant = ?1 LIMIT ?2)"
            );
            while locked(&self.log).write(|connection| step(connection, &sql, tenant))? > 0 {}
        }
        for sql in [
            "DELETE FROM link WHERE tenant = ?1 AND name IN \
             (SELECT name FROM link WHERE tenant = ?1 LIMIT ?2)",
            "DELETE FROM suppression WHERE tenant = ?1 AND (channel, address) IN \
             (SELECT channel, address FROM suppression WHERE tenant = ?1 LIMIT ?2)",
        ] {
            while locked(&self.log).write(|connection| step(connection, sql, tenant))? > 0 {}
        }
        for table in ["tally", "cursor", "source"] {
            let sql = format!(
                "DELETE FROM {table} WHERE tenant = ?1 AND name IN \
                 (SELECT name FROM {table} WHERE tenant = ?1 LIMIT ?2)"
            );
            while locked(&self.log).write(|connection| step(connection, &sql, tenant))? > 0 {}
        }
        let head = "DELETE FROM head WHERE tenant = ?1";
        locked(&self.log).write(|connection| {
            connection.prepare_cached(head)?.execute([tenant.0])?;
            Ok(())
        })
    }

    /// See [`crate::store::Store::size`].
    pub(super) fn size(&self) -> Result<Size, StoreError> {
        let mut bytes = 0;
        for file in schema::FILES {
            for end in ["", "-wal", "-shm"] {
                let path = self.dir.join(format!("{}{end}", file.name));
                bytes += std::fs::metadata(path).map_or(0, |file| file.len());
            }
        }
        let outbox = self.read_log.read(|connection| {
            let sql = "SELECT count(*) FROM outbox INDEXED BY outbox_waiting WHERE outcome IS NULL";
            Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?)
        })?;
        let unflushed = self.overlay.counts().1 as u64;
        Ok(Size { bytes, outbox: outbox.cast_unsigned(), unflushed })
    }
}

/// The first few settled attempts from before `before`, tenant by tenant. Attempts of that age that wait
/// still are read and passed over: there is no index that leaves them out, as each attempt would pay.
fn settled(connection: &Connection, before: i64) -> Result<Vec<i64>, StoreError> {
    let mut next = connection.prepare_cached(
        "SELECT tenant FROM outbox INDEXED BY outbox_time WHERE tenant > ?1 \
         ORDER BY tenant LIMIT 1",
    )?;
    let mut oldest = connection.prepare_cached(
        "SELECT id FROM outbox INDEXED BY outbox_time \
         WHERE tenant = ?1 AND at < ?2 AND outcome IS NOT NULL ORDER BY at LIMIT ?3",
    )?;
    let mut found = Vec::new();
    let mut tenant = -1_i64;
    while found.len() < STEP
        && let Some(has) = next.query_row([tenant], |row| row.get(0)).optional()?
    {
        tenant = has;
        let ids =
            oldest.query_map([tenant, before, limit(STEP - found.len())], |row| row.get(0))?;
        for id in ids {
            found.push(id?);
        }
    }
    Ok(found)
}

/// Removes a few rows of a tenant, and says how many.
fn step(connection: &Connection, sql: &str, tenant: TenantId) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params![tenant.0, limit(STEP)])?)
}
