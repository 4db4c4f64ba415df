//! Wrong settings, each refused at its place with a sentence that helps.

use serde_json::{Value, json};

use crate::{issues, offers, with};

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
        settings: with(offers(), pointer, value),
        path: pointer.to_owned(),
        says,
        in_schema: true,
    }
}

impl Wrong {
    fn told_at(self, path: &str) -> Wrong {
        Wrong { path: path.to_owned(), ..self }
    }

    fn beyond_a_schema(self) -> Wrong {
        Wrong { in_schema: false, ..self }
    }
}

/// Mistakes of all kinds that there are.
pub(crate) fn wrong() -> Vec<Wrong> {
    let mut all = unreadable();
    all.extend(senseless());
    all.extend(conditions());
    all
}

/// Right settings whose standard `still-open` begins with this condition, which is a mistake.
fn condition(condition: Value, part: &str, says: &'static str) -> Wrong {
    at("/standards/still-open/0", condition, says)
        .told_at(&format!("/standards/still-open/0{part}"))
}

/// Values that are not of their setting's form.
fn unreadable() -> Vec<Wrong> {
    let nothing = Wrong { settings: json!({}), ..at("/x", json!(0), "missing field `groups`") };
    vec![
        nothing.told_at(""),
        at("/group", json!({}), "unknown field `group`"),
        at("/type_field", json!(1), "expected a string"),
        at("/groups", json!([]), "expected a map"),
        at("/groups/loan/events", json!([]), "unknown field `events`"),
        at("/groups/loan/event", json!(null), "null"),
        at("/groups/loan/within", json!("a month"), "write it like \"90s\""),
        at("/groups/loan/within", json!("9999999999999w"), "length of time").beyond_a_schema(),
        at("/groups/loan/at_least", json!("3"), "expected i64"),
        at("/groups/loan/at_least", json!(1.5), "expected i64"),
        at("/groups/loan/where", json!({}), "expected a sequence"),
        at("/standards/large", json!({ "field": "x", "is": 1 }), "expected a sequence"),
        at("/fields", json!({}), "expected a sequence"),
        at("/fields/0/shape", json!("integer"), "`number`"),
        at("/fields/0/kind", json!("text"), "unknown field `kind`"),
        at("/features/x", json!({}), "missing field `field`"),
        at("/features/city/format", json!("upper"), "`first-word`"),
        condition(json!({ "feild": "x" }), "/feild", "unknown field `feild`"),
        condition(json!({ "field": "x", "is": null }), "/is", "a text, a number"),
        condition(json!({ "field": "x", "is": [] }), "/is", "a text, a number"),
        condition(json!({ "field": "x", "any_of": "a" }), "/any_of", "expected a sequence"),
        condition(json!({ "field": "x", "exists": "yes" }), "/exists", "a boolean"),
        condition(json!({ "field": "x", "origin": "user", "is": 1 }), "/origin", "`profile`"),
    ]
}

/// Values that make no sense where they are, or not together.
fn senseless() -> Vec<Wrong> {
    vec![
        at("/type_field", json!(""), "holds the business type"),
        at("/type_field", json!("a=b"), "without \"=\""),
        at("/groups", json!({}), "at least one group"),
        at("/groups/", json!({}), "a group needs a name"),
        at("/groups/loan/event", json!(""), "name the events"),
        at("/groups/loan/event", json!("type="), "a value after"),
        at("/groups/loan/event", json!("$seen"), "nothing that the host counts"),
        at("/groups/loan/within", json!("0s"), "within no time").beyond_a_schema(),
        at("/groups/loan/at_least", json!(0), "0 is not a number from 1 to 1000"),
        at("/groups/loan/at_least", json!(1001), "1001 is not a number from 1 to 1000"),
        at("/groups/loan/where", json!([{ "field": "x" }]), "compare the field")
            .told_at("/groups/loan/where/0"),
        at("/standards/none", json!([]), "everybody would meet it"),
        at("/standards/[a]", json!([{ "counter": "*" }]), "a name that does not begin"),
        at("/standards/", json!([{ "counter": "*" }]), "a standard needs a name"),
        at("/fields/0", json!({}), "name a field or a counter"),
        at("/fields/0", json!({ "field": "a", "counter": "b" }), "and not both"),
        at("/fields/0", json!({ "field": "" }), "name the field").told_at("/fields/0/field"),
        at("/fields/0", json!({ "field": "a", "within": "1d" }), "only for a counter")
            .told_at("/fields/0/within"),
        at("/fields/2/counter", json!("=a"), "a field before"),
        at("/fields/2/within", json!("0m"), "within no time").beyond_a_schema(),
        at("/fields/2/shape", json!("number"), "only for a field"),
        at("/fields/2/origin", json!("event"), "only for a field"),
        at("/features/text", json!({ "field": "x" }), "there already, from the campaign"),
        at("/features/file_2", json!({ "field": "x" }), "there already, from the campaign"),
        at("/features/ x", json!({ "field": "x" }), "no blanks at the ends"),
        at("/features/city/field", json!(""), "name the field it comes from"),
    ]
}

/// Conditions that make no sense.
fn conditions() -> Vec<Wrong> {
    vec![
        condition(json!({}), "", "name a field or a counter"),
        condition(json!({ "field": "a", "counter": "b", "is": 1 }), "", "and not both"),
        condition(json!({ "field": "", "is": 1 }), "/field", "name the field"),
        condition(json!({ "field": "x" }), "", "compare the field with something"),
        condition(json!({ "field": "x", "is": 1, "within": "1d" }), "/within", "for a counter"),
        condition(json!({ "field": "x", "is": 1, "later_than": "A" }), "/later_than", "a counter"),
        condition(json!({ "field": "x", "any_of": [] }), "/any_of", "at least one value"),
        condition(json!({ "field": "x", "any_of": ["a", 1] }), "/any_of", "texts and numbers")
            .beyond_a_schema(),
        condition(
            json!({ "field": "x", "is": 1, "at_most": "2" }),
            "/at_most",
            "numbers and texts",
        )
        .beyond_a_schema(),
        condition(json!({ "field": "x", "at_least": true }), "/at_least", "go with `is` alone"),
        condition(json!({ "field": "x", "any_of": [true] }), "/any_of", "go with `is` alone"),
        condition(json!({ "field": "x", "is": 1, "exists": false }), "/is", "with nothing")
            .beyond_a_schema(),
        condition(json!({ "field": "x", "at_least": 1, "more_than": 2 }), "/more_than", "already"),
        condition(json!({ "field": "x", "at_most": 1, "less_than": 2 }), "/less_than", "already"),
        condition(
            json!({ "field": "x", "at_least": 2, "at_most": 1 }),
            "",
            "no value is like this",
        )
        .beyond_a_schema(),
        condition(json!({ "field": "x", "at_least": "b", "less_than": "b" }), "", "no value")
            .beyond_a_schema(),
        condition(json!({ "counter": "" }), "/counter", "name the events"),
        condition(json!({ "counter": "$x" }), "/counter", "nothing that the host counts"),
        condition(json!({ "counter": "A", "origin": "event" }), "/origin", "only for a field"),
        condition(json!({ "counter": "A", "exists": true }), "/exists", "only for a field"),
        condition(json!({ "counter": "A", "any_of": [1] }), "/any_of", "only for a field"),
        condition(json!({ "counter": "A", "is": "1" }), "/is", "is no count"),
        condition(json!({ "counter": "A", "is": -1 }), "/is", "is no count"),
        condition(json!({ "counter": "A", "at_least": 1.5 }), "/at_least", "is no count"),
        condition(json!({ "counter": "A", "at_least": 1001 }), "/at_least", "from 0 to 1000"),
        condition(json!({ "counter": "A", "more_than": 1000 }), "", "no count").beyond_a_schema(),
        condition(json!({ "counter": "A", "less_than": 0 }), "", "no count").beyond_a_schema(),
        condition(json!({ "counter": "A", "within": "0d" }), "/within", "no time")
            .beyond_a_schema(),
        condition(json!({ "counter": "A", "later_than": "" }), "/later_than", "name the events"),
        condition(json!({ "counter": "A", "later_than": "B", "is": 1 }), "/is", "two conditions"),
    ]
}

#[test]
fn the_settings_that_mistakes_are_put_into_are_right() {
    assert_eq!(issues(&offers()), []);
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
fn names_of_groups_that_no_event_can_have_need_an_event() {
    for name in ["*", "$known", "a=b"] {
        let settings = json!({ "groups": { name: {} } });
        let found = issues(&settings);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].1.contains("say which `event` counts"), "{found:?}");
        assert_eq!(issues(&json!({ "groups": { name: { "event": "x" } } })), []);
        assert_eq!(issues(&json!({ "type_field": "type", "groups": { name: {} } })), []);
    }
}

#[test]
fn all_mistakes_between_settings_are_told_at_once() {
    let settings = json!({
        "groups": { "a": { "at_least": 0, "where": [{}] } },
        "standards": { "s": [{ "field": "x", "is": 1 }, { "counter": "" }] },
        "fields": [{}],
        "features": { "text": { "field": "" } }
    });
    let paths: Vec<String> = issues(&settings).into_iter().map(|(path, _)| path).collect();
    let want = [
        "/fields/0",
        "/features/text",
        "/features/text/field",
        "/groups/a/at_least",
        "/groups/a/where/0",
        "/standards/s/1/counter",
    ];
    assert_eq!(paths, want);
}

#[test]
fn more_groups_than_can_be_counted_are_refused() {
    let groups = |n: usize| -> Value {
        let groups = (0..n).map(|group| (format!("g{group}"), json!({}))).collect();
        json!({ "groups": Value::Object(groups) })
    };
    assert_eq!(issues(&groups(128)), []);
    let found = issues(&groups(129));
    let [(path, said)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(path, "");
    assert!(said.contains("129 counters"), "{said}");
    assert_eq!(issues(&groups(4_097))[0].0, "/groups");
}
