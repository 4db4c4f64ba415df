//! The keys that there are: what each may be, and why not less. A table and look-ups in it; a test holds it
//! against `default.toml`, and reading the default holds that against the typed sections.

use std::time::Duration;

use super::nearest::nearest;

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its section; empty for keys outside of all.
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a key may be. `why` is the reason for the lower bound.
#[derive(Debug)]
pub(super) enum Kind {
    /// A path in the file system.
    Path,
    /// Empty, or a path in the file system.
    PathOrNone,
    /// Spans of time with spaces between; none is fine.
    Spans,
    /// Networks with spaces between; none is fine.
    Networks,
    /// An IP address and a port.
    Address,
    /// Empty, or an IP address and a port.
    AddressOrNone,
    /// Empty, or the name of a host.
    Domain,
    /// Empty, or where something is reached over HTTP.
    Url,
    /// Empty, or servers of a message queue with commas between.
    Servers,
    /// Subjects of a message queue, one of whose tokens is `{tenant}`.
    Subject,
    /// A name that a message queue takes for a stream or a consumer.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Count { least: u64, most: u64, why: &'static str },
    /// A size.
    Bytes { least: u64, most: u64, why: &'static str },
    /// A span of time.
    Span { least: Duration, most: Duration, why: &'static str },
}

impl Key {
    /// The name in full, as people say it: `ingest.rate`, `data`.
    pub(super) fn path(&self) -> String {
        match self.section {
            "" => self.name.to_owned(),
            section => format!("{section}.{}", self.name),
        }
    }

    /// The variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("NUDGE_{}", self.path().replace('.', "_").to_ascii_uppercase())
    }
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn key(section: &'static str, name: &'static str, kind: Kind) -> Key {
    Key { section, name, kind }
}

const fn count(least: u64, most: u64, why: &'static str) -> Kind {
    Kind::Count { least, most, why }
}

const fn bytes(least: u64, most: u64, why: &'static str) -> Kind {
    Kind::Bytes { least, most, why }
}

const fn days(least: u32, most: u32, why: &'static str) -> Kind {
    Kind::Span { least: DAY.saturating_mul(least), most: DAY.saturating_mul(most), why }
}

const fn span(least: Duration, most: Duration, why: &'static str) -> Kind {
    Kind::Span { least, most, why }
}

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
const FORMATS: &[&str] = &["text", "json"];

/// Every key, in the order of `default.toml`. Upper bounds only keep slips of the finger out.
pub(super) static KEYS: &[Key] = &[
    key("", "data", Kind::Path),
    key("", "listen", Kind::Address),
    key("", "public_url", Kind::Url),
    key("log", "level", Kind::Word(LEVELS)),
    key("log", "format", Kind::Word(FORMATS)),
    key("ingest", "queue_events", count(1, 100_000_000, "a queue without room takes nothing")),
    key("ingest", "queue_bytes", bytes(64 * KIB, 64 * GIB, "a queue without room takes nothing")),
    key("ingest", "rate", count(1, 100_000_000, "a tenant that may send nothing is suspended")),
    key("ingest", "burst", count(1, 1_000_000_000, "without it not even one event is let in")),
    key("ingest", "batch_items", count(1, 1_000_000, "a batch has at least one item")),
    key("ingest", "batch_bytes", bytes(KIB, GIB, "an event would not fit")),
    key("ingest", "item_bytes", bytes(KIB, 64 * MIB, "an event would not fit")),
    key("ingest", "import_bytes", bytes(KIB, 1024 * GIB, "an event would not fit")),
    key("ingest", "historical_after", span(MINUTE, DAY.saturating_mul(365), LATE)),
    key("ingest", "dedup_window", span(MINUTE, DAY.saturating_mul(365), AGAIN)),
    key("ingest", "dedup_ids", count(1_000, 1_000_000_000, AGAIN)),
    key("ingest", "ack_timeout", span(MS.saturating_mul(100), HOUR, "a disk takes some time")),
    key("feed", "folder", Kind::PathOrNone),
    key("feed", "every", span(MS.saturating_mul(100), DAY, "it would be looked at all the time")),
    key("feed", "settle", span(Duration::ZERO, DAY, "")),
    key("feed", "nats_url", Kind::Servers),
    key("feed", "nats_credentials", Kind::PathOrNone),
    key("feed", "nats_stream", Kind::Name),
    key("feed", "nats_subject", Kind::Subject),
    key("feed", "nats_durable", Kind::Name),
    key("engine", "threads", count(0, 1_024, "")),
    key("engine", "batch", count(1, 1_000_000, "the engine would take no events at all")),
    key("engine", "cached_states", count(1, 1_000_000_000, "the user at hand has a state")),
    key("policies", "most", count(1, 1_000_000, "a strategy has at least one policy")),
    key("policies", "component_bytes", bytes(KIB, GIB, "no component is so small")),
    key("policies", "compile_time", span(SECOND, HOUR, "no component is compiled so quickly")),
    key("policies", "compile_memory", bytes(64 * MIB, 1024 * GIB, "the compiler needs more")),
    key("policies", "fault_limit", count(1, 1_000_000, "a release would be off before it faults")),
    key("policies", "fault_window", span(SECOND, DAY.saturating_mul(30), "no fault would count")),
    key("store", "flush_users", count(1, 100_000_000, "nothing would ever be written")),
    key("store", "log_retention", days(1, 36_500, "what is under way needs its past")),
    key("store", "message_retention", days(1, 36_500, "answers come hours later")),
    key("delivery", "concurrency", count(1, 100_000, "no message would go out")),
    key("delivery", "per_tenant", count(1, 100_000, "no message would go out")),
    key("delivery", "per_channel", count(1, 100_000, "no message would go out")),
    key("delivery", "lease", span(SECOND, HOUR, "every message would be sent twice")),
    key("delivery", "timeout", span(MS.saturating_mul(100), HOUR, "no provider is so quick")),
    key("delivery", "retries", Kind::Spans),
    key("delivery", "allow_networks", Kind::Networks),
    key("secrets", "key_file", Kind::PathOrNone),
    key("inbox", "token_life", span(MINUTE, DAY.saturating_mul(30), "clocks differ by seconds")),
    key("inbox", "most_streams", count(0, 10_000_000, "")),
    key("mailbox", "listen", Kind::AddressOrNone),
    key("mailbox", "domain", Kind::Domain),
    key("mailbox", "message_bytes", bytes(KIB, GIB, "no mail is so small")),
    key("mailbox", "connections", count(1, 100_000, "nobody would be let in")),
    key("mailbox", "per_address", count(1, 100_000, "nobody would be let in")),
    key("mailbox", "timeout", span(MS.saturating_mul(100), HOUR, "honest senders would fail")),
    key("mailbox", "contents", count(1, 1_000, "nothing would be kept")),
    key("mailbox", "tenant_bytes", bytes(KIB, 1024 * GIB, "nothing would be kept")),
    key("http", "request_timeout", span(SECOND, HOUR, "honest requests would fail")),
    key("http", "header_timeout", span(SECOND, HOUR, "honest requests would fail")),
    key("http", "connections", count(1, 10_000_000, "nobody would be let in")),
    key("http", "drain", span(Duration::ZERO, HOUR, "")),
];

const LATE: &str = "every event is some seconds old when it arrives";
const AGAIN: &str = "an event that is sent again would count twice";

/// The key of that name in that section.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The key that a variable sets.
pub(super) fn by_variable(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.variable() == name)
}

/// Whether there is such a section.
pub(super) fn is_section(name: &str) -> bool {
    !name.is_empty() && KEYS.iter().any(|key| key.section == name)
}

/// The key that somebody meant by a name in a section: one with a similar name there, or one of this very
/// or a similar name elsewhere.
pub(super) fn meant(section: &str, name: &str) -> Option<String> {
    let here = KEYS.iter().filter(|key| key.section == section);
    let elsewhere = KEYS.iter().filter(|key| key.section != section);
    let near = |keys: Vec<&'static Key>| {
        let (found, _) = nearest(name, keys.iter().map(|key| key.name))?;
        keys.iter().find(|key| key.name == found).map(|key| key.path())
    };
    near(here.collect()).or_else(|| near(elsewhere.collect()))
}

/// The section that somebody meant.
pub(super) fn meant_section(name: &str) -> Option<&'static str> {
    let sections = KEYS.iter().map(|key| key.section).filter(|section| !section.is_empty());
    nearest(name, sections).map(|(section, _)| section)
}

/// The variable that somebody meant.
pub(super) fn meant_variable(name: &str) -> Option<String> {
    let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
    nearest(name, names.iter().map(String::as_str)).map(|(name, _)| name.to_owned())
}
