//! `settings.schema.json` and the policy say the same of settings.

use nudge_guest::Policy;
use serde_json::{Value, json};

use crate::settings::{Wrong, wrong};
use crate::told::{Schema, examples};
use crate::{bank, issues, with};

/// As the policy itself tells it to whoever asks.
const SCHEMA: &str = <nudge_reading::ReadingChannel as Policy>::MANIFEST.settings_schema;

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Schema::of(SCHEMA);
}

#[test]
fn the_examples_are_right_by_schema_and_policy() {
    let examples = examples("reading");
    assert!(!examples.is_empty());
    let schema = Schema::of(SCHEMA);
    for (name, settings) in examples.into_iter().chain([("bank".to_owned(), bank())]) {
        assert_eq!(schema.refuses(&settings), None, "{name}");
        assert_eq!(issues(&settings), [], "{name}");
    }
}

#[test]
fn what_is_unusual_but_right_is_right_by_both() {
    let schema = Schema::of(SCHEMA);
    for (pointer, value) in [
        ("/channels", json!(["短信", "s m s"])),
        ("/established_at", json!(0)),
        ("/established_at", json!(u32::MAX)),
        ("/k1", json!(0)),
        ("/k2", json!(0.0)),
        ("/k2", json!(1e300)),
        ("/waits", json!({})),
        ("/waits/low", json!(" 1d 12h\n30m ")),
        ("/new_wait", json!("0s")),
        ("/received", json!("accepted")),
    ] {
        let settings = with(bank(), pointer, value);
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
