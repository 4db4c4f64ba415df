//! Data of earlier versions.

use super::super::codec::chunk_sum;
use super::super::schema::{self, Writing};
use super::super::{Synchronous, Verify, check};
use super::*;

#[test]
fn the_first_version_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    drop(Sqlite::open(dir.path(), small(9)).unwrap());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("log.db{end}")));
    }
    let writing = Writing { synchronous: Synchronous::Full, cache: 1000, max_bytes: None };
    let first = schema::File { steps: &schema::LOG.steps[..1], ..schema::LOG };
    let old = schema::open(dir.path(), &first, writing).unwrap();
    let sum = chunk_sum((1, 7, 1007, 1), &[1; 16], b"line", None);
    // As that version had it: who changes the sum makes all old logs unreadable.
    assert_eq!(sum, SUM);
    old.execute_batch(&format!(
        "INSERT INTO chunk VALUES (7, 1, 1007, 1, {sum}, x'{}', CAST('line' AS BLOB));
         INSERT INTO link VALUES (1, 'a', 'ann');
         INSERT INTO outbox VALUES
             (3, 1, 't1', 'k1', 'push', 'm1', 'ann', 10, 0, NULL, NULL, NULL, 'one'),
             (4, 1, 't2', 'k2', 'mail', 'm2', 'ann', 11, 2, 999, NULL, NULL, 'two'),
             (6, 2, 't3', 'k3', 'push', 'm3', 'bob', 12, 1, NULL, 'accepted', 20, 'three'),
             (8, 1, 't4', 'k4', 'push', 'm4', 'bob', 13, 1, NULL, 'failed', 21, 'four');
         INSERT INTO letter (tenant, user, tracking, at, content) VALUES (2, 'bob', 't3', 1, '{{}}');
         INSERT INTO receipt VALUES (1, 1, 7, 't4', 21, 'failed');",
        "01".repeat(16)
    ))
    .unwrap();
    drop(old);
    let report = check(dir.path(), Verify::default()).unwrap();
    assert!(report.sound() && report.findings.len() == 1, "{report:?}");

    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let logged = store.chunk(TenantId(1), Seq(7)).unwrap().unwrap();
    assert_eq!((&*logged.lines, logged.chain), (&b"line"[..], None));
    let found = store.recover(Instant::MIN, 9).unwrap();
    assert_eq!((found.seq, found.ids.len(), found.heads), (Seq(7), 1, vec![]));
    let third = store.attempt(TenantId(2), "t3").unwrap().unwrap();
    assert_eq!((third.outcome.as_deref(), third.settled), (Some("accepted"), Some(Instant(20))));
    assert_eq!((&*third.attempt.content, third.attempt.due), ("three", Instant(12)));
    assert_eq!(store.sent_since(TenantId(2), Instant(20)).unwrap(), 1);
    let failed = Which { outcome: Some("failed"), ..Which::default() };
    assert_eq!(store.attempts(TenantId(1), &failed, None, 9).unwrap().len(), 1);
    assert_eq!(store.letters(TenantId(2), "bob", None, 9).unwrap().len(), 1);
    assert_eq!(store.receipts(TenantId(1), "t4").unwrap().len(), 1);
    let leased = lease(&store, 100, 200);
    let found: Vec<_> =
        leased.iter().map(|l| (&*l.attempt.tracking, l.leases, l.attempt.due.0)).collect();
    assert_eq!(found, [("t2", 3, 11), ("t1", 1, 10)]);
    // What there was is still known.
    let mut again = chunk(1, 8);
    again.outbox = vec![attempt("t5", "k1", "m1", 30)];
    put(&store, again);
    assert_eq!(store.attempt(TenantId(1), "t5").unwrap(), None);
    drop(store);
    assert_eq!(check(dir.path(), Verify::default()).unwrap().findings, []);
}

#[test]
fn the_version_before_groups_has_none_and_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    for seq in 1..=20 {
        let mut one = chunk(1, seq);
        one.lines = b"line".to_vec();
        one.images = vec![image(&format!("u{seq}"), Some(5), "s")];
        one.outbox = vec![attempt(&format!("t{seq}"), &format!("k{seq}"), "m", 1)];
        one.suppressed = vec![suppression(&format!("a{seq}"), "bounced", 1)];
        put(&store, one);
    }
    drop(store);
    // As that version had left it.
    let writing = Writing { synchronous: Synchronous::Full, cache: 1000, max_bytes: None };
    let second = schema::File { steps: &schema::LOG.steps[..2], name: "second.db", ..schema::LOG };
    let old = schema::open(dir.path(), &second, writing).unwrap();
    let log = dir.path().join("log.db");
    old.execute("ATTACH ?1 AS new", [log.to_str().unwrap()]).unwrap();
    let copied = ["meta", "chunk", "journal", "outbox", "suppression"];
    for table in copied {
        let sql = format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM new.{table}");
        old.execute_batch(&sql).unwrap();
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN \
                  ('grp', 'member', 'member_order', 'tally', 'cursor', 'source')";
    let count = |connection: &rusqlite::Connection| -> i64 {
        connection.query_row(tables, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&old), 0);
    drop(old);
    std::fs::rename(dir.path().join("second.db"), log).unwrap();
    let report = check(dir.path(), Verify::default()).unwrap();
    assert!(report.sound() && report.findings[0].what.contains("schema version 2"), "{report:?}");

    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    assert_eq!(store.recover(Instant::MIN, 0).unwrap().seq, Seq(20));
    assert_eq!(store.log(TenantId(1), Seq(0), 99).unwrap().len(), 20);
    assert_eq!(store.users(TenantId(1), None, 99).unwrap().len(), 20);
    assert_eq!(store.suppressions(TenantId(1), None, 99).unwrap().len(), 20);
    assert_eq!(lease(&store, 100, 200).len(), 20);
    assert_eq!(groups(&store, 1), [""; 0]);
    let mut one = chunk(1, 21);
    one.members = vec![joins("p/all", "u1"), joins("p/all", "u2")];
    one.tallies = vec![tally("t", 1)];
    (one.cursors, one.offsets) = (vec![cursor("c", 21, "u1")], vec![offset("f", 1)]);
    put(&store, one);
    drop(store);
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    assert_eq!(members(&store, 1, "p/all"), ["21 u1", "21 u2"]);
    assert_eq!(store.offset(TenantId(1), "f").unwrap(), Some(1));
    drop(store);
    let report = check(dir.path(), Verify::default()).unwrap();
    assert_eq!((report.findings, report.groups, report.members), (vec![], 1, 2));
}

const SUM: i64 = -7545471252939412994;
