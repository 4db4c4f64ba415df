//! Events from files and from a queue, and a process that is killed while it reads them: each record is
//! counted once. The tests over a real NATS server are left out, and say so, unless `NUDGE_NATS` names one.
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::Config as StreamConfig;

use super::http::eventually;
use super::stage::{Stage, run};
use super::tenant::{Tenant, iso, now, strategy};

const ROUNDS: usize = 10;
/// Users that all rows are of: all that was done by one of them can be looked at.
const USERS: usize = 200;
/// Messages of a user, one after the other.
const OF_ONE: u64 = 100;
/// Rows of a file.
const ROWS: usize = 2_000;

/// A service that reads the folder `in` beside its data.
fn stage(more: &str) -> (Stage, PathBuf) {
    let folder = tempfile::tempdir().unwrap().keep();
    let root = folder.join("in");
    fs::create_dir_all(root.join("shop")).unwrap();
    let text = format!("[feed]\nfolder = {root:?}\nevery = \"100ms\"\nsettle = \"0s\"\n{more}");
    (Stage::with(&text), root)
}

/// Where file number `n` is, what is in it, and which of its rows make no sense.
fn file(n: usize) -> (String, Vec<u8>, Vec<u64>) {
    let user = |row: usize| format!("u{}", row % USERS);
    let mark = |row: usize| format!("{n}-{row}");
    let bad: Vec<u64> = (1..=ROWS as u64).filter(|row| row % 97 == n as u64).collect();
    let at = |row: usize| match bad.contains(&(row as u64)) {
        true => "never".to_owned(),
        false => iso(now()),
    };
    let mut text = String::new();
    let name = match n % 4 {
        0 | 3 => {
            text.push_str("user,node,time,mark\n");
            for row in 1..=ROWS {
                writeln!(text, "{},shelf,{},{}", user(row), at(row), mark(row)).unwrap();
            }
            if n.is_multiple_of(4) { "csv" } else { "csv.gz" }
        }
        1 => {
            for row in 1..=ROWS {
                let (user, at, mark) = (user(row), at(row), mark(row));
                let row =
                    serde_json::json!({ "user": user, "node": "shelf", "time": at, "mark": mark });
                writeln!(text, "{row}").unwrap();
            }
            "ndjson"
        }
        _ => {
            text.push_str("<log>");
            for row in 1..=ROWS {
                writeln!(
                    text,
                    "<trace><string key=\"concept:name\" value=\"{}\"/><event>\
                     <string key=\"concept:name\" value=\"shelf\"/><string key=\"mark\" value=\"{}\"/>\
                     <date key=\"time:timestamp\" value=\"{}\"/></event></trace>",
                    user(row),
                    mark(row),
                    at(row)
                )
                .unwrap();
            }
            text.push_str("</log>");
            "xes"
        }
    };
    let bytes = if name.ends_with("gz") {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    } else {
        text.into_bytes()
    };
    (format!("{n:02}.{name}"), bytes, bad)
}

/// How often each mark is there, of so many users.
async fn marks(tenant: &Tenant, users: usize) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    for user in 0..users {
        for (mark, many) in tenant.marks(&format!("u{user}")).await {
            *all.entry(mark).or_default() += many;
        }
    }
    all
}

/// All that is there is there once, and nothing is missing.
fn once(found: &BTreeMap<String, u32>, expected: impl Iterator<Item = String>) {
    let expected: Vec<String> = expected.collect();
    let missing: Vec<&String> = expected.iter().filter(|mark| !found.contains_key(*mark)).collect();
    let several: Vec<_> = found.iter().filter(|(_, many)| **many != 1).take(20).collect();
    assert!(
        missing.is_empty(),
        "{} are missing: {:?}",
        missing.len(),
        &missing[..missing.len().min(20)]
    );
    assert!(several.is_empty(), "not there once: {several:?}");
    assert_eq!(found.len(), expected.len(), "there is more than was said");
}

fn is_done(shop: &Path, name: &str) -> bool {
    shop.join("done").join(name).exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_killed_while_it_reads_files_it_counts_each_row_once() {
    let (mut stage, root) = stage("");
    let shop = root.join("shop");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let mut in_the_middle = 0;
    let mut files = Vec::new();
    for n in 0..ROUNDS {
        let (name, bytes, bad) = file(n);
        let hidden = shop.join(".coming");
        fs::write(&hidden, bytes).unwrap();
        fs::rename(hidden, shop.join(&name)).unwrap();
        files.push((name, bad));
        // No waiting for anything: the moment is to be a random one.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..700))).await;
        stage.kill();
        in_the_middle += usize::from(!files.iter().all(|(name, _)| is_done(&shop, name)));
        stage.start();
    }
    eventually("all files are read", || async {
        files.iter().all(|(name, _)| is_done(&shop, name)).then_some(())
    })
    .await;
    assert!(in_the_middle > 0, "it was never killed while there was something to read");
    let mut expected = Vec::new();
    for (n, (name, bad)) in files.iter().enumerate() {
        let good = (1..=ROWS).filter(|row| !bad.contains(&(*row as u64)));
        expected.extend(good.map(|row| format!("{n}-{row}")));
        // And the rejects are exactly those that there are.
        let rejects = shop.join("rejects").join(format!("{name}.ndjson"));
        let text = fs::read_to_string(rejects).unwrap_or_default();
        let of = |line: &str| {
            let reject: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(reject["reason"].as_str().unwrap().contains("never"), "{reject}");
            reject["row"].as_u64().unwrap()
        };
        assert_eq!(text.lines().map(of).collect::<Vec<u64>>(), *bad, "{name}");
    }
    once(&marks(&tenant, USERS).await, expected.into_iter());
    let left: Vec<_> =
        fs::read_dir(shop.join("rejects")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let with_bad = files.iter().filter(|(_, bad)| !bad.is_empty()).count();
    assert_eq!(left.len(), with_bad, "{left:?}");

    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
    fs::remove_dir_all(root.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn b1_whoever_stalls_by_what_a_file_says_is_written_to() {
    let (stage, root) = stage("");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let rows = format!(
        "user,node,time\nada,cart,{}\nben,cart,{}\n",
        iso(now() - 60_000),
        iso(now() - 48 * 3_600_000)
    );
    fs::write(root.join("shop/.a"), rows).unwrap();
    fs::rename(root.join("shop/.a"), root.join("shop/a.csv")).unwrap();
    tenant.letters("ada", 1).await;
    // What ben did is history: nobody is told of it now.
    tenant.only("witness", &["ada"]).await;
    let metrics = stage.server.get("/metrics").by(&stage.admin).send().await.is(200).text();
    assert!(metrics.contains("nudge_feed_records_total{source=\"folder\",outcome=\"taken\"} 2"));
    fs::remove_dir_all(root.parent().unwrap()).unwrap();
}

/// A stream of a test's own, on the server that is named.
struct Queue {
    server: String,
    name: String,
    context: jetstream::Context,
}

impl Queue {
    async fn new() -> Option<Queue> {
        let Some(server) = std::env::var("NUDGE_NATS").ok().filter(|at| !at.is_empty()) else {
            eprintln!("SKIPPED: NUDGE_NATS names no NATS server");
            return None;
        };
        let context = jetstream::new(async_nats::connect(&server).await.unwrap());
        let name = format!("e2e{:016x}", fastrand::u64(..));
        let subjects = vec![format!("{name}.events.*")];
        let config = StreamConfig { name: name.clone(), subjects, ..StreamConfig::default() };
        context.create_stream(config).await.unwrap();
        Some(Queue { server, name, context })
    }

    fn config(&self) -> String {
        let Queue { server, name, .. } = self;
        format!(
            "nats_url = \"nats://{server}\"\nnats_stream = \"{name}\"\n\
             nats_subject = \"{name}.events.{{tenant}}\"\n"
        )
    }

    /// Waits until everything was acknowledged.
    async fn settled(&self) {
        let stream = self.context.get_stream(&self.name).await.unwrap();
        eventually("all messages are acknowledged", || async {
            let consumer: PullConsumer = stream.get_consumer("nudge").await.ok()?;
            let info = consumer.get_info().await.ok()?;
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_killed_while_messages_flow_it_counts_each_of_them_once() {
    let Some(queue) = Queue::new().await else { return };
    let queue = Arc::new(queue);
    let (mut stage, root) = stage(&queue.config());
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;

    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = {
        let (queue, over, sent) = (Arc::clone(&queue), Arc::clone(&over), Arc::clone(&sent));
        tokio::spawn(async move {
            let subject = format!("{}.events.shop", queue.name);
            while !over.load(Ordering::SeqCst) {
                let first = sent.load(Ordering::SeqCst);
                // One message of a call, one of several lines, as both are sent.
                let line = |n: u64| {
                    let user = n / OF_ONE;
                    format!("{{\"user\":\"u{user}\",\"event\":\"go\",\"mark\":\"{n}\"}}")
                };
                let lines = format!("{}\n{}\n", line(first + 1), line(first + 2));
                for payload in [line(first), lines] {
                    let published = queue.context.publish(subject.clone(), payload.into());
                    published.await.unwrap().await.unwrap();
                }
                sent.store(first + 3, Ordering::SeqCst);
            }
        })
    };
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            let before = sent.load(Ordering::SeqCst);
            eventually("something is sent", || async {
                (sent.load(Ordering::SeqCst) > before + 30).then_some(())
            })
            .await;
        }
        // No waiting for anything: the moment is to be a random one.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..500))).await;
        stage.kill();
        stage.start();
    }
    over.store(true, Ordering::SeqCst);
    sender.await.unwrap();
    queue.settled().await;
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent > 300, "too little to tell: {sent}");
    let users = sent.div_ceil(OF_ONE) as usize;
    once(&marks(&tenant, users).await, (0..sent).map(|n| n.to_string()));

    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
    queue.context.delete_stream(&queue.name).await.unwrap();
    fs::remove_dir_all(root.parent().unwrap()).unwrap();
}
