//! Plans: channels in order, waits, and the number of pushes that is not exceeded.

use super::*;
use crate::engine::event::{Instant, Value};
use crate::engine::policy::{Draft, Importance, Itinerary, Origin, Question, Shape};
use crate::engine::{Channel, MOST_STEPS};

fn journey() -> Native {
    Native::journey([rule("A", 100), quiet("B")])
}

fn routed(plan: Itinerary) -> Live {
    let mut ann = world(journey()).with("route", Native::route(plan)).live();
    ann.does(op(0, "A")).until(101);
    ann
}

const WAY: [&str; 5] = ["refused", "planned", "skipped", "sent", "ended"];

#[test]
fn c2_the_first_channel_in_order_is_used_first() {
    let mut ann = routed(plan([("sms", 50), ("app", 50)]));
    assert_eq!(ann.told_of(&WAY), ["101 planned sms|app Opened 100", "101 sent sms 0 Go on!"]);
}

#[test]
fn c5_within_the_set_time_includes_its_last_moment() {
    let mut ann = routed(plan([("app", 50), ("mail", 50)]));
    assert_eq!(ann.due, Some(Instant(152)));
    ann.told();
    assert!(ann.until(151).told().is_empty());
    assert_eq!(ann.until(152).told(), ["152 judged 0 NotReceived", "152 sent mail 1 Go on!"]);
    assert_eq!(ann.due, Some(Instant(203)));
    let want = ["203 judged 1 NotReceived", "203 ended Unreceived 2"];
    assert_eq!(ann.until(10_000).told(), want);
    assert_eq!(ann.due, None);
}

#[test]
fn c5_a_wait_of_nothing_is_over_a_millisecond_later() {
    let mut ann = routed(plan([("app", 0), ("mail", 0), ("sms", 0)]));
    let want = ["101 sent app 0 Go on!", "102 sent mail 1 Go on!", "103 sent sms 2 Go on!"];
    assert_eq!(ann.until(1_000).told_of(&["sent"]), want);
    assert!(ann.state.messages[0].ended);
}

#[test]
fn c2_all_channels_of_a_step_are_used_at_once() {
    let mut ann = routed(plan([("app,mail,sms", 50), ("app", 50)]));
    let want = ["101 sent app 0 Go on!", "101 sent mail 0 Go on!", "101 sent sms 0 Go on!"];
    assert_eq!(ann.told_of(&["sent"]), want);
    assert_eq!(ann.due, Some(Instant(152)), "and waited for together");
    assert_eq!(ann.until(152).told_of(&["sent"]), ["152 sent app 1 Go on!"]);
    let [a, b, c, d] = ann.outbox.as_slice() else { panic!() };
    assert!(a.send_key == b.send_key && b.send_key == c.send_key);
    assert_ne!(a.send_key, d.send_key, "another step is another push");
    assert_eq!(ann.state.sent, 1, "however many channels it took");
    assert_eq!(ann.state.channels["app"].sent, 2);
}

#[test]
fn c3_every_attempt_has_a_tracking_id_of_its_own() {
    let mut ann = routed(plan([("app,mail", 0), ("app,mail", 0), ("app", 0)]));
    ann.until(1_000);
    let mut ids: Vec<_> = ann.outbox.iter().map(|outgoing| outgoing.tracking.clone()).collect();
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn c3_a_channel_named_twice_in_a_step_is_used_once() {
    let mut ann = routed(plan([("app,mail,app", 50), ("app", 50)]));
    ann.until(1_000);
    let want = ["101 sent app 0 Go on!", "101 sent mail 0 Go on!", "152 sent app 1 Go on!"];
    assert_eq!(ann.told_of(&["sent"]), want);
}

#[test]
fn c1_a_plan_without_steps_or_without_sends_is_none() {
    let none = Itinerary { most_sends: 0, ..plan([("app", 0)]) };
    for plan in [plan([]), none] {
        let mut ann = routed(plan);
        assert_eq!(ann.told_of(&WAY), ["101 refused NoChannel"]);
    }
}

#[test]
fn c1_steps_beyond_the_most_are_not_taken() {
    let mut ann = routed(plan(vec![("app", 0); MOST_STEPS + 4]));
    assert_eq!(ann.until(10_000).told_of(&["sent"]).len(), MOST_STEPS);
    assert_eq!(ann.state.messages[0].plan.steps.len(), MOST_STEPS);
    assert_eq!(ann.outbox.len(), MOST_STEPS);
}

#[test]
fn c5_channels_that_there_are_not_or_that_do_not_reach_the_user_are_passed_over() {
    let mut world = world(journey());
    world.channels = vec![channel("mail", Some("email")), channel("sms", None)];
    let route = Native::route(plan([("fax,mail", 50), ("mail,sms", 50), ("fax", 50)]));
    let mut ann = world.with("route", route).live();
    ann.does(op(0, "A")).until(10_000);
    let want = [
        "101 planned fax,mail|mail,sms|fax Opened 100",
        "101 skipped fax Unknown",
        "101 skipped mail Unavailable",
        "101 skipped mail Unavailable",
        "101 sent sms 1 Go on!",
        "152 skipped fax Unknown",
        "152 ended Unreceived 1",
    ];
    assert_eq!(ann.told_of(&WAY), want);
}

#[test]
fn c5_a_user_may_become_reachable_on_the_way() {
    let mut world = world(journey());
    world.channels = vec![channel("app", None), channel("mail", Some("email"))];
    let mut ann = world.with("route", Native::route(plan([("app", 50), ("mail", 50)]))).live();
    ann.does(op(0, "A")).until(120);
    ann.does(profile(130, [("email", text("ann@example.org"))])).until(152);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 Go on!", "152 sent mail 1 Go on!"]);
}

#[test]
fn c5_where_not_one_attempt_can_be_made_the_message_is_unsent() {
    let mut ann = routed(plan([("fax", 50), ("pager", 50)]));
    let want = [
        "101 planned fax|pager Opened 100",
        "101 skipped fax Unknown",
        "101 skipped pager Unknown",
        "101 ended Unsent 0",
    ];
    assert_eq!(ann.told_of(&WAY), want);
    assert_eq!((ann.state.sent, ann.due), (0, None));
    // There is nothing that could come of it.
    ann.does(op(200, "B"));
    assert!(ann.told_of(&["resolved"]).is_empty());
}

#[test]
fn c7_the_number_of_pushes_is_a_hard_limit() {
    let most = |most_sends, steps: &[(&str, u64)]| {
        let plan = Itinerary { most_sends, ..plan(steps.iter().map(|(c, w)| (*c, *w))) };
        routed(plan).until(10_000).told_of(&["sent", "skipped", "ended"])
    };
    assert_eq!(
        most(2, &[("app,mail,sms", 50), ("app", 50)]),
        [
            "101 sent app 0 Go on!",
            "101 sent mail 0 Go on!",
            "101 skipped sms MostSends",
            "152 skipped app MostSends",
            "152 ended Unreceived 2",
        ]
    );
    assert_eq!(most(1, &[("app", 50)]), ["101 sent app 0 Go on!", "152 ended Unreceived 1"]);
}

#[test]
fn c5_a_channel_whose_text_cannot_be_written_is_passed_over() {
    let route = || Native::route(plan([("app,mail", 50), ("sms", 50)]));
    let writer =
        Native::personaliser().writing(|r, _| (r.channel != "app").then(|| content(r.channel)));
    let mut ann = world(journey()).with("route", route()).with("writer", writer).live();
    ann.does(op(0, "A")).until(110);
    let want = ["101 skipped app NotRendered", "101 sent mail 0 mail"];
    assert_eq!(ann.told_of(&["skipped", "sent", "fault"]), want);
    // So it is where the writer fails.
    let faulty = Native::personaliser().failing(|q, _| trap(q == Question::Render));
    let mut ann = world(journey()).with("route", route()).with("writer", faulty).live();
    ann.does(op(0, "A")).until(110);
    let want = [
        "101 fault writer Render trapped: here",
        "101 skipped app Fault",
        "101 fault writer Render trapped: here",
        "101 skipped mail Fault",
        "101 fault writer Render trapped: here",
        "101 skipped sms Fault",
        "101 ended Unsent 0",
    ];
    assert_eq!(ann.told_of(&["skipped", "sent", "fault", "ended"]), want);
}

#[test]
fn c1_the_route_sees_the_message_the_users_choice_and_every_channel() {
    let journey =
        journey().drafting(|_, _| Some(Draft { importance: Importance::High, ..draft("nudge") }));
    let route = Native::route(plan([]))
        .needs(Origin::Profile, "age", Shape::Integer, &[Question::Plan])
        .planning(|request, row| {
            assert_eq!((request.message, request.importance), ("nudge", Importance::High));
            assert_eq!((request.messages, row.integer(1)), (7, Some(30)));
            assert_eq!(request.preferred, ["sms", "app"]);
            let readings = request.readings.iter();
            let seen: Vec<_> = readings.map(|r| (r.channel, r.available, r.cost)).collect();
            assert_eq!(seen, [("app", true, 1.0), ("mail", false, 0.5)]);
            assert!(request.readings.iter().all(|r| r.history == Default::default()));
            Some(plan([(request.preferred[1], 50)]))
        });
    let mut world = world(journey).with("route", route);
    let cheap = Channel { cost: 0.5, ..channel("mail", Some("email")) };
    world.channels = vec![channel("app", None), cheap];
    let mut ann = world.live();
    ann.state.sent = 7;
    let choice = [("channels", text(" sms,, app ")), ("age", Value::Integer(30))];
    ann.does(profile(0, choice)).does(op(0, "A")).until(101);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 Go on!"]);
}
