//! Who sends the same again is heard once.

use super::stand::{HOUR, Stand, at, called, strategy, told};
use crate::engine::event::Millis;
use crate::service::simulate::faulty::Fate;

fn stand() -> Stand {
    Stand::of(&strategy(&[("cart", "1h")]))
}

fn operations(stand: &Stand) -> u32 {
    stand.state("ann").unwrap().visits["dwell"].operations
}

#[test]
fn within_a_batch_and_across_batches() {
    let mut stand = stand();
    let now = stand.now();
    let item = called(7, at("ann", "cart", now));
    stand.hears(vec![item.clone(), item.clone(), called(8, at("ann", "cart", now))]);
    assert_eq!(operations(&stand), 2);
    stand.hears(vec![item.clone()]);
    assert_eq!(operations(&stand), 2);
    // Without a name nothing is the same.
    stand.hears(vec![at("ann", "cart", now), at("ann", "cart", now)]);
    assert_eq!(operations(&stand), 4);
    // Nor is what somebody else calls so: the id is all that counts, the content is not.
    stand.hears(vec![called(7, at("bob", "cart", now))]);
    assert_eq!(stand.state("bob"), None);
}

#[test]
fn across_a_restart() {
    let mut stand = stand();
    let now = stand.now();
    let item = called(7, at("ann", "cart", now));
    stand.hears(vec![item.clone()]);
    let mut stand = stand.restarts();
    stand.hears(vec![item.clone(), called(8, at("ann", "cart", now))]);
    assert_eq!(operations(&stand), 2);
    let mut stand = stand.restarts();
    stand.hears(vec![item]);
    assert_eq!(operations(&stand), 2);
}

#[test]
fn while_the_first_is_on_its_way() {
    let mut stand = stand();
    let now = stand.now();
    let item = called(7, at("ann", "cart", now));
    let first = stand.offers(vec![item.clone()]).unwrap();
    assert!(stand.evaluates());
    let mut second = stand.offers(vec![item.clone()]).unwrap();
    assert!(stand.evaluates());
    assert!(second.try_recv().is_err(), "the first is not safe, so nor is the second");
    stand.commits(Fate::Stored);
    told(first).unwrap();
    told(second).unwrap();
    assert_eq!(operations(&stand), 1);
}

#[test]
fn what_was_not_stored_was_not_heard() {
    let mut stand = stand();
    let now = stand.now();
    let item = called(7, at("ann", "cart", now));
    for fate in [Fate::Refused, Fate::Full] {
        let first = stand.offers(vec![item.clone()]).unwrap();
        assert!(stand.evaluates());
        let second = stand.offers(vec![item.clone()]).unwrap();
        assert!(stand.evaluates());
        stand.commits(fate);
        assert!(told(first).is_err() && told(second).is_err());
        assert_eq!(stand.state("ann"), None);
    }
    stand.hears(vec![item.clone()]);
    stand.hears(vec![item]);
    assert_eq!(operations(&stand), 1);
}

#[test]
fn after_the_window_it_is_new() {
    let mut stand = stand();
    let now = stand.now();
    let item = |at_now| called(7, at("ann", "cart", at_now));
    stand.hears(vec![item(now)]);
    stand.clock.advance(Millis(23 * HOUR));
    let again = item(stand.now());
    stand.hears(vec![again, at("ann", "cart", now)]);
    assert_eq!(operations(&stand), 2);
    stand.clock.advance(Millis(3 * HOUR));
    let mut stand = stand.restarts();
    let again = item(stand.now());
    stand.hears(vec![again]);
    assert_eq!(operations(&stand), 3);
}
