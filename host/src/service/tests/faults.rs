//! Releases whose policies fault.

use super::policies::Guest;
use super::stand::{HOUR, MINUTE, Stand, acme, at, strategy};
use crate::engine::event::Millis;
use crate::service::Error;
use crate::service::words::ReleaseStatus::{Active, Faulted, Retired};

/// A policy that gives no answer to who is by themself.
const LONELY: &str = "
    (if (i32.eq (local.get $rows) (i32.const 1)) (then (unreachable)))
    (i32.store (i32.const 0x604) (local.get $rows)) i32.const 0x600";

/// Puts a policy to work that locates in this way.
fn locating(stand: &Stand, locate: &str) -> u64 {
    let guest = Guest { locate, ..Guest::default() };
    let (policy, _) = stand.core().upload(&acme(), guest.component()).unwrap();
    let strategy = format!("[[policy]]\nuse = \"{}\"\nas = \"hostile\"\n", policy.digest);
    stand.puts_to_work(&strategy)
}

fn stand() -> Stand {
    Stand::with("[policies]\nfault_limit = 3\nfault_window = \"10m\"\n")
}

/// Users come one by one, each a minute later.
fn come(stand: &mut Stand, many: usize) {
    for n in 0..many {
        stand.clock.advance(Millis(MINUTE));
        let now = stand.now();
        stand.hears(vec![at(&format!("u{n}"), "shop", now)]);
    }
}

#[test]
fn the_release_before_takes_over_and_the_other_says_why() {
    let mut stand = stand();
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    let came = stand.now();
    stand.hears(vec![at("ann", "cart", came)]);
    let bad = locating(&stand, "unreachable");
    come(&mut stand, 2);
    stand.does_chores();
    assert_eq!(stand.standing(), [Retired, Active], "a fault now and then is tolerated");
    come(&mut stand, 1);
    stand.does_chores();
    assert_eq!(stand.standing(), [Active, Faulted]);
    let told = stand.core().release(&acme(), bad).unwrap();
    let reason = told.reason.unwrap();
    assert!(reason.contains("\"hostile\" gave no answer 3 times"), "{reason}");
    assert_eq!(stand.decided("u1"), ["fault"]);
    assert_eq!(stand.core().release(&acme(), 1).unwrap().reason, None);
    // Who waits goes on as if nothing had been.
    stand.waits(HOUR);
    assert_eq!(stand.letters("ann").len(), 1);
    // What has faulted is nothing to go back to.
    assert!(matches!(stand.core().roll_back(&acme()), Err(Error::Conflict(_))));
    let mut stand = stand.restarts();
    assert_eq!(stand.standing(), [Active, Faulted]);
    // Who wants it back has to say so, and its reason is gone.
    stand.core().activate(&acme(), bad).unwrap();
    assert_eq!(stand.standing(), [Retired, Active]);
    assert_eq!(stand.core().release(&acme(), bad).unwrap().reason, None);
    come(&mut stand, 3);
    stand.does_chores();
    assert_eq!(stand.standing(), [Active, Faulted]);
}

#[test]
fn without_one_before_there_is_none_at_work() {
    let mut stand = stand();
    locating(&stand, "unreachable");
    come(&mut stand, 3);
    stand.does_chores();
    assert_eq!(stand.standing(), [Faulted]);
    assert!(stand.lane().live().is_none());
    come(&mut stand, 4);
    assert_eq!(stand.times("u0", "fault"), 1, "nobody is asked any more");
}

#[test]
fn faults_that_are_long_past_do_not_count() {
    let mut stand = stand();
    locating(&stand, "unreachable");
    for _ in 0..6 {
        come(&mut stand, 1);
        stand.clock.advance(Millis(6 * MINUTE));
    }
    stand.does_chores();
    assert_eq!(stand.standing(), [Active]);
    let uses = stand.core().release(&acme(), 1).unwrap().policies;
    assert_eq!((uses[0].faults, &*uses[0].name), (6, "hostile"));
}

#[test]
fn few_faults_among_many_answers_are_tolerated() {
    let mut stand = stand();
    locating(&stand, LONELY);
    let crowd = |stand: &mut Stand| {
        let now = stand.now();
        stand.hears((0..200).map(|n| at(&format!("u{n}"), "shop", now)).collect());
    };
    for _ in 0..4 {
        crowd(&mut stand);
        come(&mut stand, 1);
    }
    stand.does_chores();
    assert_eq!(stand.standing(), [Active]);
    come(&mut stand, 60);
    stand.does_chores();
    assert_eq!(stand.standing(), [Faulted]);
}

#[test]
fn a_release_that_was_replaced_meanwhile_is_left_alone() {
    let mut stand = stand();
    locating(&stand, "unreachable");
    come(&mut stand, 3);
    stand.puts_to_work(&strategy(&[("cart", "1h")]));
    stand.does_chores();
    assert_eq!(stand.standing(), [Retired, Active]);
}
