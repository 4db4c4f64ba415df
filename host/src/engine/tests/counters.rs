//! Counters over sliding windows.

use super::*;
use crate::engine::State;
use crate::engine::event::{Instant, Millis};
use crate::engine::policy::{Origin, Question, Shape};

fn counting(moments: &[i64], window: u64) -> State {
    let mut state = State::default();
    for at in moments {
        state.counted(&"route".into(), &"logins".into(), Millis(window), Instant(*at));
    }
    state
}

fn count(state: &State, at: i64) -> u32 {
    state.count("route", "logins", Instant(at))
}

#[test]
fn e1_events_less_than_the_window_ago_count() {
    let state = counting(&[0, 50, 100], 100);
    assert_eq!([100, 149, 150, 199, 200].map(|at| count(&state, at)), [2, 2, 1, 1, 0]);
    let state = counting(&[0], 100);
    assert_eq!([0, 99, 100].map(|at| count(&state, at)), [1, 1, 0]);
}

#[test]
fn e1_a_window_of_nothing_holds_nothing() {
    assert_eq!(count(&counting(&[5, 5, 5], 0), 5), 0);
}

#[test]
fn e1_an_endless_window_holds_everything() {
    let state = counting(&[i64::MIN + 1, 0, i64::MAX], u64::MAX);
    assert_eq!(count(&state, i64::MAX), 3);
}

#[test]
fn e1_counts_are_exact_up_to_a_thousand_and_stay_there() {
    let moments: Vec<i64> = (0..2_500).collect();
    let counts = |n: usize| {
        let state = counting(&moments[..n], 1_000_000);
        count(&state, 2_500)
    };
    assert_eq!([0, 1, 999, 1_000, 1_001, 2_500].map(counts), [0, 1, 999, 1_000, 1_000, 1_000]);
    // The latest thousand are kept: they are the last to leave the window.
    let state = counting(&moments, 1_000_000);
    assert_eq!(count(&state, 1_001_499), 1_000);
    assert_eq!(count(&state, 1_001_500), 999);
}

#[test]
fn e1_what_has_left_the_window_is_not_kept() {
    let state = counting(&(0..100).map(|n| 50 * n).collect::<Vec<_>>(), 100);
    let kept = serde_json::to_value(&state).unwrap();
    let moments = kept["counters"]["route"]["logins"]["moments"].as_array().unwrap();
    assert_eq!(moments.len(), 2);
}

#[test]
fn a_counter_that_never_counted_counts_nothing() {
    let state = counting(&[5], 100);
    assert_eq!(state.count("route", "other", Instant(5)), 0);
    assert_eq!(state.count("other", "logins", Instant(5)), 0);
}

#[test]
fn e1_events_are_counted_by_name_wherever_they_happen() {
    let asked = &[Question::Plan];
    let route = Native::route(plan([]))
        .needs(Origin::Counter, "steps", Shape::Integer, asked)
        .needs(Origin::Counter, "pages", Shape::Integer, asked)
        .needs(Origin::Counter, "recent", Shape::Integer, asked)
        .counts("steps", "step", 1_000)
        .counts("pages", "page", 1_000)
        .counts("recent", "step", 60)
        .planning(|_, row| {
            // Decided at 141: the step at 81 is 60 ago, those at 90 and 100 are less.
            assert_eq!([1, 2, 3].map(|need| row.integer(need)), [Some(4), Some(1), Some(2)]);
            Some(plan([("app", 50)]))
        });
    let mut ann = world(Native::journey([rule("A", 40)])).with("route", route).live();
    ann.does(named(0, "step", [])).does(named(81, "step", [])).does(page(85, "nowhere"));
    ann.does(named(90, "step", [])).does(named(95, "other", [])).does(op(100, "A")).until(141);
    assert_eq!(ann.outbox.len(), 1);
}

#[test]
fn e1_two_policies_counters_of_one_name_are_two() {
    let asked = &[Question::Locate];
    let journey = |window| {
        Native::journey([quiet("A"), quiet("B")])
            .needs(Origin::Counter, "logins", Shape::Integer, asked)
            .counts("logins", "step", window)
            .locating(|row| row.integer(1).map(|count| u32::from(count > 1)))
    };
    let mut ann = world(journey(10)).with("other", journey(1_000)).live();
    ann.does(named(0, "step", []));
    assert_eq!(ann.told(), ["0 entered A", "0 entered A"], "the event itself counts");
    ann.does(named(100, "step", []));
    assert_eq!(ann.told_of(&["entered"]), ["100 entered B from A"]);
}
