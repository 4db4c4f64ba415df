//! A tenant's strategy: its policies, its contents and its channels, put together and checked once, so
//! that a step need not look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::Value;
use super::guard::{Guard, ZONE};
use super::ids::TrackingKey;
use super::policy::{Counter, Kinds, Origin, Policy, Rule, Template};
use super::state::State;

/// The profile field with the user's locale, a BCP 47 tag.
pub(super) const LOCALE: &str = "locale";

/// The profile field with the user's own choice of channels, most wanted first, commas between.
pub(super) const CHANNELS: &str = "channels";

/// A policy under the name that a strategy gives it.
#[derive(Clone)]
pub struct Part {
    /// Unique in its strategy; states refer to it, so it should stay when settings change.
    pub label: Arc<str>,
    /// The policy.
    pub policy: Arc<dyn Policy>,
}

/// A channel that a tenant has.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Its name.
    pub name: Arc<str>,
    /// What one attempt costs, in the tenant's unit.
    pub cost: f64,
    /// The profile field that holds the user's address there; without it everybody can be reached.
    pub address: Option<Arc<str>>,
}

/// The tenant's texts: by message key, then by locale, where the empty one is for everybody else.
pub type Contents = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Template>>;

/// A tenant's strategy, ready to be stepped.
pub struct Strategy {
    pub(super) tenant: Arc<str>,
    pub(super) key: TrackingKey,
    parts: Vec<Part>,
    pub(super) journeys: Vec<usize>,
    pub(super) router: Option<usize>,
    personaliser: Option<usize>,
    contents: Contents,
    pub(super) channels: Vec<Channel>,
    pub(super) guard: Guard,
    /// Event fields that some policy asks for.
    fields: BTreeSet<Arc<str>>,
}

/// Why parts do not make a strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StrategyError {
    #[error("two policies are called {0:?}: give one of them another name with `as`")]
    Label(Arc<str>),
    #[error("no policy of the strategy is a node policy, so nothing would ever happen")]
    NoJourney,
    #[error("both {0:?} and {1:?} are route policies: a strategy has one")]
    TwoRoutes(Arc<str>, Arc<str>),
    #[error("the channel {0:?} is named twice")]
    Channel(Arc<str>),
    #[error("there is no channel: name at least one")]
    NoChannel,
    #[error("`guard.digest` names the message {0:?}, and `messages` has no such text")]
    Digest(Arc<str>),
    #[error("a cap is about the channel {0:?}, and there is none of that name")]
    CapChannel(Arc<str>),
    #[error("a cap is about the topic {0:?}, and there is none of that name")]
    CapTopic(Arc<str>),
    #[error("the message {0:?} belongs to two topics")]
    TwoTopics(Arc<str>),
}

impl Strategy {
    /// Puts a strategy together.
    ///
    /// # Errors
    ///
    /// What keeps the parts from being a strategy.
    pub fn new(
        tenant: &str,
        key: TrackingKey,
        parts: Vec<Part>,
        contents: Contents,
        channels: Vec<Channel>,
    ) -> Result<Strategy, StrategyError> {
        for (at, part) in parts.iter().enumerate() {
            if parts.iter().take(at).any(|p| p.label == part.label) {
                return Err(StrategyError::Label(part.label.clone()));
            }
        }
        for (at, channel) in channels.iter().enumerate() {
            if channels.iter().take(at).any(|c| c.name == channel.name) {
                return Err(StrategyError::Channel(channel.name.clone()));
            }
        }
        if channels.is_empty() {
            return Err(StrategyError::NoChannel);
        }
        let of_kind = |is: fn(Kinds) -> bool| -> Vec<usize> {
            let parts = parts.iter().enumerate();
            parts.filter(|(_, part)| is(part.policy.kinds())).map(|(at, _)| at).collect()
        };
        let journeys = of_kind(|kinds| kinds.journey);
        if journeys.is_empty() {
            return Err(StrategyError::NoJourney);
        }
        let routers = of_kind(|kinds| kinds.route);
        let label = |at: &usize| parts.get(*at).map(|part| part.label.clone());
        if let [first, second, ..] = routers.as_slice()
            && let (Some(first), Some(second)) = (label(first), label(second))
        {
            return Err(StrategyError::TwoRoutes(first, second));
        }
        let personaliser = of_kind(|kinds| kinds.personalise).first().copied();
        let needs = parts.iter().flat_map(|part| &part.policy.setup().needs);
        let places = parts.iter().flat_map(|part| part.policy.rules());
        let fields = needs
            .filter(|need| need.origin == Origin::Event)
            .map(|need| need.name.clone())
            .chain(places.filter_map(|rule| match &rule.place {
                super::policy::Place::Field(field) => Some(field.clone()),
                super::policy::Place::Named(_) => None,
            }))
            .collect();
        let router = routers.first().copied();
        let tenant = tenant.into();
        Ok(Strategy {
            tenant,
            key,
            parts,
            journeys,
            router,
            personaliser,
            contents,
            channels,
            guard: Guard::default(),
            fields,
        })
    }

    /// Puts up guard rails.
    ///
    /// # Errors
    ///
    /// If a rail names what there is not.
    pub fn guarded(mut self, guard: Guard) -> Result<Strategy, StrategyError> {
        if let Some(digest) = &guard.digest
            && !self.contents.contains_key(&digest.message)
        {
            return Err(StrategyError::Digest(digest.message.clone()));
        }
        for cap in &guard.caps {
            if let Some(channel) = cap.channel.as_ref().filter(|c| self.channel(c).is_none()) {
                return Err(StrategyError::CapChannel(channel.clone()));
            }
            let known = |name: &Arc<str>| guard.topics.iter().any(|topic| topic.name == *name);
            if let Some(topic) = cap.topic.as_ref().filter(|topic| !known(topic)) {
                return Err(StrategyError::CapTopic(topic.clone()));
            }
        }
        for (at, topic) in guard.topics.iter().enumerate() {
            let before = guard.topics.iter().take(at);
            let twice = |key: &&Arc<str>| before.clone().any(|t| t.messages.contains(*key));
            if let Some(key) = topic.messages.iter().find(twice) {
                return Err(StrategyError::TwoTopics(key.clone()));
            }
        }
        self.guard = guard;
        Ok(self)
    }

    /// The guard rails.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The event fields that some policy asks for; no other is ever read.
    #[must_use]
    pub fn event_fields(&self) -> &BTreeSet<Arc<str>> {
        &self.fields
    }

    /// All fields of events and profiles that the host or some policy looks at.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<Arc<str>> {
        let needs = self.parts.iter().flat_map(|part| &part.policy.setup().needs);
        let profile = needs.filter(|n| n.origin == Origin::Profile).map(|n| n.name.clone());
        let addresses = self.channels.iter().filter_map(|channel| channel.address.clone());
        let own = [LOCALE, CHANNELS, ZONE].map(Arc::from);
        self.fields.iter().cloned().chain(profile).chain(addresses).chain(own).collect()
    }

    /// The channels, in the tenant's order.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The policies.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn part(&self, at: usize) -> Option<&Part> {
        self.parts.get(at)
    }

    /// The rules of the policy with that label.
    pub(super) fn rules(&self, label: &str) -> &[Rule] {
        self.parts.iter().find(|part| *part.label == *label).map_or(&[], |part| part.policy.rules())
    }

    /// Who writes the messages that the policy with that label drafts: itself, or else the first that
    /// can.
    pub(super) fn writer(&self, label: &str) -> Option<usize> {
        let own = |part: &Part| *part.label == *label && part.policy.kinds().personalise;
        self.parts.iter().position(own).or(self.personaliser)
    }

    /// Counters that count events of that name, with the labels that they are kept under.
    pub(super) fn counters(&self, event: &str) -> impl Iterator<Item = (&Arc<str>, &Counter)> {
        self.parts.iter().flat_map(move |part| {
            let counters = part.policy.setup().counters.iter();
            counters.filter(move |c| *c.event == *event).map(move |c| (&part.label, c))
        })
    }

    /// The text of a message for a locale: the locale's own, or that of the first wider one (of
    /// `zh-Hant-TW` it is `zh-Hant`, then `zh`), or the one for everybody. Capitals do not matter.
    pub(super) fn text(&self, key: &str, locale: &str) -> Option<&Template> {
        let locales = self.contents.get(key)?;
        let same = |tag: &str, wanted: &str| {
            let plain = |c: char| if c == '_' { '-' } else { c.to_ascii_lowercase() };
            tag.chars().map(plain).eq(wanted.chars().map(plain))
        };
        let mut wanted = locale;
        while !wanted.is_empty() {
            let found = locales.iter().find(|(tag, _)| same(tag, wanted));
            if let Some((_, text)) = found {
                return Some(text);
            }
            wanted = wanted.rfind(['-', '_']).and_then(|at| wanted.get(..at)).unwrap_or("");
        }
        locales.get("").or_else(|| locales.values().next())
    }

    pub(super) fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| *channel.name == *name)
    }

    /// The user's address on a channel, if the channel has a field for it and the user one in it.
    pub(super) fn address(&self, channel: &str, state: &State) -> Option<Arc<str>> {
        let field = self.channel(channel)?.address.as_ref()?;
        let address: Arc<str> = match state.profile.get(field)? {
            Value::Text(text) => text.clone(),
            value => value.to_string().into(),
        };
        (!address.trim().is_empty()).then_some(address)
    }

    /// Whether the user has an address on the channel, if one is needed there.
    pub(super) fn has_address(&self, channel: &str, state: &State) -> bool {
        let needs = self.channel(channel).is_some_and(|channel| channel.address.is_some());
        !needs || self.address(channel, state).is_some()
    }

    /// Whether a user can be reached on the channel, as far as is known.
    pub(super) fn reaches(&self, channel: &str, state: &State) -> bool {
        let Some(found) = self.channel(channel) else { return false };
        if found.address.is_none() {
            return true;
        }
        let address = self.address(channel, state);
        address.is_some_and(|address| state.dead.get(channel) != Some(&address))
    }
}
