//! Nudge: a push engine whose rules are WebAssembly components.

pub mod channel;
pub mod cli;
pub mod clock;
pub mod deliver;
pub mod demo;
pub mod engine;
pub mod ingest;
pub mod replay;
pub mod sandbox;
pub mod standard;
pub mod strategy;
