//! A tenant's lane through the service: what waits for it, what is at work, what is in mind. One batch of
//! a lane is evaluated at a time, so a user's events are handled in order; the one before it may still be
//! on its way into the store.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::TenantName;
use super::feed::Mark;
use super::forget::Erasing;
use super::memory::Memory;
use super::rate::Bucket;
use super::release::Live;
use super::send::{Place, Settlement};
use super::ticket::Ticket;
use crate::engine::event::{Instant, Millis, Shows};
use crate::engine::policy::Launch;
use crate::ingest::live::Item;
use crate::store::{Cursor, Leased, MessageId, TenantId};

/// Batches that are evaluated and not yet stored. With two, evaluation goes on while the disk is waited
/// for.
const MOST_COMMITTING: usize = 2;

/// The first batch of a release, and the next one after a fault: a release that is worth nothing is to be
/// found out cheaply.
const CAREFUL_BATCH: usize = 32;

/// A lane that has spent time on faults rests so many times as long before its next batch; one that was
/// slow without a fault rests as long as it took.
const REST: u64 = 3;

/// Microseconds after which a batch was slow: the next one is smaller, so that others have their turn.
const SLOW: u64 = 40_000;

/// No rest is longer, whatever the clock says.
const LONGEST_REST: Millis = Millis(5_000);

/// Something for a lane to do.
#[derive(Debug)]
pub(super) enum Input {
    /// A call of a sender.
    Item {
        /// The call.
        item: Item,
        /// It is a record of the past.
        history: bool,
        /// Bytes that it counts for.
        bytes: usize,
        /// Where it stands in its source, if it comes from one.
        mark: Option<Mark>,
        /// Who waits for it.
        ticket: Ticket,
    },
    /// A source is read so far, and has nothing to say there.
    Mark {
        /// How far.
        mark: Mark,
        /// Who waits for it.
        ticket: Ticket,
    },
    /// Evidence about an attempt.
    Receipt {
        /// Whose attempt it is.
        user: Arc<str>,
        /// Its tracking id.
        tracking: Arc<str>,
        /// What it shows.
        shows: Shows,
        /// Who waits for it.
        ticket: Ticket,
    },
    /// A user's timer has fired, or their deadlines are to be found anew.
    Wake {
        /// The user.
        user: Arc<str>,
    },
    /// An attempt was made.
    Settled {
        /// The attempt.
        attempt: Leased,
        /// How it ended.
        settlement: Settlement,
        /// Its place among those under way, kept until this is stored.
        place: Place,
    },
    /// A campaign goes out to a member of its group.
    Reach {
        /// The member.
        user: Arc<str>,
        /// The campaign.
        launch: Arc<Launch>,
        /// Where it stands in the group's order with this.
        cursor: Arc<Cursor>,
        /// The lane's round in which the runner said so; in a later one it says so again.
        round: u64,
    },
    /// Nothing is to be left of a user.
    Erase {
        /// The user.
        user: Arc<str>,
        /// What exactly.
        erasing: Erasing,
        /// Who waits for it.
        ticket: Ticket,
    },
}

impl Input {
    /// Where it stands in its source, if it comes from one.
    pub(super) fn mark(&self) -> Option<&Mark> {
        match self {
            Input::Item { mark, .. } => mark.as_ref(),
            Input::Mark { mark, .. } => Some(mark),
            _ => None,
        }
    }
}

/// A lock whose holder panicked holds nothing half done here: each change is one assignment or is
/// redone from the store.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a lane may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) batch: usize,
}

/// A tenant's lane.
pub(super) struct Lane {
    pub(super) id: TenantId,
    pub(super) name: TenantName,
    bounds: Bounds,
    pub(super) queue: Mutex<Queue>,
    /// Held while a batch is evaluated.
    pub(super) memory: Mutex<Memory>,
    live: RwLock<Option<Arc<Live>>>,
    /// Rises when a batch was not stored: those that were decided upon it are not, either.
    epoch: AtomicU64,
    /// The head of the tenant's chain of hashes, as far as it is stored.
    pub(super) head: Mutex<[u8; 32]>,
    /// Rises when campaigns are to go on from where they stand in the store: what was said before is void.
    round: AtomicU64,
    /// Rises when what was stored has changed who belongs to which group.
    regrouped: AtomicU64,
    /// Message ids of batches that were not stored, to be taken back before the next evaluation.
    undone: Mutex<Option<Vec<MessageId>>>,
}

/// What waits in a lane, and how it stands.
pub(super) struct Queue {
    inputs: VecDeque<Input>,
    items: usize,
    bytes: usize,
    /// Members that campaigns are on their way to.
    reaching: usize,
    pub(super) bucket: Bucket,
    /// Users whose wake is waiting or at work.
    waking: HashSet<Arc<str>>,
    /// Nothing of it is taken or sent.
    pub(super) suspended: bool,
    evaluating: bool,
    committing: usize,
    /// Of the batches that are evaluated or on their way, those that were begun under another release.
    outdated: usize,
    /// What is in mind was forgotten: nothing is evaluated until nothing is on its way to the store.
    recovering: bool,
    /// Microseconds of evaluation, for fairness.
    used: u64,
    batch: usize,
    rests_until: Option<Instant>,
}

impl Queue {
    /// Adds inputs among which are so many items of so many bytes.
    pub(super) fn put(
        &mut self,
        inputs: impl IntoIterator<Item = Input>,
        items: usize,
        bytes: usize,
    ) {
        self.inputs.extend(inputs);
        self.items += items;
        self.bytes += bytes;
    }
}

/// Why an input is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// More would wait than may.
    Queue,
    /// The tenant sends more than it may; worth trying again after this time.
    Rate(Millis),
}

impl Lane {
    pub(super) fn new(
        id: TenantId,
        name: TenantName,
        bounds: Bounds,
        bucket: Bucket,
        memory: Memory,
    ) -> Lane {
        let queue = Queue {
            inputs: VecDeque::new(),
            items: 0,
            bytes: 0,
            reaching: 0,
            bucket,
            waking: HashSet::new(),
            suspended: false,
            evaluating: false,
            committing: 0,
            outdated: 0,
            recovering: false,
            used: 0,
            batch: CAREFUL_BATCH.min(bounds.batch),
            rests_until: None,
        };
        Lane {
            id,
            name,
            bounds,
            queue: Mutex::new(queue),
            memory: Mutex::new(memory),
            live: RwLock::new(None),
            epoch: AtomicU64::new(0),
            round: AtomicU64::new(0),
            regrouped: AtomicU64::new(0),
            head: Mutex::new([0; 32]),
            undone: Mutex::new(None),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// A batch of this epoch, with these message ids, was not stored.
    pub(super) fn undo(&self, epoch: u64, ids: Vec<MessageId>) {
        // If the epoch has risen already, it was for a batch before this one.
        let _ = self.epoch.compare_exchange(epoch, epoch + 1, Ordering::SeqCst, Ordering::SeqCst);
        lock(&self.undone).get_or_insert_default().extend(ids);
    }

    /// The round that campaigns are in.
    pub(super) fn round(&self) -> u64 {
        self.round.load(Ordering::SeqCst)
    }

    /// Has campaigns go on from where they stand in the store.
    pub(super) fn next_round(&self) {
        self.round.fetch_add(1, Ordering::SeqCst);
    }

    /// How often it was stored that users have joined groups or left them.
    pub(super) fn regroupings(&self) -> u64 {
        self.regrouped.load(Ordering::SeqCst)
    }

    /// It is stored that users have joined groups or left them.
    pub(super) fn regrouped(&self) {
        self.regrouped.fetch_add(1, Ordering::SeqCst);
    }

    /// Has a campaign go out to members of its group.
    pub(super) fn reach(&self, inputs: Vec<Input>) {
        let mut queue = lock(&self.queue);
        queue.reaching += inputs.len();
        queue.inputs.extend(inputs);
    }

    /// Members that campaigns are on their way to.
    pub(super) fn reaching(&self) -> usize {
        lock(&self.queue).reaching
    }

    /// A batch is stored, or has come to nothing, that had so many of those.
    pub(super) fn reached(&self, many: usize) {
        let mut queue = lock(&self.queue);
        queue.reaching = queue.reaching.saturating_sub(many);
    }

    /// Takes back what was not stored.
    pub(super) fn take_back(&self, memory: &mut Memory) {
        if let Some(ids) = lock(&self.undone).take() {
            memory.forget();
            ids.into_iter().for_each(|id| memory.window.remove(id));
        }
    }

    /// The release at work.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a release to work, or none. A batch in flight ends with the one that it began with.
    pub(super) fn set_live(&self, live: Option<Arc<Live>>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
        let mut queue = lock(&self.queue);
        queue.batch = CAREFUL_BATCH.min(self.bounds.batch);
        queue.outdated = queue.committing + usize::from(queue.evaluating);
    }

    /// Something that was begun under another release is not stored so far: the store does not know of
    /// everybody whose deadline comes from there.
    pub(super) fn is_outdated(&self) -> bool {
        lock(&self.queue).outdated > 0
    }

    /// Takes all items of a request, or none of them.
    pub(super) fn offer(
        &self,
        items: Vec<(Item, usize)>,
        history: impl Fn(&Item) -> bool,
        ticket: &Ticket,
        now: Instant,
        rated: bool,
    ) -> Result<(), Overflow> {
        let (count, weight) = (items.len(), items.iter().map(|(_, bytes)| bytes).sum());
        let mut queue = self.room(count, weight)?;
        if rated {
            queue.bucket.take(count as u64, now.0).map_err(Overflow::Rate)?;
        }
        let input = |(item, bytes)| {
            let (history, ticket) = (history(&item), ticket.clone());
            Input::Item { item, history, bytes, mark: None, ticket }
        };
        queue.put(items.into_iter().map(input), count, weight);
        Ok(())
    }

    /// The queue, if there is room in it for so many items of so many bytes together.
    pub(super) fn room(
        &self,
        items: usize,
        bytes: usize,
    ) -> Result<MutexGuard<'_, Queue>, Overflow> {
        let queue = lock(&self.queue);
        // Somebody who sends more than the queue holds in one go gets through when it is empty.
        let fits = queue.items == 0
            || (queue.items + items <= self.bounds.events
                && queue.bytes + bytes <= self.bounds.bytes);
        if fits { Ok(queue) } else { Err(Overflow::Queue) }
    }

    /// Takes something that the service itself has for the lane.
    pub(super) fn push(&self, input: Input) {
        lock(&self.queue).inputs.push_back(input);
    }

    /// Has a user woken; false if they are about to be.
    pub(super) fn wake(&self, user: &Arc<str>) -> bool {
        let mut queue = lock(&self.queue);
        let new = queue.waking.insert(user.clone());
        if new {
            queue.inputs.push_back(Input::Wake { user: user.clone() });
        }
        new
    }

    /// Wakes that are waiting or at work.
    pub(super) fn wakes(&self) -> usize {
        lock(&self.queue).waking.len()
    }

    /// Items that wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).items
    }

    /// Nothing waits and nothing is at work.
    pub(super) fn is_idle(&self) -> bool {
        let queue = lock(&self.queue);
        queue.inputs.is_empty() && !queue.evaluating && queue.committing == 0
    }

    /// How much the lane has had, if there is something to evaluate and it may be now.
    pub(super) fn wants(&self, now: Instant) -> Option<u64> {
        let mut queue = lock(&self.queue);
        if let Some(until) = queue.rests_until {
            if now < until && until.since(now) <= LONGEST_REST {
                return None;
            }
            queue.rests_until = None;
        }
        let room = if queue.recovering { 1 } else { MOST_COMMITTING };
        let ready = !queue.inputs.is_empty() && !queue.evaluating && queue.committing < room;
        ready.then_some(queue.used)
    }

    /// Takes the next batch to be evaluated.
    ///
    /// None if somebody else was quicker.
    pub(super) fn take(&self, least_used: u64) -> Option<Vec<Input>> {
        let mut queue = lock(&self.queue);
        let room = if queue.recovering { 1 } else { MOST_COMMITTING };
        if queue.evaluating || queue.inputs.is_empty() || queue.committing >= room {
            return None;
        }
        queue.recovering = false;
        queue.evaluating = true;
        // Who was idle gets no credit for it.
        queue.used = queue.used.max(least_used);
        let many = queue.batch.min(queue.inputs.len());
        // Who is erased has a batch of their own.
        let erases = |input: &Input| matches!(input, Input::Erase { .. });
        let many = queue.inputs.iter().take(many).position(erases).map_or(many, |at| at.max(1));
        let inputs: Vec<Input> = queue.inputs.drain(..many).collect();
        for input in &inputs {
            if let Input::Item { bytes, .. } = input {
                queue.items = queue.items.saturating_sub(1);
                queue.bytes = queue.bytes.saturating_sub(*bytes);
            }
        }
        Some(inputs)
    }

    /// A batch was evaluated, and goes to the store.
    pub(super) fn evaluated(&self, micros: u64, faults: usize, now: Instant) {
        let mut queue = lock(&self.queue);
        queue.evaluating = false;
        queue.committing += 1;
        queue.used = queue.used.saturating_add(micros);
        let rest = |times: u64| Some(now.plus(Millis((micros * times).div_ceil(1_000))));
        if faults > 0 {
            queue.batch = CAREFUL_BATCH.min(self.bounds.batch);
            queue.rests_until = rest(REST);
        } else if micros > SLOW {
            queue.batch = (queue.batch / 2).max(1);
            queue.rests_until = rest(1);
        } else if micros < SLOW / 4 {
            queue.batch = queue.batch.saturating_mul(2).min(self.bounds.batch);
        }
    }

    /// What is in mind was forgotten and is not yet what is stored: nothing is evaluated until it is.
    pub(super) fn settle_first(&self) {
        lock(&self.queue).recovering = true;
    }

    /// A batch could not be evaluated; what is in mind was forgotten.
    pub(super) fn not_evaluated(&self) {
        let mut queue = lock(&self.queue);
        queue.evaluating = false;
        queue.outdated = queue.outdated.min(queue.committing);
        queue.recovering = true;
    }

    /// A batch was stored, or was not.
    pub(super) fn committed(&self, stored: bool, woken: &[Arc<str>]) {
        let mut queue = lock(&self.queue);
        queue.committing = queue.committing.saturating_sub(1);
        // They are stored in the order in which they were begun.
        queue.outdated = queue.outdated.saturating_sub(1);
        queue.recovering |= !stored;
        for user in woken {
            queue.waking.remove(user);
        }
    }

    /// Wakes of a batch that has come to nothing: they will fire again.
    pub(super) fn unwake(&self, woken: &[Arc<str>]) {
        let mut queue = lock(&self.queue);
        for user in woken {
            queue.waking.remove(user);
        }
    }

    /// Gives everything up that waits: the tenant is gone.
    pub(super) fn drain(&self) -> Vec<Input> {
        let mut queue = lock(&self.queue);
        queue.items = 0;
        queue.bytes = 0;
        queue.reaching = 0;
        queue.waking.clear();
        queue.inputs.drain(..).collect()
    }
}
