//! The service: tenants, their strategies at work, events in and messages out, nothing acknowledged that
//! is not durable. It knows no HTTP: `api` translates, and whoever embeds it may call it directly.
//!
//! A tenant has a lane (`lane`), through which all that happens to its users goes in batches: `batch`
//! evaluates one, `group` makes whatever is ready durable in one commit and only then tells anybody.
//! `core` knows whose turn it is, whose timer has fired and what is to be sent; it has no thread. `run` has
//! the threads, and the simulator in `simulate` drives the same core by hand.

/// Something that keeps a thread busy, done where that holds up nobody.
macro_rules! blocking {
    ($self:ident, $($name:ident = $value:expr),*; $core:ident => $body:expr) => {{
        let $core = Arc::clone(&$self.0);
        $(let $name = $value;)*
        match tokio::task::spawn_blocking(move || $body).await {
            Ok(answer) => answer,
            Err(error) => Err(Error::Unavailable(format!("a task ended: {error}"))),
        }
    }};
}

mod audience;
mod batch;
mod book;
mod campaigns;
mod chain;
mod channels;
mod core;
mod error;
mod explain;
mod faults;
mod feed;
mod forget;
mod group;
mod groups;
mod keys;
mod lane;
mod lift;
mod lines;
mod mailboxes;
mod manage;
mod memory;
mod meter;
mod person;
mod policies;
mod rate;
mod reach;
mod release;
mod report;
mod retime;
mod rows;
mod run;
mod runner;
mod seal;
mod send;
#[cfg(test)]
pub(crate) mod simulate;
mod standing;
pub mod story;
mod streams;
mod tally;
mod tenants;
#[cfg(test)]
mod tests;
mod ticket;
mod token;
mod track;
mod users;
mod verify;
mod who;
mod window;
pub mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::core::{Core, Parts};
pub use self::error::Error;
pub use self::feed::{END, Portion, Waiting};
pub use self::lift::Lift;
pub use self::lines::is_nobodys;
pub use self::mailboxes::{ContentFile, NewContent};
pub use self::person::WantedAttempts;
pub use self::reach::{Followed, Report};
pub use self::run::Running;
pub use self::streams::Subscription;
pub use self::track::is_machine;
pub use self::verify::{Proving, prove};
use crate::channel::{Channel, Channels, Log};
use crate::clock::{Clock, System};
use crate::config::Config;
use crate::engine::event::{Instant, Millis};
use crate::ingest::live::{self, Item, Received};
use crate::sandbox::Sandbox;
use crate::store::Store;
use lane::Overflow;
use ticket::{Failed, Ticket};
use words::KeyScope;

/// A tenant's name, as the book has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(Arc<str>);

impl TenantName {
    fn known(name: &str) -> TenantName {
        TenantName(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asks, by their key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose key it is; none for an admin's.
    pub tenant: Option<TenantName>,
    /// What it lets them do.
    pub scope: KeyScope,
    /// Its public part.
    pub key: String,
}

/// A user's device, by its token.
#[derive(Clone, Debug)]
pub struct Device {
    /// The tenant.
    pub tenant: TenantName,
    /// The user.
    pub user: Arc<str>,
}

/// The limits that the HTTP interface keeps.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// Connections open at once.
    pub connections: usize,
    /// How long requests under way are given at the end.
    pub drain: Duration,
    /// Bytes of a component.
    pub component_bytes: usize,
    /// Bytes of an import.
    pub import_bytes: u64,
}

/// The service. Cheap to clone: clones are one service.
#[derive(Clone)]
pub struct Service(Arc<Core>);

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("tenants", &self.0.lanes().len()).finish_non_exhaustive()
    }
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// What a service is made of, beside its configuration.
pub struct Builder {
    store: Arc<dyn Store>,
    sandbox: Sandbox,
    clock: Arc<dyn Clock>,
    channels: Channels,
}

impl Builder {
    /// A service over a store, on the machine's clock, with the channels `app` and `log`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, sandbox: Sandbox) -> Builder {
        let mut channels = Channels::default();
        channels.add(Log);
        Builder { store, sandbox, clock: Arc::new(System), channels }
    }

    /// Lets it go by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Builder {
        self.clock = clock;
        self
    }

    /// Adds a channel; one of the same name makes way for it.
    #[must_use]
    pub fn with_channel(mut self, channel: impl Channel + 'static) -> Builder {
        self.channels.add(channel);
        self
    }

    /// Opens the service where the store left off. It does nothing until it is run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn open(self, config: Config) -> Result<Service, Error> {
        let Builder { store, sandbox, clock, channels } = self;
        Ok(Service(Arc::new(Core::open(Parts { store, clock, sandbox, channels, config })?)))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Service {
    /// A new key to keep tenants' secrets with, as a line of the file that `secrets.key_file` names.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn new_secrets_key() -> Result<String, Error> {
        seal::Sealer::new_key()
    }

    /// An admin key, if there is none so far. It is never shown again.
    ///
    /// # Errors
    ///
    /// If it cannot be made or kept.
    pub fn first_key(&self) -> Result<Option<String>, Error> {
        self.0.first_key()
    }

    /// Another admin key. It is never shown again.
    ///
    /// # Errors
    ///
    /// If it cannot be made or kept.
    pub fn new_admin_key(&self) -> Result<String, Error> {
        self.0.new_admin_key()
    }

    /// Takes nothing more: the beginning of a stop.
    pub fn stop_taking(&self) {
        self.0.stopping.store(true, std::sync::atomic::Ordering::SeqCst);
        self.0.streams.stop();
    }

    /// Whether it takes nothing more, as it was told to or as its data belong to somebody else.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Who asks, from an `Authorization` header.
    ///
    /// # Errors
    ///
    /// If there is no key, or none that is known, or its tenant is suspended.
    pub fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Error> {
        const NONE: &str =
            "this is no key: send one as `Authorization: Bearer nk_…`, or as the user of Basic";
        let presented = match authorization {
            Some(header) => {
                Some(keys::from_authorization(header).ok_or(Error::Unauthorized(NONE))?)
            }
            None => None,
        };
        self.0.caller(presented)
    }

    /// Who asks, from a key alone.
    ///
    /// # Errors
    ///
    /// As for [`Service::authenticate`].
    pub fn authenticate_key(&self, key: &str) -> Result<Caller, Error> {
        self.0.caller(keys::Presented::parse(key))
    }

    /// Whose device it is, from a user token.
    ///
    /// # Errors
    ///
    /// If the token is not valid, or no longer.
    pub fn device(&self, token: &str) -> Result<Device, Error> {
        self.0.device(token)
    }

    /// How calls are understood at this moment.
    #[must_use]
    pub fn received(&self) -> Received {
        let ingest = &self.0.config.ingest;
        let limits = live::Limits {
            item_bytes: ingest.item_bytes,
            items: ingest.batch_items,
            body_bytes: ingest.batch_bytes,
            ..live::Limits::default()
        };
        Received { now: self.0.clock.now(), limits }
    }

    /// Takes what a sender said. When it returns, all of it is durable and decided upon; of what is older
    /// than the configuration's `historical_after`, nothing is sent.
    ///
    /// # Errors
    ///
    /// If it is over a limit, or cannot be stored. Some of it may have been by then: to send the same
    /// again is safe where it has message ids.
    pub async fn ingest(&self, tenant: &TenantName, items: Vec<Item>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let old = millis(self.0.config.ingest.historical_after);
        self.take(tenant, items, |item| now.since(item.at) > old, true).await
    }

    /// Takes a record of the past: it says where users are, and nobody is messaged about what it shows
    /// to have stalled by now. Waits for its turn rather than be turned away.
    ///
    /// # Errors
    ///
    /// If it cannot be stored; see [`Service::ingest`].
    pub async fn import(&self, tenant: &TenantName, items: Vec<Item>) -> Result<(), Error> {
        loop {
            match self.take(tenant, items.clone(), |_| true, false).await {
                Err(Error::TooMany { after_ms, .. }) => {
                    tokio::time::sleep(Duration::from_millis(after_ms.min(200))).await;
                }
                answer => return answer,
            }
        }
    }

    async fn take(
        &self,
        tenant: &TenantName,
        items: Vec<Item>,
        history: impl Fn(&Item) -> bool,
        rated: bool,
    ) -> Result<(), Error> {
        if items.is_empty() {
            return Ok(());
        }
        let core = &self.0;
        if core.is_stopping() {
            return Err(Error::Unavailable("the service is stopping".to_owned()));
        }
        let lane = core.lane(tenant).ok_or_else(|| release::no_tenant(tenant))?;
        let (ticket, answer) = Ticket::new(items.len());
        let sized = items.into_iter().map(|item| (ticket::weight(&item), item));
        let sized = sized.map(|(bytes, item)| (item, bytes)).collect();
        lane.offer(sized, history, &ticket, core.clock.now(), rated).map_err(|overflow| {
            core.meter.turned_away();
            match overflow {
                Overflow::Queue => Error::TooMany {
                    reason: "more events of the tenant are waiting than may",
                    after_ms: 1_000,
                },
                Overflow::Rate(wait) => Error::TooMany {
                    reason: "the tenant sends more events than it may",
                    after_ms: wait.0,
                },
            }
        })?;
        drop(ticket);
        self.wait(answer).await
    }

    async fn wait(&self, answer: ticket::Answer) -> Result<(), Error> {
        self.0.bell.ring();
        match tokio::time::timeout(self.0.config.ingest.ack_timeout, answer).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(Failed::Full(reason)))) => Err(Error::Full(reason)),
            Ok(Ok(Err(Failed::Unavailable(reason)))) => Err(Error::Unavailable(reason)),
            Ok(Err(_)) => Err(Error::Unavailable("the service stopped".to_owned())),
            Err(_) => Err(Error::Unavailable("it has not been stored in time".to_owned())),
        }
    }

    /// Whether it takes events; if not, why.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        if self.0.is_stopping() {
            return Err("stopping".to_owned());
        }
        self.0.trouble().map_or(Ok(()), Err)
    }

    /// What it counts, as Prometheus reads it.
    #[must_use]
    pub fn metrics(&self) -> String {
        let lanes = self.0.lanes();
        self.0.meter.text(&meter::Standing {
            waiting: lanes.iter().map(|lane| lane.waiting()).sum(),
            tenants: lanes.len(),
            streams: self.0.streams.count(),
            store: self.0.store.size().unwrap_or_default(),
        })
    }

    /// A request was answered; `route` is its template.
    pub fn observed(&self, route: &str, status: u16, millis: f64) {
        self.0.meter.observed(route, status, millis);
    }

    /// The limits that the HTTP interface keeps.
    #[must_use]
    pub fn http_limits(&self) -> HttpLimits {
        let config = &self.0.config;
        HttpLimits {
            request_timeout: config.http.request_timeout,
            header_timeout: config.http.header_timeout,
            connections: config.http.connections,
            drain: config.http.drain,
            component_bytes: config.policies.component_bytes,
            import_bytes: config.ingest.import_bytes as u64,
        }
    }

    /// The present moment, by the service's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }
}
