//! The outbox at work: what waits, and attempts on lease, put off and given back. Touches the outbox in
//! `log.db`.
//!
//! A lease is durable before it is given: so whoever finds a lease that has run out, after a crash for
//! one, knows from its count that the message may have been sent already. A lease is a later `due` and a
//! mark, so that one index finds all that can be done at a moment: what is put off, leased or held back
//! lies behind, and is not read.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::attempts::{COLUMNS, leased};
use super::{Shared, limit, locked};
use crate::engine::event::Instant;
use crate::store::{Deferred, Leased, StoreError, TenantId, Waiting, Wanted};

/// Rows in one transaction: commits wait for as long as it takes.
const PIECE: usize = 512;

/// The first of a tenant's next channel. In one with the next tenant's it would read all of the channel
/// before: SQLite seeks the first of a pair, not what follows its last.
pub(super) const NEXT_CHANNEL: &str = "SELECT tenant, channel, due FROM outbox \
                                       INDEXED BY outbox_waiting WHERE outcome IS NULL \
                                       AND tenant = ?1 AND channel > ?2 \
                                       ORDER BY channel, due LIMIT 1";
/// The first of the next tenant's first channel.
pub(super) const NEXT_TENANT: &str = "SELECT tenant, channel, due FROM outbox \
                                      INDEXED BY outbox_waiting WHERE outcome IS NULL \
                                      AND tenant > ?1 ORDER BY tenant, channel, due LIMIT 1";
/// What has been due for longest of a tenant and channel.
pub(super) const FIRST: &str = "SELECT id, due FROM outbox INDEXED BY outbox_waiting \
                                WHERE outcome IS NULL AND tenant = ?1 AND channel = ?2 \
                                AND due <= ?3 ORDER BY due, leased LIMIT ?4";
/// Leases that end after a moment.
const BEYOND: &str = "SELECT id FROM outbox INDEXED BY outbox_waiting \
                      WHERE outcome IS NULL AND leased = 1 AND due > ?1";

/// Ends leases of a process that is no more: the attempts are due since they were decided.
pub(super) fn end_leases(connection: &Connection) -> Result<usize, rusqlite::Error> {
    connection.execute(
        "UPDATE outbox INDEXED BY outbox_waiting SET leased = 0, due = at \
         WHERE outcome IS NULL AND leased = 1",
        [],
    )
}

/// What there is to lease: the number of each attempt, and since when it is due.
fn due(
    connection: &Connection,
    now: Instant,
    wanted: &[Wanted],
) -> Result<Vec<(i64, Instant)>, StoreError> {
    let mut first = connection.prepare_cached(FIRST)?;
    let mut found = Vec::new();
    for wanted in wanted {
        let bound = params![wanted.tenant.0, wanted.channel, now.0, limit(wanted.most)];
        let row = |row: &Row<'_>| Ok((row.get(0)?, Instant(row.get(1)?)));
        for row in first.query_map(bound, row)? {
            found.push(row?);
        }
    }
    Ok(found)
}

impl Shared {
    /// See [`crate::store::Store::waiting`].
    pub(super) fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.read_log.read(|connection| {
            let mut channel = connection.prepare_cached(NEXT_CHANNEL)?;
            let mut tenant = connection.prepare_cached(NEXT_TENANT)?;
            let row = |row: &Row<'_>| {
                let (tenant, channel) = (TenantId(row.get(0)?), row.get(1)?);
                Ok(Waiting { tenant, channel, due: Instant(row.get(2)?) })
            };
            let mut found = Vec::new();
            let mut next = tenant.query_row([-1], row).optional()?;
            while let Some(waiting) = next {
                let last = params![waiting.tenant.0, waiting.channel];
                next = channel.query_row(last, row).optional()?;
                if next.is_none() {
                    next = tenant.query_row([waiting.tenant.0], row).optional()?;
                }
                found.push(waiting);
            }
            Ok(found)
        })
    }

    /// See [`crate::store::Store::lease`].
    pub(super) fn lease(
        &self,
        now: Instant,
        until: Instant,
        wanted: &[Wanted],
    ) -> Result<Vec<Leased>, StoreError> {
        let mut last_end = locked(&self.leasing);
        // A lease that ends much later than one given now was given before the clock was set back. All
        // there are were given here, so it is known when there is such a one.
        let latest = until.plus(until.since(now));
        if *last_end > latest {
            self.end_beyond(latest, now)?;
            *last_end = latest;
        }
        // Chosen while commits go on; whoever was settled since is left out below.
        let due = self.read_log.read(|connection| due(connection, now, wanted))?;
        if !due.is_empty() {
            *last_end = until.max(*last_end);
        }
        let mut given = Vec::with_capacity(due.len());
        for piece in due.chunks(PIECE) {
            let before = given.len();
            let leased = locked(&self.log).write(|connection| {
                let mut lease = connection.prepare_cached(&format!(
                    "UPDATE outbox SET leases = leases + 1, leased = 1, due = ?2 \
                     WHERE id = ?1 AND outcome IS NULL AND due <= ?3 RETURNING {COLUMNS}"
                ))?;
                for (id, due) in piece {
                    let row = lease.query_row(params![id, until.0, now.0], leased).optional()?;
                    given.extend(row.map(|mut row| {
                        row.attempt.due = *due;
                        row
                    }));
                }
                Ok(())
            });
            if let Err(error) = leased {
                // What was not written is not given; what was would else wait for the end of its lease.
                given.truncate(before);
                if given.is_empty() {
                    return Err(error);
                }
                tracing::warn!(%error, "fewer attempts are leased than could be");
                break;
            }
        }
        Ok(given)
    }

    /// Ends leases that end after `latest`: they are due `now`.
    fn end_beyond(&self, latest: Instant, now: Instant) -> Result<(), StoreError> {
        let ids = self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(BEYOND)?;
            let ids = rows.query_map([latest.0], |row| row.get::<_, i64>(0))?;
            Ok(ids.collect::<Result<Vec<_>, _>>()?)
        })?;
        if !ids.is_empty() {
            tracing::warn!(leases = ids.len(), "the clock was set back; leases end early");
        }
        let sql = "UPDATE outbox SET leased = 0, due = ?2 \
                   WHERE id = ?1 AND outcome IS NULL AND leased = 1 AND due > ?3";
        self.pieces(&ids, |connection, id| {
            connection.prepare_cached(sql)?.execute([*id, now.0, latest.0])?;
            Ok(())
        })
    }

    /// See [`crate::store::Store::defer`].
    pub(super) fn defer(&self, deferred: &[Deferred]) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET tries = tries + ?5, leased = 0, due = ?3, reason = ?4 \
                   WHERE tenant = ?1 AND tracking = ?2 AND outcome IS NULL";
        self.pieces(deferred, |connection, d| {
            let bound = params![d.tenant.0, d.tracking, d.due.0, d.reason, d.tried];
            connection.prepare_cached(sql)?.execute(bound)?;
            Ok(())
        })
    }

    /// See [`crate::store::Store::release`]. The count of leases stays: it was leased.
    pub(super) fn release(
        &self,
        tenant: TenantId,
        tracking: &[Arc<str>],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET leased = 0, due = at \
                   WHERE tenant = ?1 AND tracking = ?2 AND outcome IS NULL AND leased = 1";
        self.pieces(tracking, |connection, tracking| {
            connection.prepare_cached(sql)?.execute(params![tenant.0, tracking])?;
            Ok(())
        })
    }

    /// See [`crate::store::Store::resend`].
    pub(super) fn resend(
        &self,
        tenant: TenantId,
        tracking: &str,
        due: Instant,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE outbox SET outcome = NULL, settled = NULL, reason = NULL, leased = 0, \
                   leases = 0, tries = 0, due = ?3 \
                   WHERE tenant = ?1 AND tracking = ?2 AND outcome IN ('failed', 'refused')";
        let changed = locked(&self.log).write(|connection| {
            Ok(connection.prepare_cached(sql)?.execute(params![tenant.0, tracking, due.0])?)
        })?;
        Ok(changed > 0)
    }

    /// Writes rows a piece at a time, so that commits have their turn in between.
    pub(super) fn pieces<T>(
        &self,
        rows: &[T],
        mut each: impl FnMut(&Connection, &T) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for piece in rows.chunks(PIECE) {
            locked(&self.log)
                .write(|connection| piece.iter().try_for_each(|row| each(connection, row)))?;
        }
        Ok(())
    }
}
