//! Durable events a second: the engine with its store and the standard policy `dwell` on every event, in
//! batches of 1, 100 and 1,000, each acknowledged when it is on the disk; beside the same bytes appended to a
//! file with fdatasync, in the same run. `cargo bench --bench service`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a measurement"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nudge::config::{Config, Overrides};
use nudge::engine::event::{Fields, Value, What};
use nudge::ingest::live::{Deed, Item, MessageId, Who};
use nudge::sandbox::{Compiler, Limits, Sandbox};
use nudge::service::words::NewTenant;
use nudge::service::{Builder, Service, TenantName};
use nudge::store::sqlite::{Options, Sqlite};
use nudge::store::{Seq, Store, TenantId, UserKey};

const STRATEGY: &str = r#"
[[policy]]
use = "dwell"
settings.nodes = { cart = { threshold = "1h", pending = "paid" }, paid = { behaviour = "thank" } }
settings.behaviours.thank = { message = "thank" }

[messages.thank.default]
title = "Thank you"
body = "Come again."
"#;

/// How long each size is measured.
const TIME: Duration = Duration::from_secs(8);

/// Senders at once: one batch is evaluated while another is being stored.
const SENDERS: usize = 4;

const USERS: u64 = 100_000;

fn main() {
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "{:>6} {:>12} {:>12} {:>7} {:>9} {:>9} {:>9}",
        "batch", "append ev/s", "durable ev/s", "ratio", "p50 ms", "p99 ms", "max ms"
    );
    for size in [1, 100, 1_000] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let measured = runtime.block_on(durable(folder.path(), &sandbox, size));
        let append = append(folder.path(), size * measured.bytes as usize, size);
        let at = |share: f64| {
            let at = ((measured.waits.len() - 1) as f64 * share) as usize;
            measured.waits[at].as_secs_f64() * 1e3
        };
        println!(
            "{size:>6} {append:>12.0} {:>12.0} {:>7.2} {:>9.2} {:>9.2} {:>9.2}   {} bytes an event",
            measured.rate,
            measured.rate / append,
            at(0.5),
            at(0.99),
            at(1.0),
            measured.bytes
        );
    }
}

struct Measured {
    rate: f64,
    waits: Vec<Duration>,
    /// Bytes of the log and of states, for each event.
    bytes: u64,
}

async fn durable(folder: &Path, sandbox: &Sandbox, size: usize) -> Measured {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder, Options::default()).unwrap());
    let text = format!(
        "[engine]\nbatch = {size}\n[ingest]\nrate = 100000000\nburst = 100000000\nqueue_events = 100000\n"
    );
    let file = Some((Path::new("bench.toml"), text.as_str()));
    let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
    let service = Builder::new(Arc::clone(&store), sandbox.clone()).open(config).unwrap();
    let running = service.run().unwrap();
    service.create_tenant(NewTenant { name: "acme".to_owned() }).await.unwrap();
    let tenant = service.tenant_name("acme").unwrap();
    let release = service.propose(&tenant, STRATEGY.to_owned()).await.unwrap();
    service.activate(&tenant, release.number).await.unwrap();

    let next = Arc::new(AtomicU64::new(0));
    // Until every sender has found its pace.
    let warm = Instant::now() + Duration::from_secs(1);
    let end = warm + TIME;
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            tokio::spawn(send(service.clone(), tenant.clone(), Arc::clone(&next), size, warm, end))
        })
        .collect();
    let mut waits = Vec::new();
    for sender in senders {
        waits.extend(sender.await.unwrap());
    }
    let rate = (waits.len() * size) as f64 / TIME.as_secs_f64();
    waits.sort_unstable();
    running.stop().await.unwrap();

    let chunks = store.log(TenantId(1), Seq(0), 50).unwrap();
    let (lines, events): (usize, u64) = (
        chunks.iter().map(|chunk| chunk.lines.len()).sum(),
        chunks.iter().map(|chunk| u64::from(chunk.events)).sum(),
    );
    let users = store.users(TenantId(1), None, 100).unwrap();
    let keys: Vec<_> =
        users.into_iter().map(|user| UserKey { tenant: TenantId(1), user }).collect();
    let states: usize =
        store.load(&keys).unwrap().iter().flatten().map(|stored| stored.state.len()).sum();
    let bytes = lines as u64 / events + states as u64 / keys.len() as u64;
    Measured { rate, waits, bytes }
}

async fn send(
    service: Service,
    tenant: TenantName,
    next: Arc<AtomicU64>,
    size: usize,
    warm: Instant,
    end: Instant,
) -> Vec<Duration> {
    let mut waits = Vec::new();
    while Instant::now() < end {
        let first = next.fetch_add(size as u64, Ordering::Relaxed);
        let now = service.now();
        let items = (first..first + size as u64).map(|n| item(n, now)).collect();
        let started = Instant::now();
        service.ingest(&tenant, items).await.unwrap();
        if started >= warm {
            waits.push(started.elapsed());
        }
    }
    waits
}

fn item(n: u64, at: nudge::engine::event::Instant) -> Item {
    // Users in no order, nodes in turn.
    let user = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let text = |text: &str| Value::Text(text.into());
    let fields: Fields = [
        ("node", text(if n.is_multiple_of(3) { "paid" } else { "cart" })),
        ("product", text("a lamp with a green shade")),
        ("total", Value::Number(42.5)),
        ("page", text("/checkout/cart?step=2")),
    ]
    .into_iter()
    .map(|(name, value)| (Arc::from(name), value))
    .collect();
    let what = What::Operation { name: "step".into(), fields };
    Item {
        id: Some(MessageId(
            u128::from(n) << 64 | u128::from(n.wrapping_mul(0x2545_f491_4f6c_dd1d)),
        )),
        who: Who { user: Some(format!("user-{}", user % USERS).into()), anonymous: None },
        at,
        deed: Deed::Happened(vec![what]),
    }
}

/// Events a second, if their bytes were appended and nothing else was done.
fn append(folder: &Path, bytes: usize, size: usize) -> f64 {
    let mut file = std::fs::File::create(folder.join("append")).unwrap();
    let block = vec![0x5a; bytes];
    let started = Instant::now();
    let mut written = 0;
    while started.elapsed() < Duration::from_secs(3) {
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        written += size;
    }
    written as f64 / started.elapsed().as_secs_f64()
}
