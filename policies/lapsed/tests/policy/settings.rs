//! Wrong settings, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{club, issues, with};

/// Right settings with one mistake in them.
pub(crate) struct Wrong {
    pub(crate) settings: Value,
    /// Where it is told.
    path: String,
    /// A part of what is told.
    says: &'static str,
    /// A schema can tell, too: it takes no looking from one setting to another, and no arithmetic.
    pub(crate) in_schema: bool,
}

/// The value at that JSON pointer is a mistake.
fn at(pointer: &str, value: Value, says: &'static str) -> Wrong {
    Wrong {
        settings: with(club(), pointer, value),
        path: pointer.to_owned(),
        says,
        in_schema: true,
    }
}

impl Wrong {
    fn beyond_a_schema(self) -> Wrong {
        Wrong { in_schema: false, ..self }
    }
}

/// Mistakes of all kinds that there are.
pub(crate) fn wrong() -> Vec<Wrong> {
    let mut all = unreadable();
    all.extend(senseless());
    all
}

/// Values that are not of their setting's form.
fn unreadable() -> Vec<Wrong> {
    vec![
        at("/minimun", json!(1), "unknown field `minimun`"),
        at("/event", json!(1), "expected a string"),
        at("/period", json!("a month"), "write it like \"90s\""),
        at("/period", json!(30), "expected a string"),
        at("/period", json!(null), "null"),
        at("/period", json!("9999999999999w"), "length of time").beyond_a_schema(),
        at("/minimum", json!("1"), "expected i64"),
        at("/minimum", json!(0.5), "expected i64"),
        at("/account", json!(["wecom"]), "expected a string"),
        at("/features", json!([]), "expected a map"),
        at("/features/x", json!({}), "missing field `field`"),
        at("/features/first/origin", json!("user"), "`profile`"),
    ]
}

/// Values that make no sense where they are, or not together.
fn senseless() -> Vec<Wrong> {
    let feature = json!({ "field": "f" });
    vec![
        at("/event", json!(""), "name the events"),
        at("/event", json!("=visit"), "a field before"),
        at("/event", json!("kind="), "a value after"),
        at("/event", json!("$seen"), "nothing that the host counts"),
        at("/event", json!("$known"), "is no login"),
        at("/period", json!("0d"), "within no time").beyond_a_schema(),
        at("/minimum", json!(-1), "-1 is not a number from 0 to 999"),
        at("/minimum", json!(1_000), "1000 is not a number from 0 to 999"),
        at("/account", json!(""), "the communication account"),
        at("/features/days", feature.clone(), "there already, from the campaign"),
        at("/features/subject", feature.clone(), "there already, from the campaign"),
        at("/features/a}", feature, "no braces"),
        at("/features/first/field", json!(""), "name the field it comes from"),
    ]
}

#[test]
fn the_settings_that_mistakes_are_put_into_are_right() {
    assert_eq!(issues(&club()), []);
}

#[test]
fn a_mistake_is_refused_at_its_place_with_a_sentence() {
    for Wrong { settings, path, says, .. } in wrong() {
        let found = issues(&settings);
        let [(at, said)] = found.as_slice() else { panic!("{path} {says}: {found:#?}") };
        assert_eq!(*at, path, "{said}");
        assert!(said.contains(says), "{path}: {said}");
    }
}

#[test]
fn all_mistakes_between_settings_are_told_at_once() {
    let settings = json!({
        "event": "", "period": "0s", "minimum": -1, "account": "", "features": { "text": { "field": "" } }
    });
    let paths: Vec<String> = issues(&settings).into_iter().map(|(path, _)| path).collect();
    let want =
        ["/event", "/period", "/minimum", "/account", "/features/text", "/features/text/field"];
    assert_eq!(paths, want);
}
