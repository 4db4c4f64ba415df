//! What the service counts, as Prometheus reads it. No tenant's name is in it: labels are words of ours.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sent {
    channel: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fed {
    source: &'static str,
    outcome: &'static str,
}

/// The counters.
pub(super) struct Meter {
    registry: Registry,
    events: Counter,
    duplicates: Counter,
    turned_away: Counter,
    attempts: Counter,
    fired: Counter,
    faults: Counter,
    commits: Counter,
    failed_commits: Counter,
    commit_seconds: Histogram,
    group: Histogram,
    sent: Family<Sent, Counter>,
    fed: Family<Fed, Counter>,
    requests: Family<Request, Counter>,
    request_seconds: Histogram,
    waiting: Gauge<i64>,
    tenants: Gauge<i64>,
    streams: Gauge<i64>,
    outbox: Gauge<u64, AtomicU64>,
    unflushed: Gauge<u64, AtomicU64>,
    bytes: Gauge<u64, AtomicU64>,
}

impl Default for Meter {
    fn default() -> Meter {
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let meter = Meter {
            registry: Registry::with_prefix("nudge"),
            events: Counter::default(),
            duplicates: Counter::default(),
            turned_away: Counter::default(),
            attempts: Counter::default(),
            fired: Counter::default(),
            faults: Counter::default(),
            commits: Counter::default(),
            failed_commits: Counter::default(),
            commit_seconds: seconds(),
            group: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            sent: Family::default(),
            fed: Family::default(),
            requests: Family::default(),
            request_seconds: seconds(),
            waiting: Gauge::default(),
            tenants: Gauge::default(),
            streams: Gauge::default(),
            outbox: Gauge::default(),
            unflushed: Gauge::default(),
            bytes: Gauge::default(),
        };
        meter.named()
    }
}

impl Meter {
    fn named(mut self) -> Meter {
        let names = &mut self.registry;
        names.register("events", "Events that were stored", self.events.clone());
        names.register("duplicates", "Events that were known", self.duplicates.clone());
        names.register("turned_away", "Requests over a limit", self.turned_away.clone());
        names.register("attempts", "Attempts that were decided", self.attempts.clone());
        names.register("timers_fired", "Timers that have fired", self.fired.clone());
        names.register("policy_faults", "Questions without an answer", self.faults.clone());
        names.register("commits", "Commits to the store", self.commits.clone());
        names.register("commits_failed", "Commits that failed", self.failed_commits.clone());
        names.register("commit_seconds", "Time of a commit", self.commit_seconds.clone());
        names.register("commit_events", "Events in a commit", self.group.clone());
        names.register("sent", "Attempts that were made", self.sent.clone());
        let fed = "Records of files and queues that were taken, or refused";
        names.register("feed_records", fed, self.fed.clone());
        names.register("http_requests", "Requests that were answered", self.requests.clone());
        names.register("http_seconds", "Time of a request", self.request_seconds.clone());
        names.register("waiting_events", "Events that wait", self.waiting.clone());
        names.register("tenants", "Tenants", self.tenants.clone());
        names.register("inbox_streams", "Open streams of letters", self.streams.clone());
        names.register("outbox_attempts", "Attempts that wait", self.outbox.clone());
        names.register("unflushed_states", "States only in the journal", self.unflushed.clone());
        names.register("store_bytes", "Bytes of the store's files", self.bytes.clone());
        self
    }

    pub(super) fn stored(&self, events: u64, duplicates: u64, attempts: u64) {
        self.events.inc_by(events);
        self.duplicates.inc_by(duplicates);
        self.attempts.inc_by(attempts);
    }

    pub(super) fn committed(&self, time: Duration, events: u64, well: bool) {
        self.commits.inc();
        if !well {
            self.failed_commits.inc();
        }
        self.commit_seconds.observe(time.as_secs_f64());
        self.group.observe(events as f64);
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.inc();
    }

    pub(super) fn fired(&self, timers: usize) {
        self.fired.inc_by(timers as u64);
    }

    pub(super) fn faults(&self, faults: u64) {
        self.faults.inc_by(faults);
    }

    /// A channel's name is the operator's, as only known channels are accepted.
    pub(super) fn sent(&self, channel: &str, outcome: &'static str) {
        self.sent.get_or_create(&Sent { channel: channel.to_owned(), outcome }).inc();
    }

    /// Records of a file or a queue.
    pub(super) fn fed(&self, source: &'static str, taken: u64, refused: u64) {
        for (outcome, many) in [("taken", taken), ("refused", refused)] {
            self.fed.get_or_create(&Fed { source, outcome }).inc_by(many);
        }
    }

    /// A request was answered; `route` is a template, never what was asked for.
    pub(super) fn observed(&self, route: &str, status: u16, millis: f64) {
        self.requests.get_or_create(&Request { route: route.to_owned(), status }).inc();
        self.request_seconds.observe(millis / 1_000.0);
    }

    /// Everything, with how things stand now.
    pub(super) fn text(&self, now: &Standing) -> String {
        self.waiting.set(now.waiting as i64);
        self.tenants.set(now.tenants as i64);
        self.streams.set(now.streams as i64);
        self.outbox.set(now.store.outbox);
        self.unflushed.set(now.store.unflushed);
        self.bytes.set(now.store.bytes);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// How things stand.
pub(super) struct Standing {
    pub(super) waiting: usize,
    pub(super) tenants: usize,
    pub(super) streams: usize,
    pub(super) store: crate::store::Size,
}
