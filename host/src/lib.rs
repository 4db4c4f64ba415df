//! Nudge: a push engine whose rules are WebAssembly components.

pub mod cli;
pub mod engine;
pub mod ingest;
pub mod replay;
pub mod sandbox;
pub mod standard;
pub mod strategy;
