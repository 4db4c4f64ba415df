//! `settings.schema.json` and the policy say the same of settings.

use nudge_guest::Policy;
use serde_json::{Value, json};

use crate::settings::{Wrong, wrong};
use crate::told::{Schema, examples};
use crate::{issues, offers, with};

/// As the policy itself tells it to whoever asks.
const SCHEMA: &str = <nudge_audience::Audience as Policy>::MANIFEST.settings_schema;

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Schema::of(SCHEMA);
}

#[test]
fn the_examples_are_right_by_schema_and_policy() {
    let examples = examples("audience");
    assert!(!examples.is_empty());
    let schema = Schema::of(SCHEMA);
    for (name, settings) in examples.into_iter().chain([("offers".to_owned(), offers())]) {
        assert_eq!(schema.refuses(&settings), None, "{name}");
        assert_eq!(issues(&settings), [], "{name}");
    }
}

#[test]
fn what_is_unusual_but_right_is_right_by_both() {
    let schema = Schema::of(SCHEMA);
    for (pointer, value) in [
        ("/type_field", json!("concept:name")),
        ("/groups/*", json!({})),
        ("/groups/a~1b", json!({ "event": "$known", "within": " 1d 12h " })),
        ("/groups/all", json!({ "event": "*", "at_least": 1000 })),
        ("/groups/odd", json!({ "event": "url=a=b", "where": [] })),
        ("/standards/a b", json!([{ "counter": "*" }])),
        ("/standards/x", json!([{ "counter": "A", "later_than": "B", "within": "1d" }])),
        ("/standards/x", json!([{ "counter": "A", "is": 0 }])),
        ("/standards/x", json!([{ "counter": "A", "at_least": 1, "more_than": 1 }])),
        ("/standards/x", json!([{ "field": "x", "is": "" }])),
        ("/standards/x", json!([{ "field": "x", "exists": true, "at_least": "2012-03" }])),
        ("/standards/x", json!([{ "field": "x", "none_of": [1, 2.5], "at_most": 3 }])),
        ("/standards/x", json!([{ "field": "x", "at_least": 3, "at_most": 3 }])),
        ("/fields", json!([{ "counter": "$known", "within": "1w" }])),
        (
            "/fields",
            json!([{ "field": "x", "shape": "number" }, { "field": "x", "shape": "text" }]),
        ),
        ("/features", json!({})),
        ("/features/city/default", json!("")),
    ] {
        let settings = with(offers(), pointer, value);
        assert_eq!(schema.refuses(&settings), None, "{pointer}");
        assert_eq!(issues(&settings), [], "{pointer}");
    }
}

#[test]
fn a_mistake_is_refused_by_the_schema_too_where_one_can_tell() {
    let schema = Schema::of(SCHEMA);
    for Wrong { settings, in_schema, .. } in wrong() {
        let refused = schema.refuses(&settings).is_some();
        assert_eq!(refused, in_schema, "{:?}", issues(&settings));
    }
}
