//! Guard rails as a strategy file writes them, and what the engine makes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::event::Millis;
use crate::engine::guard::{self, Standing, Then};
use crate::engine::policy::Importance;
use crate::engine::quiet::{Quiet, Zone};

/// What the host sees to, whatever the policies say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The time zone of users of whom none is known, by its name in the tz database; UTC if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Hours in which nobody is woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Night>,
    /// How much a user gets at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap: Vec<Cap>,
    /// What can wait is gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Gathering>,
}

/// Hours in which nobody is woken, by the user's own clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// When they begin, as in `22:00`.
    pub from: String,
    /// When they end.
    pub to: String,
    /// What becomes of a message that would go out then.
    #[serde(default)]
    pub then: Then,
    /// Messages of this importance and above go out all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<Importance>,
}

/// How much a user gets at most.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Messages; with a channel, attempts on it.
    pub most: u32,
    /// Within this time, as in `24h` or `7d`.
    pub within: String,
    /// Only on this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only of this topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Messages of this importance and above are not bound by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<Importance>,
}

/// Messages that can wait become one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Messages of this importance and below.
    #[serde(default = "low")]
    pub up_to: Importance,
    /// How long the first of them waits for others.
    pub wait: String,
    /// Key of the text around them, which may say `{count}` and `{items}`.
    pub message: String,
}

fn low() -> Importance {
    Importance::Low
}

/// What messages are about, as a user may want them or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What users read; its name, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The messages, by key.
    pub messages: Vec<String>,
    /// Who gets them.
    #[serde(default)]
    pub consent: Standing,
}

/// Caps remember no more pushes of a user than this.
const MOST_CAPPED: u32 = 100;

/// The longest time that a rail may look at.
const LONGEST: u64 = 366 * 86_400_000;

impl Guard {
    /// What the engine makes of it.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn read(&self, topics: &BTreeMap<String, Topic>) -> Result<guard::Guard, String> {
        let zone = |name: &String| {
            Zone::parse(name).ok_or_else(|| {
                format!("guard.zone: {name:?} is no time zone: name one such as \"Asia/Shanghai\"")
            })
        };
        let night = |night: &Night| {
            let hours = Quiet::parse(&night.from, &night.to)
                .map_err(|error| format!("guard.quiet: {error}"))?;
            Ok::<_, String>(guard::Night { hours, then: night.then, except: night.except })
        };
        let shared = |text: &String| Arc::from(text.as_str());
        let cap = |(at, cap): (usize, &Cap)| {
            if cap.most > MOST_CAPPED {
                return Err(format!("guard.cap {at}: `most` is at most {MOST_CAPPED}"));
            }
            Ok(guard::Cap {
                most: cap.most,
                within: span(&cap.within).map_err(|e| format!("guard.cap {at}: `within` {e}"))?,
                channel: cap.channel.as_ref().map(shared),
                topic: cap.topic.as_ref().map(shared),
                except: cap.except,
            })
        };
        let digest = |digest: &Gathering| {
            let wait = span(&digest.wait).map_err(|e| format!("guard.digest: `wait` {e}"))?;
            let message = shared(&digest.message);
            Ok::<_, String>(guard::Digest { up_to: digest.up_to, wait, message })
        };
        let topic = |(name, topic): (&String, &Topic)| guard::Topic {
            name: shared(name),
            title: topic.title.clone().unwrap_or_else(|| name.clone()),
            messages: topic.messages.iter().map(shared).collect(),
            consent: topic.consent,
        };
        if topics.keys().any(String::is_empty) {
            return Err("topic: a name must not be empty".to_owned());
        }
        Ok(guard::Guard {
            zone: self.zone.as_ref().map(zone).transpose()?,
            quiet: self.quiet.as_ref().map(night).transpose()?,
            caps: self.cap.iter().enumerate().map(cap).collect::<Result<_, _>>()?,
            digest: self.digest.as_ref().map(digest).transpose()?,
            topics: topics.iter().map(topic).collect(),
        })
    }
}

/// A span of time as settings write it: a whole number with s, m, h or d.
pub(super) fn span(text: &str) -> Result<Millis, String> {
    let wrong = || format!("is {text:?}, not a span of time such as \"24h\" or \"7d\"");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit: u64 = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = number.checked_mul(unit).filter(|millis| (1..=LONGEST).contains(millis));
    millis.map(Millis).ok_or_else(|| format!("is {text:?}: a span is from 1s to 366d"))
}
