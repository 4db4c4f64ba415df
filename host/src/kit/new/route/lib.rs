//! Takes the cheapest channel first, and the next one only if the message was not received.

use nudge_guest::prelude::*;

#[cfg(any(test, feature = "tests"))]
mod tests;

/// What a tenant sets; `settings.schema.json` describes it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long a channel is given.
    #[serde(default = "an_hour")]
    wait: Span,
    /// Channels, at the most.
    #[serde(default = "three")]
    most: u32,
}

fn an_hour() -> Span {
    Span(3_600_000)
}

fn three() -> u32 {
    3
}

/// The configured policy.
pub struct @TYPE@ {
    settings: Settings,
}

impl Policy for @TYPE@ {
    const MANIFEST: Manifest = manifest!(
        "@NAME@",
        "Takes the cheapest channel first",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, _needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = Issues::default();
        // The contract has room for 16 steps.
        if !(1..=16).contains(&settings.most) {
            issues.at("/most", format!("{} is not a number from 1 to 16", settings.most));
        }
        issues.or(@TYPE@ { settings })
    }
}

impl Route for @TYPE@ {
    fn plan(&self, request: &PlanRequest, _user: Row<'_>) -> Option<Itinerary> {
        let mut channels: Vec<&Reading> =
            request.readings.iter().filter(|reading| reading.available).collect();
        // Of two that cost the same, the first in the tenant's order: the sort is stable.
        channels.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let step = |reading: &&Reading| Step {
            channels: vec![reading.channel.clone()],
            wait: self.settings.wait.0,
        };
        Some(Itinerary {
            steps: channels.iter().take(self.settings.most as usize).map(step).collect(),
            ends_at: Grade::Opened,
            most_sends: self.settings.most,
        })
    }
}

nudge_guest::export!(@TYPE@: route);
