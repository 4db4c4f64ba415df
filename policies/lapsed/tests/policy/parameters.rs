//! Wrong parameters of a reminder, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{club, configured, reminder, with};

/// What is wrong with the parameters, as (path, sentence); nothing, if they are accepted.
fn refused(parameters: &Value) -> Vec<(String, String)> {
    match configured(&club()).compose(&parameters.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}

#[test]
fn e4_a_wrong_parameter_is_refused_at_its_place_with_a_sentence() {
    assert_eq!(refused(&reminder()), []);
    for (pointer, value, at, says) in [
        ("/name", json!(""), "/name", "needs a name"),
        ("/message", json!(1), "/message", "expected a string"),
        ("/importance", json!("max"), "/importance", "`urgent`"),
        ("/type", json!("lapsed"), "/type", "none of the groups (active, inactive)"),
        ("/without_account", json!("yes"), "/without_account", "a boolean"),
        ("/standard", json!("x"), "/standard", "is no parameter of a campaign: there are name,"),
        ("/data/days", json!(1), "/data/days", "is there already"),
        ("/data/file_url", json!("x"), "/data/file_url", "is there already"),
        ("/data/first", json!("x"), "/data/first", "is a feature, too"),
        ("/content", json!("text"), "/content", ""),
        ("/content", json!({}), "/content", "neither a text nor a file"),
        ("/content/files/0/url", json!("news.pdf"), "/content/files/0/url", "https://"),
    ] {
        let found = refused(&with(reminder(), pointer, value));
        let [(path, said)] = found.as_slice() else { panic!("{pointer} {says}: {found:#?}") };
        assert_eq!(path, at, "{said}");
        assert!(said.contains(says), "{pointer}: {said}");
    }
}

#[test]
fn e4_all_that_is_wrong_is_told_at_once() {
    let parameters = json!({ "type": "x", "without_account": 1, "contents": {} });
    let paths: Vec<String> = refused(&parameters).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/name", "/message", "/type", "/without_account", "/contents"]);
}
