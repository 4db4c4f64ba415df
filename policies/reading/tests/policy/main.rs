//! The policy, asked natively: what system D wants of it, what settings it refuses, and whether its
//! schema says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod elements;
mod schema;
mod settings;
#[path = "../../../../tests/policies/schema.rs"]
mod told;

use nudge_guest::testing::Tester;
use nudge_reading::ReadingChannel;
use serde_json::{Value, json};

use told::with;

/// What a bank tells its customers.
fn bank() -> Value {
    json!({
        "channels": ["app", "wechat", "sms", "email"],
        "established_at": 5,
        "k1": 1,
        "k2": 3,
        "waits": { "low": "2d", "normal": "12h", "high": "2h", "urgent": "5m" }
    })
}

fn configured(settings: &Value) -> Tester<ReadingChannel> {
    Tester::new(&settings.to_string()).unwrap_or_else(|issues| panic!("{issues}"))
}

/// What is wrong with the settings, as (path, sentence); nothing, if they are accepted.
fn issues(settings: &Value) -> Vec<(String, String)> {
    match Tester::<ReadingChannel>::new(&settings.to_string()) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.iter().map(|(path, text)| (path.into(), text.into())).collect(),
    }
}
