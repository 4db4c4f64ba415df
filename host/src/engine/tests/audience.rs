//! Groups, campaigns and who is reached by them: the engine's part of systems B and E.

use std::sync::Arc;

use super::*;
use crate::engine::event::{Event, Fields, Grade, Instant, Millis, What};
use crate::engine::policy::{Campaign, Importance, Launch, Origin, Question, Shape};
use crate::engine::{State, StrategyError, Turn};

const DAY: u64 = 86_400_000;

/// Who has logged in within a day is active; everybody known for a day who has not is lapsed.
fn lapsed() -> Native {
    Native::audience(&["active", "lapsed"], |row| {
        let (logins, new) = (row.integer(1).unwrap(), row.integer(2).unwrap());
        if logins > 0 {
            vec![0]
        } else if new == 0 {
            vec![1]
        } else {
            vec![]
        }
    })
    .counts("logins", "login", DAY)
    .counts("new", "$known", DAY)
    .needs(Origin::Counter, "logins", Shape::Integer, &[Question::Classify])
    .needs(Origin::Counter, "new", Shape::Integer, &[Question::Classify])
}

/// Who has had a record of a business type belongs to its group; the standard is the least amount.
fn types() -> Native {
    Native::audience(&["loan", "saving"], |row| {
        (0..2).filter(|at| row.integer(*at as usize + 1).unwrap() > 0).collect()
    })
    .counts("loan", "type=loan", u64::MAX)
    .counts("saving", "type=saving", 10 * DAY)
    .needs(Origin::Counter, "loan", Shape::Integer, &[Question::Classify])
    .needs(Origin::Counter, "saving", Shape::Integer, &[Question::Classify])
    .needs(Origin::Event, "amount", Shape::Integer, &[Question::Qualify])
    .qualifying(|standard, row| row.integer(3).unwrap_or(0) >= standard.parse().unwrap())
}

fn world_of(audience: Native) -> World {
    world(Native::journey([])).with("audience", audience).text("spring", "", "Spring!")
}

fn launch(group: &str, standard: &str) -> Launch {
    let campaign = Campaign {
        name: "spring".into(),
        event_type: group.into(),
        message: "spring".into(),
        importance: Importance::Normal,
        standard: standard.into(),
        data: Fields::EMPTY,
    };
    Launch {
        id: "c1".into(),
        policy: "audience".into(),
        campaign,
        goal: None,
        within: Millis(7 * DAY),
        hold_out: 0,
        again: false,
    }
}

fn reach(at: i64, launch: &Launch) -> Event {
    event(at, What::Campaign(Arc::new(launch.clone())))
}

fn record(at: i64, kind: &str, amount: i64) -> Event {
    named(at, "record", [("type", text(kind)), ("amount", Value::Integer(amount))])
}

use crate::engine::event::Value;

const D: i64 = DAY as i64;

#[test]
fn b3_users_are_sorted_by_the_business_types_of_their_records() {
    let mut ann = world_of(types()).live();
    ann.does(record(0, "loan", 5));
    assert_eq!(ann.told(), ["0 joined loan"]);
    ann.does(record(1, "other", 5)).does(record(2, "loan", 5));
    assert_eq!(ann.told(), Vec::<String>::new());
    ann.does(record(3, "saving", 5));
    assert_eq!(ann.told(), ["3 joined saving"]);
    assert_eq!(ann.state.belongs("audience", "loan"), Some(Instant(0)));
}

#[test]
fn b3_a_group_is_left_at_the_moment_when_its_window_empties_without_an_event() {
    let mut ann = world_of(types()).live();
    ann.does(record(0, "saving", 5)).does(record(D, "saving", 5));
    assert_eq!(ann.due, Some(Instant(10 * D)), "the first of two falls out");
    ann.until(10 * D);
    assert_eq!(ann.told(), ["0 joined saving"]);
    assert_eq!(ann.due, Some(Instant(11 * D)));
    ann.until(11 * D - 1);
    assert_eq!(ann.told(), Vec::<String>::new());
    ann.until(12 * D);
    assert_eq!(ann.told(), [format!("{} quit saving", 11 * D)]);
    assert_eq!(ann.due, None);
}

#[test]
fn e2_who_was_not_there_for_a_whole_period_is_lapsed_at_its_end() {
    let mut ann = world_of(lapsed()).live();
    ann.does(profile(0, [("name", text("Ann"))]));
    assert_eq!(ann.told(), Vec::<String>::new(), "nobody is judged before a period was watched");
    ann.until(D);
    assert_eq!(ann.told(), [format!("{D} joined lapsed")]);
    ann.does(named(2 * D, "login", []));
    assert_eq!(ann.told(), [format!("{} quit lapsed", 2 * D), format!("{} joined active", 2 * D)]);
    ann.until(3 * D);
    assert_eq!(ann.told(), [format!("{} quit active", 3 * D), format!("{} joined lapsed", 3 * D)]);
}

#[test]
fn e2_nobody_is_judged_by_a_time_before_the_policy_was_at_work() {
    let mut before = world(Native::journey([])).live();
    before.does(profile(0, [("name", text("Ann"))]));
    let mut ann = Live::of(world_of(lapsed()).engine(), before.state);
    ann.until(30 * D);
    assert_eq!(ann.told(), Vec::<String>::new());
    ann.until(31 * D);
    assert_eq!(ann.told(), [format!("{} joined lapsed", 31 * D)]);
}

#[test]
fn e4_a_standing_campaign_reaches_whoever_joins_each_time_that_they_do() {
    let campaign = Launch { again: true, ..launch("lapsed", "") };
    let engine = world_of(lapsed()).campaigning(vec![campaign]);
    let mut ann = Live::of(engine, State::default());
    ann.does(named(0, "login", [])).until(D);
    let sent = ["joined", "quit", "targeted", "drafted", "sent", "achieved", "resolved"];
    assert_eq!(
        ann.told_of(&sent),
        [
            "0 joined active".to_owned(),
            format!("{D} quit active"),
            format!("{D} joined lapsed"),
            format!("{D} targeted c1"),
            format!("{D} drafted spring for c1"),
            format!("{D} sent app 0 Spring!"),
        ]
    );
    ann.does(named(D + 5, "login", []));
    let back = D + 5;
    assert_eq!(
        ann.told_of(&sent),
        [
            format!("{back} quit lapsed"),
            format!("{back} achieved c1 5"),
            format!("{back} resolved converted 5"),
            format!("{back} joined active"),
        ]
    );
    ann.until(2 * D + 5);
    assert_eq!(ann.told_of(&["sent"]), [format!("{} sent app 0 Spring!", 2 * D + 5)]);
    assert_ne!(ann.outbox[0].message, ann.outbox[1].message);
}

#[test]
fn b5_b6_a_campaign_is_for_members_of_its_group_who_meet_its_standard() {
    let spring = launch("loan", "10");
    let reached = |records: Vec<Event>| {
        let mut ann = world_of(types()).live();
        let mut inputs = records;
        inputs.push(reach(50, &spring));
        ann.takes(inputs, 50).told_of(&["targeted", "missed", "sent"])
    };
    assert_eq!(reached(vec![record(0, "saving", 99)]), ["50 missed c1 NotMember"]);
    assert_eq!(reached(vec![record(0, "loan", 9)]), ["50 missed c1 Unqualified"]);
    let sent = ["50 targeted c1", "50 sent app 0 Spring!"];
    assert_eq!(reached(vec![record(0, "loan", 10)]), sent);
}

#[test]
fn b7_a_campaign_reaches_nobody_twice() {
    let spring = launch("loan", "0");
    let mut ann = world_of(types()).live();
    ann.does(record(0, "loan", 1)).does(reach(1, &spring)).does(reach(2, &spring));
    let told = ann.told_of(&["targeted", "missed", "sent"]);
    assert_eq!(told, ["1 targeted c1", "1 sent app 0 Spring!", "2 missed c1 Reached"]);
    assert_eq!(ann.outbox.len(), 1);
}

#[test]
fn who_is_held_out_gets_nothing_and_is_followed_all_the_same() {
    let spring = Launch { hold_out: 999, goal: Some("order".into()), ..launch("loan", "0") };
    let mut held_out = 0;
    for user in 0..50 {
        let engine = world_of(types()).engine();
        let who: Arc<str> = format!("user-{user}").into();
        let at = |event: Event| Event { user: who.clone(), ..event };
        let inputs =
            vec![at(record(0, "loan", 1)), at(reach(1, &spring)), at(named(5, "order", []))];
        let turn = Turn { user: who.clone(), state: State::default(), inputs, history: false };
        let advance = engine.step(vec![turn], Instant(5)).unwrap().pop().unwrap();
        let told = of(&told(&advance), &["targeted", "sent", "achieved"]);
        if told[0].ends_with("held out") {
            held_out += 1;
            assert_eq!(told, ["1 targeted c1 held out", "5 achieved c1 4 held out"]);
        } else {
            assert!(told.contains(&"1 sent app 0 Spring!".to_owned()), "{told:?}");
        }
    }
    assert!(held_out >= 48, "{held_out} of 50, of 999 in a thousand");
}

#[test]
fn the_share_that_is_held_out_is_the_one_that_was_set() {
    let key = crate::engine::TrackingKey::new(b"key");
    let lots: Vec<u32> =
        (0..10_000).map(|n| crate::engine::ids::lot(&key, "c1", &format!("user-{n}"))).collect();
    let tenth = lots.iter().filter(|lot| **lot < 100).count();
    assert!((900..1_100).contains(&tenth), "{tenth} of 10,000");
    let again = crate::engine::ids::lot(&key, "c1", "user-7");
    assert_eq!(again, lots[7], "the same in every run");
    let other = (0..10_000)
        .filter(|n| crate::engine::ids::lot(&key, "c2", &format!("user-{n}")) == lots[*n as usize]);
    assert!(other.count() < 100, "another campaign holds others out");
}

#[test]
fn what_is_done_too_late_does_not_count() {
    let spring =
        Launch { goal: Some("type=order".into()), within: Millis(10), ..launch("loan", "0") };
    let mut ann = world_of(types()).live();
    ann.does(record(0, "loan", 1)).does(reach(1, &spring));
    assert_eq!(ann.told_of(&["sent"]).len(), 1);
    ann.does(record(12, "order", 1));
    let told = ann.told_of(&["achieved", "ended", "resolved"]);
    assert_eq!(told, ["2 ended Unreceived 1", "12 resolved not 11"]);
    let mut ann = world_of(types()).live();
    ann.does(record(0, "loan", 1)).does(reach(1, &spring)).does(record(11, "order", 1));
    let told = ann.told_of(&["achieved", "resolved"]);
    assert_eq!(told, ["11 achieved c1 10", "11 resolved converted 10"]);
}

#[test]
fn history_sorts_and_messages_nobody() {
    let campaign = Launch { again: true, ..launch("lapsed", "") };
    let engine = world_of(lapsed()).campaigning(vec![campaign]);
    let inputs = vec![named(0, "login", [])];
    let turn = Turn { user: "ann".into(), state: State::default(), inputs, history: true };
    let advance = engine.step(vec![turn], Instant(5 * D)).unwrap().pop().unwrap();
    let told = told(&advance);
    assert_eq!(
        of(&told, &["joined"]),
        ["0 joined active quietly".to_owned(), format!("{D} joined lapsed quietly")]
    );
    assert!(of(&told, &["targeted", "sent"]).is_empty());
}

#[test]
fn other_criteria_sort_anew_and_message_nobody() {
    let mut ann = world_of(types()).live();
    ann.does(record(0, "loan", 1));
    let state = ann.state.clone();
    let campaign = Launch { again: true, ..launch("rich", "") };
    let other = Native::audience(&["rich"], |_| vec![0]).called("other");
    let mut ann = Live::of(world_of(other).campaigning(vec![campaign]), state);
    ann.until(10);
    assert_eq!(ann.told(), ["0 quit loan", "0 joined rich quietly"]);
    ann.until(20);
    assert_eq!(ann.told(), Vec::<String>::new(), "once is enough");
    // Without the policy there are no groups.
    let mut ann = Live::of(world(Native::journey([])).engine(), ann.state);
    ann.until(30);
    assert_eq!(ann.told(), ["0 quit rich"]);
}

#[test]
fn a_policy_that_fails_leaves_groups_as_they_were_and_reaches_nobody() {
    let failing = types().failing(|question, row| {
        let bad = row.at().0 >= 10;
        trap(bad && matches!(question, Question::Classify | Question::Qualify))
    });
    let mut ann = world_of(failing).live();
    ann.does(record(0, "loan", 1)).does(record(10, "saving", 1));
    ann.does(reach(11, &launch("loan", "0")));
    let told = ann.told_of(&["joined", "missed", "targeted"]);
    assert_eq!(told, ["0 joined loan", "11 missed c1 Fault"]);
}

#[test]
fn a_life_in_one_step_or_in_many_comes_to_the_same() {
    let campaign = Launch { again: true, ..launch("lapsed", "") };
    let events = |until: i64| -> Vec<Event> {
        let all = [0, 3, 40, 70, 71, 200, 500];
        let all = all.into_iter().filter(|day| *day <= until);
        all.map(|day| named(day * D / 10, "login", [])).collect()
    };
    let engine = || world_of(lapsed()).campaigning(vec![campaign.clone()]);
    let whole = story(&engine(), events(1_000), 100 * D);
    let mut ann = Live::of(engine(), State::default());
    for event in events(1_000) {
        ann.does(event);
    }
    for day in 51..=100 {
        ann.until(day * D);
    }
    assert_eq!(ann.trace, whole.trace);
    assert_eq!(ann.state, whole.state);
}

#[test]
fn each_standard_is_a_question_of_its_own_in_one_batch() {
    let engine = world_of(types()).engine();
    let turns = (0..40)
        .map(|n| {
            let user: Arc<str> = format!("u{n:02}").into();
            let campaign = launch("loan", if n % 2 == 0 { "10" } else { "20" });
            let inputs = vec![record(0, "loan", 15), reach(1, &campaign)];
            Turn { user, state: State::default(), inputs, history: false }
        })
        .collect();
    let advances = engine.step(turns, Instant(1)).unwrap();
    for (n, advance) in advances.iter().enumerate() {
        let targeted = !of(&told(advance), &["targeted"]).is_empty();
        assert_eq!(targeted, n % 2 == 0, "u{n:02}");
    }
}

#[test]
fn a_campaign_names_what_there_is() {
    let check = |launch: Launch| world_of(types()).strategy().campaigning(vec![launch]).err();
    assert_eq!(check(launch("loan", "")), None);
    let other = Launch { policy: "journey".into(), ..launch("loan", "") };
    assert_eq!(check(other), Some(StrategyError::CampaignPolicy("journey".into())));
    let group = check(launch("lone", "")).unwrap().to_string();
    assert!(group.contains("lone") && group.contains("loan, saving"), "{group}");
    let mut wordless = launch("loan", "");
    wordless.campaign.message = "summer".into();
    assert!(matches!(check(wordless), Some(StrategyError::CampaignMessage(..))));
    let twice = vec![launch("loan", ""), launch("loan", "")];
    let twice = world_of(types()).strategy().campaigning(twice).err();
    assert_eq!(twice, Some(StrategyError::CampaignTwice("c1".into())));
}

#[test]
fn c1_messages_have_the_route_policy_that_is_for_them() {
    let sms = Native::route(plan([("sms", 10)]));
    let mail = Native::route(plan([("mail", 10)]));
    let routed = |key: &str| {
        let world = world_of(types())
            .with("others", mail_of())
            .with_routes("own", Native::route(plan([("sms", 10)])), &["spring"])
            .text("summer", "", "Summer!");
        let mut campaign = launch("loan", "0");
        campaign.campaign.message = key.into();
        let mut ann = world.live();
        ann.does(record(0, "loan", 1)).does(reach(1, &campaign)).until(20);
        ann.told_of(&["sent", "judged"])
    };
    assert_eq!(routed("spring"), ["1 sent sms 0 Spring!", "12 judged 0 NotReceived"]);
    assert_eq!(routed("summer"), ["1 sent mail 0 Summer!", "12 judged 0 NotReceived"]);
    let two = world_of(types()).with("one", sms).with("two", mail).made().err();
    assert_eq!(two, Some(StrategyError::TwoRoutes("one".into(), "two".into())));
    let both = world_of(types()).with_routes("one", mail_of(), &["a"]).with_routes(
        "two",
        mail_of(),
        &["b", "a"],
    );
    let twice = StrategyError::RoutedTwice("one".into(), "two".into(), "a".into());
    assert_eq!(both.made().err(), Some(twice));
    let none = world(Native::journey([])).with_routes("audience", types(), &["a"]).made().err();
    assert_eq!(none, Some(StrategyError::NoRoute("audience".into())));
}

fn mail_of() -> Native {
    Native::route(plan([("mail", 10)]))
}

#[test]
fn evidence_of_a_campaigns_message_counts_as_that_of_others() {
    let mut ann = world_of(types()).with("route", Native::route(plan([("sms", 100)]))).live();
    ann.does(record(0, "loan", 1)).does(reach(1, &launch("loan", "0")));
    ann.shows(5, 0, Grade::Opened);
    let told = ann.told_of(&["evidence", "ended"]);
    assert_eq!(told, ["5 evidence sms Opened", "5 ended Received 1"]);
}
