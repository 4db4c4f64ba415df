//! The host: a strategy at work inside a program of yours. It holds users' states and timers, takes events,
//! asks the engine, sends through your channels and takes what comes back. Everything is in memory; whoever
//! wants it kept takes it along at the end.
//!
//! A host shares nothing with another: two in one process do not notice each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::channel::{Channel, Channels};
use crate::clock::{Clock, System};
use crate::engine::event::{Event, Instant};
use crate::engine::{Advance, Engine, HostFailure, Outgoing, Record, State, Strategy, Turn};

/// A strategy at work: see the crate's example.
pub struct Host {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    channels: Channels,
    states: BTreeMap<Arc<str>, State>,
    due: BTreeMap<Arc<str>, Instant>,
    inbox: BTreeMap<Arc<str>, Vec<Event>>,
    outbox: VecDeque<Outgoing>,
}

/// What came of a step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Every decision about every user that had a turn, by user, in order of time.
    pub advances: Vec<Advance>,
    /// Attempts that were handed to channels, with what their channels said at once.
    pub receipts: Vec<Event>,
}

impl Step {
    /// All decisions, in order of time.
    #[must_use]
    pub fn records(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> =
            self.advances.iter().flat_map(|advance| &advance.trace).collect();
        records.sort_by_key(|record| record.at);
        records
    }
}

impl Host {
    /// A host for a strategy, on the machine's clock, without a channel: an attempt on a channel that
    /// there is not has failed.
    #[must_use]
    pub fn new(strategy: Strategy) -> Host {
        Host {
            engine: Arc::new(Engine::new(strategy)),
            clock: Arc::new(System),
            channels: Channels::default(),
            states: BTreeMap::new(),
            due: BTreeMap::new(),
            inbox: BTreeMap::new(),
            outbox: VecDeque::new(),
        }
    }

    /// Lets it go by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Host {
        self.clock = clock;
        self
    }

    /// Adds a channel; one of the same name makes way for it.
    #[must_use]
    pub fn with_channel(mut self, channel: impl Channel + 'static) -> Host {
        self.channels.add(channel);
        self
    }

    /// Gives it users' states from before, as [`Host::shut_down`] gave them.
    #[must_use]
    pub fn with_states(mut self, states: BTreeMap<Arc<str>, State>) -> Host {
        for (user, state) in &states {
            if let Some(due) = self.engine.due(state) {
                self.due.insert(user.clone(), due);
            }
        }
        self.states.extend(states);
        self
    }

    /// Takes an event; it is handled in the next step.
    pub fn ingest(&mut self, event: Event) {
        self.inbox.entry(event.user.clone()).or_default().push(event);
    }

    /// When there is something to be done even if nothing happens: not before then is a step needed
    /// without an event.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let waiting = !self.outbox.is_empty() || !self.inbox.is_empty();
        if waiting { Some(self.clock.now()) } else { self.due.values().min().copied() }
    }

    /// Everything up to now: events are handled, deadlines passed, messages decided and handed to their
    /// channels. What the channels say at once is an event of the next step.
    ///
    /// Must be called within a tokio runtime: policies are evaluated on a thread where they hold up
    /// nobody.
    ///
    /// # Errors
    ///
    /// If a policy could not be evaluated. Nothing has happened then, and the events are kept: it may be
    /// tried again.
    pub async fn step(&mut self) -> Result<Step, HostFailure> {
        let now = self.clock.now();
        let mut users: Vec<Arc<str>> = self.inbox.keys().cloned().collect();
        users.extend(self.due.iter().filter(|(_, due)| **due <= now).map(|(user, _)| user.clone()));
        users.sort();
        users.dedup();
        let turn = |user: &Arc<str>| Turn {
            user: user.clone(),
            state: self.states.get(user).cloned().unwrap_or_default(),
            inputs: self.inbox.get(user).cloned().unwrap_or_default(),
            history: false,
        };
        let turns: Vec<Turn> = users.iter().map(turn).collect();
        let engine = Arc::clone(&self.engine);
        let advances = tokio::task::spawn_blocking(move || engine.step(turns, now))
            .await
            .map_err(|error| HostFailure(error.to_string()))??;
        self.inbox.clear();
        for advance in &advances {
            match advance.due {
                Some(due) => self.due.insert(advance.user.clone(), due),
                None => self.due.remove(&advance.user),
            };
            self.states.insert(advance.user.clone(), advance.state.clone());
            self.outbox.extend(advance.outbox.iter().cloned());
        }
        let mut receipts = Vec::new();
        // One by one: whoever drops the future in between finds the rest still in the outbox.
        while let Some(outgoing) = self.outbox.front().cloned() {
            let receipt = self.channels.send(&outgoing, self.clock.now()).await;
            self.outbox.pop_front();
            self.ingest(receipt.clone());
            receipts.push(receipt);
        }
        Ok(Step { advances, receipts })
    }

    /// The last step, and the users' states to be kept. What channels say later is lost to this host, and
    /// found by the next one that has the states and is given it.
    ///
    /// # Errors
    ///
    /// As for [`Host::step`]; the states are given up with it, as no step of theirs is half done.
    pub async fn shut_down(mut self) -> Result<(Step, BTreeMap<Arc<str>, State>), HostFailure> {
        let mut last = self.step().await?;
        // What the channels said in it still counts.
        while !self.inbox.is_empty() {
            let more = self.step().await?;
            last.advances.extend(more.advances);
            last.receipts.extend(more.receipts);
        }
        Ok((last, self.states))
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("users", &self.states.len())
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}
