//! What is counted of decisions, by name: what messages cost and what came of them, by channel, by message
//! and by campaign. Whole numbers, so that sums are exact; costs are in millionths of the tenant's unit. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Advance, Cause, Decision, End, Message, Strategy};
use crate::store::Tally;

/// Millionths of a unit.
const UNIT: f64 = 1e6;

/// Counts on their way into the store.
#[derive(Default)]
pub(super) struct Tallies(BTreeMap<String, i64>);

/// A name as a part of a longer one: a slash in it parts nothing.
pub(super) fn part(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

/// The name that [`part`] was made of.
pub(super) fn whole(part: &str) -> String {
    part.replace("%2F", "/").replace("%25", "%")
}

/// A cost in millionths of the tenant's unit.
fn micros(cost: f64) -> i64 {
    (cost * UNIT).round() as i64
}

/// A cost in the tenant's unit.
pub(super) fn units(micros: i64) -> f64 {
    micros as f64 / UNIT
}

impl Tallies {
    fn add(&mut self, name: String, by: i64) {
        let known = self.0.entry(name).or_default();
        *known = known.saturating_add(by);
    }

    /// Counts what was decided about one user. `strategy` knows what channels cost.
    pub(super) fn take(&mut self, advance: &Advance, strategy: Option<&Strategy>) {
        let message = |id: &Arc<str>| advance.state.messages.iter().find(|m| m.id == *id);
        for record in &advance.trace {
            match &record.decision {
                Decision::Targeted { campaign, held_out, .. } => {
                    let what = if *held_out { "held-out" } else { "targeted" };
                    self.add(format!("campaign/{}/{what}", part(campaign)), 1);
                }
                Decision::Missed { campaign, reason } => {
                    // Kebab-case, as everywhere.
                    let reason = serde_json::to_value(reason).unwrap_or_default();
                    let reason = reason.as_str().unwrap_or_default();
                    self.add(format!("campaign/{}/missed-{reason}", part(campaign)), 1);
                }
                Decision::Achieved { campaign, held_out, .. } => {
                    let what = if *held_out { "held-out-achieved" } else { "achieved" };
                    self.add(format!("campaign/{}/{what}", part(campaign)), 1);
                }
                Decision::Sent { message: id, channel, tracking, .. } => {
                    let channels = strategy.map(Strategy::channels).unwrap_or_default();
                    let found = channels.iter().find(|known| known.name == *channel);
                    let cost = micros(found.map_or(0.0, |channel| channel.cost));
                    let mut names = vec![format!("channel/{}", part(channel))];
                    let known = message(id);
                    names.extend(known.into_iter().flat_map(abouts));
                    let first = known.and_then(|message| message.attempts.first());
                    let first = first.is_some_and(|attempt| attempt.tracking == *tracking);
                    for (at, name) in names.into_iter().enumerate() {
                        if first && at > 0 {
                            self.add(format!("{name}/messages"), 1);
                        }
                        self.add(format!("{name}/sends"), 1);
                        self.add(format!("{name}/cost"), cost);
                    }
                }
                Decision::Ended { message: id, reason: End::Received, .. } => {
                    for name in message(id).into_iter().flat_map(abouts) {
                        self.add(format!("{name}/received"), 1);
                    }
                }
                Decision::Resolved { message: id, converted: true, .. } => {
                    let Some(message) = message(id).filter(|m| !m.attempts.is_empty()) else {
                        continue;
                    };
                    for name in abouts(message) {
                        self.add(format!("{name}/converted"), 1);
                    }
                    // The channel that the best evidence came from; the last tried, if none did.
                    let best = message.attempts.iter().max_by_key(|attempt| attempt.evidence);
                    if let Some(attempt) = best {
                        self.add(format!("channel/{}/converted", part(&attempt.channel)), 1);
                    }
                }
                _ => {}
            }
        }
    }

    /// The counts, by name.
    pub(super) fn rows(self) -> Vec<Tally> {
        self.0.into_iter().map(|(name, add)| Tally { name: name.into(), add }).collect()
    }
}

/// What a message counts for beside its channel.
fn abouts(message: &Message) -> Vec<String> {
    let mut names = vec![format!("message/{}", part(&message.key))];
    if let Cause::Campaign { campaign, .. } = &message.cause {
        names.push(format!("campaign/{}", part(campaign)));
    }
    names
}
