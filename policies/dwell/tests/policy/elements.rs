//! The elements of system A that the policy answers for, each under its number.

use nudge_dwell::Dwell;
use nudge_guest::prelude::*;
use nudge_guest::testing::{Message, Tester, Values};
use serde_json::json;

use crate::{configured, loan, with};

const HOUR: i64 = 3_600_000;

/// Which node the policy takes an event with this identifier to.
fn located(tester: &Tester<Dwell>, node: &str) -> Option<Place> {
    let rule = tester.locate(&Values::new().event("node", node))?;
    Some(tester.policy().rules()[rule].node.clone())
}

fn rule_of(tester: &Tester<Dwell>, node: &str) -> usize {
    let rules = tester.policy().rules();
    rules.iter().position(|rule| rule.node == Place::named(node)).expect("it is listed")
}

fn watch(tester: &Tester<Dwell>, node: &str) -> Option<Watch> {
    tester.policy().rules()[rule_of(tester, node)].watch
}

/// The draft for somebody who has stalled at the node.
fn draft(tester: &Tester<Dwell>, node: &str, interruption: i64, page_stay: i64) -> Option<Draft> {
    let visit = Values::new().visit("interruption", interruption).visit("page-stay", page_stay);
    tester.stalled(rule_of(tester, node), &visit)
}

fn datum<'a>(draft: &'a Draft, name: &str) -> Option<&'a Value> {
    let mut all = draft.data.iter().filter(|(n, _)| n == name);
    let value = all.next().map(|(_, value)| value);
    assert!(all.next().is_none(), "{name} is there twice");
    value
}

fn rendered(message: &Message, user: &Values) -> Option<Content> {
    configured(&loan()).render(message, user)
}

fn body(text: &str, user: &Values) -> Option<String> {
    rendered(&Message::new("", text), user).map(|content| content.body)
}

#[test]
fn a1_an_event_carries_a_node_attribute_identifier() {
    let tester = configured(&loan());
    assert_eq!(located(&tester, "P_DATA"), Some(Place::named("P_DATA")));
    // Without the attribute an event is at no node, and neither is one whose identifier is empty.
    assert_eq!(tester.locate(&Values::new().event("page", "P_DATA")), None);
    assert_eq!(tester.locate(&Values::new().profile("node", "P_DATA")), None);
    let all = configured(&with(loan(), "/process", json!(["*"])));
    assert_eq!(located(&all, ""), None);
}

#[test]
fn a1_the_attribute_is_the_one_that_the_settings_name() {
    let tester = configured(&with(loan(), "/node_field", json!("concept:name")));
    let event = Values::new().event("concept:name", "P_DATA").event("node", "R_DONE");
    assert_eq!(tester.locate(&event), Some(rule_of(&tester, "P_DATA")));
    assert_eq!(located(&tester, "R_DONE"), None);
}

#[test]
fn a1_an_identifier_may_be_a_number() {
    let settings = json!({ "nodes": { "7": {} }, "process": [] });
    let tester = configured(&settings);
    assert_eq!(tester.locate(&Values::new().event("node", 7)), Some(0));
}

#[test]
fn a2_the_identifier_determines_the_current_node() {
    let tester = configured(&loan());
    for node in ["R_DONE", "P_DATA", "P_AUTH", "APPLIED"] {
        assert_eq!(located(&tester, node), Some(Place::named(node)));
    }
}

#[test]
fn a2_other_nodes_of_the_process_are_nodes_but_nobody_stalls_there() {
    let tester = configured(&loan());
    let rule = tester.locate(&Values::new().event("node", "R_MAIL")).expect("R_* is a node");
    let rule = tester.policy().rules()[rule].clone();
    // The node is what the event has in the first need, which is the node attribute identifier.
    assert_eq!(rule, Rule { node: Place::OfNeed(0), watch: None, last: false });
    assert_eq!(located(&tester, "P_"), Some(Place::OfNeed(0)));
}

#[test]
fn a2_what_is_no_node_of_the_process_moves_nobody() {
    let tester = configured(&loan());
    for event in ["W_Completeren aanvraag", "W_P_DATA", "p_data", "P", "APPLIED2"] {
        assert_eq!(located(&tester, event), None, "{event}");
    }
    let closed = configured(&with(loan(), "/process", json!([])));
    assert_eq!(located(&closed, "P_OTHER"), None);
    assert_eq!(located(&closed, "P_DATA"), Some(Place::named("P_DATA")));
}

#[test]
fn a2_without_patterns_every_identifier_is_a_node() {
    let tester = configured(&json!({ "nodes": { "cart": {} } }));
    assert_eq!(located(&tester, "W_anything"), Some(Place::OfNeed(0)));
}

#[test]
fn a2_a_star_stands_for_any_run_of_characters() {
    for (pattern, yes, no) in [
        ("A_*", &["A_", "A_SUBMITTED"][..], &["A", "a_x", "BA_x"][..]),
        ("*_SENT", &["_SENT", "O_SENT", "O_SENT_SENT"], &["O_SENT_BACK", "SENT"]),
        ("O_*_BACK", &["O__BACK", "O_SENT_BACK", "O_BACK_BACK"], &["O_BACK", "O_SENT_BACKS"]),
        ("*E*T*", &["SENT", "ET", "TEST"], &["TE", "SNT"]),
        ("a*a", &["aa", "aba", "aaa"], &["a", "ab"]),
        ("**", &["x"], &[]),
        ("a.c", &["a.c"], &["abc"]),
        ("日*", &["日本"], &["本日"]),
    ] {
        let settings = json!({ "nodes": { "listed": {} }, "process": [pattern] });
        let tester = configured(&settings);
        for node in yes {
            assert_eq!(located(&tester, node), Some(Place::OfNeed(0)), "{pattern} and {node}");
        }
        for node in no {
            assert_eq!(located(&tester, node), None, "{pattern} and {node}");
        }
    }
}

#[test]
fn a3_dwell_is_the_interruption_unless_something_else_is_said() {
    let tester = configured(&loan());
    assert_eq!(watch(&tester, "R_DONE").map(|watch| watch.basis), Some(Basis::Interruption));
}

#[test]
fn a3_every_basis_reaches_the_watch_from_the_node_and_from_the_whole() {
    for (name, basis) in [
        ("interruption", Basis::Interruption),
        ("page-stay", Basis::PageStay),
        ("sum", Basis::Sum),
        ("either", Basis::Either),
    ] {
        let one = configured(&with(loan(), "/nodes/R_DONE/basis", json!(name)));
        assert_eq!(watch(&one, "R_DONE").map(|watch| watch.basis), Some(basis));
        let whole = configured(&with(loan(), "/basis", json!(name)));
        assert_eq!(watch(&whole, "R_DONE").map(|watch| watch.basis), Some(basis));
        // What a node says goes before what is said of all.
        assert_eq!(watch(&whole, "P_DATA").map(|watch| watch.basis), Some(Basis::PageStay));
    }
}

#[test]
fn a3_a_message_tells_the_dwell_of_its_own_basis() {
    for (basis, hours) in [("interruption", 30), ("page-stay", 20), ("sum", 50), ("either", 30)] {
        let tester = configured(&with(loan(), "/nodes/R_DONE/basis", json!(basis)));
        let draft = draft(&tester, "R_DONE", 30 * HOUR, 20 * HOUR + HOUR - 1).expect("a draft");
        assert_eq!(datum(&draft, "hours"), Some(&Value::Integer(hours)), "{basis}");
        assert_eq!(datum(&draft, "days"), Some(&Value::Integer(hours / 24)), "{basis}");
    }
}

#[test]
fn a4_the_host_is_given_the_threshold_unchanged_to_compare_strictly() {
    for (written, millis) in [
        ("0s", 0),
        ("1ms", 1),
        ("90s", 90_000),
        ("1d12h", 129_600_000),
        ("7d", 604_800_000),
        ("18446744073709551615ms", u64::MAX),
    ] {
        let tester = configured(&with(loan(), "/nodes/R_DONE/threshold", json!(written)));
        assert_eq!(watch(&tester, "R_DONE").map(|watch| watch.longer_than), Some(millis));
    }
}

#[test]
fn a5_every_node_has_a_threshold_of_its_own() {
    let tester = configured(&loan());
    let thresholds = ["R_DONE", "P_DATA", "P_AUTH", "APPLIED"]
        .map(|node| watch(&tester, node).map(|watch| watch.longer_than));
    assert_eq!(thresholds, [Some(1_800_000), Some(86_400_000), Some(90_000), None]);
}

#[test]
fn a5_only_the_last_node_is_the_last() {
    let last: Vec<Place> = configured(&loan())
        .policy()
        .rules()
        .into_iter()
        .filter(|rule| rule.last)
        .map(|rule| rule.node)
        .collect();
    assert_eq!(last, [Place::named("APPLIED")]);
}

#[test]
fn a6_a_message_is_made_in_two_stages() {
    let tester = configured(&loan());
    // Node policy data makes the message data,
    let draft = draft(&tester, "R_DONE", 2 * HOUR, 0).expect("a draft");
    // and the process information together with it the message.
    let text = Message::new("{first}, {what}", "{amount} in {hours} h: {fields} fields at {node}");
    let text = draft.data.iter().fold(text, |text, (name, value)| text.data(name, value.clone()));
    let user = Values::new().profile("name", "Ada Lovelace").event("amount_req", 20_000);
    let content = tester.render(&text, &user).expect("content");
    assert_eq!(content.title, "Ada, your address");
    assert_eq!(content.body, "20,000 in 2 h: 7 fields at R_DONE");
}

#[test]
fn a7_the_current_node_determines_the_pending_one_and_its_behaviour_the_data() {
    let tester = configured(&loan());
    let draft = draft(&tester, "R_DONE", HOUR, 0).expect("a draft");
    assert_eq!(draft.message, "personal-data");
    assert_eq!(draft.importance, Importance::High);
    assert_eq!(draft.pending.as_deref(), Some("P_DATA"));
    for (name, value) in [
        ("node", "R_DONE".into()),
        ("pending", "P_DATA".into()),
        ("what", "your address".into()),
        ("fields", 7.into()),
        ("rate", 0.5.into()),
        ("open", true.into()),
    ] {
        assert_eq!(datum(&draft, name), Some(&value), "{name}");
    }
}

#[test]
fn a7_each_node_leads_to_its_own_behaviour() {
    let tester = configured(&loan());
    let drafts =
        ["P_DATA", "P_AUTH"].map(|node| draft(&tester, node, HOUR, HOUR).expect("a draft"));
    let keys = drafts.each_ref().map(|draft| (&*draft.message, draft.importance));
    assert_eq!(keys, [("authentication", Importance::Normal), ("application", Importance::Low)]);
    let pending = drafts.each_ref().map(|draft| draft.pending.as_deref());
    assert_eq!(pending, [Some("P_AUTH"), Some("APPLIED")]);
}

#[test]
fn a7_where_nothing_is_watched_nothing_is_said() {
    let tester = configured(&loan());
    let rules = tester.policy().rules().len();
    assert_eq!(draft(&tester, "APPLIED", HOUR, HOUR), None);
    let visit = Values::new().visit("interruption", HOUR).visit("page-stay", HOUR);
    for rule in [rules - 1, rules, usize::MAX] {
        assert_eq!(tester.stalled(rule, &visit), None, "{rule}");
    }
}

#[test]
fn a8_features_come_from_events_and_from_the_profile() {
    let user = Values::new()
        .event("amount_req", 5_000)
        .event("name", "of no event")
        .event("city", "Den Haag")
        .profile("name", "Ada Lovelace")
        .profile("city", "of no profile");
    let text = "Dear {first} from {city}, your {amount} are here.";
    let want = "Dear Ada from Den Haag, your 5,000 are here.";
    assert_eq!(body(text, &user).as_deref(), Some(want));
}

#[test]
fn a8_features_are_written_in_their_format() {
    for (amount, want) in [
        (Value::Integer(1_234_567), "1,234,567"),
        (Value::Integer(-20_000), "-20,000"),
        (Value::Number(20_000.0), "20,000"),
        (Value::Text("20000".to_owned()), "20,000"),
        (Value::Number(20_000.5), "20000.5"),
        (Value::Text("a lot".to_owned()), "a lot"),
    ] {
        let user = Values::new().event("amount_req", amount);
        assert_eq!(body("{amount}", &user).as_deref(), Some(want));
    }
}

#[test]
fn a8_a_default_stands_in_for_a_feature_that_the_user_does_not_have() {
    let default = Some("the amount you asked for");
    assert_eq!(body("{amount}", &Values::new()).as_deref(), default);
    for nothing in ["", "  ", "\n", "\u{0}\u{7}"] {
        let user = Values::new().event("amount_req", nothing);
        assert_eq!(body("{amount}", &user).as_deref(), default, "{nothing:?}");
    }
}

#[test]
fn a8_no_text_is_written_with_a_hole_in_it() {
    let user = Values::new().event("amount_req", 5);
    for (title, text) in [("", "from {city}"), ("{city}", ""), ("", "{rate}"), ("", "{}")] {
        assert_eq!(rendered(&Message::new(title, text), &user), None, "{title}{text}");
    }
    assert_eq!(rendered(&Message::new("", "").link("https://example.org/{city}"), &user), None);
    // What the text does not name may be missing.
    assert!(rendered(&Message::new("", "{amount}"), &user).is_some());
}

#[test]
fn a8_what_was_taken_from_the_user_is_on_record_and_nothing_else() {
    let user = Values::new().event("city", "Delft").profile("name", "Ada L").event("other", "x");
    let text = Message::new("{city}", "{amount} and {hours} in {city}")
        .link("https://example.org/?n={first}")
        .data("hours", 3);
    let features = rendered(&text, &user).expect("content").features;
    let taken = [("city", "Delft"), ("first", "Ada")]
        .map(|(name, value)| (name.to_owned(), Value::from(value)));
    assert_eq!(features, taken, "neither a default nor message data is the user's");
    let unnamed = rendered(&Message::new("", "Hello"), &user).expect("content");
    assert_eq!(unnamed.features, []);
}

#[test]
fn a8_a_hostile_attribute_breaks_no_line() {
    for (name, want) in [
        ("Ada\u{0}\u{1b}[31m", "Ada"),
        ("\r\nBcc: all@example.org", "Bcc:"),
        ("\u{202e}Ada", "Ada"),
        ("A\u{2028}B", "A"),
    ] {
        let user = Values::new().profile("name", name);
        assert_eq!(body("{first}", &user).as_deref(), Some(want), "{name:?}");
    }
    let user = Values::new().event("city", "a\r\nSubject: b\u{2029}c\u{202e}d");
    assert_eq!(body("{city}", &user).as_deref(), Some("a  Subject: b c d"));
}

#[test]
fn a8_a_hostile_attribute_does_not_take_over_the_text() {
    let long = "日".repeat(1_000_000);
    let content = body("{city}", &Values::new().event("city", &*long)).expect("content");
    assert_eq!(content.chars().count(), 100);
    let digits = "9".repeat(5_000);
    let content = body("{amount}", &Values::new().event("amount_req", &*digits)).expect("content");
    assert!(content.len() < 140, "{}", content.len());
}

#[test]
fn a8_braces_in_a_value_are_no_template() {
    let user = Values::new().event("city", "{amount}{first} {{x}} {").event("amount_req", 5);
    assert_eq!(body("{city}", &user).as_deref(), Some("{amount}{first} {{x}} {"));
}

#[test]
fn a8_the_parts_of_a_link_are_percent_encoded() {
    let user = Values::new().event("city", "Den Haag/../?a=b&c#日").profile("name", "https://x");
    let text = Message::new("", "").link("https://example.org/{first}?city={city}&d={days}");
    let link = rendered(&text.data("days", 7), &user).expect("content").link;
    let want = "https://example.org/https%3A%2F%2Fx\
        ?city=Den%20Haag%2F..%2F%3Fa%3Db%26c%23%E6%97%A5&d=7";
    assert_eq!(link.as_deref(), Some(want));
}
