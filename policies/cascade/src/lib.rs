//! Cascade, system C: a message goes out on one channel after the other, in the order of its push
//! strategy, until it was received or the number of pushes is used up. Where no return data came, the
//! user's historical behaviour is consulted.

mod settings;
#[cfg(any(test, feature = "tests"))]
mod tests;

use std::collections::BTreeMap;

use nudge_guest::prelude::*;

use settings::Away;
pub use settings::{Settings, Strategy};

/// The configured policy.
#[derive(Debug)]
pub struct Cascade {
    strategies: BTreeMap<String, Strategy>,
    /// The profile field that a strategy's target users are told by.
    targets: BTreeMap<String, Field<Text>>,
    /// What is looked at where a strategy's return data is missing.
    histories: BTreeMap<String, History>,
}

/// Moments of what a user did last.
#[derive(Debug)]
struct History {
    /// Each of the events that fulfil the purpose.
    fulfilled: Vec<Field<Moment>>,
    /// Anything at all, on a channel or elsewhere; nothing where it makes no difference.
    active: Vec<Field<Moment>>,
}

impl History {
    /// Nobody is judged over a time that is not counted any more, so the counters forget nothing.
    fn of(strategy: &Strategy, needs: &mut Needs) -> Option<History> {
        let history = strategy.history.as_ref()?;
        let mut latest =
            |event: &str| needs.counter(event, nudge_guest::EVER).only(Questions::JUDGE).moment();
        let fulfilled = history.fulfilled.iter().map(|event| latest(event)).collect();
        let mut active = Vec::new();
        if history.away == Away::WaitLonger {
            active.push(latest("*"));
            active.extend(strategy.channels.iter().map(|channel| {
                needs.channel(channel, "last-feedback").only(Questions::JUDGE).moment()
            }));
        }
        Some(History { fulfilled, active })
    }
}

impl Policy for Cascade {
    const MANIFEST: Manifest = manifest!(
        "cascade",
        "Pushes a message on one channel after the other until it was received",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let issues = settings.issues();
        let mut targets = BTreeMap::new();
        let mut histories = BTreeMap::new();
        for (message, strategy) in &settings.strategies {
            if let Some(target) = &strategy.target {
                let field = needs.profile(&target.field).only(Questions::PLAN).text();
                targets.insert(message.clone(), field);
            }
            if let Some(history) = History::of(strategy, needs) {
                histories.insert(message.clone(), history);
            }
        }
        issues.or(Cascade { strategies: settings.strategies, targets, histories })
    }
}

impl Route for Cascade {
    fn plan(&self, request: &PlanRequest, user: Row<'_>) -> Option<Itinerary> {
        let (name, strategy) = self.strategy(&request.message)?;
        if let (Some(target), Some(field)) = (&strategy.target, self.targets.get(name)) {
            let value = user.get(*field)?;
            if !target.any_of.iter().any(|v| v == value) {
                return None;
            }
        }
        let reachable = |channel: &&String| {
            request.readings.iter().any(|r| r.channel == **channel && r.available)
        };
        let channels: Vec<&String> = strategy.channels.iter().filter(reachable).collect();
        let pushes = strategy.pushes.unwrap_or(channels.len() as u32);
        let steps = channels
            .iter()
            .cycle()
            .take(if channels.is_empty() { 0 } else { pushes as usize })
            .map(|channel| Step {
                channels: vec![(*channel).clone()],
                wait: strategy.wait_on(channel),
            })
            .collect();
        Some(Itinerary { steps, ends_at: strategy.received, most_sends: pushes })
    }

    /// The tracking id did not come back: what the user did since the message was first sent decides.
    fn judge(&self, step: &Overdue, user: Row<'_>) -> Verdict {
        let history = self.strategy(&step.message).and_then(|(name, _)| self.histories.get(name));
        let Some(history) = history else { return Verdict::NotReceived };
        let since = |field: &Field<Moment>| user.get(*field).is_some_and(|at| at.0 > step.since);
        if history.fulfilled.iter().any(since) {
            return Verdict::Received;
        }
        // Who opened it was there, even where more than that is wanted.
        let looked = matches!(
            step.evidence,
            Some(Grade::Opened | Grade::Seen | Grade::Confirmed | Grade::Converted)
        );
        if history.active.is_empty() || looked || history.active.iter().any(since) {
            Verdict::NotReceived
        } else {
            Verdict::WaitLonger
        }
    }
}

impl Cascade {
    /// The strategy that was created for the message, or the one for all others, with its name.
    fn strategy(&self, message: &str) -> Option<(&String, &Strategy)> {
        let own = self.strategies.get_key_value(message);
        own.or_else(|| self.strategies.get_key_value(settings::DEFAULT))
    }
}

nudge_guest::export!(Cascade: route);
