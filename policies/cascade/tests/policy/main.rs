//! The policy, asked natively: what system C wants of it, what settings it refuses, and whether its
//! schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod elements;
mod schema;
mod settings;
#[path = "../../../../tests/policies/schema.rs"]
mod told;

use nudge_cascade::Cascade;
use nudge_guest::testing::Tester;
use serde_json::{Value, json};

use told::with;

/// Two push strategies: one for offers, one for all other messages.
fn push() -> Value {
    json!({
        "strategies": {
            "offer": {
                "purpose": "bring the offer back signed",
                "channels": ["sms", "letter"],
                "wait": "3d",
                "waits": { "sms": "12h" },
                "pushes": 3,
                "received": "confirmed",
                "target": { "field": "segment", "any_of": ["new", "7"] },
                "history": { "fulfilled": ["SIGNED", "type=loan"] }
            },
            "default": { "channels": ["wechat", "toutiao", "sms"] }
        }
    })
}

fn configured(settings: &Value) -> Tester<Cascade> {
    Tester::new(&settings.to_string()).unwrap_or_else(|issues| panic!("{issues}"))
}

/// What is wrong with the settings, as (path, sentence); nothing, if they are accepted.
fn issues(settings: &Value) -> Vec<(String, String)> {
    match Tester::<Cascade>::new(&settings.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}
