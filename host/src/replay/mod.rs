//! Replay: recorded events through the engine in virtual time. Reads logs by way of `ingest`, keeps
//! what the strategy's policies ask for, and walks each user from their first event to the end of the
//! log. Users are independent, so chunks of them run side by side; their records are put back in
//! order, which makes the decision stream, and its digest, the same on any number of threads.

mod portrait;
mod report;
mod users;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

pub(crate) use portrait::Portrait;
pub use report::{Campaign, Channel, Counting, Node, Report};
pub use users::{Events, Progress, ReadFailure, Users, read};

use crate::engine::event::Instant;
use crate::engine::{Advance, Engine, HostFailure, State, Turn};

/// Users in one chunk: enough to fill batches, few enough to keep threads busy to the end.
const CHUNK: usize = 1_024;

/// How to run a replay.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Threads that evaluate.
    pub threads: NonZeroUsize,
}

/// Why a replay came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The host could not evaluate a policy.
    #[error(transparent)]
    Host(#[from] HostFailure),
    /// What is made of the results failed.
    #[error("{0}")]
    Out(std::io::Error),
}

/// Walks all users to `end`, and hands what came of each to `take`, in order of user.
///
/// # Errors
///
/// If the host could not evaluate a policy, or `take` fails.
pub fn run(
    engine: &Engine,
    users: Users,
    end: Instant,
    run: Run,
    mut take: impl FnMut(Advance) -> std::io::Result<()>,
) -> Result<(), ReplayError> {
    let steps = |turns: Vec<Turn>| engine.step(turns, end);
    chunks(steps, users, run, |advances| advances.into_iter().try_for_each(&mut take))
}

/// Walks all users to `end` under two engines, and hands what came of each under either to `take`, in
/// order of user.
///
/// # Errors
///
/// As for [`run`].
pub fn run_both(
    (old, new): (&Engine, &Engine),
    users: Users,
    end: Instant,
    run: Run,
    mut take: impl FnMut(Advance, Advance) -> std::io::Result<()>,
) -> Result<(), ReplayError> {
    let steps = |turns: Vec<Turn>| {
        let olds = old.step(turns.clone(), end)?;
        Ok(olds.into_iter().zip(new.step(turns, end)?).collect())
    };
    chunks(steps, users, run, |pairs: Vec<(Advance, Advance)>| {
        pairs.into_iter().try_for_each(|(old, new)| take(old, new))
    })
}

/// Steps chunks of users side by side, and hands on what came of them in order.
fn chunks<T: Send>(
    step: impl Fn(Vec<Turn>) -> Result<T, HostFailure> + Sync,
    users: Users,
    run: Run,
    mut take: impl FnMut(T) -> std::io::Result<()>,
) -> Result<(), ReplayError> {
    let chunks: Vec<std::sync::Mutex<Option<Users>>> =
        users.chunks(CHUNK).into_iter().map(|chunk| std::sync::Mutex::new(Some(chunk))).collect();
    let next = AtomicUsize::new(0);
    // Bounded, so that results do not pile up while an earlier chunk is still under way.
    let (sender, results) = mpsc::sync_channel(run.threads.get() * 2);
    std::thread::scope(|scope| {
        for _ in 0..run.threads.get() {
            let sender = sender.clone();
            let (chunks, next, step) = (&chunks, &next, &step);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = chunks.get(at) else { return };
                    let users = slot.lock().ok().and_then(|mut slot| slot.take());
                    let turns = users.into_iter().flat_map(Users::into_turns).collect();
                    // Nobody listens any more if an earlier chunk has failed.
                    if sender.send((at, step(turns))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut wanted = 0;
        for (at, result) in results {
            waiting.insert(at, result);
            while let Some(result) = waiting.remove(&wanted) {
                wanted += 1;
                take(result?).map_err(ReplayError::Out)?;
            }
        }
        Ok(())
    })
}

impl Users {
    fn into_turns(self) -> impl Iterator<Item = Turn> {
        self.into_iter().map(|(user, inputs)| Turn {
            user: Arc::clone(&user),
            state: State::default(),
            inputs,
            history: false,
        })
    }
}
