//! Backup and check.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::{OpenError, Severity, Verify, backup, check};
use super::*;
use crate::store::Link;

fn fill(store: &Sqlite, from: u64, to: u64) {
    for seq in from..=to {
        let mut one = chunk(1, seq);
        one.ids = vec![u128::from(seq)];
        one.events = 1;
        one.chain = Some(Link { prev: [(seq - 1) as u8; 32], head: [seq as u8; 32] });
        one.lines = format!("{{\"line\":{seq}}}").repeat(20).into_bytes();
        one.images = vec![image(&format!("u{seq}"), Some(seq as i64), &"state ".repeat(50))];
        one.outbox = vec![attempt(&format!("t{seq}"), &format!("k{seq}"), "m", 1)];
        one.letters = vec![letter("ann", &format!("t{seq}"), 1)];
        one.members = vec![joins(&format!("p/{}", seq % 2), &format!("u{seq}"))];
        one.tallies = vec![tally("all", 1)];
        one.cursors = vec![cursor("c", seq, &format!("u{seq}"))];
        one.offsets = vec![offset("file", seq)];
        put(store, one);
    }
}

#[test]
fn a_backup_under_load_has_all_that_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, stop, acked) = (dir.path().join("data"), AtomicBool::new(false), AtomicU64::new(0));
    let store = Sqlite::open(&data, small(10)).unwrap();
    store.change(&[crate::store::Change::PutBlob { name: "b".into(), bytes: vec![1] }]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seq = 0;
            while !stop.load(Ordering::Relaxed) {
                seq += 1;
                fill(&store, seq, seq);
                acked.store(seq, Ordering::Release);
            }
        });
        for round in 0..4 {
            std::thread::sleep(std::time::Duration::from_millis(150));
            let before = acked.load(Ordering::Acquire);
            let to = dir.path().join(format!("backup{round}"));
            let report = backup(&data, &to).unwrap();
            assert_eq!(report.files.len(), 3);
            let found = check(&to, Verify::default()).unwrap();
            assert_eq!(found.findings, []);
            let restored = Sqlite::open(&to, small(10)).unwrap();
            let seq = restored.recover(Instant::MIN, 0).unwrap().seq.0;
            assert!(seq >= before && before > 0);
            assert_eq!(restored.users(TenantId(1), None, 1 << 20).unwrap().len() as u64, seq);
            assert_eq!(restored.due(Instant::MAX, None, 1 << 20).unwrap().len() as u64, seq);
            assert_eq!(restored.blob("b").unwrap(), Some(vec![1]));
            assert_eq!(found.members, seq);
            assert_eq!(restored.offset(TenantId(1), "file").unwrap(), Some(seq));
            let keys: Vec<_> = (1..=seq).map(|seq| key(1, &format!("u{seq}"))).collect();
            let states = restored.load(&keys).unwrap();
            assert!((1..).zip(states).all(|(seq, state)| state.unwrap().last == Seq(seq)));
            assert!(matches!(backup(&data, &to), Err(OpenError::NotEmpty(_))));
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop(store);
    // And when no service runs.
    backup(&data, &dir.path().join("last")).unwrap();
    let found = check(&dir.path().join("last"), Verify::default()).unwrap();
    assert_eq!(found.users, acked.load(Ordering::Acquire));
    assert!(matches!(backup(dir.path(), &dir.path().join("x")), Err(OpenError::Missing { .. })));
}

fn sql(dir: &Path, file: &str, sql: &str) {
    rusqlite::Connection::open(dir.join(file)).unwrap().execute_batch(sql).unwrap();
}

fn findings(dir: &Path) -> Vec<String> {
    let report = check(dir, Verify::default()).unwrap();
    assert_eq!(report.sound(), report.findings.is_empty());
    report.findings.into_iter().map(|f| format!("{} {}: {}", f.file, f.table, f.what)).collect()
}

#[test]
fn a_check_finds_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let data = dir.path().join(name);
        let store = Sqlite::open(&data, small(1000)).unwrap();
        fill(&store, 1, 30);
        store.flush().unwrap();
        fill(&store, 31, 60);
        assert!(matches!(check(&data, Verify::default()), Err(OpenError::InUse { .. })));
        // As a kill would leave it: the journal has the last 30.
        let copy = dir.path().join(format!("{name}-copy"));
        backup(&data, &copy).unwrap();
        copy
    };
    let data = make("sound");
    let report = check(&data, Verify::default()).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!((report.users, report.timers, report.unflushed), (30, 30, 30));
    assert_eq!((report.chunks, report.events, report.tenants), (60, 60, 1));
    assert_eq!((report.outbox, report.letters), (60, 60));
    assert_eq!((report.groups, report.members), (2, 60));
    let picky = |bytes: &[u8]| {
        if bytes.starts_with(b"{\"line\":7}") { Err("I know it".to_owned()) } else { Ok(()) }
    };
    let report = check(&data, Verify { state: Some(&picky), lines: Some(&picky) }).unwrap();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].what, "chunk 7: I know it");
    assert_eq!(report.findings[0].severity, Severity::Error);

    let cases = [
        ("log.db", "DELETE FROM journal WHERE number = 45", "rows 45 to 45 are missing"),
        ("log.db", "DELETE FROM journal WHERE number < 35", "rows 31 to 34 are missing"),
        ("log.db", "UPDATE journal SET images = x'0102' WHERE number = 40", "row 40: it is too"),
        ("log.db", "UPDATE chunk SET lines = x'00' WHERE seq = 9", "chunk 9 does not match"),
        ("log.db", "DELETE FROM chunk", "is of chunk 1, and the last is 0"),
        ("log.db", "UPDATE outbox SET outcome = 'x' WHERE id = 3", "waiting: t3"),
        ("log.db", "UPDATE outbox SET leased = 2 WHERE id = 4", "waiting: t4"),
        ("log.db", "UPDATE outbox SET due = 'x' WHERE id = 5", "waiting: t5"),
        ("log.db", "UPDATE chunk SET chain = NULL WHERE seq = 9", "chunk 9 does not match"),
        ("log.db", "UPDATE head SET seq = 59", "chain of hashes: tenant 1"),
        ("log.db", "UPDATE head SET head = zeroblob(32)", "chain of hashes: tenant 1"),
        ("log.db", "UPDATE head SET seq = 99", "chain of hashes: tenant 1"),
        ("log.db", "DROP TABLE outbox", "no such table"),
        (
            "log.db",
            "UPDATE grp SET members = 31 WHERE id = 2",
            "p 0 of tenant 1 says 31 and has 30",
        ),
        ("log.db", "DELETE FROM member WHERE user = 'u8'", "p 0 of tenant 1 says 30 and has 29"),
        ("log.db", "DELETE FROM grp WHERE id = 1", "a group that there is not: number 1"),
        (
            "log.db",
            "UPDATE member SET seq = 61 WHERE user = 'u8'",
            "is of chunk 61, and the last is 60",
        ),
        (
            "log.db",
            "UPDATE member SET seq = -1 WHERE user = 'u8'",
            "is of chunk -1, and the last is 60",
        ),
        (
            "log.db",
            "UPDATE member SET user = 'u0' WHERE user = 'u8'",
            "\"u0\" in p 0 of tenant 1 has no state",
        ),
        (
            "log.db",
            "UPDATE member SET user = 'u0' WHERE user = 'u55'",
            "\"u0\" in p 1 of tenant 1 has no state",
        ),
        (
            "log.db",
            "UPDATE grp SET tenant = 2 WHERE id = 1",
            "\"u1\" in p 1 of tenant 2 has no state",
        ),
        (
            "state.db",
            "DELETE FROM state WHERE user = 'u8'",
            "\"u8\" in p 0 of tenant 1 has no state",
        ),
        ("log.db", "UPDATE tally SET value = 0.5", "not a number: all of tenant 1"),
        ("log.db", "UPDATE cursor SET seq = 61", "not at a chunk that there was: c of tenant 1"),
        ("log.db", "UPDATE source SET at = -1", "not a place: file of tenant 1"),
        ("log.db", "DROP TABLE member", "no such table"),
        ("state.db", "UPDATE state SET due = 4 WHERE user = 'u8'", "\"u8\" of tenant 1 does not"),
    ];
    for (number, (file, change, what)) in cases.into_iter().enumerate() {
        let data = make(&format!("case{number}"));
        sql(&data, file, change);
        let found = findings(&data);
        assert!(found.iter().any(|f| f.contains(what)), "{found:?}");
    }
}

#[test]
fn flipped_bytes_are_found_and_nothing_panics() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = Sqlite::open(&data, small(20)).unwrap();
    fill(&store, 1, 200);
    drop(store);
    let mut rng = fastrand::Rng::with_seed(17);
    let (mut caught, mut tried) = (0, 0);
    for round in 0..60 {
        for name in ["log.db", "state.db"] {
            let path = data.join(name);
            let sound = std::fs::read(&path).unwrap();
            let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let at = rng.u64(100..sound.len() as u64 - 64);
            let mut bytes = vec![0; if round % 2 == 0 { 1 } else { 64 }];
            file.seek(SeekFrom::Start(at)).unwrap();
            file.read_exact(&mut bytes).unwrap();
            bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&bytes).unwrap();
            drop(file);
            tried += 1;
            caught += usize::from(match check(&data, Verify::default()) {
                Ok(report) => !report.sound(),
                Err(_) => true,
            });
            // The store itself may refuse or go on, but it must not panic.
            if let Ok(store) = Sqlite::open(&data, small(20)) {
                let keys: Vec<_> = (1..=200).map(|seq| key(1, &format!("u{seq}"))).collect();
                let _ = (store.load(&keys), store.due(Instant::MAX, None, 999));
                let _ = (store.log(TenantId(1), Seq(0), 999), store.recover(Instant::MIN, 999));
                let _ = store.letters(TenantId(1), "ann", None, 999);
                let _ = (store.groups(TenantId(1)), store.tallies(TenantId(1), ""));
                let _ = store.members(TenantId(1), "p", "1", None, 999);
                let _ = (store.cursors(TenantId(1)), store.offsets(TenantId(1), ""));
            }
            for end in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(data.join(format!("{name}{end}")));
            }
            std::fs::write(&path, &sound).unwrap();
        }
    }
    // The rest hit free room in pages, or texts that no index has.
    assert!(caught * 2 > tried, "{caught} of {tried}");
}

#[test]
fn a_missing_file_is_not_made_anew_beside_others() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let record = crate::store::ControlRecord {
        kind: "k".into(),
        tenant: TenantId(0),
        id: "i".into(),
        body: "{}".into(),
    };
    let store = Sqlite::open(&data, small(10)).unwrap();
    store.change(&[crate::store::Change::Put(record)]).unwrap();
    fill(&store, 1, 30);
    drop(store);
    for name in ["control.db", "log.db", "state.db"] {
        let copy = dir.path().join(name);
        std::fs::create_dir(&copy).unwrap();
        for file in ["control.db", "log.db", "state.db"].into_iter().filter(|file| *file != name) {
            std::fs::copy(data.join(file), copy.join(file)).unwrap();
        }
        match Sqlite::open(&copy, small(10)) {
            Err(OpenError::Missing { file, .. }) => assert_eq!(file, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    // A first start that was cut short leaves nothing that could be lost.
    let begun = dir.path().join("begun");
    drop(Sqlite::open(&begun, small(10)).unwrap());
    std::fs::remove_file(begun.join("state.db")).unwrap();
    drop(Sqlite::open(&begun, small(10)).unwrap());
    // Whoever held leases is dead when the lock is free.
    let store = Sqlite::open(&data, small(10)).unwrap();
    let five = [wanted(1, "push", 5)];
    assert_eq!(store.lease(Instant(100), Instant(200), &five).unwrap().len(), 5);
    drop(store);
    let store = Sqlite::open(&data, small(10)).unwrap();
    let again = store.lease(Instant(100), Instant(200), &five).unwrap();
    assert!(again.len() == 5 && again.iter().all(|leased| leased.leases == 2));
}
