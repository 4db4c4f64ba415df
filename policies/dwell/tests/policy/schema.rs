//! `settings.schema.json` and the policy say the same of settings.

use nudge_guest::Policy;
use serde_json::{Value, json};

use crate::settings::{Wrong, wrong};
use crate::told::{Schema, examples};
use crate::{issues, loan, with};

/// As the policy itself tells it to whoever asks.
const SCHEMA: &str = <nudge_dwell::Dwell as Policy>::MANIFEST.settings_schema;

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Schema::of(SCHEMA);
}

#[test]
fn the_examples_are_right_by_schema_and_policy() {
    let examples = examples("dwell");
    assert!(!examples.is_empty());
    let schema = Schema::of(SCHEMA);
    for (name, settings) in examples.into_iter().chain([("loan".to_owned(), loan())]) {
        assert_eq!(schema.refuses(&settings), None, "{name}");
        assert_eq!(issues(&settings), [], "{name}");
    }
}

#[test]
fn what_is_unusual_but_right_is_right_by_both() {
    let schema = Schema::of(SCHEMA);
    for (pointer, value) in [
        ("/process", json!([])),
        ("/process", json!([""])),
        ("/node_field", json!("concept:name")),
        ("/nodes/P_DATA/threshold", json!(" 1d 12h\n30m ")),
        ("/nodes/P_DATA/threshold", json!("0ms")),
        ("/nodes/P_DATA/threshold", json!("1w15min")),
        ("/nodes/P_DATA/last", json!(false)),
        ("/nodes/{O~1~0 日}", json!({ "behaviour": "prove" })),
        ("/nodes/ALONE", json!({})),
        ("/behaviours/unused", json!({ "message": "" })),
        ("/behaviours/prove/data", json!({ "a b": "", "x": -1e300, "Hours": false })),
        ("/features", json!({})),
        ("/features/city/default", json!("")),
    ] {
        let settings = with(loan(), pointer, value);
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
