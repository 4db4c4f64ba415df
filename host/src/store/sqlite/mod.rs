//! The store in SQLite: three files in one directory, one process at a time. This room opens them,
//! starts the threads, and says which room does what; SQL is in the others.
//!
//! A commit is one transaction, and one fsync, on `log.db`: chunks, what hangs on them, and a row of the
//! journal with the states. The states themselves stay in memory until enough of them are dirty; then
//! they go to `state.db` in the order of their keys, several changes of a user as one. Commits do not
//! wait for that, nor do readers. After a crash the journal's rows that are not in `state.db` are read
//! back. `control.db` is small and by itself.

mod attempts;
mod backup;
mod bell;
mod check;
mod codec;
mod commit;
mod control;
mod error;
mod flush;
mod groups;
mod into;
mod keep;
mod lock;
mod methods;
mod outbox;
mod overlay;
mod pool;
mod reads;
mod redact;
mod retention;
mod schema;
mod states;
mod suppress;
mod tallies;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub use backup::{BackupReport, backup};
pub use check::{CheckReport, Finding, Look, Severity, Verify, check};
pub use error::OpenError;

use super::{Store, StoreError};
use crate::engine::event::Instant;
use bell::Bell;
use commit::Writer;
use overlay::Overlay;
use pool::Pool;
use rusqlite::Connection;
use schema::Writing;

/// Whether what is committed outlives a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// It does.
    #[default]
    Full,
    /// It does not, nor does a file that is whole. For simulations only.
    Off,
}

/// How a store works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it waits for the disk.
    pub synchronous: Synchronous,
    /// Dirty states after which they are written out. More of them means fewer writes for users who
    /// come often, more memory (about 200 bytes and the state for each) and a longer start after a
    /// crash. Commits begin to wait at twice as many, and stop at four times.
    pub flush_every: usize,
    /// Bytes of each file, for tests of a full disk.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options { synchronous: Synchronous::Full, flush_every: 50_000, max_bytes: None }
    }
}

/// The store. Dropping it stops its threads and writes out what is only in the journal, if it can.
#[derive(Debug)]
pub struct Sqlite {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    options: Options,
    overlay: Overlay,
    // Readers close before writers: the last to close puts the write-ahead log in the file.
    read_log: Pool,
    read_state: Pool,
    read_control: Pool,
    /// Who writes `log.db`. Held for a transaction, fsync included.
    log: Mutex<Writer>,
    /// Who writes `state.db`. Held for a whole flush.
    state: Mutex<Connection>,
    control: Mutex<Connection>,
    /// Held while attempts are chosen and leased, so that two do not choose the same. When the last
    /// lease ends that may be under way.
    leasing: Mutex<Instant>,
    /// The last row of the journal that is in `state.db` for good.
    flushed: AtomicU64,
    /// Rung when there is something to flush.
    flusher: Bell,
    /// Rung when there is something to check-point or to trim.
    keeper: Bell,
    gate: lock::Gate,
    /// Open and locked as long as the data is ours. Last, so that it goes after the connections.
    _owner: File,
}

/// A lock is taken even if somebody panicked with it: the database rolls back by itself.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number as SQLite keeps it.
fn number(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Failed(format!("{value} is too large")))
}

/// How many rows at most, as SQLite takes it.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

impl Sqlite {
    /// Opens the data in `dir`, and makes both if they are not there.
    ///
    /// # Errors
    ///
    /// If another process has it, if a file is not ours or too new, if it is damaged so much that
    /// nothing can be read, or if the file system refuses.
    pub fn open(dir: &Path, options: Options) -> Result<Sqlite, OpenError> {
        lock::private_dir(dir)?;
        let owner = lock::own(dir)?;
        let gate = lock::Gate::open(dir)?;
        let writing = |cache| {
            let (synchronous, max_bytes) = (options.synchronous, options.max_bytes);
            Writing { synchronous, cache, max_bytes }
        };
        // A file that is made anew beside others that have something in them would hide what was lost,
        // or give it to somebody else.
        let lacks = |file: &schema::File| !dir.join(file.name).is_file();
        let missing =
            |file: &schema::File| OpenError::Missing { dir: dir.to_owned(), file: file.name };
        let (no_log, no_state) = (lacks(&schema::LOG), lacks(&schema::STATE));
        if lacks(&schema::CONTROL) && !(no_log && no_state) {
            return Err(missing(&schema::CONTROL));
        }
        let control = schema::open(dir, &schema::CONTROL, writing(1 << 10))?;
        if no_log && (!no_state || schema::holds(&control, dir, &schema::CONTROL, "record")?) {
            return Err(missing(&schema::LOG));
        }
        let log = schema::open(dir, &schema::LOG, writing(16 << 10))?;
        if no_state && schema::holds(&log, dir, &schema::LOG, "chunk")? {
            return Err(missing(&schema::STATE));
        }
        let state = schema::open(dir, &schema::STATE, writing(32 << 10))?;
        // Whoever leased attempts before is dead: the lock says so.
        outbox::end_leases(&log).map_err(OpenError::sql(&dir.join(schema::LOG.name)))?;
        // The files' names are to outlive a power cut as well as what is in them.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(OpenError::io(dir))?;
        let path = |file: &schema::File| dir.join(file.name);

        let overlay = Overlay::default();
        let mut writer = Writer::new(log).map_err(OpenError::sql(&path(&schema::LOG)))?;
        let flushed = flush::flushed(&state).map_err(OpenError::sql(&path(&schema::STATE)))?;
        writer.replay(&overlay, flushed).map_err(OpenError::sql(&path(&schema::LOG)))?;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            overlay,
            log: Mutex::new(writer),
            state: Mutex::new(state),
            control: Mutex::new(control),
            read_log: Pool::new(path(&schema::LOG)),
            read_state: Pool::new(path(&schema::STATE)),
            read_control: Pool::new(path(&schema::CONTROL)),
            leasing: Mutex::new(Instant::MIN),
            flushed: AtomicU64::new(flushed),
            flusher: Bell::default(),
            keeper: Bell::default(),
            gate,
            _owner: owner,
        });
        let mut threads = Vec::new();
        for name in ["store-flush", "store-keep"] {
            let own = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name(name.to_owned());
            let flushes = name == "store-flush";
            let run = move || if flushes { own.flush_always() } else { own.keep_always() };
            match builder.spawn(run) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    // Whoever runs already must not hold the files for ever.
                    drop(Sqlite { shared, threads });
                    return Err(OpenError::Io { path: dir.to_owned(), error });
                }
            }
        }
        Ok(Sqlite { shared, threads })
    }

    /// Writes out what is only in the journal, and closes.
    ///
    /// # Errors
    ///
    /// If it could not be written out. Nothing is lost: the journal has it, and the store is closed.
    pub fn close(self) -> Result<(), StoreError> {
        self.flush()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.shared.flusher.stop();
        self.shared.keeper.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
        if let Err(error) = self.shared.flush_now() {
            tracing::warn!(%error, "states stay in the journal until the next start");
        }
    }
}
