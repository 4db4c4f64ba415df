//! The document says all there is, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::stage::{self, Stage, ask, operations};

/// Routes come into being by their description alone; but for those that no program of a tenant calls.
#[test]
fn no_route_goes_round_the_document() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    for file in std::fs::read_dir(room).unwrap() {
        let path = file.unwrap().path();
        let public = path.file_name().is_some_and(|name| name == "public.rs");
        if !public && path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for way in [".route(", ".route_service(", ".nest_service(", ".fallback_service("] {
                assert!(!text.contains(way), "{} uses {way}", path.display());
            }
            let lines = text.lines().count();
            assert!(lines < 400, "{} has {lines} lines", path.display());
        }
    }
}

/// Whatever is in the document is there: it is counted under its own template.
#[tokio::test]
async fn every_operation_is_routed() {
    let stage = Stage::new().await;
    for (method, path) in operations() {
        let method: &'static str = method.leak();
        let at = path.replace(['{', '}'], "");
        let response = stage.raw(ask(method, at).request()).await;
        let status = response.status().as_u16();
        assert_ne!(status, 405, "{method} {path}");
        // The same route may have another method.
        assert!((1..=3).contains(&stage.counted(&path, status)), "{method} {path} {status}");
        assert_eq!(stage.counted("unmatched", status), 0, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_served_is_the_document() {
    let stage = Stage::new().await;
    let got = stage.send(ask("GET", "/openapi.json")).await.is(200);
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.json(), stage::document());
}

#[test]
fn everything_is_described() {
    let document = stage::document();
    let mut ids = BTreeSet::new();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    let mut used = BTreeSet::new();
    for (method, path) in operations() {
        let what = format!("{method} {path}");
        let operation = &document["paths"][&path][method.to_ascii_lowercase()];
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{what}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{what}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(tag.as_str().unwrap()), "{what}: {tag}");
            used.insert(tag.as_str().unwrap());
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!parameter["description"].as_str().unwrap_or_default().is_empty(), "{what}");
        }
        let open = operation["security"] == serde_json::json!([{}]);
        let said = operation["description"].as_str().unwrap_or_default();
        let token = operation["security"].to_string().contains("userToken");
        assert!(open || token || said.contains("Scope: `"), "{what} does not say its scope");
    }
    assert_eq!(used, tags);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = stage::document();
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(all.len() > 100);
    for reference in &all {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let used: BTreeSet<&String> = all.iter().collect();
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(&reference), "nobody uses {reference}");
        }
    }
}

fn references(value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                to.push(reference.clone());
            }
            members.values().for_each(|value| references(value, to));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, to)),
        _ => {}
    }
}
