//! The policy, asked natively: what system E wants of it, what settings and parameters it refuses, and
//! whether its schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod elements;
mod parameters;
mod schema;
mod settings;
#[path = "../../../../tests/policies/schema.rs"]
mod told;

use nudge_guest::testing::Tester;
use nudge_lapsed::Lapsed;
use serde_json::{Value, json};

use told::with;

/// A club that misses its members.
fn club() -> Value {
    json!({
        "event": "kind=visit",
        "period": "14d",
        "minimum": 2,
        "account": "wecom_id",
        "features": {
            "first": { "field": "name", "origin": "profile", "format": "first-word" },
            "points": { "field": "points", "format": "grouped", "default": "your" }
        }
    })
}

/// The parameters of a reminder for them.
fn reminder() -> Value {
    json!({
        "name": "come-back",
        "message": "come-back",
        "importance": "low",
        "data": { "gift": "a coffee" },
        "content": {
            "subject": "We miss you",
            "text": "It has been a while.",
            "files": [{ "name": "news.pdf", "url": "https://files.example/news.pdf" }]
        }
    })
}

fn configured(settings: &Value) -> Tester<Lapsed> {
    Tester::new(&settings.to_string()).unwrap_or_else(|issues| panic!("{issues}"))
}

/// What is wrong with the settings, as (path, sentence); nothing, if they are accepted.
fn issues(settings: &Value) -> Vec<(String, String)> {
    match Tester::<Lapsed>::new(&settings.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}
