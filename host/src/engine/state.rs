//! What the engine remembers of one user: where they are, what they were sent, what came of it. All
//! deadlines follow from it, so a user has one timer: the moment of the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::audience::{Membership, Reached};
use super::consent::Consents;
use super::counter::Count;
use super::event::{Fields, Grade, Instant, Millis, Value};
use super::guard::Push;
use super::policy::{Basis, Content, History, Importance, Itinerary, Place, Rule, Watch};
use super::strategy::Strategy;

/// Ended messages are remembered for late evidence, the latest of them.
const MOST_ENDED: usize = 8;

/// A page that has given signs of life counts as shown this long after the last one.
const PAGE_GRACE: Millis = Millis(60_000);

/// One user, as far as the engine remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The latest moment that was handled; nothing is ever handled before it.
    pub clock: Option<Instant>,
    /// What is known of the user.
    pub profile: Fields,
    /// The process information: the latest value of each event field that a policy asked for.
    pub process: Fields,
    /// Moments of counted events, oldest first, by policy label and counter.
    pub(super) counters: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Count>>,
    /// Where the user is, by label of the node policy that says so.
    pub visits: BTreeMap<Arc<str>, Visit>,
    /// Messages under way, and the latest that have ended.
    pub messages: Vec<Message>,
    /// How the channels did so far.
    pub channels: BTreeMap<Arc<str>, History>,
    /// Messages that went out, each once however many channels it took.
    pub sent: u32,
    /// What the user has said about being messaged.
    #[serde(default, skip_serializing_if = "Consents::is_empty")]
    pub consents: Consents,
    /// Addresses at which nothing arrives, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead: BTreeMap<Arc<str>, Arc<str>>,
    /// The groups that the user belongs to, by label of the segment criteria that say so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Arc<str>, Membership>,
    /// Campaigns that have reached the user, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<Reached>,
    /// Pushes that count for caps, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pushes: Vec<Push>,
}

impl State {
    /// The moment of the user's next deadline under a strategy: when the engine has to look at this user
    /// again even if nothing happens.
    #[must_use]
    pub fn next_due(&self, strategy: &Strategy) -> Option<Instant> {
        let visits =
            self.visits.iter().filter_map(|(label, visit)| visit.due(strategy.rules(label)));
        let messages = self.messages.iter().filter_map(Message::due);
        let campaigns = self.campaigns.iter().filter_map(Reached::due);
        let falls = self.next_fall(&strategy.counters);
        visits.chain(messages).chain(campaigns).chain(falls).min()
    }

    /// A text of the profile; empty if there is none.
    pub(super) fn text(&self, field: &str) -> Arc<str> {
        match self.profile.get(field) {
            Some(Value::Text(text)) => text.clone(),
            _ => "".into(),
        }
    }

    /// Forgets the oldest of the messages that have ended and whose visit is over.
    pub(super) fn forget(&mut self) {
        let done = |message: &Message| message.ended && message.resolved;
        let mut surplus =
            self.messages.iter().filter(|m| done(m)).count().saturating_sub(MOST_ENDED);
        self.messages.retain(|message| {
            let gone = surplus > 0 && done(message);
            surplus -= usize::from(gone);
            !gone
        });
    }
}

/// A user's stay at one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The node.
    pub node: Arc<str>,
    /// The node before.
    pub previous: Option<Arc<str>>,
    /// The rule that it is under, an index into the policy's rules.
    pub rule: u32,
    /// When it began.
    pub entered: Instant,
    /// When the user last did something here.
    pub operated: Instant,
    /// How often the user did something here.
    pub operations: u32,
    /// Page stay up to the page that is shown now.
    stayed: Millis,
    /// Since when a page is shown.
    shown: Option<Instant>,
    /// The page's last sign of life, if it gives any.
    beat: Option<Instant>,
    /// The rules under which it has stalled.
    pub(super) stalled: Vec<u32>,
}

impl Visit {
    /// A visit that begins at `at`.
    pub(super) fn begin(
        node: Arc<str>,
        previous: Option<Arc<str>>,
        rule: u32,
        at: Instant,
    ) -> Visit {
        Visit {
            node,
            previous,
            rule,
            entered: at,
            operated: at,
            operations: 0,
            stayed: Millis(0),
            shown: None,
            beat: None,
            stalled: Vec::new(),
        }
    }

    /// The user did something here.
    pub(super) fn operate(&mut self, at: Instant) {
        self.operated = at;
        self.operations = self.operations.saturating_add(1);
    }

    /// A page of the node is shown.
    pub(super) fn show(&mut self, at: Instant) {
        self.hide(at);
        self.shown = Some(at);
    }

    /// No page of the node is shown any more.
    pub(super) fn hide(&mut self, at: Instant) {
        self.stayed = self.page_stay(at);
        self.shown = None;
        self.beat = None;
    }

    /// The page that is shown gave a sign of life. After too long a silence it counts as shown again
    /// from here.
    pub(super) fn beat(&mut self, at: Instant) {
        if self.shown.is_none() {
            return;
        }
        if self.beat.is_some_and(|beat| at > beat.plus(PAGE_GRACE)) {
            self.show(at);
        }
        self.beat = Some(at);
    }

    /// Operation interruption at `at`: time since the last operation.
    #[must_use]
    pub fn interruption(&self, at: Instant) -> Millis {
        at.since(self.operated)
    }

    /// Page stay at `at`: time that pages of the node were shown.
    #[must_use]
    pub fn page_stay(&self, at: Instant) -> Millis {
        let Some(shown) = self.shown else { return self.stayed };
        let until = self.beat.map_or(at, |beat| at.min(beat.plus(PAGE_GRACE)));
        self.stayed.plus(until.since(shown))
    }

    /// Dwell at `at`.
    #[must_use]
    pub fn dwell(&self, basis: Basis, at: Instant) -> Millis {
        match basis {
            Basis::Interruption => self.interruption(at),
            Basis::PageStay => self.page_stay(at),
            Basis::Sum => self.interruption(at).plus(self.page_stay(at)),
            Basis::Either => self.interruption(at).max(self.page_stay(at)),
        }
    }

    /// Whether it has stalled under the rule that it is under.
    #[must_use]
    pub fn has_stalled(&self) -> bool {
        self.stalled.contains(&self.rule)
    }

    /// The watch that the visit is still to pass.
    pub(super) fn watch(&self, rules: &[Rule]) -> Option<Watch> {
        let rule = rules.get(self.rule as usize)?;
        // Settings may have changed since, and with them which node the rule is about.
        let elsewhere = matches!(&rule.place, Place::Named(node) if *node != self.node);
        let over = rule.last || elsewhere || self.has_stalled();
        if over { None } else { rule.watch }
    }

    /// The first moment at which the visit has stalled, if nothing else happens before it.
    #[must_use]
    pub fn due(&self, rules: &[Rule]) -> Option<Instant> {
        self.watch(rules).and_then(|watch| self.passes(watch))
    }

    /// The first moment at which dwell is strictly longer than the watch allows.
    fn passes(&self, watch: Watch) -> Option<Instant> {
        let passed = |at: Instant| self.dwell(watch.basis, at) > watch.longer_than;
        // Dwell never falls and, while it grows, grows by at least a millisecond each millisecond, so
        // the moment is found by halving between its two bounds.
        let from = self.shown.map_or(self.operated, |shown| shown.min(self.operated));
        let patience = watch.longer_than.plus(Millis(1));
        let latest = self.operated.max(self.shown.unwrap_or(self.operated)).plus(patience);
        if !passed(latest) {
            return None;
        }
        let (mut low, mut high) = (from.0, latest.0);
        while low < high {
            let middle = low + ((high.abs_diff(low)) / 2) as i64;
            if passed(Instant(middle)) { high = middle } else { low = middle + 1 }
        }
        Some(Instant(high))
    }
}

/// A message on its way to its user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// A hash over the tenant, the policy, the user and the cause: the same cause gives the same one.
    pub id: Arc<str>,
    /// The label of the policy that drafted it.
    pub label: Arc<str>,
    /// What it is about.
    pub cause: Cause,
    /// Key in the tenant's contents.
    pub key: Arc<str>,
    /// How much it matters.
    pub importance: Importance,
    /// The node whose being reached is the conversion.
    pub pending: Option<Arc<str>>,
    /// Message data.
    pub data: Fields,
    /// The way to the user.
    pub plan: Itinerary,
    /// The step that it is at, from 0.
    pub step: u32,
    /// It is kept back until later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
    /// What it says, where that is known before it goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content>,
    /// When the step's wait began.
    pub(super) waiting: Option<Instant>,
    /// How often the step's wait began again.
    pub(super) extended: u32,
    /// All attempts.
    pub attempts: Vec<Attempt>,
    /// The best evidence.
    pub evidence: Option<Grade>,
    /// No further step will be taken.
    pub ended: bool,
    /// What it was about is over; what came of it is known.
    pub resolved: bool,
}

/// A message that is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when.
    pub until: Instant,
    /// Why.
    pub why: Held,
}

/// Why a message is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// These are the user's quiet hours.
    QuietHours,
    /// It can wait, and goes out together with others.
    Digest,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cause {
    /// A visit that has stalled.
    Visit {
        /// Its node.
        node: Arc<str>,
        /// When it began.
        entered: Instant,
        /// The rule it had stalled under.
        rule: u32,
    },
    /// A campaign that has reached the user.
    Campaign {
        /// Which.
        campaign: Arc<str>,
        /// Since when the user had belonged to its group.
        since: Instant,
    },
}

/// One try on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Unguessable; return data that contains it is evidence.
    pub tracking: Arc<str>,
    /// The channel.
    pub channel: Arc<str>,
    /// The step that it belongs to.
    pub step: u32,
    /// When it was handed over to be sent.
    pub at: Instant,
    /// The best evidence.
    pub evidence: Option<Grade>,
    /// The channel gave it up.
    pub failed: bool,
}

impl Message {
    /// Whether it is kept back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some() && !self.ended
    }

    /// Whether it has a place under the caps though it has not gone out: it waits for the morning. What is
    /// gathered has none, as it becomes part of another message.
    pub(super) fn has_a_place(&self) -> bool {
        let waits = self.held.is_some_and(|hold| hold.why == Held::QuietHours);
        waits && !self.ended && self.attempts.is_empty()
    }

    /// The first moment at which the step's wait is over, or that it is kept back to.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        if let Some(hold) = self.held.filter(|_| !self.ended) {
            return Some(hold.until);
        }
        let wait = self.plan.steps.get(self.step as usize)?.wait;
        let since = self.waiting.filter(|_| !self.ended)?;
        // "Within the set time" includes its last moment. What ends after the latest moment never does.
        since.0.checked_add_unsigned(wait.0)?.checked_add(1).map(Instant)
    }

    /// When the first attempt was made.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.attempts.first().map(|attempt| attempt.at)
    }

    /// Whether the channel has had feedback from the user on this message.
    pub(super) fn has_feedback(&self, channel: Option<&str>) -> bool {
        let of = |a: &Attempt| channel.is_none_or(|c| *a.channel == *c);
        self.attempts.iter().any(|a| of(a) && a.evidence >= Some(Grade::Confirmed))
    }
}
