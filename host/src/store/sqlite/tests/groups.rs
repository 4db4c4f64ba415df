//! Groups: who is in them, since when, and how many.

use super::super::groups::MEMBERS;
use super::super::locked;
use super::*;
use crate::store::StoreError;

fn open() -> (tempfile::TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    (dir, store)
}

fn join(store: &Sqlite, tenant: u32, seq: u64, changes: Vec<Membership>) {
    put(store, Chunk { members: changes, ..chunk(tenant, seq) });
}

#[test]
fn members_come_in_the_order_in_which_they_joined() {
    let (dir, store) = open();
    join(&store, 1, 5, vec![joins("p/g", "cid"), joins("p/g", "ann"), joins("q/g", "ann")]);
    join(&store, 1, 7, vec![joins("p/g", "bob"), joins("p/g", ""), joins("p/", "zoë")]);
    join(&store, 2, 8, vec![joins("p/g", "eve")]);
    let found = ["5 ann", "5 cid", "7 ", "7 bob"];
    let again = |store: &Sqlite| {
        assert_eq!(members(store, 1, "p/g"), found);
        assert_eq!(members(store, 1, "p/"), ["7 zoë"]);
        assert_eq!(members(store, 2, "p/g"), ["8 eve"]);
        assert_eq!(members(store, 2, "q/g"), [""; 0]);
        assert_eq!(members(store, 3, "p/g"), [""; 0]);
        assert_eq!(groups(store, 1), ["p/ 1", "p/g 4", "q/g 1"]);
        assert_eq!(groups(store, 2), ["p/g 1"]);
        assert_eq!(groups(store, 3), [""; 0]);
    };
    again(&store);
    let page = |after: Option<(u64, &str)>, most| {
        let after = after.map(|(seq, user)| (Seq(seq), user));
        let page = store.members(TenantId(1), "p", "g", after, most).unwrap();
        page.into_iter().map(|(seq, user)| format!("{} {user}", seq.0)).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 0), [""; 0]);
    assert_eq!(page(None, 2), found[..2]);
    assert_eq!(page(Some((5, "ann")), 2), found[1..3]);
    assert_eq!(page(Some((5, "cid")), 1), found[2..3]);
    assert_eq!(page(Some((7, "")), 9), found[3..]);
    assert_eq!(page(Some((7, "bob")), 9), [""; 0]);
    // The place need not be anybody's.
    assert_eq!(page(Some((0, "")), 9), found);
    assert_eq!(page(Some((5, "b")), 9), found[1..]);
    assert_eq!(page(Some((6, "zzz")), 9), found[2..]);
    assert_eq!(page(Some((u64::MAX, "")), 9), [""; 0]);
    drop(store);
    again(&Sqlite::open(dir.path(), small(100)).unwrap());
}

#[test]
fn whoever_joins_again_comes_again_and_whoever_is_in_stays() {
    let (_dir, store) = open();
    join(&store, 1, 1, vec![joins("p/g", "ann"), joins("p/g", "bob"), joins("p/g", "ann")]);
    assert_eq!(groups(&store, 1), ["p/g 2"]);
    join(&store, 1, 2, vec![joins("p/g", "ann")]);
    assert_eq!(members(&store, 1, "p/g"), ["1 ann", "1 bob"]);
    // One after the other, also in one chunk.
    join(&store, 1, 3, vec![leaves("p/g", "ann"), joins("p/g", "ann")]);
    assert_eq!(members(&store, 1, "p/g"), ["1 bob", "3 ann"]);
    join(&store, 1, 4, vec![joins("p/g", "cid"), leaves("p/g", "cid"), leaves("p/g", "cid")]);
    join(&store, 1, 5, vec![leaves("p/g", "bob")]);
    assert_eq!(
        (members(&store, 1, "p/g"), groups(&store, 1)),
        (vec!["3 ann".into()], vec!["p/g 1".into()])
    );
    // In one commit, too.
    let leaving = Chunk { members: vec![leaves("p/g", "ann")], ..chunk(1, 6) };
    let joining = Chunk { members: vec![joins("p/g", "bob"), joins("p/g", "ann")], ..chunk(1, 7) };
    commit(&store, vec![leaving, joining]).unwrap();
    assert_eq!(members(&store, 1, "p/g"), ["7 ann", "7 bob"]);
    // A group stays without members, and is not made by whoever leaves it.
    join(&store, 1, 8, vec![leaves("p/g", "ann"), leaves("p/g", "bob"), leaves("p/h", "bob")]);
    assert_eq!(groups(&store, 1), ["p/g 0"]);
    join(&store, 2, 9, vec![leaves("p/g", "ann")]);
    assert_eq!(groups(&store, 2), [""; 0]);
    join(&store, 1, 10, vec![joins("p/g", "bob")]);
    assert_eq!(
        (members(&store, 1, "p/g"), groups(&store, 1)),
        (vec!["10 bob".into()], vec!["p/g 1".into()])
    );
}

#[test]
fn a_commit_that_fails_leaves_no_group_behind() {
    let (_dir, store) = open();
    join(&store, 1, 1, vec![joins("p/old", "ann")]);
    let mut all = chunk(1, 2);
    all.members = vec![joins("p/new", "ann"), leaves("p/old", "ann"), joins("p/old", "bob")];
    all.tallies = vec![tally("t", 3)];
    all.cursors = vec![cursor("c", 2, "ann")];
    all.offsets = vec![offset("f", 9)];
    let nothing = |store: &Sqlite| {
        assert_eq!(groups(store, 1), ["p/old 1"]);
        assert_eq!(members(store, 1, "p/old"), ["1 ann"]);
        assert_eq!(store.tallies(TenantId(1), "").unwrap(), []);
        assert_eq!(store.cursors(TenantId(1)).unwrap(), []);
        assert_eq!(store.offsets(TenantId(1), "").unwrap(), []);
    };
    // A number that was given before; a place that is too far for a row.
    let again = chunk(1, 1);
    assert!(matches!(commit(&store, vec![all.clone(), again]), Err(StoreError::Failed(_))));
    nothing(&store);
    let far = Chunk { offsets: vec![offset("f", 1 << 63)], ..chunk(1, 3) };
    let error = commit(&store, vec![all.clone(), far]).unwrap_err();
    assert!(error.to_string().contains("9223372036854775808 is too large"), "{error}");
    nothing(&store);
    let far = Chunk { cursors: vec![cursor("c", u64::MAX, "ann")], ..chunk(1, 3) };
    assert!(matches!(commit(&store, vec![all.clone(), far]), Err(StoreError::Failed(_))));
    nothing(&store);
    // Whoever is first to have the number now is not taken for the group that came to nothing.
    join(&store, 1, 4, vec![joins("p/other", "cid")]);
    put(&store, all);
    assert_eq!(groups(&store, 1), ["p/new 1", "p/old 1", "p/other 1"]);
    assert_eq!(members(&store, 1, "p/new"), ["2 ann"]);
    assert_eq!(members(&store, 1, "p/other"), ["4 cid"]);
}

#[test]
fn a_tenant_that_goes_takes_groups_of_any_size_along() {
    let (dir, store) = open();
    let many = |group: &str| (0..750).map(|n| joins(group, &format!("u{n}"))).collect::<Vec<_>>();
    for tenant in 1..3 {
        join(&store, tenant, u64::from(tenant), [many("p/big"), many("q/big")].concat());
        join(&store, tenant, u64::from(tenant) + 2, vec![joins("p/small", "u1")]);
        join(&store, tenant, u64::from(tenant) + 4, vec![leaves("p/small", "u1")]);
    }
    store.remove_tenant(TenantId(1)).unwrap();
    store.remove_tenant(TenantId(3)).unwrap();
    assert_eq!(groups(&store, 1), [""; 0]);
    let rows = |sql: &str| {
        let sql = format!("SELECT count(*) FROM {sql}");
        let writer = locked(&store.shared.log);
        writer.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(rows("member"), 1500);
    assert_eq!(rows("member INDEXED BY member_order WHERE grp > 0"), 1500);
    // The number that it had is nobody's now.
    join(&store, 2, 7, vec![joins("p/new", "ann")]);
    join(&store, 1, 8, vec![joins("p/big", "ann"), leaves("q/big", "u1")]);
    assert_eq!(groups(&store, 1), ["p/big 1"]);
    let after = |store: &Sqlite| {
        assert_eq!(groups(store, 2), ["p/big 750", "p/new 1", "p/small 0", "q/big 750"]);
        assert_eq!(members(store, 2, "q/big").len(), 750);
        assert_eq!(members(store, 1, "p/big"), ["8 ann"]);
    };
    after(&store);
    drop(store);
    after(&Sqlite::open(dir.path(), small(100)).unwrap());
}

#[test]
fn more_groups_than_are_kept_in_mind() {
    let (_dir, store) = open();
    for seq in 1..4 {
        let all = (0..2500)
            .map(|n| joins(&format!("p/{}", (n * 7 + seq * 500) % 6000), &format!("u{seq}")));
        join(&store, 1, seq, all.collect());
    }
    let found = store.groups(TenantId(1)).unwrap();
    assert_eq!(found.iter().map(|group| group.members).sum::<u64>(), 7500);
    for group in found {
        let members = store.members(TenantId(1), "p", &group.name, None, 9).unwrap();
        assert_eq!(members.len() as u64, group.members);
    }
}

#[test]
fn a_page_costs_what_is_on_it() {
    let (_dir, store) = open();
    let many = (0..20_000).map(|n| joins("p/big", &format!("u{n:05}"))).collect();
    join(&store, 1, 1, many);
    join(&store, 1, 2, vec![joins("p/big", "last")]);
    let connection = &locked(&store.shared.log).connection;
    let steps = |seq: i64, user: &str| {
        let mut rows = connection.prepare(MEMBERS).unwrap();
        let bound = rusqlite::params![1, seq, user, 10];
        let found = rows.query_map(bound, |row| row.get::<_, String>(1)).unwrap().count();
        (found, rows.get_status(rusqlite::StatementStatus::VmStep))
    };
    let (first, last) = (steps(-1, ""), steps(1, "u19989"));
    assert_eq!((first.0, last.0), (10, 10));
    assert!(first.1 < 200 && last.1 < 200, "{first:?} {last:?}");
    assert_eq!(steps(1, "u19995").0, 5);
}
