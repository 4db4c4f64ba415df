//! How fast attempts go out: a token bucket for the rate, a number for how many at once.

#[cfg(test)]
mod tests;

use crate::engine::event::{Instant, Millis};

/// What one tenant's channel may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How fast attempts go out; nothing: as fast as they come.
    pub rate: Option<Rate>,
    /// How many attempts are under way at once; at least 1.
    pub at_once: usize,
}

/// 50 at once, at any rate.
impl Default for Limits {
    fn default() -> Limits {
        Limits { rate: None, at_once: 50 }
    }
}

/// How fast attempts go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Attempts per second, in the long run: from 0.001 to 1,000,000. What is none of these counts as the nearer.
    pub per_second: f64,
    /// Attempts that may go out at once after a pause; at least 1.
    pub burst: u32,
}

/// Parts of a token: so many that what a rate loses by whole parts per millisecond is next to nothing.
const PARTS: i64 = 1_000_000_000;

impl Rate {
    fn parts_per_milli(self) -> i64 {
        // Rounded down: never faster. Within these bounds it fits; what is not a number becomes 0.
        let bounded = self.per_second.clamp(0.001, 1_000_000.0);
        #[allow(clippy::cast_possible_truncation)]
        let parts = (bounded * 1_000_000.0) as i64;
        parts.max(1_000)
    }

    fn most(self) -> i64 {
        i64::from(self.burst.max(1)) * PARTS
    }
}

/// Tokens: each attempt takes one, and they come back with time. With no rate there is no end of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: Option<Rate>,
    /// Parts of tokens that were there at `at`; fewer than none if more were taken than there were.
    parts: i64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Option<Rate>, now: Instant) -> Bucket {
        Bucket { rate, parts: rate.map_or(0, Rate::most), at: now }
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self, now: Instant) -> usize {
        match self.rate {
            None => usize::MAX,
            Some(rate) => usize::try_from(self.parts(rate, now) / PARTS).unwrap_or(0),
        }
    }

    /// When there will be a token, if there is none now.
    pub(super) fn refilled(&self, now: Instant) -> Option<Instant> {
        let missing = PARTS.saturating_sub(self.parts(self.rate?, now));
        let wait =
            u64::try_from(missing).ok()?.div_ceil(self.rate?.parts_per_milli().unsigned_abs());
        (wait > 0).then(|| now.plus(Millis(wait)))
    }

    /// True if no more will come.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.rate.is_none_or(|rate| self.parts(rate, now) == rate.most())
    }

    /// Takes tokens, whether they are there or not: what went out went out.
    pub(super) fn take(&mut self, now: Instant, tokens: usize) {
        self.change(now, tokens, i64::saturating_sub);
    }

    /// Gives tokens back.
    pub(super) fn give(&mut self, now: Instant, tokens: usize) {
        self.change(now, tokens, i64::saturating_add);
    }

    /// Goes on at another rate, with no more tokens than it allows.
    pub(super) fn set(&mut self, rate: Option<Rate>, now: Instant) {
        let full = Bucket::new(rate, now);
        let parts = self.rate.map_or(full.parts, |old| self.parts(old, now).min(full.parts));
        *self = Bucket { parts, ..full };
    }

    /// The clock was set back to `now`: tokens come from here on.
    pub(super) fn set_back(&mut self, now: Instant) {
        self.at = self.at.min(now);
    }

    fn change(&mut self, now: Instant, tokens: usize, by: fn(i64, i64) -> i64) {
        if let Some(rate) = self.rate {
            let parts = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS);
            self.parts = by(self.parts(rate, now), parts).min(rate.most());
            self.at = self.at.max(now);
        }
    }

    fn parts(&self, rate: Rate, now: Instant) -> i64 {
        let elapsed = i64::try_from(now.since(self.at).0).unwrap_or(i64::MAX);
        let come = elapsed.saturating_mul(rate.parts_per_milli());
        self.parts.saturating_add(come).min(rate.most())
    }
}
