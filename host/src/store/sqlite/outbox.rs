//! The outbox: attempts on lease, given back, and looked up. Touches the outbox in `log.db`.
//!
//! A lease is durable before it is given: so whoever finds a lease that has run out, after a crash for
//! one, knows from its count that the message may have been sent already.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Shared, limit, locked};
use crate::engine::event::Instant;
use crate::store::{Attempt, Leased, StoreError, TenantId};

/// The columns that [`leased`] reads.
const COLUMNS: &str =
    "tenant, tracking, send_key, message, user, channel, at, content, leases, outcome";

/// Leases in one transaction. A lease is three rows of indexes or so.
const PIECE: usize = 256;

fn leased(row: &Row<'_>) -> Result<Leased, rusqlite::Error> {
    Ok(Leased {
        tenant: TenantId(row.get(0)?),
        attempt: Attempt {
            tracking: row.get(1)?,
            send_key: row.get(2)?,
            message: row.get(3)?,
            user: row.get(4)?,
            channel: row.get(5)?,
            at: Instant(row.get(6)?),
            content: row.get(7)?,
        },
        leases: row.get(8)?,
        outcome: row.get(9)?,
    })
}

/// Attempts that may be leased at `now`, oldest first: the moment and number of each.
fn free(
    connection: &Connection,
    now: Instant,
    latest: Instant,
    most: usize,
    fair: usize,
) -> Result<Vec<(i64, i64)>, StoreError> {
    // From tenant to tenant, and of each only its oldest: the backlog of one costs the others nothing.
    let mut next = connection.prepare_cached(
        "SELECT tenant FROM outbox INDEXED BY outbox_waiting \
         WHERE outcome IS NULL AND tenant > ?1 ORDER BY tenant LIMIT 1",
    )?;
    let mut oldest = connection.prepare_cached(
        "SELECT at, id FROM outbox INDEXED BY outbox_waiting \
         WHERE outcome IS NULL AND tenant = ?1 \
         AND (leased_until IS NULL OR leased_until <= ?2 OR leased_until > ?4) \
         ORDER BY at, id LIMIT ?3",
    )?;
    let mut found = Vec::new();
    let mut tenant = -1_i64;
    while let Some(waits) = next.query_row([tenant], |row| row.get(0)).optional()? {
        tenant = waits;
        let rows = oldest
            .query_map(params![tenant, now.0, limit(fair.min(most)), latest.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_unstable();
    found.truncate(most);
    Ok(found)
}

impl Shared {
    /// See [`crate::store::Store::lease`].
    pub(super) fn lease(
        &self,
        now: Instant,
        until: Instant,
        most: usize,
        fair: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let _alone = locked(&self.leasing);
        // A lease that ends much later than one given now was given before the clock was set back: nobody
        // waits for the clock to catch up.
        let latest = until.plus(until.since(now));
        // Chosen while commits go on; whoever was settled since is left out below.
        let free = self.read_log.read(|connection| free(connection, now, latest, most, fair))?;
        let mut given = Vec::with_capacity(free.len());
        for piece in free.chunks(PIECE) {
            locked(&self.log).write(|connection| {
                let mut lease = connection.prepare_cached(&format!(
                    "UPDATE outbox SET leases = leases + 1, leased_until = ?2 \
                     WHERE id = ?1 AND outcome IS NULL \
                     AND (leased_until IS NULL OR leased_until <= ?3 OR leased_until > ?4) \
                     RETURNING {COLUMNS}"
                ))?;
                for (_, id) in piece {
                    let row = lease
                        .query_row(params![id, until.0, now.0, latest.0], leased)
                        .optional()?;
                    given.extend(row);
                }
                Ok(())
            })?;
        }
        Ok(given)
    }

    /// See [`crate::store::Store::release`]. The count of leases stays: it was leased.
    pub(super) fn release(
        &self,
        tenant: TenantId,
        tracking: &[Arc<str>],
    ) -> Result<(), StoreError> {
        for piece in tracking.chunks(PIECE) {
            locked(&self.log).write(|connection| {
                let mut release = connection.prepare_cached(
                    "UPDATE outbox SET leased_until = NULL \
                     WHERE tenant = ?1 AND tracking = ?2 AND outcome IS NULL",
                )?;
                for tracking in piece {
                    release.execute(params![tenant.0, tracking])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// See [`crate::store::Store::attempt`].
    pub(super) fn attempt(
        &self,
        tenant: TenantId,
        tracking: &str,
    ) -> Result<Option<Leased>, StoreError> {
        self.read_log.read(|connection| {
            let mut one = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox WHERE tenant = ?1 AND tracking = ?2"
            ))?;
            Ok(one.query_row(params![tenant.0, tracking], leased).optional()?)
        })
    }

    /// See [`crate::store::Store::attempts`].
    pub(super) fn attempts(
        &self,
        tenant: TenantId,
        user: Option<&str>,
        before: Option<(Instant, &str)>,
        most: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let whose = if user.is_some() { "AND user = ?2" } else { "AND ?2 IS NULL" };
        let when = if before.is_some() { "AND (at, tracking) < (?3, ?4)" } else { "" };
        let index = if user.is_some() { "outbox_user" } else { "outbox_time" };
        let (at, tracking) = before.map_or((0, ""), |(at, tracking)| (at.0, tracking));
        self.read_log.read(|connection| {
            // What is not used of the four is there to be counted.
            let mut rows = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox INDEXED BY {index} \
                 WHERE tenant = ?1 {whose} {when} AND (?3 IS NOT NULL OR ?4 IS NOT NULL) \
                 ORDER BY at DESC, tracking DESC LIMIT ?5"
            ))?;
            let bound = params![tenant.0, user, at, tracking, limit(most)];
            Ok(rows.query_map(bound, leased)?.collect::<Result<_, _>>()?)
        })
    }
}
