//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nudge_guest::testing::{Tester, Values, plan_request};

use crate::ReadingChannel;

const SETTINGS: &str = r#"{"channels": ["app", "wechat", "sms"], "established_at": 3, "k2": 2}"#;

/// The channels of each step after so many messages, with (feedback, first feedback) of each channel.
fn plan(messages: u32, feedback: [(u32, u32); 3]) -> Vec<Vec<String>> {
    let tester = Tester::<ReadingChannel>::new(SETTINGS).expect("these settings are right");
    let mut request = plan_request("key", &["app", "wechat", "sms"]);
    request.messages = messages;
    for (reading, (feedback, first)) in request.readings.iter_mut().zip(feedback) {
        reading.feedback = feedback;
        reading.first_feedback = first;
    }
    let plan = tester.plan(&request, &Values::new()).expect("there is a plan");
    plan.steps.into_iter().map(|step| step.channels).collect()
}

nudge_guest::tests! {
    fn d1_a_new_account_is_reached_on_all_channels_at_once() {
        assert_eq!(plan(2, [(9, 9), (0, 0), (0, 0)]), [["app", "wechat", "sms"]]);
    }

    fn d5_d6_an_established_account_where_it_reads_and_then_on_the_second_best() {
        // 1, 3, and 2 + 2 x 2.
        assert_eq!(plan(3, [(1, 0), (3, 0), (2, 2)]), [["sms"], ["wechat"]]);
    }

    fn wrong_settings_are_refused_with_their_place() {
        let settings = r#"{"channels": [], "established_at": 3}"#;
        let issues = Tester::<ReadingChannel>::new(settings).expect_err("it is refused");
        assert_eq!(issues.iter().next().map(|(path, _)| path), Some("/channels"));
    }
}
