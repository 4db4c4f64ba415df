//! What a dwell decision costs: one event located, by native code and through the sandbox with fuel on,
//! in batches. Columns are built for each batch and a fresh instance is made and configured for it, as
//! the engine does. Divide a time by its batch for the cost of one evaluation, or read the rate.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use nudge::engine::State;
use nudge::engine::batch::{Batch, Source, Values};
use nudge::engine::event::{Fields, Instant, Value};
use nudge::engine::policy::{Policy, Question};
use nudge::sandbox::{Compiler, Configured, Limits, Sandbox};

const NODES: [&str; 10] = [
    "register",
    "personal-data",
    "identity",
    "income-proof",
    "bank",
    "address",
    "employer",
    "terms",
    "offer",
    "signed",
];

const BATCHES: [usize; 4] = [1, 64, 256, 1024];

fn main() {
    divan::main();
}

fn configured() -> Configured {
    let nodes: BTreeMap<&str, serde_json::Value> = NODES
        .iter()
        .zip(NODES.iter().skip(1))
        .map(|(node, next)| {
            (*node, serde_json::json!({"threshold": "2h", "pending": next, "behaviour": "b"}))
        })
        .chain([("signed", serde_json::json!({"behaviour": "b", "last": true}))])
        .collect();
    let settings = serde_json::json!({"nodes": nodes, "behaviours": {"b": {"message": "m"}}});
    let dwell = nudge::standard::policy("dwell").expect("a standard policy");
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).expect("a sandbox");
    let policy = sandbox.admit(dwell).expect("admitted");
    policy.configure(&settings.to_string()).expect("configured")
}

/// Events with 8 fields, each at some node.
fn events(rows: usize) -> Vec<Fields> {
    let event = |row: usize| {
        let node = NODES[row * 7 % NODES.len()];
        let field =
            |at: usize| (Arc::from(format!("field{at}")), Value::Integer((row + at) as i64));
        let node = (Arc::from("node"), Value::Text(node.into()));
        (0..7).map(field).chain([node]).collect()
    };
    (0..rows).map(event).collect()
}

fn batch(policy: &dyn Policy, state: &State, events: &[Fields]) -> Batch {
    let source = |fields| Source {
        at: Instant(0),
        label: "dwell",
        event: Some(("field", fields)),
        state,
        visit: None,
    };
    let rows: Vec<Source<'_>> = events.iter().map(source).collect();
    Batch::of(&rows, policy.setup(), Question::Locate)
}

#[divan::bench(args = BATCHES)]
fn native(bencher: Bencher<'_, '_>, rows: usize) {
    let index: BTreeMap<String, u32> =
        NODES.iter().zip(0..).map(|(node, at)| ((*node).to_owned(), at)).collect();
    let events = events(rows);
    bencher.counter(ItemsCount::new(rows)).bench_local(|| {
        let locate = |event: &Fields| match event.get("node") {
            Some(Value::Text(node)) => index.get(&**node).copied(),
            _ => None,
        };
        black_box(&events).iter().map(locate).collect::<Vec<_>>()
    });
}

#[divan::bench(args = BATCHES)]
fn columns(bencher: Bencher<'_, '_>, rows: usize) {
    let policy = configured();
    let (state, events) = (State::default(), events(rows));
    bencher
        .counter(ItemsCount::new(rows))
        .bench_local(|| batch(&policy, &state, black_box(&events)));
}

#[divan::bench(args = BATCHES)]
fn sandbox(bencher: Bencher<'_, '_>, rows: usize) {
    let policy = configured();
    let (state, events) = (State::default(), events(rows));
    let first = batch(&policy, &state, &events);
    assert!(
        first.columns.iter().any(|c| matches!(c.values, Values::Text { .. })),
        "a column is asked for"
    );
    bencher.counter(ItemsCount::new(rows)).bench_local(|| {
        let batch = batch(&policy, &state, black_box(&events));
        policy.locate(&batch).expect("an answer")
    });
}
