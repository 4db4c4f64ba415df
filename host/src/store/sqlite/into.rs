//! What hangs on a chunk, on its way into the tables. Touches `log.db`.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, params};

use crate::store::{
    Attempt, Chunk, Letter, ReceiptRow, Settled, StoreError, Suppression, TenantId,
};

/// A tenant's rows on their way into the tables. A statement is looked up once a batch, and not at all
/// for an empty one.
pub(super) struct Into<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tenant: TenantId,
}

impl<'a> Into<'a> {
    pub(super) fn each<T>(
        &self,
        sql: &str,
        rows: &[T],
        mut each: impl FnMut(&mut CachedStatement<'a>, &T) -> Result<usize, rusqlite::Error>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        for row in rows {
            each(&mut statement, row)?;
        }
        Ok(())
    }

    pub(super) fn links(&self, links: &[(Arc<str>, Arc<str>)]) -> Result<(), StoreError> {
        let sql = "INSERT INTO link (tenant, name, user) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (tenant, name) DO UPDATE SET user = excluded.user";
        self.each(sql, links, |s, (name, user)| s.execute(params![self.tenant.0, name, user]))?;
        // Whoever turns out to be a user brings their letters along, and what they were sent.
        for table in ["letter", "outbox"] {
            let sql = format!("UPDATE {table} SET user = ?3 WHERE tenant = ?1 AND user = ?2");
            self.each(&sql, links, |s, (name, user)| {
                s.execute(params![self.tenant.0, name, user])
            })?;
        }
        Ok(())
    }

    pub(super) fn outbox(&self, attempts: &[Attempt]) -> Result<(), StoreError> {
        let sql = "INSERT INTO outbox \
                   (tenant, tracking, send_key, channel, message, user, at, due, address, content) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
        self.each(sql, attempts, |s, a| {
            s.execute(params![
                self.tenant.0,
                a.tracking,
                a.send_key,
                a.channel,
                a.message,
                a.user,
                a.at.0,
                a.due.0,
                a.address,
                a.content
            ])
        })
    }

    pub(super) fn outcomes(&self, outcomes: &[Settled]) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET outcome = ?3, settled = ?4, reason = ?5, reference = ?6, \
                   leased = 0 WHERE tenant = ?1 AND tracking = ?2 AND outcome IS NULL";
        self.each(sql, outcomes, |s, o| {
            let (outcome, reason, reference) = (&o.outcome, &o.reason, &o.reference);
            s.execute(params![self.tenant.0, o.tracking, outcome, o.at.0, reason, reference])
        })
    }

    pub(super) fn called_off(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let sql = "UPDATE outbox INDEXED BY outbox_message \
                   SET outcome = 'called-off', settled = ?3, leased = 0 \
                   WHERE tenant = ?1 AND message = ?2 AND outcome IS NULL \
                   AND (leased = 0 OR due <= ?3)";
        self.each(sql, &chunk.called_off, |s, message| {
            s.execute(params![self.tenant.0, message, chunk.at.0])
        })
    }

    pub(super) fn suppressed(&self, suppressed: &[Suppression]) -> Result<(), StoreError> {
        let sql = "INSERT INTO suppression (tenant, channel, address, reason, at) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (tenant, channel, address) \
                   DO UPDATE SET reason = excluded.reason, at = excluded.at";
        self.each(sql, suppressed, |s, p| {
            s.execute(params![self.tenant.0, p.channel, p.address, p.reason, p.at.0])
        })
    }

    pub(super) fn letters(&self, letters: &[Letter]) -> Result<(), StoreError> {
        let sql = "INSERT INTO letter (tenant, user, tracking, at, content) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        self.each(sql, letters, |s, l| {
            s.execute(params![self.tenant.0, l.user, l.tracking, l.at.0, l.content])
        })
    }

    pub(super) fn receipts(&self, seq: i64, receipts: &[ReceiptRow]) -> Result<(), StoreError> {
        let sql = "INSERT INTO receipt (tenant, seq, tracking, at, shows) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.each(sql, receipts, |s, r| {
            s.execute(params![self.tenant.0, seq, r.tracking, r.at.0, r.shows])
        })?;
        for receipt in receipts {
            let column = match &*receipt.shows {
                "seen" => "seen",
                "confirmed" => "confirmed",
                _ => continue,
            };
            let sql = format!(
                "UPDATE letter SET {column} = ?3 WHERE tenant = ?1 AND tracking = ?2 \
                 AND ({column} IS NULL OR {column} > ?3)"
            );
            let params = params![self.tenant.0, receipt.tracking, receipt.at.0];
            self.connection.prepare_cached(&sql)?.execute(params)?;
        }
        Ok(())
    }

    pub(super) fn erased(&self, users: &[Arc<str>]) -> Result<(), StoreError> {
        // Receipts are found by what they are about, so they go first.
        for sql in [
            "DELETE FROM receipt WHERE tenant = ?1 AND tracking IN \
             (SELECT tracking FROM outbox WHERE tenant = ?1 AND user = ?2 \
             UNION ALL SELECT tracking FROM letter WHERE tenant = ?1 AND user = ?2)",
            "DELETE FROM outbox WHERE tenant = ?1 AND user = ?2",
            "DELETE FROM letter WHERE tenant = ?1 AND user = ?2",
            "DELETE FROM link WHERE tenant = ?1 AND name = ?2",
            "DELETE FROM link WHERE tenant = ?1 AND user = ?2",
        ] {
            self.each(sql, users, |s, user| s.execute(params![self.tenant.0, user]))?;
        }
        Ok(())
    }
}
