//! Three short scenes beside the funnel: a campaign for a group, an account that is found to read on one channel,
//! users who lapse. Each is a strategy at work in a host, under a clock that is moved by hand, with people who
//! throw dice of their own.

use std::path::Path;
use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::{DemoError, START, Told, locked};
use crate::channel::{Channel, Dispatch, Outcome, Sending};
use crate::clock::{Clock as _, Manual};
use crate::engine::audience::out_to;
use crate::engine::event::{Event, Fields, Grade, Instant, Millis, Receipt, Shows, Value, What};
use crate::engine::policy::Launch;
use crate::engine::{Decision, Outgoing, Record};
use crate::host::Host;
use crate::replay::{Counting, Report};
use crate::sandbox::Sandbox;
use crate::service::Lift;
use crate::strategy::{self, Campaign};

/// A part of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The systems that it shows.
    pub systems: &'static str,
    /// What they are called.
    pub title: &'static str,
    /// What to look at.
    pub look: &'static str,
}

/// The funnel.
pub const FUNNEL: Scene = Scene {
    systems: "A and C",
    title: "node dwell, and a cascade of channels",
    look: "whoever stops at a step for too long is written to about the next one; the message moves from app \
           to WeChat to SMS only while nobody opens it, and ends when they do or go on.",
};

/// The campaign.
pub const CAMPAIGN: Scene = Scene {
    systems: "B",
    title: "marketing events by user group",
    look: "the numbers get smaller from group to target group, and some are held out: only the difference \
           to them is what the messages did.",
};

/// The account that reads.
pub const READING: Scene = Scene {
    systems: "D",
    title: "the reading channel",
    look: "three messages go everywhere at once; then only the channel goes first where Mei reads, until she says \
           otherwise.",
};

/// Users who lapse.
pub const LAPSED: Scene = Scene {
    systems: "E",
    title: "inactive users",
    look: "a reminder comes without any event, the moment the last login is a month old; it stops with the next \
           login, and whoever has no WeCom account gets none.",
};

const HOUR: Millis = Millis(3_600_000);
const DAY: Millis = Millis(24 * HOUR.0);

/// What came of the campaign.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// Who was known.
    pub people: u64,
    /// What the decisions come to.
    pub report: Report,
    /// What the messages changed.
    pub lift: Option<Lift>,
}

/// What was handed over to be sent.
type Post = Arc<Mutex<Vec<Outgoing>>>;

/// A channel that takes everything.
struct Taking {
    name: &'static str,
    post: Post,
}

impl Channel for Taking {
    fn name(&self) -> &str {
        self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        locked(&self.post).push(dispatch.outgoing.clone());
        Box::pin(std::future::ready(Outcome::ACCEPTED))
    }
}

/// A strategy at work.
struct Stage {
    host: Host,
    clock: Arc<Manual>,
    post: Post,
    launch: Option<Arc<Launch>>,
    counting: Counting<std::io::Sink>,
}

impl Stage {
    fn new(
        sandbox: &Sandbox,
        text: &str,
        channels: &[&'static str],
        campaign: Option<&Campaign>,
    ) -> Result<Stage, DemoError> {
        let loaded = strategy::parse(Path::new("demo"), text, sandbox)?;
        let launch = campaign.map(|campaign| loaded.compose(campaign)).transpose()?.map(Arc::new);
        let costs = loaded.strategy.channels().iter().map(|c| (c.name.clone(), c.cost));
        let counting = Counting::new(costs, None);
        let (clock, post) = (Arc::new(Manual::new(START)), Post::default());
        let mut host = Host::new(loaded.strategy).with_clock(clock.clone());
        for name in channels {
            host = host.with_channel(Taking { name, post: post.clone() });
        }
        Ok(Stage { host, clock, post, launch, counting })
    }

    fn happens(&mut self, user: &str, what: What) {
        let at = self.clock.now();
        self.host.ingest(Event { user: user.into(), at, what });
    }

    /// The campaign goes out to somebody.
    fn reaches(&mut self, user: &str, id: Option<&str>) {
        let Some(launch) = &self.launch else { return };
        let launch = match id {
            Some(id) => Arc::new(Launch { id: id.into(), ..(**launch).clone() }),
            None => launch.clone(),
        };
        self.host.ingest(out_to(&launch, &user.into(), self.clock.now()));
    }

    /// Time passes, and what is due happens; what was handed over meanwhile.
    async fn passes(
        &mut self,
        span: Millis,
        tell: &mut dyn FnMut(&Record) -> std::io::Result<()>,
    ) -> Result<Vec<Outgoing>, DemoError> {
        self.clock.advance(span);
        loop {
            let step = self.host.step().await?;
            for advance in &step.advances {
                self.counting.take(advance).map_err(DemoError::Told)?;
            }
            step.records().into_iter().try_for_each(&mut *tell).map_err(DemoError::Told)?;
            if step.receipts.is_empty() {
                return Ok(std::mem::take(&mut *locked(&self.post)));
            }
        }
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn did<const N: usize>(name: &str, values: [(&str, Value); N]) -> What {
    What::Operation { name: name.into(), fields: fields(values) }
}

fn campaign(json: serde_json::Value) -> Result<Campaign, DemoError> {
    serde_json::from_value(json).map_err(|error| DemoError::Told(error.into()))
}

/// Nobody is told.
fn silent(_: &Record) -> std::io::Result<()> {
    Ok(())
}

/// A campaign for a group: whoever has a large loan, but for a fifth who are held out.
///
/// # Errors
///
/// If the host cannot run its own strategy.
pub async fn campaigns(sandbox: &Sandbox, seed: u64, people: usize) -> Result<Outcomes, DemoError> {
    let offer = campaign(serde_json::json!({
        "policy": "audience",
        "parameters": { "name": "better-rate", "type": "loan", "message": "better-rate",
            "standard": "large", "data": { "rate": "3.2 %" } },
        "goal": "refinance", "within": "7d", "hold_out": 20,
    }))?;
    let mut stage = Stage::new(sandbox, include_str!("campaign.toml"), &["app"], Some(&offer))?;
    let name = |number: usize| format!("user-{number:04}");
    let mut dice = Rng::with_seed(seed);
    for number in 0..people {
        let kind = if dice.f64() < 0.6 { "loan" } else { "saving" };
        let amount = Value::Integer(dice.i64(1..=40) * 1_000);
        stage.happens(&name(number), did("record", [("type", text(kind)), ("amount", amount)]));
    }
    stage.passes(HOUR, &mut silent).await?;
    (0..people).for_each(|number| stage.reaches(&name(number), None));
    let messaged: std::collections::BTreeSet<Arc<str>> =
        stage.passes(HOUR, &mut silent).await?.into_iter().map(|sent| sent.user).collect();
    for number in 0..people {
        // Each has made up their mind by themselves; a message changes some.
        let (alone, swayed) = (dice.f64() < 0.10, dice.f64() < 0.15);
        if alone || (swayed && messaged.contains(name(number).as_str())) {
            stage.happens(&name(number), did("refinance", []));
        }
    }
    stage.passes(DAY, &mut silent).await?;
    stage.passes(Millis(8 * DAY.0), &mut silent).await?;
    let (report, _) = stage.counting.finish().map_err(DemoError::Told)?;
    let sum = report.campaigns.get("better-rate").cloned().unwrap_or_default();
    let lift = Lift::of((sum.achieved, sum.target), (sum.held_out_achieved, sum.held_out));
    Ok(Outcomes { people: people as u64, report, lift })
}

/// An account from its first message on: Mei reads on WeChat, mostly.
///
/// # Errors
///
/// If the host cannot run its own strategy, or `tell` fails.
pub async fn reading(
    sandbox: &Sandbox,
    mut tell: impl FnMut(Told<'_>) -> std::io::Result<()>,
) -> Result<(), DemoError> {
    let notice = campaign(serde_json::json!({
        "policy": "audience",
        "parameters": { "name": "notice", "type": "customer", "message": "notice" },
    }))?;
    let channels = ["app", "wechat", "sms"];
    let mut stage = Stage::new(sandbox, include_str!("reading.toml"), &channels, Some(&notice))?;
    let mut told = |record: &Record| tell(Told::Decided(record));
    stage.happens("mei", did("sign-up", []));
    stage.passes(HOUR, &mut told).await?;
    // What she reads of each message: on which channels, first things first.
    let reads: [&[&str]; 7] =
        [&["wechat"], &["wechat", "app"], &["wechat"], &["wechat"], &["app"], &["app"], &["sms"]];
    for (day, read) in reads.iter().enumerate() {
        if day == 6 {
            // She says herself where she wants to be written to.
            stage.happens("mei", What::Profile { fields: fields([("channels", text("sms,app"))]) });
        }
        stage.reaches("mei", Some(&format!("notice-{}", day + 1)));
        let mut sent = stage.passes(Millis(1), &mut told).await?;
        // On some days she does not read where she is written to first: the secondary channel comes into play.
        for _ in 0..10 {
            let mut read_now = false;
            for channel in *read {
                if let Some(attempt) = sent.iter().find(|attempt| &*attempt.channel == *channel) {
                    let receipt = Receipt {
                        tracking: attempt.tracking.clone(),
                        shows: Shows::Grade(Grade::Confirmed),
                    };
                    stage.passes(Millis(20 * 60_000), &mut told).await?;
                    stage.happens("mei", What::Receipt(receipt));
                    stage.passes(Millis(1), &mut told).await?;
                    read_now = true;
                }
            }
            if read_now {
                break;
            }
            sent.extend(stage.passes(HOUR, &mut told).await?);
        }
        let now = stage.clock.now();
        let next = Instant(START.0 + (day as i64 + 1) * DAY.0 as i64);
        stage.passes(next.since(now), &mut told).await?;
    }
    Ok(())
}

/// Users who lapse: Ada comes every day, Ben stops and comes back and stops, Cem has no WeCom account.
///
/// # Errors
///
/// If the host cannot run its own strategy, or `tell` fails.
pub async fn lapsed(
    sandbox: &Sandbox,
    mut tell: impl FnMut(Told<'_>) -> std::io::Result<()>,
) -> Result<(), DemoError> {
    let mut stage = Stage::new(sandbox, include_str!("lapsed.toml"), &["wecom"], None)?;
    let mut told = |record: &Record| match &record.decision {
        // Whoever is there is no news.
        Decision::Joined { group, .. } if &**group == "active" => Ok(()),
        Decision::Quit { .. } => Ok(()),
        _ => tell(Told::Decided(record)),
    };
    for (user, name, account) in
        [("ada", "Ada", Some("ada@corp")), ("ben", "Ben", Some("ben@corp")), ("cem", "Cem", None)]
    {
        let mut profile = fields([("name", text(name))]);
        if let Some(account) = account {
            profile.set("wecom".into(), text(account));
        }
        stage.happens(user, What::Profile { fields: profile });
    }
    for day in 0..80 {
        stage.happens("ada", did("login", []));
        // He comes back four days after the reminder.
        if day < 6 || day == 39 {
            stage.happens("ben", did("login", []));
        }
        stage.passes(DAY, &mut told).await?;
    }
    Ok(())
}
