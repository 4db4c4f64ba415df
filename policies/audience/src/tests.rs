//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nudge_guest::testing::{Message, Tester, Values};

use crate::Audience;

const SETTINGS: &str = r#"{
    "type_field": "type",
    "groups": {
        "loan": {},
        "saver": {"event": "DEPOSIT", "at_least": 2, "where": [{"field": "balance", "more_than": 1000}]}
    },
    "standards": {"large": [{"field": "amount", "at_least": 10000}]},
    "fields": [{"field": "city", "origin": "profile"}],
    "features": {"amount": {"field": "amount", "format": "grouped"}}
}"#;

fn audience() -> Tester<Audience> {
    Tester::new(SETTINGS).expect("these settings are right")
}

fn counted(event: &str, count: i64) -> Values {
    Values::new().counter(&format!("{event}/{}", nudge_guest::EVER), count)
}

nudge_guest::tests! {
    fn b3_users_are_classified_by_business_type() {
        let groups = |user: Values| audience().classify(&user);
        assert_eq!(groups(counted("type=loan", 1)), [0]);
        assert_eq!(groups(counted("DEPOSIT", 2).event("balance", 1_001)), [1]);
        assert!(groups(counted("DEPOSIT", 1).event("balance", 1_001)).is_empty());
        assert!(groups(counted("DEPOSIT", 2).event("balance", 1_000)).is_empty());
    }

    fn b4_b6_a_campaign_is_composed_and_its_standard_is_met_or_not() {
        let inline = r#"[{"field": "city", "origin": "profile", "is": "Delft"}]"#;
        for (standard, user) in [
            (r#""large""#, Values::new().event("amount", 10_000)),
            (inline, Values::new().profile("city", "Delft")),
        ] {
            let parameters =
                format!(r#"{{"name": "n", "message": "m", "type": "loan", "standard": {standard}}}"#);
            let campaign = audience().compose(&parameters).expect("these parameters are right");
            assert_eq!(campaign.event_type, "loan");
            assert!(audience().qualify(&campaign.standard, &user));
            assert!(!audience().qualify(&campaign.standard, &Values::new()));
        }
        assert!(audience().compose("{}").is_err());
    }

    fn b7_the_text_has_the_campaigns_data_and_the_users_features() {
        let message = Message::new("", "{what}: {amount}").data("what", "A loan");
        let content = audience().render(&message, &Values::new().event("amount", 20_000));
        assert_eq!(content.expect("content").body, "A loan: 20,000");
    }
}
