//! The ends of time and of numbers: nothing overflows, panics or goes on for ever.

use super::random::wild;
use super::*;
use crate::engine::event::{Grade, Instant, Millis, Shows};
use crate::engine::policy::{Basis, Verdict};

const BASES: [Basis; 4] = [Basis::Interruption, Basis::PageStay, Basis::Sum, Basis::Either];
const ENDS: [i64; 9] =
    [i64::MIN, i64::MIN + 1, -1, 0, 1, 1 << 53, i64::MAX - 60_000, i64::MAX - 1, i64::MAX];

#[test]
fn moments_and_lengths_stop_at_their_ends() {
    assert_eq!(Instant::MAX.plus(Millis(1)), Instant::MAX);
    assert_eq!(Instant::MIN.plus(Millis(u64::MAX)), Instant::MAX);
    assert_eq!(Instant::MAX.since(Instant::MIN), Millis(u64::MAX));
    assert_eq!(Instant::MIN.since(Instant::MAX), Millis(0));
    assert_eq!(Millis(u64::MAX).plus(Millis(1)), Millis(u64::MAX));
}

#[test]
fn a_threshold_that_cannot_be_passed_is_not() {
    for basis in BASES {
        for longer_than in [u64::MAX, u64::MAX - 1, i64::MAX as u64 + 1, i64::MAX as u64] {
            let mut ann = world(Native::journey([watching("A", basis, longer_than)])).live();
            ann.does(page(0, "A"));
            let passable = basis == Basis::Sum && longer_than < u64::MAX - 1;
            assert_eq!(ann.due.is_some(), passable, "{basis:?} {longer_than}");
            ann.until(i64::MAX);
            assert_eq!(ann.told_of(&["stalled"]).len(), usize::from(passable));
        }
    }
}

#[test]
fn the_longest_dwell_there_can_be_is_found() {
    let journey = Native::journey([watching("A", Basis::Interruption, u64::MAX - 1)]);
    let mut ann = world(journey).live();
    ann.does(op(i64::MIN, "A"));
    assert_eq!(ann.due, Some(Instant::MAX));
    let want = format!("{} stalled A {}>{}", i64::MAX, u64::MAX, u64::MAX - 1);
    assert_eq!(ann.until(i64::MAX).told_of(&["stalled"]), [want]);
}

#[test]
fn events_at_the_ends_of_time_are_handled() {
    for basis in BASES {
        for longer_than in [0, 1, 100, 1 << 62, u64::MAX] {
            let live = || {
                let steps = [("app", 0), ("mail", longer_than), ("sms", u64::MAX)];
                let route = Native::route(plan(steps)).judging(|_, _| Verdict::WaitLonger);
                let rules = ["A", "B"].map(|node| watching(node, basis, longer_than));
                world(Native::journey(rules)).with("route", route).live()
            };
            let mut ann = live();
            for (n, at) in ENDS.into_iter().enumerate() {
                let node = ["A", "B"][n / 2 % 2];
                ann.does(page(at, node)).does(beat(at)).does(op(at, node));
                if let Some(attempt) = ann.outbox.len().checked_sub(1) {
                    ann.shows(at, attempt, Shows::Failed).shows(at, attempt, Grade::Accepted);
                }
                ann.does(hidden(at));
            }
            ann.until(i64::MAX);
            assert_eq!((ann.state.clock, ann.due), (Some(Instant::MAX), None));
            // Backwards: everything after the first comes late.
            let mut ann = live();
            for at in ENDS.into_iter().rev() {
                ann.does(page(at, "A"));
            }
            assert_eq!(ann.state.clock, Some(Instant::MAX));
            assert_eq!(ann.state.visits["journey"].operations, 9);
        }
    }
}

#[test]
fn c5_a_wait_without_end_is_never_over() {
    let route = Native::route(plan([("app", u64::MAX), ("mail", 0)]));
    let mut ann = world(Native::journey([rule("A", 100), quiet("B")])).with("route", route).live();
    ann.does(op(0, "A")).until(101);
    assert_eq!(ann.due, None);
    ann.until(i64::MAX);
    assert_eq!(ann.outbox.len(), 1);
    ann.shows(i64::MAX, 0, Grade::Opened);
    assert_eq!(ann.told_of(&["ended"]), [format!("{} ended Received 1", i64::MAX)]);
}

#[test]
fn random_lives_at_the_end_of_time_come_to_an_end() {
    for seed in 0..20 {
        let mut chance = Chance::new(seed);
        let mut live = wild(seed, true).live();
        for _ in 0..40 {
            let at = chance.one(&ENDS).saturating_add(chance.below(200) as i64);
            live.does(op(at, chance.one(&["A", "B", "C"]))).does(page(at, "D")).does(beat(at));
        }
        live.until(i64::MAX);
        assert_eq!(live.due, None, "seed {seed}");
    }
}

#[test]
fn a_page_stay_at_the_end_of_time_is_as_long_as_can_be() {
    let mut ann = world(Native::journey([quiet("A")])).live();
    ann.does(page(i64::MIN, "A"));
    let stay = |ann: &Live, at| ann.state.visits["journey"].page_stay(Instant(at)).0;
    assert_eq!(stay(&ann, i64::MAX), u64::MAX);
    ann.does(page(i64::MAX, "A"));
    assert_eq!(stay(&ann, i64::MAX), u64::MAX);
    assert_eq!(ann.state.visits["journey"].dwell(Basis::Sum, Instant::MAX), Millis(u64::MAX));
}
