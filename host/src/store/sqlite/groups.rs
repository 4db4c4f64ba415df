//! Groups: who is in which, since when, and how many. Touches the groups and the cursors in `log.db`.
//!
//! A group's count is kept beside its members, in the same transaction: it is asked for more often than
//! anybody would want to count a million of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::pool::{READ, within};
use super::{Shared, limit};
use crate::store::{Group, Membership, Seq, StoreError, TenantId};

/// Groups whose numbers are kept in memory: more than a service has, unless its policies make up names.
const KNOWN: usize = 4096;

/// The members after a place.
pub(super) const MEMBERS: &str = "SELECT seq, user FROM member INDEXED BY member_order \
                       WHERE grp = ?1 AND (seq, user) > (?2, ?3) ORDER BY seq, user LIMIT ?4";
/// Adds to a group's count.
const GROW: &str = "UPDATE grp SET members = members + ?2 WHERE id = ?1";
/// A group's number.
const NUMBER: &str = "SELECT id FROM grp WHERE tenant = ?1 AND policy = ?2 AND name = ?3";

/// Numbers of groups that are in the file for good: who joins one need not look for it.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<(TenantId, Arc<str>, Arc<str>), i64>);

impl Known {
    /// Forgets all: some may not be in the file, or no longer.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The memberships of a commit on their way into the tables.
pub(super) struct Joining<'a> {
    connection: &'a Connection,
    known: &'a mut Known,
    /// By how much each group grows. Written once, whoever joins and leaves.
    growth: BTreeMap<i64, i64>,
}

impl<'a> Joining<'a> {
    pub(super) fn new(connection: &'a Connection, known: &'a mut Known) -> Joining<'a> {
        Joining { connection, known, growth: BTreeMap::new() }
    }

    /// Those of one chunk, in their order.
    pub(super) fn members(
        &mut self,
        tenant: TenantId,
        seq: i64,
        members: &[Membership],
    ) -> Result<(), StoreError> {
        if members.is_empty() {
            return Ok(());
        }
        let connection = self.connection;
        let mut join = connection.prepare_cached(
            "INSERT INTO member (grp, user, seq) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?;
        let mut leave =
            connection.prepare_cached("DELETE FROM member WHERE grp = ?1 AND user = ?2")?;
        for member in members {
            let Some(group) = self.number(tenant, member)? else { continue };
            let change = if member.belongs {
                i64::from(join.execute(params![group, member.user, seq])? > 0)
            } else {
                -i64::from(leave.execute(params![group, member.user])? > 0)
            };
            *self.growth.entry(group).or_default() += change;
        }
        Ok(())
    }

    /// The group's number. One that there is not is made for whoever joins it; nobody leaves it.
    fn number(&mut self, tenant: TenantId, member: &Membership) -> Result<Option<i64>, StoreError> {
        let key = (tenant, Arc::clone(&member.policy), Arc::clone(&member.group));
        if let Some(number) = self.known.0.get(&key) {
            return Ok(Some(*number));
        }
        let bound = params![tenant.0, member.policy, member.group];
        let mut one = self.connection.prepare_cached(NUMBER)?;
        let number = match one.query_row(bound, |row| row.get(0)).optional()? {
            Some(number) => number,
            None if !member.belongs => return Ok(None),
            None => {
                let sql = "INSERT INTO grp (tenant, policy, name, members) VALUES (?1, ?2, ?3, 0)";
                self.connection.prepare_cached(sql)?.insert(bound)?
            }
        };
        if self.known.0.len() >= KNOWN {
            self.known.clear();
        }
        self.known.0.insert(key, number);
        Ok(Some(number))
    }

    /// Takes a user out of all groups of the tenant, and out of the cursors.
    pub(super) fn forget(&mut self, tenant: TenantId, user: &str) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut groups = connection.prepare_cached("SELECT id FROM grp WHERE tenant = ?1")?;
        let mut leave =
            connection.prepare_cached("DELETE FROM member WHERE grp = ?1 AND user = ?2")?;
        let mut groups = groups.query([tenant.0])?;
        while let Some(row) = groups.next()? {
            let group = row.get(0)?;
            if leave.execute(params![group, user])? > 0 {
                *self.growth.entry(group).or_default() -= 1;
            }
        }
        // A campaign that has got to them has got past whoever joined with them and comes before them:
        // the last of these marks the same place. Which group it is of need not be known.
        connection
            .prepare_cached(
                "UPDATE cursor SET user = coalesce((SELECT max(member.user) FROM grp \
                 CROSS JOIN member INDEXED BY member_order ON member.grp = grp.id \
                 WHERE grp.tenant = ?1 AND member.seq = cursor.seq AND member.user < ?2), '') \
                 WHERE tenant = ?1 AND user = ?2",
            )?
            .execute(params![tenant.0, user])?;
        Ok(())
    }

    /// Writes the counts.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        let changed = self.growth.into_iter().filter(|(_, growth)| *growth != 0);
        for (group, growth) in changed {
            self.connection.prepare_cached(GROW)?.execute([group, growth])?;
        }
        Ok(())
    }
}

/// Removes a few members of one of the tenant's groups, or the group if it has none; false if there is
/// no group left. Whatever is left has the right count.
pub(super) fn shrink(
    connection: &Connection,
    tenant: TenantId,
    most: usize,
) -> Result<bool, StoreError> {
    let mut first = connection.prepare_cached("SELECT id FROM grp WHERE tenant = ?1 LIMIT 1")?;
    let first = first.query_row([tenant.0], |row| row.get::<_, i64>(0)).optional()?;
    let Some(group) = first else { return Ok(false) };
    let removed = connection
        .prepare_cached(
            "DELETE FROM member WHERE grp = ?1 AND user IN \
             (SELECT user FROM member WHERE grp = ?1 ORDER BY user LIMIT ?2)",
        )?
        .execute([group, limit(most)])?;
    if removed == 0 {
        connection.prepare_cached("DELETE FROM grp WHERE id = ?1")?.execute([group])?;
    } else {
        connection.prepare_cached(GROW)?.execute([group, -limit(removed)])?;
    }
    Ok(true)
}

impl Shared {
    /// See [`crate::store::Store::groups`].
    pub(super) fn groups(&self, tenant: TenantId) -> Result<Vec<Group>, StoreError> {
        self.read_log.read(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT policy, name, members FROM grp WHERE tenant = ?1 ORDER BY policy, name",
            )?;
            let group = |row: &Row<'_>| {
                let members = row.get::<_, i64>(2)?.cast_unsigned();
                Ok(Group { policy: row.get(0)?, name: row.get(1)?, members })
            };
            Ok(rows.query_map([tenant.0], group)?.collect::<Result<_, _>>()?)
        })
    }

    /// See [`crate::store::Store::members`].
    pub(super) fn members(
        &self,
        tenant: TenantId,
        (policy, group): (&str, &str),
        after: Option<(Seq, &str)>,
        most: usize,
    ) -> Result<Vec<(Seq, Arc<str>)>, StoreError> {
        // No chunk has a number below 0, so without a place all come after this one.
        let (seq, user) =
            after.map_or((-1, ""), |(seq, user)| (i64::try_from(seq.0).unwrap_or(i64::MAX), user));
        self.read_log.read(|connection| {
            within(connection, READ, |connection| {
                let mut number = connection.prepare_cached(NUMBER)?;
                let bound = params![tenant.0, policy, group];
                let number = number.query_row(bound, |row| row.get::<_, i64>(0)).optional()?;
                let Some(number) = number else { return Ok(Vec::new()) };
                let mut rows = connection.prepare_cached(MEMBERS)?;
                let member =
                    |row: &Row<'_>| Ok((Seq(row.get::<_, i64>(0)?.cast_unsigned()), row.get(1)?));
                let bound = params![number, seq, user, limit(most)];
                Ok(rows.query_map(bound, member)?.collect::<Result<_, _>>()?)
            })
        })
    }
}
