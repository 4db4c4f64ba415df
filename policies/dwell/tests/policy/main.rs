//! The policy, asked natively: what system A wants of it, what settings it refuses, and whether its
//! schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod elements;
mod schema;
mod settings;
#[path = "../../../../tests/policies/schema.rs"]
mod told;

use nudge_dwell::Dwell;
use nudge_guest::testing::Tester;
use serde_json::{Value, json};

use told::with;

/// The way to a loan: registration, personal data, two authentications, application.
fn loan() -> Value {
    json!({
        "process": ["R_*", "P_*"],
        "nodes": {
            "R_DONE": { "threshold": "30m", "pending": "P_DATA" },
            "P_DATA": { "threshold": "1d", "pending": "P_AUTH", "behaviour": "fill-in", "basis": "page-stay" },
            "P_AUTH": { "threshold": "90s", "pending": "APPLIED", "behaviour": "prove", "basis": "sum" },
            "APPLIED": { "behaviour": "apply", "last": true }
        },
        "behaviours": {
            "fill-in": {
                "message": "personal-data",
                "importance": "high",
                "data": { "what": "your address", "fields": 7, "rate": 0.5, "open": true }
            },
            "prove": { "message": "authentication" },
            "apply": { "message": "application", "importance": "low" }
        },
        "features": {
            "amount": { "field": "amount_req", "format": "grouped", "default": "the amount you asked for" },
            "first": { "field": "name", "origin": "profile", "format": "first-word" },
            "city": { "field": "city" }
        }
    })
}

fn configured(settings: &Value) -> Tester<Dwell> {
    Tester::new(&settings.to_string()).unwrap_or_else(|issues| panic!("{issues}"))
}

/// What is wrong with the settings, as (path, sentence); nothing, if they are accepted.
fn issues(settings: &Value) -> Vec<(String, String)> {
    match Tester::<Dwell>::new(&settings.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}
