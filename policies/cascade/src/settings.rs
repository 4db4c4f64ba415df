//! What a tenant sets, and what can be wrong with it.

use std::collections::BTreeMap;

use nudge_guest::prelude::*;
use nudge_guest::{given, uncountable};
use serde::Deserialize;

/// The strategy for messages that have none of their own.
pub(crate) const DEFAULT: &str = "default";

const MOST_PUSHES: u32 = 16;

/// The settings of the policy; `settings.schema.json` describes them for people and tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Push strategies by message key; `default` is for all other messages.
    pub strategies: BTreeMap<String, Strategy>,
}

/// A push strategy, created beforehand and fetched for a message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// What the push is for, in words for people.
    #[serde(default)]
    pub purpose: String,
    /// The channels in order.
    pub channels: Vec<String>,
    /// How long return data is awaited on a channel.
    #[serde(default = "a_day")]
    pub wait: Span,
    /// Other waits, by channel.
    #[serde(default)]
    pub waits: BTreeMap<String, Span>,
    /// The number of pushes; each channel once, if none is given.
    #[serde(default, deserialize_with = "given")]
    pub pushes: Option<u32>,
    /// The grade of evidence from which on the message counts as received.
    #[serde(default = "opened")]
    pub received: Grade,
    /// The target users; everybody, if none are given.
    #[serde(default, deserialize_with = "given")]
    pub target: Option<Target>,
    /// How the user's historical behaviour is consulted where return data is missing; not, if not given.
    #[serde(default, deserialize_with = "given")]
    pub history: Option<History>,
}

fn opened() -> Grade {
    Grade::Opened
}

fn a_day() -> Span {
    Span(86_400_000)
}

/// Who a push strategy is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A field of the user's profile.
    pub field: String,
    /// The values that target users have there.
    pub any_of: Vec<String>,
}

/// What the user did since the message was sent, for when no return data came.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Events that fulfil the message's purpose by another route, as counters name them.
    #[serde(default)]
    pub fulfilled: Vec<String>,
    /// What becomes of the push where the user did nothing at all.
    #[serde(default)]
    pub away: Away,
}

/// What becomes of a push whose user did nothing since, neither on a channel nor anywhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Away {
    /// The step's wait begins again: nobody was there to receive it.
    #[default]
    WaitLonger,
    /// The next channel is tried, as for everybody.
    Next,
}

impl Strategy {
    pub(crate) fn wait_on(&self, channel: &str) -> Millis {
        self.waits.get(channel).unwrap_or(&self.wait).0
    }
}

impl Settings {
    pub(crate) fn issues(&self) -> Issues {
        let mut issues = Issues::default();
        if self.strategies.is_empty() {
            issues.at("/strategies", format!("name at least one strategy, such as {DEFAULT:?}"));
        }
        for (message, strategy) in &self.strategies {
            let path = |part| pointer(["strategies", message, part]);
            if strategy.channels.is_empty() {
                issues.at(path("channels"), "name at least one channel");
            }
            for (at, channel) in strategy.channels.iter().enumerate() {
                let path = || pointer(["strategies", message, "channels", &at.to_string()]);
                if channel.is_empty() {
                    issues.at(path(), "a channel needs a name");
                }
                if strategy.channels.iter().take(at).any(|before| before == channel) {
                    let message =
                        format!("{channel:?} stands in the order twice: raise pushes instead");
                    issues.at(path(), message);
                }
            }
            if strategy.channels.len() > MOST_PUSHES as usize {
                issues.at(path("channels"), format!("at most {MOST_PUSHES} channels"));
            }
            for channel in strategy.waits.keys() {
                if !strategy.channels.contains(channel) {
                    let path = pointer(["strategies", message, "waits", channel]);
                    issues.at(path, format!("{channel:?} is none of the channels"));
                }
            }
            if let Some(pushes) = strategy.pushes
                && !(1..=MOST_PUSHES).contains(&pushes)
            {
                issues.at(
                    path("pushes"),
                    format!("{pushes} is not a number from 1 to {MOST_PUSHES}"),
                );
            }
            let fulfilled = strategy.history.iter().flat_map(|history| &history.fulfilled);
            for (at, event) in fulfilled.enumerate() {
                let at = at.to_string();
                let path = || pointer(["strategies", message, "history", "fulfilled", &at]);
                if let Some(why) = uncountable(event) {
                    issues.at(path(), why);
                } else if ["*", "$known"].contains(&event.as_str()) {
                    let message =
                        format!("{event:?} says nothing about a purpose: name its events");
                    issues.at(path(), message);
                }
            }
            if let Some(target) = &strategy.target {
                let path = |part| pointer(["strategies", message, "target", part]);
                if target.field.is_empty() {
                    issues.at(path("field"), "name a field of the user's profile");
                }
                if target.any_of.is_empty() {
                    issues.at(
                        path("any_of"),
                        "nobody has one of no values: name one, or leave out the target",
                    );
                }
            }
        }
        issues
    }
}
