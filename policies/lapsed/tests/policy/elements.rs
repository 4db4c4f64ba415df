//! The elements of system E that the policy answers for, each under its number.

use nudge_guest::prelude::{Audience as _, *};
use nudge_guest::testing::{Message, Tester, Values};
use nudge_lapsed::Lapsed;
use serde_json::{Value as Json, json};

use crate::{club, configured, reminder, with};

const FORTNIGHT: u64 = 14 * 86_400_000;

fn group(tester: &Tester<Lapsed>, user: &Values) -> Option<String> {
    let groups = tester.classify(user);
    assert!(groups.len() <= 1, "nobody is both: {groups:?}");
    groups.first().map(|group| tester.policy().groups()[*group].clone())
}

fn visits(count: i64) -> Values {
    Values::new().counter(&format!("kind=visit/{FORTNIGHT}"), count)
}

fn composed(parameters: &Json) -> Campaign {
    let composed = configured(&club()).compose(&parameters.to_string());
    composed.unwrap_or_else(|issues| panic!("{issues}"))
}

#[test]
fn e1_logins_are_counted_within_the_period_that_is_set() {
    let tester = configured(&club());
    assert_eq!(group(&tester, &visits(3)).as_deref(), Some("active"));
    // What another counter counted is no login of the period.
    for other in ["kind=visit/1209600001", "login/1209600000", "visit/1209600000"] {
        let user = Values::new().counter(other, 3);
        assert_eq!(group(&tester, &user).as_deref(), Some("inactive"), "{other}");
    }
    let shorter = configured(&with(club(), "/period", json!("1d")));
    assert_eq!(group(&shorter, &visits(3)).as_deref(), Some("inactive"));
}

#[test]
fn e1_without_a_word_it_is_logins_of_thirty_days() {
    let tester = configured(&json!({}));
    let user = |count: i64| Values::new().counter("login/2592000000", count);
    assert_eq!(group(&tester, &user(1)).as_deref(), Some("active"));
    assert_eq!(group(&tester, &user(0)).as_deref(), Some("inactive"));
}

#[test]
fn e2_at_or_below_the_minimum_is_inactive() {
    for (minimum, count, inactive) in [
        (0, 0, true),
        (0, 1, false),
        (1, 0, true),
        (1, 1, true),
        (1, 2, false),
        (999, 999, true),
        (999, 1_000, false),
    ] {
        let tester = configured(&with(club(), "/minimum", json!(minimum)));
        let group = group(&tester, &visits(count));
        assert_eq!(group.as_deref() == Some("inactive"), inactive, "{minimum} and {count}");
    }
}

#[test]
fn e2_a_newcomer_is_not_judged_before_the_period_has_passed() {
    let tester = configured(&club());
    let known = |user: Values, known: i64| user.counter(&format!("$known/{FORTNIGHT}"), known);
    assert_eq!(group(&tester, &known(visits(0), 1)), None);
    assert_eq!(group(&tester, &known(visits(2), 1)), None);
    // The host first knew of them longer ago than that.
    assert_eq!(group(&tester, &known(visits(2), 0)).as_deref(), Some("inactive"));
    // Who is there often enough needs no watching for that.
    assert_eq!(group(&tester, &known(visits(3), 1)).as_deref(), Some("active"));
}

#[test]
fn e3_the_communication_account_comes_from_the_profile() {
    let tester = configured(&club());
    let standard = composed(&reminder()).standard;
    let gets_it = |user: Values| tester.qualify(&standard, &user);
    assert!(gets_it(Values::new().profile("wecom_id", "ZhangSan")));
    assert!(gets_it(Values::new().profile("wecom_id", 10_086)));
    for nothing in ["", " ", "\n"] {
        assert!(!gets_it(Values::new().profile("wecom_id", nothing)), "{nothing:?}");
    }
    assert!(!gets_it(Values::new()));
    assert!(!gets_it(Values::new().profile("wecom", "ZhangSan")), "the settings name the field");
    assert!(!gets_it(Values::new().event("wecom_id", "ZhangSan")), "an event is no profile");
    let usual = configured(&json!({}));
    assert!(usual.qualify("account", &Values::new().profile("wecom", "ZhangSan")));
}

#[test]
fn e3_a_reminder_may_be_for_those_without_an_account() {
    let parameters = with(reminder(), "/without_account", json!(true));
    let standard = composed(&parameters).standard;
    assert!(configured(&club()).qualify(&standard, &Values::new()));
    let with_account = with(reminder(), "/without_account", json!(false));
    assert_eq!(composed(&with_account).standard, composed(&reminder()).standard);
    assert!(!configured(&club()).qualify("", &Values::new().profile("wecom_id", "a")));
}

#[test]
fn e4_a_reminder_goes_to_the_inactive_unless_it_says_otherwise() {
    let campaign = composed(&reminder());
    assert_eq!((&*campaign.name, &*campaign.message), ("come-back", "come-back"));
    assert_eq!((&*campaign.event_type, campaign.importance), ("inactive", Importance::Low));
    assert!(configured(&club()).policy().groups().contains(&campaign.event_type));
    let thanks = composed(&with(reminder(), "/type", json!("active")));
    assert_eq!(thanks.event_type, "active");
}

#[test]
fn e6_a_reminder_is_composed_with_the_stored_text_or_file() {
    let campaign = composed(&reminder());
    let data: Vec<String> =
        campaign.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let want = [
        "days=14",
        "subject=We miss you",
        "text=It has been a while.",
        "file_url=https://files.example/news.pdf",
        "file=news.pdf",
        "gift=a coffee",
    ];
    assert_eq!(data, want);
    for content in [
        json!({ "text": "Only a text." }),
        json!({ "files": [{ "name": "a", "url": "https://files.example/a" }] }),
    ] {
        composed(&with(reminder(), "/content", content));
    }
    let least = composed(&json!({ "name": "n", "message": "m" }));
    assert_eq!(least.data, [("days".to_owned(), Value::Integer(14))]);
}

#[test]
fn e6_the_text_has_what_was_stored_and_what_is_known_of_the_user() {
    let text =
        Message::new("{subject}, {first}", "{text} {days} days! {points} points, {gift}: {file}")
            .link("{file_url}");
    let data = composed(&reminder()).data;
    let text = data.iter().fold(text, |text, (name, value)| text.data(name, value.clone()));
    let user = Values::new().profile("name", "Ada Lovelace").event("points", 1_500);
    let content = configured(&club()).render(&text, &user).expect("content");
    assert_eq!(content.title, "We miss you, Ada");
    assert_eq!(content.body, "It has been a while. 14 days! 1,500 points, a coffee: news.pdf");
    assert_eq!(content.link.as_deref(), Some("https://files.example/news.pdf"));
    // Without the stored text no text is written that names it.
    let bare = Message::new("", "{text}");
    assert_eq!(configured(&club()).render(&bare, &user), None);
}
