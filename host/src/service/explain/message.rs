//! What became of each message, from what was decided about it and from the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Error;
use super::super::core::{Core, stored};
use super::super::lane::Lane;
use super::super::story::{AttemptStory, MessageStory, ReceiptInfo, StoppedBy};
use super::super::users::attempt_info;
use super::said;
use crate::engine::event::Instant;
use crate::engine::guard::Guard;
use crate::engine::{Decision, End, Record};
use crate::store::{Leased, Which};

/// Attempts that a message is shown with: more than any plan has.
const MOST_ATTEMPTS: usize = 1_000;

/// A message, as far as decisions tell.
#[derive(Debug, Default)]
struct Known {
    order: usize,
    key: String,
    policy: String,
    node: String,
    drafted: Option<Instant>,
    stands: String,
    /// What keeps it back for now.
    held: Option<StoppedBy>,
    /// What has stopped it for good.
    stopped: Option<StoppedBy>,
    /// Channels that were passed over, and attempts that were not let out.
    turned_away: Vec<StoppedBy>,
    /// Attempts that were handed over, and those that were not let out.
    sent: usize,
    withheld: usize,
}

/// All messages of a user.
#[derive(Debug, Default)]
pub(super) struct Messages(BTreeMap<String, Known>);

impl Messages {
    pub(super) fn knows(&self, message: &str) -> bool {
        self.0.contains_key(message)
    }

    pub(super) fn only(&mut self, message: &str) {
        self.0.retain(|name, _| name == message);
    }

    /// How a message stands, in words.
    pub(super) fn stands(&self, message: &str) -> Option<&str> {
        self.0.get(message).map(|known| &*known.stands)
    }

    /// Takes note of what a line says.
    pub(super) fn take(&mut self, guard: &Option<Guard>, trace: &[Record]) {
        for record in trace {
            let Some(message) = said::about(&record.decision) else { continue };
            let order = self.0.len();
            let known = self.0.entry(message.to_owned()).or_default();
            if known.stands.is_empty() {
                known.order = order;
            }
            known.take(guard.as_ref(), record);
        }
    }

    /// The messages, oldest first, with their attempts.
    pub(super) fn told(self, core: &Core, lane: &Lane) -> Result<Vec<MessageStory>, Error> {
        let mut messages: Vec<(String, Known)> = self.0.into_iter().collect();
        messages.sort_by_key(|(_, known)| known.order);
        let told = |(message, known): (String, Known)| {
            let which = Which { message: Some(&message), ..Which::default() };
            let mut found =
                core.store.attempts(lane.id, &which, None, MOST_ATTEMPTS).map_err(stored)?;
            found.reverse();
            let stopped_by = known.stopped_by(&found);
            let attempts = found
                .into_iter()
                .map(|found| attempt_story(core, lane, found))
                .collect::<Result<_, _>>()?;
            Ok(MessageStory {
                message,
                key: known.key,
                policy: known.policy,
                node: known.node,
                drafted: known.drafted.map(|at| at.0),
                stands: known.stands,
                stopped_by,
                attempts,
            })
        };
        messages.into_iter().map(told).collect()
    }
}

impl Known {
    fn take(&mut self, guard: Option<&Guard>, record: &Record) {
        // What is said of an attempt does not change how its message stands once that is over.
        let over = self.stands.starts_with("ended") || self.stands.starts_with("not sent");
        let late = matches!(record.decision, Decision::Evidence { .. } | Decision::Withheld { .. });
        if !(over && late) {
            self.stands = said::says(&record.decision);
        }
        let stop = said::stops(&record.decision, guard);
        let stop = stop.map(|(rule, says)| StoppedBy { rule, at: record.at.0, says });
        match &record.decision {
            Decision::Drafted { policy, node, key, .. } => {
                // A second draft about the same stay is refused, and the first one stands.
                self.drafted.get_or_insert(record.at);
                (self.policy, self.node, self.key) =
                    (policy.to_string(), node.to_string(), key.to_string());
            }
            Decision::Held { .. } => self.held = stop,
            Decision::Skipped { .. } => self.turned_away.extend(stop),
            Decision::Withheld { .. } => {
                self.withheld += 1;
                self.turned_away.extend(stop);
            }
            Decision::Sent { .. } => {
                self.sent += 1;
                self.held = None;
            }
            Decision::Ended { reason, .. } => {
                self.held = None;
                // A cap has said its numbers before.
                if *reason != End::Capped {
                    self.stopped = stop;
                }
                if *reason == End::Unsent {
                    self.stopped = self.turned_away();
                }
            }
            _ => self.stopped = stop.or(self.stopped.take()),
        }
    }

    /// All that turned it away, as one.
    fn turned_away(&self) -> Option<StoppedBy> {
        let last = self.turned_away.last()?;
        let says: Vec<&str> = self.turned_away.iter().map(|stop| &*stop.says).collect();
        Some(StoppedBy { says: says.join("; "), ..last.clone() })
    }

    fn stopped_by(&self, attempts: &[Leased]) -> Option<StoppedBy> {
        if let Some(stop) = self.stopped.clone().or_else(|| self.held.clone()) {
            return Some(stop);
        }
        if self.sent > 0 && self.withheld == self.sent {
            return self.turned_away();
        }
        // It was let go by the rules when it was decided, and waits as they were asked again since.
        let waits = |found: &&Leased| {
            found.outcome.is_none() && found.reason.as_deref() == Some("quiet-hours")
        };
        let found = attempts.iter().find(waits)?;
        let until = found.attempt.due;
        let says = format!("it waits until {until} for the end of the user's quiet hours");
        Some(StoppedBy { rule: "quiet-hours".to_owned(), at: found.attempt.at.0, says })
    }
}

/// An attempt with the evidence about it.
pub(in crate::service) fn attempt_story(
    core: &Core,
    lane: &Lane,
    found: Leased,
) -> Result<AttemptStory, Error> {
    let tracking: Arc<str> = found.attempt.tracking.clone();
    let receipts = core.store.receipts(lane.id, &tracking).map_err(stored)?;
    let receipt =
        |row: crate::store::ReceiptRow| ReceiptInfo { at: row.at.0, shows: row.shows.to_string() };
    Ok(AttemptStory {
        attempt: attempt_info(found)?,
        receipts: receipts.into_iter().map(receipt).collect(),
    })
}
