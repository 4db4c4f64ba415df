//! Strategies, users and events in few words, and decisions as lines of text.

use std::sync::Arc;

use super::native::Native;
use crate::engine::event::{Event, Fields, Grade, Instant, Millis, Receipt, Shows, Value, What};
use crate::engine::policy::{Launch, Template};
use crate::engine::{
    Advance, Channel, Contents, Decision, Engine, Outgoing, Part, Record, State, Strategy,
    StrategyError, TrackingKey, Turn,
};

/// A strategy in the making: the message `nudge`, and the channels `app`, `mail` and `sms`, on which
/// everybody can be reached.
pub(super) struct World {
    pub(super) tenant: &'static str,
    pub(super) key: &'static str,
    pub(super) parts: Vec<Part>,
    pub(super) contents: Contents,
    pub(super) channels: Vec<Channel>,
}

/// A world in which `journey` says where users are.
pub(super) fn world(journey: Native) -> World {
    let world = World {
        tenant: "tenant",
        key: "key",
        parts: Vec::new(),
        contents: Contents::new(),
        channels: ["app", "mail", "sms"].map(|name| channel(name, None)).into(),
    };
    world.with("journey", journey).text("nudge", "", "Go on!")
}

pub(super) fn channel(name: &str, address: Option<&str>) -> Channel {
    Channel { name: name.into(), cost: 1.0, address: address.map(Into::into) }
}

impl World {
    pub(super) fn with(mut self, label: &str, policy: Native) -> World {
        self.parts.push(Part::new(label, Arc::new(policy)));
        self
    }

    pub(super) fn text(mut self, key: &str, locale: &str, body: &str) -> World {
        let template = Template { title: String::new(), body: body.to_owned(), link: None };
        self.contents.entry(key.into()).or_default().insert(locale.into(), template);
        self
    }

    /// With a route policy for these messages alone.
    pub(super) fn with_routes(mut self, label: &str, policy: Native, keys: &[&str]) -> World {
        let keys = keys.iter().map(|key| Arc::from(*key));
        self.parts.push(Part::new(label, Arc::new(policy)).routing(keys));
        self
    }

    pub(super) fn made(self) -> Result<Strategy, StrategyError> {
        let key = TrackingKey::new(self.key.as_bytes());
        let World { tenant, parts, contents, channels, .. } = self;
        Strategy::new(tenant, key, parts, contents, channels)
    }

    pub(super) fn strategy(self) -> Strategy {
        self.made().unwrap()
    }

    pub(super) fn engine(self) -> Engine {
        Engine::new(self.strategy())
    }

    /// The engine, with campaigns for whoever joins their groups.
    pub(super) fn campaigning(self, campaigns: Vec<Launch>) -> Engine {
        Engine::new(self.strategy().campaigning(campaigns).unwrap())
    }

    /// A new user of this world, to be taken along moment by moment.
    pub(super) fn live(self) -> Live {
        Live::of(self.engine(), State::default())
    }
}

/// A user who is stepped event by event.
pub(super) struct Live {
    pub(super) engine: Engine,
    pub(super) state: State,
    pub(super) due: Option<Instant>,
    pub(super) outbox: Vec<Outgoing>,
    pub(super) trace: Vec<Record>,
    told: usize,
}

impl Live {
    pub(super) fn of(engine: Engine, state: State) -> Live {
        Live { engine, state, due: None, outbox: Vec::new(), trace: Vec::new(), told: 0 }
    }

    /// Events happen, and are handled in one step at `now`.
    pub(super) fn takes(&mut self, inputs: Vec<Event>, now: i64) -> &mut Live {
        let turn = Turn {
            user: "ann".into(),
            state: std::mem::take(&mut self.state),
            inputs,
            history: false,
        };
        let advance = self.engine.step(vec![turn], Instant(now)).unwrap().pop().unwrap();
        self.state = advance.state;
        self.due = advance.due;
        self.outbox.extend(advance.outbox);
        self.trace.extend(advance.trace);
        self
    }

    /// The event happens, and is handled at once.
    pub(super) fn does(&mut self, event: Event) -> &mut Live {
        let now = event.at.0;
        self.takes(vec![event], now)
    }

    /// Nothing happens until `now`.
    pub(super) fn until(&mut self, now: i64) -> &mut Live {
        self.takes(Vec::new(), now)
    }

    /// The attempt that was the `nth` leaves a trace.
    pub(super) fn shows(&mut self, at: i64, nth: usize, shows: impl Into<Shown>) -> &mut Live {
        let event = receipt(at, &self.outbox[nth].tracking, shows);
        self.does(event)
    }

    /// What was decided since this was last asked.
    pub(super) fn told(&mut self) -> Vec<String> {
        let lines = self.trace[self.told..].iter().map(line).collect();
        self.told = self.trace.len();
        lines
    }

    /// Of what was decided since this was last asked: decisions of these kinds.
    pub(super) fn told_of(&mut self, kinds: &[&str]) -> Vec<String> {
        of(&self.told(), kinds)
    }
}

/// A new user's whole story in one step, up to `now`.
pub(super) fn story(engine: &Engine, events: Vec<Event>, now: i64) -> Advance {
    let turn = Turn { user: "ann".into(), state: State::default(), inputs: events, history: false };
    engine.step(vec![turn], Instant(now)).unwrap().pop().unwrap()
}

pub(super) fn told(advance: &Advance) -> Vec<String> {
    advance.trace.iter().map(line).collect()
}

/// The lines whose decision is of one of these kinds.
pub(super) fn of(lines: &[String], kinds: &[&str]) -> Vec<String> {
    let kind = |line: &str| line.split(' ').nth(1).is_some_and(|kind| kinds.contains(&kind));
    lines.iter().filter(|line| kind(line)).cloned().collect()
}

pub(super) fn event(at: i64, what: What) -> Event {
    Event { user: "ann".into(), at: Instant(at), what }
}

pub(super) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Fields {
    fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The user does something at a node.
pub(super) fn op(at: i64, node: &str) -> Event {
    named(at, "step", [("node", text(node))])
}

/// The user does something called `name`.
pub(super) fn named<'a>(
    at: i64,
    name: &str,
    values: impl IntoIterator<Item = (&'a str, Value)>,
) -> Event {
    event(at, What::Operation { name: name.into(), fields: fields(values) })
}

/// A page of a node is shown.
pub(super) fn page(at: i64, node: &str) -> Event {
    event(at, What::Page { name: "page".into(), fields: fields([("node", text(node))]) })
}

pub(super) fn hidden(at: i64) -> Event {
    event(at, What::Hidden)
}

pub(super) fn beat(at: i64) -> Event {
    event(at, What::Heartbeat)
}

pub(super) fn profile<'a>(at: i64, values: impl IntoIterator<Item = (&'a str, Value)>) -> Event {
    event(at, What::Profile { fields: fields(values) })
}

/// What a receipt shows.
pub(super) struct Shown(Shows);

impl From<Grade> for Shown {
    fn from(grade: Grade) -> Shown {
        Shown(Shows::Grade(grade))
    }
}

impl From<Shows> for Shown {
    fn from(shows: Shows) -> Shown {
        Shown(shows)
    }
}

pub(super) fn receipt(at: i64, tracking: &str, shows: impl Into<Shown>) -> Event {
    let shows = shows.into().0;
    event(at, What::Receipt(Receipt { tracking: tracking.into(), shows }))
}

/// A decision as a line: when, what kind, the rest.
pub(super) fn line(record: &Record) -> String {
    let at = record.at.0;
    match &record.decision {
        Decision::Entered { node, previous: None, .. } => format!("{at} entered {node}"),
        Decision::Entered { node, previous: Some(previous), .. } => {
            format!("{at} entered {node} from {previous}")
        }
        Decision::Left { node, interruption: Millis(i), page_stay: Millis(p), .. } => {
            format!("{at} left {node} after {i} and {p}")
        }
        Decision::Stalled { node, dwell: Millis(dwell), threshold: Millis(most), .. } => {
            format!("{at} stalled {node} {dwell}>{most}")
        }
        Decision::Past { node, .. } => format!("{at} past {node}"),
        Decision::Silent { node, .. } => format!("{at} silent {node}"),
        Decision::Drafted { key, campaign: Some(campaign), .. } => {
            format!("{at} drafted {key} for {campaign}")
        }
        Decision::Drafted { key, node, .. } => format!("{at} drafted {key} {node}"),
        Decision::Joined { group, quietly, .. } => {
            format!("{at} joined {group}{}", if *quietly { " quietly" } else { "" })
        }
        Decision::Quit { group, .. } => format!("{at} quit {group}"),
        Decision::Targeted { campaign, held_out, .. } => {
            format!("{at} targeted {campaign}{}", if *held_out { " held out" } else { "" })
        }
        Decision::Missed { campaign, reason } => format!("{at} missed {campaign} {reason:?}"),
        Decision::Achieved { campaign, held_out, after: Millis(after) } => {
            let held_out = if *held_out { " held out" } else { "" };
            format!("{at} achieved {campaign} {after}{held_out}")
        }
        Decision::Refused { reason, .. } => format!("{at} refused {reason:?}"),
        Decision::Planned { steps, ends_at, most_sends, .. } => {
            let steps: Vec<String> = steps.iter().map(|channels| channels.join(",")).collect();
            format!("{at} planned {} {ends_at:?} {most_sends}", steps.join("|"))
        }
        Decision::Skipped { channel, reason, .. } => format!("{at} skipped {channel} {reason:?}"),
        Decision::Sent { channel, step, content, .. } => {
            format!("{at} sent {channel} {step} {}", content.body)
        }
        Decision::Evidence { channel, grade, .. } => format!("{at} evidence {channel} {grade:?}"),
        Decision::Failed { channel, .. } => format!("{at} failed {channel}"),
        Decision::Held { until, why, .. } => format!("{at} held {} {why:?}", until.0),
        Decision::Capped { cap, .. } => format!("{at} capped {cap}"),
        Decision::Gathered { items, .. } => format!("{at} gathered {}", items.len()),
        Decision::Consented { consent } => format!("{at} consented {}", consent.allowed),
        Decision::Withheld { channel, why, .. } => format!("{at} withheld {channel} {why:?}"),
        Decision::Unmatched => format!("{at} unmatched"),
        Decision::Judged { step, verdict, .. } => format!("{at} judged {step} {verdict:?}"),
        Decision::Ended { reason, sends, .. } => format!("{at} ended {reason:?} {sends}"),
        Decision::Resolved { converted, after: Millis(after), .. } => {
            format!("{at} resolved {} {after}", if *converted { "converted" } else { "not" })
        }
        Decision::Fault { policy, question, fault } => {
            format!("{at} fault {policy} {question:?} {fault}")
        }
    }
}
