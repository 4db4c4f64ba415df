//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nudge_guest::testing::{Message, Tester, Values};

use crate::Dwell;

const SETTINGS: &str = r#"{
    "process": ["A_*"],
    "nodes": {
        "A_START": {"threshold": "1h", "pending": "A_END"},
        "A_END": {"behaviour": "finish", "last": true}
    },
    "behaviours": {"finish": {"message": "finish", "data": {"what": "the form"}}},
    "features": {"amount": {"field": "amount", "format": "grouped"}}
}"#;

fn dwell() -> Tester<Dwell> {
    Tester::new(SETTINGS).expect("these settings are right")
}

nudge_guest::tests! {
    fn a2_a_node_is_listed_or_of_the_process_or_none() {
        let rule = |node: &str| dwell().locate(&Values::new().event("node", node));
        // In order of their names, and the rest of the process last.
        assert_eq!(
            ["A_END", "A_START", "A_OTHER", "B_START", ""].map(rule),
            [Some(0), Some(1), Some(2), None, None]
        );
    }

    fn a7_the_pending_node_selects_what_is_said() {
        let visit = Values::new().visit("interruption", 3_600_001);
        let draft = dwell().stalled(1, &visit).expect("there is something to say");
        assert_eq!((&*draft.message, draft.pending.as_deref()), ("finish", Some("A_END")));
        assert_eq!(dwell().stalled(0, &visit), None);
        assert_eq!(dwell().stalled(2, &visit), None);
    }

    fn a8_features_are_embedded_and_none_is_made_up() {
        let title = |user: Values| {
            let message = Message::new("{amount} for {what}", "").data("what", "the form");
            dwell().render(&message, &user).map(|content| content.title)
        };
        let known = title(Values::new().event("amount", 20_000));
        assert_eq!(known.as_deref(), Some("20,000 for the form"));
        assert_eq!(title(Values::new()), None);
    }
}
