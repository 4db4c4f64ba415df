//! Dwell: four bases, one threshold a node, and the moment at which it is passed.

use super::*;
use crate::engine::event::{Instant, Millis};
use crate::engine::policy::{Basis, Origin, Question, Shape};

const BASES: [Basis; 4] = [Basis::Interruption, Basis::PageStay, Basis::Sum, Basis::Either];

fn stalls(basis: Basis, longer_than: u64, events: Vec<Event>, now: i64) -> Vec<String> {
    let engine = world(Native::journey([watching("A", basis, longer_than), quiet("B")])).engine();
    of(&told(&story(&engine, events, now)), &["stalled"])
}

#[test]
fn a4_a_dwell_of_the_threshold_is_not_beyond_it() {
    // Sum grows by two a millisecond: 100 at 50, 102 at 51.
    for (basis, reached) in BASES.into_iter().zip([100, 100, 50, 100]) {
        let mut ann = world(Native::journey([watching("A", basis, 100)])).live();
        ann.does(page(0, "A"));
        assert_eq!(ann.state.visits["journey"].dwell(basis, Instant(reached)), Millis(100));
        assert_eq!(ann.due, Some(Instant(reached + 1)), "{basis:?}");
        ann.until(reached);
        assert_eq!(ann.told(), ["0 entered A"], "{basis:?}");
        ann.until(reached + 1);
        let dwell = if basis == Basis::Sum { 102 } else { 101 };
        let want = format!("{} stalled A {dwell}>100", reached + 1);
        assert_eq!(ann.told_of(&["stalled"]), [want], "{basis:?}");
    }
}

#[test]
fn a4_an_event_that_leaves_at_the_threshold_is_in_time() {
    let events = |leaves| vec![op(0, "A"), op(leaves, "B")];
    assert!(stalls(Basis::Interruption, 100, events(100), 1_000).is_empty());
    assert_eq!(stalls(Basis::Interruption, 100, events(102), 1_000), ["101 stalled A 101>100"]);
}

#[test]
fn a4_the_deadline_comes_before_the_event_of_the_same_moment() {
    for event in [op(101, "B"), op(101, "A"), page(101, "A"), hidden(101)] {
        let stalled = stalls(Basis::Interruption, 100, vec![op(0, "A"), event], 101);
        assert_eq!(stalled, ["101 stalled A 101>100"]);
    }
}

#[test]
fn a4_a_threshold_of_nothing_is_passed_a_millisecond_later() {
    assert_eq!(stalls(Basis::Interruption, 0, vec![op(7, "A")], 100), ["8 stalled A 1>0"]);
    assert!(stalls(Basis::Interruption, 0, vec![op(7, "A")], 7).is_empty());
}

#[test]
fn a5_every_node_has_its_own_threshold() {
    let rules = [rule("A", 100), rule("B", 5), quiet("C")];
    let engine = world(Native::journey(rules)).engine();
    let events = vec![op(0, "A"), op(1_000, "B"), op(2_000, "C")];
    let ann = story(&engine, events, 10_000);
    let stalled = of(&told(&ann), &["stalled"]);
    assert_eq!(stalled, ["101 stalled A 101>100", "1006 stalled B 6>5"]);
}

#[test]
fn a3_the_interruption_begins_again_with_each_operation_at_the_node() {
    let events = (0..10).map(|n| op(100 * n, "A")).collect();
    assert_eq!(stalls(Basis::Interruption, 100, events, 10_000), ["1001 stalled A 101>100"]);
    // A page that is shown is an operation, too; that it is hidden, or still there, is none.
    let events = vec![op(0, "A"), page(90, "A"), beat(120), hidden(150), beat(160)];
    assert_eq!(stalls(Basis::Interruption, 100, events, 10_000), ["191 stalled A 101>100"]);
}

#[test]
fn a3_a_visit_stalls_once_whatever_follows_at_the_node() {
    let events = vec![op(0, "A"), op(500, "A"), op(2_000, "A")];
    assert_eq!(stalls(Basis::Interruption, 100, events, 10_000), ["101 stalled A 101>100"]);
}

#[test]
fn a3_page_stay_is_nothing_without_a_page() {
    assert!(stalls(Basis::PageStay, 100, vec![op(0, "A")], 1_000_000).is_empty());
    assert_eq!(stalls(Basis::Either, 100, vec![op(0, "A")], 1_000), ["101 stalled A 101>100"]);
    assert_eq!(stalls(Basis::Sum, 100, vec![op(0, "A")], 1_000), ["101 stalled A 101>100"]);
}

#[test]
fn a3_sum_adds_the_two_where_only_one_grows() {
    // Shown for 10 and 30; from the page at 20 on, interruption goes on alone after 50.
    let events = vec![page(0, "A"), hidden(10), page(20, "A"), hidden(50)];
    assert_eq!(stalls(Basis::Sum, 100, events, 10_000), ["81 stalled A 101>100"]);
}

#[test]
fn a3_either_takes_the_longer() {
    // Operations keep the interruption short; the page stays.
    let busy = || (1..5).map(|n| op(30 * n, "A"));
    let events = [page(0, "A")].into_iter().chain(busy()).collect();
    assert_eq!(stalls(Basis::Either, 100, events, 10_000), ["101 stalled A 101>100"]);
    // The page is gone; the interruption is longer.
    let events = [page(0, "A"), hidden(20)].into_iter().chain(busy()).collect();
    assert_eq!(stalls(Basis::Either, 100, events, 10_000), ["221 stalled A 101>100"]);
}

#[test]
fn a3_both_measurements_are_shown_to_the_policy() {
    let asked = &[Question::Stalled];
    let visit = |native: Native, name: &str, shape| native.needs(Origin::Visit, name, shape, asked);
    let journey = Native::journey([rule("A", 100)]);
    let journey = visit(journey, "node", Shape::Text);
    let journey = visit(journey, "interruption", Shape::Integer);
    let journey = visit(journey, "page-stay", Shape::Integer);
    let journey = visit(journey, "operations", Shape::Integer);
    let journey = visit(journey, "entered", Shape::Instant).drafting(|rule, row| {
        let facts = [2, 3, 4, 5].map(|need| row.integer(need).unwrap());
        assert_eq!((rule, row.text(1), row.at()), (0, Some("A"), Instant(151)));
        assert_eq!(facts, [101, 140, 2, 0]);
        None
    });
    let engine = world(journey).engine();
    let ann = story(&engine, vec![page(0, "A"), op(50, "A"), hidden(140)], 1_000);
    assert_eq!(of(&told(&ann), &["silent"]), ["151 silent A"]);
}

#[test]
fn a3_both_measurements_are_on_record_when_the_user_leaves() {
    let engine = world(Native::journey([quiet("A"), quiet("B")])).engine();
    let ann = story(&engine, vec![page(0, "A"), op(30, "A"), hidden(70), op(100, "B")], 100);
    assert_eq!(of(&told(&ann), &["left"]), ["100 left A after 70 and 70"]);
}

#[test]
fn a9_a_rule_that_is_passed_already_stalls_at_once() {
    // The page has been shown for longer than the second rule allows when the user comes under it.
    let journey = Native::journey([quiet("A"), watching("A", Basis::PageStay, 100)])
        .needs(Origin::Event, "strict", Shape::Text, &[Question::Locate])
        .locating(|row| Some(u32::from(row.text(1).is_some())));
    let mut ann = world(journey).live();
    ann.does(page(0, "A"));
    ann.does(named(500, "step", [("node", text("A")), ("strict", text("yes"))]));
    assert_eq!(ann.told_of(&["stalled"]), ["500 stalled A 500>100"]);
}
