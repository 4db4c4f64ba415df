//! The demo: a generated loan-application funnel, driven through the whole loop from event to receipt
//! in virtual time, and three short scenes beside it, so that each of the five systems is seen at work.
//! Seeded, so the same every time. It prints nothing; it tells what happens.

mod people;
pub mod scenes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::channel::{Channel, Dispatch, Outcome, Reason, Sending};
use crate::clock::{Clock as _, Manual};
use crate::engine::event::{Event, Instant, Millis};
use crate::engine::{HostFailure, Outgoing, Record};
use crate::host::Host;
use crate::replay::{Counting, Report};
use crate::sandbox::Sandbox;
use crate::strategy::{self, LoadError};
use people::{Happening, Person, Plan};

/// The strategy that the demo runs.
pub const STRATEGY: &str = include_str!("strategy.toml");

/// The first moment of the demo: a Monday morning, 8 o'clock UTC.
pub const START: Instant = Instant(1_772_438_400_000);

/// How far the clock moves at once.
const STRIDE: Millis = Millis(10 * 60_000);

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How many applicants.
    pub users: usize,
    /// How long, in days.
    pub days: u64,
    /// What the dice start from.
    pub seed: u64,
}

/// What is told while the demo runs.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// The clock moved.
    Time(Instant),
    /// A decision was made about somebody.
    Decided(&'a Record),
}

/// What came of it all.
#[derive(Clone, Debug)]
pub struct Sum {
    /// What the decisions come to.
    pub report: Report,
    /// The digest of all decisions.
    pub digest: String,
    /// Events that went in, receipts included.
    pub events: u64,
    /// Receipts among them.
    pub receipts: u64,
    /// Applicants who signed.
    pub signed: u64,
    /// Applicants who sign when the same people throw the same dice and nobody is messaged.
    pub signed_alone: u64,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The strategy cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The host could not evaluate a policy.
    #[error(transparent)]
    Host(#[from] HostFailure),
    /// A campaign of the demo cannot be composed.
    #[error(transparent)]
    Compose(#[from] strategy::ComposeError),
    /// What is told cannot be passed on.
    #[error("{0}")]
    Told(std::io::Error),
}

/// Runs the demo, and tells what happens.
///
/// # Errors
///
/// If the host cannot run its own strategy, or `tell` fails.
pub async fn run(
    sandbox: &Sandbox,
    setting: Setting,
    mut tell: impl FnMut(Told<'_>) -> std::io::Result<()>,
) -> Result<Sum, DemoError> {
    let strategy = strategy::parse(Path::new("demo"), STRATEGY, sandbox)?.strategy;
    let costs = strategy.channels().iter().map(|channel| (channel.name.clone(), channel.cost));
    let mut counting = Counting::new(costs, None::<std::io::Sink>);
    let world = Arc::new(Mutex::new(World::new(setting)));
    let clock = Arc::new(Manual::new(START));
    let mut host = Host::new(strategy).with_clock(clock.clone());
    for (name, _) in people::CHANNELS {
        host = host.with_channel(Simulated { name, world: world.clone(), clock: clock.clone() });
    }
    let end = START.plus(Millis(setting.days * 86_400_000));
    while clock.now() < end {
        let now = clock.advance(STRIDE);
        tell(Told::Time(now)).map_err(DemoError::Told)?;
        let events = locked(&world).until(now);
        events.into_iter().for_each(|event| host.ingest(event));
        let step = host.step().await?;
        for advance in &step.advances {
            counting.take(advance).map_err(DemoError::Told)?;
        }
        let told = |record: &Record| tell(Told::Decided(record));
        step.records().into_iter().try_for_each(told).map_err(DemoError::Told)?;
    }
    let (report, digest) = counting.finish().map_err(DemoError::Told)?;
    let world = locked(&world);
    Ok(Sum {
        report,
        digest,
        events: world.events,
        receipts: world.receipts,
        signed: world.signed(),
        signed_alone: alone(setting),
    })
}

/// A panic leaves nothing half done in the world.
fn locked<T>(world: &Mutex<T>) -> MutexGuard<'_, T> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many sign when nobody is messaged.
fn alone(setting: Setting) -> u64 {
    let mut world = World::new(setting);
    world.until(START.plus(Millis(setting.days * 86_400_000)));
    world.signed()
}

/// A channel to simulated people. It takes everything, but for an address now and then.
struct Simulated {
    name: &'static str,
    world: Arc<Mutex<World>>,
    clock: Arc<Manual>,
}

impl Channel for Simulated {
    fn name(&self) -> &str {
        self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        let outcome = locked(&self.world).sent(&dispatch.outgoing, self.clock.now());
        Box::pin(std::future::ready(outcome))
    }
}

/// All people, and what is going to happen to them.
struct World {
    people: BTreeMap<Arc<str>, Person>,
    ahead: BinaryHeap<Reverse<Ahead>>,
    order: u64,
    events: u64,
    receipts: u64,
}

/// Something ahead; the earliest first, and of two at one time the one that was planned first.
struct Ahead {
    at: Instant,
    order: u64,
    user: Arc<str>,
    happening: Happening,
}

impl PartialEq for Ahead {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Ahead {}

impl PartialOrd for Ahead {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ahead {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl World {
    fn new(setting: Setting) -> World {
        let mut world = World {
            people: BTreeMap::new(),
            ahead: BinaryHeap::new(),
            order: 0,
            events: 0,
            receipts: 0,
        };
        for number in 0..setting.users {
            let mut person = Person::new(setting.seed, number);
            let arrival = person.arrival(START);
            world.plan(arrival, person.id.clone(), Happening::Plan(0, Plan::Open));
            world.people.insert(person.id.clone(), person);
        }
        world
    }

    fn plan(&mut self, at: Instant, user: Arc<str>, happening: Happening) {
        self.order += 1;
        self.ahead.push(Reverse(Ahead { at, order: self.order, user, happening }));
    }

    /// Lets happen what is ahead up to `now`, and gives the events of it.
    fn until(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        while self.ahead.peek().is_some_and(|Reverse(ahead)| ahead.at <= now) {
            let Some(Reverse(ahead)) = self.ahead.pop() else { break };
            let Some(person) = self.people.get_mut(&ahead.user) else { continue };
            if matches!(ahead.happening, Happening::Plan(0, Plan::Open)) {
                let user = ahead.user.clone();
                events.push(Event { user, at: ahead.at, what: person.profile() });
            }
            if matches!(ahead.happening, Happening::Receipt(_)) {
                self.receipts += 1;
            }
            let outcome = person.happens(ahead.at, ahead.happening);
            self.events += outcome.events.len() as u64;
            events.extend(outcome.events);
            for (at, happening) in outcome.then {
                self.plan(at, ahead.user.clone(), happening);
            }
        }
        events
    }

    /// An attempt is made: its person makes of it what they will.
    fn sent(&mut self, outgoing: &Outgoing, now: Instant) -> Outcome {
        let Some(person) = self.people.get_mut(&outgoing.user) else {
            return Outcome::failed(Reason::InvalidAddress, "there is nobody of that name");
        };
        // The channel's own word is an event, too.
        self.receipts += 1;
        self.events += 1;
        if person.unreachable() {
            return Outcome::failed(Reason::InvalidAddress, "nobody is there");
        }
        for (at, happening) in person.gets(now, &outgoing.channel, &outgoing.tracking) {
            self.plan(at, outgoing.user.clone(), happening);
        }
        Outcome::ACCEPTED
    }

    fn signed(&self) -> u64 {
        self.people.values().filter(|person| person.done).count() as u64
    }
}
