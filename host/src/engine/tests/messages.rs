//! Messages: drafted, written and sent, or not, and why.

use super::*;
use crate::engine::event::{Instant, Shows, Value};
use crate::engine::policy::{Content, Draft, Importance, Origin, Question, Shape};
use crate::engine::{Cause, Decision};

fn journey() -> Native {
    Native::journey([rule("A", 100), quiet("B")])
}

fn stalled(world: World) -> Vec<String> {
    let mut ann = world.live();
    ann.does(op(0, "A")).until(101);
    of(
        &ann.told(),
        &["silent", "drafted", "refused", "planned", "skipped", "sent", "ended", "fault"],
    )
}

#[test]
fn a4_a_message_is_pushed_when_a_visit_has_stalled() {
    let mut ann = world(journey()).live();
    ann.does(op(0, "A")).until(100);
    assert!(ann.outbox.is_empty());
    ann.until(101);
    assert_eq!(
        ann.told(),
        [
            "0 entered A",
            "101 stalled A 101>100",
            "101 drafted nudge A",
            "101 planned app Opened 1",
            "101 sent app 0 Go on!",
        ]
    );
    let [sent] = ann.outbox.as_slice() else { panic!("{:?}", ann.outbox) };
    let message = &ann.state.messages[0];
    assert_eq!((&*sent.user, &*sent.channel, sent.at), ("ann", "app", Instant(101)));
    assert_eq!((&sent.message, &sent.tracking), (&message.id, &message.attempts[0].tracking));
    assert_eq!((sent.importance, sent.content.body.as_str()), (Importance::Normal, "Go on!"));
    let cause = Cause::Visit { node: "A".into(), entered: Instant(0), rule: 0 };
    assert_eq!(message.cause, cause);
    assert_eq!(ann.state.sent, 1);
}

#[test]
fn a9_a_policy_may_have_nothing_to_say() {
    let quiet = journey().drafting(|_, _| None);
    assert_eq!(stalled(world(quiet)), ["101 silent A"]);
}

#[test]
fn a9_a_stalled_fault_is_told_and_costs_the_draft() {
    let faulty = journey().failing(|question, _| trap(question == Question::Stalled));
    assert_eq!(stalled(world(faulty)), ["101 fault journey Stalled trapped: here"]);
}

#[test]
fn a7_a_message_says_what_its_draft_says() {
    let journey = journey().drafting(|_, _| {
        let data = fields([("reward", Value::Integer(5))]);
        let importance = Importance::Urgent;
        Some(Draft { message: "other".into(), importance, pending: Some("B".into()), data })
    });
    let mut ann = world(journey).text("other", "", "Other").live();
    ann.does(op(0, "A")).until(101);
    let drafted = ann.trace.iter().find_map(|record| match &record.decision {
        Decision::Drafted { pending, data, key, importance, .. } => {
            Some((pending.as_deref(), data.get("reward"), &**key, *importance))
        }
        _ => None,
    });
    let want = (Some("B"), Some(&Value::Integer(5)), "other", Importance::Urgent);
    assert_eq!(drafted, Some(want));
    let message = &ann.state.messages[0];
    let kept = (message.pending.as_deref(), message.data.get("reward"), &*message.key);
    assert_eq!(kept, (want.0, want.1, want.2));
    assert_eq!(ann.outbox[0].importance, Importance::Urgent);
}

#[test]
fn a6_a8_features_of_the_process_information_and_message_data_meet_in_the_text() {
    let journey = journey()
        .needs(Origin::Event, "amount", Shape::Integer, &[Question::Render])
        .drafting(|_, _| {
            Some(Draft { data: fields([("reward", text("a gift"))]), ..draft("nudge") })
        })
        .writing(|request, row| {
            assert_eq!(
                (request.message, request.channel, request.locale),
                ("nudge", "app", "en-GB")
            );
            let amount = row.integer(1)?;
            let reward = request.data.get("reward")?;
            let body = request.template.body.replace("{amount}", &amount.to_string());
            Some(Content {
                title: "Title".to_owned(),
                body: body.replace("{reward}", &reward.to_string()),
                link: Some("https://example.org".to_owned()),
                features: fields([("amount", Value::Integer(amount))]),
            })
        });
    let mut ann = world(journey).text("nudge", "en", "{reward} for {amount}").live();
    ann.does(profile(0, [("locale", text("en-GB"))]));
    ann.does(named(0, "step", [("node", text("A")), ("amount", text("1"))]));
    // The latest value counts, even from an event that moves nobody.
    ann.does(named(5, "step", [("amount", text("20000"))])).until(101);
    let content = &ann.outbox[0].content;
    assert_eq!((content.title.as_str(), content.body.as_str()), ("Title", "a gift for 20000"));
    assert_eq!(content.link.as_deref(), Some("https://example.org"));
    assert_eq!(content.features, fields([("amount", Value::Integer(20_000))]));
    // What was decided to be said is on record.
    let sent = ann.trace.iter().find_map(|record| match &record.decision {
        Decision::Sent { content, .. } => Some(content),
        _ => None,
    });
    assert_eq!(sent, Some(content));
}

#[test]
fn a8_a_text_is_about_the_process_and_not_about_the_event_at_hand() {
    let journey = journey()
        .needs(Origin::Event, "amount", Shape::Integer, &[Question::Render])
        .writing(|_, row| Some(content(&row.integer(1)?.to_string())));
    let route = Native::route(plan([("app", 500), ("mail", 500)]));
    let mut ann = world(journey).with("route", route).live();
    ann.does(named(0, "step", [("node", text("A")), ("amount", Value::Integer(5))])).until(101);
    // In one step: an event without the amount, then word that the app has given up.
    let failed = receipt(120, &ann.outbox[0].tracking, Shows::Failed);
    ann.takes(vec![op(110, "A"), failed], 120);
    assert_eq!(ann.told_of(&["sent"]), ["101 sent app 0 5", "120 sent mail 1 5"]);
}

#[test]
fn a9_refused_without_a_text() {
    let unheard = journey().drafting(|_, _| Some(draft("unheard")));
    assert_eq!(stalled(world(unheard)), ["101 drafted unheard A", "101 refused NoContent"]);
}

#[test]
fn a9_refused_where_no_channel_reaches_the_user() {
    let mut world = world(journey());
    world.channels = vec![channel("mail", Some("email")), channel("sms", Some("phone"))];
    let mut ann = world.live();
    ann.does(op(0, "A")).until(101);
    let want = ["101 drafted nudge A", "101 refused NoChannel"];
    assert_eq!(ann.told_of(&["drafted", "refused", "planned"]), want);
    assert!(ann.state.messages.is_empty());
    assert_eq!(ann.due, None);
}

#[test]
fn a9_refused_if_the_same_was_drafted_before() {
    let mut ann = world(journey()).live();
    ann.does(op(0, "A")).until(101);
    // As if the visit's own memory had been lost.
    ann.state.visits.get_mut("journey").unwrap().stalled.clear();
    ann.told();
    ann.until(500);
    let lines = ann.told_of(&["drafted", "refused", "sent"]);
    assert_eq!(lines, ["101 drafted nudge A", "101 refused AlreadyDrafted"]);
    assert_eq!((ann.outbox.len(), ann.state.messages.len()), (1, 1));
}

#[test]
fn c1_refused_if_the_route_has_no_plan_or_no_answer() {
    let unplanned = Native::route(plan([])).planning(|_, _| None);
    let want = ["101 drafted nudge A", "101 refused NotPlanned"];
    assert_eq!(stalled(world(journey()).with("route", unplanned)), want);
    let faulty = Native::route(plan([("app", 0)])).failing(|q, _| trap(q == Question::Plan));
    let want = ["101 drafted nudge A", "101 fault route Plan trapped: here", "101 refused Fault"];
    assert_eq!(stalled(world(journey()).with("route", faulty)), want);
}

#[test]
fn a_refused_message_leaves_no_trace_in_the_state() {
    let route = Native::route(plan([]));
    let mut ann = world(journey()).with("route", route).live();
    ann.does(op(0, "A")).until(101);
    assert_eq!(ann.told_of(&["refused"]), ["101 refused NoChannel"]);
    assert!(ann.state.messages.is_empty() && ann.state.channels.is_empty());
    assert_eq!((ann.state.sent, ann.due), (0, None));
}

#[test]
fn a9_without_a_router_the_first_channel_that_reaches_the_user_is_tried_once() {
    let mut world = world(journey());
    world.channels = vec![channel("mail", Some("email")), channel("sms", Some("phone"))];
    let mut ann = world.live();
    ann.does(profile(0, [("phone", text("+86 10"))])).does(op(0, "A")).until(1_000);
    let want = ["101 planned sms Opened 1", "101 sent sms 0 Go on!", "102 ended Unreceived 1"];
    assert_eq!(ann.told_of(&["planned", "sent", "judged", "ended"]), want);
}

#[test]
fn a_policy_writes_its_own_messages_if_it_can() {
    let own = journey().writing(|_, _| Some(content("own")));
    let writer =
        |body: &'static str| Native::personaliser().writing(move |_, _| Some(content(body)));
    let world = || world(journey()).with("first", writer("first")).with("second", writer("second"));
    assert_eq!(stalled(world())[2], "101 sent app 0 first", "or else the first that can does");
    let both = stalled(world().with("own", own));
    assert_eq!(of(&both, &["sent"]), ["101 sent app 0 first", "101 sent app 0 own"]);
}

#[test]
fn c8_what_is_sent_is_named_by_the_hash_of_what_it_says() {
    let digests = |body: &'static str| -> Vec<String> {
        let mut ann = world(journey()).text("nudge", "", body).live();
        ann.does(op(0, "A")).until(101);
        let sent = ann.trace.iter().filter_map(|record| match &record.decision {
            Decision::Sent { digest, .. } => Some(digest.to_string()),
            _ => None,
        });
        sent.collect()
    };
    let [one, other] = ["Go on!", "Go on?"].map(digests);
    assert_eq!((one.len(), one[0].len()), (1, 64));
    assert_eq!(one, digests("Go on!"), "the same content has the same address");
    assert_ne!(one, other);
}
