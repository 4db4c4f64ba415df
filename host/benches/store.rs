//! Measures the store alone: commits of several sizes beside plain appends, restart, timers, cold loads.
//! `cargo bench --bench store -- commits 10` (seconds), `reopen`, `timers 10` (millions), `delivery 5`
//! (ten thousands of attempts).
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Clock};

use nudge::engine::event::Instant;
use nudge::store::sqlite::{Options, Sqlite};
use nudge::store::{
    Attempt, Chunk, Commit, Image, ReceiptRow, Seq, Settled, Store, TenantId, UserKey, Wanted,
};

const LINE: usize = 244;

struct Load {
    seq: u64,
    now: i64,
    users: u64,
    state: usize,
    outbox: bool,
    line: Vec<u8>,
    rng: fastrand::Rng,
}

impl Load {
    fn new(users: u64, state: usize) -> Load {
        let mut rng = fastrand::Rng::with_seed(7);
        let line = (0..LINE).map(|_| rng.alphanumeric() as u8).collect();
        Load { seq: 0, now: 1_700_000_000_000, users, state, outbox: false, line, rng }
    }

    fn commit(&mut self, events: usize) -> Commit {
        self.seq += 1;
        self.now += 10;
        let mut chunk = Chunk::new(TenantId(1), Seq(self.seq), Instant(self.now));
        chunk.ids = (0..events).map(|_| self.rng.u128(..)).collect();
        chunk.events = events as u32;
        for _ in 0..events {
            chunk.lines.extend_from_slice(&self.line);
            let n = self.rng.u64(..self.users);
            let user: Arc<str> = format!("user-{n:012}").into();
            // 60 % of the events move the timer, the others leave it where it is.
            let base = self.now + (n as i64 % 3_600_000);
            let due = if self.rng.u8(..10) < 6 { base } else { 1_800_000_000_000 + n as i64 };
            let mut state = vec![0_u8; self.state];
            self.rng.fill(&mut state);
            chunk.images.push(Image {
                user: user.clone(),
                due: Some(Instant(due)),
                state: Some(state.into()),
                last: Seq(self.seq),
            });
            if self.outbox && self.rng.u8(..20) == 0 {
                let key: Arc<str> = format!("{:032x}", self.rng.u128(..)).into();
                chunk.outbox.push(Attempt {
                    tracking: key.clone(),
                    send_key: key.clone(),
                    message: key,
                    user,
                    channel: "push".into(),
                    at: Instant(self.now),
                    due: Instant(self.now),
                    address: None,
                    content: "x".repeat(300).into(),
                });
            }
        }
        Commit { chunks: vec![chunk] }
    }
}

fn report(what: &str, events: usize, mut took: Vec<Duration>, wall: Duration) -> f64 {
    let total = wall;
    took.sort();
    let at = |q: f64| took[((took.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    let rate = (events * took.len()) as f64 / total.as_secs_f64();
    println!(
        "{what:<34} {rate:>9.0} ev/s  p50 {:>7.2}  p99 {:>7.2}  p999 {:>7.2}  max {:>7.2} ms",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    rate
}

fn append(dir: &Path, events: usize, seconds: f64) -> f64 {
    let path = dir.join("append");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let bytes = vec![7_u8; events * (LINE + 500 + 16 + 20)];
    let (mut took, start) = (vec![], Clock::now());
    while start.elapsed().as_secs_f64() < seconds {
        let one = Clock::now();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        took.push(one.elapsed());
    }
    let rate = report(&format!("append {events}"), events, took, start.elapsed());
    std::fs::remove_file(path).unwrap();
    rate
}

fn commits(root: &Path, events: usize, seconds: f64, flush_every: usize, outbox: bool) {
    let dir = root.join("commits");
    let _ = std::fs::remove_dir_all(&dir);
    let limit = append(root, events, seconds / 2.0);
    let options = Options { flush_every, ..Options::default() };
    let store = Sqlite::open(&dir, options).unwrap();
    let mut load = Load::new(100_000, 500);
    load.outbox = outbox;
    let ready: Vec<Commit> =
        (0..(150_000 / events).clamp(20, 5_000)).map(|_| load.commit(events)).collect();
    let mut seq = 0;
    let (mut took, mut wall) = (vec![], Duration::ZERO);
    while wall.as_secs_f64() < seconds {
        let mut commit = ready[seq as usize % ready.len()].clone();
        seq += 1;
        if outbox && seq as usize > ready.len() {
            commit = load.commit(events);
        }
        commit.chunks[0].seq = Seq(seq);
        commit.chunks[0].at.0 += seq as i64;
        let one = Clock::now();
        store.commit(commit).unwrap();
        took.push(one.elapsed());
        wall += one.elapsed();
    }
    let what = format!("store {events} flush {flush_every} {}", if outbox { "outbox" } else { "" });
    let rate = report(&what, events, took, wall);
    let size = store.size().unwrap();
    println!(
        "    {:.2} of the append limit; {} MB; {} unflushed",
        rate / limit,
        size.bytes >> 20,
        size.unflushed
    );
    drop(store);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

fn reopen(root: &Path) {
    let dir = root.join("reopen");
    let _ = std::fs::remove_dir_all(&dir);
    let store = Sqlite::open(&dir, Options::default()).unwrap();
    let mut load = Load::new(1_000_000, 500);
    for _ in 0..1000 {
        store.commit(load.commit(1000)).unwrap();
    }
    // As after kill -9: with what is only in the journal.
    let copy = root.join("reopen-copy");
    let _ = std::fs::remove_dir_all(&copy);
    let unflushed = store.size().unwrap().unflushed;
    let start = Clock::now();
    let files = nudge::store::sqlite::backup(&dir, &copy).unwrap().files;
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    println!("backup of {} MB: {:?}", bytes >> 20, start.elapsed());
    let start = Clock::now();
    let again = Sqlite::open(&copy, Options::default()).unwrap();
    let opened = start.elapsed();
    let ids = again.recover(Instant::MIN, 1_000_000).unwrap().ids.len();
    println!(
        "reopen after 1M events, crashed: {opened:?} ({unflushed} unflushed); {ids} ids in {:?}",
        start.elapsed() - opened
    );
    drop(again);
    let _ = std::fs::remove_dir_all(&copy);
    let start = Clock::now();
    drop(store);
    println!("close: {:?}", start.elapsed());
    let start = Clock::now();
    let store = Sqlite::open(&dir, Options::default()).unwrap();
    println!("reopen after 1M events, closed: {:?}", start.elapsed());
    for round in 0..4_u64 {
        if round % 2 == 0 {
            // Out of the system's cache.
            let name = "state.db";
            {
                let of = format!("of={}", dir.join(name).display());
                let args = [of.as_str(), "oflag=nocache", "conv=notrunc,fdatasync", "count=0"];
                let _ = std::process::Command::new("dd").args(args).output();
            }
        }
        // The same again is warm.
        let mut rng = fastrand::Rng::with_seed(round / 2);
        let keys: Vec<UserKey> = (0..1000)
            .map(|_| UserKey {
                tenant: TenantId(1),
                user: format!("user-{:012}", rng.u64(..1_000_000)).into(),
            })
            .collect();
        let start = Clock::now();
        let found = store.load(&keys).unwrap().iter().flatten().count();
        let heat = if round % 2 == 0 { "cold" } else { "warm" };
        println!("load 1000 of ~632k users, {heat}: {:?} ({found} found)", start.elapsed());
    }
    drop(store);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn timers(root: &Path, count: u64) {
    let dir = root.join("timers");
    let _ = std::fs::remove_dir_all(&dir);
    let store = Sqlite::open(&dir, Options::default()).unwrap();
    let (mut seq, mut took, start) = (0, vec![], Clock::now());
    let state: Arc<[u8]> = vec![1_u8; 100].into();
    let base = 1_700_000_000_000_i64;
    let mut rng = fastrand::Rng::with_seed(5);
    let mut commit = |users: &[Arc<str>], due: &mut dyn FnMut() -> i64| {
        seq += 1;
        let images = users.iter().map(|user| Image {
            user: user.clone(),
            due: Some(Instant(due())),
            state: Some(state.clone()),
            last: Seq(seq),
        });
        let mut chunk = Chunk::new(TenantId(1), Seq(seq), Instant(base + seq as i64));
        chunk.images = images.collect();
        let one = Clock::now();
        store.commit(Commit { chunks: vec![chunk] }).unwrap();
        one.elapsed()
    };
    for first in (0..count).step_by(1000) {
        let users: Vec<Arc<str>> =
            (first..first + 1000).map(|n| format!("user-{n:012}").into()).collect();
        took.push(commit(&users, &mut || base + rng.i64(0..86_400_000)));
    }
    report(&format!("insert {count} timers"), 1000, took, start.elapsed());
    store.flush().unwrap();
    println!("    rss {} MB, disk {} MB", rss(), store.size().unwrap().bytes >> 20);

    let start = Clock::now();
    let (mut read, mut after) = (0, None);
    while read < 500_000 {
        let due = store.due(Instant::MAX, after.as_ref(), 1000).unwrap();
        read += due.len();
        after = due.last().cloned();
    }
    println!("due, read on: {:.0} timers/s", read as f64 / start.elapsed().as_secs_f64());

    let (mut took, start) = (vec![], Clock::now());
    let mut due_time = Duration::ZERO;
    for _ in 0..500 {
        let one = Clock::now();
        let due = store.due(Instant(base + 86_400_000), None, 1000).unwrap();
        due_time += one.elapsed();
        let users: Vec<Arc<str>> = due.iter().map(|due| due.key.user.clone()).collect();
        let mut at = base + 90_000_000;
        commit(&users, &mut || {
            at += 1;
            at
        });
        took.push(one.elapsed());
    }
    report("due, fired and moved", 1000, took, start.elapsed());
    println!("    of that {:?} a page in due", due_time / 500);
    let start = Clock::now();
    println!("next_due {:?} in {:?}", store.next_due().unwrap(), start.elapsed());
    drop(store);
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Attempts through the outbox: put there, leased, settled. Small commits go on beside the leases.
fn delivery(root: &Path, count: usize) {
    const PAGE: usize = 1000;
    let dir = root.join("delivery");
    let _ = std::fs::remove_dir_all(&dir);
    let store = Sqlite::open(&dir, Options::default()).unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    let base = 1_700_000_000_000_i64;
    let seq = AtomicU64::new(0);
    let next = || Seq(seq.fetch_add(1, Ordering::Relaxed) + 1);
    let (mut took, start) = (vec![], Clock::now());
    for round in 0..(count / PAGE) as i64 {
        let mut chunk = Chunk::new(TenantId(1), next(), Instant(base + round));
        for _ in 0..PAGE {
            let mut id = || -> Arc<str> { format!("{:032x}", rng.u128(..)).into() };
            let (tracking, send_key, message) = (id(), id(), id());
            let user = format!("user-{:012}", rng.u64(..1_000_000)).into();
            let (at, content) = (Instant(base + round), "x".repeat(300).into());
            chunk.outbox.push(Attempt {
                tracking,
                send_key,
                message,
                user,
                channel: "push".into(),
                at,
                due: at,
                address: None,
                content,
            });
        }
        let one = Clock::now();
        store.commit(Commit { chunks: vec![chunk] }).unwrap();
        took.push(one.elapsed());
    }
    report(&format!("insert {count} attempts"), PAGE, took, start.elapsed());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let (mut took, start) = (vec![], Clock::now());
            while !over.load(Ordering::Relaxed) {
                let one = Clock::now();
                let chunk = Chunk::new(TenantId(2), next(), Instant(base));
                store.commit(Commit { chunks: vec![chunk] }).unwrap();
                took.push(one.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            report("small commits beside", 1, took, start.elapsed());
        });
        let (mut leases, mut settles, mut looks) = (vec![], vec![], vec![]);
        let (mut leasing, mut settling) = (Duration::ZERO, Duration::ZERO);
        let mut now = base + 1_000_000;
        loop {
            let one = Clock::now();
            let waiting = store.waiting().unwrap();
            looks.push(one.elapsed());
            let wanted: Vec<_> = waiting
                .into_iter()
                .map(|w| Wanted { tenant: w.tenant, channel: w.channel, most: PAGE })
                .collect();
            now += 1;
            let one = Clock::now();
            let leased = store.lease(Instant(now), Instant(now + 60_000), &wanted).unwrap();
            leases.push(one.elapsed());
            leasing += one.elapsed();
            if leased.is_empty() {
                break;
            }
            let mut chunk = Chunk::new(TenantId(1), next(), Instant(now));
            for leased in leased {
                let (tracking, at) = (leased.attempt.tracking, Instant(now));
                let reference = Some(format!("{:032x}", rng.u128(..)).into());
                chunk.receipts.push(ReceiptRow {
                    tracking: tracking.clone(),
                    at,
                    shows: "accepted".into(),
                });
                chunk.outcomes.push(Settled {
                    tracking,
                    at,
                    outcome: "accepted".into(),
                    reason: None,
                    reference,
                });
            }
            let one = Clock::now();
            store.commit(Commit { chunks: vec![chunk] }).unwrap();
            settles.push(one.elapsed());
            settling += one.elapsed();
        }
        let looking = looks.iter().sum();
        report("look what waits", 1, looks, looking);
        report("lease", PAGE, leases, leasing);
        report("settle", PAGE, settles, settling);
        over.store(true, Ordering::Relaxed);
        beside.join().unwrap();
    });
    println!("    {} MB", store.size().unwrap().bytes >> 20);
    drop(store);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn main() {
    // Cargo adds an option of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = folder.path().to_owned();
    let what = arguments.first().map_or("commits", String::as_str);
    let seconds: f64 = arguments.get(1).map_or(10.0, |s| s.parse().unwrap());
    if what.contains("commits") {
        for events in [1, 100, 1000] {
            let flush_every = if events == 1 { 500 } else { 50_000 };
            commits(&root, events, seconds, flush_every, false);
            commits(&root, events, seconds, usize::MAX / 16, false);
        }
    }
    if what.contains("one") {
        commits(&root, 1000, seconds, 50_000, false);
    }
    if what.contains("outbox") {
        commits(&root, 100, seconds, 50_000, true);
        commits(&root, 1000, seconds, 50_000, true);
    }
    if what.contains("reopen") {
        reopen(&root);
    }
    if what.contains("delivery") {
        delivery(&root, (seconds * 1e4) as usize);
    }
    if what.contains("timers") {
        timers(&root, (seconds * 1e6) as u64);
    }
}
