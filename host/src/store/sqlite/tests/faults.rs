//! What goes wrong outside: a second process, a full disk, a kill, a foreign file, an old file.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::schema::{self, Writing};
use super::super::{OpenError, Synchronous, locked};
use super::*;
use crate::store::{Retention, StoreError};

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let error = Sqlite::open(dir.path(), small(9)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
    drop(store);
    Sqlite::open(dir.path(), small(9)).unwrap();
}

#[test]
fn a_full_disk_keeps_nothing_of_a_commit_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(2 << 20), ..small(5) };
    let store = Sqlite::open(dir.path(), options).unwrap();
    let big = |seq: u64| {
        let mut one = chunk(1, seq);
        one.lines = vec![b'x'; 50_000];
        one.images = vec![image("ann", Some(seq as i64), "s")];
        let group = format!("p/{seq}");
        one.members = vec![joins("p/all", &format!("u{seq}")), joins(&group, "ann")];
        one.tallies = vec![tally("all", 1)];
        (one.cursors, one.offsets) = (vec![cursor("c", seq, "ann")], vec![offset("f", seq)]);
        one
    };
    let mut seq = 0;
    for round in 0..3 {
        let error = loop {
            seq += 1;
            assert!(seq < 200);
            if let Err(error) = commit(&store, vec![big(seq)]) {
                break error;
            }
        };
        assert!(matches!(error, StoreError::Full(_)), "{error}");
        assert!(matches!(store.probe(), Err(StoreError::Full(_))));
        let stored = store.load(&[key(1, "ann")]).unwrap()[0].clone().unwrap();
        assert_eq!((stored.last, stored.due), (Seq(seq - 1), Some(Instant(seq as i64 - 1))));
        assert_eq!(store.chunk(TenantId(1), Seq(seq)).unwrap(), None);
        assert!(store.chunk(TenantId(1), Seq(seq - 1)).unwrap().is_some());
        // All that were stored, and not this one.
        let all: Vec<_> = (1..seq).map(|n| format!("{n} u{n}")).collect();
        assert_eq!(members(&store, 1, "p/all"), all);
        let found = groups(&store, 1);
        assert_eq!(found.len() as u64, seq);
        assert!(found.contains(&format!("p/all {}", seq - 1)), "{found:?}");
        let tallies = store.tallies(TenantId(1), "").unwrap();
        assert_eq!(tallies, [("all".into(), seq as i64 - 1)]);
        assert_eq!(store.cursors(TenantId(1)).unwrap(), [cursor("c", seq - 1, "ann")]);
        assert_eq!(store.offset(TenantId(1), "f").unwrap(), Some(seq - 1));
        if round < 2 {
            let all = Retention { log_before: Instant::MAX, messages_before: Instant::MAX };
            while store.prune(&all).unwrap() {}
            store.probe().unwrap();
            put(&store, big(seq));
        }
    }
}

#[test]
fn a_full_disk_keeps_states_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    let pages = |count: i64| {
        locked(&store.shared.state).pragma_update(None, "max_page_count", count).unwrap();
    };
    pages(1);
    let text = "s".repeat(1000);
    let mut waited = false;
    for seq in 1..=100 {
        let mut one = chunk(1, seq);
        one.images = vec![image(&format!("u{seq}"), Some(seq as i64), &text)];
        match commit(&store, vec![one]) {
            Ok(()) => {}
            Err(StoreError::Full(_)) => {
                // Four times as many as there should be: the disk has to have room first.
                assert!(seq > 35);
                waited = true;
                pages(100_000);
                store.flush().unwrap();
                let mut one = chunk(1, seq);
                one.images = vec![image(&format!("u{seq}"), Some(seq as i64), &text)];
                put(&store, one);
            }
            Err(error) => unreachable!("{error}"),
        }
    }
    assert!(waited);
    drop(store);
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    assert_eq!(store.users(TenantId(1), None, 1000).unwrap().len(), 100);
    assert_eq!(store.due(Instant::MAX, None, 1000).unwrap().len(), 100);
}

const CHILD: &str = "NUDGE_STORE_TEST_CHILD";

/// Not a test by itself: what is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = Sqlite::open(Path::new(&dir), small(30)).unwrap();
    let mut seq = store.recover(Instant::MIN, 0).unwrap().seq.0;
    loop {
        seq += 1;
        let mut one = chunk(1, seq);
        one.ids = vec![u128::from(seq)];
        one.events = 1;
        one.lines = format!("line {seq}").into_bytes();
        one.members = vec![joins("p/all", &format!("only{seq}"))];
        if seq > 3 {
            one.members.push(leaves("p/all", &format!("only{}", seq - 3)));
        }
        one.tallies = vec![tally("chunks", 1)];
        one.cursors = vec![cursor("c", seq, "x")];
        one.offsets = vec![offset("file", seq)];
        let due = Some(seq as i64);
        one.images = vec![
            image(&format!("u{}", seq % 100), due, &format!("state {seq}")),
            image(&format!("only{seq}"), due, "x"),
        ];
        put(&store, one);
        writeln!(std::io::stdout(), "\ndone {seq}").unwrap();
    }
}

#[test]
fn nothing_is_lost_when_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(11);
    let mut done = 0;
    for _ in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sqlite::tests::faults::child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.filter_map(|line| line.strip_prefix("done ")?.parse().ok()).last()
        });
        std::thread::sleep(Duration::from_millis(rng.u64(200..700)));
        child.kill().unwrap();
        child.wait().unwrap();
        done = reader.join().unwrap().unwrap_or(done);
        assert!(done > 0);
        let store = Sqlite::open(dir.path(), small(30)).unwrap();
        let last = store.recover(Instant::MIN, 0).unwrap().seq.0;
        assert!(last == done || last == done + 1, "{last} {done}");
        let log = store.log(TenantId(1), Seq(1), 1_000_000).unwrap();
        assert!(log.iter().map(|logged| logged.seq.0).eq(1..=last));
        let keys: Vec<_> = (1..=last).map(|seq| key(1, &format!("only{seq}"))).collect();
        assert!(store.load(&keys).unwrap().iter().all(Option::is_some));
        let expected = (1.max(last.saturating_sub(2))..=last).map(|n| format!("{n} only{n}"));
        assert!(members(&store, 1, "p/all").into_iter().eq(expected));
        assert_eq!(groups(&store, 1), [format!("p/all {}", last.min(3))]);
        let counted: i64 = store.tallies(TenantId(1), "").unwrap().iter().map(|t| t.1).sum();
        assert_eq!(counted, last as i64);
        assert_eq!(store.cursors(TenantId(1)).unwrap(), [cursor("c", last, "x")]);
        assert_eq!(store.offset(TenantId(1), "file").unwrap(), Some(last));
        for seq in (1..=last).rev().take(100) {
            let found = store.load(&[key(1, &format!("u{}", seq % 100))]).unwrap();
            let found = found[0].as_ref().unwrap();
            assert_eq!((found.last, &*found.state), (Seq(seq), format!("state {seq}").as_bytes()));
        }
        done = last;
    }
}

#[test]
fn a_file_of_others_or_of_the_future_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Sqlite::open(dir.path(), small(9)).unwrap());
    let set = |file: &str, name: &str, value: i32| {
        let connection = rusqlite::Connection::open(dir.path().join(file)).unwrap();
        connection.pragma_update(None, name, value).unwrap();
    };
    set("log.db", "user_version", 99);
    let error = Sqlite::open(dir.path(), small(9)).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 3, .. }), "{error}");
    set("log.db", "user_version", 3);
    set("state.db", "application_id", 7);
    let error = Sqlite::open(dir.path(), small(9)).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { found: 7, .. }), "{error}");
    set("state.db", "application_id", schema::STATE.application);
    drop(Sqlite::open(dir.path(), small(9)).unwrap());
    std::fs::write(dir.path().join("control.db"), vec![b'x'; 9000]).unwrap();
    let error = Sqlite::open(dir.path(), small(9)).unwrap_err();
    let damaged = |error: &StoreError| matches!(error, StoreError::Damaged(_));
    assert!(matches!(&error, OpenError::Store { error, .. } if damaged(error)), "{error}");
}

#[test]
fn an_old_file_becomes_a_new_one_step_by_step() {
    const ONE: &str = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);";
    const TWO: &str = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;";
    const BAD: &str = "INSERT INTO a VALUES (5, 5); INSERT INTO nowhere VALUES (1);";
    let dir = tempfile::tempdir().unwrap();
    let writing = Writing { synchronous: Synchronous::Full, cache: 1000, max_bytes: None };
    let open = |steps| {
        let file = schema::File { name: "made-up.db", application: 77, page: 4096, steps };
        schema::open(dir.path(), &file, writing)
    };
    let sum = |connection: &rusqlite::Connection, sql: &str| -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    open(&[ONE]).unwrap();
    open(&[ONE]).unwrap();
    // A step that fails leaves what the step before it left.
    open(&[ONE, TWO, BAD]).unwrap_err();
    let new = open(&[ONE, TWO]).unwrap();
    assert_eq!(sum(&new, "SELECT sum(x * 10 + y) FROM a"), 12);
    assert_eq!(sum(&new, "PRAGMA user_version"), 2);
    drop(new);
    assert!(matches!(open(&[ONE]), Err(OpenError::Newer { found: 2, known: 1, .. })));
}
