//! What a simulated service stands on: a store that fails, a channel that is not to be relied upon, a copy of
//! the disk as a crash leaves it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use fastrand::Rng;

use super::faulty::Faulty;
use crate::channel::{Channel, Channels, Dispatch, Outcome, Reason, Sending};
use crate::clock::{Clock, Manual};
use crate::config::{Config, Overrides};
use crate::sandbox::{Compiler, Limits, Policy, Sandbox};
use crate::service::core::{Core, Parts};
use crate::service::lane::lock;
use crate::standard;
use crate::store::Store;
use crate::store::sqlite::{Options, Sqlite, Synchronous};

/// Compiled once for all tests: a sandbox forgets the code that nobody uses.
pub(crate) fn sandbox() -> Sandbox {
    static SANDBOX: OnceLock<(Sandbox, Vec<Policy>)> = OnceLock::new();
    let make = || {
        let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
        let admit = |name| sandbox.admit(standard::policy(name).unwrap()).unwrap();
        let policies = standard::names().map(admit).collect();
        (sandbox, policies)
    };
    SANDBOX.get_or_init(make).0.clone()
}

/// A channel that is not to be relied upon, and remembers what it was given.
struct Post {
    given: Arc<Mutex<BTreeMap<Arc<str>, u32>>>,
    rng: Mutex<Rng>,
}

impl Channel for Post {
    fn name(&self) -> &str {
        "log"
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        let dead = dispatch.outgoing.address.as_deref().is_some_and(|to| to.starts_with("gone"));
        let outcome = match lock(&self.rng).u8(..8) {
            _ if dead => Outcome::gone(Reason::InvalidAddress, "nobody is there"),
            0 => Outcome::failed(Reason::Rejected, "no"),
            1 | 2 => Outcome::later(Reason::Throttled, "not now"),
            _ => {
                let tracking = dispatch.outgoing.tracking.clone();
                *lock(&self.given).entry(tracking).or_default() += 1;
                Outcome::ACCEPTED
            }
        };
        Box::pin(std::future::ready(outcome))
    }
}

pub(super) fn open(
    folder: &Path,
    clock: &Arc<Manual>,
    given: &Arc<Mutex<BTreeMap<Arc<str>, u32>>>,
    rng: Rng,
) -> (Arc<Faulty>, Core) {
    let options =
        Options { synchronous: Synchronous::Off, flush_every: usize::MAX, ..Options::default() };
    let inner: Arc<dyn Store> = Arc::new(Sqlite::open(folder, options).unwrap());
    let store = Arc::new(Faulty::new(inner));
    let text = "[engine]\nthreads = 1\nbatch = 16\n[ingest]\nrate = 1000000\nburst = 1000000\ndedup_window = \"365d\"\n[delivery]\nretries = \"1m 10m 1h\"\n";
    let file = Some((Path::new("simulation.toml"), text));
    let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
    let mut channels = Channels::default();
    channels.add(Post { given: Arc::clone(given), rng: Mutex::new(rng) });
    let clock: Arc<dyn Clock> = clock.clone();
    let shared: Arc<dyn Store> = store.clone();
    let core = Core::open(Parts { store: shared, clock, sandbox: sandbox(), channels, config });
    (store, core.unwrap())
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    // In the order in which what refers comes after what is referred to.
    for name in ["log.db", "log.db-wal", "state.db", "state.db-wal", "control.db", "control.db-wal"]
    {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}
