//! Reading channel, system D: a new account gets its messages on several channels at once; once it is
//! established, on the one where it reads, and on the second best if it does not read in time.
//!
//! The host counts, for each channel, the messages with feedback and those whose first feedback came from
//! it; the weighted sum ranks the channels.

mod settings;
#[cfg(any(test, feature = "tests"))]
mod tests;

use nudge_guest::prelude::*;

pub use settings::{Settings, Waits};

/// The configured policy.
#[derive(Debug)]
pub struct ReadingChannel {
    settings: Settings,
}

impl Policy for ReadingChannel {
    const MANIFEST: Manifest = manifest!(
        "reading",
        "Reaches each account on the channel where it reads",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, _needs: &mut Needs) -> Result<Self, Issues> {
        settings.issues().or(ReadingChannel { settings })
    }
}

impl Route for ReadingChannel {
    fn plan(&self, request: &PlanRequest, _user: Row<'_>) -> Option<Itinerary> {
        let reachable = self.reachable(request);
        let wait = self.settings.waits.of(request.importance);
        let one = |channels: Vec<&Reading>, wait| Step {
            channels: channels.into_iter().map(|reading| reading.channel.clone()).collect(),
            wait,
        };
        let steps: Vec<Step> = if reachable.is_empty() {
            Vec::new()
        } else if request.messages < self.settings.established_at {
            vec![one(reachable, self.settings.new_wait.map_or(wait, |wait| wait.0))]
        } else {
            let ranked = self.ranked(request, reachable);
            ranked.into_iter().take(2).map(|reading| one(vec![reading], wait)).collect()
        };
        let most_sends = steps.iter().map(|step| step.channels.len() as u32).sum();
        Some(Itinerary { steps, ends_at: self.settings.received, most_sends })
    }
}

impl ReadingChannel {
    /// The channels on which the user can be reached, in the order of the settings.
    fn reachable<'a>(&self, request: &'a PlanRequest) -> Vec<&'a Reading> {
        let reading = |channel: &String| {
            request.readings.iter().find(|reading| reading.channel == *channel && reading.available)
        };
        self.settings.channels.iter().filter_map(reading).collect()
    }

    /// The main channel, the secondary one, and the others: the user's own choice, then by importance
    /// base; of equals the cheaper, then the one that is listed first.
    fn ranked<'a>(
        &self,
        request: &PlanRequest,
        mut reachable: Vec<&'a Reading>,
    ) -> Vec<&'a Reading> {
        let chosen = |reading: &Reading| {
            let mut preferred = request.preferred.iter();
            preferred.position(|channel| *channel == reading.channel).unwrap_or(usize::MAX)
        };
        reachable.sort_by(|one, other| {
            let base = self.base(other).total_cmp(&self.base(one));
            chosen(one).cmp(&chosen(other)).then(base).then(one.cost.total_cmp(&other.cost))
        });
        reachable
    }

    /// The importance base of a channel: K1 times its feedback, and K2 times its first feedback.
    fn base(&self, reading: &Reading) -> f64 {
        let Settings { k1, k2, .. } = self.settings;
        k1 * f64::from(reading.feedback) + k2 * f64::from(reading.first_feedback)
    }
}

nudge_guest::export!(ReadingChannel: route);
