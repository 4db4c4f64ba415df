//! Strategies and lives at random: every policy answers by a digest of its row, so that its answers
//! are wild and yet depend on nothing else.

use std::sync::Arc;

use super::*;
use crate::engine::event::{Grade, Millis, Shows, Value};
use crate::engine::policy::{
    Basis, Content, Draft, Itinerary, Origin, Place, Question, Rule, Shape, Step, Verdict, Watch,
};
use crate::engine::{Outgoing, Record, State};

const NODES: [&str; 5] = ["A", "B", "C", "D", "E"];
const CHANNELS: [&str; 5] = ["app", "mail", "sms", "fax", "app"];
const EVERY: [Question; 5] =
    [Question::Locate, Question::Stalled, Question::Render, Question::Plan, Question::Judge];

fn rules(chance: &mut Chance) -> Vec<Rule> {
    let bases = [Basis::Interruption, Basis::PageStay, Basis::Sum, Basis::Either];
    (0..2 * NODES.len())
        .map(|at| {
            let watch = Watch { longer_than: Millis(chance.below(60)), basis: chance.one(&bases) };
            Rule {
                place: Place::Named(NODES[at % NODES.len()].into()),
                watch: (chance.below(6) > 0).then_some(watch),
                last: chance.below(12) == 0,
            }
        })
        .collect()
}

fn seen(native: Native) -> Native {
    native
        .needs(Origin::Event, "mood", Shape::Integer, &EVERY)
        .needs(Origin::Profile, "taste", Shape::Text, &EVERY)
        .needs(Origin::Counter, "steps", Shape::Integer, &EVERY)
        .needs(Origin::Channel, "app/feedback", Shape::Integer, &EVERY)
        .needs(Origin::Channel, "mail/last-feedback", Shape::Instant, &EVERY)
        .needs(Origin::Visit, "page-stay", Shape::Integer, &EVERY)
        .counts("steps", "step", 100)
}

fn itinerary(mut chance: Chance) -> Option<Itinerary> {
    let steps = (0..chance.below(5))
        .map(|_| Step {
            channels: (0..chance.below(4)).map(|_| Arc::from(chance.one(&CHANNELS))).collect(),
            wait: Millis(chance.below(40)),
        })
        .collect();
    let ends_at = chance.one(&[Grade::Delivered, Grade::Opened, Grade::Seen, Grade::Converted]);
    (chance.below(12) > 0).then(|| Itinerary { steps, ends_at, most_sends: chance.below(8) as u32 })
}

/// A strategy of two node policies, a writer and a router; with `faults`, all of them fail at times.
pub(super) fn wild(seed: u64, faults: bool) -> World {
    let failing = move |native: Native| {
        native.failing(move |question, row| {
            let mut chance = row.chance(question as u64 + 1_000);
            trap(faults && chance.below(12) == 0)
        })
    };
    let mut chance = Chance::new(seed);
    let one = seen(Native::journey(rules(&mut chance)))
        .locating(|row| {
            let node = NODES.iter().position(|node| Some(*node) == row.text(0))?;
            let second = row.integer(1).is_some_and(|mood| mood % 2 == 0);
            Some((node + if second { NODES.len() } else { 0 }) as u32)
        })
        .drafting(|rule, row| {
            let mut chance = row.chance(u64::from(rule));
            let pending = chance.one(&[None, Some("A"), Some("B"), Some("C")]);
            let key = chance.one(&["nudge", "other", "nudge", "unheard"]);
            let pending = pending.map(Into::into);
            (chance.below(8) > 0).then(|| Draft { pending, ..draft(key) })
        });
    let place = Place::Field("stage".into());
    let watch = Some(Watch { longer_than: Millis(chance.below(90)), basis: Basis::Interruption });
    let two = seen(Native::journey([Rule { place, watch, last: false }])).locating(|_| Some(0));
    let writer = seen(Native::personaliser()).writing(|request, row| {
        let mut chance = row.chance(request.channel.len() as u64);
        let body = format!("{} {} {}", request.channel, request.template.body, chance.below(100));
        (chance.below(10) > 0)
            .then(|| Content { title: request.locale.to_owned(), ..content(&body) })
    });
    let route = seen(Native::route(plan([])))
        .planning(|request, row| {
            let history: u32 =
                request.readings.iter().map(|r| r.history.sent + r.history.feedback).sum();
            itinerary(row.chance(u64::from(request.messages + history)))
        })
        .judging(|overdue, row| {
            let salt = u64::from(overdue.step) + overdue.evidence.map_or(0, |grade| grade as u64);
            let mut chance = row.chance(salt + overdue.since.0 as u64);
            chance.one(&[Verdict::NotReceived, Verdict::WaitLonger, Verdict::Received])
        });
    let mut world = world(failing(one))
        .with("two", failing(two))
        .with("route", failing(route))
        .with("writer", failing(writer))
        .text("nudge", "de", "Weiter!")
        .text("other", "", "Other");
    world.channels =
        vec![channel("app", None), channel("mail", Some("email")), channel("sms", None)];
    world
}

/// What happens next, later by less than `spread`.
fn happens(chance: &mut Chance, now: &mut i64, spread: u64, outbox: &[Outgoing]) -> Event {
    *now += chance.below(spread) as i64;
    let now = *now;
    let mut values = Vec::new();
    if chance.below(3) > 0 {
        values.push(("mood", Value::Integer(chance.below(4) as i64)));
    }
    if chance.below(8) > 0 {
        values.push(("node", text(chance.one(&NODES))));
    }
    if chance.below(3) == 0 {
        values.push(("stage", text(chance.one(&["X", "Y"]))));
    }
    match chance.below(12) {
        0..4 => named(now, chance.one(&["step", "stride"]), values),
        4 | 5 => event(now, What::Page { name: "step".into(), fields: fields(values) }),
        6 => hidden(now),
        7 => beat(now),
        8 => {
            let (name, value) =
                chance.one(&[("taste", "x"), ("taste", "y"), ("locale", "de"), ("email", "e")]);
            profile(now, [(name, text(value))])
        }
        _ => {
            // Any attempt that there ever was, most likely one of the latest.
            let back = 1 + if chance.below(3) == 0 { chance.below(300) } else { chance.below(6) };
            let attempt = outbox.len().checked_sub(back as usize).and_then(|at| outbox.get(at));
            let shows: Shown = match chance.below(8) {
                0 => Grade::Accepted.into(),
                1 => Grade::Delivered.into(),
                2 => Grade::MachineOpened.into(),
                3 => Grade::Opened.into(),
                4 => Grade::Seen.into(),
                5 => Grade::Confirmed.into(),
                _ => Shows::Failed.into(),
            };
            receipt(now, attempt.map_or("unknown", |attempt| &attempt.tracking), shows)
        }
    }
}

/// A user's life, lived event by event.
pub(super) struct Life {
    pub(super) events: Vec<Event>,
    pub(super) end: i64,
    pub(super) live: Live,
}

pub(super) fn life(world: World, seed: u64, events: usize) -> Life {
    let mut chance = Chance::new(seed.wrapping_add(1 << 40));
    let mut live = Live::of(world.engine(), State::default());
    let mut now = 0;
    let mut all = Vec::new();
    let spread = chance.one(&[3, 20, 100]);
    for _ in 0..events {
        let event = happens(&mut chance, &mut now, spread, &live.outbox);
        live.does(event.clone());
        all.push(event);
    }
    let end = now + chance.below(300) as i64;
    live.until(end);
    Life { events: all, end, live }
}

/// Everything that came of a life, as the bytes of its serialisation.
pub(super) fn bytes(trace: &[Record], outbox: &[Outgoing], state: &State) -> String {
    serde_json::to_string(&(trace, outbox, state)).unwrap()
}

impl Life {
    pub(super) fn bytes(&self) -> String {
        bytes(&self.live.trace, &self.live.outbox, &self.live.state)
    }
}

/// Fails at the first difference, and shows what is around it.
pub(super) fn assert_same(one: &str, other: &str, why: &str) {
    let differs = one.bytes().zip(other.bytes()).position(|(one, other)| one != other);
    let Some(at) = differs.or((one.len() != other.len()).then_some(one.len().min(other.len())))
    else {
        return;
    };
    let around = |text: &str| text[at.saturating_sub(300)..(at + 300).min(text.len())].to_owned();
    panic!("{why}: different at {at}\n{}\n\n{}", around(one), around(other));
}
