//! What the tests stand on: a service with the tenant `acme`, driven step by step, and things to say to it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::channel::{Channel, Channels, Dispatch, Outcome, Sending};
use crate::clock::{Clock, Manual};
use crate::config::{Config, Overrides};
use crate::engine::event::{Fields, Instant, Millis, Value, What};
use crate::engine::{Outgoing, State};
use crate::ingest::live::{Deed, Item, MessageId, Who};
use crate::service::batch::{self, Evaluated};
use crate::service::core::{Core, Parts};
use crate::service::lane::{Lane, Overflow, lock};
use crate::service::send::Ready;
use crate::service::simulate::faulty::{Fate, Faulty};
use crate::service::simulate::sandbox;
use crate::service::ticket::{Answer, Failed, Ticket};
use crate::service::words::{LetterInfo, NewTenant, ReleaseStatus};
use crate::service::{Service, TenantName, group};
use crate::store::sqlite::{Options, Sqlite, Synchronous};
use crate::store::{Store, UserKey};

pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// A strategy with these nodes in the process, which lead to `done`, each with its threshold. Who stalls
/// finds a letter in the app.
pub(super) fn strategy(nodes: &[(&str, &str)]) -> String {
    let node = |(name, threshold): &(&str, &str)| {
        format!("{name} = {{ threshold = \"{threshold}\", pending = \"done\" }}\n")
    };
    let nodes: String = nodes.iter().map(node).collect();
    format!(
        r#"
        [[policy]]
        use = "dwell"
        [policy.settings.nodes]
        {nodes}
        done = {{ behaviour = "thank" }}
        [policy.settings.behaviours]
        thank = {{ message = "thank" }}
        [[channel]]
        name = "app"
        [messages.thank.default]
        title = "Thank you"
        body = "Come again."
        "#
    )
}

/// The same, with messages that wait for hours on the channel `log` and then try the app.
pub(super) fn patient(nodes: &[(&str, &str)]) -> String {
    let cascade = r#"
        [[policy]]
        use = "cascade"
        [policy.settings.strategies.default]
        channels = ["log", "app"]
        wait = "2h"
        received = "opened"
        [[channel]]
        name = "log"
        [[channel]]"#;
    strategy(nodes).replacen("[[channel]]", cascade, 1)
}

/// Takes everything unless it is told otherwise, and remembers what it was given.
#[derive(Clone, Default)]
struct Post {
    given: Arc<Mutex<Vec<Outgoing>>>,
    answers: Arc<Mutex<VecDeque<Outcome>>>,
}

impl Channel for Post {
    fn name(&self) -> &str {
        "log"
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        lock(&self.given).push(dispatch.outgoing.clone());
        let answer = lock(&self.answers).pop_front();
        Box::pin(std::future::ready(answer.unwrap_or(Outcome::ACCEPTED)))
    }
}

pub(super) struct Stand {
    pub(super) service: Service,
    pub(super) store: Arc<Faulty>,
    pub(super) clock: Arc<Manual>,
    /// What the channel `log` was given.
    pub(super) post: Arc<Mutex<Vec<Outgoing>>>,
    /// What it says next, before it takes everything.
    pub(super) answers: Arc<Mutex<VecDeque<Outcome>>>,
    pub(super) ready: Vec<Evaluated>,
    data: PathBuf,
    config: String,
    _folder: tempfile::TempDir,
}

pub(super) fn acme() -> TenantName {
    TenantName::known("acme")
}

fn open(data: &Path, config: &str, clock: &Arc<Manual>, post: &Post) -> (Service, Arc<Faulty>) {
    let options = Options { synchronous: Synchronous::Off, ..Options::default() };
    let store = Arc::new(Faulty::new(Arc::new(Sqlite::open(data, options).unwrap())));
    let text = format!("[engine]\nthreads = 1\n{config}");
    let file = Some((Path::new("test.toml"), text.as_str()));
    let config = Config::load(file, std::iter::empty(), &Overrides::default()).unwrap();
    let mut channels = Channels::default();
    channels.add(post.clone());
    let (shared, clock): (Arc<dyn Store>, Arc<dyn Clock>) = (store.clone(), clock.clone());
    let core = Core::open(Parts { store: shared, clock, sandbox: sandbox(), channels, config });
    (Service(Arc::new(core.unwrap())), store)
}

impl Stand {
    pub(super) fn new() -> Stand {
        Stand::with("")
    }

    /// With these lines of configuration.
    pub(super) fn with(config: &str) -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let clock = Arc::new(Manual::new(Instant(1_790_000_000_000)));
        let post = Post::default();
        let (service, store) = open(&data, config, &clock, &post);
        service.0.create_tenant(&NewTenant { name: "acme".to_owned() }).unwrap();
        let (config, Post { given: post, answers }) = (config.to_owned(), post);
        let ready = Vec::new();
        Stand { service, store, clock, post, answers, ready, data, config, _folder: folder }
    }

    /// With this strategy at work.
    pub(super) fn of(strategy: &str) -> Stand {
        let stand = Stand::new();
        stand.puts_to_work(strategy);
        stand
    }

    /// The service ends, and another one finds what is on the disk.
    pub(super) fn restarts(self) -> Stand {
        let Stand { service, store, clock, post, answers, ready, data, config, _folder } = self;
        drop((service, store, ready));
        let posts = Post { given: Arc::clone(&post), answers: Arc::clone(&answers) };
        let (service, store) = open(&data, &config, &clock, &posts);
        let ready = Vec::new();
        Stand { service, store, clock, post, answers, ready, data, config, _folder }
    }

    pub(super) fn core(&self) -> &Core {
        &self.service.0
    }

    pub(super) fn lane(&self) -> Arc<Lane> {
        self.core().lane(&acme()).unwrap()
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Proposes a strategy and puts it to work; the number of the release.
    pub(super) fn puts_to_work(&self, strategy: &str) -> u64 {
        let release = self.core().propose(&acme(), strategy).unwrap();
        self.core().activate(&acme(), release.number).unwrap();
        release.number
    }

    /// How the releases stand, oldest first.
    pub(super) fn standing(&self) -> Vec<ReleaseStatus> {
        let releases = self.core().releases(&acme()).unwrap();
        releases.iter().rev().map(|release| release.status).collect()
    }

    /// Items wait in the lane, as they come from a sender.
    pub(super) fn offers(&self, items: Vec<Item>) -> Result<Answer, Overflow> {
        let now = self.now();
        self.offers_as(items, |item| now.since(item.at) > Millis(24 * HOUR), true)
    }

    fn offers_as(
        &self,
        items: Vec<Item>,
        history: impl Fn(&Item) -> bool,
        rated: bool,
    ) -> Result<Answer, Overflow> {
        let (ticket, answer) = Ticket::new(items.len());
        let items = items.into_iter().map(|item| (item, 1)).collect();
        self.lane().offer(items, history, &ticket, self.now(), rated)?;
        Ok(answer)
    }

    /// Evaluates one batch, if one waits.
    pub(super) fn evaluates(&mut self) -> bool {
        let core = &self.service.0;
        let Some((lane, inputs)) = core.next_batch() else { return false };
        let evaluated = batch::evaluate(core, &lane, inputs);
        core.evaluated();
        match evaluated {
            Some(evaluated) => {
                lane.evaluated(1, evaluated.then.faults.len(), core.clock.now());
                self.ready.push(evaluated);
            }
            None => lane.not_evaluated(),
        }
        true
    }

    /// Commits all that was evaluated.
    pub(super) fn commits(&mut self, fate: Fate) {
        *lock(&self.store.fate) = fate;
        group::commit(&self.service.0, std::mem::take(&mut self.ready));
        *lock(&self.store.fate) = Fate::Stored;
    }

    /// Works off what waits in the lanes, however long one of them rests.
    pub(super) fn works(&mut self) {
        for _ in 0..10_000 {
            while self.evaluates() {
                self.commits(Fate::Stored);
            }
            if self.core().is_idle() {
                return;
            }
            self.clock.advance(Millis(1));
        }
        panic!("the work has no end");
    }

    /// All timers that are due fire, and everything that is to be sent is.
    pub(super) fn settles(&mut self) {
        loop {
            self.works();
            let fired = self.core().fire().unwrap();
            let sent = self.sends();
            if fired + sent == 0 {
                return;
            }
        }
    }

    /// Makes all attempts that wait.
    pub(super) fn sends(&mut self) -> usize {
        let (ready, _) = self.core().round().unwrap();
        let many = ready.len();
        ready.into_iter().for_each(|ready| self.makes(ready));
        many
    }

    pub(super) fn makes(&self, ready: Ready) {
        let made = run(self.core().attempt(ready));
        self.core().settle(vec![made]).unwrap();
    }

    /// Everybody's deadline is found anew, and releases that keep faulting are replaced.
    pub(super) fn does_chores(&mut self) {
        for _ in 0..100 {
            let replaced = self.core().replace_failing();
            let going = self.core().retime().unwrap();
            self.settles();
            if !replaced && !going {
                return;
            }
        }
        panic!("the chores have no end");
    }

    /// A sender says something, and is told that it is safe.
    pub(super) fn hears(&mut self, items: Vec<Item>) {
        let answer = self.offers(items).unwrap();
        self.settles();
        told(answer).unwrap();
    }

    /// A sender brings history.
    pub(super) fn imports(&mut self, items: Vec<Item>) {
        let answer = self.offers_as(items, |_| true, false).unwrap();
        self.settles();
        told(answer).unwrap();
    }

    /// Time passes, and what is due happens.
    pub(super) fn waits(&mut self, millis: u64) {
        self.clock.advance(Millis(millis));
        self.settles();
    }

    pub(super) fn letters(&self, user: &str) -> Vec<LetterInfo> {
        let token = self.core().issue_token(&acme(), user).unwrap().token;
        let device = self.core().device(&token).unwrap();
        self.core().letters(&device, Some(0), 100).unwrap()
    }

    /// The state under this very name.
    pub(super) fn state(&self, user: &str) -> Option<State> {
        let key = UserKey { tenant: self.lane().id, user: user.into() };
        let stored = self.store.load(&[key]).unwrap().remove(0)?;
        Some(serde_json::from_slice(&stored.state).unwrap())
    }

    /// When the user's timer fires.
    pub(super) fn due(&self, user: &str) -> Option<Instant> {
        self.core().user(&acme(), user, 1).unwrap().due.map(Instant)
    }

    /// What was decided about a user, oldest first, in words.
    pub(super) fn decided(&self, user: &str) -> Vec<String> {
        let turns = self.core().user(&acme(), user, 100).unwrap().turns;
        let of = |turn: &Json| turn["trace"].as_array().cloned().unwrap_or_default();
        let word = |record: Json| record["decision"].as_str().unwrap().to_owned();
        turns.iter().rev().flat_map(of).map(word).collect()
    }

    /// How often it was decided about a user.
    pub(super) fn times(&self, user: &str, decision: &str) -> usize {
        self.decided(user).iter().filter(|word| *word == decision).count()
    }
}

/// What came out of an answer that must be there.
pub(super) fn told(mut answer: Answer) -> Result<(), Failed> {
    answer.try_recv().unwrap()
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub(super) fn who(user: &str) -> Who {
    match user.strip_prefix("anon:") {
        Some(id) => Who { user: None, anonymous: Some(id.into()) },
        None => Who { user: Some(user.into()), anonymous: None },
    }
}

/// A user does something at a node; `anon:` begins the name of somebody anonymous.
pub(super) fn at(user: &str, node: &str, at: Instant) -> Item {
    let fields = Fields::from_iter([("node".into(), text(node))]);
    let deed = Deed::Happened(vec![What::Operation { name: "step".into(), fields }]);
    Item { id: None, who: who(user), at, deed }
}

/// Something is said of a user.
pub(super) fn profile(user: &str, name: &str, value: &str, at: Instant) -> Item {
    let fields = Fields::from_iter([(name.into(), text(value))]);
    Item { id: None, who: who(user), at, deed: Deed::Happened(vec![What::Profile { fields }]) }
}

/// Somebody anonymous says who they are.
pub(super) fn identify(user: &str, anonymous: &str, at: Instant) -> Item {
    let who = Who { user: Some(user.into()), anonymous: Some(anonymous.into()) };
    let what = What::Profile { fields: Fields::EMPTY };
    Item { id: None, who, at, deed: Deed::Happened(vec![what]) }
}

/// What was the previous one's is the user's.
pub(super) fn alias(user: &str, previous: &str, at: Instant) -> Item {
    Item { id: None, who: who(user), at, deed: Deed::Alias { previous: previous.into() } }
}

/// The item, by a name that its sender gave it.
pub(super) fn called(id: u128, item: Item) -> Item {
    Item { id: Some(MessageId(id)), ..item }
}

/// The moment so long before.
pub(super) fn before(now: Instant, millis: u64) -> Instant {
    Instant(now.0.saturating_sub_unsigned(millis))
}

/// The same of somebody else.
pub(super) fn at_name(user: &str, item: Item) -> Item {
    Item { who: who(user), ..item }
}
