//! Wrong parameters of a campaign, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{campaign, configured, offers, with};

/// What is wrong with the parameters, as (path, sentence); nothing, if they are accepted.
fn refused(parameters: &Value) -> Vec<(String, String)> {
    match configured(&offers()).compose(&parameters.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}

#[test]
fn b4_a_wrong_parameter_is_refused_at_its_place_with_a_sentence() {
    assert_eq!(refused(&campaign()), []);
    let unseen = json!([{ "field": "secret", "is": "x" }]);
    for (pointer, value, at, says) in [
        ("/name", json!(" "), "/name", "needs a name"),
        ("/name", json!(5), "/name", "expected a string"),
        ("/message", json!(""), "/message", "name a message"),
        ("/importance", json!("max"), "/importance", "`urgent`"),
        ("/type", json!("cars"), "/type", "none of the groups (card, loan, traveller)"),
        ("/type", json!(["loan"]), "/type", "expected a string"),
        ("/segment", json!("x"), "/segment", "is no parameter of a campaign: there are name,"),
        ("/standard", json!("huge"), "/standard", "none of the standards (large, still-open)"),
        ("/standard", json!({}), "/standard", "neither the name of a standard nor"),
        ("/standard", json!(null), "/standard", "neither the name of a standard nor"),
        ("/standard", json!([]), "/standard", "has no condition"),
        ("/standard", json!([{}]), "/standard/0", "name a field or a counter"),
        ("/standard", json!([{ "fild": "x" }]), "/standard/0/fild", "unknown field `fild`"),
        ("/standard", json!([{ "field": "city" }]), "/standard/0", "compare the field"),
        ("/standard", unseen, "/standard/0/field", "list it under the setting `fields`"),
        ("/standard", json!([{ "counter": "PAID" }]), "/standard/0/counter", "setting `fields`"),
        // It can be looked at as text, but not as a number, and in a week, but not for ever.
        (
            "/standard",
            json!([{ "field": "city", "origin": "profile", "at_least": 5 }]),
            "/standard/0/field",
            "\"city\", as a number,",
        ),
        ("/standard", json!([{ "counter": "VISIT" }]), "/standard/0/counter", "not asked for"),
        ("/data/rate", json!([]), "/data/rate", "a text, a number, or true or false"),
        ("/data/a}", json!(1), "/data/a}", "no braces"),
        ("/data/city", json!(1), "/data/city", "is a feature, too"),
        ("/data/text", json!(1), "/data/text", "is there already"),
        ("/content/files/0/url", json!("ftp://x"), "/content/files/0/url", "https://"),
        ("/content/files/0/name", json!(""), "/content/files/0/name", "needs a name"),
        ("/content/files/0/size", json!(1), "/content/files/0/size", "unknown field"),
        ("/content", json!({ "subject": "s" }), "/content", "neither a text nor a file"),
        ("/content/text", json!(null), "/content/text", "null"),
    ] {
        let found = refused(&with(campaign(), pointer, value));
        let [(path, said)] = found.as_slice() else { panic!("{pointer} {says}: {found:#?}") };
        assert_eq!(path, at, "{said}");
        assert!(said.contains(says), "{pointer}: {said}");
    }
}

#[test]
fn b4_all_that_is_wrong_is_told_at_once() {
    let parameters = json!({
        "type": "cars", "importance": 3, "standard": [{ "field": "secret", "is": 1 }, {}], "x": 1
    });
    let paths: Vec<String> = refused(&parameters).into_iter().map(|(path, _)| path).collect();
    let want =
        ["/name", "/message", "/importance", "/type", "/standard/0/field", "/standard/1", "/x"];
    assert_eq!(paths, want);
}

#[test]
fn b4_what_the_named_standards_and_the_settings_show_can_be_looked_at() {
    for standard in [
        json!([{ "field": "amount", "more_than": 1 }, { "counter": "SIGNED" }]),
        json!([{ "field": "age", "origin": "profile", "at_least": 18 }]),
        json!([{ "field": "city", "origin": "profile", "exists": false }]),
        json!([{ "counter": "VISIT", "within": "7d", "at_most": 3 }]),
        json!([{ "counter": "SENT", "later_than": "WITHDRAWN" }]),
    ] {
        assert_eq!(refused(&with(campaign(), "/standard", standard)), []);
    }
}
