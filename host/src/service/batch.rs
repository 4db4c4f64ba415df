//! One batch of a lane through the engine: who is meant, what was heard before, states in, states and
//! decisions out. Nothing here is durable yet; `group` sees to that.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::core::Core;
use super::forget::Erasing;
use super::lane::{Input, Lane, lock};
use super::memory::{Known, Memory};
use super::send::{Settlement, TAKEN};
use super::tally::Tallies;
use super::ticket::{Failed, Ticket};
use super::who::{name, names};
use crate::engine::event::{Event, Grade, Instant, Receipt, Shows, What};
use crate::engine::{Advance, Engine, HostFailure, Outgoing, Record, State, Turn, audience};
use crate::ingest::live::Deed;
use crate::store::{
    Attempt, Chunk, Cursor, Image, Letter, Membership, ReceiptRow, Seq, Settled, StoreError,
    Suppression, UserKey,
};

/// The channel whose messages are found in the app.
pub(super) const APP: &str = "app";

/// Turns from which on it is worth evaluating them on several processors.
const WORTH_SPLITTING: usize = 128;

/// A batch that was evaluated, on its way into the store.
pub(super) struct Evaluated {
    /// What is stored.
    pub(super) chunk: Chunk,
    /// What is done once it is stored, or is not.
    pub(super) then: Then,
}

/// What there is to do about a batch that does not go into the store.
pub(super) struct Then {
    pub(super) lane: Arc<Lane>,
    /// The lane's epoch in which it was evaluated.
    pub(super) epoch: u64,
    /// Who waits, and for how many inputs.
    pub(super) tickets: Vec<(Ticket, usize)>,
    pub(super) woken: Vec<Arc<str>>,
    /// What has to be done again if this is not stored.
    pub(super) settled: Vec<Input>,
    /// Faults by policy label, with a word on the latest.
    pub(super) faults: BTreeMap<Arc<str>, (u64, String)>,
    /// Members that campaigns went out to in it.
    pub(super) reaching: usize,
    /// The release that decided.
    pub(super) release: Option<u64>,
    pub(super) duplicates: u64,
}

/// What happens to one user in a batch.
#[derive(Default)]
pub(super) struct Doings {
    pub(super) live: Vec<Event>,
    pub(super) history: Vec<Event>,
    /// Who has turned out to be this user, with the latest chunk about them.
    pub(super) absorbed: Vec<(Arc<str>, u64)>,
    /// Nothing is to be left of the user.
    erase: Option<Erasing>,
}

impl Doings {
    fn is_nothing(&self) -> bool {
        self.live.is_empty() && self.history.is_empty() && self.absorbed.is_empty()
    }

    /// Nothing came in but evidence, or campaigns, which make nobody a user.
    fn is_evidence(&self) -> bool {
        let evidence = |event: &Event| matches!(event.what, What::Receipt(_) | What::Campaign(_));
        self.live.iter().all(evidence)
            && self.history.is_empty()
            && self.absorbed.is_empty()
            && self.erase.is_none()
    }
}

/// Evaluates a batch.
///
/// If it cannot be, everybody who waits is told, wakes may fire again, and what the service itself had
/// for the lane is back in its queue.
pub(super) fn evaluate(core: &Core, lane: &Arc<Lane>, inputs: Vec<Input>) -> Option<Evaluated> {
    let mut memory = lock(&lane.memory);
    lane.take_back(&mut memory);
    let mut batch = Batch::new(core, lane);
    let result = batch.run(&mut memory, inputs);
    let Batch { chunk, then, .. } = batch;
    match result {
        Ok(()) => {
            if !chunk.erased.is_empty() {
                // Until that is stored, the store would give it back.
                memory.forget();
                lane.settle_first();
            }
            Some(Evaluated { chunk, then })
        }
        Err(failed) => {
            tracing::error!(tenant = lane.id.0, "a batch could not be evaluated: {failed:?}");
            // States were moved out of mind for it.
            memory.forget();
            for id in &chunk.ids {
                memory.window.remove(*id);
            }
            drop(memory);
            lane.unwake(&then.woken);
            then.give_up(&failed);
            None
        }
    }
}

impl Then {
    /// Tells everybody who waits that it has come to nothing, and has the service's own part done again.
    pub(super) fn give_up(self, failed: &Failed) {
        for (ticket, inputs) in self.tickets {
            ticket.settle(inputs, Err(failed.clone()));
        }
        for input in self.settled {
            self.lane.push(input);
        }
        if self.reaching > 0 {
            // The store knows how far campaigns have got.
            self.lane.next_round();
            self.lane.reached(self.reaching);
        }
    }
}

pub(super) struct Batch<'a> {
    pub(super) core: &'a Core,
    pub(super) now: Instant,
    pub(super) chunk: Chunk,
    pub(super) then: Then,
    users: HashMap<Arc<str>, usize>,
    turns: Vec<(Arc<str>, Doings)>,
    tallies: Tallies,
}

impl<'a> Batch<'a> {
    fn new(core: &'a Core, lane: &Arc<Lane>) -> Batch<'a> {
        let now = core.clock.now();
        let chunk = Chunk::new(lane.id, core.next_seq(), now);
        let then = Then {
            lane: Arc::clone(lane),
            epoch: lane.epoch(),
            tickets: Vec::new(),
            woken: Vec::new(),
            settled: Vec::new(),
            faults: BTreeMap::new(),
            reaching: 0,
            release: None,
            duplicates: 0,
        };
        let (users, turns, tallies) = (HashMap::new(), Vec::new(), Tallies::default());
        Batch { core, now, chunk, then, users, turns, tallies }
    }

    fn run(&mut self, memory: &mut Memory, inputs: Vec<Input>) -> Result<(), Failed> {
        let store = |error: StoreError| Failed::from(&error);
        for input in &inputs {
            self.note(input);
        }
        let names = inputs.iter().flat_map(names);
        memory.learn(&*self.core.store, self.then.lane.id, names).map_err(store)?;
        let (of, tenant) = (&*self.core.store, self.then.lane.id);
        memory.learn_sources(of, tenant, inputs.iter()).map_err(store)?;
        let inputs = self.hear(memory, inputs);
        for input in inputs {
            self.sort(memory, input);
        }
        // In the order of names: what is decided must not depend on the order of a hash map.
        let mut turns = std::mem::take(&mut self.turns);
        turns.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut states = self.states(memory, &mut turns).map_err(store)?;
        let nobody = State::default();
        // What was erased does not come back with the evidence of what was under way then.
        let keep: Vec<bool> = (turns.iter().zip(&states))
            .map(|((_, doings), known)| !doings.is_evidence() || known.state != nobody)
            .collect();
        self.drop_evidence(&turns, &states, &keep).map_err(store)?;
        let mut kept = keep.iter();
        turns.retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        states.retain(|_| kept.next().copied().unwrap_or(true));
        let live = self.then.lane.live();
        self.then.release = live.as_ref().map(|live| live.number);
        let lasts: Vec<Seq> = states.iter().map(|known| known.last).collect();
        // Of a turn in which nothing happens it is worth knowing whether it has changed anything.
        let before: Vec<Option<State>> = (turns.iter().zip(&states))
            .map(|((_, doings), known)| doings.is_nothing().then(|| known.state.clone()))
            .collect();
        let host = |error: HostFailure| Failed::Unavailable(error.to_string());
        let advances = match &live {
            Some(live) => self.step(&live.engine, &turns, &mut states).map_err(host)?,
            None => offline(&turns, states),
        };
        for (at, (advance, (_, doings))) in advances.into_iter().zip(&turns).enumerate() {
            let last = lasts.get(at).copied().unwrap_or_default();
            let before = before.get(at).and_then(Option::as_ref);
            // What has come since it was decided to erase the user is to be found first.
            if let Some(erasing) = doings.erase.as_ref().filter(|erasing| erasing.last == last) {
                self.forget(advance.user, erasing);
                continue;
            }
            let told = !advance.trace.is_empty() || before != Some(&advance.state);
            let costs = live.as_deref().map(|live| live.engine.strategy());
            self.tallies.take(&advance, costs);
            self.keep(memory, advance, doings, last, told).map_err(Failed::Unavailable)?;
        }
        self.chunk.tallies = std::mem::take(&mut self.tallies).rows();
        Ok(())
    }

    /// Remembers what an input means to those who wait for it.
    fn note(&mut self, input: &Input) {
        match input {
            Input::Item { ticket, .. }
            | Input::Mark { ticket, .. }
            | Input::Receipt { ticket, .. }
            | Input::Erase { ticket, .. } => match self.then.tickets.last_mut() {
                Some((last, inputs)) if last.is(ticket) => *inputs += 1,
                _ => self.then.tickets.push((ticket.clone(), 1)),
            },
            Input::Wake { user } => self.then.woken.push(user.clone()),
            Input::Reach { .. } => self.then.reaching += 1,
            Input::Settled { attempt, settlement, place } => {
                let (attempt, settlement) = (attempt.clone(), settlement.clone());
                let place = place.clone();
                self.then.settled.push(Input::Settled { attempt, settlement, place });
            }
        }
    }

    fn doings(&mut self, user: Arc<str>) -> Option<&mut Doings> {
        let at = *self.users.entry(user.clone()).or_insert_with(|| {
            self.turns.push((user, Doings::default()));
            self.turns.len() - 1
        });
        self.turns.get_mut(at).map(|(_, doings)| doings)
    }

    /// Puts an input where its user's turn is.
    fn sort(&mut self, memory: &Memory, input: Input) {
        let now = self.now;
        let owner = |user: &Arc<str>| memory.owner(user);
        match input {
            Input::Item { item, history, .. } => {
                let Some(user) = name(&item).map(|name| owner(&name)) else { return };
                self.chunk.events += 1;
                let Some(doings) = self.doings(user.clone()) else { return };
                if let Deed::Happened(deeds) = item.deed {
                    let event = |what| Event { user: user.clone(), at: item.at, what };
                    let place = if history { &mut doings.history } else { &mut doings.live };
                    place.extend(deeds.into_iter().map(event));
                }
            }
            // It was heard, and has nothing more to say.
            Input::Mark { .. } => {}
            Input::Receipt { user, tracking, shows, .. } => {
                self.receipt(&owner(&user), tracking, shows, now);
            }
            Input::Wake { user } => {
                let _ = self.doings(owner(&user));
            }
            Input::Reach { user, launch, cursor, round } => {
                if round == self.then.lane.round() {
                    let owner = owner(&user);
                    let event = audience::out_to(&launch, &owner, now);
                    if let Some(doings) = self.doings(owner) {
                        doings.live.push(event);
                    }
                    self.advance(&cursor);
                }
            }
            Input::Settled { attempt, settlement, .. } => {
                self.settled(memory, attempt.attempt, &settlement);
            }
            Input::Erase { user, erasing, .. } => {
                // Whoever has become somebody else since is erased as that.
                if owner(&user) == user
                    && let Some(doings) = self.doings(user)
                {
                    doings.erase = Some(erasing);
                }
            }
        }
    }

    /// A campaign has got so far when this batch is stored.
    fn advance(&mut self, cursor: &Cursor) {
        let known = self.chunk.cursors.iter_mut().find(|known| known.name == cursor.name);
        match known {
            Some(known) => *known = cursor.clone(),
            None => self.chunk.cursors.push(cursor.clone()),
        }
    }

    fn settled(&mut self, memory: &Memory, attempt: Attempt, settlement: &Settlement) {
        let (now, user) = (self.now, memory.owner(&attempt.user));
        let shows = settlement.shows;
        self.chunk.outcomes.push(Settled {
            tracking: attempt.tracking.clone(),
            at: now,
            outcome: settlement.word().into(),
            reason: settlement.reason.clone(),
            reference: settlement.reference.clone(),
        });
        if let (Shows::Gone, Some(address)) = (shows, &attempt.address) {
            self.chunk.suppressed.push(Suppression {
                channel: attempt.channel.clone(),
                address: address.clone(),
                reason: settlement.reason.clone().unwrap_or_else(|| "gone".into()),
                at: now,
            });
        }
        if shows == TAKEN && &*attempt.channel == APP {
            self.chunk.letters.push(Letter {
                user: user.clone(),
                tracking: attempt.tracking.clone(),
                at: now,
                content: attempt.content,
            });
        }
        self.receipt(&user, attempt.tracking, shows, now);
    }

    fn receipt(&mut self, user: &Arc<str>, tracking: Arc<str>, shows: Shows, now: Instant) {
        let row = ReceiptRow { tracking: tracking.clone(), at: now, shows: word(shows).into() };
        self.chunk.receipts.push(row);
        self.chunk.events += 1;
        let what = What::Receipt(Receipt { tracking, shows });
        let event = Event { user: user.clone(), at: now, what };
        if let Some(doings) = self.doings(user.clone()) {
            doings.live.push(event);
        }
    }

    /// Every user's state, with that of those who have turned out to be the same.
    fn states(
        &mut self,
        memory: &mut Memory,
        turns: &mut [(Arc<str>, Doings)],
    ) -> Result<Vec<Known>, StoreError> {
        // A link made in this batch may be about somebody who does nothing in it.
        let tenant = self.then.lane.id;
        let gone: Vec<(Arc<str>, Arc<str>)> =
            self.chunk.links.iter().map(|(from, _)| (from.clone(), memory.owner(from))).collect();
        let wanted = turns.iter().map(|(user, _)| user).chain(gone.iter().map(|(from, _)| from));
        let missing: Vec<UserKey> = wanted
            .filter(|user| !memory.states.has(user))
            .map(|user| UserKey { tenant, user: user.clone() })
            .collect();
        let mut loaded = HashMap::new();
        if !missing.is_empty() {
            let stored = self.core.store.load(&missing)?;
            for (key, stored) in missing.into_iter().zip(stored) {
                let Some(stored) = stored else { continue };
                let state: State = serde_json::from_slice(&stored.state)
                    .map_err(|error| StoreError::Damaged(format!("a user's state: {error}")))?;
                loaded.insert(key.user, Known { last: stored.last, state });
            }
        }
        let mut take = |user: &Arc<str>| {
            memory.states.take(user).or_else(|| loaded.remove(user)).unwrap_or_default()
        };
        let mut states: Vec<Known> = turns.iter().map(|(user, _)| take(user)).collect();
        for (from, to) in gone {
            let other = take(&from);
            for (policy, membership) in &other.state.groups {
                let quit = |group: &Arc<str>| Membership {
                    policy: policy.clone(),
                    group: group.clone(),
                    user: from.clone(),
                    belongs: false,
                    quietly: false,
                };
                self.chunk.members.extend(membership.since.keys().map(quit));
            }
            if let Ok(at) = turns.binary_search_by(|(user, _)| user.cmp(&to))
                && let (Some(known), Some((_, doings))) = (states.get_mut(at), turns.get_mut(at))
            {
                known.state.absorb(other.state);
                doings.absorbed.push((from.clone(), other.last.0));
            }
            self.chunk.images.push(Image {
                user: from,
                last: self.chunk.seq,
                due: None,
                state: None,
            });
        }
        Ok(states)
    }

    /// The turns, history before what is happening.
    fn step(
        &self,
        engine: &Engine,
        turns: &[(Arc<str>, Doings)],
        states: &mut [Known],
    ) -> Result<Vec<Advance>, HostFailure> {
        let mut past: Vec<(Vec<Record>, Vec<Outgoing>)> = vec![Default::default(); turns.len()];
        let old: Vec<usize> = (turns.iter().enumerate())
            .filter(|(_, (_, doings))| !doings.history.is_empty())
            .map(|(at, _)| at)
            .collect();
        let turn = |at: usize, user: &Arc<str>, inputs: &[Event], states: &mut [Known], history| {
            let state = states.get_mut(at).map(|known| std::mem::take(&mut known.state));
            let (user, inputs) = (user.clone(), inputs.to_vec());
            Turn { user, state: state.unwrap_or_default(), inputs, history }
        };
        let records: Vec<Turn> = (old.iter())
            .filter_map(|at| turns.get(*at).map(|(user, doings)| (*at, user, &doings.history)))
            .map(|(at, user, inputs)| turn(at, user, inputs, states, true))
            .collect();
        if !records.is_empty() {
            for (at, advance) in old.iter().zip(self.split(engine, records)?) {
                if let (Some(known), Some(past)) = (states.get_mut(*at), past.get_mut(*at)) {
                    known.state = advance.state;
                    *past = (advance.trace, advance.outbox);
                }
            }
        }
        let now: Vec<Turn> = (turns.iter().enumerate())
            .map(|(at, (user, doings))| turn(at, user, &doings.live, states, false))
            .collect();
        let mut advances = self.split(engine, now)?;
        for (advance, (mut trace, mut outbox)) in advances.iter_mut().zip(past) {
            trace.append(&mut advance.trace);
            outbox.append(&mut advance.outbox);
            advance.trace = trace;
            advance.outbox = outbox;
        }
        Ok(advances)
    }

    /// Steps turns on several processors where that pays.
    fn split(&self, engine: &Engine, turns: Vec<Turn>) -> Result<Vec<Advance>, HostFailure> {
        let parts = self.core.spare_processors().min(turns.len() / WORTH_SPLITTING);
        if parts < 2 {
            return engine.step(turns, self.now);
        }
        let size = turns.len().div_ceil(parts);
        let mut rest = turns;
        let mut cut = Vec::with_capacity(parts);
        while rest.len() > size {
            let tail = rest.split_off(size);
            cut.push(std::mem::replace(&mut rest, tail));
        }
        let now = self.now;
        let answers = std::thread::scope(|scope| {
            let others: Vec<_> =
                cut.into_iter().map(|part| scope.spawn(move || engine.step(part, now))).collect();
            let last = engine.step(rest, now);
            let lost = |_| Err(HostFailure("an evaluating thread ended".to_owned()));
            let mut answers: Vec<_> =
                others.into_iter().map(|other| other.join().unwrap_or_else(lost)).collect();
            answers.push(last);
            answers
        });
        let mut advances = Vec::new();
        for answer in answers {
            advances.extend(answer?);
        }
        Ok(advances)
    }
}

/// Without a strategy what is said of users is remembered, and nothing else happens.
fn offline(turns: &[(Arc<str>, Doings)], states: Vec<Known>) -> Vec<Advance> {
    let advance = |((user, doings), known): (&(Arc<str>, Doings), Known)| {
        let mut state = known.state;
        doings.history.iter().chain(&doings.live).for_each(|event| state.note(event));
        let user = user.clone();
        Advance { user, state, due: None, outbox: Vec::new(), trace: Vec::new() }
    };
    turns.iter().zip(states).map(advance).collect()
}

/// What a receipt shows, in one word.
pub(super) fn word(shows: Shows) -> &'static str {
    match shows {
        Shows::Failed => "failed",
        Shows::Gone => "gone",
        Shows::Withheld(why) => why.word(),
        Shows::Grade(Grade::Accepted) => "accepted",
        Shows::Grade(Grade::Delivered) => "delivered",
        Shows::Grade(Grade::MachineOpened) => "machine-opened",
        Shows::Grade(Grade::Opened) => "opened",
        Shows::Grade(Grade::Seen) => "seen",
        Shows::Grade(Grade::Confirmed) => "confirmed",
        Shows::Grade(Grade::Converted) => "converted",
    }
}
