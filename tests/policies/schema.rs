//! What the tests of all standard policies have in common about settings: a policy's schema, the examples that
//! are to fit it, and documents with one thing changed.

use std::path::Path;

use boon::{Compiler, Draft, Schemas};
use serde_json::Value;

/// Says what is wrong with a document.
pub(crate) struct Schema {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    /// The schema in this text.
    pub(crate) fn of(text: &str) -> Schema {
        let schema = serde_json::from_str(text).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource("schema.json", schema).unwrap();
        // What is no valid schema by its own draft does not compile.
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Schema { schemas, index }
    }

    pub(crate) fn refuses(&self, settings: &Value) -> Option<String> {
        let verdict = self.schemas.validate(settings, self.index);
        verdict.err().map(|error| format!("{error:#}"))
    }
}

/// The settings for a policy in the examples beside all policies, with their names.
pub(crate) fn examples(of: &str) -> Vec<(String, Value)> {
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
                let mine = used.filter(|policy| policy["use"] == of);
                found.extend(mine.map(|policy| (name.clone(), policy["settings"].clone())));
            }
        }
    }
    found
}

/// The document with `value` at that JSON pointer.
pub(crate) fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer into a document");
    let name = name.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).expect("there is such a place") {
        Value::Array(values) => values[name.parse::<usize>().expect("a number")] = value,
        parent => {
            parent.as_object_mut().expect("an object").insert(name, value);
        }
    }
    document
}
