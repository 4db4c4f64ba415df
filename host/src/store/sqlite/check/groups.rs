//! Whether groups, counts and places are sound. Reads `log.db` and, for whoever is in a group, `state.db`.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::Check;
use crate::store::sqlite::pool::connect;
use crate::store::sqlite::schema;
use crate::store::{TenantId, UserKey};

impl Check<'_> {
    /// What the groups' rows say, and whether those in them are somebody.
    pub(super) fn groups(&mut self, connection: &Connection, dir: &Path) {
        let place = |table| (schema::LOG.name, table);
        let count = self.number(connection, place("grp"), "SELECT count(*) FROM grp");
        self.report.groups = count.unwrap_or(0).cast_unsigned();
        let miscounted = "SELECT policy || ' ' || name || ' of tenant ' || tenant || ' says ' || members \
             || ' and has ' || has FROM (SELECT *, (SELECT count(*) FROM member \
             WHERE member.grp = grp.id) AS has FROM grp) WHERE members IS NOT has";
        self.none(connection, place("grp"), "not the number of members", miscounted);
        let lost = "SELECT DISTINCT 'number ' || grp FROM member WHERE grp NOT IN \
                    (SELECT id FROM grp)";
        self.none(connection, place("member"), "members of a group that there is not", lost);
        self.members(connection, dir);
        let greatest = self.greatest;
        let ahead = format!(
            "SELECT name || ' of tenant ' || tenant FROM cursor \
             WHERE typeof(seq) <> 'integer' OR seq NOT BETWEEN 0 AND {greatest}"
        );
        self.none(connection, place("cursor"), "not at a chunk that there was", &ahead);
        let odd = "SELECT name || ' of tenant ' || tenant FROM tally \
                   WHERE typeof(value) <> 'integer'";
        self.none(connection, place("tally"), "not a number", odd);
        let odd = "SELECT name || ' of tenant ' || tenant FROM source \
                   WHERE typeof(at) <> 'integer' OR at < 0";
        self.none(connection, place("source"), "not a place", odd);
    }

    fn members(&mut self, connection: &Connection, dir: &Path) {
        // Without the states nobody can be missed; that they cannot be read is a finding already.
        let path = dir.join(schema::STATE.name);
        let states = connect(&path, 8 << 10, true).ok().filter(|_| self.flushed.is_some());
        let sql = "SELECT EXISTS (SELECT 1 FROM state WHERE tenant = ?1 AND user = ?2)";
        let mut states = states.as_ref().and_then(|states| states.prepare(sql).ok());
        let sql = "SELECT tenant, policy, name, user, seq FROM grp CROSS JOIN member \
                   ON member.grp = grp.id";
        self.each(connection, (schema::LOG.name, "member"), sql, |check, row| {
            let (tenant, user): (TenantId, Arc<str>) = (TenantId(row.get(0)?), row.get(3)?);
            let (policy, group, seq): (String, String, i64) =
                (row.get(1)?, row.get(2)?, row.get(4)?);
            check.report.members += 1;
            let who = format!("{user:?} in {policy} {group} of tenant {}", tenant.0);
            let greatest = check.greatest;
            if !(0..=greatest).contains(&seq) {
                return Ok(Err(format!("{who} is of chunk {seq}, and the last is {greatest}")));
            }
            let key = UserKey { tenant, user };
            let has = check.latest.get(&key).copied().or_else(|| {
                let bound = params![key.tenant.0, key.user];
                states.as_mut()?.query_row(bound, |row| row.get(0)).ok()
            });
            Ok(if has == Some(false) { Err(format!("{who} has no state")) } else { Ok(()) })
        });
    }
}
