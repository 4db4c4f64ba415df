//! The elements of system D that the policy answers for, each under its number.

use nudge_guest::prelude::*;
use nudge_guest::testing::{Tester, Values, plan_request};
use nudge_reading::ReadingChannel;
use serde_json::json;

use crate::{bank, configured, with};

const MINUTE: Millis = 60_000;

/// Channel, feedback, first feedback, cost.
type Known = (&'static str, u32, u32, f64);

const NOTHING: [Known; 4] =
    [("email", 0, 0, 0.0), ("sms", 0, 0, 0.0), ("wechat", 0, 0, 0.0), ("app", 0, 0, 0.0)];

/// A request after so many messages, on channels in the tenant's order.
fn request(messages: u32, known: &[Known]) -> PlanRequest {
    let names: Vec<&str> = known.iter().map(|(name, ..)| *name).collect();
    let mut request = plan_request("key", &names);
    request.messages = messages;
    for (reading, (_, feedback, first, cost)) in request.readings.iter_mut().zip(known) {
        reading.feedback = *feedback;
        reading.first_feedback = *first;
        reading.cost = *cost;
    }
    request
}

fn planned(tester: &Tester<ReadingChannel>, request: &PlanRequest) -> Itinerary {
    tester.plan(request, &Values::new()).expect("a plan")
}

fn steps(itinerary: &Itinerary) -> Vec<Vec<&str>> {
    let steps = itinerary.steps.iter();
    steps.map(|step| step.channels.iter().map(String::as_str).collect()).collect()
}

/// The main and the secondary channel of an established account, joined.
fn ranked(known: &[Known]) -> String {
    let plan = planned(&configured(&bank()), &request(5, known));
    assert!(plan.steps.iter().all(|step| step.channels.len() == 1));
    plan.steps.iter().map(|step| &*step.channels[0]).collect::<Vec<_>>().join(" ")
}

#[test]
fn d1_a_new_account_gets_it_on_several_channels_at_once() {
    let plan = planned(&configured(&bank()), &request(0, &NOTHING));
    assert_eq!(steps(&plan), [["app", "wechat", "sms", "email"]]);
    assert_eq!(plan.most_sends, 4);
}

#[test]
fn d1_only_where_it_can_be_reached_and_where_the_settings_allow() {
    let mut request = request(0, &[("fax", 0, 0, 0.0), ("sms", 0, 0, 0.0), ("app", 0, 0, 0.0)]);
    request.readings[1].available = false;
    let plan = planned(&configured(&bank()), &request);
    assert_eq!((steps(&plan), plan.most_sends), (vec![vec!["app"]], 1));
    request.readings[2].available = false;
    let plan = planned(&configured(&bank()), &request);
    assert_eq!((plan.steps.len(), plan.most_sends), (0, 0));
    request.messages = 5;
    assert_eq!(planned(&configured(&bank()), &request).steps, []);
}

#[test]
fn d2_read_feedback_is_the_button_a_reply_or_a_link() {
    for messages in [0, 5] {
        let plan = planned(&configured(&bank()), &request(messages, &NOTHING));
        assert_eq!(plan.ends_at, Grade::Confirmed);
    }
    let seen = configured(&with(bank(), "/received", json!("seen")));
    assert_eq!(planned(&seen, &request(0, &NOTHING)).ends_at, Grade::Seen);
}

#[test]
fn d3_at_the_set_number_an_account_becomes_established() {
    let tester = configured(&bank());
    for (messages, channels) in [(0, 4), (4, 4), (5, 1), (6, 1), (u32::MAX, 1)] {
        let plan = planned(&tester, &request(messages, &NOTHING));
        assert_eq!(plan.steps[0].channels.len(), channels, "{messages}");
    }
    let at_once = configured(&with(bank(), "/established_at", json!(0)));
    assert_eq!(planned(&at_once, &request(0, &NOTHING)).steps[0].channels.len(), 1);
}

#[test]
fn d4_feedback_and_first_feedback_both_count() {
    let feedback = [("app", 0, 0, 0.0), ("sms", 2, 0, 0.0), ("email", 1, 0, 0.0)];
    assert_eq!(ranked(&feedback), "sms email");
    let first = [("app", 2, 0, 0.0), ("sms", 2, 1, 0.0), ("email", 2, 2, 0.0)];
    assert_eq!(ranked(&first), "email sms");
}

#[test]
fn d5_the_importance_base_is_the_weighted_sum() {
    // 1 x feedback + 3 x first feedback: 9, 8, 7, 10.
    let known =
        [("app", 9, 0, 0.0), ("wechat", 5, 1, 0.0), ("sms", 4, 1, 0.0), ("email", 1, 3, 0.0)];
    assert_eq!(ranked(&known), "email app");
    let of = |k1: f64, k2: f64| {
        let settings = with(with(bank(), "/k1", json!(k1)), "/k2", json!(k2));
        let plan = planned(&configured(&settings), &request(5, &known));
        (plan.steps[0].channels[0].clone(), plan.steps[1].channels[0].clone())
    };
    assert_eq!(of(1.0, 0.0), ("app".to_owned(), "wechat".to_owned()));
    assert_eq!(of(0.0, 1.0), ("email".to_owned(), "wechat".to_owned()));
    assert_eq!(of(0.5, 0.1), ("app".to_owned(), "wechat".to_owned()));
    assert_eq!(of(1.0, 5.0), ("email".to_owned(), "wechat".to_owned()));
}

#[test]
fn d5_of_equals_the_cheaper_and_then_the_first_listed() {
    assert_eq!(ranked(&NOTHING), "app wechat");
    let cost =
        [("app", 1, 0, 0.3), ("wechat", 1, 0, 0.2), ("sms", 1, 0, 0.1), ("email", 0, 0, 0.0)];
    assert_eq!(ranked(&cost), "sms wechat");
    // Costs do not weigh against reading.
    let read = [("app", 1, 0, 0.0), ("sms", 2, 0, 9.0)];
    assert_eq!(ranked(&read), "sms app");
}

#[test]
fn d6_the_secondary_channel_follows_the_main_one_and_nothing_follows_that() {
    let known = [("app", 3, 0, 0.0), ("wechat", 2, 0, 0.0), ("sms", 1, 0, 0.0)];
    let plan = planned(&configured(&bank()), &request(5, &known));
    assert_eq!((steps(&plan), plan.most_sends), (vec![vec!["app"], vec!["wechat"]], 2));
    let one = planned(&configured(&bank()), &request(5, &[("sms", 0, 0, 0.0)]));
    assert_eq!((steps(&one), one.most_sends), (vec![vec!["sms"]], 1));
}

#[test]
fn d6_without_feedback_in_time_it_is_not_received() {
    let step = Overdue {
        message: "key".to_owned(),
        importance: Importance::Normal,
        step: 0,
        evidence: Some(Grade::Opened),
        since: 0,
    };
    assert_eq!(configured(&bank()).judge(&step, &Values::new()), Some(Verdict::NotReceived));
}

#[test]
fn d7_every_importance_level_has_its_own_set_time() {
    let waits = |settings: &serde_json::Value, messages: u32| {
        let tester = configured(settings);
        let all = [Importance::Low, Importance::Normal, Importance::High, Importance::Urgent];
        all.map(|importance| {
            let plan = planned(&tester, &PlanRequest { importance, ..request(messages, &NOTHING) });
            let wait = plan.steps[0].wait;
            assert!(plan.steps.iter().all(|step| step.wait == wait));
            wait / MINUTE
        })
    };
    assert_eq!(waits(&bank(), 5), [2_880, 720, 120, 5]);
    assert_eq!(waits(&bank(), 0), [2_880, 720, 120, 5]);
    let some = with(bank(), "/waits", json!({ "high": "1h" }));
    assert_eq!(
        waits(&some, 5),
        [4_320, 1_440, 60, 30],
        "the others stay as they are by themselves"
    );
    let new = with(bank(), "/new_wait", json!("1d"));
    assert_eq!((waits(&new, 4), waits(&new, 5)), ([1_440; 4], [2_880, 720, 120, 5]));
}

#[test]
fn d8_the_users_own_setting_decides() {
    let known =
        [("app", 9, 9, 0.0), ("wechat", 8, 8, 0.0), ("sms", 1, 0, 0.0), ("email", 0, 0, 0.0)];
    let of = |preferred: &[&str]| {
        let preferred = preferred.iter().map(|channel| (*channel).to_owned()).collect();
        let plan = planned(&configured(&bank()), &PlanRequest { preferred, ..request(5, &known) });
        plan.steps.iter().map(|step| step.channels[0].clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of(&[]), "app wechat");
    assert_eq!(of(&["email", "sms"]), "email sms");
    assert_eq!(of(&["email", "sms", "app"]), "email sms");
    // Where the setting says less than two, the others follow as they rank.
    assert_eq!(of(&["sms"]), "sms app");
    assert_eq!(of(&["sms", "sms"]), "sms app");
    // Where nobody can be reached, or nothing is sent, a setting cannot help.
    assert_eq!(of(&["fax", "email"]), "email app");
}

#[test]
fn d9_who_reads_in_time_gets_exactly_one() {
    // One channel at first, and the push ends with read feedback: nothing else is sent until the wait is over.
    let plan = planned(&configured(&bank()), &request(5, &NOTHING));
    assert_eq!(plan.steps[0].channels.len(), 1);
    assert_eq!((plan.ends_at, plan.steps[0].wait), (Grade::Confirmed, 720 * MINUTE));
}
