//! Nobody is chased for what they have done: reaching the pending node, or leaving at all.

use super::*;
use crate::engine::event::{Grade, Shows, Value};
use crate::engine::policy::{Draft, Origin, Question, Shape};

fn wanting(pending: Option<&'static str>) -> Live {
    let journey = Native::journey([rule("A", 100), rule("B", 1_000), quiet("C")]);
    let draft = move || Draft { pending: pending.map(Into::into), ..draft("nudge") };
    let journey = journey.drafting(move |_, _| Some(draft()));
    let route = Native::route(plan([("app", 50), ("mail", 50), ("sms", 50)]));
    let mut ann = world(journey).with("route", route).live();
    ann.does(op(0, "A")).until(101).told();
    ann
}

const ENDS: [&str; 3] = ["sent", "ended", "resolved"];

#[test]
fn c7_reaching_the_pending_node_ends_the_push() {
    let mut ann = wanting(Some("B"));
    ann.does(op(130, "B")).until(900);
    assert_eq!(ann.told_of(&ENDS), ["130 ended Converted 1", "130 resolved converted 29"]);
    let message = &ann.state.messages[0];
    assert!(message.ended && message.resolved);
    assert_eq!(message.evidence, Some(Grade::Converted));
    assert_eq!(ann.outbox.len(), 1);
}

#[test]
fn c7_leaving_for_another_node_ends_the_push_without_conversion() {
    let mut ann = wanting(Some("B"));
    ann.does(op(130, "C")).until(10_000);
    assert_eq!(ann.told_of(&ENDS), ["130 ended Left 1", "130 resolved not 29"]);
    assert_eq!(ann.state.messages[0].evidence, None);
    // What it was about is over: reaching the pending node later is not its doing.
    ann.does(op(20_000, "B"));
    assert!(ann.told_of(&ENDS).is_empty());
}

#[test]
fn c7_leaving_is_the_conversion_where_no_node_is_pending() {
    for node in ["B", "C"] {
        let mut ann = wanting(None);
        ann.does(op(130, node)).until(900);
        assert_eq!(ann.told_of(&ENDS), ["130 ended Converted 1", "130 resolved converted 29"]);
    }
}

#[test]
fn c7_an_operation_at_the_node_converts_nobody() {
    let mut ann = wanting(None);
    ann.does(op(130, "A")).does(page(131, "A")).does(op(132, "nowhere"));
    assert!(ann.told_of(&ENDS).is_empty());
    assert_eq!(ann.until(152).told_of(&ENDS), ["152 sent mail 1 Go on!"]);
}

#[test]
fn c7_conversion_at_the_moment_of_the_next_push_comes_after_it() {
    // Deadlines come before events of their moment; a millisecond earlier nothing more is sent.
    let mut ann = wanting(Some("B"));
    ann.does(op(152, "B"));
    assert_eq!(ann.told_of(&ENDS)[0], "152 sent mail 1 Go on!");
    let mut ann = wanting(Some("B"));
    ann.does(op(151, "B")).until(900);
    assert_eq!(ann.outbox.len(), 1);
}

#[test]
fn c7_conversion_after_the_end_still_counts() {
    let mut ann = wanting(Some("B"));
    ann.shows(120, 0, Grade::Opened).does(op(500, "B"));
    let want = ["120 ended Received 1", "500 resolved converted 399"];
    assert_eq!(ann.told_of(&ENDS), want);
    let mut ann = wanting(Some("B"));
    ann.until(400).told();
    ann.does(op(500, "B"));
    assert_eq!(ann.told_of(&ENDS), ["500 resolved converted 399"]);
}

#[test]
fn c7_every_message_about_the_visit_is_resolved_when_it_ends() {
    // Two rules for one node: the visit stalls under both.
    let journey = Native::journey([rule("A", 100), rule("A", 100), quiet("B")])
        .needs(Origin::Event, "rule", Shape::Integer, &[Question::Locate])
        .locating(|row| Some(row.integer(1).map_or(2, |rule| rule as u32)));
    let mut ann = world(journey).live();
    let under = |at, rule| named(at, "step", [("rule", Value::Integer(rule))]);
    ann.does(under(0, 0)).does(under(200, 1)).does(op(400, "B"));
    let want = ["101 sent app 0 Go on!", "301 sent app 0 Go on!"];
    let lines = ann.told();
    assert_eq!(of(&lines, &["sent"]), want);
    assert_eq!(
        of(&lines, &["resolved"]),
        ["400 resolved converted 299", "400 resolved converted 99"]
    );
    assert_ne!(ann.outbox[0].message, ann.outbox[1].message);
}

#[test]
fn c7_what_another_policy_says_of_the_user_resolves_nothing() {
    let journey = Native::journey([rule("A", 100)]);
    let other = Native::journey([quiet("X"), quiet("Y")])
        .needs(Origin::Event, "stage", Shape::Text, &[Question::Locate])
        .locating(|row| row.text(1).map(|stage| u32::from(stage == "Y")));
    let mut ann = world(journey).with("other", other).live();
    let stage = |at, stage| named(at, "step", [("stage", text(stage))]);
    ann.does(op(0, "A")).does(stage(0, "X")).until(101).does(stage(120, "Y"));
    assert!(ann.told_of(&["resolved"]).is_empty());
    assert!(!ann.state.messages[0].resolved);
}

#[test]
fn c4_evidence_after_the_conversion_is_recorded_and_does_not_lower_it() {
    let mut ann = wanting(Some("B"));
    ann.does(op(130, "B")).shows(140, 0, Grade::Confirmed);
    assert_eq!(ann.told_of(&["evidence"]), ["140 evidence app Confirmed"]);
    assert_eq!(ann.state.messages[0].evidence, Some(Grade::Converted));
    assert_eq!(ann.state.channels["app"].first_feedback, 1);
}

#[test]
fn c5_a_failure_after_the_conversion_sends_nothing() {
    let mut ann = wanting(Some("B"));
    ann.does(op(130, "B")).shows(140, 0, Shows::Failed).until(900);
    assert_eq!(ann.outbox.len(), 1);
}
