//! Where users are: visits are maximal runs of events at one node.

use std::sync::Arc;

use super::*;
use crate::engine::event::{Instant, Value, What};
use crate::engine::policy::{Origin, Place, Question, Rule, Shape};

fn moves(lines: &[String]) -> Vec<String> {
    of(lines, &["entered", "left"])
}

#[test]
fn a1_a2_the_node_attribute_identifier_of_an_event_says_where_the_user_is() {
    let engine = world(Native::journey([rule("A", 100), rule("B", 100)])).engine();
    let ann = story(&engine, vec![op(5, "B")], 5);
    assert_eq!(told(&ann), ["5 entered B"]);
    let visit = &ann.state.visits["journey"];
    assert_eq!((&*visit.node, visit.entered, visit.rule), ("B", Instant(5), 1));
}

#[test]
fn a2_a_visit_is_a_maximal_run_of_events_at_one_node() {
    let engine = world(Native::journey([quiet("A"), quiet("B")])).engine();
    let events = ["A", "A", "B", "B", "B", "A"];
    let events = events.iter().zip(0..).map(|(node, n)| op(10 * n, node)).collect();
    let ann = story(&engine, events, 50);
    let want = [
        "0 entered A",
        "20 left A after 10 and 0",
        "20 entered B from A",
        "50 left B after 10 and 0",
        "50 entered A from B",
    ];
    assert_eq!(told(&ann), want);
}

#[test]
fn a2_a_visit_knows_the_node_before_and_what_was_done_at_it() {
    let mut ann = world(Native::journey([quiet("A"), quiet("B")])).live();
    ann.does(op(0, "A")).does(op(10, "B")).does(op(12, "B")).does(op(17, "B"));
    let visit = &ann.state.visits["journey"];
    assert_eq!(visit.previous.as_deref(), Some("A"));
    assert_eq!((visit.entered, visit.operated, visit.operations), (Instant(10), Instant(17), 3));
    ann.does(op(20, "A"));
    assert_eq!(ann.state.visits["journey"].previous.as_deref(), Some("B"));
}

#[test]
fn a2_an_event_that_belongs_to_no_node_moves_nobody() {
    let mut ann = world(Native::journey([rule("A", 100)])).live();
    ann.does(op(0, "A")).does(op(50, "elsewhere")).does(named(60, "step", []));
    assert_eq!(ann.told(), ["0 entered A"]);
    // Nor is it an operation at the node: the interruption goes on.
    assert_eq!(ann.due, Some(Instant(101)));
    ann.does(op(70, "A"));
    assert!(ann.told().is_empty(), "the same visit");
}

#[test]
fn a2_what_is_no_operation_moves_nobody() {
    let mut ann = world(Native::journey([rule("A", 100)])).live();
    let elsewhere = fields([("node", text("B"))]);
    ann.does(op(0, "A")).does(event(10, What::Profile { fields: elsewhere }));
    ann.does(hidden(20)).does(beat(30));
    assert_eq!(ann.told(), ["0 entered A"]);
    assert_eq!(ann.due, Some(Instant(101)));
}

#[test]
fn a2_two_node_policies_each_have_their_own_visit() {
    let first = Native::journey([quiet("A"), quiet("B")]);
    let by_stage = Native::journey([quiet("X"), quiet("Y")])
        .needs(Origin::Event, "stage", Shape::Text, &[Question::Locate])
        .locating(|row| Some(u32::from(row.text(1)? == "Y")));
    let mut ann = world(first).with("stages", by_stage).live();
    ann.does(named(0, "step", [("node", text("A")), ("stage", text("X"))]));
    ann.does(named(10, "step", [("node", text("B")), ("stage", text("X"))]));
    ann.does(named(20, "step", [("node", text("B")), ("stage", text("Y"))]));
    let want = [
        "0 entered A",
        "0 entered X",
        "10 left A after 10 and 0",
        "10 entered B from A",
        "20 left X after 10 and 0",
        "20 entered Y from X",
    ];
    assert_eq!(ann.told(), want);
    let nodes: Vec<&str> = ann.state.visits.values().map(|visit| &*visit.node).collect();
    assert_eq!(nodes, ["B", "Y"]);
}

#[test]
fn a9_two_node_policies_stall_and_write_each_for_itself() {
    let one = Native::journey([rule("A", 100)]);
    let other = Native::journey([rule("A", 300)]).drafting(|_, _| Some(draft("other")));
    let engine = world(one).with("other", other).text("other", "", "Other").engine();
    let ann = story(&engine, vec![op(0, "A")], 1_000);
    assert_eq!(
        of(&told(&ann), &["stalled", "sent"]),
        [
            "101 stalled A 101>100",
            "101 sent app 0 Go on!",
            "301 stalled A 301>300",
            "301 sent app 0 Other"
        ]
    );
}

#[test]
fn a5_the_rule_may_change_within_a_visit() {
    // Two rules for one node: the second is for those in a hurry.
    let journey = Native::journey([rule("A", 1_000), rule("A", 100)])
        .needs(Origin::Event, "hurry", Shape::Flag, &[Question::Locate])
        .needs(Origin::Event, "hurry", Shape::Text, &[Question::Locate])
        .locating(|row| Some(u32::from(row.text(2) == Some("true"))));
    let mut ann = world(journey).live();
    ann.does(named(0, "step", [])).does(named(10, "step", [("hurry", Value::Flag(true))]));
    assert_eq!(ann.told(), ["0 entered A"]);
    assert_eq!(ann.due, Some(Instant(111)));
    assert_eq!(ann.state.visits["journey"].entered, Instant(0));
    // Back under the first, which is still to be passed; then under the second once more, which is not.
    ann.until(200).does(named(300, "step", []));
    assert_eq!(ann.told_of(&["stalled"]), ["111 stalled A 101>100"]);
    assert_eq!(ann.due, Some(Instant(1_301)));
    ann.does(named(400, "step", [("hurry", Value::Flag(true))])).until(900);
    assert_eq!(ann.due, None, "a visit stalls once under a rule");
    ann.does(named(1_000, "step", [])).until(5_000);
    assert_eq!(ann.told_of(&["stalled", "left"]), ["2001 stalled A 1001>1000"]);
}

#[test]
fn a5_a_new_visit_may_stall_again() {
    let engine = world(Native::journey([rule("A", 100), quiet("B")])).engine();
    let ann = story(&engine, vec![op(0, "A"), op(500, "B"), op(600, "A")], 1_000);
    assert_eq!(of(&told(&ann), &["stalled"]), ["101 stalled A 101>100", "701 stalled A 101>100"]);
    assert_eq!(ann.outbox.len(), 2);
    assert_ne!(ann.outbox[0].message, ann.outbox[1].message);
}

#[test]
fn a7_a_visit_to_the_last_node_never_stalls() {
    let mut ann = world(Native::journey([last("Z", 100)])).live();
    ann.does(op(0, "Z"));
    assert_eq!(ann.due, None);
    ann.until(1_000_000);
    assert_eq!(ann.told(), ["0 entered Z"]);
}

#[test]
fn a2_a_rule_may_name_its_node_by_a_field() {
    let place = Place::Field("node".into());
    let any = Rule { place, ..rule("", 100) };
    let journey = Native::journey([any]).locating(|_| Some(0));
    let mut ann = world(journey).live();
    ann.does(op(0, "A")).does(op(10, "A")).does(op(20, "B"));
    let want = ["0 entered A", "20 left A after 10 and 0", "20 entered B from A"];
    assert_eq!(ann.told(), want);
    // An event without the field moves nobody, and what is no text is spelt.
    ann.does(named(30, "step", [])).does(named(40, "step", [("node", Value::Integer(7))]));
    assert_eq!(ann.told(), ["40 left B after 20 and 0", "40 entered 7 from B"]);
    ann.until(500);
    assert_eq!(ann.told_of(&["stalled"]), ["141 stalled 7 101>100"]);
}

#[test]
fn a2_a_rule_may_name_its_node_by_the_events_own_name() {
    let any = Rule { place: Place::Field("name".into()), ..rule("", 100) };
    let mut ann = world(Native::journey([any]).locating(|_| Some(0))).live();
    ann.does(named(0, "signed up", []));
    // A field that is called so does not stand in for it, as it does not where the policy looks.
    ann.does(named(10, "applied", [("name", text("field"))]));
    assert_eq!(
        moves(&ann.told()),
        [
            "0 entered signed up",
            "10 left signed up after 10 and 0",
            "10 entered applied from signed up"
        ]
    );
}

#[test]
fn a_rule_that_there_is_not_moves_nobody() {
    let mut ann = world(Native::journey([rule("A", 100)]).locating(|_| Some(7))).live();
    ann.does(op(0, "A")).until(1_000);
    assert!(ann.told().is_empty());
}

#[test]
fn a_locate_fault_moves_nobody_and_is_told() {
    let journey = Native::journey([rule("A", 100)])
        .failing(|question, row| trap(question == Question::Locate && row.text(0) == Some("bad")));
    let mut ann = world(journey).live();
    ann.does(op(0, "A")).does(op(50, "bad"));
    assert_eq!(ann.told(), ["0 entered A", "50 fault journey Locate trapped: here"]);
    assert_eq!(ann.due, Some(Instant(101)));
}

#[test]
fn events_of_one_moment_are_handled_in_the_order_in_which_they_came() {
    let engine = world(Native::journey([quiet("A"), quiet("B"), quiet("C")])).engine();
    let ann = story(&engine, vec![op(10, "B"), op(10, "A"), op(0, "C"), op(10, "C")], 10);
    let entered = of(&told(&ann), &["entered"]);
    assert_eq!(
        entered,
        ["0 entered C", "10 entered B from C", "10 entered A from B", "10 entered C from A"]
    );
}

#[test]
fn the_process_information_is_what_policies_asked_for_and_no_more() {
    let journey = Native::journey([quiet("A")]).needs(Origin::Event, "amount", Shape::Integer, &[]);
    let mut ann = world(journey).live();
    ann.does(named(0, "step", [("amount", Value::Integer(5)), ("secret", Value::Integer(1))]));
    ann.does(named(1, "step", [("amount", Value::Integer(6))]));
    let process: Vec<(&Arc<str>, &Value)> = ann.state.process.iter().collect();
    assert_eq!(process, [(&"amount".into(), &Value::Integer(6))]);
}
