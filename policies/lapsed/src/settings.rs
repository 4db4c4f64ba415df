//! What a tenant sets, and what can be wrong with it.

use std::collections::BTreeMap;

use nudge_guest::prelude::*;
use nudge_guest::{FeatureSettings, feature_issues, uncountable};
use serde::Deserialize;

/// Counts stop at 1,000, and a minimum of as many could not be exceeded.
const MOST: i64 = 999;

/// The settings of the policy; `settings.schema.json` describes them for people and tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is counted as a login, as counters name events.
    #[serde(default = "login")]
    pub event: String,
    /// How far back logins are counted.
    #[serde(default = "a_month")]
    pub period: Span,
    /// Whoever has so many, or fewer, is inactive; 0: not one.
    #[serde(default)]
    pub minimum: i64,
    /// The profile field that holds the communication account, a WeCom id.
    #[serde(default = "wecom")]
    pub account: String,
    /// Personalised features, for the text.
    #[serde(default)]
    pub features: BTreeMap<String, FeatureSettings>,
}

fn login() -> String {
    "login".to_owned()
}

fn a_month() -> Span {
    Span(30 * 86_400_000)
}

fn wecom() -> String {
    "wecom".to_owned()
}

impl Settings {
    pub(crate) fn issues(&self) -> Issues {
        let mut issues = Issues::default();
        if let Some(why) = uncountable(&self.event) {
            issues.at("/event", why);
        } else if self.event == "$known" {
            issues.at("/event", "to be known is no login: name the events that are");
        }
        if self.period.0 == 0 {
            issues.at("/period", "nobody logs in within no time");
        }
        if !(0..=MOST).contains(&self.minimum) {
            issues.at("/minimum", format!("{} is not a number from 0 to {MOST}", self.minimum));
        }
        if self.account.is_empty() {
            issues.at("/account", "name the profile field that holds the communication account");
        }
        feature_issues(&self.features, &["days"], &mut issues);
        issues
    }
}
