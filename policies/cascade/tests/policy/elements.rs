//! The elements of system C that the policy answers for, each under its number.

use nudge_cascade::Cascade;
use nudge_guest::prelude::*;
use nudge_guest::testing::{Tester, Values, plan_request};
use serde_json::json;

use crate::{configured, push, with};

const HOUR: Millis = 3_600_000;

/// The tenant's channels, in an order that is no strategy's.
const CHANNELS: [&str; 4] = ["letter", "sms", "toutiao", "wechat"];

fn planned(tester: &Tester<Cascade>, message: &str, user: &Values) -> Option<Itinerary> {
    tester.plan(&plan_request(message, &CHANNELS), user)
}

/// The plan for a message that has no strategy of its own, to a user who can be reached on these.
fn reaching(tester: &Tester<Cascade>, channels: &[&str]) -> Itinerary {
    let mut request = plan_request("other", &CHANNELS);
    for reading in &mut request.readings {
        reading.available = channels.contains(&&*reading.channel);
    }
    tester.plan(&request, &Values::new()).expect("a plan")
}

/// The channels in order; each step takes one.
fn order(itinerary: &Itinerary) -> Vec<&str> {
    let one = |step: &'_ Step| step.channels.len() == 1;
    assert!(itinerary.steps.iter().all(one), "{itinerary:?}");
    itinerary.steps.iter().map(|step| &*step.channels[0]).collect()
}

fn waits(itinerary: &Itinerary) -> Vec<Millis> {
    itinerary.steps.iter().map(|step| step.wait / HOUR).collect()
}

fn pushes(number: u32) -> Tester<Cascade> {
    configured(&with(push(), "/strategies/default/pushes", json!(number)))
}

#[test]
fn c1_a_strategy_is_fetched_for_its_message() {
    let tester = configured(&push());
    let user = Values::new().profile("segment", "new");
    let offer = planned(&tester, "offer", &user).expect("a plan");
    assert_eq!(order(&offer), ["sms", "letter", "sms"]);
    assert_eq!((offer.ends_at, offer.most_sends), (Grade::Confirmed, 3));
}

#[test]
fn c1_other_messages_have_the_default_strategy() {
    let tester = configured(&push());
    for message in ["other", "Offer", "offer2", ""] {
        let plan = planned(&tester, message, &Values::new()).expect("a plan");
        assert_eq!(order(&plan), ["wechat", "toutiao", "sms"], "{message}");
        assert_eq!((plan.ends_at, plan.most_sends), (Grade::Opened, 3), "{message}");
    }
}

#[test]
fn c1_without_a_strategy_nothing_is_pushed() {
    let tester = configured(&json!({ "strategies": { "offer": { "channels": ["sms"] } } }));
    assert!(planned(&tester, "offer", &Values::new()).is_some());
    assert_eq!(planned(&tester, "other", &Values::new()), None);
}

#[test]
fn c1_a_strategy_is_for_its_target_users() {
    let tester = configured(&push());
    let is_for = |user: Values| planned(&tester, "offer", &user).is_some();
    assert!(is_for(Values::new().profile("segment", "new")));
    assert!(is_for(Values::new().profile("segment", 7)));
    for segment in ["old", "New", "new ", ""] {
        assert!(!is_for(Values::new().profile("segment", segment)), "{segment}");
    }
    assert!(!is_for(Values::new()));
    assert!(!is_for(Values::new().event("segment", "new")), "an event is no profile");
    // Who is no target of the message's own strategy does not get it by the default one either, and the
    // default one is for everybody.
    assert!(planned(&tester, "other", &Values::new().profile("segment", "old")).is_some());
}

#[test]
fn c1_every_strategy_has_targets_of_its_own() {
    let target = json!({ "field": "city", "any_of": ["Delft"] });
    let tester = configured(&with(push(), "/strategies/default/target", target));
    let user = Values::new().profile("segment", "new").profile("city", "Leiden");
    assert!(planned(&tester, "offer", &user).is_some());
    assert_eq!(planned(&tester, "other", &user), None);
    assert!(planned(&tester, "other", &Values::new().profile("city", "Delft")).is_some());
}

#[test]
fn c2_the_first_channel_in_order_comes_first() {
    let orders = [["wechat", "toutiao", "sms"], ["sms", "wechat", "toutiao"]];
    for channels in orders {
        let tester = configured(&with(push(), "/strategies/default/channels", json!(channels)));
        let plan = planned(&tester, "other", &Values::new()).expect("a plan");
        assert_eq!(order(&plan), channels);
    }
}

#[test]
fn c2_a_channel_that_does_not_reach_the_user_is_passed_over() {
    let tester = configured(&push());
    assert_eq!(order(&reaching(&tester, &["wechat", "sms"])), ["wechat", "sms"]);
    assert_eq!(order(&reaching(&tester, &["toutiao", "letter"])), ["toutiao"]);
    let nowhere = reaching(&tester, &["letter"]);
    assert_eq!(nowhere.steps, []);
}

#[test]
fn c2_a_channel_that_the_tenant_does_not_have_is_passed_over() {
    let tester = configured(&push());
    let plan = tester.plan(&plan_request("other", &["sms", "toutiao"]), &Values::new());
    assert_eq!(order(&plan.expect("a plan")), ["toutiao", "sms"]);
}

#[test]
fn c5_one_channel_follows_another_after_its_wait() {
    let tester = configured(&push());
    let plan = planned(&tester, "other", &Values::new()).expect("a plan");
    assert_eq!(waits(&plan), [24, 24, 24], "a day, where nothing is said");
    let user = Values::new().profile("segment", "new");
    let offer = planned(&tester, "offer", &user).expect("a plan");
    assert_eq!((order(&offer), waits(&offer)), (vec!["sms", "letter", "sms"], vec![12, 72, 12]));
}

#[test]
fn c5_a_channel_keeps_its_own_wait_where_others_are_passed_over() {
    let waits_of = json!({ "wechat": "1h", "sms": "2h" });
    let tester = configured(&with(push(), "/strategies/default/waits", waits_of));
    assert_eq!(waits(&reaching(&tester, &["wechat", "toutiao", "sms"])), [1, 24, 2]);
    assert_eq!(waits(&reaching(&tester, &["toutiao", "sms"])), [24, 2]);
}

#[test]
fn c5_the_push_ends_at_the_grade_that_counts_as_received() {
    for (name, grade) in [
        ("accepted", Grade::Accepted),
        ("delivered", Grade::Delivered),
        ("machine-opened", Grade::MachineOpened),
        ("opened", Grade::Opened),
        ("seen", Grade::Seen),
        ("confirmed", Grade::Confirmed),
        ("converted", Grade::Converted),
    ] {
        let tester = configured(&with(push(), "/strategies/default/received", json!(name)));
        let plan = planned(&tester, "other", &Values::new()).expect("a plan");
        assert_eq!(plan.ends_at, grade);
    }
}

#[test]
fn c5_what_was_not_received_goes_on_to_the_next_channel() {
    let tester = configured(&push());
    let step = Overdue {
        message: "other".to_owned(),
        importance: Importance::Normal,
        step: 0,
        evidence: Some(Grade::Delivered),
        since: 0,
    };
    assert_eq!(tester.judge(&step, &Values::new()), Some(Verdict::NotReceived));
}

/// The verdict on a step of the message first sent at the second 100.
fn verdict(tester: &Tester<Cascade>, message: &str, user: &Values) -> Verdict {
    let step = Overdue {
        message: message.to_owned(),
        importance: Importance::Normal,
        step: 1,
        evidence: Some(Grade::Delivered),
        since: 100_000,
    };
    tester.judge(&step, user).expect("a verdict")
}

/// A user whose latest event of that sort was at this second.
fn did(event: &str, second: i64) -> Values {
    let name = format!("{event}/18446744073709551615");
    Values::new().counted_at(&name, Moment(second * 1_000))
}

fn history(history: serde_json::Value) -> Tester<Cascade> {
    configured(&with(push(), "/strategies/default/history", history))
}

#[test]
fn c6_a_purpose_fulfilled_by_another_route_counts_as_received() {
    let tester = configured(&push());
    for event in ["SIGNED", "type=loan"] {
        assert_eq!(verdict(&tester, "offer", &did(event, 101)), Verdict::Received, "{event}");
        // What was done before the message was sent has nothing to do with it.
        for before in [0, 99, 100] {
            let verdict = verdict(&tester, "offer", &did(event, before));
            assert_ne!(verdict, Verdict::Received, "{event} at {before}");
        }
    }
    let both = did("type=loan", 101).counted_at("SIGNED/18446744073709551615", Moment(5));
    assert_eq!(verdict(&tester, "offer", &both), Verdict::Received);
}

#[test]
fn c6_who_was_active_nowhere_is_given_longer() {
    let tester = history(json!({}));
    assert_eq!(verdict(&tester, "other", &Values::new()), Verdict::WaitLonger);
    assert_eq!(verdict(&tester, "other", &did("*", 100)), Verdict::WaitLonger);
    assert_eq!(verdict(&tester, "other", &did("*", 101)), Verdict::NotReceived);
    for channel in ["wechat", "toutiao", "sms"] {
        let used = |at: i64| Values::new().channel(&format!("{channel}/last-feedback"), at * 1_000);
        assert_eq!(verdict(&tester, "other", &used(100)), Verdict::WaitLonger, "{channel}");
        assert_eq!(verdict(&tester, "other", &used(101)), Verdict::NotReceived, "{channel}");
    }
    // Of a channel that is none of the strategy's nothing is known.
    let letter = Values::new().channel("letter/last-feedback", 101_000);
    assert_eq!(verdict(&tester, "other", &letter), Verdict::WaitLonger);
}

#[test]
fn c6_who_opened_it_was_there_even_where_more_is_wanted() {
    let tester = configured(&push());
    let judged = |evidence| {
        let step = Overdue {
            message: "offer".to_owned(),
            importance: Importance::Normal,
            step: 0,
            evidence,
            since: 0,
        };
        tester.judge(&step, &Values::new()).expect("a verdict")
    };
    for evidence in [Grade::Opened, Grade::Seen, Grade::Confirmed, Grade::Converted] {
        assert_eq!(judged(Some(evidence)), Verdict::NotReceived, "{evidence:?}");
    }
    for evidence in
        [None, Some(Grade::Accepted), Some(Grade::Delivered), Some(Grade::MachineOpened)]
    {
        assert_eq!(judged(evidence), Verdict::WaitLonger, "{evidence:?}");
    }
}

#[test]
fn c6_who_is_away_may_be_tried_on_the_next_channel_at_once() {
    let tester = history(json!({ "fulfilled": ["SIGNED"], "away": "next" }));
    assert_eq!(verdict(&tester, "other", &Values::new()), Verdict::NotReceived);
    assert_eq!(verdict(&tester, "other", &did("SIGNED", 101)), Verdict::Received);
}

#[test]
fn c6_a_strategy_that_says_nothing_of_history_looks_at_none() {
    let tester = configured(&push());
    assert_eq!(verdict(&tester, "other", &Values::new()), Verdict::NotReceived);
    assert_eq!(verdict(&tester, "other", &did("SIGNED", 101)), Verdict::NotReceived);
    let none = configured(&json!({ "strategies": { "offer": { "channels": ["sms"] } } }));
    assert_eq!(verdict(&none, "other", &Values::new()), Verdict::NotReceived);
}

#[test]
fn c7_the_number_of_pushes_is_a_hard_limit() {
    let all = ["wechat", "toutiao", "sms"];
    for number in 1..=3_u32 {
        let plan = reaching(&pushes(number), &all);
        assert_eq!(order(&plan), all[..number as usize]);
        assert_eq!(plan.most_sends, number);
    }
    // It counts pushes and not channels: one that is passed over uses none up.
    let plan = reaching(&pushes(2), &["toutiao", "sms"]);
    assert_eq!((order(&plan), plan.most_sends), (vec!["toutiao", "sms"], 2));
}

#[test]
fn c7_more_pushes_than_channels_begin_the_order_again() {
    let plan = reaching(&pushes(5), &["wechat", "toutiao", "sms"]);
    assert_eq!(order(&plan), ["wechat", "toutiao", "sms", "wechat", "toutiao"]);
    assert_eq!(plan.most_sends, 5);
    let plan = reaching(&pushes(16), &["sms"]);
    assert_eq!((order(&plan), plan.most_sends), (vec!["sms"; 16], 16));
}

#[test]
fn c7_without_a_number_each_channel_that_reaches_the_user_is_pushed_once() {
    let tester = configured(&push());
    assert_eq!(reaching(&tester, &["wechat", "toutiao", "sms"]).most_sends, 3);
    let plan = reaching(&tester, &["sms"]);
    assert_eq!((order(&plan), plan.most_sends), (vec!["sms"], 1));
}

#[test]
fn c7_nobody_is_pushed_where_nothing_reaches_them_however_many_pushes_there_are() {
    assert_eq!(reaching(&pushes(16), &[]).steps, []);
}
