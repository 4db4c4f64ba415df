//! Wrong settings, each refused at its place with a sentence that helps.

use nudge_guest::prelude::Journey as _;
use serde_json::{Value, json};

use crate::{configured, issues, loan, with};

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
        settings: with(loan(), pointer, value),
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
    all
}

/// Values that are not of their setting's form.
fn unreadable() -> Vec<Wrong> {
    let nothing = Wrong { settings: json!({}), ..at("/x", json!(0), "missing field `nodes`") };
    vec![
        nothing.told_at(""),
        at("/nodse", json!({}), "unknown field `nodse`"),
        at("/node_field", json!(5), "expected a string"),
        at("/process", json!("A_*"), "expected a sequence"),
        at("/process", json!([1]), "expected a string").told_at("/process/0"),
        at("/basis", json!("dwell"), "expected one of `interruption`, `page-stay`"),
        at("/nodes", json!([]), "expected a map"),
        at("/nodes/P_DATA/treshold", json!("1h"), "unknown field `treshold`"),
        at("/nodes/P_DATA/threshold", json!("soon"), "write it like \"90s\""),
        at("/nodes/P_DATA/threshold", json!("24 h"), "\"24 h\" is not a length of time"),
        at("/nodes/P_DATA/threshold", json!(3600), "expected a string"),
        at("/nodes/P_DATA/threshold", json!(null), "null"),
        at("/nodes/P_DATA/threshold", json!("9999999999999w"), "length of time").beyond_a_schema(),
        at("/nodes/P_DATA/basis", json!("Sum"), "`sum`"),
        at("/nodes/P_DATA/basis", json!(null), "one of a few words"),
        at("/nodes/P_DATA/pending", json!(null), "null"),
        at("/nodes/P_DATA/behaviour", json!(null), "null"),
        at("/nodes/P_DATA/last", json!("yes"), "a boolean"),
        at("/behaviours/prove", json!({}), "missing field `message`"),
        at("/behaviours/prove/mesage", json!(""), "unknown field `mesage`"),
        at("/behaviours/prove/importance", json!(3), "one of a few words"),
        at("/behaviours/prove/importance", json!("max"), "`urgent`"),
        at("/behaviours/fill-in/data/what", json!([]), "a text, a number, or true or false"),
        at("/behaviours/fill-in/data/what", json!(null), "a text, a number, or true or false"),
        at("/behaviours/fill-in/data/what", json!(u64::MAX), "too large").beyond_a_schema(),
        at("/features/x", json!({}), "missing field `field`"),
        at("/features/city/unit", json!("EUR"), "unknown field `unit`"),
        at("/features/city/origin", json!("user"), "`profile`"),
        at("/features/city/format", json!("upper"), "`first-word`"),
        at("/features/city/default", json!(null), "null"),
    ]
}

/// Values that make no sense where they are, or not together.
fn senseless() -> Vec<Wrong> {
    let feature = json!({ "field": "f" });
    vec![
        at("/node_field", json!(""), "name the field that holds"),
        at("/nodes", json!({}), "name at least one node"),
        at("/nodes/", json!({}), "a node needs an identifier"),
        at("/nodes/a~1b", json!({ "threshold": "1h" }), "needs its pending node")
            .told_at("/nodes/a~1b/pending"),
        at("/nodes/P_DATA/last", json!(true), "the last node is not watched")
            .told_at("/nodes/P_DATA/threshold"),
        at("/nodes/P_DATA/pending", json!("P_DATA"), "after itself").beyond_a_schema(),
        at("/nodes/P_DATA/pending", json!("P_NONE"), "not listed under nodes").beyond_a_schema(),
        // Without a threshold nothing comes of it, but it is a slip all the same.
        at("/nodes/APPLIED/pending", json!("P_NONE"), "not listed under nodes").beyond_a_schema(),
        at("/nodes/P_DATA/pending", json!("R_DONE"), "\"P_DATA\" leads here")
            .told_at("/nodes/R_DONE/behaviour")
            .beyond_a_schema(),
        at("/nodes/APPLIED/behaviour", json!("aply"), "behaviours (apply, fill-in, prove)")
            .beyond_a_schema(),
        at("/behaviours/prove/data", json!({ "hours": 1 }), "there already, from the visit")
            .told_at("/behaviours/prove/data/hours"),
        at("/behaviours/prove/data", json!({ "a}": 1 }), "no braces")
            .told_at("/behaviours/prove/data/a}"),
        at("/features/pending", feature.clone(), "there already, from the visit"),
        at("/features/ x", feature.clone(), "no blanks at the ends"),
        at("/features/", feature.clone(), "no text can name \"\""),
        at("/features/city/field", json!(""), "name the field it comes from"),
        at("/features/what", feature, "data of the behaviour \"fill-in\", too").beyond_a_schema(),
    ]
}

#[test]
fn the_settings_that_mistakes_are_put_into_are_right() {
    assert_eq!(issues(&loan()), []);
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
        "node_field": "",
        "nodes": {
            "A": { "threshold": "1h", "pending": "C" },
            "B": { "threshold": "1h", "pending": "A", "behaviour": "none" },
            "Z": { "threshold": "1h", "last": true }
        },
        "features": { "node": { "field": "" } }
    });
    let paths: Vec<String> = issues(&settings).into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "/node_field",
            "/features/node",
            "/features/node/field",
            "/nodes/B/behaviour",
            "/nodes/A/pending",
            "/nodes/A/behaviour",
            "/nodes/Z/threshold",
            "/nodes/Z/pending",
        ]
    );
}

#[test]
fn a_behaviour_that_is_missing_is_told_once_however_many_nodes_lead_to_it() {
    let settings = json!({ "nodes": {
        "A": { "threshold": "1h", "pending": "C" },
        "B": { "threshold": "1h", "pending": "C" },
        "C": { "behaviour": "none" }
    } });
    let found = issues(&settings);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn there_is_room_for_4095_nodes_beside_all_others() {
    let nodes = |n: usize| -> Value {
        let nodes = (0..n).map(|node| (node.to_string(), json!({}))).collect();
        json!({ "nodes": Value::Object(nodes) })
    };
    assert_eq!(configured(&nodes(4_095)).policy().rules().len(), 4_096);
    let found = issues(&nodes(4_096));
    assert_eq!(found, [("/nodes".to_owned(), "4096 nodes, and at most 4095".to_owned())]);
}

#[test]
fn more_features_than_fields_can_be_had_are_refused() {
    let features = |n: usize| -> Value {
        let feature = |i: usize| (format!("f{i}"), json!({ "field": format!("field{i}") }));
        let features = (0..n).map(feature).collect();
        with(loan(), "/features", Value::Object(features))
    };
    assert_eq!(issues(&features(189)), []);
    let [(path, said)] = &issues(&features(190))[..] else { panic!("one issue") };
    assert_eq!(path, "");
    assert!(said.contains("193 different fields") && said.contains("192"), "{said}");
}
