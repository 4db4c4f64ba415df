//! `settings.schema.json` and the policy say the same of settings.

use std::path::Path;

use boon::{Compiler, Draft, Schemas};
use nudge_guest::Policy;
use serde_json::{Value, json};

use crate::settings::{Wrong, wrong};
use crate::{issues, push, with};

/// As the policy itself tells it to whoever asks.
const SCHEMA: &str = <nudge_cascade::Cascade as Policy>::MANIFEST.settings_schema;

/// Says what is wrong with a document.
struct Schema {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    fn of_the_policy() -> Schema {
        let schema = serde_json::from_str(SCHEMA).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource("schema.json", schema).unwrap();
        // What is no valid schema by its own draft does not compile.
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Schema { schemas, index }
    }

    fn refuses(&self, settings: &Value) -> Option<String> {
        let verdict = self.schemas.validate(settings, self.index);
        verdict.err().map(|error| format!("{error:#}"))
    }
}

/// The settings for this policy in the examples beside all policies, with their names.
fn examples() -> Vec<(String, Value)> {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for policy in std::fs::read_dir(policies).unwrap() {
        let folder = policy.unwrap().path().join("examples");
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let strategy: Value = toml_edit::de::from_str(&text).unwrap();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let used = strategy["policy"].as_array().unwrap().iter();
                let mine = used.filter(|policy| policy["use"] == "cascade");
                found.extend(mine.map(|policy| (name.clone(), policy["settings"].clone())));
            }
        }
    }
    found
}

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Schema::of_the_policy();
}

#[test]
fn the_examples_are_right_by_schema_and_policy() {
    let examples = examples();
    assert!(!examples.is_empty());
    let schema = Schema::of_the_policy();
    for (name, settings) in examples.into_iter().chain([("push".to_owned(), push())]) {
        assert_eq!(schema.refuses(&settings), None, "{name}");
        assert_eq!(issues(&settings), [], "{name}");
    }
}

#[test]
fn what_is_unusual_but_right_is_right_by_both() {
    let schema = Schema::of_the_policy();
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
    let schema = Schema::of_the_policy();
    for Wrong { settings, in_schema, .. } in wrong() {
        let refused = schema.refuses(&settings).is_some();
        assert_eq!(refused, in_schema, "{:?}", issues(&settings));
    }
}
