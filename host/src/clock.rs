//! Where "now" comes from. The engine is told the time; whoever drives it has a clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::event::{Instant, Millis};

/// Something that knows what time it is.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Instant {
        let millis =
            |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Instant(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => millis(before.duration()).saturating_neg(),
        })
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct Manual(AtomicI64);

impl Manual {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn new(at: Instant) -> Manual {
        Manual(AtomicI64::new(at.0))
    }

    /// Moves on by `span`, and says what time it is then.
    pub fn advance(&self, span: Millis) -> Instant {
        let to = self.now().plus(span);
        self.set(to);
        to
    }

    /// Moves to `at`, forwards or back.
    pub fn set(&self, at: Instant) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = Manual::new(Instant(5));
        assert_eq!(clock.now(), Instant(5));
        assert_eq!(clock.advance(Millis(10)), Instant(15));
        clock.set(Instant(-3));
        assert_eq!(clock.now(), Instant(-3));
    }

    #[test]
    fn the_system_clock_goes_forward() {
        let before = System.now();
        assert!(before > Instant(1_700_000_000_000) && System.now() >= before);
    }
}
