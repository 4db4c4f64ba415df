//! Attempts, looked up and listed. Touches the outbox in `log.db`, reading only.

use rusqlite::{OptionalExtension, Row, ToSql, params};

use super::{Shared, limit};
use crate::engine::event::Instant;
use crate::store::{Attempt, Leased, StoreError, TenantId, Which};

/// The columns that [`leased`] reads.
pub(super) const COLUMNS: &str = "tenant, tracking, send_key, message, user, channel, at, due, \
                                  address, content, leases, tries, outcome, reason, reference, settled";

pub(super) fn leased(row: &Row<'_>) -> Result<Leased, rusqlite::Error> {
    Ok(Leased {
        tenant: TenantId(row.get(0)?),
        attempt: Attempt {
            tracking: row.get(1)?,
            send_key: row.get(2)?,
            message: row.get(3)?,
            user: row.get(4)?,
            channel: row.get(5)?,
            at: Instant(row.get(6)?),
            due: Instant(row.get(7)?),
            address: row.get(8)?,
            content: row.get(9)?,
        },
        leases: row.get(10)?,
        tries: row.get(11)?,
        outcome: row.get(12)?,
        reason: row.get(13)?,
        reference: row.get(14)?,
        settled: row.get::<_, Option<i64>>(15)?.map(Instant),
    })
}

/// The statement that lists attempts, and what is bound to it but the last, how many at most.
pub(super) fn listing<'a>(
    tenant: &'a TenantId,
    which: &'a Which<'a>,
    before: Option<&'a (i64, &'a str)>,
) -> (String, Vec<&'a dyn ToSql>) {
    let index = match which {
        Which { message: Some(_), .. } => "outbox_message",
        Which { user: Some(_), .. } => "outbox_user",
        // The index's own condition has to be there word for word.
        Which { outcome: Some("failed" | "refused"), .. } => {
            "outbox_failed WHERE outcome IN ('failed', 'refused') AND"
        }
        _ => "outbox_time",
    };
    let and = if index.contains("WHERE") { "" } else { "WHERE" };
    let mut sql = format!("SELECT {COLUMNS} FROM outbox INDEXED BY {index} {and} tenant = ?");
    let mut bound: Vec<&dyn ToSql> = vec![&tenant.0];
    for (clause, value) in [
        (" AND message = ?", &which.message),
        (" AND user = ?", &which.user),
        (" AND outcome = ?", &which.outcome),
    ] {
        if value.is_some() {
            sql.push_str(clause);
            bound.push(value);
        }
    }
    if let Some((at, tracking)) = before {
        sql.push_str(" AND (at, tracking) < (?, ?)");
        bound.extend([at as &dyn ToSql, tracking]);
    }
    sql.push_str(" ORDER BY at DESC, tracking DESC LIMIT ?");
    (sql, bound)
}

impl Shared {
    /// See [`crate::store::Store::attempt`].
    pub(super) fn attempt(
        &self,
        tenant: TenantId,
        tracking: &str,
    ) -> Result<Option<Leased>, StoreError> {
        self.one("outbox WHERE tenant = ?1 AND tracking = ?2", &[&tenant.0, &tracking])
    }

    /// See [`crate::store::Store::by_reference`].
    pub(super) fn by_reference(
        &self,
        tenant: TenantId,
        channel: &str,
        reference: &str,
    ) -> Result<Option<Leased>, StoreError> {
        let rows = "outbox INDEXED BY outbox_reference \
                    WHERE tenant = ?1 AND channel = ?2 AND reference = ?3 ORDER BY id DESC LIMIT 1";
        self.one(rows, &[&tenant.0, &channel, &reference])
    }

    /// See [`crate::store::Store::by_address`].
    pub(super) fn by_address(
        &self,
        tenant: TenantId,
        channel: &str,
        address: &str,
    ) -> Result<Option<Leased>, StoreError> {
        let rows = "outbox INDEXED BY outbox_address \
                    WHERE tenant = ?1 AND channel = ?2 AND address = ?3 ORDER BY id DESC LIMIT 1";
        self.one(rows, &[&tenant.0, &channel, &address])
    }

    fn one(&self, rows: &str, bound: &[&dyn ToSql]) -> Result<Option<Leased>, StoreError> {
        self.read_log.read(|connection| {
            let mut one = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM {rows}"))?;
            Ok(one.query_row(bound, leased).optional()?)
        })
    }

    /// See [`crate::store::Store::attempts`].
    pub(super) fn attempts(
        &self,
        tenant: TenantId,
        which: &Which<'_>,
        before: Option<(Instant, &str)>,
        most: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let before = before.map(|(at, tracking)| (at.0, tracking));
        let (sql, mut bound) = listing(&tenant, which, before.as_ref());
        let most = limit(most);
        bound.push(&most);
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(&sql)?;
            Ok(rows.query_map(bound.as_slice(), leased)?.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::sent_since`].
    pub(super) fn sent_since(&self, tenant: TenantId, since: Instant) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM outbox INDEXED BY outbox_sent \
                   WHERE tenant = ?1 AND outcome = 'accepted' AND settled >= ?2";
        let count: i64 = self.read_log.read(|connection| {
            let bound = params![tenant.0, since.0];
            Ok(connection.prepare_cached(sql)?.query_row(bound, |row| row.get(0))?)
        })?;
        Ok(count.cast_unsigned())
    }
}
