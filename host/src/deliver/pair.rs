//! What is known of tenants and their channels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::breaker::Breaker;
use super::pace::{Bucket, Limits};
use crate::engine::event::Instant;

/// A tenant.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) in_flight: usize,
    pub(super) channels: BTreeMap<Arc<str>, Pair>,
    /// The channel that was the last to get more than others.
    pub(super) turn: Option<Arc<str>>,
    /// To be dropped once nothing is under way.
    pub(super) forgotten: bool,
}

/// One channel of one tenant.
#[derive(Debug)]
pub(super) struct Pair {
    at_once: usize,
    pub(super) bucket: Bucket,
    pub(super) breaker: Breaker,
    pub(super) in_flight: usize,
    /// True if its limits were set, and not only assumed.
    set: bool,
}

/// Channels of one tenant that are kept although nothing was set for them and nothing goes on there.
const MOST_IDLE: usize = 64;

impl Tenant {
    /// The channel of that name, with these limits if it is new.
    pub(super) fn pair(&mut self, channel: &Arc<str>, limits: Limits, now: Instant) -> &mut Pair {
        if self.channels.len() >= MOST_IDLE && !self.channels.contains_key(channel) {
            self.channels.retain(|_, pair| !pair.is_idle(now));
        }
        self.channels.entry(Arc::clone(channel)).or_insert_with(|| Pair::new(limits, now))
    }

    /// Forgets all but what is under way.
    pub(super) fn forget(&mut self, limits: Limits, now: Instant) {
        self.forgotten = true;
        self.channels.retain(|_, pair| pair.in_flight > 0);
        for pair in self.channels.values_mut() {
            *pair = Pair { in_flight: pair.in_flight, ..Pair::new(limits, now) };
        }
    }
}

impl Pair {
    pub(super) fn new(limits: Limits, now: Instant) -> Pair {
        Pair {
            at_once: limits.at_once.max(1),
            bucket: Bucket::new(limits.rate, now),
            breaker: Breaker::default(),
            in_flight: 0,
            set: false,
        }
    }

    /// Sets what it may do.
    pub(super) fn limit(&mut self, limits: Limits, now: Instant) {
        self.at_once = limits.at_once.max(1);
        self.bucket.set(limits.rate, now);
        self.set = true;
    }

    /// How many attempts may go out.
    pub(super) fn room(&self, now: Instant) -> usize {
        let more = self.at_once.saturating_sub(self.in_flight);
        more.min(self.bucket.tokens(now)).min(self.breaker.room(now, self.in_flight))
    }

    /// When an attempt may go out, if nothing comes back before; nothing if something has to.
    pub(super) fn opens(&self, now: Instant) -> Option<Instant> {
        if self.in_flight >= self.at_once || self.breaker.waits(self.in_flight) {
            return None;
        }
        self.breaker.until(now).max(self.bucket.refilled(now)).or(Some(Instant::MIN))
    }

    /// True if it can be forgotten and nobody would know.
    fn is_idle(&self, now: Instant) -> bool {
        !self.set && self.in_flight == 0 && self.breaker.is_fresh(now) && self.bucket.is_full(now)
    }
}
