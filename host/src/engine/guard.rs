//! Guard rails: what the host decides about every message, so that no policy has to be trusted with it.
//! Consent, quiet hours, caps and digests, as a tenant's strategy sets them. Here the settings and what
//! follows from them for one state; `rails` has a walk keep to it. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Instant, Millis, Value};
use super::policy::Importance;
use super::quiet::{Quiet, Zone};
use super::state::State;
use super::strategy::Strategy;

/// The profile field with the user's time zone, by its name in the tz database.
pub(super) const ZONE: &str = "timezone";

/// A tenant's guard rails. The default has none but what users say themselves.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The time zone of users of whom none is known; UTC if nothing is said.
    pub zone: Option<Zone>,
    /// Hours in which nobody is woken.
    pub quiet: Option<Night>,
    /// How much a user gets at most.
    pub caps: Vec<Cap>,
    /// What can wait is gathered.
    pub digest: Option<Digest>,
    /// What messages are about.
    pub topics: Vec<Topic>,
}

/// Hours in which nobody is woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Night {
    /// When.
    pub hours: Quiet,
    /// What becomes of a message that would go out then.
    pub then: Then,
    /// Messages of this importance and above go out all the same.
    pub except: Option<Importance>,
}

/// What becomes of a message in quiet hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It waits for their end.
    #[default]
    Defer,
    /// It is not sent.
    Drop,
}

/// How much a user gets at most, from all policies together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Messages; with a channel, attempts on it.
    pub most: u32,
    /// Within this time.
    pub within: Millis,
    /// Only on this channel.
    pub channel: Option<Arc<str>>,
    /// Only of this topic.
    pub topic: Option<Arc<str>>,
    /// Messages of this importance and above are not bound by it, though they count.
    pub except: Option<Importance>,
}

/// Messages that can wait become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Messages of this importance and below.
    pub up_to: Importance,
    /// How long the first of them waits for others.
    pub wait: Millis,
    /// Key of the text around them in the tenant's contents.
    pub message: Arc<str>,
}

/// What messages are about, as a user may want them or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// What users read.
    pub title: String,
    /// The messages, by key.
    pub messages: BTreeSet<Arc<str>>,
    /// Who gets them.
    pub consent: Standing,
}

/// Who gets messages of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Everybody who has not said no.
    #[default]
    OptOut,
    /// Who has said yes.
    OptIn,
    /// Everybody: it belongs to what they have ordered.
    Required,
}

/// A push that counts for caps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// When it left.
    pub at: Instant,
    /// The message.
    pub message: Arc<str>,
    /// The channel.
    pub channel: Arc<str>,
    /// The topic; empty if none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub topic: Arc<str>,
}

/// Pushes that are remembered of a user.
const MOST_PUSHES: usize = 256;

/// Why a message does not go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing is in its way.
    Open,
    /// It waits for this moment.
    Until(Instant),
    /// It is not sent.
    Shut(super::event::Withheld),
}

impl Guard {
    /// The topic of a message.
    #[must_use]
    pub fn topic_of(&self, key: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.messages.contains(key))
    }

    /// Whether the user wants messages with this key on this channel.
    #[must_use]
    pub fn wants(&self, state: &State, key: &str, channel: &str) -> bool {
        self.wants_of(state, self.topic_of(key), channel)
    }

    /// Whether the user wants messages of this topic, or of none, on this channel.
    #[must_use]
    pub fn wants_of(&self, state: &State, topic: Option<&Topic>, channel: &str) -> bool {
        let standing = topic.map_or(Standing::OptOut, |topic| topic.consent);
        if standing == Standing::Required {
            return true;
        }
        let name = topic.map_or("", |topic| &topic.name);
        state.consents.says(name, channel).unwrap_or(standing == Standing::OptOut)
    }

    /// The zone that the user's clock is in.
    pub(super) fn zone_of(&self, state: &State) -> Zone {
        let own = match state.profile.get(ZONE) {
            Some(Value::Text(name)) => Zone::parse(name),
            _ => None,
        };
        own.or_else(|| self.zone.clone()).unwrap_or_else(Zone::utc)
    }

    /// The end of the quiet hours that a message of this importance would go out in.
    #[must_use]
    pub fn quiet(
        &self,
        state: &State,
        importance: Importance,
        now: Instant,
    ) -> Option<(Instant, Then)> {
        let night = self.quiet.as_ref()?;
        if night.except.is_some_and(|except| importance >= except) {
            return None;
        }
        Some((night.hours.until(&self.zone_of(state), now)?, night.then))
    }

    /// The first cap that one more push of this message would break: of those for the channel or, without
    /// one, of those for messages. What is held for later has its place already.
    pub(super) fn full(
        &self,
        state: &State,
        message: &super::Message,
        channel: Option<&str>,
        now: Instant,
    ) -> Option<usize> {
        let topic = self.topic_of(&message.key).map_or("", |topic| &topic.name);
        self.caps.iter().position(|cap| {
            let about = cap.channel.as_deref() == channel
                && cap.topic.as_deref().is_none_or(|own| own == topic)
                && cap.except.is_none_or(|except| message.importance < except);
            about && self.pushes(state, cap, &message.id, now) >= cap.most as usize
        })
    }

    /// What counts for a cap, without the message in question.
    fn pushes(&self, state: &State, cap: &Cap, but: &str, now: Instant) -> usize {
        let of_topic = |topic: &str| cap.topic.as_deref().is_none_or(|own| own == topic);
        let left = state.pushes.iter().filter(|push| {
            now.since(push.at) < cap.within && of_topic(&push.topic) && *push.message != *but
        });
        let Some(channel) = &cap.channel else {
            let left: BTreeSet<&str> = left.map(|push| &*push.message).collect();
            let held = state
                .messages
                .iter()
                .filter(|message| message.has_a_place() && *message.id != *but);
            let topic = |key: &str| self.topic_of(key).map_or("", |topic| &topic.name);
            return left.len() + held.filter(|message| of_topic(topic(&message.key))).count();
        };
        let again = state.pushes.iter().filter(|push| *push.message == *but);
        left.chain(again.filter(|push| now.since(push.at) < cap.within))
            .filter(|push| push.channel == *channel)
            .count()
    }

    /// How far back caps look.
    fn memory(&self) -> Millis {
        self.caps.iter().map(|cap| cap.within).max().unwrap_or_default()
    }

    /// Remembers a push, as far as some cap will ask for it.
    pub(super) fn remember(&self, state: &mut State, push: Push) {
        let memory = self.memory();
        let at = push.at;
        state.pushes.retain(|push| at.since(push.at) < memory);
        if memory > Millis(0) {
            state.pushes.push(push);
            let surplus = state.pushes.len().saturating_sub(MOST_PUSHES);
            state.pushes.drain(..surplus);
        }
    }
}

impl Strategy {
    /// Whether an attempt that was decided upon earlier may go out now.
    #[must_use]
    pub fn gate(&self, state: &State, outgoing: &super::Outgoing, now: Instant) -> Gate {
        use super::event::Withheld;
        if !self.guard.wants(state, &outgoing.key, &outgoing.channel) {
            return Gate::Shut(Withheld::NotWanted);
        }
        match self.guard.quiet(state, outgoing.importance, now) {
            None => Gate::Open,
            Some((until, Then::Defer)) => Gate::Until(until),
            Some((_, Then::Drop)) => Gate::Shut(Withheld::QuietHours),
        }
    }
}
