//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nudge_guest::testing::{Message, Tester, Values};

use crate::Lapsed;

fn lapsed(settings: &str) -> Tester<Lapsed> {
    Tester::new(settings).expect("these settings are right")
}

nudge_guest::tests! {
    fn e1_e2_logins_of_the_period_are_counted() {
        let group = |minimum: u32, logins: i64| {
            let settings = format!(r#"{{"period": "1d", "minimum": {minimum}}}"#);
            lapsed(&settings).classify(&Values::new().counter("login/86400000", logins))
        };
        assert_eq!([group(0, 0), group(0, 1)], [[1], [0]]);
        assert_eq!([group(2, 2), group(2, 3)], [[1], [0]]);
    }

    fn e3_a_reminder_is_for_whoever_has_an_account() {
        let account = |user: Values| lapsed("{}").qualify("account", &user);
        assert!(account(Values::new().profile("wecom", "ZhangSan")));
        assert!(!account(Values::new()));
    }

    fn e6_a_reminder_has_the_stored_text_and_file() {
        let message = Message::new("", "{text} {file}").data("text", "Come.").data("file", "a.pdf");
        let content = lapsed("{}").render(&message, &Values::new()).expect("content");
        assert_eq!(content.body, "Come. a.pdf");
    }
}
