//! One user's time under both strategies: what happens under both alike, and what only under one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::event::{Instant, Millis};
use crate::engine::{Decision, End, Record};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Moment {
    pub(crate) at: String,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    pub(crate) under: Under,
}

/// What kind of moment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Visit,
    Stall,
    Send,
    End,
}

/// Under which strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Under {
    Both,
    Old,
    New,
}

/// Both traces in one, in order of time.
pub(crate) fn both(old: &[Record], new: &[Record]) -> Vec<Moment> {
    let (olds, news) = (told(old), told(new));
    // How often each is left to be found under the other.
    let mut others: BTreeMap<(Instant, &str), usize> = BTreeMap::new();
    for (at, _, text) in &news {
        *others.entry((*at, text)).or_default() += 1;
    }
    let mut shared: BTreeMap<(Instant, &str), usize> = BTreeMap::new();
    let mut all: Vec<(Instant, Kind, &str, Under)> = Vec::new();
    for (at, kind, text) in &olds {
        let left = others.entry((*at, text)).or_default();
        let under = if *left > 0 { Under::Both } else { Under::Old };
        if under == Under::Both {
            *left -= 1;
            *shared.entry((*at, text)).or_default() += 1;
        }
        all.push((*at, *kind, text, under));
    }
    for (at, kind, text) in &news {
        match shared.get_mut(&(*at, text.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            _ => all.push((*at, *kind, text, Under::New)),
        }
    }
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter()
        .map(|(at, kind, text, under)| Moment {
            at: minute(at),
            text: text.to_owned(),
            kind,
            under,
        })
        .collect()
}

/// A moment to the minute.
fn minute(at: Instant) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.0.to_string(),
    }
}

/// What of a trace is worth telling.
fn told(trace: &[Record]) -> Vec<(Instant, Kind, String)> {
    let tell = |record: &Record| {
        let (kind, text) = match &record.decision {
            Decision::Entered { node, .. } => (Kind::Visit, format!("comes to {node}")),
            Decision::Stalled { node, threshold, .. } => {
                (Kind::Stall, format!("has stalled at {node}, after {}", span(*threshold)))
            }
            Decision::Sent { channel, content, step, .. } => {
                let title = if content.title.is_empty() { &content.body } else { &content.title };
                let again = if *step == 0 { "is sent" } else { "is sent again" };
                (Kind::Send, format!("{again} on {channel}: {title}"))
            }
            Decision::Ended { reason, .. } => {
                let text = match reason {
                    End::Received => "the message was received",
                    End::Converted => "the message has done what it was for",
                    End::Left => "has left for another node: the message ends",
                    End::Unreceived => "no channel is left to try",
                    End::Unsent => "there was no way to send the message",
                    End::QuietHours => "quiet hours: the message is dropped",
                    End::Capped => "the user has had as much as a cap allows",
                    End::Outranked => "a message that matters more took its place",
                    End::OptedOut => "the user does not want it any more",
                    End::Gathered => "another message carries it",
                    End::Expired => "the time of its campaign is over",
                };
                (Kind::End, text.to_owned())
            }
            _ => return None,
        };
        Some((record.at, kind, text))
    };
    trace.iter().filter_map(tell).collect()
}

/// A length of time in the largest unit that says it.
pub(crate) fn span(span: Millis) -> String {
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")] {
        if span.0 >= unit && span.0.is_multiple_of(unit) {
            return format!("{} {name}", span.0 / unit);
        }
    }
    format!("{} ms", span.0)
}
