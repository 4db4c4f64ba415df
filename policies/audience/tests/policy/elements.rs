//! The elements of system B that the policy answers for, each under its number.

use nudge_audience::Audience;
use nudge_guest::prelude::{Audience as _, *};
use nudge_guest::testing::{Message, Tester, Values};
use serde_json::{Value as Json, json};

use crate::{campaign, configured, offers, with};

const EVER: u64 = u64::MAX;

/// The names of the user's groups.
fn groups(settings: &Json, user: &Values) -> Vec<String> {
    let tester = configured(settings);
    let names = tester.policy().groups();
    tester.classify(user).into_iter().map(|group| names[group].clone()).collect()
}

fn counted(event: &str, window: u64, count: i64) -> Values {
    Values::new().counter(&format!("{event}/{window}"), count)
}

/// Whether a user meets these conditions, by a standard of the settings and by one that comes with a
/// campaign: there is no difference.
fn meets(conditions: &Json, user: &Values) -> bool {
    let mut fields = Vec::new();
    for condition in conditions.as_array().expect("a list") {
        if let Some(field) = condition.get("field") {
            let origin = condition.get("origin").cloned().unwrap_or_else(|| json!("event"));
            for shape in ["text", "number", "flag"] {
                fields.push(json!({ "field": field, "origin": origin, "shape": shape }));
            }
        }
        for counter in ["counter", "later_than"] {
            if let Some(counter) = condition.get(counter) {
                // What the later one is compared with is counted just as far back.
                fields.push(match condition.get("within") {
                    Some(within) => json!({ "counter": counter, "within": within }),
                    None => json!({ "counter": counter }),
                });
            }
        }
    }
    let named = json!({ "groups": { "g": {} }, "standards": { "s": conditions } });
    let named = configured(&named).qualify("s", user);
    let inline = json!({ "groups": { "g": {} }, "fields": fields });
    let parameters = json!({ "name": "n", "message": "m", "type": "g", "standard": conditions });
    let inline = configured(&inline);
    let standard = inline.compose(&parameters.to_string()).unwrap_or_else(|i| panic!("{i}"));
    let inline = inline.qualify(&standard.standard, user);
    assert_eq!(named, inline, "{conditions}");
    named
}

#[test]
fn b2_the_business_type_is_the_field_that_the_settings_name() {
    let user = counted("type=loan", EVER, 1);
    assert_eq!(groups(&offers(), &user), ["loan"]);
    let kind = with(offers(), "/type_field", json!("kind"));
    assert_eq!(groups(&kind, &user), [""; 0]);
    assert_eq!(groups(&kind, &counted("kind=loan", EVER, 1)), ["loan"]);
    // By custom it is the event's name.
    let named = json!({ "groups": { "loan": {} } });
    assert_eq!(groups(&named, &counted("loan", EVER, 1)), ["loan"]);
    assert_eq!(groups(&named, &user), [""; 0]);
}

#[test]
fn b2_a_group_may_be_of_records_that_it_names_itself() {
    let user = counted("BOOKED", EVER, 1).profile("city", "Gouda");
    assert_eq!(groups(&offers(), &user), ["traveller"]);
    assert_eq!(
        groups(&offers(), &counted("type=traveller", EVER, 1).profile("city", "Gouda")),
        [""; 0]
    );
}

#[test]
fn b3_users_are_in_all_groups_of_their_records() {
    let user = counted("type=loan", EVER, 7)
        .counter("type=card/2592000000", 3)
        .counter(&format!("BOOKED/{EVER}"), 1)
        .profile("city", "Gouda");
    assert_eq!(groups(&offers(), &user), ["card", "loan", "traveller"]);
    assert_eq!(groups(&offers(), &Values::new()), [""; 0]);
}

#[test]
fn b3_enough_records_make_a_member_and_within_the_window() {
    for (count, member) in [(0, false), (2, false), (3, true), (1_000, true)] {
        let user = counted("type=card", 2_592_000_000, count);
        assert_eq!(!groups(&offers(), &user).is_empty(), member, "{count}");
    }
    assert_eq!(groups(&offers(), &counted("type=card", EVER, 5)), [""; 0], "another window");
}

#[test]
fn b3_what_else_a_group_asks_must_hold() {
    let booked = || counted("BOOKED", EVER, 1);
    let of = |user: Values| !groups(&offers(), &user).is_empty();
    assert!(of(booked().profile("city", "Gouda")));
    assert!(!of(booked().profile("city", "Delft")));
    assert!(!of(booked()), "nothing is known of where they are");
    assert!(!of(booked().event("city", "Gouda")), "an event is no profile");
    assert!(!of(booked().profile("city", "Gouda").counter(&format!("CANCELLED/{EVER}"), 1)));
}

#[test]
fn b3_a_hundred_groups_are_told_apart() {
    let all: serde_json::Map<String, Json> = (0..100)
        .map(|group| {
            (format!("G{group:03}"), json!({ "where": [{ "field": "n", "at_least": group }] }))
        })
        .collect();
    let settings = json!({ "groups": all });
    let user = counted("G000", EVER, 1)
        .counter(&format!("G041/{EVER}"), 1)
        .counter(&format!("G042/{EVER}"), 1)
        .counter(&format!("G043/{EVER}"), 1)
        .event("n", 42);
    assert_eq!(groups(&settings, &user), ["G000", "G041", "G042"]);
}

#[test]
fn b4_a_marketing_event_is_generated_from_parameters() {
    let composed = configured(&offers()).compose(&campaign().to_string()).expect("it is right");
    assert_eq!((&*composed.name, &*composed.message), ("spring", "spring-offer"));
    assert_eq!(composed.importance, Importance::High);
    let data: Vec<String> =
        composed.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let want = [
        "subject=Spring",
        "text=It is spring.",
        "file_url=https://files.example/offer.pdf",
        "file=offer.pdf",
        "rate=0.5",
        "until=May",
    ];
    assert_eq!(data, want);
    let least = json!({ "name": "n", "message": "m", "type": "card" });
    let least = configured(&offers()).compose(&least.to_string()).expect("it is right");
    assert_eq!((least.importance, &*least.standard), (Importance::Normal, ""));
}

#[test]
fn b5_the_type_is_matched_with_the_business_types() {
    for group in ["card", "loan", "traveller"] {
        let parameters = with(campaign(), "/type", json!(group));
        let composed = configured(&offers()).compose(&parameters.to_string()).expect("it is right");
        assert_eq!(composed.event_type, group);
        assert!(configured(&offers()).policy().groups().contains(&composed.event_type));
    }
    let parameters = with(campaign(), "/type", json!("Loan"));
    let refused = configured(&offers()).compose(&parameters.to_string()).unwrap_err().to_string();
    assert_eq!(refused, "/type: \"Loan\" is none of the groups (card, loan, traveller)");
}

#[test]
fn b6_members_who_meet_the_standard_are_kept() {
    let tester = configured(&offers());
    let composed = tester.compose(&campaign().to_string()).expect("it is right");
    for (amount, kept) in [(9_999, false), (10_000, true), (49_999, true), (50_000, false)] {
        let user = Values::new().event("amount", amount);
        assert_eq!(tester.qualify(&composed.standard, &user), kept, "{amount}");
    }
    assert!(!tester.qualify(&composed.standard, &Values::new()));
    assert!(tester.qualify("", &Values::new()), "without a standard the whole group is kept");
}

#[test]
fn b6_all_conditions_of_a_standard_must_hold() {
    let tester = configured(&offers());
    let open = |user: Values| tester.qualify("still-open", &user);
    let sent = |sent: i64, withdrawn: Option<i64>| {
        let user = Values::new().counted_at(&format!("SENT/{EVER}"), Moment(sent));
        let user = user.profile("consent", true);
        match withdrawn {
            Some(at) => user.counted_at(&format!("WITHDRAWN/{EVER}"), Moment(at)),
            None => user,
        }
    };
    assert!(open(sent(5, None)) && open(sent(5, Some(4))));
    assert!(!open(sent(5, Some(5))) && !open(sent(5, Some(6))));
    assert!(!open(Values::new().profile("consent", true)), "nothing was ever sent");
    assert!(!open(sent(5, None).counter(&format!("SIGNED/{EVER}"), 1)));
    assert!(!open(sent(5, None).profile("consent", false)));
}

#[test]
fn b6_every_comparison_compares() {
    let field = |comparison: &str, value: Json| {
        let mut condition = json!({ "field": "x" });
        condition[comparison] = value;
        json!([condition])
    };
    let x = |value: Value| Values::new().event("x", value);
    let all: Vec<(&str, Json, Vec<Value>, Vec<Value>)> = vec![
        ("is", json!("a"), vec!["a".into()], vec!["A".into(), "ab".into(), "".into()]),
        ("is", json!("5"), vec!["5".into(), 5.into()], vec![5.5.into(), "05".into()]),
        ("is", json!(5), vec![5.into(), "5".into(), 5.0.into()], vec![6.into(), "x".into()]),
        ("is", json!(0.5), vec![0.5.into(), "0.5".into()], vec![0.into()]),
        ("is", json!(true), vec![true.into(), "true".into()], vec![false.into(), 1.into()]),
        ("is", json!(false), vec![false.into()], vec![true.into(), 0.into()]),
        ("any_of", json!(["a", "b"]), vec!["a".into(), "b".into()], vec!["c".into()]),
        ("any_of", json!([1, 2]), vec![1.into(), 2.into()], vec![3.into(), 1.5.into()]),
        ("none_of", json!(["a", "b"]), vec!["c".into()], vec!["a".into(), "b".into()]),
        ("none_of", json!([1, 2]), vec![3.into()], vec![1.into(), "none".into()]),
        ("at_least", json!(2), vec![2.into(), 10.into()], vec![1.into(), "a".into()]),
        ("at_most", json!(2), vec![2.into(), (-9).into()], vec![2.1.into()]),
        ("more_than", json!(2), vec![2.1.into(), 10.into()], vec![2.into()]),
        ("less_than", json!(2), vec![1.9.into()], vec![2.into(), 10.into()]),
        // As texts, 10 comes before 2.
        ("at_least", json!("2"), vec![2.into(), 3.into(), "2012-03".into()], vec![10.into()]),
        ("less_than", json!("2012-03"), vec!["2012-02-28".into()], vec!["2012-03".into()]),
        ("more_than", json!("a"), vec!["aa".into(), "b".into()], vec!["a".into(), "".into()]),
        ("at_most", json!("a"), vec!["a".into(), "".into()], vec!["b".into()]),
        ("exists", json!(true), vec!["".into(), 0.into(), false.into()], vec![]),
        ("exists", json!(false), vec![], vec!["".into(), 0.into()]),
    ];
    for (comparison, value, yes, no) in all {
        let condition = field(comparison, value);
        for value in yes {
            assert!(meets(&condition, &x(value.clone())), "{condition} and {value}");
        }
        for value in no {
            assert!(!meets(&condition, &x(value.clone())), "{condition} and {value}");
        }
        // Who has no such field meets nothing but its absence.
        let none = Values::new().profile("x", "a").counter(&format!("x/{EVER}"), 5);
        assert_eq!(meets(&condition, &none), condition[0]["exists"] == false, "{condition}");
    }
    let profile = json!([{ "field": "x", "origin": "profile", "is": "a" }]);
    assert!(meets(&profile, &Values::new().profile("x", "a")) && !meets(&profile, &x("a".into())));
}

#[test]
fn b6_records_are_counted() {
    let holds = |condition: Json, count: i64| {
        meets(&json!([condition]), &Values::new().counter(&format!("type=loan/{EVER}"), count))
    };
    for (comparison, from, to) in [
        (json!({}), 1, 9),
        (json!({ "is": 2 }), 2, 2),
        (json!({ "at_least": 2 }), 2, 9),
        (json!({ "at_most": 2 }), 0, 2),
        (json!({ "more_than": 2 }), 3, 9),
        (json!({ "less_than": 2 }), 0, 1),
        (json!({ "at_least": 2, "less_than": 5 }), 2, 4),
    ] {
        let mut condition = json!({ "counter": "type=loan" });
        condition.as_object_mut().unwrap().extend(comparison.as_object().unwrap().clone());
        for count in 0..=9 {
            let want = (from..=to).contains(&count);
            assert_eq!(holds(condition.clone(), count), want, "{condition} and {count}");
        }
    }
    let week = json!([{ "counter": "VISIT", "within": "7d" }]);
    assert!(meets(&week, &Values::new().counter("VISIT/604800000", 1)));
    assert!(!meets(&week, &Values::new().counter(&format!("VISIT/{EVER}"), 1)));
}

#[test]
fn b6_a_standard_that_is_none_any_more_nobody_meets() {
    let tester = configured(&offers());
    let user = Values::new().event("amount", 20_000).profile("city", "Delft");
    assert!(tester.qualify("large", &user));
    for standard in
        ["huge", "[", "[1]", r#"[{"field": "secret", "is": "x"}]"#, r#"[{"field": "amount"}]"#]
    {
        assert!(!tester.qualify(standard, &user), "{standard}");
    }
}

#[test]
fn b7_the_message_has_what_the_campaign_and_the_user_bring() {
    let tester: Tester<Audience> = configured(&offers());
    let composed = tester.compose(&campaign().to_string()).expect("it is right");
    let text =
        Message::new("{subject}, {first}", "{text} {amount} at {rate} until {until}: {file}")
            .link("{file_url}");
    let text =
        composed.data.iter().fold(text, |text, (name, value)| text.data(name, value.clone()));
    let user = Values::new().profile("name", "Ada Lovelace").event("amount", 20_000);
    let content = tester.render(&text, &user).expect("content");
    assert_eq!(content.title, "Spring, Ada");
    assert_eq!(content.body, "It is spring. 20,000 at 0.5 until May: offer.pdf");
    assert_eq!(content.link.as_deref(), Some("https://files.example/offer.pdf"));
    let taken: Vec<&str> = content.features.iter().map(|(name, _)| &**name).collect();
    assert_eq!(taken, ["first", "amount"]);
    // No text is written with a hole in it.
    assert_eq!(tester.render(&text, &Values::new()), None);
}
