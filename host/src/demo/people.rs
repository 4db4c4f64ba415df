//! Simulated applicants: they arrive, fill in, get stuck, go away, read their messages or do not, and
//! come back or do not. One person's dice are their own, so that the same person does the same thing
//! whatever happens to others; what messages do to them is thrown with other dice.

use std::sync::Arc;

use fastrand::Rng;

use crate::engine::event::{Event, Fields, Grade, Instant, Millis, Receipt, Shows, Value, What};

/// The steps of the application.
pub(super) const NODES: [&str; 6] =
    ["register", "personal-data", "identity", "income-proof", "offer", "signed"];

/// How likely a person is to stop at each step.
const STOPS: [f64; 6] = [0.10, 0.16, 0.20, 0.26, 0.22, 0.0];

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The channels, and how likely somebody who has one is to open a message there.
pub(super) const CHANNELS: [(&str, f64); 3] = [("app", 0.35), ("wechat", 0.55), ("sms", 0.75)];

const NAMES: [&str; 24] = [
    "Ada", "Ben", "Chen", "Dana", "Emil", "Fatou", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena",
    "Mei", "Noor", "Olga", "Paulo", "Qi", "Rosa", "Sami", "Tove", "Uma", "Viktor", "Wei", "Yara",
];

/// One applicant.
pub(super) struct Person {
    pub(super) id: Arc<str>,
    name: String,
    amount: i64,
    has: [bool; 3],
    node: usize,
    /// Counts the times that the person took up the application; what was planned before is void.
    round: u32,
    dice: Rng,
    /// What messages do to them is thrown with these.
    swayed: Rng,
    pub(super) done: bool,
}

/// What a person is going to do.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// Opens the application where they are in it.
    Open,
    /// Fills in a field, and so many more.
    Fill(u32),
    /// Still has the page open, for so many minutes more.
    Linger(u32),
    /// Closes the page.
    Close,
    /// Takes the next step.
    Next,
}

/// Something that is to happen to a person.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A plan of the round that it was made in.
    Plan(u32, Plan),
    /// A message leaves a trace.
    Receipt(Receipt),
    /// A message brings the person back, if they have not come back by themselves.
    Return(u32),
}

/// What a happening leads to.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    pub(super) then: Vec<(Instant, Happening)>,
}

impl Person {
    pub(super) fn new(seed: u64, number: usize) -> Person {
        let mut dice = Rng::with_seed(seed ^ (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let swayed = dice.fork();
        let first = NAMES.get(dice.usize(..NAMES.len())).copied().unwrap_or("Ada");
        let last = char::from(dice.u8(b'A'..=b'Z'));
        Person {
            id: format!("{}-{number:04}", first.to_lowercase()).into(),
            name: format!("{first} {last}."),
            amount: dice.i64(4..=60) * 500,
            has: [dice.f64() < 0.6, dice.f64() < 0.8, dice.f64() < 0.95],
            node: 0,
            round: 0,
            dice,
            swayed,
            done: false,
        }
    }

    /// When the person opens the application for the first time: some day of the first five, in
    /// waking hours.
    pub(super) fn arrival(&mut self, start: Instant) -> Instant {
        let day = self.dice.u64(0..5) * 24 * HOUR;
        start.plus(Millis(day + self.dice.u64(0..14 * HOUR)))
    }

    /// What is known of the person when they arrive.
    pub(super) fn profile(&self) -> What {
        let mut fields = Fields::default();
        fields.set("name".into(), Value::Text(self.name.as_str().into()));
        for (has, field) in self.has.iter().zip(["device", "wechat", "phone"]) {
            if *has {
                fields.set(field.into(), Value::Text(format!("{field}-{}", self.id).into()));
            }
        }
        What::Profile { fields }
    }

    pub(super) fn happens(&mut self, at: Instant, happening: Happening) -> Outcome {
        let mut out = Outcome::default();
        match happening {
            Happening::Plan(round, plan) if round == self.round => self.does(at, plan, &mut out),
            Happening::Return(round) if round == self.round && !self.done => {
                self.round += 1;
                self.does(at, Plan::Open, &mut out);
            }
            Happening::Plan(..) | Happening::Return(_) => {}
            Happening::Receipt(receipt) => self.event(at, What::Receipt(receipt), &mut out),
        }
        out
    }

    fn event(&self, at: Instant, what: What, out: &mut Outcome) {
        out.events.push(Event { user: self.id.clone(), at, what });
    }

    fn does(&mut self, at: Instant, plan: Plan, out: &mut Outcome) {
        let last = self.node + 1 == NODES.len();
        match plan {
            Plan::Open => {
                self.event(at, What::Page { name: "page".into(), fields: self.here() }, out);
                let fields = self.dice.u32(1..=3);
                self.then(at, 10..60, Plan::Fill(fields), out);
            }
            Plan::Fill(left) => {
                let mut fields = self.here();
                fields.set("amount".into(), Value::Integer(self.amount));
                self.event(at, What::Operation { name: "field".into(), fields }, out);
                if last {
                    self.done = true;
                    self.then(at, 5..20, Plan::Close, out);
                } else if left > 0 {
                    self.then(at, 15..90, Plan::Fill(left - 1), out);
                } else {
                    self.decide(at, out);
                }
            }
            Plan::Linger(minutes) => {
                self.event(at, What::Heartbeat, out);
                if minutes > 0 {
                    self.then(at, 45..46, Plan::Linger(minutes - 1), out);
                } else {
                    self.then(at, 1..2, Plan::Close, out);
                }
            }
            Plan::Close => self.event(at, What::Hidden, out),
            Plan::Next => {
                self.node += 1;
                self.does(at, Plan::Open, out);
            }
        }
    }

    /// On, or away, or stuck on the page until it is too much.
    fn decide(&mut self, at: Instant, out: &mut Outcome) {
        let stops = STOPS.get(self.node).copied().unwrap_or_default();
        // Who has come back means it.
        let stops = if self.round > 0 { stops / 2.0 } else { stops };
        if self.dice.f64() >= stops {
            return self.then(at, 5..40, Plan::Next, out);
        }
        if self.dice.f64() < 0.4 {
            let minutes = self.dice.u32(8..45);
            self.then(at, 45..46, Plan::Linger(minutes), out);
        } else {
            self.then(at, 20..200, Plan::Close, out);
        }
        if self.dice.f64() < 0.3 {
            // Comes back without being told to, in a day or a few.
            let after = Millis(self.dice.u64(20 * HOUR..150 * HOUR));
            out.then.push((at.plus(after), Happening::Return(self.round)));
        }
    }

    fn then(&mut self, at: Instant, seconds: std::ops::Range<u64>, plan: Plan, out: &mut Outcome) {
        let after = Millis(self.dice.u64(seconds) * SECOND);
        out.then.push((at.plus(after), Happening::Plan(self.round, plan)));
    }

    fn here(&self) -> Fields {
        let node = NODES.get(self.node).copied().unwrap_or_default();
        Fields::from_iter([(Arc::from("node"), Value::Text(node.into()))])
    }

    /// A message has gone out to the person: what they make of it.
    pub(super) fn gets(
        &mut self,
        at: Instant,
        channel: &str,
        tracking: &Arc<str>,
    ) -> Vec<(Instant, Happening)> {
        let dice = &mut self.swayed;
        let chance = CHANNELS.iter().find(|(name, _)| *name == channel).map_or(0.0, |(_, c)| *c);
        let mut all = Vec::new();
        let mut shows = |at: Instant, grade: Grade| {
            let receipt = Receipt { tracking: tracking.clone(), shows: Shows::Grade(grade) };
            all.push((at, Happening::Receipt(receipt)));
        };
        let arrives = at.plus(Millis(dice.u64(SECOND..20 * SECOND)));
        shows(arrives, Grade::Delivered);
        if dice.f64() >= chance {
            return all;
        }
        let opens = arrives.plus(Millis(dice.u64(MINUTE..50 * MINUTE)));
        shows(opens, Grade::Opened);
        if dice.f64() < 0.7 {
            let confirms = opens.plus(Millis(dice.u64(5 * SECOND..MINUTE)));
            shows(confirms, Grade::Confirmed);
            if dice.f64() < 0.6 {
                let back = confirms.plus(Millis(dice.u64(MINUTE..2 * HOUR)));
                all.push((back, Happening::Return(self.round)));
            }
        }
        all
    }

    /// Whether the person's address on the channel is dead.
    pub(super) fn unreachable(&mut self) -> bool {
        self.swayed.f64() < 0.03
    }
}
