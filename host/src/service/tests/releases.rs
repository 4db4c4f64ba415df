//! Releases that take each other's place while users wait.

use super::stand::{HOUR, MINUTE, Stand, acme, at, patient, strategy, told};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::simulate::faulty::Fate;
use crate::service::words::ReleaseStatus::{Active, Ready, Retired};
use crate::store::{Change, Store as _};

#[test]
fn a_shorter_threshold_fires_for_those_who_wait_already() {
    let mut stand = Stand::of(&strategy(&[("cart", "10h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.waits(2 * HOUR);
    let later = stand.now();
    stand.hears(vec![at("bob", "cart", later)]);
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    stand.settles();
    assert!(stand.letters("ann").is_empty(), "nobody has looked at her so far");
    stand.does_chores();
    assert_eq!(stand.letters("ann").len(), 1);
    assert!(stand.letters("bob").is_empty());
    assert_eq!(stand.due("bob"), Some(later.plus(Millis(HOUR + 1))));
    stand.waits(HOUR + 1);
    assert_eq!((stand.letters("ann").len(), stand.letters("bob").len()), (1, 1));
    assert!(!stand.core().retime().unwrap(), "it is over");
}

#[test]
fn a_longer_threshold_has_them_wait_on() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.puts_to_work(&strategy(&[("cart", "3h")]));
    // The old timer fires before anybody has found the new deadline, and does no harm.
    stand.waits(HOUR + MINUTE);
    assert!(stand.letters("ann").is_empty());
    assert_eq!(stand.due("ann"), Some(came.plus(Millis(3 * HOUR + 1))));
    stand.does_chores();
    stand.waits(HOUR);
    assert!(stand.letters("ann").is_empty());
    stand.waits(HOUR);
    assert_eq!(stand.letters("ann").len(), 1);
}

#[test]
fn rules_in_another_order_keep_a_visit_at_its_node() {
    let mut stand = Stand::of(&strategy(&[("cart", "2h"), ("pay", "5h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "pay", came)]);
    stand.puts_to_work(&strategy(&[("absent", "1m"), ("cart", "1m"), ("pay", "5h")]));
    stand.does_chores();
    let visit = stand.state("ann").unwrap().visits["dwell"].clone();
    assert_eq!((&*visit.node, visit.entered, visit.rule), ("pay", came, 3));
    assert_eq!(stand.due("ann"), Some(came.plus(Millis(5 * HOUR + 1))));
    // She does something there again: it is the same visit.
    stand.waits(HOUR);
    let again = at("ann", "pay", stand.now());
    stand.hears(vec![again]);
    assert_eq!(stand.times("ann", "entered"), 1);
    assert_eq!(stand.state("ann").unwrap().visits["dwell"].operations, 2);
    stand.waits(5 * HOUR + 1);
    assert_eq!(stand.letters("ann").len(), 1);
}

#[test]
fn a_node_without_a_rule_of_its_own_goes_under_that_for_any_node() {
    let mut stand = Stand::of(&strategy(&[("cart", "2h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.puts_to_work(&strategy(&[("pay", "1h")]));
    stand.does_chores();
    assert_eq!(stand.due("ann"), None);
    stand.waits(9 * HOUR);
    assert!(stand.letters("ann").is_empty());
    stand.puts_to_work(&strategy(&[("cart", "2h"), ("pay", "1h")]));
    stand.does_chores();
    assert_eq!(stand.letters("ann").len(), 1, "the time that has passed counts");
}

#[test]
fn what_was_said_about_a_visit_is_not_said_again() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.waits(HOUR + 1);
    assert_eq!(stand.letters("ann").len(), 1);
    for nodes in [[("absent", "1m"), ("cart", "2h")], [("absent", "1m"), ("cart", "30m")]] {
        stand.puts_to_work(&strategy(&nodes));
        stand.does_chores();
        stand.waits(9 * HOUR);
        assert_eq!(stand.letters("ann").len(), 1);
        assert_eq!(stand.due("ann"), None);
    }
    // Another visit is another matter.
    let now = stand.now();
    stand.hears(vec![at("ann", "done", now)]);
    stand.hears(vec![at("ann", "cart", now.plus(Millis(1)))]);
    stand.waits(HOUR);
    assert_eq!(stand.letters("ann").len(), 2);
}

#[test]
fn a_message_under_way_keeps_its_plan() {
    let mut stand = Stand::of(&patient(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.waits(HOUR + 1);
    assert_eq!(stand.post.lock().unwrap().len(), 1);
    stand.puts_to_work(&strategy(&[("cart", "5h")]));
    stand.does_chores();
    // Without a router the wait ends as it was planned, and the next step is taken.
    assert_eq!(stand.due("ann"), Some(came.plus(Millis(3 * HOUR + 2))));
    stand.waits(2 * HOUR + 1);
    assert_eq!(stand.letters("ann").len(), 1);
}

#[test]
fn the_release_before_comes_back() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    assert!(matches!(stand.core().roll_back(&acme()), Err(Error::Conflict(_))));
    let ready = stand.core().propose(&acme(), &strategy(&[("cart", "7m")])).unwrap();
    stand.puts_to_work(&strategy(&[("cart", "10h")]));
    assert_eq!(stand.standing(), [Retired, Ready, Active]);
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.waits(2 * HOUR);
    assert!(stand.letters("ann").is_empty());
    assert_eq!(stand.core().roll_back(&acme()).unwrap().number, 1);
    assert_eq!(stand.standing(), [Active, Ready, Retired]);
    stand.does_chores();
    assert_eq!(stand.letters("ann").len(), 1);
    // One that never was at work is none to go back to.
    assert_eq!(stand.core().roll_back(&acme()).unwrap().number, 3);
    assert_eq!(stand.core().release(&acme(), ready.number).unwrap().status, Ready);
    // And all of it is so after a restart.
    let stand = stand.restarts();
    assert_eq!(stand.standing(), [Retired, Ready, Active]);
    assert_eq!(stand.lane().live().unwrap().number, 3);
}

#[test]
fn off_and_on_again() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.core().switch_off(&acme()).unwrap();
    assert_eq!(stand.standing(), [Retired]);
    stand.waits(2 * HOUR);
    let now = stand.now();
    let name = super::stand::profile("bob", "name", "Bob", now);
    stand.hears(vec![at("bob", "cart", now), name]);
    assert_eq!(stand.decided("bob"), Vec::<String>::new());
    assert!(stand.state("bob").unwrap().profile.get("name").is_some(), "it is remembered");
    assert!(stand.letters("ann").is_empty());
    // A timer that found nobody to ask is found anew.
    assert_eq!(stand.due("ann"), None);
    let mut stand = stand.restarts();
    assert!(stand.lane().live().is_none());
    stand.core().activate(&acme(), 1).unwrap();
    stand.does_chores();
    assert_eq!(stand.letters("ann").len(), 1);
    assert!(stand.letters("bob").is_empty());
}

#[test]
fn a_restart_in_the_middle_of_retiming_begins_again() {
    let mut stand = Stand::of(&strategy(&[("cart", "10h")]));
    let came = stand.now();
    let users: Vec<String> = (0..40).map(|n| format!("u{n}")).collect();
    stand.hears(users.iter().map(|user| at(user, "cart", came)).collect());
    stand.waits(2 * HOUR);
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    assert!(stand.core().retime().unwrap());
    stand.evaluates();
    let mut stand = stand.restarts();
    stand.does_chores();
    for user in &users {
        assert_eq!(stand.letters(user).len(), 1, "{user}");
    }
    assert!(!stand.core().retime().unwrap());
}

#[test]
fn who_is_on_the_way_into_the_store_when_the_rules_change_is_not_forgotten() {
    let mut stand = Stand::of(&strategy(&[("cart", "10h")]));
    let came = stand.now();
    let first = stand.offers(vec![at("ann", "cart", came)]).unwrap();
    assert!(stand.evaluates());
    let second = stand.offers(vec![at("bob", "cart", came)]).unwrap();
    assert!(stand.evaluates());
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    for _ in 0..3 {
        stand.core().retime().unwrap();
    }
    stand.commits(Fate::Stored);
    told(first).unwrap();
    told(second).unwrap();
    stand.does_chores();
    for user in ["ann", "bob"] {
        assert_eq!(stand.due(user), Some(came.plus(Millis(HOUR + 1))), "{user}");
    }
}

#[test]
fn what_is_activated_again_while_it_is_at_work_changes_nothing() {
    let stand = Stand::of(&strategy(&[("cart", "1h")]));
    let before = stand.core().release(&acme(), 1).unwrap();
    stand.clock.advance(Millis(HOUR));
    assert_eq!(stand.core().activate(&acme(), 1).unwrap(), before);
    assert!(matches!(stand.core().activate(&acme(), 2), Err(Error::NotFound(_))));
}

#[test]
fn a_release_that_cannot_be_put_to_work_at_a_start_costs_nobody_their_deadline() {
    let mut stand = Stand::of(&strategy(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    stand.does_chores();
    let digest = stand.core().release(&acme(), 1).unwrap().policies.remove(0).digest;
    let name = format!("component/{digest}");
    let bytes = stand.store.blob(&name).unwrap().unwrap();
    stand.store.change(&[Change::RemoveBlob { name: name.clone() }]).unwrap();
    let mut stand = stand.restarts();
    assert!(stand.lane().live().is_none());
    stand.waits(2 * HOUR);
    assert_eq!((stand.due("ann"), stand.letters("ann").len()), (None, 0));
    stand.store.change(&[Change::PutBlob { name, bytes }]).unwrap();
    stand.core().revive_all();
    stand.does_chores();
    assert_eq!(stand.letters("ann").len(), 1);
}
