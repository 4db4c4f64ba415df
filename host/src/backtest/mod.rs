//! The backtest: two strategies over the same past, and who gets something else under the new one. Plain
//! comparing of decisions; `replay` makes them.

mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::engine::event::Instant;
use crate::engine::policy::Importance;
use crate::engine::{Advance, Decision, Record};
pub(crate) use timeline::{Kind, Moment, Under};

/// A message that was sent, as far as its user notices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sent {
    /// Key in the tenant's contents.
    pub(crate) key: Arc<str>,
    /// How much it matters.
    pub(crate) importance: Importance,
    /// Its attempts.
    pub(crate) attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Attempt {
    #[serde(serialize_with = "as_text")]
    pub(crate) at: Instant,
    pub(crate) channel: Arc<str>,
    pub(crate) title: String,
    pub(crate) body: String,
}

fn as_text<S: serde::Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// What a message is about: the policy, the node, when the visit began, and which message of the visit it
/// is. The same under both strategies, whatever they say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct About {
    pub(crate) policy: Arc<str>,
    pub(crate) node: Arc<str>,
    #[serde(serialize_with = "as_text")]
    pub(crate) entered: Instant,
    #[serde(skip)]
    nth: u32,
}

/// One message under both strategies, where they differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) user: Arc<str>,
    pub(crate) change: Way,
    #[serde(flatten)]
    pub(crate) about: About,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<Sent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<Sent>,
}

/// How a message differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// Only the new strategy sends it.
    Gained,
    /// Only the old one sent it.
    Lost,
    /// Both do, but another text, at another time or on other channels.
    Changed,
}

/// Counts of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) gained: u64,
    pub(crate) lost: u64,
    pub(crate) changed: u64,
    pub(crate) same: u64,
}

/// Counts of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Users {
    /// Messages only under the new strategy.
    pub(crate) gain: u64,
    /// Messages only under the old one.
    pub(crate) lose: u64,
    /// Messages under both, and not the same.
    pub(crate) change: u64,
    /// The same messages.
    pub(crate) same: u64,
    /// No message under either.
    pub(crate) none: u64,
}

/// One of the users for whom something changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Person {
    pub(crate) user: Arc<str>,
    /// In a line.
    pub(crate) change: String,
    pub(crate) moments: Vec<Moment>,
}

/// What two strategies make of the same past.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Difference {
    pub(crate) users: Users,
    pub(crate) messages: Counts,
    pub(crate) nodes: BTreeMap<Arc<str>, Counts>,
    pub(crate) sample: Vec<Person>,
}

/// Compares user by user.
#[derive(Debug)]
pub(crate) struct Comparing {
    difference: Difference,
    /// How many people are shown.
    most: usize,
    /// By who they are to be counted as: some of each, chosen by a hash, so that nobody's name decides.
    people: BTreeMap<&'static str, BTreeMap<[u8; 32], Person>>,
}

impl Comparing {
    /// With so many people in the sample.
    pub(crate) fn new(most: usize) -> Comparing {
        Comparing { difference: Difference::default(), most, people: BTreeMap::new() }
    }

    /// Takes what came of one user under both, and gives the messages that differ.
    pub(crate) fn take(&mut self, old: &Advance, new: &Advance) -> Vec<Change> {
        let (olds, mut news) = (sent(&old.trace), sent(&new.trace));
        let (had, has) = (!olds.is_empty(), !news.is_empty());
        let mut changes = Vec::new();
        let mut counts: BTreeMap<Arc<str>, Counts> = BTreeMap::new();
        for (about, old_one) in olds {
            let new_one = news.remove(&about);
            let count = counts.entry(about.node.clone()).or_default();
            let change = match &new_one {
                None => Way::Lost,
                Some(new_one) if *new_one == old_one => {
                    count.same += 1;
                    continue;
                }
                Some(_) => Way::Changed,
            };
            let user = old.user.clone();
            changes.push(Change { user, change, about, old: Some(old_one), new: new_one });
        }
        for (about, new_one) in news {
            let (user, change) = (old.user.clone(), Way::Gained);
            changes.push(Change { user, change, about, old: None, new: Some(new_one) });
        }
        for change in &changes {
            let count = counts.entry(change.about.node.clone()).or_default();
            match change.change {
                Way::Gained => count.gained += 1,
                Way::Lost => count.lost += 1,
                Way::Changed => count.changed += 1,
            }
        }
        for (node, count) in counts {
            self.difference.messages.add(count);
            self.difference.nodes.entry(node).or_default().add(count);
        }
        let users = &mut self.difference.users;
        let class = match (had, has) {
            (false, false) => {
                users.none += 1;
                return changes;
            }
            _ if changes.is_empty() => {
                users.same += 1;
                return changes;
            }
            (false, true) => {
                users.gain += 1;
                "gain"
            }
            (true, false) => {
                users.lose += 1;
                "lose"
            }
            (true, true) => {
                users.change += 1;
                "change"
            }
        };
        self.sample(class, &changes, old, new);
        changes
    }

    /// Keeps the user for the sample, if the hash says so.
    fn sample(&mut self, class: &'static str, changes: &[Change], old: &Advance, new: &Advance) {
        let people = self.people.entry(class).or_default();
        let hash: [u8; 32] = Sha256::digest(old.user.as_bytes()).into();
        let full = people.len() >= self.most;
        if self.most == 0 || full && people.last_key_value().is_some_and(|(last, _)| hash > *last) {
            return;
        }
        if full {
            people.pop_last();
        }
        let moments = timeline::both(&old.trace, &new.trace);
        let user = old.user.clone();
        people.insert(hash, Person { user, change: sentence(changes), moments });
    }

    /// The difference, with some people of each class: as many as were asked for, all in all.
    pub(crate) fn finish(mut self) -> Difference {
        let mut classes: Vec<_> =
            self.people.into_values().map(|people| people.into_values()).collect();
        while self.difference.sample.len() < self.most {
            let before = self.difference.sample.len();
            let room = self.most - before;
            let round = classes.iter_mut().filter_map(Iterator::next).take(room);
            self.difference.sample.extend(round);
            if self.difference.sample.len() == before {
                break;
            }
        }
        self.difference
    }
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.gained += other.gained;
        self.lost += other.lost;
        self.changed += other.changed;
        self.same += other.same;
    }
}

/// The messages that were sent, by what they are about.
fn sent(trace: &[Record]) -> BTreeMap<About, Sent> {
    let mut entered: BTreeMap<&Arc<str>, Instant> = BTreeMap::new();
    let mut drafted: BTreeMap<&Arc<str>, About> = BTreeMap::new();
    let mut words: BTreeMap<&Arc<str>, (&Arc<str>, Importance)> = BTreeMap::new();
    let mut nth: BTreeMap<(&Arc<str>, &Arc<str>, Instant), u32> = BTreeMap::new();
    let mut messages: BTreeMap<About, Sent> = BTreeMap::new();
    for record in trace {
        match &record.decision {
            Decision::Stalled { policy, entered: since, .. } => {
                entered.insert(policy, *since);
            }
            Decision::Drafted { message, policy, node, campaign, key, importance, .. } => {
                if drafted.contains_key(message) {
                    continue;
                }
                // A campaign is the same whenever it reaches somebody.
                let (node, since) = match campaign {
                    Some(campaign) => (campaign, Instant(0)),
                    None => (node, entered.get(policy).copied().unwrap_or(record.at)),
                };
                let count = nth.entry((policy, node, since)).or_default();
                let about = About {
                    policy: policy.clone(),
                    node: node.clone(),
                    entered: since,
                    nth: *count,
                };
                *count += 1;
                drafted.insert(message, about);
                words.insert(message, (key, *importance));
            }
            Decision::Sent { message, channel, content, .. } => {
                let (Some(about), Some((key, importance))) =
                    (drafted.get(message), words.get(message))
                else {
                    continue;
                };
                let sent = messages.entry(about.clone()).or_insert_with(|| Sent {
                    key: (*key).clone(),
                    importance: *importance,
                    attempts: Vec::new(),
                });
                sent.attempts.push(Attempt {
                    at: record.at,
                    channel: channel.clone(),
                    title: content.title.clone(),
                    body: content.body.clone(),
                });
            }
            _ => {}
        }
    }
    messages
}

/// What changes for somebody, in a line.
fn sentence(changes: &[Change]) -> String {
    let of = |way: Way| changes.iter().filter(|change| change.change == way).collect::<Vec<_>>();
    let list = |changes: &[&Change]| {
        let mut nodes: Vec<&str> = changes.iter().map(|change| &*change.about.node).collect();
        nodes.dedup();
        nodes.join(", ")
    };
    let mut parts = Vec::new();
    for (way, verb) in [(Way::Gained, "gains"), (Way::Lost, "loses")] {
        let changes = of(way);
        if !changes.is_empty() {
            let many = if changes.len() == 1 { "a message" } else { "messages" };
            parts.push(format!("{verb} {many} at {}", list(&changes)));
        }
    }
    for change in of(Way::Changed) {
        if let (Some(old), Some(new)) = (&change.old, &change.new) {
            parts.push(format!("at {} gets {}", change.about.node, what_differs(old, new)));
        }
    }
    parts.join("; ")
}

fn what_differs(old: &Sent, new: &Sent) -> String {
    let firsts = |sent: &Sent| sent.attempts.first().map(|attempt| attempt.at);
    let channels =
        |sent: &Sent| sent.attempts.iter().map(|a| a.channel.clone()).collect::<Vec<_>>();
    let texts = |sent: &Sent| {
        let texts = sent.attempts.iter().map(|a| (a.title.clone(), a.body.clone()));
        texts.collect::<std::collections::BTreeSet<_>>()
    };
    let mut what = if old.key == new.key {
        "it".to_owned()
    } else {
        format!("{} instead of {}", new.key, old.key)
    };
    what += match firsts(new).cmp(&firsts(old)) {
        std::cmp::Ordering::Less => " earlier",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => " later",
    };
    if old.key == new.key && texts(old) != texts(new) {
        what += " with another text";
    }
    if channels(old) != channels(new) {
        what +=
            &format!(" on {} instead of {}", channels(new).join(", "), channels(old).join(", "));
    }
    if what == "it" {
        what += " with other importance or other waits";
    }
    what
}
