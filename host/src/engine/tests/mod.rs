//! Tests of the engine: policies in native code, users with stories, and what the engine tells of
//! them, a line a decision.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chance;
mod native;
mod random;
mod world;

mod audience;
mod batch;
mod batching;
mod contents;
mod conversion;
mod counters;
mod dwell;
mod evidence;
mod extremes;
mod ids;
mod invariants;
mod judge;
mod keep;
mod messages;
mod oracle;
mod page_stay;
mod plans;
mod rails;
mod splitting;
mod state;
mod strategy;
mod timers;
mod trace;
mod visits;

use chance::Chance;
use native::{Native, content, draft, last, plan, quiet, rule, trap, watching};
use world::*;

use crate::engine::event::{Event, What};
use crate::engine::{State, Strategy, TrackingKey};
