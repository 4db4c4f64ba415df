//! The threads of the service: those that evaluate, the one that commits, the one that looks at timers,
//! one for chores; and the task that sends. All work is `core`'s.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::batch::{self, Evaluated};
use super::core::Core;
use super::lane::lock;
use super::{Error, Service, group, millis};
use crate::store::{Leased, Retention};

/// Batches that may wait for the commit.
const MOST_READY: usize = 64;

/// Events that one commit takes together, about.
const MOST_GROUPED: usize = 8_192;

/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);

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
        match core.fire() {
            Ok(0) => {}
            Ok(_) => core.bell.ring(),
            Err(error) => tracing::error!("timers cannot be read: {error}"),
        }
        // Without it nobody would find out that there is room again.
        if core.trouble().is_some() {
            core.probe();
        }
        std::thread::sleep(TICK);
    }
}

fn chores(core: &Core, over: &AtomicBool) {
    let mut pruned: Option<Instant> = None;
    while !over.load(Ordering::SeqCst) {
        core.replace_failing();
        match core.retime() {
            Ok(true) => core.bell.ring(),
            Ok(false) => {}
            Err(error) => tracing::error!("deadlines cannot be found anew: {error}"),
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
    while !over.load(Ordering::SeqCst) && !core.is_stopping() {
        let of = Arc::clone(&core);
        let leased = tokio::task::spawn_blocking(move || of.lease()).await;
        let leased: Vec<Leased> = match leased {
            Ok(Ok(leased)) => leased,
            Ok(Err(error)) => {
                tracing::error!("the outbox cannot be read: {error}");
                Vec::new()
            }
            Err(_) => return,
        };
        let any = !leased.is_empty();
        let mut under_way = JoinSet::new();
        for attempt in leased {
            let core = Arc::clone(&core);
            under_way.spawn(async move { core.attempt(attempt).await });
        }
        while under_way.join_next().await.is_some() {}
        if any {
            core.bell.ring();
        } else {
            let _ = tokio::time::timeout(LOOK, core.streams.outbox.notified()).await;
        }
    }
}

impl Core {
    /// Removes what is older than it has to be kept; true if there may be more.
    pub(super) fn prune(&self) -> Result<bool, Error> {
        let (now, store) = (self.clock.now(), &self.config.store);
        let before = |span: Duration| {
            crate::engine::event::Instant(now.0.saturating_sub_unsigned(millis(span).0))
        };
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
