//! Named counts, and how far campaigns and sources have got. Touches these tables in `log.db`.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::into::Into;
use super::{Shared, locked, number};
use crate::store::{Cursor, Offset, Seq, StoreError, Tally, TenantId};

impl Into<'_> {
    pub(super) fn tallies(&self, tallies: &[Tally]) -> Result<(), StoreError> {
        // SQLite would go on with a fraction where the numbers end.
        let sql = "INSERT INTO tally (tenant, name, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (tenant, name) DO UPDATE SET value = CASE \
                   WHEN ?3 > 0 AND value > ?5 - ?3 THEN ?5 \
                   WHEN ?3 < 0 AND value < ?4 - ?3 THEN ?4 ELSE value + ?3 END";
        self.each(sql, tallies, |s, t| {
            s.execute(params![self.tenant.0, t.name, t.add, i64::MIN, i64::MAX])
        })
    }

    pub(super) fn cursors(&self, cursors: &[Cursor]) -> Result<(), StoreError> {
        let sql = "INSERT INTO cursor (tenant, name, seq, user) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (tenant, name) \
                   DO UPDATE SET seq = excluded.seq, user = excluded.user";
        for cursor in cursors {
            let bound = params![self.tenant.0, cursor.name, number(cursor.seq.0)?, cursor.user];
            self.connection.prepare_cached(sql)?.execute(bound)?;
        }
        Ok(())
    }

    pub(super) fn offsets(&self, offsets: &[Offset]) -> Result<(), StoreError> {
        let sql = "INSERT INTO source (tenant, name, at) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (tenant, name) DO UPDATE SET at = max(at, excluded.at)";
        for offset in offsets {
            let bound = params![self.tenant.0, offset.source, number(offset.at)?];
            self.connection.prepare_cached(sql)?.execute(bound)?;
        }
        Ok(())
    }
}

/// What comes after every text that begins with `prefix`, as SQLite orders texts.
fn beyond(prefix: &str) -> Value {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // A range of characters leaves out what is none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Value::Text(text);
        }
    }
    // Bytes come after all texts.
    Value::Blob(Vec::new())
}

/// Rows of a table whose names begin with `prefix`, by name.
fn named<T>(
    connection: &Connection,
    rows: &str,
    (tenant, prefix): (TenantId, &str),
    row: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, StoreError> {
    let sql = format!("SELECT {rows} WHERE tenant = ?1 AND name >= ?2 AND name < ?3 ORDER BY name");
    let mut rows = connection.prepare_cached(&sql)?;
    let bound = params![tenant.0, prefix, beyond(prefix)];
    Ok(rows.query_map(bound, row)?.collect::<Result<_, _>>()?)
}

impl Shared {
    /// See [`crate::store::Store::tallies`].
    pub(super) fn tallies(
        &self,
        tenant: TenantId,
        prefix: &str,
    ) -> Result<Vec<(Arc<str>, i64)>, StoreError> {
        self.read_log.read(|connection| {
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            named(connection, "name, value FROM tally", (tenant, prefix), row)
        })
    }

    /// See [`crate::store::Store::cursors`].
    pub(super) fn cursors(&self, tenant: TenantId) -> Result<Vec<Cursor>, StoreError> {
        self.read_log.read(|connection| {
            named(connection, "name, seq, user FROM cursor", (tenant, ""), |row| {
                let seq = Seq(row.get::<_, i64>(1)?.cast_unsigned());
                Ok(Cursor { name: row.get(0)?, seq, user: row.get(2)? })
            })
        })
    }

    /// See [`crate::store::Store::drop_campaign`].
    pub(super) fn drop_campaign(
        &self,
        tenant: TenantId,
        cursor: &str,
        tallies: &str,
    ) -> Result<(), StoreError> {
        locked(&self.log).write(|connection| {
            connection
                .prepare_cached("DELETE FROM cursor WHERE tenant = ?1 AND name = ?2")?
                .execute(params![tenant.0, cursor])?;
            let sql = "DELETE FROM tally WHERE tenant = ?1 AND name >= ?2 AND name < ?3";
            let bound = params![tenant.0, tallies, beyond(tallies)];
            connection.prepare_cached(sql)?.execute(bound)?;
            Ok(())
        })
    }

    /// See [`crate::store::Store::offsets`].
    pub(super) fn offsets(
        &self,
        tenant: TenantId,
        prefix: &str,
    ) -> Result<Vec<Offset>, StoreError> {
        self.read_log.read(|connection| {
            named(connection, "name, at FROM source", (tenant, prefix), |row| {
                Ok(Offset { source: row.get(0)?, at: row.get::<_, i64>(1)?.cast_unsigned() })
            })
        })
    }

    /// See [`crate::store::Store::offset`].
    pub(super) fn offset(&self, tenant: TenantId, source: &str) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT at FROM source WHERE tenant = ?1 AND name = ?2";
        self.read_log.read(|connection| {
            let bound = params![tenant.0, source];
            let mut one = connection.prepare_cached(sql)?;
            let at = one.query_row(bound, |row| row.get::<_, i64>(0)).optional()?;
            Ok(at.map(i64::cast_unsigned))
        })
    }

    /// See [`crate::store::Store::drop_offsets`].
    pub(super) fn drop_offsets(
        &self,
        tenant: TenantId,
        sources: &[Arc<str>],
    ) -> Result<(), StoreError> {
        if sources.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM source WHERE tenant = ?1 AND name = ?2";
        locked(&self.log).write(|connection| {
            Into { connection, tenant }
                .each(sql, sources, |s, source| s.execute(params![tenant.0, source]))
        })
    }
}
