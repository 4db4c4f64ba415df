//! Signed webhooks a second to a local sink, each attempt durable, beside a plain HTTP client that posts the
//! same signed bodies in the same run; then the time from event to send at several loads, decision included.
//! `cargo bench --bench delivery`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a measurement"
)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nudge::config::{Config, Overrides};
use nudge::engine::event::{Fields, Value, What};
use nudge::ingest::live::{Deed, Item, MessageId, Who};
use nudge::sandbox::{Compiler, Limits, Sandbox};
use nudge::service::words::{NewChannel, NewTenant};
use nudge::service::{Builder, Running, Service, TenantName};
use nudge::store::Store;
use nudge::store::sqlite::{Options, Sqlite};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const STRATEGY: &str = r#"
[[policy]]
use = "dwell"
settings.nodes = { cart = { threshold = "1m", pending = "paid" }, paid = { behaviour = "pay" } }
settings.behaviours.pay = { message = "pay" }

[[channel]]
name = "hook"

[messages.pay.default]
title = "Your cart is waiting"
body = "A lamp with a green shade is still in it. Pay now, and it leaves tomorrow."
link = "https://shop.example.com/cart"
"#;

/// Attempts of each measurement.
const MANY: u64 = 40_000;

/// The only tenant.
const TENANT: nudge::store::TenantId = nudge::store::TenantId(1);

/// Posts under way at once.
const AT_ONCE: usize = 256;

fn main() {
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(&sandbox));
}

async fn measure(sandbox: &Sandbox) {
    let sink = Sink::open().await;
    let bench = Bench::open(sandbox, &sink).await;
    bench.goes(2_000).await;
    let body = lock(&sink.sample).clone().unwrap();
    println!("{} bytes a request, {} of them the body", body.0.len() + body.1.len(), body.1.len());

    let mut rates = Vec::new();
    for round in 1..=3 {
        let limit = plain(&sink, &body).await;
        let fresh = bench.goes(MANY).await;
        let backlog = bench.drains(MANY).await;
        println!(
            "round {round}: plain client {limit:.0}/s, events to settled webhooks {fresh:.0}/s \
             ({:.2}), draining a backlog {backlog:.0}/s ({:.2})",
            fresh / limit,
            backlog / limit
        );
        rates.push(fresh);
    }
    rates.sort_unstable_by(f64::total_cmp);
    let median = rates[1];
    for (rate, what) in [
        (50.0, "50/s"),
        (1_000.0, "1,000/s"),
        (median * 0.5, "half"),
        (median * 0.8, "four fifths"),
    ] {
        bench.latency(rate, what).await;
    }
    bench.running.stop().await.unwrap();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// A request: head and body.
type Sample = (Vec<u8>, Vec<u8>);

/// A server that takes everything at once, and knows when whose message came.
#[derive(Clone)]
struct Sink {
    at: std::net::SocketAddr,
    taken: Arc<AtomicU64>,
    /// When the message about an event came, by the event's number.
    came: Arc<Mutex<HashMap<u64, Instant>>>,
    /// A request, head and body.
    sample: Arc<Mutex<Option<Sample>>>,
}

impl Sink {
    async fn open() -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Sink {
            at: listener.local_addr().unwrap(),
            taken: Arc::default(),
            came: Arc::default(),
            sample: Arc::default(),
        };
        let of = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(of.clone().serve(stream));
            }
        });
        sink
    }

    async fn serve(self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut held = Vec::new();
        let mut piece = vec![0; 16 << 10];
        loop {
            let Some(head) = held.windows(4).position(|four| four == b"\r\n\r\n") else {
                match stream.read(&mut piece).await {
                    Ok(read) if read > 0 => held.extend_from_slice(&piece[..read]),
                    _ => return,
                }
                continue;
            };
            let text = String::from_utf8_lossy(&held[..head]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().trim().parse().unwrap();
            let all = head + 4 + length;
            while held.len() < all {
                match stream.read(&mut piece).await {
                    Ok(read) if read > 0 => held.extend_from_slice(&piece[..read]),
                    _ => return,
                }
            }
            self.takes(&held[..head + 4], &held[head + 4..all]);
            held.drain(..all);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    }

    fn takes(&self, head: &[u8], body: &[u8]) {
        let sign = b"\"user\":\"user-";
        if let Some(at) = body.windows(sign.len()).position(|some| some == sign) {
            let digits = body[at + sign.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            let number = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
            lock(&self.came).insert(number, Instant::now());
        }
        if self.taken.fetch_add(1, Ordering::Relaxed) == 0 {
            *lock(&self.sample) = Some((head.to_vec(), body.to_vec()));
        }
    }
}

/// Requests a second of a plain client that posts the same again and again.
async fn plain(sink: &Sink, (head, body): &Sample) -> f64 {
    let client = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build().unwrap();
    let mut headers = reqwest::header::HeaderMap::new();
    let text = String::from_utf8(head.clone()).unwrap();
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        if !["host", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
    }
    let url = format!("http://{}/hook", sink.at);
    let left = Arc::new(AtomicU64::new(MANY));
    let started = Instant::now();
    let posts: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (client, url, headers) = (client.clone(), url.clone(), headers.clone());
            let (body, left) = (body.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
                {
                    let request = client.post(&url).headers(headers.clone()).body(body.clone());
                    let answer = request.send().await.unwrap();
                    assert!(answer.status().is_success());
                }
            })
        })
        .collect();
    for post in posts {
        post.await.unwrap();
    }
    MANY as f64 / started.elapsed().as_secs_f64()
}

struct Bench {
    service: Service,
    running: Running,
    store: Arc<dyn Store>,
    tenant: TenantName,
    sink: Sink,
    next: AtomicU64,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn open(sandbox: &Sandbox, sink: &Sink) -> Bench {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, Service::new_secrets_key().unwrap()).unwrap();
        let data = folder.path().join("data");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&data, Options::default()).unwrap());
        let text = format!(
            "[ingest]\nrate = 100000000\nburst = 100000000\nqueue_events = 100000\n\
             [delivery]\nconcurrency = 1024\nper_tenant = 1024\nper_channel = {AT_ONCE}\n\
             allow_networks = \"127.0.0.0/8\"\n[secrets]\nkey_file = {:?}\n",
            key.display().to_string()
        );
        let file = Some((Path::new("bench.toml"), text.as_str()));
        let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
        let service = Builder::new(Arc::clone(&store), sandbox.clone()).open(config).unwrap();
        let running = service.run().unwrap();
        service.create_tenant(NewTenant { name: "acme".to_owned() }).await.unwrap();
        let tenant = service.tenant_name("acme").unwrap();
        let settings = serde_json::json!({ "url": format!("http://{}/hook", sink.at),
            "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] });
        let (at_once, per_second, burst) = (None, None, None);
        let hook = NewChannel { kind: "webhook".to_owned(), settings, at_once, per_second, burst };
        service.put_channel(&tenant, "hook", hook).await.unwrap();
        let release = service.propose(&tenant, STRATEGY.to_owned()).await.unwrap();
        service.activate(&tenant, release.number).await.unwrap();
        let (sink, next) = (sink.clone(), AtomicU64::new(0));
        Bench { service, running, store, tenant, sink, next, _folder: folder }
    }

    /// An event that has stalled already when it comes in: its message is decided upon at once.
    fn item(&self) -> (u64, Item) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let text = |text: &str| Value::Text(text.into());
        let fields: Fields =
            [("node", text("cart")), ("product", text("a lamp with a green shade"))]
                .into_iter()
                .map(|(name, value)| (Arc::from(name), value))
                .collect();
        let what = What::Operation { name: "step".into(), fields };
        let at = nudge::engine::event::Instant(self.service.now().0 - 60_002);
        let who = Who { user: Some(format!("user-{n}").into()), anonymous: None };
        (n, Item { id: Some(MessageId(u128::from(n))), who, at, deed: Deed::Happened(vec![what]) })
    }

    async fn pours(&self, many: u64) {
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..many / 200 {
            let items: Vec<Item> = (0..200).map(|_| self.item().1).collect();
            let (service, tenant) = (self.service.clone(), self.tenant.clone());
            senders.spawn(async move { service.ingest(&tenant, items).await.unwrap() });
            if senders.len() >= 4 {
                senders.join_next().await;
            }
        }
        while senders.join_next().await.is_some() {}
    }

    /// A moment that nothing has been settled at so far.
    async fn begins(&self) -> nudge::engine::event::Instant {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.service.now()
    }

    /// Waits until so many outcomes are on the disk since then. The store is only asked when the service has made
    /// as many: to count them takes a while.
    async fn settled(&self, since: nudge::engine::event::Instant, made: u64, many: u64) {
        while self.made() < made + many {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while self.store.sent_since(TENANT, since).unwrap() < many {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Attempts that were accepted, stored or not.
    fn made(&self) -> u64 {
        let metrics = self.service.metrics();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("nudge_sent_total") && line.contains("\"accepted\""));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Webhooks a second from the first event to the last outcome that is on the disk.
    async fn goes(&self, many: u64) -> f64 {
        let (since, made) = (self.begins().await, self.made());
        let started = Instant::now();
        self.pours(many).await;
        self.settled(since, made, many).await;
        many as f64 / started.elapsed().as_secs_f64()
    }

    /// Webhooks a second of attempts that are in the outbox already.
    async fn drains(&self, many: u64) -> f64 {
        let (since, made) = (self.begins().await, self.made());
        let limit = |at_once| NewChannel {
            kind: "webhook".to_owned(),
            settings: serde_json::json!({ "url": format!("http://{}/hook", self.sink.at),
                "secrets": ["***"] }),
            at_once: Some(at_once),
            per_second: (at_once == 1).then_some(0.001),
            burst: (at_once == 1).then_some(1),
        };
        self.service.put_channel(&self.tenant, "hook", limit(1)).await.unwrap();
        self.pours(many).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let left = self.made() - made;
        self.service.put_channel(&self.tenant, "hook", limit(AT_ONCE)).await.unwrap();
        let started = Instant::now();
        self.settled(since, made, many).await;
        (many - left) as f64 / started.elapsed().as_secs_f64()
    }

    /// The time from an event to its message at the sink, at so many events a second.
    async fn latency(&self, rate: f64, what: &str) {
        let time = Duration::from_secs(10);
        let many = (rate * time.as_secs_f64()) as u64;
        let started = Instant::now();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut under_way = tokio::task::JoinSet::new();
        for n in 0..many {
            let due = started + Duration::from_secs_f64(n as f64 / rate);
            if let Some(early) = due.checked_duration_since(Instant::now())
                && early > Duration::from_millis(1)
            {
                tokio::time::sleep(early).await;
            }
            let (number, item) = self.item();
            lock(&sent).push((number, due));
            let (service, tenant) = (self.service.clone(), self.tenant.clone());
            under_way.spawn(async move { drop(service.ingest(&tenant, vec![item]).await) });
        }
        while under_way.join_next().await.is_some() {}
        tokio::time::sleep(Duration::from_secs(2)).await;
        let came = lock(&self.sink.came);
        let sent = lock(&sent);
        let mut waits: Vec<f64> = (sent.iter())
            .filter_map(|(number, due)| came.get(number).map(|at| (*at - *due).as_secs_f64() * 1e3))
            .collect();
        waits.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        println!(
            "event to send at {what} ({rate:.0}/s): p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; {} of {many} came",
            at(0.5),
            at(0.99),
            at(1.0),
            waits.len()
        );
    }
}
