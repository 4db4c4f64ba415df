//! Each method by itself.

use super::*;
use crate::store::{Change, ControlRecord, Due, Link, Retention, StoreError};

#[test]
fn states_timers_and_users_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let store = Sqlite::open(dir.path(), small(2)).unwrap();
        let mut one = chunk(1, round * 10 + 1);
        one.images = vec![image("ann", Some(50), "a1"), image("bob", None, "b1")];
        let mut two = chunk(2, round * 10 + 2);
        two.images = vec![image("ann", Some(40), "other")];
        commit(&store, vec![one, two]).unwrap();
        let mut three = chunk(1, round * 10 + 3);
        three.images = vec![image("ann", Some(60), "a2"), image("", Some(60), "nameless")];
        put(&store, three);
        if round == 1 {
            store.flush().unwrap();
        }
        let keys = [key(1, "ann"), key(1, "bob"), key(2, "bob"), key(2, "ann"), key(1, "")];
        let found = store.load(&keys).unwrap();
        let states: Vec<_> =
            found.iter().map(|s| s.as_ref().map(|s| (s.last.0 - round * 10, &*s.state))).collect();
        let bytes = |seq, text: &'static str| Some((seq, text.as_bytes()));
        let expected =
            [bytes(3, "a2"), bytes(1, "b1"), None, bytes(2, "other"), bytes(3, "nameless")];
        assert_eq!(states, expected);
        let due = store.due(Instant(60), None, 10).unwrap();
        let named: Vec<_> = due.iter().map(|d| (d.at.0, d.key.tenant.0, &*d.key.user)).collect();
        assert_eq!(named, [(40, 2, "ann"), (60, 1, ""), (60, 1, "ann")]);
        assert_eq!(store.due(Instant(60), Some(&due[1]), 10).unwrap(), due[2..]);
        assert_eq!(store.due(Instant(60), None, 2).unwrap(), due[..2]);
        assert_eq!(store.due(Instant(39), None, 2).unwrap(), []);
        assert_eq!(store.next_due().unwrap(), Some(Instant(40)));
        let users = store.users(TenantId(1), None, 10).unwrap();
        assert_eq!(users, ["".into(), "ann".into(), "bob".into()] as [Arc<str>; 3]);
        assert_eq!(store.users(TenantId(1), Some(""), 1).unwrap(), ["ann".into()] as [Arc<str>; 1]);
        assert_eq!(store.recover(Instant::MIN, 9).unwrap().seq, Seq(round * 10 + 3));
    }
    let store = Sqlite::open(dir.path(), small(2)).unwrap();
    let mut gone = chunk(1, 99);
    gone.images =
        vec![Image { user: "ann".into(), due: Some(Instant(1)), state: None, last: Seq(0) }];
    put(&store, gone);
    assert_eq!(store.load(&[key(1, "ann")]).unwrap(), [None]);
    assert_eq!(store.due(Instant(1), None, 9).unwrap(), [] as [Due; 0]);
    store.flush().unwrap();
    assert_eq!(store.load(&[key(1, "ann")]).unwrap(), [None]);
    assert_eq!(store.users(TenantId(1), None, 10).unwrap().len(), 2);
}

#[test]
fn message_ids_come_back_newest_kept_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    for seq in 1..=5 {
        let mut one = chunk(7, seq);
        one.ids = vec![u128::from(seq) * 10, u128::MAX - u128::from(seq)];
        one.events = 2;
        one.lines = format!("line {seq}").into_bytes();
        put(&store, one);
    }
    let ids = |since, most| -> Vec<u128> {
        let found = store.recover(Instant(since), most).unwrap();
        found.ids.iter().map(|(_, _, id)| *id).collect()
    };
    assert_eq!(ids(0, 3), [u128::MAX - 4, 50, u128::MAX - 5]);
    assert_eq!(ids(1004, 100).len(), 4);
    assert_eq!(ids(0, 0).len(), 0);
    let log = store.log(TenantId(7), Seq(2), 2).unwrap();
    assert_eq!(log.iter().map(|l| l.seq.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(log[0].lines, b"line 2");
    assert_eq!(store.chunk(TenantId(7), Seq(5)).unwrap().unwrap().events, 2);
    assert_eq!(store.chunk(TenantId(8), Seq(5)).unwrap(), None);
    assert_eq!(store.log(TenantId(8), Seq(0), 9).unwrap(), []);
    // The same number again is refused, and nothing of it is kept.
    let mut again = chunk(7, 5);
    again.images = vec![image("x", None, "x")];
    again.links = vec![("a".into(), "b".into())];
    assert!(matches!(commit(&store, vec![again]), Err(StoreError::Failed(_))));
    assert_eq!(store.resolve(&[key(7, "a")]).unwrap(), [None]);
    assert_eq!(store.load(&[key(7, "x")]).unwrap(), [None]);
}

#[test]
fn links_are_the_tenants_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    let mut one = chunk(1, 1);
    one.links = vec![("a".into(), "b".into()), ("b".into(), "c".into())];
    put(&store, one);
    let mut two = chunk(1, 2);
    two.links = vec![("b".into(), "d".into())];
    put(&store, two);
    let found = store.resolve(&[key(1, "b"), key(2, "b"), key(1, "a"), key(1, "z")]).unwrap();
    assert_eq!(found, [Some("d".into()), None, Some("b".into()), None]);
}

#[test]
fn letters_remember_the_first_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    let mut one = chunk(1, 1);
    one.letters = (0..5).map(|n| letter("ann", &format!("t{n}"), n)).collect();
    one.letters.push(letter("ann", "t1", 99));
    one.letters.push(letter("bob", "t9", 99));
    one.receipts = vec![receipt("t1", 20, "seen"), receipt("t1", 21, "confirmed")];
    put(&store, one);
    let mut two = chunk(1, 2);
    two.receipts = vec![receipt("t1", 30, "seen"), receipt("t1", 5, "delivered")];
    put(&store, two);
    let mut other = chunk(2, 3);
    other.receipts = vec![receipt("t2", 30, "seen")];
    put(&store, other);
    let all = store.letters(TenantId(1), "ann", None, 9).unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!((all[1].seen, all[1].confirmed), (Some(Instant(20)), Some(Instant(21))));
    assert_eq!(all[2].seen, None);
    assert_eq!(store.letters(TenantId(1), "ann", None, 2).unwrap(), all[3..]);
    assert_eq!(store.letters(TenantId(1), "ann", Some(all[0].id), 2).unwrap(), all[1..3]);
    assert_eq!(store.letters(TenantId(2), "ann", None, 2).unwrap(), []);
    let shows: Vec<_> = store.receipts(TenantId(1), "t1").unwrap();
    let shows: Vec<_> = shows.iter().map(|r| (r.at.0, &*r.shows)).collect();
    assert_eq!(shows, [(5, "delivered"), (20, "seen"), (21, "confirmed"), (30, "seen")]);
}

#[test]
fn control_changes_come_together() {
    let dir = tempfile::tempdir().unwrap();
    let record = |id: &str, body: &str| ControlRecord {
        kind: "key".into(),
        tenant: TenantId(1),
        id: id.into(),
        body: body.into(),
    };
    {
        let store = Sqlite::open(dir.path(), small(100)).unwrap();
        let blob = |bytes: &[u8]| Change::PutBlob { name: "wasm".into(), bytes: bytes.to_vec() };
        store.change(&[Change::Put(record("a", "1")), blob(b"one"), blob(b"two")]).unwrap();
        let remove = Change::Remove { kind: "key".into(), tenant: TenantId(2), id: "a".into() };
        store
            .change(&[Change::Put(record("b", "2")), Change::Put(record("a", "3")), remove])
            .unwrap();
    }
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    assert_eq!(store.control().unwrap(), [record("a", "3"), record("b", "2")]);
    assert_eq!(store.blob("wasm").unwrap().as_deref(), Some(&b"two"[..]));
    store.change(&[Change::RemoveBlob { name: "wasm".into() }]).unwrap();
    assert_eq!(store.blob("wasm").unwrap(), None);
}

fn full_chunk(tenant: u32, seq: u64) -> Chunk {
    let mut one = chunk(tenant, seq);
    one.ids = vec![u128::from(seq)];
    one.events = 1;
    one.lines = vec![b'x'; 20_000];
    one.images = vec![image(&format!("u{}", seq % 50), Some(seq as i64), "s")];
    one.links = vec![(format!("n{seq}").into(), "u".into())];
    one.outbox = vec![attempt(&format!("t{seq}"), &format!("k{seq}"), "m", seq as i64)];
    one.outcomes = vec![settled(&format!("t{}", seq - seq % 2), "accepted")];
    one.letters = vec![letter("ann", &format!("t{seq}"), seq as i64)];
    one.receipts = vec![receipt(&format!("t{seq}"), 1, "seen")];
    one.suppressed = vec![suppression(&format!("a{seq}"), "bounced", 1)];
    one.chain = Some(Link { prev: [0; 32], head: [seq as u8; 32] });
    one.members = vec![joins("p/all", &format!("u{}", seq % 50))];
    one.tallies = vec![tally("all", 1), tally(&format!("n{seq}"), 1)];
    one.cursors = vec![cursor(&format!("c{seq}"), seq, "u")];
    one.offsets = vec![offset(&format!("f{seq}"), seq)];
    one
}

#[test]
fn old_things_go_a_few_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    for seq in 1..=500 {
        put(&store, full_chunk(1, seq));
    }
    let keep = Retention { log_before: Instant(1401), messages_before: Instant(301) };
    let mut steps = 1;
    while store.prune(&keep).unwrap() {
        steps += 1;
    }
    assert!(steps > 2);
    let log = store.log(TenantId(1), Seq(0), 1000).unwrap();
    assert_eq!((log.len(), log[0].seq), (100, Seq(401)));
    assert_eq!(store.receipts(TenantId(1), "t400").unwrap(), []);
    assert_eq!(store.receipts(TenantId(1), "t401").unwrap().len(), 1);
    assert_eq!(store.letters(TenantId(1), "ann", None, 1000).unwrap().len(), 200);
    assert_eq!(store.attempt(TenantId(1), "t300").unwrap(), None);
    assert!(store.attempt(TenantId(1), "t302").unwrap().is_some());
    // It waits still.
    assert!(store.attempt(TenantId(1), "t299").unwrap().is_some());
    let none = Retention { log_before: Instant::MAX, messages_before: Instant::MAX };
    while store.prune(&none).unwrap() {}
    // What waits, is suppressed, or proves what was, does not go.
    assert_eq!(store.size().unwrap().outbox, 250);
    assert_eq!(store.suppressions(TenantId(1), None, 999).unwrap().len(), 500);
    assert_eq!(store.head(TenantId(1)).unwrap(), Some((Seq(500), [244; 32])));
    // Nor do groups, counts and places.
    assert_eq!(groups(&store, 1), ["p/all 50"]);
    assert_eq!(store.tallies(TenantId(1), "").unwrap().len(), 501);
    assert_eq!(store.cursors(TenantId(1)).unwrap().len(), 500);
    assert_eq!(store.offsets(TenantId(1), "").unwrap().len(), 500);
    drop(store);
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    assert_eq!(store.recover(Instant::MIN, 10).unwrap().seq, Seq(500));
    assert_eq!(store.users(TenantId(1), None, 100).unwrap().len(), 50);
}

#[test]
fn a_tenant_goes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    for seq in 1..=300 {
        put(&store, full_chunk(1 + (seq % 2) as u32, seq));
    }
    store.remove_tenant(TenantId(1)).unwrap();
    drop(store);
    let store = Sqlite::open(dir.path(), small(10)).unwrap();
    let gone = TenantId(1);
    assert_eq!(store.log(gone, Seq(0), 9).unwrap(), []);
    assert_eq!(store.users(gone, None, 9).unwrap().len(), 0);
    assert_eq!(store.attempts(gone, &Which::default(), None, 9).unwrap(), []);
    assert_eq!(store.letters(gone, "ann", None, 9).unwrap(), []);
    assert_eq!(store.receipts(gone, "t2").unwrap(), []);
    assert_eq!(store.suppressions(gone, None, 9).unwrap(), []);
    assert_eq!(store.head(gone).unwrap(), None);
    assert_eq!(groups(&store, 1), [""; 0]);
    assert_eq!(members(&store, 1, "p/all"), [""; 0]);
    assert_eq!(store.tallies(gone, "").unwrap(), []);
    assert_eq!(store.cursors(gone).unwrap(), []);
    assert_eq!(store.offsets(gone, "").unwrap(), []);
    assert_eq!(groups(&store, 2), ["p/all 25"]);
    assert_eq!(members(&store, 2, "p/all").len(), 25);
    assert_eq!(store.tallies(TenantId(2), "").unwrap().len(), 151);
    assert_eq!(store.cursors(TenantId(2)).unwrap().len(), 150);
    assert_eq!(store.offsets(TenantId(2), "").unwrap().len(), 150);
    assert_eq!(store.suppressions(TenantId(2), None, 999).unwrap().len(), 150);
    let heads = vec![(TenantId(2), Seq(299), [43; 32])];
    assert_eq!(store.recover(Instant::MIN, 0).unwrap().heads, heads);
    assert_eq!(store.resolve(&[key(1, "n2"), key(2, "n1")]).unwrap(), [None, Some("u".into())]);
    assert!(store.due(Instant::MAX, None, 999).unwrap().iter().all(|d| d.key.tenant.0 == 2));
    assert_eq!(store.log(TenantId(2), Seq(0), 999).unwrap().len(), 150);
    assert_eq!(store.users(TenantId(2), None, 999).unwrap().len(), 25);
    assert_eq!(store.recover(Instant::MIN, 0).unwrap().seq, Seq(300));
}
