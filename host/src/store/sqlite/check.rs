//! Whether a data directory is sound. Reads everything, changes nothing, and goes on after what it finds.

mod groups;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Row};

use super::codec::{chunk_sum, decode, decode_ids, decode_link, state_sum};
use super::error::OpenError;
use super::pool::connect;
use super::{lock, schema};
use crate::store::{StoreError, UserKey};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, but nothing is lost by it.
    Warning,
    /// Something is lost, or will be believed that is not so.
    Error,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which file.
    pub file: &'static str,
    /// In which table; empty if it is about the file.
    pub table: &'static str,
    /// What.
    pub what: String,
    /// How bad it is.
    pub severity: Severity,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What is not as it should be; at most [`CheckReport::MOST`] of each kind.
    pub findings: Vec<Finding>,
    /// States in `state.db`.
    pub users: u64,
    /// Those of them with a timer.
    pub timers: u64,
    /// States that are only in the journal so far; some of them newer ones of users in `state.db`.
    pub unflushed: u64,
    /// Chunks of the log.
    pub chunks: u64,
    /// Events in them.
    pub events: u64,
    /// Attempts, whatever became of them.
    pub outbox: u64,
    /// Letters.
    pub letters: u64,
    /// Groups that have members, or had some.
    pub groups: u64,
    /// Members of all of them.
    pub members: u64,
    /// Tenants that have chunks or states.
    pub tenants: u64,
    /// Bytes of the three files.
    pub bytes: u64,
}

impl CheckReport {
    /// Findings of one kind that are listed.
    pub const MOST: usize = 20;

    /// True if nothing is lost.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }
}

/// Says what is wrong with bytes, if anything is.
pub type Look<'a> = &'a dyn Fn(&[u8]) -> Result<(), String>;

/// Who knows what bytes mean: each says what is wrong with them.
#[derive(Clone, Copy, Default)]
pub struct Verify<'a> {
    /// Looks at the bytes of a state.
    pub state: Option<Look<'a>>,
    /// Looks at the lines of a chunk.
    pub lines: Option<Look<'a>>,
}

/// Checks the data in `dir`, which no service may use meanwhile.
///
/// # Errors
///
/// If a service uses it, if there is no data, if a file is not ours or too new. What is damaged is not an
/// error but a finding.
pub fn check(dir: &Path, verify: Verify<'_>) -> Result<CheckReport, OpenError> {
    for file in schema::FILES {
        if !dir.join(file.name).is_file() {
            return Err(OpenError::Missing { dir: dir.to_owned(), file: file.name });
        }
    }
    let _owner = lock::own(dir)?;
    let (report, latest) = (CheckReport::default(), BTreeMap::new());
    let mut check = Check { report, verify, greatest: 0, flushed: None, latest };
    let mut tenants = std::collections::BTreeSet::new();
    for file in [&schema::CONTROL, &schema::LOG, &schema::STATE] {
        let path = dir.join(file.name);
        check.report.bytes += std::fs::metadata(&path).map_or(0, |file| file.len());
        let mut look = || {
            let connection = connect(&path, 8 << 10, true).map_err(OpenError::sql(&path))?;
            let version = schema::known(&connection, &path, file)?;
            if (version as usize) < file.steps.len() {
                let what = format!("it has schema version {version}; the next start brings it up");
                check.add(file.name, "", Severity::Warning, what);
                if file.name == schema::LOG.name {
                    // It is not read, so no state can be said to be ahead of it.
                    check.greatest = i64::MAX;
                }
                return Ok(());
            }
            check.whole(&connection, file.name);
            let table = if file.name == schema::LOG.name { "chunk" } else { "state" };
            if file.name != schema::CONTROL.name {
                let sql = format!("SELECT DISTINCT tenant FROM {table}");
                check.each(&connection, (file.name, table), &sql, |_, row| {
                    tenants.insert(row.get::<_, i64>(0)?);
                    Ok(Ok(()))
                });
            }
            if file.name == schema::LOG.name {
                check.log(&connection, dir);
            } else if file.name == schema::STATE.name {
                check.states(&connection);
            }
            Ok(())
        };
        match look() {
            Ok(()) => {}
            // A file that cannot even be opened is a finding, like any other damage.
            Err(OpenError::Store { error, .. }) => {
                check.add(file.name, "", Severity::Error, error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    check.report.tenants = tenants.len() as u64;
    Ok(check.report)
}

struct Check<'a> {
    report: CheckReport,
    verify: Verify<'a>,
    /// The greatest number that a chunk has or had.
    greatest: i64,
    flushed: Option<i64>,
    /// Users who are in the part of the journal that is not in `state.db`: whether they have a state.
    latest: BTreeMap<UserKey, bool>,
}

/// A file and a table in it.
type Place = (&'static str, &'static str);

impl Check<'_> {
    fn add(&mut self, file: &'static str, table: &'static str, severity: Severity, what: String) {
        let alike = self.report.findings.iter().filter(|f| (f.file, f.table) == (file, table));
        if alike.count() < CheckReport::MOST {
            self.report.findings.push(Finding { file, table, what, severity });
        }
    }

    /// What SQLite itself says about the file.
    fn whole(&mut self, connection: &Connection, file: &'static str) {
        let sql = format!("PRAGMA integrity_check({})", CheckReport::MOST);
        self.each(connection, (file, ""), &sql, |_, row| {
            let said: String = row.get(0)?;
            Ok(if said == "ok" { Ok(()) } else { Err(said) })
        });
    }

    /// Looks at each row of a query. What is wrong with a row is a finding, and the next one follows;
    /// a row that cannot be read is the last.
    fn each(
        &mut self,
        connection: &Connection,
        (file, table): Place,
        sql: &str,
        mut look: impl FnMut(&mut Self, &Row<'_>) -> Result<Result<(), String>, rusqlite::Error>,
    ) {
        let mut all = || {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let what = match look(self, row) {
                    Ok(Ok(())) => continue,
                    Ok(Err(what)) => what,
                    Err(error) => error.to_string(),
                };
                self.add(file, table, Severity::Error, what);
            }
            Ok::<_, rusqlite::Error>(())
        };
        if let Err(error) = all() {
            let what = format!("the rest cannot be read: {}", StoreError::from(error));
            self.add(file, table, Severity::Error, what);
        }
    }

    /// One number out of the database; none, and a finding, if it cannot be read.
    fn number(&mut self, connection: &Connection, place: Place, sql: &str) -> Option<i64> {
        let mut found = None;
        self.each(connection, place, sql, |_, row| {
            found = row.get(0)?;
            Ok(Ok(()))
        });
        found
    }

    /// Rows of which there should be none; the query names each.
    fn none(&mut self, connection: &Connection, place: Place, what: &str, sql: &str) {
        let sql = format!("{sql} LIMIT {}", CheckReport::MOST);
        self.each(connection, place, &sql, |_, row| {
            Ok(Err(format!("{what}: {}", row.get::<_, String>(0)?)))
        });
    }

    fn log(&mut self, connection: &Connection, dir: &Path) {
        let place = |table| (schema::LOG.name, table);
        let noted = "SELECT value FROM meta WHERE name = 'seq'";
        self.greatest = self.number(connection, place("meta"), noted).unwrap_or(0);
        let sql = "SELECT seq, tenant, at, events, sum, ids, lines, chain FROM chunk ORDER BY seq";
        self.each(connection, place("chunk"), sql, |check, row| {
            let seq: i64 = row.get(0)?;
            check.greatest = check.greatest.max(seq);
            let events: u32 = row.get(3)?;
            check.report.chunks += 1;
            check.report.events += u64::from(events);
            let ids = row.get_ref(5)?.as_blob()?;
            let lines = row.get_ref(6)?.as_blob()?;
            let chain = row.get_ref(7)?.as_blob_or_null()?;
            if chunk_sum((row.get(1)?, seq, row.get(2)?, events), ids, lines, chain)
                != row.get::<_, i64>(4)?
            {
                return Ok(Err(format!("chunk {seq} does not match its sum")));
            }
            let (found, rest) = decode_ids(ids);
            // An event need not have an id, and no id comes without an event.
            if rest != 0 || found.count() > events as usize {
                return Ok(Err(format!("chunk {seq} has more message ids than events")));
            }
            if chain.is_some_and(|chain| decode_link(chain).is_none()) {
                return Ok(Err(format!("chunk {seq} has no place in the chain of hashes")));
            }
            let lines = check.verify.lines.map_or(Ok(()), |verify| verify(lines));
            Ok(lines.map_err(|what| format!("chunk {seq}: {what}")))
        });
        // The chunk itself may be gone, if it is old.
        let heads = format!(
            "SELECT 'tenant ' || head.tenant FROM head LEFT JOIN chunk ON chunk.seq = head.seq \
             WHERE length(head.head) <> 32 OR head.seq > {} OR (chunk.seq IS NOT NULL AND \
             (chunk.tenant, substr(chunk.chain, 33)) IS NOT (head.tenant, head.head))",
            self.greatest
        );
        self.none(connection, place("head"), "not the head of a chain of hashes", &heads);
        self.journal(connection, dir);
        self.groups(connection, dir);
        let (outbox, letter) = (place("outbox"), place("letter"));
        let count = |check: &mut Self, place: Place| {
            let sql = format!("SELECT count(*) FROM {}", place.1);
            check.number(connection, place, &sql).unwrap_or(0).cast_unsigned()
        };
        self.report.outbox = count(self, outbox);
        self.report.letters = count(self, letter);
        // Not by the indexes, which integrity_check compares with the table.
        let twice = "SELECT send_key || ' on ' || channel FROM outbox NOT INDEXED \
                     GROUP BY tenant, send_key, channel HAVING count(*) > 1";
        self.none(connection, outbox, "several attempts for", twice);
        let odd = "SELECT tracking FROM outbox WHERE (outcome IS NULL) <> (settled IS NULL) \
                   OR leases < 0 OR tries < 0 OR tenant < 0 OR leased NOT IN (0, 1) \
                   OR leased > (outcome IS NULL) OR typeof(due) <> 'integer'";
        self.none(connection, outbox, "neither settled nor waiting", odd);
        let lost = "SELECT tracking FROM letter WHERE NOT EXISTS (SELECT 1 FROM outbox \
                    WHERE outbox.tenant = letter.tenant AND outbox.tracking = letter.tracking) \
                    LIMIT 20";
        self.each(connection, letter, lost, |check, row| {
            let what = format!("no attempt for {}", row.get::<_, String>(0)?);
            check.add(letter.0, letter.1, Severity::Warning, what);
            Ok(Ok(()))
        });
    }

    /// The journal follows on the states, without a gap.
    fn journal(&mut self, connection: &Connection, dir: &Path) {
        let path = dir.join(schema::STATE.name);
        let sql = "SELECT value FROM meta WHERE name = 'flushed'";
        if let Ok(state) = connect(&path, 1 << 10, true) {
            self.flushed = self.number(&state, (schema::STATE.name, "meta"), sql);
        }
        let mut next = None;
        let place = (schema::LOG.name, "journal");
        let flushed = self.flushed;
        self.each(
            connection,
            place,
            "SELECT number, images FROM journal ORDER BY number",
            |check, row| {
                let number: i64 = row.get(0)?;
                let first = flushed.map_or(number, |flushed| number.min(flushed + 1));
                let expected = next.replace(number + 1).unwrap_or(first);
                if number != expected {
                    let what = format!("rows {expected} to {} are missing", number - 1);
                    check.add(place.0, place.1, Severity::Error, what);
                }
                let mut wrong = None;
                let read = decode(row.get_ref(1)?.as_blob()?, |key, entry| {
                    if flushed.is_some_and(|flushed| number > flushed) {
                        check.report.unflushed += 1;
                    }
                    if let (Some(verify), Some(state)) = (check.verify.state, &entry.state)
                        && let Err(what) = verify(state)
                    {
                        wrong = Some(format!("the state of {:?}: {what}", key.user));
                    }
                    if flushed.is_some_and(|flushed| number > flushed) {
                        check.latest.insert(key, entry.state.is_some());
                    }
                });
                let read = read.and(wrong.map_or(Ok(()), Err));
                Ok(read.map_err(|what| format!("row {number}: {what}")))
            },
        );
    }

    fn states(&mut self, connection: &Connection) {
        let place = (schema::STATE.name, "state");
        let sql = "SELECT tenant, user, due, last, sum, image FROM state NOT INDEXED";
        self.each(connection, place, sql, |check, row| {
            let (tenant, user): (u32, String) = (row.get(0)?, row.get(1)?);
            let (due, last): (Option<i64>, i64) = (row.get(2)?, row.get(3)?);
            check.report.users += 1;
            check.report.timers += u64::from(due.is_some());
            let image = row.get_ref(5)?.as_blob()?;
            let whose = format!("the state of {user:?} of tenant {tenant}");
            if state_sum((tenant, &user), due, last, image) != row.get::<_, i64>(4)? {
                return Ok(Err(format!("{whose} does not match its sum")));
            }
            if last > check.greatest {
                let greatest = check.greatest;
                return Ok(Err(format!("{whose} is of chunk {last}, and the last is {greatest}")));
            }
            let state = check.verify.state.map_or(Ok(()), |verify| verify(image));
            Ok(state.map_err(|what| format!("{whose}: {what}")))
        });
    }
}
