//! Nudge: a push engine whose rules are WebAssembly components.
//!
//! Events of users go in; messages, and a record of every decision, come out. In between stands one
//! function, [`Engine::step`](engine::Engine::step), which asks a tenant's policies what to do. The
//! policies run in the [`sandbox`]; the engine neither knows nor cares.
//!
//! A [`Host`] puts it to work inside a program of yours. This is `host/examples/embed.rs`, whole:
//!
//! ```
#![doc = include_str!("../examples/embed.rs")]
//! ```
//!
//! The rooms that are open to you: [`engine`] decides, [`sandbox`] evaluates, [`strategy`] reads what a
//! tenant wrote, [`ingest`] reads events from files, [`replay`] runs them through the engine in virtual
//! time, [`channel`] is how people are reached, and [`clock`] says what time it is. [`service`] puts all of
//! it to work for many tenants, with [`store`] to remember and [`config`] to be told by, [`feed`]
//! fetches events from files and queues for it, and [`api`] is how it is reached over HTTP. How to write policies is in the documentation of `nudge-guest`.

pub mod api;
mod backtest;
mod cargo;
pub mod channel;
#[doc(hidden)]
pub mod cli;
pub mod clock;
pub mod config;
#[doc(hidden)]
pub mod deliver;
pub mod demo;
pub mod engine;
pub mod feed;
mod host;
pub mod hosted;
pub mod ingest;
mod kit;
#[doc(hidden)]
pub mod mailbox;
mod page;
pub mod replay;
pub mod sandbox;
pub mod service;
#[doc(hidden)]
pub mod standard;
pub mod store;
pub mod strategy;

pub use host::{Host, Step};
