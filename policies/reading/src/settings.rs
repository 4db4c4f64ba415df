//! What a tenant sets, and what can be wrong with it.

use nudge_guest::given;
use nudge_guest::prelude::*;
use serde::Deserialize;

/// The contract has room for no more in one step.
const MOST_CHANNELS: usize = 16;

/// The settings of the policy; `settings.schema.json` describes them for people and tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The channels, in order.
    pub channels: Vec<String>,
    /// From so many messages on an account is established.
    pub established_at: u32,
    /// What a message with feedback from a channel counts for it.
    #[serde(default = "one")]
    pub k1: f64,
    /// What a message whose first feedback came from a channel counts for it, besides.
    #[serde(default = "one")]
    pub k2: f64,
    /// The set time of each importance level, within which feedback is awaited.
    #[serde(default)]
    pub waits: Waits,
    /// How long feedback of a new account is awaited; the set time of the level, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub new_wait: Option<Span>,
    /// The grade of evidence that is read feedback.
    #[serde(default = "confirmed")]
    pub received: Grade,
}

fn one() -> f64 {
    1.0
}

fn confirmed() -> Grade {
    Grade::Confirmed
}

/// A set time for each importance level.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waits {
    /// For what can wait.
    pub low: Span,
    /// For most.
    pub normal: Span,
    /// For more than most.
    pub high: Span,
    /// For what must be read now.
    pub urgent: Span,
}

impl Default for Waits {
    fn default() -> Waits {
        const HOUR: Millis = 3_600_000;
        Waits {
            low: Span(72 * HOUR),
            normal: Span(24 * HOUR),
            high: Span(4 * HOUR),
            urgent: Span(HOUR / 2),
        }
    }
}

impl Waits {
    pub(crate) fn of(&self, importance: Importance) -> Millis {
        match importance {
            Importance::Low => self.low.0,
            Importance::Normal => self.normal.0,
            Importance::High => self.high.0,
            Importance::Urgent => self.urgent.0,
        }
    }
}

impl Settings {
    pub(crate) fn issues(&self) -> Issues {
        let mut issues = Issues::default();
        if self.channels.is_empty() {
            issues.at("/channels", "name at least one channel");
        }
        if self.channels.len() > MOST_CHANNELS {
            issues.at("/channels", format!("at most {MOST_CHANNELS} channels"));
        }
        for (at, channel) in self.channels.iter().enumerate() {
            let path = || pointer(["channels", &at.to_string()]);
            if channel.is_empty() {
                issues.at(path(), "a channel needs a name");
            }
            if self.channels.iter().take(at).any(|before| before == channel) {
                issues.at(path(), format!("{channel:?} is listed twice"));
            }
        }
        for (path, weight) in [("/k1", self.k1), ("/k2", self.k2)] {
            if !(weight.is_finite() && weight >= 0.0) {
                issues.at(path, format!("{weight} is not a number from 0 up"));
            }
        }
        if self.k1 == 0.0 && self.k2 == 0.0 {
            issues.at("/k1", "with both weights 0 no channel ranks before another: raise one");
        }
        issues
    }
}
