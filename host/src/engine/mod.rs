//! The engine: a step function over users' states. Events, fired timers and receipts go in; new
//! states, timers, messages to be sent and a trace of every decision come out. It does no I/O, reads
//! no clock and no source of chance, so the same inputs always give the same outputs: the live
//! service, the replay of a log and a backtest run this one function under different clocks.
//!
//! Users are walked side by side (`walk`): each halts where a policy must be asked, and the
//! questions of all are put in batches (`ask`). What a batch holds changes nothing about an answer.

mod ask;
pub mod audience;
pub mod batch;
pub mod consent;
mod counter;
pub mod event;
pub mod guard;
mod ids;
mod keep;
pub mod policy;
mod push;
pub mod quiet;
mod rails;
mod state;
mod strategy;
mod trace;
mod walk;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use audience::{Membership, Reached};
use event::{Event, Instant};
pub use ids::TrackingKey;
use policy::{Content, Importance};
pub use push::MOST_STEPS;
pub use state::{Attempt, Cause, Held, Hold, Message, State, Visit};
pub use strategy::{Channel, Contents, Part, Strategy, StrategyError};
pub use trace::{Decision, End, Missed, Record, Refusal, Skip};
use walk::Walk;

/// Rows of a question. Each question is put to a fresh instance, which reads its settings first: with so many
/// rows that no longer counts, even with a hundred groups to read.
pub const BATCH: usize = 1_024;

/// One user's turn in a step: their state, and what has happened since.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who.
    pub user: Arc<str>,
    /// Their state after the last step; the default for somebody new.
    pub state: State,
    /// Their events, in any order.
    pub inputs: Vec<Event>,
    /// The events are a record of the past: they say where the user is and what was counted, and nobody
    /// is messaged about what they show to have stalled by now. Those from before the latest moment that
    /// the engine knows of come too late to change anything but profile fields that are not known yet.
    pub history: bool,
}

/// What came of a user's turn, to be committed as one.
#[derive(Clone, Debug)]
pub struct Advance {
    /// Who.
    pub user: Arc<str>,
    /// Their state from now on.
    pub state: State,
    /// When the engine has to look at them again even if nothing happens: their one timer.
    pub due: Option<Instant>,
    /// Attempts to be made.
    pub outbox: Vec<Outgoing>,
    /// Every decision.
    pub trace: Vec<Record>,
}

/// An attempt to be made: one row of the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its tracking id, by which return data is known.
    pub tracking: Arc<str>,
    /// With the channel, what is sent at most once.
    pub send_key: Arc<str>,
    /// The message.
    pub message: Arc<str>,
    /// Key of the message in the tenant's contents.
    #[serde(default)]
    pub key: Arc<str>,
    /// Its user.
    pub user: Arc<str>,
    /// The channel.
    pub channel: Arc<str>,
    /// The user's address there, if the strategy says where it stands.
    #[serde(default)]
    pub address: Option<Arc<str>>,
    /// The user's locale, a BCP 47 tag; empty if unknown.
    #[serde(default)]
    pub locale: Arc<str>,
    /// The topic that the message belongs to; empty if none.
    #[serde(default)]
    pub topic: Arc<str>,
    /// How much it matters.
    pub importance: Importance,
    /// When it was decided.
    pub at: Instant,
    /// What it says.
    pub content: Content,
}

/// The host could not evaluate a policy. Nothing of the step may be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host could not evaluate a policy: {0}")]
pub struct HostFailure(pub String);

/// Steps users of one strategy.
pub struct Engine {
    strategy: Strategy,
    batch: usize,
    live: bool,
}

impl Engine {
    /// An engine for a strategy.
    #[must_use]
    pub fn new(strategy: Strategy) -> Engine {
        Engine { strategy, batch: BATCH, live: false }
    }

    /// Asks policies about at most so many rows at once. Changes nothing but the time it takes.
    #[must_use]
    pub fn batches_of(mut self, rows: usize) -> Engine {
        self.batch = rows.max(1);
        self
    }

    /// Attempts leave when a step is made, and not when it should have been: a message is waited for from
    /// then on. So whoever comes back after a time does not send everything that was missed at once. In
    /// a replay, which is not live, time passes as the deadlines say.
    #[must_use]
    pub fn live(mut self) -> Engine {
        self.live = true;
        self
    }

    /// The strategy.
    #[must_use]
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// When the engine has to look at a user with this state again even if nothing happens.
    #[must_use]
    pub fn due(&self, state: &State) -> Option<Instant> {
        state.next_due(&self.strategy)
    }

    /// Lets every user's turn take place: their inputs in order of time, their deadlines in between,
    /// and after the last input the deadlines up to `now`.
    ///
    /// The answer has the users in the order of `turns`.
    ///
    /// # Errors
    ///
    /// If the host could not evaluate a policy; a policy's own faults are in the trace.
    pub fn step(&self, turns: Vec<Turn>, now: Instant) -> Result<Vec<Advance>, HostFailure> {
        let mut walks: Vec<Walk<'_>> =
            turns.into_iter().map(|turn| Walk::new(&self.strategy, turn, now, self.live)).collect();
        let mut walking: Vec<usize> = (0..walks.len()).collect();
        while !walking.is_empty() {
            let mut asks = Vec::with_capacity(walking.len());
            for at in walking.drain(..) {
                if let Some(ask) = walks.get_mut(at).and_then(Walk::advance) {
                    asks.push((ask, at));
                }
            }
            asks.sort_unstable_by_key(|(ask, at)| (ask.part, ask.question, *at));
            for alike in
                asks.chunk_by(|(a, _), (b, _)| (a.part, a.question) == (b.part, b.question))
            {
                for some in alike.chunks(self.batch) {
                    for (answer, (ask, at)) in
                        ask::put(&self.strategy, &walks, some)?.into_iter().zip(some)
                    {
                        if let Some(walk) = walks.get_mut(*at) {
                            walk.resume(*ask, answer);
                        }
                    }
                }
            }
            walking.extend(asks.iter().map(|(_, at)| *at));
        }
        Ok(walks.into_iter().map(Walk::finish).collect())
    }
}
