//! What is remembered of a user: written, read again, and forgotten when it is of no more use.

use super::random::{assert_same, bytes, life, wild};
use super::*;
use crate::engine::State;
use crate::engine::event::{Grade, Instant, Value};
use crate::engine::policy::{Origin, Shape};

fn through_json(state: &State) -> State {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn a_state_reads_back_as_it_was_written_and_goes_on_the_same() {
    for seed in 0..25 {
        let whole = life(wild(seed, true), seed, 80);
        let half = whole.events.len() / 2;
        let mut live = wild(seed, true).live();
        for event in &whole.events[..half] {
            live.does(event.clone());
        }
        let again = through_json(&live.state);
        assert_eq!(again, live.state, "seed {seed}");
        live.state = again;
        for event in &whole.events[half..] {
            live.does(event.clone());
            live.state = through_json(&live.state);
        }
        live.until(whole.end);
        let bytes = bytes(&live.trace, &live.outbox, &live.state);
        assert_same(&bytes, &whole.bytes(), &format!("seed {seed}"));
    }
}

#[test]
fn a_rich_state_reads_back_as_it_was_written() {
    let journey = Native::journey([rule("A", 100), quiet("B")])
        .needs(Origin::Event, "amount", Shape::Number, &[])
        .counts("steps", "step", 1_000);
    let route = Native::route(plan([("app,mail", 50), ("sms", u64::MAX)]));
    let mut ann = world(journey).with("route", route).live();
    let odd = [("text", text("ünïcode \"quoted\"")), ("flag", Value::Flag(false))];
    ann.does(profile(-5, odd)).does(named(0, "step", [("amount", Value::Number(0.1))]));
    ann.does(page(1, "A")).does(beat(2)).until(102).shows(110, 0, Grade::Confirmed);
    ann.does(op(200, "B")).does(page(210, "A")).does(beat(220));
    let State { visits, messages, channels, process, .. } = &ann.state;
    assert!(!visits.is_empty() && !messages.is_empty() && !channels.is_empty());
    assert_eq!(process.get("amount"), Some(&Value::Number(0.1)));
    assert_eq!(through_json(&ann.state), ann.state);
}

#[test]
fn a_new_users_state_is_small() {
    let state: State = through_json(&State::default());
    assert_eq!((state.clock, state.sent), (None, 0));
    assert_eq!(state, State::default());
}

/// Visits of A and B in turn, each of which stalls and is written about.
fn visited(ann: &mut Live, visits: i64) {
    for n in 0..visits {
        ann.does(op(1_000 * n, if n % 2 == 0 { "A" } else { "B" }));
    }
}

#[test]
fn c4_the_latest_messages_that_are_over_are_remembered_for_late_evidence() {
    let mut ann = world(Native::journey([rule("A", 100), rule("B", 100)])).live();
    visited(&mut ann, 20);
    // The last visit goes on; of the 19 messages that are over, the latest eight.
    assert_eq!(ann.outbox.len(), 19);
    assert_eq!(ann.state.messages.len(), 8);
    ann.told();
    ann.shows(19_010, 11, Grade::Opened).shows(19_011, 10, Grade::Opened);
    assert_eq!(ann.told(), ["19010 evidence app Opened", "19011 unmatched"]);
}

#[test]
fn c4_a_message_whose_visit_goes_on_is_not_forgotten() {
    // One policy's visit goes on for ever; another's users come and go.
    let long = Native::journey([rule("X", 50)])
        .locating(|_| Some(0))
        .drafting(|_, _| Some(draft("nudge")));
    let mut ann =
        world(Native::journey([rule("A", 100), rule("B", 100)])).with("long", long).live();
    visited(&mut ann, 30);
    let first = ann.state.messages.iter().find(|message| &*message.label == "long").unwrap();
    assert!(first.ended && !first.resolved);
    assert_eq!(ann.state.messages.len(), 9);
}

#[test]
fn c5_a_message_that_is_still_on_its_way_is_not_forgotten() {
    let route = Native::route(plan([("app", 50), ("mail", 1_000_000)]));
    let journey = Native::journey([rule("A", 100), rule("B", 100)]);
    let other = Native::journey([quiet("X")]).locating(|_| Some(0));
    let mut ann = world(journey).with("other", other).with("route", route).live();
    ann.does(op(0, "A")).until(500);
    let State { messages, .. } = &ann.state;
    assert_eq!((messages.len(), messages[0].ended), (1, false));
    assert_eq!(ann.due, Some(Instant(1_000_153)));
    assert!(messages[0].waiting.is_some());
}
