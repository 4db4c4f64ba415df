//! From the outbox to the channels: what may go out is leased, made, and what becomes of it is an input of
//! its user's lane, or a later try. An attempt that was leased and not settled when the service died is
//! made again.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::batch::APP;
use super::core::Core;
use super::lane::{Input, Lane, lock};
use super::millis;
use crate::channel::{Dispatch, Outcome, Reason, Trouble, shows};
use crate::deliver::backoff::{self, Schedule};
use crate::engine::event::{Grade, Instant, Millis, Shows, Withheld};
use crate::engine::guard::Gate;
use crate::engine::{Outgoing, State};
use crate::store::{Deferred, Leased, StoreError, TenantId, UserKey, Wanted};

/// An attempt that leaves so long after it was decided is asked again whether it may.
const STALE: Millis = Millis(30_000);

/// How long what was leased for a tenant that is suspended meanwhile is put off.
const SUSPENDED: Millis = Millis(30_000);

/// A place among the attempts that are under way. An attempt has it until what became of it is stored: what is
/// made again after a crash is no more than there are places. Letters need none, as they are put into the inbox
/// by what is stored.
pub(super) type Place = Option<Arc<OwnedSemaphorePermit>>;

/// An attempt that is leased, and whether it may go out.
pub(super) struct Ready {
    pub(super) leased: Leased,
    place: Place,
    lane: Arc<Lane>,
    gate: Gate,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settlement {
    /// What it shows.
    pub(super) shows: Shows,
    /// Why it ended so, if it did not go out.
    pub(super) reason: Option<Arc<str>>,
    /// What the provider calls it.
    pub(super) reference: Option<Arc<str>>,
}

impl Settlement {
    /// How it ended, in one word.
    pub(super) fn word(&self) -> &'static str {
        match self.shows {
            Shows::Grade(_) => "accepted",
            Shows::Failed | Shows::Gone => "failed",
            Shows::Withheld(_) => "refused",
        }
    }
}

/// An attempt that was made, or was not.
pub(super) struct Made {
    leased: Leased,
    place: Place,
    lane: Arc<Lane>,
    /// It counts for its tenant's quota.
    counted: bool,
    /// What the channel said; nothing if it was not asked.
    outcome: Option<Outcome>,
    then: Then,
}

/// What follows from it.
enum Then {
    Settle(Settlement),
    /// Another try at that moment.
    Defer(Instant, Arc<str>),
}

/// Attempts of a day, by tenant.
pub(super) type Quotas = BTreeMap<TenantId, (i64, u64)>;

impl Core {
    /// One round: leases what may go out now. If there is nothing, when to look again.
    pub(super) fn round(&self) -> Result<(Vec<Ready>, Option<Instant>), StoreError> {
        let now = self.clock.now();
        let lanes = self.lanes_by_id();
        let going =
            |tenant: &TenantId| lanes.get(tenant).is_some_and(|lane| !lock(&lane.queue).suspended);
        let waiting = self.store.waiting()?.into_iter().filter(|pair| going(&pair.tenant));
        let waiting: Vec<_> = waiting.map(|w| (w.tenant, w.channel, w.due)).collect();
        let wanted: Vec<Wanted> = {
            let mut dispatcher = lock(&self.dispatcher);
            let allowed = dispatcher.allow(now, &waiting);
            if allowed.is_empty() {
                return Ok((Vec::new(), dispatcher.next(now, &waiting)));
            }
            let wanted = allowed.into_iter();
            wanted.map(|(tenant, channel, most)| Wanted { tenant, channel, most }).collect()
        };
        // Whoever stores frees places, and has this called again.
        let wanted = within(wanted, self.places.available_permits());
        if wanted.is_empty() {
            return Ok((Vec::new(), None));
        }
        let until = now.plus(millis(self.config.delivery.lease));
        let leased = self.store.lease(now, until, &wanted)?;
        {
            let mut dispatcher = lock(&self.dispatcher);
            for leased in &leased {
                dispatcher.took(leased.tenant, &leased.attempt.channel, 1);
            }
        }
        let gates = self.gates(&lanes, &leased, now)?;
        let ready = leased.into_iter().zip(gates).filter_map(|(leased, gate)| {
            let lane = Arc::clone(lanes.get(&leased.tenant)?);
            let place = match &*leased.attempt.channel {
                APP => None,
                _ => Arc::clone(&self.places).try_acquire_owned().ok().map(Arc::new),
            };
            Some(Ready { leased, place, lane, gate })
        });
        Ok((ready.collect(), None))
    }

    /// Whether each may go out: its address, its tenant's quota and, if it is late, its user's own rails.
    fn gates(
        &self,
        lanes: &BTreeMap<TenantId, Arc<Lane>>,
        leased: &[Leased],
        now: Instant,
    ) -> Result<Vec<Gate>, StoreError> {
        let mut gates = vec![Gate::Open; leased.len()];
        let addressed = leased.iter().enumerate().filter_map(|(at, leased)| {
            let attempt = &leased.attempt;
            let address = attempt.address.clone()?;
            Some((at, (leased.tenant, attempt.channel.clone(), address)))
        });
        let (places, addresses): (Vec<usize>, Vec<_>) = addressed.unzip();
        if !addresses.is_empty() {
            for (at, found) in places.into_iter().zip(self.store.suppressed(&addresses)?) {
                if let (Some(gate), Some(_)) = (gates.get_mut(at), found) {
                    *gate = Gate::Shut(Withheld::Suppressed);
                }
            }
        }
        for (leased, gate) in leased.iter().zip(&mut gates) {
            let late = leased.tries > 0 || now.since(leased.attempt.at) > STALE;
            if late && *gate == Gate::Open {
                *gate = self.late(lanes, leased, now)?;
            }
            if *gate == Gate::Open && !self.has_quota(leased.tenant, now)? {
                *gate = Gate::Shut(Withheld::Quota);
            }
        }
        Ok(gates)
    }

    /// Whether an attempt that was decided upon a while ago may still go out.
    fn late(
        &self,
        lanes: &BTreeMap<TenantId, Arc<Lane>>,
        leased: &Leased,
        now: Instant,
    ) -> Result<Gate, StoreError> {
        let live = lanes.get(&leased.tenant).and_then(|lane| lane.live());
        let outgoing = serde_json::from_str::<Outgoing>(&leased.attempt.content);
        let (Some(live), Ok(outgoing)) = (live, outgoing) else { return Ok(Gate::Open) };
        let key = UserKey { tenant: leased.tenant, user: leased.attempt.user.clone() };
        let Some(stored) = self.store.load(&[key])?.into_iter().next().flatten() else {
            return Ok(Gate::Open);
        };
        let state: State = serde_json::from_slice(&stored.state)
            .map_err(|error| StoreError::Damaged(format!("a user's state: {error}")))?;
        Ok(live.engine.strategy().gate(&state, &outgoing, now))
    }

    /// Whether a tenant may have one more attempt accepted today; if so, it has.
    fn has_quota(&self, tenant: TenantId, now: Instant) -> Result<bool, StoreError> {
        let quota = self.read_book(|book| {
            let account = book.tenants().find(|account| account.record.number == tenant);
            account.and_then(|account| account.record.daily_quota)
        });
        let Some(quota) = quota else { return Ok(true) };
        let day = now.0.div_euclid(DAY);
        let known = lock(&self.quotas).get(&tenant).filter(|(of, _)| *of == day).map(|(_, n)| *n);
        let used = match known {
            Some(used) => used,
            None => self.store.sent_since(tenant, Instant(day.saturating_mul(DAY)))?,
        };
        let free = used < quota;
        lock(&self.quotas).insert(tenant, (day, used.saturating_add(u64::from(free))));
        Ok(free)
    }

    /// Makes an attempt, if it may go out.
    pub(super) async fn attempt(&self, ready: Ready) -> Made {
        let Ready { leased, place, lane, gate } = ready;
        let withheld = |why: Withheld| {
            let reason = Some(Arc::from(why.word()));
            Then::Settle(Settlement { shows: Shows::Withheld(why), reason, reference: None })
        };
        let suspended = lock(&lane.queue).suspended;
        let (outcome, then) = match gate {
            _ if suspended => {
                let later = self.clock.now().plus(SUSPENDED);
                (None, Then::Defer(later, "suspended".into()))
            }
            Gate::Shut(why) => (None, withheld(why)),
            Gate::Until(until) => (None, Then::Defer(until, "quiet-hours".into())),
            Gate::Open => {
                let outcome = self.made(&lane, &leased).await;
                let then = self.follows(&leased, &outcome);
                (Some(outcome), then)
            }
        };
        Made { leased, place, lane, counted: gate == Gate::Open, outcome, then }
    }

    async fn made(&self, lane: &Lane, leased: &Leased) -> Outcome {
        // The letter is put into the inbox by the commit that settles the attempt.
        if &*leased.attempt.channel == APP {
            return Outcome::ACCEPTED;
        }
        let outgoing = match serde_json::from_str::<Outgoing>(&leased.attempt.content) {
            Ok(outgoing) => outgoing,
            Err(error) => {
                tracing::error!(tenant = lane.id.0, "an attempt cannot be read: {error}");
                return Outcome::failed(Reason::Unreadable, "what was kept of it cannot be read");
            }
        };
        let channel = match self.channel(lane, &outgoing.channel) {
            Ok(Some(channel)) => channel,
            Ok(None) => {
                return Outcome::failed(Reason::NoChannel, "the tenant has no such channel");
            }
            // Nothing is lost: its settings, or the operator's key, may be mended.
            Err(error) => return Outcome::later(Reason::Settings, error.to_string()),
        };
        let links = self.links(lane, &outgoing);
        let (at, tries) = (self.clock.now(), leased.tries.saturating_add(1));
        let dispatch = Dispatch { outgoing, at, tries, links };
        let most = self.config.delivery.timeout;
        match tokio::time::timeout(most, channel.send(&dispatch)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::later(Reason::Timeout, "no answer in time"),
        }
    }

    /// What follows from what a channel said.
    fn follows(&self, leased: &Leased, outcome: &Outcome) -> Then {
        let settle = |reason: Option<Arc<str>>, reference| {
            Then::Settle(Settlement { shows: shows(outcome), reason, reference })
        };
        match outcome {
            Outcome::Accepted { reference } => settle(None, reference.clone()),
            Outcome::Failed(trouble) | Outcome::Gone(trouble) => settle(Some(said(trouble)), None),
            // What the operator forbids is not allowed a minute later.
            Outcome::Later { trouble, .. } if trouble.reason == Reason::Forbidden => {
                settle(Some(said(trouble)), None)
            }
            Outcome::Later { trouble, after } => {
                let delivery = &self.config.delivery;
                let delays = delivery.retries.iter().map(|span| millis(*span)).collect();
                let schedule = Schedule { delays, ..Schedule::default() };
                let tries = leased.tries.saturating_add(1);
                let seed = seed(&leased.attempt.tracking, tries);
                match backoff::next(&schedule, tries, *after, seed) {
                    Some(wait) => Then::Defer(self.clock.now().plus(wait), said(trouble)),
                    None => settle(Some(said(trouble)), None),
                }
            }
        }
    }

    /// Has what was made settled or made again later.
    ///
    /// # Errors
    ///
    /// If later tries could not be noted: they are made when their leases end.
    pub(super) fn settle(&self, made: Vec<Made>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut deferred = Vec::new();
        for Made { leased, place, lane, counted, outcome, then } in made {
            let accepted = matches!(outcome, Some(Outcome::Accepted { .. }));
            {
                let mut dispatcher = lock(&self.dispatcher);
                match &outcome {
                    Some(outcome) => {
                        dispatcher.done(now, leased.tenant, &leased.attempt.channel, outcome);
                    }
                    None => dispatcher.returned(leased.tenant, &leased.attempt.channel, 1),
                }
            }
            if counted && !accepted {
                let mut quotas = lock(&self.quotas);
                if let Some((_, used)) = quotas.get_mut(&leased.tenant) {
                    *used = used.saturating_sub(1);
                }
            }
            let word = match &then {
                Then::Settle(settlement) => settlement.word(),
                Then::Defer(..) => "deferred",
            };
            self.meter.sent(&self.kind_of(&lane, &leased.attempt.channel), word);
            match then {
                Then::Settle(settlement) => {
                    lane.push(Input::Settled { attempt: leased, settlement, place });
                }
                Then::Defer(due, reason) => deferred.push(Deferred {
                    tenant: leased.tenant,
                    tracking: leased.attempt.tracking,
                    due,
                    reason,
                    tried: outcome.is_some(),
                }),
            }
        }
        if deferred.is_empty() { Ok(()) } else { self.store.defer(&deferred) }
    }
}

/// No more of what is wanted than there are places: who wants most is given less.
fn within(mut wanted: Vec<Wanted>, places: usize) -> Vec<Wanted> {
    let needs = |wanted: &Wanted| &*wanted.channel != APP;
    let all: usize = wanted.iter().filter(|w| needs(w)).map(|wanted| wanted.most).sum();
    for _ in places..all {
        let those = wanted.iter_mut().filter(|wanted| needs(wanted));
        if let Some(greedy) = those.max_by_key(|wanted| wanted.most) {
            greedy.most = greedy.most.saturating_sub(1);
        }
    }
    wanted.retain(|wanted| wanted.most > 0);
    wanted
}

const DAY: i64 = 86_400_000;

/// The reason as it is kept: the word, and what the provider said.
fn said(trouble: &Trouble) -> Arc<str> {
    if trouble.detail.is_empty() {
        trouble.reason.word().into()
    } else {
        trouble.to_string().into()
    }
}

/// Spreads the tries of what failed together; the same attempt's always alike.
fn seed(tracking: &str, tries: u32) -> u64 {
    let hash = Sha256::new().chain_update(tracking).chain_update(tries.to_be_bytes()).finalize();
    hash.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// What an address is known by: a hash over channel and address. Space around it and the case of an e-mail
/// address do not matter.
pub(super) fn address_key(channel: &str, address: &str) -> Arc<str> {
    let address = address.trim();
    let plain = if address.contains('@') { address.to_lowercase() } else { address.to_owned() };
    let hash = Sha256::new()
        .chain_update("address")
        .chain_update((channel.len() as u64).to_be_bytes())
        .chain_update(channel)
        .chain_update(plain)
        .finalize();
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// What the channel's word is as evidence.
pub(super) const TAKEN: Shows = Shows::Grade(Grade::Accepted);
