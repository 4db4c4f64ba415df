//! Addresses that nothing is sent to. Touches the suppressions in `log.db`.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::into::Into;
use super::pool::{READ, within};
use super::{Shared, limit, locked};
use crate::engine::event::Instant;
use crate::store::{StoreError, Suppression, TenantId};

/// Rows in one transaction.
const PIECE: usize = 512;

fn suppression(row: &Row<'_>) -> Result<Suppression, rusqlite::Error> {
    let (channel, address, reason) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Suppression { channel, address, reason, at: Instant(row.get(3)?) })
}

impl Shared {
    /// See [`crate::store::Store::suppressed`].
    pub(super) fn suppressed(
        &self,
        addresses: &[(TenantId, Arc<str>, Arc<str>)],
    ) -> Result<Vec<Option<Suppression>>, StoreError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        self.read_log.read(|connection| {
            within(connection, READ, |connection| {
                let mut one = connection.prepare_cached(
                    "SELECT channel, address, reason, at FROM suppression \
                     WHERE tenant = ?1 AND channel = ?2 AND address = ?3",
                )?;
                let one = |(tenant, channel, address): &(TenantId, Arc<str>, Arc<str>)| {
                    one.query_row(params![tenant.0, channel, address], suppression).optional()
                };
                Ok(addresses.iter().map(one).collect::<Result<_, _>>()?)
            })
        })
    }

    /// See [`crate::store::Store::suppressions`].
    pub(super) fn suppressions(
        &self,
        tenant: TenantId,
        after: Option<(&str, &str)>,
        most: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        // Even texts without a letter may be names.
        let than = if after.is_some() { ">" } else { ">=" };
        let (channel, address) = after.unwrap_or_default();
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(&format!(
                "SELECT channel, address, reason, at FROM suppression \
                 WHERE tenant = ?1 AND (channel, address) {than} (?2, ?3) \
                 ORDER BY channel, address LIMIT ?4"
            ))?;
            let bound = params![tenant.0, channel, address, limit(most)];
            Ok(rows.query_map(bound, suppression)?.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::suppress`].
    pub(super) fn suppress(
        &self,
        tenant: TenantId,
        suppressed: &[Suppression],
    ) -> Result<(), StoreError> {
        for piece in suppressed.chunks(PIECE) {
            locked(&self.log).write(|connection| Into { connection, tenant }.suppressed(piece))?;
        }
        Ok(())
    }

    /// See [`crate::store::Store::unsuppress`].
    pub(super) fn unsuppress(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM suppression WHERE tenant = ?1 AND channel = ?2 AND address = ?3";
        let removed = locked(&self.log).write(|connection| {
            Ok(connection.prepare_cached(sql)?.execute(params![tenant.0, channel, address])?)
        })?;
        Ok(removed > 0)
    }
}
