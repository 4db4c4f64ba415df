//! Lines that others take the place of, because somebody is to be forgotten. Touches the log in `log.db`.

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::chunk_sum;
use super::pool::{WRITE, securely, within};
use super::{Shared, locked, number};
use crate::store::{Seq, StoreError, TenantId};

impl Shared {
    /// See [`crate::store::Store::redact`].
    pub(super) fn redact(
        &self,
        tenant: TenantId,
        chunks: &[(Seq, Vec<u8>)],
    ) -> Result<(), StoreError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let writer = locked(&self.log);
        securely(&writer.connection, |connection| {
            within(connection, WRITE, |connection| {
                chunks.iter().try_for_each(|(seq, lines)| replace(connection, tenant, *seq, lines))
            })
        })
    }
}

fn replace(
    connection: &Connection,
    tenant: TenantId,
    seq: Seq,
    lines: &[u8],
) -> Result<(), StoreError> {
    let seq = number(seq.0)?;
    let mut one = connection.prepare_cached(
        "SELECT at, events, sum, ids, lines, chain FROM chunk WHERE seq = ?1 AND tenant = ?2",
    )?;
    // The sum with the lines as they are, as they should be, and as it is in the row.
    let sums = one.query_row(params![seq, tenant.0], |row| {
        let head = (tenant.0, seq, row.get(0)?, row.get(1)?);
        let (ids, before) = (row.get_ref(3)?.as_blob()?, row.get_ref(4)?.as_blob()?);
        let chain = row.get_ref(5)?.as_blob_or_null()?;
        let sum = |lines: &[u8]| chunk_sum(head, ids, lines, chain);
        Ok((sum(before), sum(lines), row.get::<_, i64>(2)?))
    });
    let Some((found, sum, expected)) = sums.optional()? else { return Ok(()) };
    // A new sum would hide that.
    if found != expected {
        return Err(StoreError::Damaged(format!("chunk {seq} does not match its sum")));
    }
    connection
        .prepare_cached("UPDATE chunk SET lines = ?2, sum = ?3 WHERE seq = ?1")?
        .execute(params![seq, lines, sum])?;
    Ok(())
}
