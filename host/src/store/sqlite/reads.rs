//! What is read of the log and what hangs on it: chunks, links, letters, receipts, message ids. Touches
//! `log.db`, reading only.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::codec::{chunk_sum, decode_ids, decode_link};
use super::pool::{READ, within};
use super::{Shared, limit};
use crate::engine::event::Instant;
use crate::store::{
    Delivered, Letter, Logged, ReceiptRow, Recovered, Seq, StoreError, TenantId, UserKey,
};

impl Shared {
    /// See [`crate::store::Store::recover`].
    pub(super) fn recover(&self, since: Instant, most: usize) -> Result<Recovered, StoreError> {
        self.read_log.read(|connection| {
            let greatest: i64 = connection.query_row(
                "SELECT max((SELECT value FROM meta WHERE name = 'seq'), \
                 coalesce((SELECT max(seq) FROM chunk), 0))",
                [],
                |row| row.get(0),
            )?;
            let mut ids = Vec::new();
            // Newest first, until there are enough.
            let mut rows = connection.prepare_cached(
                "SELECT tenant, at, ids, seq FROM chunk INDEXED BY chunk_at \
                 WHERE at >= ?1 ORDER BY at DESC, seq DESC",
            )?;
            let mut rows = rows.query([since.0])?;
            while ids.len() < most
                && let Some(row) = rows.next()?
            {
                let (tenant, at) = (TenantId(row.get(0)?), Instant(row.get(1)?));
                let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                let (found, rest) = decode_ids(bytes);
                if rest != 0 {
                    let seq: i64 = row.get(3)?;
                    let what = format!("the message ids of chunk {seq} are cut short");
                    return Err(StoreError::Damaged(what));
                }
                let left = most - ids.len();
                ids.extend(found.rev().take(left).map(|id| (tenant, at, id)));
            }
            ids.reverse();
            let mut heads = connection.prepare("SELECT tenant, seq, head FROM head")?;
            let heads = heads.query_map([], head)?.collect::<Result<_, _>>()?;
            Ok(Recovered { seq: Seq(greatest.cast_unsigned()), ids, heads })
        })
    }

    /// See [`crate::store::Store::head`].
    pub(super) fn head(&self, tenant: TenantId) -> Result<Option<(Seq, [u8; 32])>, StoreError> {
        self.read_log.read(|connection| {
            let sql = "SELECT tenant, seq, head FROM head WHERE tenant = ?1";
            let found = connection.prepare_cached(sql)?.query_row([tenant.0], head).optional()?;
            Ok(found.map(|(_, seq, head)| (seq, head)))
        })
    }

    /// See [`crate::store::Store::resolve`].
    pub(super) fn resolve(&self, names: &[UserKey]) -> Result<Vec<Option<Arc<str>>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.read_log.read(|connection| {
            within(connection, READ, |connection| {
                let mut one = connection
                    .prepare_cached("SELECT user FROM link WHERE tenant = ?1 AND name = ?2")?;
                let mut one = |name: &UserKey| {
                    one.query_row(params![name.tenant.0, name.user], |row| row.get(0)).optional()
                };
                Ok(names.iter().map(&mut one).collect::<Result<_, _>>()?)
            })
        })
    }

    /// A tenant's chunks from `from` to `to`, at most `most` of them.
    pub(super) fn logged(
        &self,
        tenant: TenantId,
        from: Seq,
        to: Seq,
        most: usize,
    ) -> Result<Vec<Logged>, StoreError> {
        let number = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT seq, at, events, sum, ids, lines, chain \
                 FROM chunk INDEXED BY chunk_tenant \
                 WHERE tenant = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
            )?;
            let bound = params![tenant.0, number(from), number(to), limit(most)];
            let mut rows = rows.query(bound)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let (seq, at, events): (i64, i64, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let ids = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
                let lines: Vec<u8> = row.get(5)?;
                let chain = row.get_ref(6)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
                let link = chain.and_then(decode_link);
                let sum = chunk_sum((tenant.0, seq, at, events), ids, &lines, chain);
                if sum != row.get::<_, i64>(3)? || link.is_none() != chain.is_none() {
                    let what = format!("chunk {seq} does not match its sum");
                    return Err(StoreError::Damaged(what));
                }
                found.push(Logged {
                    seq: Seq(seq.cast_unsigned()),
                    at: Instant(at),
                    events,
                    lines,
                    chain: link,
                });
            }
            Ok(found)
        })
    }

    /// See [`crate::store::Store::receipts`].
    pub(super) fn receipts(
        &self,
        tenant: TenantId,
        tracking: &str,
    ) -> Result<Vec<ReceiptRow>, StoreError> {
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT at, shows FROM receipt WHERE tenant = ?1 AND tracking = ?2 ORDER BY at, id",
            )?;
            let receipt = |row: &Row<'_>| {
                let tracking = Arc::from(tracking);
                Ok(ReceiptRow { tracking, at: Instant(row.get(0)?), shows: row.get(1)? })
            };
            let rows = rows.query_map(params![tenant.0, tracking], receipt)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::letters`]. By number, also if they are the latest.
    pub(super) fn letters(
        &self,
        tenant: TenantId,
        user: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        let order = if after.is_some() { "ASC" } else { "DESC" };
        let above = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(&format!(
                "SELECT id, user, tracking, at, content, seen, confirmed \
                 FROM letter INDEXED BY letter_user \
                 WHERE tenant = ?1 AND user = ?2 AND id > ?3 ORDER BY id {order} LIMIT ?4"
            ))?;
            let rows = rows.query_map(params![tenant.0, user, above, limit(most)], delivered)?;
            let mut found = rows.collect::<Result<Vec<_>, _>>()?;
            if after.is_none() {
                found.reverse();
            }
            Ok(found)
        })
    }
}

fn head(row: &Row<'_>) -> Result<(TenantId, Seq, [u8; 32]), rusqlite::Error> {
    let seq = row.get::<_, i64>(1)?.cast_unsigned();
    Ok((TenantId(row.get(0)?), Seq(seq), row.get(2)?))
}

fn delivered(row: &Row<'_>) -> Result<Delivered, rusqlite::Error> {
    let moment = |at: Option<i64>| at.map(Instant);
    Ok(Delivered {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        letter: Letter {
            user: row.get(1)?,
            tracking: row.get(2)?,
            at: Instant(row.get(3)?),
            content: row.get(4)?,
        },
        seen: moment(row.get(5)?),
        confirmed: moment(row.get(6)?),
    })
}
