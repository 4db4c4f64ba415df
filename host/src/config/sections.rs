//! The configuration as the rest of the service sees it: plain numbers, sizes and spans of time. Only
//! types; what a key may be is in `known`, what it is by default in `default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::units::{address, bytes, span, spans, words};

/// The service's configuration, as the layers settled it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory that holds everything.
    pub data: PathBuf,
    /// Where the service answers.
    pub listen: SocketAddr,
    /// How the service is reached from outside, without a slash at the end; empty if nobody said.
    pub public_url: String,
    /// What the service says about itself.
    pub log: Log,
    /// How events come in.
    pub ingest: Ingest,
    /// Where events are fetched from.
    pub feed: Feed,
    /// How events are worked through.
    pub engine: Engine,
    /// What policies may cost.
    pub policies: Policies,
    /// What is kept.
    pub store: Store,
    /// How messages go out.
    pub delivery: Delivery,
    /// What keeps tenants' secrets secret.
    pub secrets: Secrets,
    /// Messages inside the app.
    pub inbox: Inbox,
    /// Mail that comes in.
    pub mailbox: Mailbox,
    /// The HTTP server.
    pub http: Http,
    /// The same as a file, with where each value comes from.
    #[serde(skip)]
    pub(super) effective: String,
}

/// What the service says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How much.
    pub level: Level,
    /// How.
    pub format: Format,
}

/// How much the service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

impl Level {
    /// The level in a word, as filters of logs know it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// How the service says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How events come in; each limit is per tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Events that may wait for the engine.
    pub queue_events: usize,
    /// Bytes of events that may wait for the engine.
    #[serde(with = "bytes")]
    pub queue_bytes: usize,
    /// Events a second in the long run.
    pub rate: u64,
    /// Events at once after a pause.
    pub burst: u64,
    /// Items in a batch.
    pub batch_items: usize,
    /// Bytes of a batch.
    #[serde(with = "bytes")]
    pub batch_bytes: usize,
    /// Bytes of an item or a line.
    #[serde(with = "bytes")]
    pub item_bytes: usize,
    /// Bytes of an import.
    #[serde(with = "bytes")]
    pub import_bytes: usize,
    /// An older event is history and fires nothing.
    #[serde(with = "span")]
    pub historical_after: Duration,
    /// How long an event's id is remembered.
    #[serde(with = "span")]
    pub dedup_window: Duration,
    /// Ids that are remembered at most.
    pub dedup_ids: usize,
    /// How long a sender waits for its events to be safe.
    #[serde(with = "span")]
    pub ack_timeout: Duration,
}

/// Where events are fetched from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// The folder that is watched, with one below for each tenant; empty if none is.
    pub folder: PathBuf,
    /// How often it is looked at.
    #[serde(with = "span")]
    pub every: Duration,
    /// How long a file has not changed when it is finished.
    #[serde(with = "span")]
    pub settle: Duration,
    /// The NATS servers, with commas between; empty if there is none.
    pub nats_url: String,
    /// The file with the credentials for them; empty if none are needed.
    pub nats_credentials: PathBuf,
    /// The stream that holds the messages.
    pub nats_stream: String,
    /// Which subjects of it, and which of their tokens is the tenant.
    pub nats_subject: String,
    /// The name of the durable consumer.
    pub nats_durable: String,
}

/// How events are worked through.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Threads that decide; 0 is one for each processor.
    pub threads: usize,
    /// Events of one tenant taken at once.
    pub batch: usize,
    /// States of users kept in memory.
    pub cached_states: usize,
}

/// What policies may cost, and when one is switched off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// Components per tenant.
    pub most: usize,
    /// Bytes of a component.
    #[serde(with = "bytes")]
    pub component_bytes: usize,
    /// How long compiling one may take.
    #[serde(with = "span")]
    pub compile_time: Duration,
    /// Bytes of memory that compiling one may take.
    #[serde(with = "bytes")]
    pub compile_memory: u64,
    /// Faults within the window after which a release is switched off.
    pub fault_limit: u32,
    /// The window in which faults are counted.
    #[serde(with = "span")]
    pub fault_window: Duration,
}

/// What is kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Users whose states are written together.
    pub flush_users: usize,
    /// How long events and decisions are kept.
    #[serde(with = "span")]
    pub log_retention: Duration,
    /// How long messages are kept.
    #[serde(with = "span")]
    pub message_retention: Duration,
}

/// How messages go out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Messages under way at once.
    pub concurrency: usize,
    /// Messages of one tenant under way at once.
    pub per_tenant: usize,
    /// Messages of one channel of a tenant under way at once, if nothing is set for it.
    pub per_channel: usize,
    /// How long one worker has a message to itself.
    #[serde(with = "span")]
    pub lease: Duration,
    /// How long a try may take.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// How long to wait from try to try.
    #[serde(with = "spans")]
    pub retries: Vec<Duration>,
    /// Networks of the operator's own that channels may reach all the same.
    #[serde(with = "words")]
    pub allow_networks: Vec<String>,
}

/// What keeps tenants' secrets secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The file with the operator's keys; empty if there is none.
    pub key_file: PathBuf,
}

/// Messages inside the app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// How long a user's token is good.
    #[serde(with = "span")]
    pub token_life: Duration,
    /// Open streams, over all users.
    pub most_streams: usize,
}

/// Mail that comes in, and what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Where mail is taken; none if it is not.
    #[serde(with = "address")]
    pub listen: Option<SocketAddr>,
    /// What the addresses end with; empty if nobody said.
    pub domain: String,
    /// Bytes of a mail or an upload.
    #[serde(with = "bytes")]
    pub message_bytes: usize,
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one address.
    pub per_address: usize,
    /// How long a sender may take for one line.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// Contents of a mailbox.
    pub contents: usize,
    /// Bytes of a tenant's contents.
    #[serde(with = "bytes")]
    pub tenant_bytes: u64,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// How long a request may take.
    #[serde(with = "span")]
    pub request_timeout: Duration,
    /// How long a request's head may take.
    #[serde(with = "span")]
    pub header_timeout: Duration,
    /// Connections open at once.
    pub connections: usize,
    /// How long requests under way are given at the end.
    #[serde(with = "span")]
    pub drain: Duration,
}
