//! Run natively by `cargo test`, and in the sandbox by `nudge policy test`.

use nudge_guest::testing::{Message, Tester, Values};

use crate::@TYPE@;

fn title(text: &str, user: &Values) -> Option<String> {
    let policy = Tester::<@TYPE@>::new("{}").expect("these settings are right");
    let message = Message::new(text, "").data("days", 3);
    policy.render(&message, user).map(|content| content.title)
}

nudge_guest::tests! {
    fn the_first_name_is_embedded() {
        let ada = Values::new().profile("name", "Ada Lovelace");
        assert_eq!(title("Hello {name}, after {days} days", &ada).as_deref(),
            Some("Hello Ada, after 3 days"));
        assert_eq!(title("Hello {name}", &Values::new()).as_deref(), Some("Hello there"));
    }

    fn a_text_that_names_what_is_not_there_is_not_sent() {
        assert_eq!(title("Your {discount}", &Values::new()), None);
    }
}
