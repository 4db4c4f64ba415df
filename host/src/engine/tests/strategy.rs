//! Strategies: what makes one, and what does not.

use super::*;
use crate::engine::policy::{Origin, Place, Question, Rule, Shape};
use crate::engine::{Strategy, StrategyError, TrackingKey};

fn refused(world: World) -> String {
    let key = TrackingKey::new(world.key.as_bytes());
    let World { tenant, parts, contents, channels, .. } = world;
    let made = Strategy::new(tenant, key, parts, contents, channels);
    made.err().map(|error: StrategyError| error.to_string()).unwrap()
}

fn journey() -> Native {
    Native::journey([quiet("A")])
}

#[test]
fn labels_are_unique() {
    let error = refused(world(journey()).with("journey", journey()));
    assert_eq!(
        error,
        "two policies are called \"journey\": give one of them another name with `as`"
    );
}

#[test]
fn there_is_a_node_policy_or_segment_criteria() {
    let mut world = world(journey()).with("writer", Native::personaliser());
    world.parts.remove(0);
    let want = "no policy of the strategy is a node policy or has segment criteria, so nothing would \
                ever happen";
    assert_eq!(refused(world), want);
}

#[test]
fn c1_there_is_one_route_for_everything_at_most() {
    let route = || Native::route(plan([]));
    let error = refused(world(journey()).with("one", route()).with("two", route()));
    let want = "both \"one\" and \"two\" are route policies for all messages: name with `routes` the \
                messages that one of them is for";
    assert_eq!(error, want);
}

#[test]
fn c1_channels_are_named_once_and_there_is_one() {
    let mut twice = world(journey());
    twice.channels.push(channel("mail", Some("email")));
    assert_eq!(refused(twice), "the channel \"mail\" is named twice");
    let mut none = world(journey());
    none.channels.clear();
    assert_eq!(refused(none), "there is no channel: name at least one");
}

#[test]
fn the_event_fields_that_policies_ask_for_are_known() {
    let asked = &[Question::Plan];
    let by_stage = Rule { place: Place::Field("stage".into()), watch: None, last: false };
    let route = Native::route(plan([])).needs(Origin::Event, "amount", Shape::Number, asked).needs(
        Origin::Profile,
        "age",
        Shape::Number,
        asked,
    );
    let engine = world(Native::journey([by_stage, quiet("A")])).with("route", route).engine();
    let fields: Vec<&str> = engine.strategy().event_fields().iter().map(|f| &**f).collect();
    assert_eq!(fields, ["amount", "node", "stage"]);
    let labels: Vec<&str> = engine.strategy().parts().iter().map(|part| &*part.label).collect();
    assert_eq!(labels, ["journey", "route"]);
    let channels: Vec<&str> = engine.strategy().channels().iter().map(|c| &*c.name).collect();
    assert_eq!(channels, ["app", "mail", "sms"]);
}

#[test]
fn a_tracking_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", TrackingKey::new(b"secret")), "TrackingKey(..)");
}

#[test]
fn a_visit_is_not_measured_by_a_rule_of_another_node() {
    // The policy's settings have changed, and with them what its rules are; a visit goes on.
    let mut ann = world(Native::journey([rule("A", 1_000), rule("B", 10)])).live();
    ann.does(op(0, "A"));
    ann.engine = world(Native::journey([rule("B", 10), rule("A", 1_000)])).engine();
    assert_eq!(ann.until(500).told_of(&["stalled"]), [""; 0]);
    // With the next event the user is found again.
    ann.does(op(600, "A")).until(5_000);
    assert_eq!(ann.told_of(&["entered", "stalled"]), ["1601 stalled A 1001>1000"]);
}
