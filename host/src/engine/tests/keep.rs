//! What becomes of a state when rules change, when the past becomes known, and when two users turn out
//! to be one.

use super::*;
use crate::engine::event::{Grade, Instant, Millis, Value};
use crate::engine::policy::{Origin, Place, Question, Rule, Shape};
use crate::engine::{Engine, State, Turn};

/// The user goes on in a world with these rules.
fn goes_on(live: Live, rules: impl IntoIterator<Item = Rule>) -> Live {
    Live::of(world(Native::journey(rules)).engine(), live.state)
}

fn visit(live: &Live) -> &crate::engine::Visit {
    &live.state.visits["journey"]
}

/// Events that are a record of the past, handled at `now`.
fn remembers(live: &mut Live, inputs: Vec<Event>, now: i64) {
    let state = std::mem::take(&mut live.state);
    let turn = Turn { user: "ann".into(), state, inputs, history: true };
    let advance = live.engine.step(vec![turn], Instant(now)).unwrap().pop().unwrap();
    live.state = advance.state;
    live.due = advance.due;
    live.trace.extend(advance.trace);
}

fn absorbed(mut own: State, other: State) -> State {
    own.absorb(other);
    own
}

// Rules that change.

#[test]
fn a_visit_goes_on_under_the_first_rule_for_its_node() {
    let mut live = world(Native::journey([rule("A", 100)])).live();
    live.does(op(0, "A")).until(10);
    let mut live = goes_on(live, [rule("B", 5), rule("A", 50), rule("A", 20)]);
    live.until(11);
    assert_eq!((&*visit(&live).node, visit(&live).rule), ("A", 1));
    assert_eq!(live.due, Some(Instant(51)), "its clock is as it was");
    assert_eq!(live.told(), Vec::<String>::new());
    live.until(60);
    assert_eq!(live.told_of(&["stalled"]), ["51 stalled A 51>50"]);
}

#[test]
fn a_visit_stays_under_its_rule_if_that_is_still_about_its_node() {
    let rules = || [rule("A", 100), rule("A", 200)];
    let journey = Native::journey(rules()).locating(|_| Some(1));
    let mut live = world(journey).live();
    live.does(op(0, "A"));
    assert_eq!(visit(&live).rule, 1);
    let mut live = goes_on(live, rules());
    live.until(150);
    assert_eq!((visit(&live).rule, live.due), (1, Some(Instant(201))));
}

#[test]
fn a_rule_of_its_own_counts_before_one_for_any_node() {
    let any = || Rule { place: Place::Field("node".into()), ..rule("", 10) };
    let mut live = world(Native::journey([quiet("X"), rule("A", 100)])).live();
    live.does(op(0, "A"));
    let mut live = goes_on(live, [quiet("X"), quiet("Y"), any(), rule("A", 70)]);
    live.until(1);
    assert_eq!((visit(&live).rule, live.due), (3, Some(Instant(71))));
    let mut live = goes_on(live, [any()]);
    live.until(2);
    assert_eq!((visit(&live).rule, live.due), (0, Some(Instant(11))));
    // Under a rule for any node it stays, though there is one of its own.
    let mut live = goes_on(live, [any(), rule("A", 70)]);
    live.until(3);
    assert_eq!(visit(&live).rule, 0);
}

#[test]
fn where_there_is_no_rule_nobody_watches_until_there_is() {
    let mut live = world(Native::journey([rule("A", 100)])).live();
    live.does(op(0, "A"));
    let mut live = goes_on(live, [rule("B", 5)]);
    live.until(1_000);
    assert_eq!((live.due, visit(&live).rule), (None, u32::MAX));
    assert_eq!(live.told(), Vec::<String>::new());
    let mut live = goes_on(live, [rule("B", 5), rule("A", 100)]);
    live.until(1_001);
    assert_eq!(live.told_of(&["stalled"]), ["101 stalled A 101>100"]);
}

#[test]
fn what_was_said_about_a_visit_is_remembered_under_another_rule() {
    let mut live = world(Native::journey([rule("A", 100)])).live();
    live.does(op(0, "A")).until(101);
    assert_eq!(live.told_of(&["stalled"]).len(), 1);
    for rules in [vec![rule("B", 5), rule("A", 50)], vec![rule("B", 5)], vec![rule("A", 300)]] {
        live = goes_on(live, rules);
        live.until(1_000);
        assert_eq!(live.told_of(&["stalled"]), Vec::<String>::new());
        assert_eq!(live.due, None);
    }
}

#[test]
fn numbers_of_rules_that_are_gone_mean_nothing() {
    // It has stalled under rule 1, and has gone on under rule 0 since.
    let journey = Native::journey([rule("A", 100), rule("A", 10)])
        .needs(Origin::Event, "rule", Shape::Integer, &[Question::Locate])
        .locating(|row| row.integer(1).map(|rule| rule as u32));
    let under = |at, rule| named(at, "step", [("node", text("A")), ("rule", Value::Integer(rule))]);
    let mut live = world(journey).live();
    live.does(under(0, 1)).until(11);
    live.does(under(12, 0));
    assert_eq!(visit(&live).stalled, [1]);
    // The rule at 1 is another one now, and about this node: nothing was said under it.
    let mut live = goes_on(live, [rule("B", 5), rule("A", 30)]);
    live.until(13);
    assert_eq!((visit(&live).rule, live.due), (1, Some(Instant(43))));
}

#[test]
fn a_label_without_rules_is_watched_by_nobody() {
    let mut live = world(Native::journey([rule("A", 100)])).live();
    live.does(op(0, "A"));
    let elsewhere = world(Native::journey([quiet("X")]));
    let mut parts = elsewhere.parts;
    parts[0].label = "other".into();
    let engine = World { parts, ..world(Native::journey([])) }.engine();
    let mut live = Live::of(engine, live.state);
    live.until(500);
    assert_eq!((live.due, live.state.visits.len()), (None, 1));
}

// The past of a user whose present is known.

#[test]
fn of_the_past_only_unknown_fields_are_taken() {
    let mut live = world(Native::journey([rule("A", 100), rule("B", 100)])).live();
    live.does(profile(1_000, [("name", text("Ann"))])).does(op(1_000, "A"));
    let mut known = live.state.clone();
    let past = vec![
        profile(10, [("name", text("Anna")), ("town", text("Bonn"))]),
        op(20, "B"),
        page(30, "B"),
        profile(40, [("town", text("Köln"))]),
        hidden(50),
    ];
    live.told();
    remembers(&mut live, past, 1_000);
    known.profile.set("town".into(), text("Köln"));
    assert_eq!(live.state, known);
    assert_eq!(live.told(), Vec::<String>::new());
    assert_eq!(live.due, Some(Instant(1_101)));
}

#[test]
fn what_is_not_older_than_the_clock_is_taken_as_it_is() {
    let mut live = world(Native::journey([rule("A", 100), rule("B", 100)])).live();
    live.does(op(1_000, "A"));
    let history = vec![profile(1_000, [("town", text("Bonn"))]), op(999, "B"), op(1_000, "B")];
    remembers(&mut live, history, 1_000);
    assert_eq!(&*visit(&live).node, "B");
    assert_eq!(visit(&live).operations, 1);
    remembers(&mut live, vec![profile(1_000, [("town", text("Köln"))])], 1_000);
    assert_eq!(live.state.profile.get("town"), Some(&text("Köln")));
}

#[test]
fn of_somebody_new_all_of_the_past_counts() {
    let mut live = world(Native::journey([rule("A", 100), rule("B", 500)])).live();
    remembers(&mut live, vec![op(200, "B"), op(0, "A")], 400);
    assert_eq!(
        live.told(),
        ["0 entered A", "101 past A", "200 left A after 200 and 0", "200 entered B from A"]
    );
    assert_eq!(live.due, Some(Instant(701)));
    live.until(701);
    assert_eq!(live.told_of(&["stalled"]), ["701 stalled B 501>500"], "after the record it counts");
}

// Two users who are one.

#[test]
fn the_clock_is_the_later_one() {
    let with = |clock: Option<i64>| State { clock: clock.map(Instant), ..State::default() };
    for (own, other, both) in
        [(None, Some(3), Some(3)), (Some(5), Some(3), Some(5)), (Some(3), Some(5), Some(5))]
    {
        assert_eq!(absorbed(with(own), with(other)).clock, both.map(Instant));
    }
    assert_eq!(absorbed(with(Some(4)), State::default()), with(Some(4)));
}

#[test]
fn what_users_say_of_themselves_wins_whichever_is_newer() {
    let state = |clock, values: &[(&str, &str)]| State {
        clock: Some(Instant(clock)),
        profile: fields(values.iter().map(|(name, value)| (*name, text(value)))),
        ..State::default()
    };
    let own = state(1, &[("name", "Ann")]);
    let other = state(2, &[("name", "Anna"), ("town", "Bonn")]);
    let both = absorbed(own, other);
    assert_eq!(both.profile, fields([("name", text("Ann")), ("town", text("Bonn"))]));
}

#[test]
fn of_the_process_the_newer_word_counts() {
    let state = |clock, values: &[(&str, &str)]| State {
        clock: Some(Instant(clock)),
        process: fields(values.iter().map(|(name, value)| (*name, text(value)))),
        ..State::default()
    };
    let [old, new] = [state(1, &[("a", "1"), ("b", "1")]), state(2, &[("a", "2"), ("c", "2")])];
    let all = fields([("a", text("2")), ("b", text("1")), ("c", text("2"))]);
    assert_eq!(absorbed(old.clone(), new.clone()).process, all);
    assert_eq!(absorbed(new, old).process, all);
}

#[test]
fn counts_are_added() {
    let count = |moments: &[i64]| {
        let mut state = State::default();
        for at in moments {
            state.counted(&"p".into(), &"c".into(), Millis(100), Instant(*at));
        }
        state
    };
    let both = absorbed(count(&[10, 90]), count(&[5, 50]));
    assert_eq!(both.count("p", "c", Instant(90)), 4);
    // In order of time, so that those that leave the window are the first.
    assert_eq!(both.count("p", "c", Instant(109)), 3);
    assert_eq!(both.count("p", "c", Instant(111)), 2);
    let alone = absorbed(State::default(), count(&[10]));
    assert_eq!(alone.count("p", "c", Instant(20)), 1);
    let many: Vec<i64> = (0..900).map(|n| n / 10).collect();
    assert_eq!(absorbed(count(&many), count(&many)).count("p", "c", Instant(90)), 1_000);
}

#[test]
fn of_two_visits_the_one_with_the_later_operation_stays() {
    let at = |moment, node: &str| {
        let mut live = world(Native::journey([rule("A", 100), rule("B", 100)])).live();
        live.does(op(moment, node));
        live.state
    };
    let node = |state: State| state.visits["journey"].node.to_string();
    assert_eq!(node(absorbed(at(1, "A"), at(2, "B"))), "B");
    assert_eq!(node(absorbed(at(2, "A"), at(1, "B"))), "A");
    assert_eq!(node(absorbed(at(2, "A"), at(2, "B"))), "A", "one's own, if there is no telling");
    assert_eq!(node(absorbed(State::default(), at(1, "B"))), "B");
    assert_eq!(node(absorbed(at(1, "A"), State::default())), "A");
}

/// Somebody who was sent a message at 101, on three channels one after the other.
fn sent_to(engine: Engine) -> Live {
    let mut live = Live::of(engine, State::default());
    live.does(op(0, "A")).until(101);
    live
}

fn engine() -> Engine {
    let route = Native::route(plan([("app", 50), ("mail", 50)]));
    world(Native::journey([rule("A", 100)])).with("route", route).engine()
}

#[test]
fn messages_of_both_go_on() {
    let other = sent_to(engine());
    let tracking = other.outbox[0].tracking.clone();
    let mut live = Live::of(engine(), State::default());
    live.does(op(90, "A"));
    live.told();
    live.state.absorb(other.state);
    live.until(151);
    assert_eq!(live.told(), Vec::<String>::new());
    live.until(152);
    assert_eq!(live.told_of(&["sent"]), ["152 sent mail 1 Go on!"]);
    // A receipt for what the other one was sent finds it.
    live.does(receipt(160, &tracking, Grade::Opened));
    assert_eq!(
        live.told_of(&["evidence", "ended", "unmatched"]),
        ["160 evidence app Opened", "160 ended Received 2"]
    );
}

#[test]
fn a_message_that_both_have_is_there_once() {
    let live = sent_to(engine());
    let both = absorbed(live.state.clone(), live.state);
    assert_eq!(both.messages.len(), 1);
}

#[test]
fn how_channels_did_is_added_up() {
    let state = |sent, at: Option<i64>| {
        let mut state = State { sent, ..State::default() };
        let history = state.channels.entry("app".into()).or_default();
        (history.sent, history.feedback, history.first_feedback) = (sent, sent - 1, sent - 2);
        history.last_feedback = at.map(Instant);
        state
    };
    let both = absorbed(state(10, Some(5)), state(3, Some(4)));
    let app = &both.channels["app"];
    assert_eq!((app.sent, app.feedback, app.first_feedback), (13, 11, 9));
    assert_eq!((app.last_feedback, both.sent), (Some(Instant(5)), 13));
    let both = absorbed(state(u32::MAX, None), state(3, Some(4)));
    assert_eq!((both.sent, both.channels["app"].last_feedback), (u32::MAX, Some(Instant(4))));
}

// Without a strategy.

#[test]
fn without_a_strategy_only_the_profile_is_remembered() {
    let mut state = State::default();
    state.note(&profile(5, [("name", text("Ann"))]));
    state.note(&op(6, "A"));
    state.note(&profile(4, [("name", text("Anna"))]));
    let profile = fields([("name", text("Anna"))]);
    assert_eq!(state, State { profile, ..State::default() });
}

// Turns that come late.

#[test]
fn who_is_found_late_is_not_sent_all_steps_at_once() {
    let mut live = Live::of(engine().live(), State::default());
    live.does(op(0, "A")).until(1_000);
    assert_eq!(live.told_of(&["sent"]), ["101 sent app 0 Go on!"]);
    live.until(1_050);
    assert_eq!(live.told_of(&["sent"]), Vec::<String>::new());
    live.until(1_051);
    assert_eq!(live.told_of(&["sent"]), ["1051 sent mail 1 Go on!"]);
    // A replay goes by the deadlines.
    let mut replayed = Live::of(engine(), State::default());
    replayed.does(op(0, "A")).until(1_000);
    assert_eq!(replayed.told_of(&["sent"]), ["101 sent app 0 Go on!", "152 sent mail 1 Go on!"]);
}
