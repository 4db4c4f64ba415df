//! Days in the life of a dispatcher: random tenants, channels, limits and providers, told by a clock of their own.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::super::breaker::State;
use super::super::pace::{Limits, Rate};
use super::super::{Dispatcher, Settings, Waiting};
use crate::channel::{Outcome, Reason};
use crate::engine::event::{Instant, Millis};
use crate::store::TenantId;

/// A provider, as a tenant's channel finds it.
struct Provider {
    limits: Limits,
    /// Attempts that are waiting.
    backlog: usize,
    /// How long an attempt takes.
    takes: u64,
    /// When it is down.
    down: std::ops::Range<u64>,
    in_flight: usize,
    sent: usize,
    /// When attempts went out, to check the rate.
    went: Vec<(u64, usize)>,
    /// Under way at once since the breaker opened last.
    probes: usize,
}

struct World {
    dispatcher: Dispatcher,
    settings: Settings,
    pairs: BTreeMap<(TenantId, Arc<str>), Provider>,
    /// When what is under way is done, the earliest first.
    flights: BinaryHeap<(std::cmp::Reverse<u64>, TenantId, Arc<str>)>,
    now: u64,
    random: fastrand::Rng,
}

impl World {
    fn new(settings: Settings, seed: u64) -> World {
        World {
            dispatcher: Dispatcher::new(settings.clone()),
            settings,
            pairs: BTreeMap::new(),
            flights: BinaryHeap::new(),
            now: 0,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn add(&mut self, tenant: u32, channel: &str, limits: Limits, backlog: usize, takes: u64) {
        let key = (TenantId(tenant), Arc::from(channel));
        self.dispatcher.set_limits(key.0, &key.1, limits);
        let provider = Provider {
            limits,
            backlog,
            takes,
            down: 0..0,
            in_flight: 0,
            sent: 0,
            went: Vec::new(),
            probes: 0,
        };
        self.pairs.insert(key, provider);
    }

    fn pair(&mut self, tenant: u32, channel: &str) -> &mut Provider {
        self.pairs.get_mut(&(TenantId(tenant), Arc::from(channel))).unwrap()
    }

    fn sent(&self, tenant: u32) -> usize {
        self.pairs.iter().filter(|((t, _), _)| t.0 == tenant).map(|(_, p)| p.sent).sum()
    }

    fn waiting(&self) -> Vec<Waiting> {
        let backlogged = self.pairs.iter().filter(|(_, p)| p.backlog > 0);
        backlogged.map(|((t, c), _)| (*t, c.clone(), Instant(0))).collect()
    }

    /// One round: what is done is told, what may go out goes out, and the clock goes on to when there is more to
    /// do. False if there is no more.
    fn round(&mut self) -> bool {
        let now = Instant(i64::try_from(self.now).unwrap());
        while self.flights.peek().is_some_and(|(at, ..)| at.0 <= self.now) {
            let (_, tenant, channel) = self.flights.pop().unwrap();
            self.land(now, tenant, &channel);
        }
        let waiting = self.waiting();
        let allowed = self.dispatcher.allow(now, &waiting);
        let states: BTreeMap<_, _> =
            self.dispatcher.view().into_iter().map(|v| ((v.tenant, v.channel), v.state)).collect();
        for (tenant, channel, most) in &allowed {
            let pair = self.pairs.get_mut(&(*tenant, channel.clone())).unwrap();
            let n = (*most).min(pair.backlog);
            let state = states.get(&(*tenant, channel.clone()));
            assert_ne!(state, Some(&State::Open), "open means closed");
            if state == Some(&State::HalfOpen) {
                assert_eq!((*most, pair.in_flight), (1, 0), "exactly one");
                pair.probes += 1;
            }
            self.dispatcher.took(*tenant, channel, n);
            pair.backlog -= n;
            pair.in_flight += n;
            pair.went.push((self.now, n));
            for _ in 0..n {
                let takes = self.random.u64(pair.takes..=pair.takes + pair.takes / 10);
                let done = std::cmp::Reverse(self.now + takes.max(1));
                self.flights.push((done, *tenant, channel.clone()));
            }
        }
        self.check();
        let next =
            self.dispatcher.next(now, &self.waiting()).map(|at| u64::try_from(at.0).unwrap());
        let done = self.flights.peek().map(|(at, ..)| at.0);
        if allowed.is_empty() {
            assert!(next.is_none_or(|next| next > self.now), "would look again and again");
        }
        match [next, done].into_iter().flatten().min() {
            Some(at) => self.now = at.max(self.now + u64::from(allowed.is_empty())),
            None => return false,
        }
        true
    }

    fn land(&mut self, now: Instant, tenant: TenantId, channel: &Arc<str>) {
        let pair = self.pairs.get_mut(&(tenant, channel.clone())).unwrap();
        pair.in_flight -= 1;
        if self.random.u8(..) < 3 {
            pair.backlog += 1;
            self.dispatcher.returned(tenant, channel, 1);
        } else if pair.down.contains(&self.now) {
            pair.backlog += 1;
            self.dispatcher.done(now, tenant, channel, &Outcome::later(Reason::Timeout, ""));
        } else {
            pair.sent += 1;
            self.dispatcher.done(now, tenant, channel, &Outcome::ACCEPTED);
        }
    }

    /// No limit is overstepped, and both count the same.
    fn check(&self) {
        let mut tenants = BTreeMap::new();
        for ((tenant, channel), pair) in &self.pairs {
            assert!(pair.in_flight <= pair.limits.at_once, "{tenant:?} {channel}");
            *tenants.entry(*tenant).or_insert(0) += pair.in_flight;
        }
        assert!(tenants.values().all(|n| *n <= self.settings.per_tenant), "{tenants:?}");
        assert!(tenants.values().sum::<usize>() <= self.settings.overall);
        for view in self.dispatcher.view() {
            assert_eq!(view.in_flight, self.pairs[&(view.tenant, view.channel)].in_flight);
        }
    }

    /// In any time no more went out than the burst and what came in that time. What was returned gave its token
    /// back, and so may have gone out twice.
    fn check_rates(&self) {
        for pair in self.pairs.values() {
            let Some(rate) = pair.limits.rate else { continue };
            let span = (self.now / 1000 + 1) as f64;
            let went: usize = pair.went.iter().map(|(_, n)| n).sum();
            let twice = went - pair.sent - pair.in_flight;
            let most = f64::from(rate.burst) + rate.per_second * span;
            assert!((went - twice) as f64 <= most, "{went} {twice} {most}");
        }
    }
}

fn unlimited(at_once: usize) -> Limits {
    Limits { rate: None, at_once }
}

#[test]
fn no_limit_is_overstepped_and_all_goes_out() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let settings = Settings {
            overall: random.usize(1..40),
            per_tenant: random.usize(1..30),
            ..Settings::default()
        };
        let mut world = World::new(settings, seed);
        for tenant in 0..random.u32(1..6) {
            for channel in 0..random.u32(1..4) {
                let rate = Rate {
                    per_second: [0.5, 3.0, 40.0][random.usize(0..3)],
                    burst: random.u32(1..15),
                };
                let rate = random.bool().then_some(rate);
                let limits = Limits { rate, at_once: random.usize(1..12) };
                let (backlog, takes) = (random.usize(0..300), random.u64(1..3_000));
                world.add(tenant, &channel.to_string(), limits, backlog, takes);
                let begin = random.u64(0..20_000);
                world.pair(tenant, &channel.to_string()).down =
                    begin..begin + random.u64(0..90_000);
            }
        }
        let backlog: usize = world.pairs.values().map(|p| p.backlog).sum();
        let mut rounds = 0;
        while world.round() {
            rounds += 1;
            assert!(rounds < 200_000, "no end");
        }
        let sent: usize = world.pairs.values().map(|p| p.sent).sum();
        assert_eq!(sent, backlog, "all goes out in the end, seed {seed}");
        world.check_rates();
    }
}

#[test]
fn backlogged_tenants_get_the_same() {
    for tenants in [2, 3, 7, 20] {
        let overall = 32;
        let settings = Settings { overall, per_tenant: overall, ..Settings::default() };
        let mut world = World::new(settings, u64::from(tenants));
        // The first has more channels, and came first.
        for tenant in 0..tenants {
            for channel in 0..if tenant == 0 { 4 } else { 1 } {
                world.add(tenant, &channel.to_string(), unlimited(overall), 100_000, 100);
            }
        }
        while world.now < 60_000 && world.round() {}
        let sent: Vec<usize> = (0..tenants).map(|t| world.sent(t)).collect();
        let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
        assert!(most - least <= overall + most / 50, "{sent:?}");
        assert!(sent.iter().sum::<usize>() > 16_000, "nothing lies idle: {sent:?}");
    }
}

#[test]
fn a_newcomer_is_served_at_once() {
    let settings = Settings { overall: 20, per_tenant: 20, ..Settings::default() };
    let mut world = World::new(settings, 1);
    world.add(1, "a", unlimited(20), 10_000, 1_000);
    for _ in 0..200 {
        world.round();
    }
    world.add(2, "a", unlimited(20), 100, 1_000);
    let begin = world.now;
    while world.pair(2, "a").in_flight < 10 {
        world.round();
    }
    assert!(world.now - begin <= 1_200, "{}", world.now - begin);
}

#[test]
fn trouble_of_one_costs_the_others_nothing() {
    let run = |down: u64| {
        let settings = Settings { overall: 30, per_tenant: 30, ..Settings::default() };
        let mut world = World::new(settings, 2);
        for tenant in 0..3 {
            world.add(tenant, "a", unlimited(30), 1_000_000, 200);
        }
        world.pair(0, "a").down = 0..down;
        while world.now < 120_000 && world.round() {}
        (0..3).map(|tenant| world.sent(tenant)).collect::<Vec<_>>()
    };
    let (well, troubled) = (run(0), run(u64::MAX));
    assert_eq!(troubled[0], 0);
    for tenant in 1..3 {
        let more = troubled[tenant] as f64 / well[tenant] as f64;
        assert!(more > 1.4, "they get what it cannot use: {well:?} {troubled:?}");
    }
}

#[test]
fn after_an_outage_all_is_allowed_again() {
    for seed in 0..20 {
        let settings = Settings { overall: 30, per_tenant: 30, ..Settings::default() };
        let longest = settings.breaker.longest.0;
        let mut world = World::new(settings, seed);
        world.add(1, "a", unlimited(30), 5_000, 300);
        let end = 60_000 * (seed + 1);
        world.pair(1, "a").down = 1_000..end;
        while world.now <= end && world.round() {}
        let probes = world.pair(1, "a").probes;
        // 10 s, 20 s, 40 s up to 10 min: a few in the first ten minutes, then six an hour.
        assert!((2..=12).contains(&probes), "{probes} in {end} ms");
        let sent = world.sent(1);
        while world.sent(1) == sent {
            assert!(world.round());
        }
        assert!(Millis(world.now - end) <= Millis(longest + 1_000));
        world.round();
        assert_eq!(world.pair(1, "a").in_flight, 30);
        while world.round() {}
        assert_eq!(world.sent(1), 5_000);
    }
}
