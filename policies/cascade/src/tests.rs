//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nudge_guest::prelude::*;
use nudge_guest::testing::{Tester, Values, plan_request};

use crate::Cascade;

/// The channels of the plan for a user who can be reached on `channels`.
fn plan(settings: &str, channels: &[&str]) -> Vec<String> {
    let cascade = Tester::<Cascade>::new(settings).expect("these settings are right");
    let plan = cascade.plan(&plan_request("key", channels), &Values::new());
    let steps = plan.expect("there is a plan").steps;
    steps.into_iter().flat_map(|step| step.channels).collect()
}

nudge_guest::tests! {
    fn c2_the_order_is_the_strategys_and_not_the_tenants() {
        let settings = r#"{"strategies": {"default": {"channels": ["wechat", "sms"]}}}"#;
        assert_eq!(plan(settings, &["sms", "wechat"]), ["wechat", "sms"]);
        assert_eq!(plan(settings, &["sms"]), ["sms"]);
        assert!(plan(settings, &["fax"]).is_empty());
    }

    fn c6_history_decides_where_return_data_is_missing() {
        let settings = r#"{"strategies": {"default": {
            "channels": ["wechat", "sms"], "history": {"fulfilled": ["PAID"]}
        }}}"#;
        let cascade = Tester::<Cascade>::new(settings).expect("these settings are right");
        let step = Overdue {
            message: "key".to_owned(),
            importance: Importance::Normal,
            step: 0,
            evidence: None,
            since: 1_000,
        };
        let did = |event: &str| {
            let name = format!("{event}/{}", nudge_guest::EVER);
            let user = Values::new().counted_at(&name, Moment(1_001));
            cascade.judge(&step, &user).expect("a verdict")
        };
        let all = ["PAID", "*", "nothing"].map(did);
        assert_eq!(all, [Verdict::Received, Verdict::NotReceived, Verdict::WaitLonger]);
    }

    fn c7_pushes_are_counted_and_go_round() {
        let settings =
            r#"{"strategies": {"default": {"channels": ["wechat", "sms"], "pushes": 3}}}"#;
        assert_eq!(plan(settings, &["sms", "wechat"]), ["wechat", "sms", "wechat"]);
    }

    fn wrong_settings_are_refused_with_their_place() {
        let issues = Tester::<Cascade>::new(r#"{"strategies": {}}"#).expect_err("it is refused");
        assert_eq!(issues.iter().next().map(|(path, _)| path), Some("/strategies"));
    }
}
