//! The window in which a message id is remembered: who sends the same again is heard once. In memory, and
//! filled from the log at a restart.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::engine::event::{Instant, Millis};
use crate::store::MessageId;

/// Into how many parts the window is cut; a part is forgotten as a whole.
const PARTS: u64 = 12;

/// Message ids are hashes already, and of a kind that nobody can choose.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = id as u64;
    }
}

type Ids = HashSet<MessageId, BuildHasherDefault<Hashed>>;

/// Recent message ids of one tenant.
pub(super) struct Window {
    span: Millis,
    most: usize,
    /// By the moment that each part began at, oldest first.
    parts: VecDeque<(Instant, Ids)>,
    held: usize,
}

impl Window {
    /// A window that remembers for `span`, and no more than `most` ids.
    pub(super) fn new(span: Millis, most: usize) -> Window {
        Window { span, most: most.max(1), parts: VecDeque::new(), held: 0 }
    }

    /// Remembers an id; false if it is known.
    pub(super) fn insert(&mut self, id: MessageId, now: Instant) -> bool {
        if self.parts.iter().any(|(_, ids)| ids.contains(&id)) {
            return false;
        }
        let part = Millis(self.span.0 / PARTS);
        // A part ends when its share of the ids is used up, too. A clock that goes back opens none.
        let share = self.most.div_ceil(PARTS as usize);
        let open =
            self.parts.back().is_some_and(|(from, ids)| now < from.plus(part) && ids.len() < share);
        if !open {
            let from = self.parts.back().map_or(now, |(from, _)| now.max(*from));
            self.parts.push_back((from, Ids::default()));
            self.shrink(now);
        }
        if let Some((_, ids)) = self.parts.back_mut() {
            ids.insert(id);
            self.held += 1;
        }
        true
    }

    /// Forgets an id: what it was about has not happened after all.
    pub(super) fn remove(&mut self, id: MessageId) {
        for (_, ids) in self.parts.iter_mut().rev() {
            if ids.remove(&id) {
                self.held -= 1;
                return;
            }
        }
    }

    fn shrink(&mut self, now: Instant) {
        // A part may go when even its latest id is older than the window.
        while self.parts.len() > 1
            && (self.held >= self.most
                || self.parts.get(1).is_some_and(|(from, _)| now.since(*from) >= self.span))
        {
            if let Some((_, ids)) = self.parts.pop_front() {
                self.held -= ids.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_again_after_the_window() {
        let mut window = Window::new(Millis(1_200), 1_000);
        assert!(window.insert(7, Instant(0)));
        assert!(!window.insert(7, Instant(1_199)));
        for at in 0..30 {
            window.insert(100 + at as u128, Instant(at * 100));
        }
        assert!(window.insert(7, Instant(3_000)));
    }

    #[test]
    fn it_holds_no_more_than_it_may_and_forgets_the_oldest() {
        let mut window = Window::new(Millis(1_000_000), 120);
        for id in 0..1_000_u128 {
            assert!(window.insert(id, Instant(0)));
            assert!(window.held <= 130, "{}", window.held);
        }
        assert!(!window.insert(999, Instant(0)));
        assert!(window.insert(0, Instant(0)));
    }

    #[test]
    fn what_was_taken_back_is_new_again() {
        let mut window = Window::new(Millis(1_000), 10);
        assert!(window.insert(1, Instant(5)));
        window.remove(1);
        assert!(window.insert(1, Instant(5)));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut window = Window::new(Millis(1_200), 100);
        assert!(window.insert(1, Instant(10_000)));
        assert!(window.insert(2, Instant(0)));
        assert!(!window.insert(1, Instant(0)));
        assert!(!window.insert(2, Instant(10_001)));
    }
}
