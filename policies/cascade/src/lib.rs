//! Cascade, system C: a message goes out on one channel after the other, in the order of its push
//! strategy, until it was received or the number of pushes is used up.

mod settings;
#[cfg(any(test, feature = "tests"))]
mod tests;

use std::collections::BTreeMap;

use nudge_guest::prelude::*;

pub use settings::{Received, Settings, Strategy};

/// The configured policy.
#[derive(Debug)]
pub struct Cascade {
    strategies: BTreeMap<String, Strategy>,
    /// The profile field that a strategy's target users are told by.
    targets: BTreeMap<String, Field<Text>>,
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
        for (message, strategy) in &settings.strategies {
            if let Some(target) = &strategy.target {
                let field = needs.profile(&target.field).only(Questions::PLAN).text();
                targets.insert(message.clone(), field);
            }
        }
        issues.or(Cascade { strategies: settings.strategies, targets })
    }
}

impl Route for Cascade {
    fn plan(&self, request: &PlanRequest, user: Row<'_>) -> Option<Itinerary> {
        let (name, strategy) = self
            .strategies
            .get_key_value(&request.message)
            .or_else(|| self.strategies.get_key_value(settings::DEFAULT))?;
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
        Some(Itinerary { steps, ends_at: strategy.received.into(), most_sends: pushes })
    }
}

nudge_guest::export!(Cascade: route);
