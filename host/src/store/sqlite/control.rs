//! Control records and blobs. Touches `control.db`.

use rusqlite::{OptionalExtension, params};

use super::pool::{WRITE, within};
use super::{Shared, locked};
use crate::store::{Change, ControlRecord, StoreError, TenantId};

impl Shared {
    /// See [`crate::store::Store::control`].
    pub(super) fn records(&self) -> Result<Vec<ControlRecord>, StoreError> {
        self.read_control.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT kind, tenant, id, body FROM record ORDER BY kind, tenant, id",
            )?;
            let rows = rows.query_map([], |row| {
                let tenant = TenantId(row.get(1)?);
                Ok(ControlRecord { kind: row.get(0)?, tenant, id: row.get(2)?, body: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::change`].
    pub(super) fn change(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        within(&locked(&self.control), WRITE, |connection| {
            for change in changes {
                match change {
                    Change::Put(record) => connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO record (kind, tenant, id, body) \
                             VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![record.kind, record.tenant.0, record.id, record.body])?,
                    Change::Remove { kind, tenant, id } => connection
                        .prepare_cached(
                            "DELETE FROM record WHERE kind = ?1 AND tenant = ?2 AND id = ?3",
                        )?
                        .execute(params![kind, tenant.0, id])?,
                    Change::PutBlob { name, bytes } => connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO blob (name, bytes) VALUES (?1, ?2)",
                        )?
                        .execute(params![name, bytes])?,
                    Change::RemoveBlob { name } => connection
                        .prepare_cached("DELETE FROM blob WHERE name = ?1")?
                        .execute([name])?,
                };
            }
            Ok(())
        })?;
        // Changes are few, so each may as well leave the file whole by itself.
        super::keep::checkpoint_alone(&locked(&self.control)).or_else(|error| {
            tracing::warn!(%error, "the write-ahead log of the control data stays for now");
            Ok(())
        })
    }

    /// See [`crate::store::Store::blob`].
    pub(super) fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_control.read(|connection| {
            let mut one = connection.prepare_cached("SELECT bytes FROM blob WHERE name = ?1")?;
            Ok(one.query_row([name], |row| row.get(0)).optional()?)
        })
    }
}
