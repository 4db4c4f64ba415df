//! The heart of the service, without a thread of its own: lanes, whose turn it is, timers that fire,
//! attempts that are made. Threads (`run`) and the simulator drive it, and it behaves alike under both.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Semaphore;

use super::book::Book;
use super::channels::Open;
use super::forget::UnderWay;
use super::lane::{Bounds, Input, Lane, lock};
use super::memory::Memory;
use super::meter::Meter;
use super::rate::Bucket;
use super::retime::Retiming;
use super::run::{Alarm, Bell};
use super::runner::Runs;
use super::seal::Sealer;
use super::send::Quotas;
use super::streams::Streams;
use super::window::Window;
use super::{Error, TenantName};
use crate::channel::Channels;
use crate::channel::wire::{self, Wire};
use crate::clock::Clock;
use crate::config::Config;
use crate::deliver::pace::Limits;
use crate::deliver::{self, Dispatcher};
use crate::engine::event::Instant;
use crate::sandbox::Sandbox;
use crate::store::{Due, Recovered, Seq, Store, StoreError, TenantId};

/// Wakes of one tenant that may wait: the others' timers come to their turn, too.
pub(super) const MOST_WAKES: usize = 4_000;

/// Timers that are looked at in one go.
const PAGE: usize = 1_000;

/// Bytes that are read of a provider's answer.
const ANSWER_BYTES: usize = 64 << 10;

/// Pages that are looked at before what was found is worked on.
const MOST_PAGES: usize = 50;

/// What all parts of the service share.
pub(super) struct Core {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sandbox: Sandbox,
    pub(super) channels: Channels,
    pub(super) config: Config,
    pub(super) meter: Meter,
    pub(super) streams: Arc<Streams>,
    /// Rings when there is something to be evaluated.
    pub(super) bell: Bell,
    /// Rings when a timer is set for soon.
    pub(super) alarm: Alarm,
    pub(super) book: RwLock<Book>,
    /// Held while the control data changes.
    pub(super) changing: Mutex<()>,
    /// Held while what is left of tenants is removed.
    pub(super) leaving: Mutex<()>,
    /// Erasures that lanes are at. Held while lines are redacted.
    pub(super) erasing: Mutex<UnderWay>,
    pub(super) stopping: AtomicBool,
    /// Releases that keep faulting, each with its reason.
    pub(super) failing: Mutex<Vec<(TenantName, u64, String)>>,
    /// Campaigns that are going out.
    pub(super) runs: Mutex<Runs>,
    /// How far each tenant's deadlines have been found anew.
    pub(super) retiming: Mutex<BTreeMap<TenantId, Retiming>>,
    lanes: RwLock<BTreeMap<Arc<str>, Arc<Lane>>>,
    seq: AtomicU64,
    /// How much the lane that was served last has had.
    floor: AtomicU64,
    processors: usize,
    evaluating: AtomicUsize,
    /// What keeps it from storing anything.
    trouble: Mutex<Option<String>>,
    /// Decides what goes out now.
    pub(super) dispatcher: Mutex<Dispatcher>,
    /// Places for attempts that are under way, or whose outcome is not stored.
    pub(super) places: Arc<Semaphore>,
    /// Tenants' channels at work.
    pub(super) open_channels: Open,
    /// What goes out over HTTP and SMTP.
    pub(super) wire: Wire,
    /// Keeps tenants' secrets.
    pub(super) sealer: Sealer,
    /// Attempts of today, of tenants that have a quota.
    pub(super) quotas: Mutex<Quotas>,
}

/// What a core is made of.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sandbox: Sandbox,
    pub(super) channels: Channels,
    pub(super) config: Config,
}

impl Core {
    /// Goes on where the store left off.
    pub(super) fn open(parts: Parts) -> Result<Core, Error> {
        let Parts { store, clock, sandbox, channels, config } = parts;
        let now = clock.now();
        let since =
            Instant(now.0.saturating_sub_unsigned(super::millis(config.ingest.dedup_window).0));
        let recovered = store.recover(since, config.ingest.dedup_ids).map_err(stored)?;
        let book = Book::load(&*store)?;
        let processors = match config.engine.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let delivery = &config.delivery;
        let places = delivery.concurrency;
        let dispatcher = Dispatcher::new(deliver::Settings {
            overall: delivery.concurrency,
            per_tenant: delivery.per_tenant,
            limits: Limits { rate: None, at_once: delivery.per_channel },
            ..deliver::Settings::default()
        });
        let wire = Wire::new(wire::Limits {
            allow: delivery.allow_networks.clone(),
            timeout: delivery.timeout,
            answer_bytes: ANSWER_BYTES,
        })
        .map_err(|error| Error::invalid(format!("delivery.allow_networks: {error}")))?;
        let sealer = Sealer::open(&config.secrets.key_file)?;
        let core = Core {
            meter: Meter::default(),
            streams: Arc::new(Streams::new(config.inbox.most_streams)),
            bell: Bell::default(),
            alarm: Alarm::default(),
            store,
            clock,
            sandbox,
            channels,
            config,
            book: RwLock::new(book),
            changing: Mutex::new(()),
            leaving: Mutex::new(()),
            erasing: Mutex::default(),
            stopping: AtomicBool::new(false),
            failing: Mutex::default(),
            runs: Mutex::default(),
            retiming: Mutex::default(),
            lanes: RwLock::new(BTreeMap::new()),
            seq: AtomicU64::new(recovered.seq.0),
            floor: AtomicU64::new(0),
            processors,
            evaluating: AtomicUsize::new(0),
            trouble: Mutex::new(None),
            dispatcher: Mutex::new(dispatcher),
            places: Arc::new(Semaphore::new(places)),
            open_channels: Open::default(),
            wire,
            sealer,
            quotas: Mutex::default(),
        };
        core.take_up(recovered);
        Ok(core)
    }

    /// Opens the lanes of all tenants, and puts their releases to work.
    fn take_up(&self, recovered: Recovered) {
        let tenants: Vec<_> =
            self.read_book(|book| book.tenants().map(|t| t.record.clone()).collect());
        for tenant in tenants {
            let lane = self.open_lane(tenant.number, &TenantName::known(&tenant.name));
            lock(&lane.queue).suspended = tenant.suspended;
        }
        let accounts: Vec<_> = self.read_book(|book| book.tenants().cloned().collect());
        for account in accounts {
            let records: Vec<_> = account.channels.into_values().collect();
            self.limit_channels(account.record.number, &records);
        }
        let lanes = self.lanes_by_id();
        for (tenant, _, head) in recovered.heads {
            if let Some(lane) = lanes.get(&tenant) {
                *lock(&lane.head) = head;
            }
        }
        for (tenant, at, id) in recovered.ids {
            if let Some(lane) = lanes.get(&tenant) {
                lock(&lane.memory).window.insert(id, at);
            }
        }
        self.revive_all();
    }

    pub(super) fn open_lane(&self, id: TenantId, name: &TenantName) -> Arc<Lane> {
        let (ingest, engine) = (&self.config.ingest, &self.config.engine);
        let bounds =
            Bounds { events: ingest.queue_events, bytes: ingest.queue_bytes, batch: engine.batch };
        // What is on its way to the store must not be forgotten.
        let states = engine.cached_states.max(engine.batch * 16);
        let window = Window::new(super::millis(ingest.dedup_window), ingest.dedup_ids);
        let bucket = Bucket::new(ingest.rate, ingest.burst);
        let memory = Memory::new(states, window);
        let lane = Arc::new(Lane::new(id, name.clone(), bounds, bucket, memory));
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        lanes.insert(name.shared(), Arc::clone(&lane));
        lane
    }

    pub(super) fn close_lane(&self, name: &TenantName) -> Option<Arc<Lane>> {
        self.lanes.write().unwrap_or_else(PoisonError::into_inner).remove(name.as_str())
    }

    pub(super) fn lane(&self, name: &TenantName) -> Option<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).get(name.as_str()).cloned()
    }

    pub(super) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// All lanes, by their tenants' numbers.
    pub(super) fn lanes_by_id(&self) -> BTreeMap<TenantId, Arc<Lane>> {
        self.lanes().into_iter().map(|lane| (lane.id, lane)).collect()
    }

    pub(super) fn read_book<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn next_seq(&self) -> Seq {
        Seq(self.seq.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// The latest chunk that was begun.
    pub(super) fn latest_seq(&self) -> Seq {
        Seq(self.seq.load(Ordering::SeqCst))
    }

    /// The next batch to be evaluated: of the lane that has had least. Counts as evaluating from here
    /// until [`Core::evaluated`].
    pub(super) fn next_batch(&self) -> Option<(Arc<Lane>, Vec<Input>)> {
        let now = self.clock.now();
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        let ready = lanes.values().filter_map(|lane| lane.wants(now).map(|used| (used, lane)));
        let (used, lane) = ready.min_by_key(|(used, _)| *used)?;
        let floor = self.floor.fetch_max(used, Ordering::SeqCst).max(used);
        let lane = Arc::clone(lane);
        let inputs = lane.take(floor)?;
        self.evaluating.fetch_add(1, Ordering::SeqCst);
        Some((lane, inputs))
    }

    /// A batch has been evaluated, or could not be.
    pub(super) fn evaluated(&self) {
        self.evaluating.fetch_sub(1, Ordering::SeqCst);
    }

    /// Processors to evaluate a batch on: those that nobody else evaluates on, but one is left to
    /// whoever comes next.
    pub(super) fn spare_processors(&self) -> usize {
        let busy = self.evaluating.load(Ordering::SeqCst);
        self.processors.saturating_sub(busy).max(1)
    }

    pub(super) fn processors(&self) -> usize {
        self.processors
    }

    /// Has everybody woken whose timer has fired; says how many.
    pub(super) fn fire(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let lanes = self.lanes_by_id();
        let mut woken = 0;
        let mut after: Option<Due> = None;
        for _ in 0..MOST_PAGES {
            let due = self.store.due(now, after.as_ref(), PAGE)?;
            for timer in &due {
                let Some(lane) = lanes.get(&timer.key.tenant) else { continue };
                let waits = lock(&lane.queue).suspended || lane.wakes() >= MOST_WAKES;
                if !waits && lane.wake(&timer.key.user) {
                    woken += 1;
                }
            }
            if due.len() < PAGE {
                break;
            }
            after = due.into_iter().next_back();
        }
        self.meter.fired(woken);
        Ok(woken)
    }

    /// What keeps it from storing anything, if something does.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        let mut now = lock(&self.trouble);
        match (&*now, &trouble) {
            (None, Some(reason)) => tracing::error!("nothing can be stored: {reason}"),
            (Some(_), None) => tracing::info!("storing works again"),
            _ => {}
        }
        *now = trouble;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Nothing waits and nothing is at work.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes().iter().all(|lane| lane.is_idle())
    }
}

/// The store's trouble, as the service puts it.
pub(super) fn stored(error: StoreError) -> Error {
    match error {
        StoreError::Full(reason) => Error::Full(reason),
        error => Error::Unavailable(error.to_string()),
    }
}
