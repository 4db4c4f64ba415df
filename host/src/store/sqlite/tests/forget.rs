//! Suppressions, the chain of hashes, and what is to be forgotten.

use std::path::Path;

use super::super::{Verify, check};
use super::*;
use crate::store::{Link, StoreError};

#[test]
fn suppressed_addresses_are_the_tenants_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let mut first = chunk(1, 1);
    first.suppressed = vec![suppression("a", "bounced", 5), suppression("b", "asked", 6)];
    put(&store, first);
    let again = [suppression("b", "complained", 7), suppression("", "empty", 8)];
    store.suppress(TenantId(1), &again).unwrap();
    let mut sms = suppression("a", "stop", 9);
    sms.channel = "sms".into();
    store.suppress(TenantId(1), &[sms.clone()]).unwrap();
    store.suppress(TenantId(2), &[]).unwrap();
    let ask =
        |tenant, channel: &str, address: &str| (TenantId(tenant), channel.into(), address.into());
    let asked = [ask(1, "mail", "b"), ask(2, "mail", "b"), ask(1, "sms", "a"), ask(1, "mail", "c")];
    let found = store.suppressed(&asked).unwrap();
    assert_eq!(found, [Some(again[0].clone()), None, Some(sms.clone()), None]);
    assert_eq!(store.suppressed(&[]).unwrap(), []);
    let all = store.suppressions(TenantId(1), None, 9).unwrap();
    let first = suppression("a", "bounced", 5);
    assert_eq!(all, [again[1].clone(), first, again[0].clone(), sms]);
    assert_eq!(store.suppressions(TenantId(1), None, 1).unwrap(), all[..1]);
    assert_eq!(store.suppressions(TenantId(1), Some(("mail", "a")), 9).unwrap(), all[2..]);
    assert_eq!(store.suppressions(TenantId(1), Some(("mail", "b")), 1).unwrap(), all[3..]);
    assert!(store.unsuppress(TenantId(1), "mail", "a").unwrap());
    assert!(!store.unsuppress(TenantId(1), "mail", "a").unwrap());
    assert!(!store.unsuppress(TenantId(2), "mail", "b").unwrap());
    assert_eq!(store.suppressions(TenantId(1), None, 9).unwrap().len(), 3);
    let many: Vec<_> = (0..1500).map(|n| suppression(&format!("x{n}"), "import", n)).collect();
    store.suppress(TenantId(3), &many).unwrap();
    drop(store);
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    assert_eq!(store.suppressions(TenantId(3), None, 9999).unwrap().len(), 1500);
}

#[test]
fn the_chain_is_kept_with_its_head() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let link = |n: u8| Link { prev: [n; 32], head: [n + 1; 32] };
    let chained = |tenant, seq, link| Chunk { chain: Some(link), ..chunk(tenant, seq) };
    commit(&store, vec![chained(1, 1, link(0)), chained(2, 2, link(9)), chunk(1, 3)]).unwrap();
    commit(&store, vec![chained(1, 4, link(1)), chained(1, 5, link(2))]).unwrap();
    // Of a commit that fails there is no head.
    commit(&store, vec![chained(1, 6, link(3)), chunk(1, 5)]).unwrap_err();
    drop(store);
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let chains: Vec<_> = store
        .log(TenantId(1), Seq(0), 9)
        .unwrap()
        .into_iter()
        .map(|l| (l.seq.0, l.chain))
        .collect();
    let expected = [(1, Some(link(0))), (3, None), (4, Some(link(1))), (5, Some(link(2)))];
    assert_eq!(chains, expected);
    assert_eq!(store.head(TenantId(1)).unwrap(), Some((Seq(5), [3; 32])));
    assert_eq!(store.head(TenantId(3)).unwrap(), None);
    let heads = vec![(TenantId(1), Seq(5), [3; 32]), (TenantId(2), Seq(2), [10; 32])];
    assert_eq!(store.recover(Instant::MIN, 0).unwrap().heads, heads);
    drop(store);
    assert_eq!(check(dir.path(), Verify::default()).unwrap().findings, []);
}

/// True if a file of the data has it somewhere, in free pages too.
fn holds(dir: &Path, secret: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    })
}

#[test]
fn redacted_lines_are_gone_and_the_chain_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let link = Link { prev: [1; 32], head: [2; 32] };
    for seq in 1..=6 {
        let mut one = chunk(1, seq);
        one.events = 3;
        one.chain = (seq > 1).then_some(link);
        // In pages of its own, and in a page with others.
        let times = if seq % 2 == 0 { 3000 } else { 3 };
        one.lines = format!("secret{seq} ").repeat(times).into_bytes();
        put(&store, one);
    }
    store.redact(TenantId(1), &[]).unwrap();
    let chunks: Vec<_> = [2, 3, 99].map(|seq| (Seq(seq), format!("none{seq}").into_bytes())).into();
    store.redact(TenantId(2), &chunks).unwrap();
    assert!(store.chunk(TenantId(1), Seq(2)).unwrap().unwrap().lines.starts_with(b"secret"));
    store.redact(TenantId(1), &chunks).unwrap();
    let found = store.chunk(TenantId(1), Seq(2)).unwrap().unwrap();
    assert_eq!((&*found.lines, found.events, found.chain), (&b"none2"[..], 3, Some(link)));
    assert_eq!(store.chunk(TenantId(1), Seq(99)).unwrap(), None);
    drop(store);
    assert!(!holds(dir.path(), "secret2") && !holds(dir.path(), "secret3"));
    assert!(holds(dir.path(), "secret4") && holds(dir.path(), "secret5"));
    assert_eq!(check(dir.path(), Verify::default()).unwrap().findings, []);

    // A damaged chunk does not become sound, and none of the others changes.
    let connection = rusqlite::Connection::open(dir.path().join("log.db")).unwrap();
    connection.execute("UPDATE chunk SET events = 4 WHERE seq = 5", []).unwrap();
    drop(connection);
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let chunks: Vec<_> = [4, 5].map(|seq| (Seq(seq), Vec::new())).into();
    let refused = store.redact(TenantId(1), &chunks);
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert!(store.chunk(TenantId(1), Seq(4)).unwrap().unwrap().lines.starts_with(b"secret"));
}

#[test]
fn of_the_erased_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let fill = |tenant, seq| {
        let mut one = chunk(tenant, seq);
        for n in 0..40 {
            let (user, tracking) = (["ann", "bob"][n % 2], format!("t{n}"));
            let content =
                format!("for {user} of {tenant} {n} ").repeat(if n > 30 { 900 } else { 3 });
            let at = Attempt {
                content: content.clone().into(),
                ..attempt(&tracking, &tracking, "m", 1)
            };
            one.outbox.push(Attempt { user: user.into(), ..at });
            one.letters.push(Letter { content: content.into(), ..letter(user, &tracking, 1) });
            one.receipts.push(receipt(&tracking, 1, "seen"));
        }
        // A letter whose attempt went before.
        one.letters.push(letter("ann", "alone", 1));
        one.receipts.push(receipt("alone", 1, "seen"));
        one.links = [("a1", "ann"), ("b1", "bob"), ("nobody", "bob")]
            .map(|(name, user)| (name.into(), user.into()))
            .into();
        one
    };
    commit(&store, vec![fill(1, 1), fill(2, 2)]).unwrap();
    assert_eq!(lease(&store, 50, 100).len(), 80);
    let mut gone = chunk(1, 3);
    gone.erased = vec!["ann".into(), "nobody".into()];
    // What comes in the same commit goes too, whatever chunk of it.
    let mut late = chunk(1, 4);
    late.outbox = vec![Attempt { user: "ann".into(), ..attempt("late", "late", "m", 1) }];
    late.letters = vec![letter("ann", "late", 1)];
    late.receipts = vec![receipt("late", 1, "seen")];
    late.links = vec![("late".into(), "ann".into())];
    commit(&store, vec![gone, late]).unwrap();

    let of = |tenant, user| {
        let which = Which { user: Some(user), ..Which::default() };
        let attempts = store.attempts(TenantId(tenant), &which, None, 999).unwrap().len();
        (attempts, store.letters(TenantId(tenant), user, None, 999).unwrap().len())
    };
    assert_eq!((of(1, "ann"), of(1, "bob")), ((0, 0), (20, 20)));
    assert_eq!((of(2, "ann"), of(2, "bob")), ((20, 21), (20, 20)));
    let receipts = |tenant, tracking| store.receipts(TenantId(tenant), tracking).unwrap().len();
    for tracking in ["t0", "t38", "late", "alone"] {
        assert_eq!(receipts(1, tracking), 0, "{tracking}");
    }
    assert_eq!((receipts(1, "t1"), receipts(2, "t0"), receipts(2, "alone")), (1, 1, 1));
    let names = [key(1, "a1"), key(1, "b1"), key(2, "a1"), key(1, "late"), key(1, "nobody")];
    let found = store.resolve(&names).unwrap();
    assert_eq!(found, [None, Some("bob".into()), Some("ann".into()), None, None]);
    drop(store);
    assert!(!holds(dir.path(), "for ann of 1"));
    assert!(holds(dir.path(), "for ann of 2") && holds(dir.path(), "for bob of 1"));
    assert!(check(dir.path(), Verify::default()).unwrap().sound());
}

#[test]
fn the_erased_are_in_no_group_and_at_no_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    for tenant in 1..3 {
        let seq = u64::from(tenant);
        let mut one = chunk(tenant, seq);
        for user in ["ann", "bob", "cid", "dan"] {
            let user = format!("{user}-of-{tenant}");
            one.members.extend([joins("p/all", &user), joins("q/all", &user)]);
        }
        // Who comes before those who go, but joined another group.
        one.members.push(joins("r/other", "bob"));
        one.cursors = vec![
            cursor("begun", seq, &format!("ann-of-{tenant}")),
            cursor("half", seq, &format!("bob-of-{tenant}")),
            cursor("done", seq, &format!("dan-of-{tenant}")),
        ];
        put(&store, one);
    }
    let mut gone = chunk(1, 3);
    gone.erased = vec!["dan-of-1".into(), "bob-of-1".into(), "nobody".into(), "cid-of-2".into()];
    // What comes in the same commit goes too, whatever chunk of it.
    let mut late = chunk(1, 4);
    late.members = vec![joins("p/late", "bob-of-1"), joins("p/late", "cid-of-1")];
    late.cursors = vec![cursor("late", 4, "bob-of-1")];
    commit(&store, vec![gone, late]).unwrap();

    assert_eq!(groups(&store, 1), ["p/all 2", "p/late 1", "q/all 2", "r/other 1"]);
    assert_eq!(members(&store, 1, "q/all"), ["1 ann-of-1", "1 cid-of-1"]);
    assert_eq!(members(&store, 1, "p/late"), ["4 cid-of-1"]);
    assert_eq!(groups(&store, 2), ["p/all 4", "q/all 4", "r/other 1"]);
    // Where campaigns go on is the same as before.
    let cursors = store.cursors(TenantId(1)).unwrap();
    let expected = [
        cursor("begun", 1, "ann-of-1"),
        cursor("done", 1, "cid-of-1"),
        cursor("half", 1, "bob"),
        cursor("late", 4, ""),
    ];
    assert_eq!(cursors, expected);
    let after = |at: &Cursor| {
        let after = Some((at.seq, &*at.user));
        let next = store.members(TenantId(1), "p", "all", after, 1).unwrap();
        next.first().map(|(_, user)| user.to_string())
    };
    let next: Vec<_> = cursors.iter().map(after).collect();
    assert_eq!(next, [Some("cid-of-1".into()), None, Some("cid-of-1".into()), None]);
    drop(store);
    assert!(!holds(dir.path(), "dan-of-1") && !holds(dir.path(), "bob-of-1"));
    assert!(holds(dir.path(), "dan-of-2") && holds(dir.path(), "ann-of-1"));
}

#[test]
fn whoever_has_no_state_is_in_no_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(9)).unwrap();
    let mut one = chunk(1, 1);
    one.images = vec![image("ann", None, "s"), image("visitor", None, "s")];
    one.members = vec![joins("p/all", "ann"), joins("p/all", "visitor")];
    put(&store, one);
    // A visitor becomes somebody, and comes back; somebody else loses a state and has one again.
    let none = |user: &str| Image { state: None, ..image(user, None, "") };
    let mut two = chunk(1, 2);
    two.images = vec![none("ann"), image("ann", None, "s"), image("visitor", None, "s")];
    two.images.push(none("visitor"));
    two.members = vec![joins("q/all", "ann"), joins("q/all", "visitor")];
    put(&store, two);
    assert_eq!(groups(&store, 1), ["p/all 1", "q/all 1"]);
    assert_eq!(members(&store, 1, "p/all"), ["1 ann"]);
    let mut three = chunk(1, 3);
    three.images = vec![image("visitor", None, "s")];
    three.members = vec![joins("p/all", "visitor")];
    // The chunk before takes nothing of it along.
    let mut before = chunk(1, 4);
    before.images = vec![none("visitor")];
    commit(&store, vec![before, Chunk { seq: Seq(5), ..three }]).unwrap();
    assert_eq!(members(&store, 1, "p/all"), ["1 ann", "5 visitor"]);
    drop(store);
    assert_eq!(check(dir.path(), Verify::default()).unwrap().findings, []);
}
