//! Which attempts go out now: fair between tenants and, of a tenant, between its channels; no faster and no more
//! at once than each may; and none to a provider that is in trouble. Touches nothing, has no clock of its own,
//! and reserves nothing: it is told what went out and what became of it.

pub mod backoff;
pub mod breaker;
pub mod pace;
mod pair;
mod share;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use breaker::State;
use pace::Limits;
use pair::{Pair, Tenant};
use share::{Claim, share};

use crate::channel::Outcome;
use crate::engine::event::Instant;
use crate::store::TenantId;

/// What holds for all.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Attempts under way at once.
    pub overall: usize,
    /// Attempts of one tenant under way at once.
    pub per_tenant: usize,
    /// What a tenant's channel may do if nothing was set for it.
    pub limits: Limits,
    /// When a channel is left alone.
    pub breaker: breaker::Settings,
}

/// 256 at once, 128 of one tenant.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            overall: 256,
            per_tenant: 128,
            limits: Limits::default(),
            breaker: breaker::Settings::default(),
        }
    }
}

/// A tenant's channel that has attempts to be made, and when the earliest is due.
pub type Waiting = (TenantId, Arc<str>, Instant);

/// Decides which attempts go out now.
#[derive(Debug)]
pub struct Dispatcher {
    settings: Settings,
    /// The latest moment that it was told.
    now: Instant,
    in_flight: usize,
    tenants: BTreeMap<TenantId, Tenant>,
    /// Who was the last to get more than others.
    turn: Option<TenantId>,
}

/// The state of one channel of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairView {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel.
    pub channel: Arc<str>,
    /// What its breaker lets through.
    pub state: State,
    /// Until when nothing goes out, if that is so.
    pub until: Option<Instant>,
    /// Attempts under way.
    pub in_flight: usize,
}

/// How far a moment may lie before the latest one and be taken for a late one. Further, and the clock was set back.
const LATE_MILLIS: u64 = 10_000;

impl Dispatcher {
    /// A dispatcher with nothing under way.
    #[must_use]
    pub fn new(settings: Settings) -> Dispatcher {
        Dispatcher {
            settings,
            now: Instant::MIN,
            in_flight: 0,
            tenants: BTreeMap::new(),
            turn: None,
        }
    }

    /// How many attempts of each pair may go out now, in the order of tenants and channels; pairs that must wait
    /// are left out. A pair that is named twice counts once.
    pub fn allow(&mut self, now: Instant, waiting: &[Waiting]) -> Vec<(TenantId, Arc<str>, usize)> {
        let mut due: Vec<&Waiting> = waiting.iter().filter(|(.., at)| *at <= now).collect();
        let now = self.clock(now);
        let free = self.settings.overall.saturating_sub(self.in_flight);
        if free == 0 || due.is_empty() {
            return Vec::new();
        }
        due.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        due.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
        let claims: Vec<TenantClaim<'_>> =
            due.chunk_by(|a, b| a.0 == b.0).filter_map(|pairs| self.claim(now, pairs)).collect();
        let tenants: Vec<Claim> = claims.iter().map(|claim| claim.total).collect();
        let start = claims.partition_point(|claim| Some(claim.tenant) <= self.turn);
        let shares = share(free, &tenants, start);
        if let Some(claim) = shares.last.and_then(|slot| claims.get(slot)) {
            self.turn = Some(claim.tenant);
        }
        let mut allowed = Vec::new();
        for (claim, granted) in claims.iter().zip(shares.each) {
            if granted > 0 {
                self.divide(claim, granted, &mut allowed);
            }
        }
        allowed
    }

    /// Attempts went out: they are under way from now on, and took their tokens.
    pub fn took(&mut self, tenant: TenantId, channel: &Arc<str>, attempts: usize) {
        if attempts == 0 {
            return;
        }
        let now = self.now;
        let owner = self.tenants.entry(tenant).or_default();
        owner.forgotten = false;
        let pair = owner.pair(channel, self.settings.limits, now);
        pair.in_flight = pair.in_flight.saturating_add(attempts);
        pair.bucket.take(now, attempts);
        pair.breaker.took(now);
        owner.in_flight = owner.in_flight.saturating_add(attempts);
        self.in_flight = self.in_flight.saturating_add(attempts);
    }

    /// An attempt that was under way was made, and this became of it.
    pub fn done(&mut self, now: Instant, tenant: TenantId, channel: &str, outcome: &Outcome) {
        let now = self.clock(now);
        let settings = self.settings.breaker;
        self.land(tenant, channel, 1, |pair, _| pair.breaker.done(&settings, now, outcome));
    }

    /// Attempts that were said to be under way were not made.
    pub fn returned(&mut self, tenant: TenantId, channel: &str, attempts: usize) {
        let now = self.now;
        self.land(tenant, channel, attempts, |pair, landed| {
            pair.bucket.give(now, landed);
            pair.breaker.returned(now);
        });
    }

    /// When to look again if nothing may go now: when the earliest of these is due, its provider is to be asked
    /// again or it has a token; not after `now` if something may go now. Nothing if all wait for what is under way:
    /// look again when something of it is done.
    #[must_use]
    pub fn next(&self, now: Instant, waiting: &[Waiting]) -> Option<Instant> {
        let now = self.seen(now);
        if self.in_flight >= self.settings.overall {
            return None;
        }
        let when = |(tenant, channel, due): &Waiting| {
            let Some(owner) = self.tenants.get(tenant) else { return Some(*due) };
            if owner.in_flight >= self.settings.per_tenant {
                return None;
            }
            let Some(pair) = owner.channels.get(channel) else { return Some(*due) };
            pair.opens(now).map(|opens| opens.max(*due))
        };
        waiting.iter().filter_map(when).min()
    }

    /// Sets what a tenant's channel may do.
    pub fn set_limits(&mut self, tenant: TenantId, channel: &Arc<str>, limits: Limits) {
        let owner = self.tenants.entry(tenant).or_default();
        owner.forgotten = false;
        owner.pair(channel, limits, self.now).limit(limits, self.now);
    }

    /// Forgets the troubles of a tenant's channel: it was set up anew.
    pub fn reset(&mut self, tenant: TenantId, channel: &str) {
        if let Some(pair) = self.tenants.get_mut(&tenant).and_then(|o| o.channels.get_mut(channel))
        {
            pair.breaker = breaker::Breaker::default();
        }
    }

    /// Forgets a tenant: what was set for it at once, what it has under way once that is done.
    pub fn forget(&mut self, tenant: TenantId) {
        if let Some(owner) = self.tenants.get_mut(&tenant) {
            owner.forget(self.settings.limits, self.now);
            if owner.in_flight == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }

    /// The state of every pair that something is known of, in the order of tenants and channels.
    #[must_use]
    pub fn view(&self) -> Vec<PairView> {
        let now = self.now;
        let owners = self.tenants.iter();
        let pairs = owners.flat_map(|(tenant, owner)| {
            owner.channels.iter().map(move |(channel, pair)| PairView {
                tenant: *tenant,
                channel: channel.clone(),
                state: pair.breaker.state(now),
                until: pair.breaker.until(now),
                in_flight: pair.in_flight,
            })
        });
        pairs.collect()
    }

    /// What a tenant has and could take, with the same of each of its pairs; nothing if it can take nothing.
    fn claim<'a>(&self, now: Instant, waiting: &[&'a Waiting]) -> Option<TenantClaim<'a>> {
        let tenant = waiting.first()?.0;
        let owner = self.tenants.get(&tenant);
        let has = owner.map_or(0, |owner| owner.in_flight);
        let pairs = waiting.iter().filter_map(|(_, channel, _)| {
            let pair = owner.and_then(|owner| owner.channels.get(channel));
            let fresh = || Pair::new(self.settings.limits, now).room(now);
            let room = pair.map_or_else(fresh, |pair| pair.room(now));
            let has = pair.map_or(0, |pair| pair.in_flight);
            (room > 0).then_some((channel, Claim { has, room }))
        });
        let (channels, claims): (Vec<_>, Vec<_>) = pairs.unzip();
        let most = self.settings.per_tenant.saturating_sub(has);
        let room = claims.iter().fold(0_usize, |sum, claim| sum.saturating_add(claim.room));
        let total = Claim { has, room: room.min(most) };
        (total.room > 0).then_some(TenantClaim { tenant, total, channels, claims })
    }

    /// Divides what a tenant is granted among its channels.
    fn divide(
        &mut self,
        claim: &TenantClaim<'_>,
        granted: usize,
        allowed: &mut Vec<(TenantId, Arc<str>, usize)>,
    ) {
        let mut owner = self.tenants.get_mut(&claim.tenant);
        let turn = owner.as_ref().and_then(|owner| owner.turn.as_ref());
        let start = claim.channels.partition_point(|channel| Some(*channel) <= turn);
        let shares = share(granted, &claim.claims, start);
        let last = shares.last.and_then(|slot| claim.channels.get(slot));
        if let (Some(owner), Some(channel)) = (owner.as_mut(), last) {
            owner.turn = Some(Arc::clone(channel));
        }
        let granted = claim.channels.iter().zip(shares.each).filter(|(_, attempts)| *attempts > 0);
        let named = |(channel, attempts): (&&Arc<str>, usize)| {
            (claim.tenant, Arc::clone(channel), attempts)
        };
        allowed.extend(granted.map(named));
    }

    /// Attempts are no longer under way; what else that means for their pair. None that never were.
    fn land(
        &mut self,
        tenant: TenantId,
        channel: &str,
        attempts: usize,
        then: impl FnOnce(&mut Pair, usize),
    ) {
        let Some(owner) = self.tenants.get_mut(&tenant) else { return };
        let Some(pair) = owner.channels.get_mut(channel) else { return };
        let landed = attempts.min(pair.in_flight);
        if landed == 0 {
            return;
        }
        pair.in_flight -= landed;
        owner.in_flight = owner.in_flight.saturating_sub(landed);
        self.in_flight = self.in_flight.saturating_sub(landed);
        then(pair, landed);
        if owner.forgotten && owner.in_flight == 0 {
            self.tenants.remove(&tenant);
        }
    }

    /// The moment to go by when told that it is `now`.
    fn seen(&self, now: Instant) -> Instant {
        if self.now.since(now).0 <= LATE_MILLIS { self.now.max(now) } else { now }
    }

    /// Takes note of the moment. If the clock was set back, nothing has to wait for it to come round again.
    fn clock(&mut self, now: Instant) -> Instant {
        let seen = self.seen(now);
        if seen < self.now {
            for pair in self.tenants.values_mut().flat_map(|owner| owner.channels.values_mut()) {
                pair.bucket.set_back(seen);
                pair.breaker.set_back(&self.settings.breaker, seen);
            }
        }
        self.now = seen;
        seen
    }
}

/// What a tenant has and could take, and each of its channels.
struct TenantClaim<'a> {
    tenant: TenantId,
    total: Claim,
    channels: Vec<&'a Arc<str>>,
    claims: Vec<Claim>,
}
