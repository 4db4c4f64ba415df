//! The threads of the service: those that evaluate, the one that commits, the one that looks at timers,
//! one for campaigns, one for chores; and the task that sends. All work is `core`'s.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::batch::{self, Evaluated};
use super::core::Core;
use super::lane::lock;
use super::send::Made;
use super::{Error, Service, group, millis};
use crate::engine::event::{Instant as Moment, Millis};
use crate::store::Retention;

/// Batches that may wait for the commit.
const MOST_READY: usize = 64;

/// Events that one commit takes together, about.
const MOST_GROUPED: usize = 8_192;

/// How often timers are looked at, if none is set for earlier.
const TICK: Duration = Duration::from_millis(100);

/// However many timers are set for soon, they are not looked at more often than this.
const BREATH: Duration = Duration::from_millis(1);

/// How often campaigns go on that have members left to reach.
const STRIDE: Duration = Duration::from_millis(10);

/// How often the outbox is looked at, if nobody rings.
const LOOK: Duration = Duration::from_millis(500);

/// How often old data is removed.
const PRUNE: Duration = Duration::from_secs(60);

/// Wakes whoever waits for work.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
}

impl Bell {
    /// There is something to do.
    pub(super) fn ring(&self) {
        *lock(&self.rung) += 1;
        self.heard.notify_all();
    }

    fn rung(&self) -> u64 {
        *lock(&self.rung)
    }

    /// Waits until it has rung since then, or for a while.
    fn wait(&self, since: u64, most: Duration) {
        let rung = lock(&self.rung);
        let waited = self.heard.wait_timeout_while(rung, most, |rung| *rung == since);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Wakes whoever looks at timers in time for one that is set for soon.
#[derive(Debug)]
pub(super) struct Alarm {
    bell: Bell,
    /// The first moment that was set since timers were looked at.
    soonest: AtomicI64,
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm { bell: Bell::default(), soonest: AtomicI64::new(i64::MAX) }
    }
}

impl Alarm {
    /// A timer is set.
    pub(super) fn set(&self, due: Moment, now: Moment) {
        let tick = Millis(u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX));
        if due < now.plus(tick) && self.soonest.fetch_min(due.0, Ordering::SeqCst) > due.0 {
            self.bell.ring();
        }
    }

    /// Waits until the first moment that is set, but no longer than usual.
    fn wait(&self, rung: u64, now: Moment) {
        let due = Moment(self.soonest.load(Ordering::SeqCst));
        let early = Duration::from_millis(due.since(now).0).min(TICK);
        if !early.is_zero() {
            self.bell.wait(rung, early);
        }
    }
}

/// A service at work.
pub struct Running {
    core: Arc<Core>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    sender: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Service {
    /// Puts the service to work. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the system gives no threads.
    pub fn run(&self) -> Result<Running, Error> {
        let core = Arc::clone(&self.0);
        let over = Arc::new(AtomicBool::new(false));
        let (ready, take) = sync_channel(MOST_READY);
        let mut threads = Vec::new();
        let mut start = |name: &str, work: Box<dyn FnOnce() + Send>| -> Result<(), Error> {
            let thread = std::thread::Builder::new().name(format!("nudge-{name}")).spawn(work);
            let failed = |error| Error::Unavailable(format!("a thread cannot be started: {error}"));
            threads.push(thread.map_err(failed)?);
            Ok(())
        };
        for _ in 0..core.processors() {
            let (core, over, ready) = (Arc::clone(&core), Arc::clone(&over), ready.clone());
            start("evaluate", Box::new(move || evaluate(&core, &over, &ready)))?;
        }
        drop(ready);
        let of = Arc::clone(&core);
        start("commit", Box::new(move || commit(&of, &take)))?;
        let (of, end) = (Arc::clone(&core), Arc::clone(&over));
        start("timers", Box::new(move || timers(&of, &end)))?;
        let (of, end) = (Arc::clone(&core), Arc::clone(&over));
        start("chores", Box::new(move || chores(&of, &end)))?;
        let (of, end) = (Arc::clone(&core), Arc::clone(&over));
        start("campaigns", Box::new(move || campaigns(&of, &end)))?;
        let (of, end) = (Arc::clone(&core), Arc::clone(&over));
        let sender = tokio::spawn(send(of, end));
        Ok(Running { core, over, threads, sender })
    }
}

impl Running {
    /// Stops: no new events are taken, what was taken is committed, leases are given back.
    ///
    /// # Errors
    ///
    /// If the store fails. Nothing that was acknowledged is lost.
    pub async fn stop(self) -> Result<(), Error> {
        let core = self.core;
        core.stopping.store(true, Ordering::SeqCst);
        core.streams.stop();
        core.streams.outbox.notify_one();
        // The sender ends first: what it has made is settled by the lanes.
        let drain = core.config.http.drain;
        let _ = tokio::time::timeout(drain, self.sender).await;
        let started = Instant::now();
        while !core.is_idle() && started.elapsed() < drain {
            core.bell.ring();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.over.store(true, Ordering::SeqCst);
        core.bell.ring();
        let threads = self.threads;
        let ended = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A thread that panicked has said so.
                let _ = thread.join();
            }
            core.store.flush().map_err(super::core::stored)
        });
        ended.await.map_err(|error| Error::Unavailable(format!("a task ended: {error}")))?
    }
}

fn evaluate(core: &Arc<Core>, over: &AtomicBool, ready: &SyncSender<Evaluated>) {
    while !over.load(Ordering::SeqCst) {
        let rung = core.bell.rung();
        let Some((lane, inputs)) = core.next_batch() else {
            core.bell.wait(rung, TICK);
            continue;
        };
        let started = Instant::now();
        let evaluated = batch::evaluate(core, &lane, inputs);
        core.evaluated();
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match evaluated {
            Some(evaluated) => {
                lane.evaluated(micros, evaluated.then.faults.len(), core.clock.now());
                if ready.send(evaluated).is_err() {
                    return;
                }
            }
            None => lane.not_evaluated(),
        }
        core.bell.ring();
    }
}

fn commit(core: &Core, take: &Receiver<Evaluated>) {
    while let Ok(first) = take.recv() {
        let mut events = first.chunk.events as usize;
        let mut ready = vec![first];
        while events < MOST_GROUPED
            && let Ok(next) = take.try_recv()
        {
            events += next.chunk.events as usize;
            ready.push(next);
        }
        group::commit(core, ready);
        core.bell.ring();
    }
}

fn timers(core: &Core, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let rung = core.alarm.bell.rung();
        core.alarm.soonest.store(i64::MAX, Ordering::SeqCst);
        match core.fire() {
            Ok(0) => {}
            Ok(_) => core.bell.ring(),
            Err(error) => tracing::error!("timers cannot be read: {error}"),
        }
        // Without it nobody would find out that there is room again.
        if core.trouble().is_some() {
            core.probe();
        }
        std::thread::sleep(BREATH);
        core.alarm.wait(rung, core.clock.now());
    }
}

fn campaigns(core: &Core, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let busy = !core.is_stopping() && core.go_out();
        std::thread::sleep(if busy { STRIDE } else { TICK });
    }
}

fn chores(core: &Core, over: &AtomicBool) {
    let mut pruned: Option<Instant> = None;
    let mut erasing = false;
    while !over.load(Ordering::SeqCst) {
        core.replace_failing();
        match core.retime() {
            Ok(true) => core.bell.ring(),
            Ok(false) => {}
            Err(error) => tracing::error!("deadlines cannot be found anew: {error}"),
        }
        if erasing || pruned.is_none_or(|at| at.elapsed() > PRUNE) {
            erasing = core.finish_erasures().unwrap_or_else(|error| {
                tracing::error!("an erasure cannot be finished: {error}");
                false
            });
        }
        if pruned.is_none_or(|at| at.elapsed() > PRUNE) {
            core.revive_all();
            if let Err(error) = core.finish_leaving() {
                tracing::error!("a tenant's removal cannot be finished: {error}");
            }
            match core.prune() {
                // There is more: go on soon, and let commits through meanwhile.
                Ok(true) => {}
                Ok(false) => pruned = Some(Instant::now()),
                Err(error) => {
                    tracing::error!("old data cannot be removed: {error}");
                    pruned = Some(Instant::now());
                }
            }
        }
        std::thread::sleep(TICK);
    }
}

async fn send(core: Arc<Core>, over: Arc<AtomicBool>) {
    let mut under_way = JoinSet::new();
    while !over.load(Ordering::SeqCst) && !core.is_stopping() {
        finish(&core, &mut under_way).await;
        let of = Arc::clone(&core);
        let Ok(round) = tokio::task::spawn_blocking(move || of.round()).await else { return };
        let (ready, next) = round.unwrap_or_else(|error| {
            tracing::error!("the outbox cannot be read: {error}");
            (Vec::new(), None)
        });
        if !ready.is_empty() {
            for ready in ready {
                let core = Arc::clone(&core);
                under_way.spawn(async move { core.attempt(ready).await });
            }
            continue;
        }
        let now = core.clock.now();
        let wait = next.map_or(LOOK, |next| Duration::from_millis(next.since(now).0.max(1)));
        tokio::select! {
            Some(made) = under_way.join_next() => finished(&core, made, &mut under_way).await,
            () = core.streams.outbox.notified() => {}
            () = tokio::time::sleep(wait.min(LOOK)) => {}
        }
    }
    while let Some(made) = under_way.join_next().await {
        finished(&core, made, &mut under_way).await;
    }
}

type UnderWay = JoinSet<Made>;

/// Settles whatever has been made by now.
async fn finish(core: &Arc<Core>, under_way: &mut UnderWay) {
    if let Some(made) = under_way.try_join_next() {
        finished(core, made, under_way).await;
    }
}

/// Settles what has been made, with all else that has.
async fn finished(
    core: &Arc<Core>,
    first: Result<Made, tokio::task::JoinError>,
    under_way: &mut UnderWay,
) {
    let mut made: Vec<Made> = first.into_iter().collect();
    while let Some(next) = under_way.try_join_next() {
        made.extend(next);
    }
    let of = Arc::clone(core);
    match tokio::task::spawn_blocking(move || of.settle(made)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("later tries cannot be noted: {error}"),
        Err(error) => tracing::error!("a task ended: {error}"),
    }
    core.bell.ring();
}

impl Core {
    /// Removes what is older than it has to be kept; true if there may be more.
    pub(super) fn prune(&self) -> Result<bool, Error> {
        let (now, store) = (self.clock.now(), &self.config.store);
        let before = |span: Duration| Moment(now.0.saturating_sub_unsigned(millis(span).0));
        let retention = Retention {
            log_before: before(store.log_retention),
            messages_before: before(store.message_retention),
        };
        self.store.prune(&retention).map_err(super::core::stored)
    }

    /// Finds out whether something can be stored again.
    pub(super) fn probe(&self) {
        match self.store.probe() {
            Ok(()) => self.set_trouble(None),
            Err(error) => self.set_trouble(Some(error.to_string())),
        }
    }
}
