//! Records of the past: they say where users are, and fire nothing.

use super::stand::{HOUR, MINUTE, Stand, at, before, profile, strategy, text};
use crate::engine::event::Millis;

const SHOP: &[(&str, &str)] = &[("cart", "1h"), ("pay", "30h")];

#[test]
fn what_happened_long_ago_fires_nothing() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("ann", "cart", before(now, 24 * HOUR + 1))]);
    assert_eq!(stand.decided("ann"), ["entered", "past"]);
    assert_eq!(stand.due("ann"), None);
    stand.waits(9 * HOUR);
    assert!(stand.letters("ann").is_empty());
    // A moment less, and it is late, but no history.
    let now = stand.now();
    stand.hears(vec![at("bob", "cart", before(now, 24 * HOUR))]);
    assert_eq!(stand.letters("bob").len(), 1);
}

#[test]
fn an_import_fires_nothing_however_fresh() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.imports(vec![at("ann", "cart", before(now, 2 * HOUR))]);
    assert_eq!(stand.decided("ann"), ["entered", "past"]);
    assert!(stand.letters("ann").is_empty());
    // What comes next is no history.
    stand.hears(vec![at("ann", "done", now)]);
    stand.hears(vec![at("ann", "cart", now.plus(Millis(1)))]);
    stand.waits(HOUR + 2);
    assert_eq!(stand.letters("ann").len(), 1);
}

#[test]
fn a_threshold_that_is_passed_later_fires() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.imports(vec![
        at("ann", "pay", before(now, 29 * HOUR)),
        at("bob", "cart", before(now, MINUTE)),
    ]);
    stand.hears(vec![at("eve", "pay", before(now, 25 * HOUR))]);
    assert_eq!(stand.decided("ann"), ["entered"]);
    assert_eq!(stand.due("ann"), Some(now.plus(Millis(HOUR + 1))));
    stand.waits(HOUR);
    assert_eq!((stand.letters("ann").len(), stand.letters("bob").len()), (0, 1));
    stand.waits(1);
    assert_eq!(stand.letters("ann").len(), 1);
    stand.waits(4 * HOUR);
    assert_eq!(stand.letters("eve").len(), 1);
}

#[test]
fn of_whom_the_present_is_known_history_tells_only_what_is_not() {
    let mut stand = Stand::of(&strategy(SHOP));
    let now = stand.now();
    stand.hears(vec![at("ann", "pay", now), profile("ann", "name", "Ann", now)]);
    let mut known = stand.state("ann").unwrap();
    let then = before(now, 48 * HOUR);
    let old = vec![
        at("ann", "cart", then),
        profile("ann", "name", "Anna", then),
        profile("ann", "town", "Bonn", then),
        profile("ann", "town", "Köln", then.plus(Millis(1))),
    ];
    stand.imports(old.clone());
    known.profile.set("town".into(), text("Köln"));
    assert_eq!(stand.state("ann"), Some(known));
    assert_eq!(stand.times("ann", "entered"), 1);
    // In one batch with what happens now, the history comes first, whatever the order.
    let mut mixed = vec![at("bob", "pay", now)];
    mixed.extend(old.into_iter().map(|item| super::stand::at_name("bob", item)));
    stand.hears(mixed);
    let state = stand.state("bob").unwrap();
    assert_eq!(&*state.visits["dwell"].node, "pay");
    assert_eq!(stand.decided("bob"), ["entered", "past", "left", "entered"]);
    assert_eq!(state.profile.get("town"), Some(&text("Köln")));
}

#[test]
fn without_a_strategy_history_is_remembered() {
    let mut stand = Stand::new();
    let now = stand.now();
    stand.imports(vec![profile("ann", "name", "Ann", before(now, HOUR)), at("ann", "cart", now)]);
    let state = stand.state("ann").unwrap();
    assert_eq!(state.profile.get("name"), Some(&text("Ann")));
    assert!(state.visits.is_empty() && stand.decided("ann").is_empty());
}
