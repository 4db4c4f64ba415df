//! Named counts, and how far campaigns and sources have got.

use super::*;

fn open() -> (tempfile::TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    (dir, store)
}

fn count(store: &Sqlite, tenant: u32, seq: u64, tallies: Vec<Tally>) {
    put(store, Chunk { tallies, ..chunk(tenant, seq) });
}

/// A tenant's counts, as a text each.
fn counts(store: &Sqlite, tenant: u32, prefix: &str) -> Vec<String> {
    let all = store.tallies(TenantId(tenant), prefix).unwrap();
    all.into_iter().map(|(name, value)| format!("{name} {value}")).collect()
}

#[test]
fn counts_add_up() {
    let (dir, store) = open();
    count(&store, 1, 1, vec![tally("b", 2), tally("a", 5), tally("b", -7), tally("", 1)]);
    count(&store, 2, 2, vec![tally("b", 40)]);
    let one = Chunk { tallies: vec![tally("a", 1)], ..chunk(1, 3) };
    let two = Chunk { tallies: vec![tally("a", 1), tally("zero", 0)], ..chunk(1, 4) };
    commit(&store, vec![one, two]).unwrap();
    drop(store);
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    assert_eq!(counts(&store, 1, ""), [" 1", "a 7", "b -5", "zero 0"]);
    assert_eq!(counts(&store, 2, ""), ["b 40"]);
    assert_eq!(counts(&store, 3, ""), [""; 0]);
}

#[test]
fn counts_stay_at_the_ends_of_their_range() {
    let (_dir, store) = open();
    let all = [i64::MAX, i64::MIN, 0, 1, -1, i64::MAX - 1, i64::MIN + 1, 77, -77];
    let mut seq = 0;
    for first in all {
        for second in all {
            seq += 1;
            let name = format!("{first} {second}");
            count(&store, 1, seq, vec![tally(&name, first), tally(&name, second)]);
            let expected = first.saturating_add(second);
            let found = store.tallies(TenantId(1), &name).unwrap();
            assert_eq!(found, [(Arc::from(&*name), expected)]);
        }
    }
}

#[test]
fn a_prefix_finds_those_that_begin_with_it() {
    let (_dir, store) = open();
    let last = char::MAX;
    let names = [
        "",
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a/c",
        "a0",
        "b",
        "ä",
        "äb",
        "\u{d7ff}",
        "\u{d7ff}x",
        "\u{e000}",
        "%",
        "_",
        "a\0",
        "a\0b",
        "A/b",
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    names.extend([
        format!("{last}"),
        format!("{last}{last}x"),
        format!("a{last}"),
        format!("a{last}z"),
    ]);
    names.sort();
    let mut one = chunk(1, 1);
    one.tallies = names.iter().map(|name| tally(name, 1)).collect();
    one.offsets = names.iter().map(|name| offset(name, 1)).collect();
    put(&store, one);
    for prefix in names.iter().map(String::as_str).chain(["c", "a/b/c/d", "\u{d7fe}"]) {
        let expected: Vec<_> = names.iter().filter(|name| name.starts_with(prefix)).collect();
        let found = store.tallies(TenantId(1), prefix).unwrap();
        assert!(
            found.iter().map(|(name, _)| &**name).eq(expected.iter().map(|n| n.as_str())),
            "{prefix:?}"
        );
        let found = store.offsets(TenantId(1), prefix).unwrap();
        assert!(
            found.iter().map(|o| &*o.source).eq(expected.iter().map(|n| n.as_str())),
            "{prefix:?}"
        );
    }
}

#[test]
fn a_campaign_goes_with_its_cursor_and_its_counts() {
    let (dir, store) = open();
    for tenant in 1..3 {
        let mut one = chunk(tenant, u64::from(tenant));
        one.cursors =
            vec![cursor("spring", 1, "ann"), cursor("spring2", 1, ""), cursor("a", 0, "x")];
        one.tallies = ["spring/sent", "spring/", "spring2/sent", "spring", "cost"]
            .map(|n| tally(n, 1))
            .into();
        put(&store, one);
    }
    // The last place counts, further on or not.
    let mut two = chunk(1, 3);
    two.cursors = vec![cursor("spring", 3, "zoë"), cursor("spring", 2, "bob")];
    put(&store, two);
    let expected = [cursor("a", 0, "x"), cursor("spring", 2, "bob"), cursor("spring2", 1, "")];
    assert_eq!(store.cursors(TenantId(1)).unwrap(), expected);
    store.drop_campaign(TenantId(1), "spring", "spring/").unwrap();
    store.drop_campaign(TenantId(1), "spring", "spring/").unwrap();
    store.drop_campaign(TenantId(3), "a", "").unwrap();
    drop(store);
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    assert_eq!(
        store.cursors(TenantId(1)).unwrap(),
        [cursor("a", 0, "x"), cursor("spring2", 1, "")]
    );
    assert_eq!(counts(&store, 1, ""), ["cost 1", "spring 1", "spring2/sent 1"]);
    assert_eq!(store.cursors(TenantId(2)).unwrap().len(), 3);
    assert_eq!(counts(&store, 2, "").len(), 5);
    store.drop_campaign(TenantId(2), "none", "").unwrap();
    assert_eq!((store.cursors(TenantId(2)).unwrap().len(), counts(&store, 2, "").len()), (3, 0));
}

#[test]
fn offsets_never_go_back_until_they_are_dropped() {
    let (dir, store) = open();
    let at = |seq, offsets| put(&store, Chunk { offsets, ..chunk(1, seq) });
    at(1, vec![offset("file/b", 10), offset("file/a", 7), offset("stream", 0)]);
    at(2, vec![offset("file/b", 4), offset("file/a", 8), offset("file/a", 6)]);
    at(3, vec![offset("far", i64::MAX as u64), offset("far", 3)]);
    put(&store, Chunk { offsets: vec![offset("file/b", 1)], ..chunk(2, 4) });
    drop(store);
    let store = Sqlite::open(dir.path(), small(100)).unwrap();
    let one = |tenant, source: &str| store.offset(TenantId(tenant), source).unwrap();
    assert_eq!(
        (one(1, "file/b"), one(2, "file/b"), one(1, "stream")),
        (Some(10), Some(1), Some(0))
    );
    assert_eq!(
        (one(1, "far"), one(1, "file/"), one(3, "far")),
        (Some(i64::MAX as u64), None, None)
    );
    let files = [offset("file/a", 8), offset("file/b", 10)];
    assert_eq!(store.offsets(TenantId(1), "file/").unwrap(), files);
    store.drop_offsets(TenantId(1), &[]).unwrap();
    store.drop_offsets(TenantId(1), &["file/b".into(), "none".into(), "far".into()]).unwrap();
    assert_eq!(store.offsets(TenantId(1), "").unwrap(), [offset("file/a", 8), offset("stream", 0)]);
    assert_eq!(one(2, "file/b"), Some(1));
    put(&store, Chunk { offsets: vec![offset("file/b", 2)], ..chunk(1, 5) });
    assert_eq!(one(1, "file/b"), Some(2));
}
