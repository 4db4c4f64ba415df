//! Counters: the moments of events that a policy asked to have counted, within windows that slide. Here
//! which events are meant, how they are counted, and when a count falls. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Fields, Instant, Millis, Value};
use super::policy::{Counter, Origin, Question};
use super::state::State;
use super::strategy::Part;

/// Counts are exact up to this and stay there.
const MOST_COUNTED: usize = 1_000;

/// What a counter counts every event under.
const EVERY: &str = "*";

/// What a counter counts the moment under at which the user became known.
const KNOWN: &str = "$known";

/// Which events are meant: `NAME`, `FIELD=VALUE` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    text: Arc<str>,
}

impl Matcher {
    pub(super) fn new(text: &Arc<str>) -> Matcher {
        Matcher { text: text.clone() }
    }

    /// The field that decides, if it is not the event's name alone.
    pub(super) fn field(&self) -> Option<&str> {
        pair(&self.text).map(|(field, _)| field)
    }

    pub(super) fn matches(&self, name: &str, fields: &Fields) -> bool {
        let by_field = |(field, wanted): (&str, &str)| match field {
            "name" => name == wanted,
            field => fields.get(field).is_some_and(|value| *text(value) == *wanted),
        };
        *self.text == *EVERY || *self.text == *name || pair(&self.text).is_some_and(by_field)
    }
}

/// A field and its value, if the text names some.
fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(field, _)| !field.is_empty())
}

/// A value as counters name it.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        value => Cow::Owned(value.to_string()),
    }
}

/// A counter of a strategy: the policy's label, and the counter.
type Kept = (Arc<str>, Counter);

/// The counters of a strategy, by what they count: an event finds those that it is counted by, however
/// many others there are.
#[derive(Debug, Default)]
pub(super) struct Counters {
    all: Vec<Kept>,
    names: BTreeMap<Arc<str>, Vec<usize>>,
    fields: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<usize>>>,
    every: Vec<usize>,
    known: Vec<usize>,
    /// Those whose fall may change a group: label and name.
    falling: Vec<usize>,
}

impl Counters {
    pub(super) fn of(parts: &[Part]) -> Counters {
        let mut counters = Counters::default();
        for part in parts {
            let setup = part.policy.setup();
            let sorts = |counter: &Counter| {
                part.policy.kinds().audience
                    && setup.needs.iter().any(|need| {
                        need.origin == Origin::Counter
                            && need.name == counter.name
                            && need.asked.has(Question::Classify)
                    })
            };
            for counter in &setup.counters {
                counters.add(&part.label, counter, sorts(counter));
            }
        }
        counters
    }

    fn add(&mut self, label: &Arc<str>, counter: &Counter, falling: bool) {
        let at = self.all.len();
        self.all.push((label.clone(), counter.clone()));
        if falling {
            self.falling.push(at);
        }
        match &*counter.event {
            EVERY => self.every.push(at),
            KNOWN => self.known.push(at),
            event => {
                self.names.entry(counter.event.clone()).or_default().push(at);
                // An event may be called like a pair, too.
                if let Some((field, value)) = pair(event) {
                    let values = self.fields.entry(field.into()).or_default();
                    values.entry(value.into()).or_default().push(at);
                }
            }
        }
    }

    /// The event fields that counters look at.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Arc<str>> {
        self.fields.keys()
    }

    fn kept(&self, at: usize) -> Option<&Kept> {
        self.all.get(at)
    }

    /// Those that count such an event, each once.
    pub(super) fn counting(&self, name: &str, fields: &Fields) -> Vec<&Kept> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<usize> = self.every.clone();
        found.extend(self.names.get(name).into_iter().flatten());
        for (field, values) in &self.fields {
            let value = match &**field {
                "name" => Some(Cow::Borrowed(name)),
                field => fields.get(field).map(text),
            };
            found.extend(value.and_then(|value| values.get(&*value)).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.kept(at)).collect()
    }

    /// Those that count when the user became known.
    pub(super) fn of_knowing(&self) -> impl Iterator<Item = &Kept> {
        self.known.iter().filter_map(|at| self.kept(*at))
    }

    fn falling(&self) -> impl Iterator<Item = &Kept> {
        self.falling.iter().filter_map(|at| self.kept(*at))
    }
}

/// The moments that a counter has counted, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Count {
    window: Millis,
    moments: VecDeque<Instant>,
}

impl Count {
    /// Counts what the other one has counted, too.
    pub(super) fn absorb(&mut self, other: Count) {
        self.window = self.window.max(other.window);
        self.moments.extend(other.moments);
        self.moments.make_contiguous().sort_unstable();
        let surplus = self.moments.len().saturating_sub(MOST_COUNTED);
        self.moments.drain(..surplus);
    }

    /// How many of the moments have left the window by `at`: they come first.
    fn outside(&self, at: Instant) -> usize {
        self.moments.partition_point(|moment| at.since(*moment) >= self.window)
    }

    /// When the count falls next.
    fn falls(&self) -> Option<Instant> {
        let first = self.moments.front()?;
        // What would leave after the latest moment never does.
        first.0.checked_add_unsigned(self.window.0).map(Instant)
    }
}

impl State {
    /// Counts an event for a counter.
    pub(super) fn counted(
        &mut self,
        label: &Arc<str>,
        name: &Arc<str>,
        window: Millis,
        at: Instant,
    ) {
        let counters = self.counters.entry(label.clone()).or_default();
        let count = counters.entry(name.clone()).or_default();
        count.window = window;
        count.moments.push_back(at);
        let surplus = count.moments.len().saturating_sub(MOST_COUNTED).max(count.outside(at));
        count.moments.drain(..surplus);
    }

    fn count_of(&self, label: &str, name: &str) -> Option<&Count> {
        self.counters.get(label).and_then(|counters| counters.get(name))
    }

    /// How many events the counter counts at `at`: those less than its window ago.
    pub(super) fn count(&self, label: &str, name: &str, at: Instant) -> u32 {
        let Some(count) = self.count_of(label, name) else { return 0 };
        let inside = count.moments.len().saturating_sub(count.outside(at));
        u32::try_from(inside).unwrap_or(u32::MAX)
    }

    /// The latest event that the counter counts at `at`.
    pub(super) fn latest(&self, label: &str, name: &str, at: Instant) -> Option<Instant> {
        let count = self.count_of(label, name)?;
        count.moments.back().copied().filter(|_| count.outside(at) < count.moments.len())
    }

    /// Counts when the user became known, for counters that have not: at `at`, however long ago it was.
    /// Nobody is judged by a time that was not watched.
    pub(super) fn become_known(&mut self, counters: &Counters, at: Instant) {
        for (label, counter) in counters.of_knowing() {
            if self.count_of(label, &counter.name).is_none() {
                self.counted(label, &counter.name, counter.window, at);
            }
        }
    }

    /// When a count falls next that may change a group.
    pub(super) fn next_fall(&self, counters: &Counters) -> Option<Instant> {
        let counts = counters.falling().filter_map(|(l, c)| self.count_of(l, &c.name));
        counts.filter_map(Count::falls).min()
    }

    /// Lets go of what has left its window by `at`; the labels of policies whose groups that may change.
    pub(super) fn fall(&mut self, counters: &Counters, at: Instant) -> BTreeSet<Arc<str>> {
        let mut labels = BTreeSet::new();
        for (label, counter) in counters.falling() {
            let counts = self.counters.get_mut(label);
            let Some(count) = counts.and_then(|counts| counts.get_mut(&counter.name)) else {
                continue;
            };
            let outside = count.outside(at);
            if outside > 0 {
                count.moments.drain(..outside);
                labels.insert(label.clone());
            }
        }
        labels
    }
}
