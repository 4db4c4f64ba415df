//! States that are committed but not yet in the state file: the newest wins and hides the row there.
//! Touches memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::engine::event::Instant;
use crate::store::{Seq, StoreError, TenantId, UserKey};

/// A user's state after a commit.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The chunk it came with.
    pub(super) last: Seq,
    /// The user's timer.
    pub(super) due: Option<Instant>,
    /// None if the user is forgotten.
    pub(super) state: Option<Arc<[u8]>>,
}

/// How long a commit waits if there is hardly any room.
const LONGEST: Duration = Duration::from_millis(40);

/// A timer, in the order in which timers fire.
pub(super) type Timer = (Instant, UserKey);

/// States and their timers.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) entries: BTreeMap<UserKey, Entry>,
    timers: BTreeSet<Timer>,
}

impl Layer {
    fn put(&mut self, key: UserKey, entry: Entry) {
        let due = entry.due;
        if let Some(old) = self.entries.insert(key.clone(), entry)
            && let Some(was) = old.due
        {
            if Some(was) == due {
                return;
            }
            self.timers.remove(&(was, key.clone()));
        }
        if let Some(due) = due {
            self.timers.insert((due, key));
        }
    }

    /// Timers after `after`, none later than `until`.
    fn timers<'a>(
        &'a self,
        after: Option<&'a Timer>,
        until: &'a impl Fn(&Timer) -> bool,
    ) -> impl Iterator<Item = &'a Timer> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.timers.range((from, Bound::Unbounded)).take_while(|timer| until(timer))
    }
}

/// What the overlay's lock protects.
#[derive(Debug, Default)]
pub(super) struct Inner {
    dirty: Layer,
    /// What is being written to the state file. It stays until all of it is there.
    flushing: Option<(Arc<Layer>, u64)>,
    /// The last row of the journal that is in here.
    applied: u64,
    /// Every timer in the state file up to here is hidden. Saves looking at them again and again.
    floor: Option<Timer>,
    /// Why the last flush failed.
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    full: bool,
    text: String,
}

impl Inner {
    /// The user's entry, if there is one that hides the row in the state file.
    pub(super) fn get(&self, key: &UserKey) -> Option<&Entry> {
        let flushing = || self.flushing.as_ref().and_then(|(layer, _)| layer.entries.get(key));
        self.dirty.entries.get(key).or_else(flushing)
    }

    /// Timers in here after `after` for which `until` holds, in order, at most `most` of them.
    pub(super) fn timers(
        &self,
        after: Option<&Timer>,
        until: impl Fn(&Timer) -> bool,
        most: usize,
    ) -> Vec<Timer> {
        let mut found: Vec<Timer> = self.dirty.timers(after, &until).take(most).cloned().collect();
        if let Some((layer, _)) = &self.flushing {
            let visible = |timer: &&Timer| !self.dirty.entries.contains_key(&timer.1);
            found.extend(layer.timers(after, &until).filter(visible).take(most).cloned());
            found.sort();
            found.truncate(most);
        }
        found
    }

    /// A tenant's users in here that have a state, after `after` and for which `until` holds, by name,
    /// at most `most` of them.
    pub(super) fn users(
        &self,
        tenant: TenantId,
        after: Option<&UserKey>,
        until: impl Fn(&UserKey) -> bool,
        most: usize,
    ) -> Vec<Arc<str>> {
        let first = UserKey { tenant, user: Arc::from("") };
        let from = after.map_or(Bound::Included(&first), Bound::Excluded);
        let range = (from, Bound::Unbounded);
        let within = |key: &&UserKey| key.tenant == tenant && until(key);
        let named =
            |(key, entry): (&UserKey, &Entry)| entry.state.as_ref().map(|_| Arc::clone(&key.user));
        let dirty = self.dirty.entries.range(range).take_while(|(key, _)| within(key));
        let mut found: Vec<Arc<str>> = dirty.filter_map(named).take(most).collect();
        if let Some((layer, _)) = &self.flushing {
            let flushing = layer.entries.range(range).take_while(|(key, _)| within(key));
            let visible = |(key, _): &(&UserKey, &Entry)| !self.dirty.entries.contains_key(*key);
            found.extend(flushing.filter(visible).filter_map(named).take(most));
            found.sort();
            found.truncate(most);
        }
        found
    }

    /// Where to begin to look for timers in the state file.
    pub(super) fn floor(&self) -> Option<Timer> {
        self.floor.clone()
    }

    /// Remembers that every timer in the state file up to `timer` is hidden.
    pub(super) fn raise_floor(&mut self, timer: Timer) {
        if self.floor.as_ref().is_none_or(|floor| *floor < timer) {
            self.floor = Some(timer);
        }
    }

    fn waiting(&self) -> usize {
        let flushing = self.flushing.as_ref().map_or(0, |(layer, _)| layer.entries.len());
        self.dirty.entries.len() + flushing
    }
}

/// States that are not yet in the state file.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    inner: Mutex<Inner>,
    /// Held for reading by whoever merges the state file with the overlay: nothing leaves the overlay
    /// meanwhile, so what was read from the file first is hidden where it is old.
    leaving: RwLock<()>,
    /// Rung when something has left, or cannot leave.
    left: Condvar,
}

impl Overlay {
    /// The overlay itself, for as long as it takes to look.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nothing leave the overlay while the guard lives.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, ()> {
        self.leaving.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the states of row `number` of the journal, and says how many are dirty now.
    pub(super) fn put(&self, number: u64, images: impl Iterator<Item = (UserKey, Entry)>) -> usize {
        let mut inner = self.lock();
        for (key, entry) in images {
            inner.dirty.put(key, entry);
        }
        inner.applied = number;
        inner.dirty.entries.len()
    }

    /// Waits until fewer than `most` states are in here.
    ///
    /// # Errors
    ///
    /// Why none leaves, if none does.
    pub(super) fn wait_for_room(&self, most: usize) -> Result<(), StoreError> {
        let mut inner = self.lock();
        while inner.waiting() >= most {
            if let Some(trouble) = &inner.trouble {
                let text = format!("states cannot be written out: {}", trouble.text);
                let full = trouble.full;
                return Err(if full { StoreError::Full(text) } else { StoreError::Failed(text) });
            }
            let waited = self.left.wait_timeout(inner, Duration::from_secs(1));
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // A little for everybody before it comes to that, so that nobody waits long.
        let over = inner.waiting().saturating_sub(most / 2);
        if over > 0 && inner.trouble.is_none() {
            let part = u32::try_from(over * 64 / (most / 2).max(1)).unwrap_or(64);
            drop(self.left.wait_timeout(inner, LONGEST * part / 64));
        }
        Ok(())
    }

    /// What is to be written to the state file, and the last row of the journal in it: what was not
    /// finished last time, else all that is dirty, else nothing.
    pub(super) fn freeze(&self) -> Option<(Arc<Layer>, u64)> {
        let mut inner = self.lock();
        if inner.flushing.is_none() && !inner.dirty.entries.is_empty() {
            let layer = std::mem::take(&mut inner.dirty);
            inner.flushing = Some((Arc::new(layer), inner.applied));
        }
        inner.flushing.clone()
    }

    /// Lets go of what [`Overlay::freeze`] gave: the state file has it.
    pub(super) fn retire(&self) {
        let alone = self.leaving.write().unwrap_or_else(PoisonError::into_inner);
        let mut inner = self.lock();
        let gone = inner.flushing.take();
        inner.floor = None;
        inner.trouble = None;
        drop(inner);
        drop(alone);
        self.left.notify_all();
        // Freeing tens of thousands of states takes a while: without any lock.
        drop(gone);
    }

    /// Remembers why nothing leaves.
    pub(super) fn blame(&self, error: &StoreError) {
        let full = matches!(error, StoreError::Full(_));
        self.lock().trouble = Some(Trouble { full, text: error.to_string() });
        self.left.notify_all();
    }

    /// How many states are in here: those that wait for a flush, and all.
    pub(super) fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.dirty.entries.len(), inner.waiting())
    }

    /// The last row of the journal that is in here.
    pub(super) fn applied(&self) -> u64 {
        self.lock().applied
    }

    /// True if a flush was not finished.
    pub(super) fn unfinished(&self) -> bool {
        self.lock().flushing.is_some()
    }

    /// Begins with row `number` of the journal.
    pub(super) fn start(&self, number: u64) {
        self.lock().applied = number;
    }
}
