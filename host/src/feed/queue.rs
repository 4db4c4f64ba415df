//! Messages from NATS JetStream: fetched by a durable consumer, handed over, and acknowledged once what they
//! say is stored. What is delivered again meanwhile is known by its place in the stream. The service runs
//! without the servers, too; they are looked for until they are there.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Config as Pull, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{self, AckKind, Message};
use async_nats::{ConnectOptions, Event};
use futures_core::Stream as _;
use tokio::task::JoinSet;

use super::message::{self, Subjects};
use super::{Backoff, Stop};
use crate::config::Feed as Config;
use crate::engine::event::Instant;
use crate::ingest::live::{Item, Received};
use crate::service::{Error, Service, TenantName};

/// Messages that are handed over together.
const GROUP: usize = 500;
/// Bytes of messages after which a group is full.
const GROUP_BYTES: usize = 4 << 20;
/// Bytes that the server may send ahead: any message fits into it.
const AHEAD_BYTES: usize = 64 << 20;
/// How long a message may take before the server delivers it again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// After so long the server is told that a message is still being worked on.
const PROGRESS: Duration = Duration::from_secs(10);
/// Messages that may wait for their acknowledgement, those of suspended tenants among them.
const MOST_PENDING: i64 = 20_000;
/// When a message of a suspended tenant is looked at again.
const LATER: Duration = Duration::from_secs(60);
/// How long the end of a session waits for acknowledgements.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Lines that make no sense and are told of a group; the others are counted.
const TOLD: usize = 10;

/// Why messages are not fetched now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the credentials cannot be used: {0}")]
    Credentials(std::io::Error),
    #[error("no server answers: {0}")]
    Connect(async_nats::ConnectError),
    #[error(
        "there is no stream {0:?}: create it, or name another in feed.nats_stream; it should have the \
         subjects {1:?}"
    )]
    NoStream(String, String),
    #[error(
        "the consumer {0:?} was made for something else ({1}): name another in feed.nats_durable, or \
         remove it"
    )]
    OtherConsumer(String, String),
    #[error("JetStream does not answer as it should: {0}")]
    JetStream(String),
}

fn jetstream(error: impl std::fmt::Display) -> Trouble {
    Trouble::JetStream(error.to_string())
}

/// Fetches messages until it is time to stop.
pub(super) async fn run(service: Service, config: Config, mut stop: Stop) {
    let mut backoff = Backoff::new();
    let mut said = String::new();
    while !stop.is_now() {
        let mut session =
            Session { service: &service, config: &config, stop: stop.clone(), fetched: false };
        let ended = session.run().await;
        if session.fetched {
            backoff = Backoff::new();
            said.clear();
        }
        if let Err(trouble) = ended {
            let trouble = trouble.to_string();
            if trouble != said {
                tracing::warn!("messages from NATS are not fetched: {trouble}; it is tried again");
                said = trouble;
            }
        }
        if !stop.pause(backoff.next()).await {
            return;
        }
    }
}

/// One connection.
struct Session<'a> {
    service: &'a Service,
    config: &'a Config,
    stop: Stop,
    /// Something came of it.
    fetched: bool,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<(), Trouble> {
        let mut stop = self.stop.clone();
        let Some(opened) = stop.unless(self.open()).await else { return Ok(()) };
        let (source, subjects, mut messages) = opened?;
        tracing::info!("messages are fetched from NATS");
        let mut acks: JoinSet<()> = JoinSet::new();
        let mut result = Ok(());
        loop {
            let group = match stop.unless(group(&mut messages)).await {
                Some(Ok(group)) => group,
                Some(Err(trouble)) => {
                    result = Err(trouble);
                    break;
                }
                None => break,
            };
            self.fetched = true;
            let work = self.take(&source, &subjects, group);
            let Some(settled) = stop.unless(work).await else { break };
            // Those of the group before: they are never more than two groups.
            while acks.join_next().await.is_some() {}
            for (message, kind) in settled {
                acks.spawn(settle(message, kind));
            }
        }
        let last = async { while acks.join_next().await.is_some() {} };
        // What is not acknowledged is delivered again, and known.
        let _ = tokio::time::timeout(LAST_WORDS, last).await;
        result
    }

    /// Connects; the stream as a source of ids, its subjects, and the messages.
    async fn open(&self) -> Result<(String, Subjects, Messages), Trouble> {
        let config = self.config;
        let subjects = Subjects::of(&config.nats_subject);
        let mut options = ConnectOptions::new().name("nudge").event_callback(|event| async move {
            match event {
                Event::Disconnected => tracing::warn!("the connection to NATS is lost"),
                Event::Connected => tracing::debug!("connected to NATS"),
                event => tracing::debug!("NATS: {event}"),
            }
        });
        if !config.nats_credentials.as_os_str().is_empty() {
            let file = config.nats_credentials.clone();
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
            let text = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            options =
                text.and_then(|text| options.credentials(&text)).map_err(Trouble::Credentials)?;
        }
        let servers: Vec<&str> = config.nats_url.split(',').map(str::trim).collect();
        let client = options.connect(servers).await.map_err(Trouble::Connect)?;
        let context = jetstream::new(client);
        let stream =
            context.get_stream(&config.nats_stream).await.map_err(|error| match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.code() == 404 => {
                    Trouble::NoStream(config.nats_stream.clone(), subjects.filter.clone())
                }
                _ => jetstream(error),
            })?;
        let wanted = Pull {
            durable_name: Some(config.nats_durable.clone()),
            description: Some("events for nudge".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MOST_PENDING,
            filter_subject: subjects.filter.clone(),
            ..Pull::default()
        };
        let consumer: PullConsumer =
            stream.get_or_create_consumer(&config.nats_durable, wanted).await.map_err(jetstream)?;
        let found = &consumer.cached_info().config;
        if found.filter_subject != subjects.filter || found.ack_policy != AckPolicy::Explicit {
            let (filter, policy) = (&found.filter_subject, found.ack_policy);
            let what = format!("it reads {filter:?} with acknowledgements {policy:?}");
            return Err(Trouble::OtherConsumer(config.nats_durable.clone(), what));
        }
        // A stream that is made anew counts from one again, and its messages are others.
        let made = stream.cached_info().created.unix_timestamp_nanos();
        let source = format!("nats:{}:{made}", config.nats_stream);
        let messages = consumer
            .stream()
            .max_messages_per_batch(GROUP)
            .max_bytes_per_batch(AHEAD_BYTES)
            .messages();
        Ok((source, subjects, messages.await.map_err(jetstream)?))
    }

    /// Hands a group over, each tenant's part by itself and all at a time; what to say of each message.
    async fn take(
        &self,
        source: &str,
        subjects: &Subjects,
        group: Vec<Message>,
    ) -> Vec<(Message, AckKind)> {
        let mut settled = Vec::with_capacity(group.len());
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        let mut told = 0;
        for message in group {
            let name = subjects.tenant(&message.subject).unwrap_or_default();
            if !parts.contains_key(name) {
                match self.service.taker(name) {
                    Ok(tenant) => drop(parts.insert(name.to_owned(), Part::of(tenant))),
                    Err(Error::Forbidden(_)) => {
                        settled.push((message, AckKind::Nak(Some(LATER))));
                        continue;
                    }
                    Err(error) => {
                        self.refused(&message, None, &error.to_string(), &mut told);
                        settled.push((message, AckKind::Term));
                        continue;
                    }
                }
            }
            let Some(part) = parts.get_mut(name) else { continue };
            let Some((sequence, received)) = self.received(&message) else { continue };
            let read = message::read(&message.payload, source, sequence, &received);
            for (line, reason) in &read.refused {
                self.refused(&message, Some(*line), reason, &mut told);
            }
            match read.items.is_empty() {
                // Nobody will ever understand it.
                true => settled.push((message, AckKind::Term)),
                false => {
                    part.items.extend(read.items);
                    part.messages.push(message);
                }
            }
        }
        if told > TOLD {
            tracing::warn!("and {} more lines of messages were refused", told - TOLD);
        }
        let mut work = JoinSet::new();
        for part in parts.into_values().filter(|part| !part.messages.is_empty()) {
            work.spawn(part.stored(self.service.clone()));
        }
        while let Some(done) = work.join_next().await {
            match done {
                Ok(done) => settled.extend(done),
                // Its messages are delivered again.
                Err(error) => tracing::error!("a task ended: {error}"),
            }
        }
        settled
    }

    /// The place of a message, and under what it was received: when it was published, it was fresh.
    fn received(&self, message: &Message) -> Option<(u64, Received)> {
        let now = self.service.received();
        match message.info() {
            Ok(info) => {
                let published = info.published.unix_timestamp_nanos() / 1_000_000;
                let published = Instant(i64::try_from(published).unwrap_or(i64::MAX));
                Some((info.stream_sequence, Received { now: published.min(now.now), ..now }))
            }
            Err(error) => {
                tracing::error!("NATS delivered a message without its place: {error}");
                None
            }
        }
    }

    fn refused(&self, message: &Message, line: Option<u64>, reason: &str, told: &mut usize) {
        self.service.counted("queue", 0, 1);
        *told += 1;
        if *told <= TOLD {
            let sequence = message.info().map_or(0, |info| info.stream_sequence);
            let line = line.unwrap_or(1);
            tracing::warn!("message {sequence} of the stream, line {line}, is refused: {reason}");
        }
    }
}

/// What a group has for a tenant.
struct Part {
    tenant: TenantName,
    items: Vec<Item>,
    messages: Vec<Message>,
}

impl Part {
    fn of(tenant: TenantName) -> Part {
        Part { tenant, items: Vec::new(), messages: Vec::new() }
    }

    /// Hands it over until it is stored; the order of a tenant's messages is kept.
    async fn stored(self, service: Service) -> Vec<(Message, AckKind)> {
        let mut backoff = Backoff::new();
        let mut said = false;
        let mut work = Box::pin(service.fetched(&self.tenant, &self.items));
        loop {
            let kind = match tokio::time::timeout(PROGRESS, &mut work).await {
                Ok(Ok(())) => {
                    service.counted("queue", self.items.len() as u64, 0);
                    AckKind::Ack
                }
                // Suspended or gone since: the next time it is known before.
                Ok(Err(Error::NotFound(_) | Error::Forbidden(_))) => AckKind::Nak(None),
                Ok(Err(error)) => {
                    if !service.is_stopping() && !std::mem::replace(&mut said, true) {
                        tracing::warn!("messages from NATS are not taken: {error}");
                    }
                    tokio::time::sleep(backoff.next().min(PROGRESS)).await;
                    work = Box::pin(service.fetched(&self.tenant, &self.items));
                    self.progress().await;
                    continue;
                }
                Err(_) => {
                    self.progress().await;
                    continue;
                }
            };
            drop(work);
            return self.messages.into_iter().map(|message| (message, kind)).collect();
        }
    }

    /// Has the server wait on.
    async fn progress(&self) {
        for message in &self.messages {
            if message.ack_with(AckKind::Progress).await.is_err() {
                // The session finds out.
                return;
            }
        }
    }
}

/// The next messages, as many as are there.
async fn group(messages: &mut Messages) -> Result<Vec<Message>, Trouble> {
    let ended = || jetstream("the messages have ended");
    let first = poll_fn(|cx| Pin::new(&mut *messages).poll_next(cx)).await;
    let mut group = vec![first.ok_or_else(ended)?.map_err(jetstream)?];
    let mut bytes = 0;
    while group.len() < GROUP && bytes < GROUP_BYTES {
        let next = poll_fn(|cx| match Pin::new(&mut *messages).poll_next(cx) {
            std::task::Poll::Ready(next) => std::task::Poll::Ready(Some(next)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        });
        match next.await {
            Some(Some(Ok(message))) => {
                bytes += message.payload.len();
                group.push(message);
            }
            // What is there is worth more than the trouble behind it, which comes again or ends it.
            Some(Some(Err(error))) => {
                tracing::debug!("NATS: {error}");
                break;
            }
            Some(None) | None => break,
        }
    }
    Ok(group)
}

/// Tells the server what became of a message, and has it say that it has heard.
async fn settle(message: Message, kind: AckKind) {
    if let Err(error) = message.double_ack_with(kind).await {
        tracing::debug!("a message of NATS was not settled, and is delivered again: {error}");
    }
}
