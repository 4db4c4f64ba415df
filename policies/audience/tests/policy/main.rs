//! The policy, asked natively: what system B wants of it, what settings and parameters it refuses, and
//! whether its schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod elements;
mod parameters;
mod schema;
mod settings;
mod sieve;
#[path = "../../../../tests/policies/schema.rs"]
mod told;

use nudge_audience::Audience;
use nudge_guest::testing::Tester;
use serde_json::{Value, json};

use told::with;

/// Groups by what people have to do with a bank.
fn offers() -> Value {
    json!({
        "type_field": "type",
        "groups": {
            "card": { "within": "30d", "at_least": 3 },
            "loan": {},
            "traveller": {
                "event": "BOOKED",
                "where": [
                    { "field": "city", "origin": "profile", "none_of": ["Delft", "Leiden"] },
                    { "counter": "CANCELLED", "at_most": 0 }
                ]
            }
        },
        "standards": {
            "large": [{ "field": "amount", "at_least": 10000, "less_than": 50000 }],
            "still-open": [
                { "counter": "SENT", "later_than": "WITHDRAWN" },
                { "counter": "SIGNED", "at_most": 0 },
                { "field": "consent", "origin": "profile", "is": true }
            ]
        },
        "fields": [
            { "field": "city", "origin": "profile" },
            { "field": "age", "origin": "profile", "shape": "number" },
            { "counter": "VISIT", "within": "7d" }
        ],
        "features": {
            "amount": { "field": "amount", "format": "grouped", "default": "what you asked for" },
            "first": { "field": "name", "origin": "profile", "format": "first-word" },
            "city": { "field": "city", "origin": "profile" }
        }
    })
}

/// The parameters of a campaign for them.
fn campaign() -> Value {
    json!({
        "name": "spring",
        "type": "loan",
        "message": "spring-offer",
        "importance": "high",
        "standard": "large",
        "data": { "rate": 0.5, "until": "May" },
        "content": {
            "subject": "Spring",
            "text": "It is spring.",
            "files": [{ "name": "offer.pdf", "url": "https://files.example/offer.pdf" }]
        }
    })
}

fn configured(settings: &Value) -> Tester<Audience> {
    Tester::new(&settings.to_string()).unwrap_or_else(|issues| panic!("{issues}"))
}

/// What is wrong with the settings, as (path, sentence); nothing, if they are accepted.
fn issues(settings: &Value) -> Vec<(String, String)> {
    match Tester::<Audience>::new(&settings.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}
