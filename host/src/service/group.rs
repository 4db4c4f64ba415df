//! Evaluated batches become durable: whatever is ready goes into one commit. Only then does anybody hear
//! of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::batch::{Evaluated, Then};
use super::chain;
use super::core::Core;
use super::lane::lock;
use super::ticket::Failed;
use crate::engine::event::Instant;
use crate::store::{Chunk, Commit, MessageId, StoreError, TenantId};

/// Makes batches durable, all as one, and tells everybody who waits for them.
pub(super) fn commit(core: &Core, ready: Vec<Evaluated>) {
    let fits = |batch: &Evaluated| batch.then.lane.epoch() == batch.then.epoch;
    let (group, late): (Vec<Evaluated>, Vec<Evaluated>) = ready.into_iter().partition(fits);
    let failed = Failed::Unavailable("what it was decided upon was not stored".to_owned());
    for batch in late {
        undo(batch.then, batch.chunk.ids, &failed);
    }
    if group.is_empty() {
        return;
    }
    let mut heads: BTreeMap<TenantId, [u8; 32]> = BTreeMap::new();
    let (chunks, after): (Vec<Chunk>, Vec<(Then, Told)>) = group
        .into_iter()
        .map(|mut batch| {
            let lane = &batch.then.lane;
            let head = heads.entry(lane.id).or_insert_with(|| *lock(&lane.head));
            batch.chunk.chain = chain::link(*head, &batch.chunk);
            if let Some(link) = batch.chunk.chain {
                *head = link.head;
            }
            let told = Told::of(&batch.chunk);
            (batch.chunk, (batch.then, told))
        })
        .unzip();
    let first = chunks.first().map(|chunk| (chunk.tenant, chunk.seq));
    let started = std::time::Instant::now();
    let mut result = core.store.commit(Commit { chunks });
    if let (Err(StoreError::Failed(reason)), Some((tenant, seq))) = (&result, first) {
        // The answer may have been lost, and not the commit: what is in the log was committed.
        match core.store.chunk(tenant, seq) {
            Ok(Some(_)) => result = Ok(()),
            Ok(None) => {}
            Err(error) => {
                // Nobody can say, so nobody may go on from here; a start finds out.
                tracing::error!("a commit is in doubt ({reason}; {error}): the service stops");
                core.stopping.store(true, Ordering::SeqCst);
            }
        }
    }
    let events = after.iter().map(|(_, told)| told.events).sum();
    core.meter.committed(started.elapsed(), events, result.is_ok());
    match result {
        Ok(()) => {
            core.set_trouble(None);
            for (then, told) in after {
                if let Some(head) = heads.get(&then.lane.id) {
                    *lock(&then.lane.head) = *head;
                }
                durable(core, then, &told);
            }
        }
        Err(error) => {
            core.set_trouble(Some(error.to_string()));
            if matches!(error, StoreError::Fenced(_)) {
                core.stopping.store(true, Ordering::SeqCst);
            }
            let failed = Failed::from(&error);
            for (then, told) in after {
                undo(then, told.ids, &failed);
            }
        }
    }
}

/// What is worth knowing of a chunk when it has gone into the store.
struct Told {
    ids: Vec<MessageId>,
    events: u64,
    attempts: u64,
    /// Users have joined groups or left them.
    regroups: bool,
    letters: Vec<Arc<str>>,
    /// The first timer that it sets.
    due: Option<Instant>,
}

impl Told {
    fn of(chunk: &Chunk) -> Told {
        Told {
            ids: chunk.ids.clone(),
            events: u64::from(chunk.events),
            attempts: chunk.outbox.len() as u64,
            regroups: !chunk.members.is_empty(),
            letters: chunk.letters.iter().map(|letter| letter.user.clone()).collect(),
            due: chunk.images.iter().filter_map(|image| image.due).min(),
        }
    }
}

fn durable(core: &Core, mut then: Then, told: &Told) {
    let settled = std::mem::take(&mut then.settled).len();
    then.lane.committed(true, &then.woken);
    if told.regroups {
        then.lane.regrouped();
    }
    then.lane.reached(then.reaching);
    for (ticket, inputs) in &then.tickets {
        ticket.settle(*inputs, Ok(()));
    }
    core.meter.stored(told.events, then.duplicates, told.attempts);
    for user in &told.letters {
        core.streams.put(then.lane.id, user);
    }
    if let Some(due) = told.due {
        core.alarm.set(due, core.clock.now());
    }
    // There is something to be sent, or there are places for it.
    if told.attempts > 0 || settled > 0 {
        core.streams.outbox.notify_one();
    }
    if let (Some(release), false) = (then.release, then.faults.is_empty()) {
        core.faulted(&then.lane, release, &then.faults);
    }
}

/// A batch has come to nothing, and with it all that the same lane has decided upon it.
fn undo(then: Then, ids: Vec<MessageId>, failed: &Failed) {
    then.lane.undo(then.epoch, ids);
    then.lane.committed(false, &then.woken);
    then.give_up(failed);
}
