//! The whole service without a thread, driven by a seed: senders, crashes at every boundary, a store and
//! channels that fail, answers that get lost, clocks that jump. After every step it is held against what
//! must be true whatever happens.
//!
//! `NUDGE_SEED=17 cargo test --workspace simulate` runs one seed again, step by step the same;
//! `NUDGE_SEEDS=10000` runs as many.

#![allow(clippy::print_stderr, reason = "a seed that fails says how to see it again")]

pub(crate) mod faulty;
mod stage;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::batch::{self, Evaluated};
use super::core::Core;
use super::lane::lock;
use super::send::Ready;
use super::ticket::{Answer, Ticket};
use super::words::{NewReceipt, NewTenant};
use super::{TenantName, group};
use crate::clock::{Clock, Manual};
use crate::engine::consent::Consent;
use crate::engine::event::{Fields, Instant, Millis, Value, What};
use crate::ingest::live::{Deed, Item, MessageId, Who};
use crate::store::{Store, Which};
use faulty::{Fate, Faulty};
pub(crate) use stage::sandbox;
use stage::{copy, open};
use truth::Truth;

/// Runs of `cargo test`, unless `NUDGE_SEEDS` says otherwise.
const SEEDS: u64 = 240;

const STEPS: usize = 160;

const TENANTS: [&str; 2] = ["acme", "bolt"];

const STRATEGIES: [&str; 2] = [include_str!("one.toml"), include_str!("two.toml")];

const HOUR: u64 = 3_600_000;

/// What users say of themselves: how they are reached, and where their clock is.
const PROFILE: [(&str, &[&str]); 3] = [
    ("device", &["d", "e", ""]),
    ("mail", &["a@b", "c@d", "gone@b"]),
    ("timezone", &["Asia/Shanghai", "America/New_York", "Nowhere"]),
];

/// Something that a sender wants to be taken.
#[derive(Clone)]
struct Call {
    tenant: usize,
    mark: u64,
    item: Item,
}

struct World {
    seed: u64,
    rng: Rng,
    clock: Arc<Manual>,
    folder: tempfile::TempDir,
    lives: u32,
    store: Arc<Faulty>,
    core: Core,
    runtime: tokio::runtime::Runtime,
    given: Arc<Mutex<BTreeMap<Arc<str>, u32>>>,
    /// Attempts that may have been made though nobody knows.
    doubts: BTreeMap<Arc<str>, u32>,
    ready: Vec<Evaluated>,
    leased: Vec<Ready>,
    waiting: Vec<(Vec<Call>, Answer)>,
    unheard: Vec<Call>,
    said: Vec<Call>,
    marks: u64,
    truth: Truth,
    did: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Manual::new(Instant(1_790_000_000_000)));
        let given = Arc::default();
        let (store, core) = open(&folder.path().join("0"), &clock, &given, rng.fork());
        for name in TENANTS {
            core.create_tenant(&NewTenant { name: name.to_owned() }).unwrap();
            let tenant = TenantName::known(name);
            for strategy in STRATEGIES {
                core.propose(&tenant, strategy).unwrap();
            }
            core.activate(&tenant, 1).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        World {
            seed,
            rng,
            clock,
            folder,
            lives: 0,
            store,
            core,
            runtime,
            given,
            doubts: BTreeMap::new(),
            ready: Vec::new(),
            leased: Vec::new(),
            waiting: Vec::new(),
            unheard: Vec::new(),
            said: Vec::new(),
            marks: 0,
            truth: Truth::default(),
            did: Vec::new(),
        }
    }

    fn act(&mut self) {
        match self.rng.u8(..100) {
            0..28 => self.say(),
            28..32 => self.repeat(),
            32..52 => self.evaluate(),
            52..68 => self.commit(),
            68..74 => self.fire(),
            74..80 => self.lease(),
            80..86 => self.make(),
            86..90 => self.testify(),
            90..94 => self.jump(),
            94..95 => self.release(),
            95..96 => self.flush(),
            96..98 => {
                self.chores();
            }
            _ => self.crash(),
        }
    }

    /// A sender says something new.
    fn say(&mut self) {
        let tenant = self.rng.usize(..TENANTS.len());
        let many = self.rng.usize(1..4);
        let calls: Vec<Call> = (0..many).map(|_| self.call(tenant)).collect();
        self.did.push(format!("say {:?}", calls.iter().map(|call| call.mark).collect::<Vec<_>>()));
        self.said.extend(calls.iter().cloned());
        self.offer(tenant, calls);
    }

    fn call(&mut self, tenant: usize) -> Call {
        self.marks += 1;
        let mark = self.marks;
        let rng = &mut self.rng;
        let user: Arc<str> = format!("u{}", rng.u8(..5)).into();
        let anonymous: Arc<str> = format!("a{}", rng.u8(..5)).into();
        let nodes = ["cart", "pay", "done", "elsewhere"];
        let fields = |more: Option<(&str, Value)>| -> Fields {
            let mark = ("n", Value::Integer(mark as i64));
            [mark].into_iter().chain(more).map(|(name, value)| (Arc::from(name), value)).collect()
        };
        let node = ("node", Value::Text(rng.choice(nodes).unwrap().into()));
        let (who, what) = match rng.u8(..12) {
            0..6 => (0, What::Operation { name: "step".into(), fields: fields(Some(node)) }),
            6..8 => (0, What::Page { name: "page".into(), fields: fields(Some(node)) }),
            8 => (0, What::Operation { name: "noise".into(), fields: fields(None) }),
            9 => {
                let (field, values) = *rng.choice(&PROFILE).unwrap();
                let value = Value::Text(rng.choice(values).copied().unwrap().into());
                (0, What::Profile { fields: fields(rng.bool().then_some((field, value))) })
            }
            10 => (2, What::Profile { fields: fields(None) }),
            _ => (1, What::Profile { fields: fields(None) }),
        };
        let mut deed = Deed::Happened(vec![what]);
        if who == 2
            && let Deed::Happened(deeds) = &mut deed
        {
            let named = |rng: &mut Rng, names: [&str; 2]| {
                rng.bool().then(|| Arc::from(rng.choice(names).unwrap()))
            };
            let (topic, channel) = (named(rng, ["offers", "help"]), named(rng, ["app", "log"]));
            deeds.push(What::Consent(Consent { topic, channel, allowed: rng.bool() }));
        }
        let who = match who {
            0 if rng.u8(..4) == 0 => Who { user: None, anonymous: Some(anonymous) },
            0 | 2 => Who { user: Some(user), anonymous: None },
            _ => Who { user: Some(user), anonymous: Some(anonymous) },
        };
        if rng.u8(..40) == 0 && who.user.is_some() {
            deed = Deed::Alias { previous: format!("u{}", rng.u8(..5)).into() };
        }
        // Some of it is late, some of it is from long ago.
        let ago = match rng.u8(..10) {
            0 => rng.u64(..80 * HOUR),
            1 | 2 => rng.u64(..2 * HOUR),
            _ => 0,
        };
        let at = Instant(self.clock.now().0.saturating_sub_unsigned(ago));
        let item = Item { id: Some(MessageId(u128::from(mark))), who, at, deed };
        Call { tenant, mark, item }
    }

    fn offer(&mut self, tenant: usize, calls: Vec<Call>) {
        let lane = self.core.lane(&TenantName::known(TENANTS[tenant])).unwrap();
        let now = self.clock.now();
        let (ticket, answer) = Ticket::new(calls.len());
        let items = calls.iter().map(|call| (call.item.clone(), 1)).collect();
        let old = |item: &Item| now.since(item.at) > Millis(24 * HOUR);
        lane.offer(items, old, &ticket, now, true).unwrap();
        drop(ticket);
        self.waiting.push((calls, answer));
    }

    /// A sender says again what it has heard no answer to, or what it has.
    fn repeat(&mut self) {
        let known = self.rng.bool().then(|| self.rng.choice(&self.said).cloned()).flatten();
        let calls: Vec<Call> = match known {
            Some(call) => vec![call],
            None => std::mem::take(&mut self.unheard),
        };
        self.did.push("repeat".to_owned());
        for call in calls {
            self.offer(call.tenant, vec![call]);
        }
    }

    fn listen(&mut self) {
        let mut waiting = Vec::new();
        for (calls, mut answer) in std::mem::take(&mut self.waiting) {
            match answer.try_recv() {
                Ok(Ok(())) => {
                    for call in calls {
                        // An alias leaves no event behind.
                        if matches!(call.item.deed, Deed::Happened(_)) {
                            self.truth.acknowledged.insert((call.tenant, call.mark));
                        }
                    }
                }
                Ok(Err(_)) | Err(tokio::sync::oneshot::error::TryRecvError::Closed) => {
                    self.unheard.extend(calls);
                }
                Err(tokio::sync::oneshot::error::TryRecvError::Empty) => {
                    waiting.push((calls, answer));
                }
            }
        }
        self.waiting = waiting;
    }

    fn evaluate(&mut self) {
        if let Some((lane, inputs)) = self.core.next_batch() {
            self.did.push(format!("evaluate {} of {}", inputs.len(), lane.name));
            let evaluated = batch::evaluate(&self.core, &lane, inputs);
            self.core.evaluated();
            match evaluated {
                Some(evaluated) => {
                    lane.evaluated(1, evaluated.then.faults.len(), self.clock.now());
                    self.ready.push(evaluated);
                }
                None => lane.not_evaluated(),
            }
        }
    }

    fn commit(&mut self) {
        let fate = match self.rng.u8(..20) {
            0 => Fate::Refused,
            1 => Fate::Full,
            2 => Fate::Unheard,
            _ => Fate::Stored,
        };
        let many = self.rng.usize(..=self.ready.len());
        if many > 0 {
            self.did.push(format!("commit {many}: {fate:?}"));
            *lock(&self.store.fate) = fate;
            group::commit(&self.core, self.ready.drain(..many).collect());
            *lock(&self.store.fate) = Fate::Stored;
        }
    }

    fn fire(&mut self) {
        let fired = self.core.fire().unwrap();
        self.did.push(format!("fire {fired}"));
    }

    fn lease(&mut self) {
        let (leased, _) = self.core.round().unwrap();
        self.did.push(format!("lease {}", leased.len()));
        self.leased.extend(leased);
    }

    /// Makes some of the attempts that are leased; of some nobody hears what became of them.
    fn make(&mut self) {
        let many = self.rng.usize(..=self.leased.len());
        for ready in self.leased.drain(..many).collect::<Vec<_>>() {
            let leased = ready.leased.clone();
            let tracking = leased.attempt.tracking.clone();
            let unheard = self.rng.u8(..8) == 0;
            self.did.push(format!("make {tracking}{}", if unheard { ", unheard" } else { "" }));
            let made = self.runtime.block_on(self.core.attempt(ready));
            if unheard {
                let channel = &leased.attempt.channel;
                lock(&self.core.dispatcher).returned(leased.tenant, channel, 1);
            } else {
                self.core.settle(vec![made]).unwrap();
            }
            // Made, and not yet settled: a crash or a slow lane may have it made again.
            *self.doubts.entry(tracking).or_default() += 1;
        }
    }

    /// Evidence comes in: late, doubled, of any grade.
    fn testify(&mut self) {
        let tenant = self.rng.usize(..TENANTS.len());
        let name = TenantName::known(TENANTS[tenant]);
        let lane = self.core.lane(&name).unwrap();
        let attempts = self.store.attempts(lane.id, &Which::default(), None, 100).unwrap();
        let Some(attempt) = self.rng.choice(&attempts) else { return };
        let grades: [&str; 4] = ["delivered", "opened", "confirmed", "failed"];
        let shows = self.rng.choice(grades).unwrap();
        let tracking = attempt.attempt.tracking.to_string();
        self.did.push(format!("testify {shows} {tracking}"));
        let receipt = NewReceipt { tracking, shows: shows.to_owned() };
        let many = self.rng.usize(1..3);
        let (ticket, _) = Ticket::new(many);
        let receipts = vec![receipt; many];
        self.core.take_receipts(&name, &receipts, &ticket).unwrap();
    }

    fn jump(&mut self) {
        let now = self.clock.now().0;
        let by = match self.rng.u8(..8) {
            0 => -(self.rng.i64(0..24 * HOUR as i64)),
            1 | 2 => self.rng.i64(0..72 * HOUR as i64),
            _ => self.rng.i64(0..HOUR as i64),
        };
        self.did.push(format!("jump {by}"));
        self.clock.set(Instant(now + by));
    }

    fn release(&mut self) {
        let tenant = TenantName::known(TENANTS[self.rng.usize(..TENANTS.len())]);
        let to = self.rng.u64(..3);
        self.did.push(format!("release {to} of {tenant}"));
        match to {
            0 => self.core.switch_off(&tenant).unwrap(),
            number => drop(self.core.activate(&tenant, number).unwrap()),
        }
    }

    fn flush(&mut self) {
        self.did.push("flush".to_owned());
        self.store.flush().unwrap();
    }

    /// True if there is more to do.
    fn chores(&mut self) -> bool {
        self.did.push("chores".to_owned());
        self.core.replace_failing();
        self.core.retime().unwrap()
    }

    /// The process dies, and another one finds what is on the disk.
    fn crash(&mut self) {
        self.did.push("crash".to_owned());
        self.listen();
        let from = self.folder.path().join(self.lives.to_string());
        self.lives += 1;
        let to = self.folder.path().join(self.lives.to_string());
        copy(&from, &to);
        self.ready.clear();
        self.leased.clear();
        let (store, core) = open(&to, &self.clock, &self.given, self.rng.fork());
        self.store = store;
        self.core = core;
        self.listen();
    }

    fn check(&mut self) {
        self.listen();
        self.truth.check(&self.core, &*self.store, &lock(&self.given), &self.doubts);
    }

    /// Nobody disturbs it any more: everything comes to its end.
    fn settle(&mut self) {
        for tenant in TENANTS {
            self.core.activate(&TenantName::known(tenant), 1).unwrap();
        }
        for _ in 0..1_000 {
            for call in std::mem::take(&mut self.unheard) {
                self.offer(call.tenant, vec![call]);
            }
            let going = self.chores();
            let fired = self.core.fire().unwrap();
            self.lease();
            for ready in std::mem::take(&mut self.leased) {
                *self.doubts.entry(ready.leased.attempt.tracking.clone()).or_default() += 1;
                let made = self.runtime.block_on(self.core.attempt(ready));
                self.core.settle(vec![made]).unwrap();
            }
            let mut worked = fired > 0 || going;
            while let Some((lane, inputs)) = self.core.next_batch() {
                worked = true;
                let evaluated = batch::evaluate(&self.core, &lane, inputs);
                self.core.evaluated();
                lane.evaluated(1, 0, self.clock.now());
                self.ready.extend(evaluated);
                group::commit(&self.core, std::mem::take(&mut self.ready));
            }
            group::commit(&self.core, std::mem::take(&mut self.ready));
            self.check();
            if !worked && !self.core.is_idle() {
                // Whoever rests comes back.
                self.clock.set(self.clock.now().plus(Millis(1_000)));
            } else if !worked && self.waiting.is_empty() && self.unheard.is_empty() {
                let now = self.clock.now();
                match self.store.next_due().unwrap() {
                    Some(due) => self.clock.set(now.max(due)),
                    // The last leases end, the last tries are made.
                    None if self.truth.is_settled(&self.core, &*self.store) => return,
                    None => {
                        let waiting = self.store.waiting().unwrap().into_iter().map(|w| w.due);
                        let soon = now.plus(Millis(60_000));
                        self.clock.set(waiting.min().map_or(soon, |due| due.max(soon)));
                    }
                }
            }
        }
        panic!("it does not come to rest");
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            world.act();
            world.check();
        }
        world.settle();
        world.truth.at_rest(&world.core, &*world.store, &world.said_marks());
    }));
    if let Err(panic) = ran {
        let from = world.did.len().saturating_sub(60);
        eprintln!("seed {} failed; its last steps:\n  {}", seed, world.did[from..].join("\n  "));
        eprintln!("again: NUDGE_SEED={seed} cargo test --workspace simulate");
        std::panic::resume_unwind(panic);
    }
    assert_eq!(world.seed, seed);
}

impl World {
    fn said_marks(&self) -> BTreeSet<(usize, u64)> {
        let lasting = |call: &&Call| matches!(call.item.deed, Deed::Happened(_));
        self.said.iter().filter(lasting).map(|call| (call.tenant, call.mark)).collect()
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}: {value:?} is no number")))
}

/// Half of the seeds each, so that two processors have something to do.
fn seeds(half: u64) {
    if let Some(seed) = number("NUDGE_SEED") {
        if seed % 2 == half {
            run(seed);
        }
        return;
    }
    let many = number("NUDGE_SEEDS").unwrap_or(SEEDS);
    (0..many).filter(|seed| seed % 2 == half).for_each(run);
}

#[test]
fn even_seeds() {
    seeds(0);
}

#[test]
fn odd_seeds() {
    seeds(1);
}
