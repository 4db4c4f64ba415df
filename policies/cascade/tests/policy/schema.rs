//! `settings.schema.json` and the policy say the same of settings.

use nudge_guest::Policy;
use serde_json::{Value, json};

use crate::settings::{Wrong, wrong};
use crate::told::{Schema, examples};
use crate::{issues, push, with};

/// As the policy itself tells it to whoever asks.
const SCHEMA: &str = <nudge_cascade::Cascade as Policy>::MANIFEST.settings_schema;

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Schema::of(SCHEMA);
}

#[test]
fn the_examples_are_right_by_schema_and_policy() {
    let examples = examples("cascade");
    assert!(!examples.is_empty());
    let schema = Schema::of(SCHEMA);
    for (name, settings) in examples.into_iter().chain([("push".to_owned(), push())]) {
        assert_eq!(schema.refuses(&settings), None, "{name}");
        assert_eq!(issues(&settings), [], "{name}");
    }
}

#[test]
fn what_is_unusual_but_right_is_right_by_both() {
    let schema = Schema::of(SCHEMA);
    for (pointer, value) in [
        ("/strategies/", json!({ "channels": ["sms"] })),
        ("/strategies/a~1b", json!({ "channels": ["短信", "s m s"] })),
        ("/strategies/offer/purpose", json!("")),
        ("/strategies/offer/wait", json!(" 1d 12h\n30m ")),
        ("/strategies/offer/wait", json!("0s")),
        ("/strategies/offer/waits", json!({})),
        ("/strategies/offer/pushes", json!(16)),
        ("/strategies/offer/history", json!({})),
        ("/strategies/offer/history/fulfilled", json!([])),
        ("/strategies/offer/history/fulfilled", json!(["a b", "url=a=b", "*x", "已付"])),
        ("/strategies/offer/history/away", json!("next")),
        ("/strategies/offer/target/any_of", json!(["", "new", "new"])),
    ] {
        let settings = with(push(), pointer, value);
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
