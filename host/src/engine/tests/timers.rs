//! One timer a user: the moment of the first deadline, no earlier and no later. And what comes late.

use super::random::{life, wild};
use super::*;
use crate::engine::State;
use crate::engine::event::Instant;

#[test]
fn a9_nothing_happens_before_the_timer_and_something_at_it() {
    let mut fired = 0;
    for seed in 0..40 {
        let life = life(wild(seed, false), seed, 60);
        let mut live = wild(seed, false).live();
        for event in life.events {
            while let Some(Instant(due)) = live.due.filter(|due| *due <= event.at) {
                wakes(&mut live, due);
                fired += 1;
            }
            live.does(event);
        }
    }
    assert!(fired > 300, "{fired}");
}

fn wakes(live: &mut Live, due: i64) {
    assert!(live.state.clock < Some(Instant(due)));
    let (before, records) = (live.state.clone(), live.trace.len());
    live.until(due - 1);
    assert_eq!((&live.state, live.due), (&before, Some(Instant(due))));
    assert_eq!(live.trace.len(), records);
    live.until(due);
    assert!(live.trace.len() > records);
    assert!(live.trace[records..].iter().all(|record| record.at == Instant(due)));
    assert!(live.due.is_none_or(|next| next > Instant(due)));
}

#[test]
fn a9_the_timer_is_that_of_the_first_deadline() {
    let slow = Native::journey([rule("A", 500)]);
    let route = Native::route(plan([("app", 2_000)]));
    let mut ann =
        world(Native::journey([rule("A", 100)])).with("slow", slow).with("route", route).live();
    assert_eq!(ann.does(profile(0, [])).due, None);
    let due = |ann: &Live| ann.due.map(|due| due.0);
    ann.does(op(0, "A"));
    assert_eq!(due(&ann), Some(101), "the quicker of two visits");
    ann.until(101);
    assert_eq!(due(&ann), Some(501), "the other, before the wait for the first one's message");
    ann.until(501);
    assert_eq!(due(&ann), Some(2_102), "the wait for the first message");
    ann.until(2_102);
    assert_eq!(due(&ann), Some(2_502), "the wait for the second");
    ann.until(2_502);
    assert_eq!(due(&ann), None);
}

#[test]
fn a9_deadlines_of_one_moment_are_all_handled() {
    let twin = || Native::journey([rule("A", 100)]);
    let mut ann = world(twin()).with("twin", twin()).live();
    ann.does(op(0, "A")).until(101);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 Go on!", "101 sent app 0 Go on!"]);
    assert_ne!(ann.outbox[0].message, ann.outbox[1].message);
    let want = ["102 ended Unreceived 1", "102 ended Unreceived 1"];
    assert_eq!(ann.until(102).told(), want);
}

#[test]
fn a9_missed_deadlines_are_handled_at_their_own_moments() {
    let journey = Native::journey([rule("A", 100)]);
    let route = Native::route(plan([("app", 50), ("mail", 50)]));
    let mut ann = world(journey).with("route", route).live();
    ann.does(op(0, "A")).until(1_000_000);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 Go on!", "152 sent mail 1 Go on!"]);
    assert_eq!(ann.outbox[1].at, Instant(152));
    assert_eq!(ann.state.clock, Some(Instant(203)));
}

#[test]
fn events_are_handled_in_order_of_time_whatever_order_they_come_in() {
    for seed in 0..20 {
        let life = life(wild(seed, true), seed, 40);
        // Of one moment, the order in which they come is all there is.
        let mut events = life.events.clone();
        events.dedup_by_key(|event| event.at);
        let whole = story(&life.live.engine, events.clone(), life.end);
        Chance::new(seed).shuffle(&mut events);
        assert_eq!(told(&story(&life.live.engine, events, life.end)), told(&whole));
    }
}

#[test]
fn an_event_that_comes_late_counts_from_the_users_clock() {
    let mut ann = world(Native::journey([rule("A", 100), rule("B", 100)])).live();
    ann.does(op(1_000, "A")).does(op(400, "B"));
    assert_eq!(ann.told_of(&["entered"]), ["1000 entered A", "1000 entered B from A"]);
    assert_eq!(ann.state.clock, Some(Instant(1_000)));
    assert_eq!(ann.due, Some(Instant(1_101)));
    // Where a deadline has passed, its moment is the clock.
    ann.until(5_000).does(op(1_050, "A"));
    assert_eq!(
        ann.told_of(&["entered", "stalled"]),
        ["1101 stalled B 101>100", "1102 entered A from B"]
    );
}

#[test]
fn a_clock_that_goes_back_does_nothing() {
    let mut ann = world(Native::journey([rule("A", 100)])).live();
    ann.does(op(1_000, "A"));
    let before = ann.state.clone();
    ann.until(0).until(-5).until(i64::MIN);
    assert_eq!((&ann.state, ann.due), (&before, Some(Instant(1_101))));
}

#[test]
fn an_event_from_beyond_now_takes_the_users_clock_along() {
    let engine = world(Native::journey([rule("A", 100), quiet("B")])).engine();
    let ann = story(&engine, vec![op(0, "A"), op(500, "B")], 10);
    assert_eq!(
        of(&told(&ann), &["stalled", "entered"])[1..],
        ["101 stalled A 101>100", "500 entered B from A"]
    );
    assert_eq!(ann.state.clock, Some(Instant(500)));
}

#[test]
fn a_user_to_whom_nothing_happens_stays_as_they_are() {
    let engine = world(Native::journey([rule("A", 100)])).engine();
    let ann = story(&engine, Vec::new(), 1_000_000);
    assert_eq!((ann.state, ann.due), (State::default(), None));
    assert!(ann.trace.is_empty() && ann.outbox.is_empty());
}
