//! Nudge: a push engine whose rules are WebAssembly components.
//!
//! Events of users go in; messages, and a record of every decision, come out. In between stands one
//! function, [`Engine::step`](engine::Engine::step), which asks a tenant's policies what to do. The
//! policies run in the [`sandbox`]; the engine neither knows nor cares.
//!
//! ```no_run
//! use nudge::engine::event::{Event, Fields, Instant, Value, What};
//! use nudge::engine::{Engine, State, Turn};
//! use nudge::sandbox::{Compiler, Limits, Sandbox};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::new(Limits::default(), Compiler::Here)?;
//! let loaded = nudge::strategy::load("strategy.toml".as_ref(), &sandbox)?;
//! let engine = Engine::new(loaded.strategy);
//!
//! let fields = Fields::from_iter([("node".into(), Value::Text("cart".into()))]);
//! let what = What::Operation { name: "added".into(), fields };
//! let event = Event { user: "ada".into(), at: Instant(1_772_438_400_000), what };
//!
//! let turn = Turn { user: "ada".into(), state: State::default(), inputs: vec![event] };
//! for advance in engine.step(vec![turn], Instant(1_772_438_400_000))? {
//!     println!("{} has to be looked at again at {:?}", advance.user, advance.due);
//!     println!("{} messages are to be sent", advance.outbox.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The rooms: [`engine`] decides, [`sandbox`] evaluates, [`strategy`] reads what a tenant wrote,
//! [`ingest`] reads events, [`replay`] runs them through the engine in virtual time, [`channel`] and
//! [`deliver`] reach people, [`clock`] says what time it is, [`standard`] has the policies that come
//! with the binary, [`demo`] shows it all, and [`cli`] is the command line.

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
