//! A tenant's strategy: its policies, its contents and its channels, put together and checked once, so
//! that a step need not look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::counter::{Counters, Matcher};
use super::event::Value;
use super::guard::{Guard, ZONE};
use super::ids::TrackingKey;
use super::policy::{Kinds, Launch, Origin, Policy, Rule, Template};
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
    /// The messages, by key, that a route policy is for; none: all that no other one is for.
    pub routes: Vec<Arc<str>>,
}

impl Part {
    /// A policy under a name.
    #[must_use]
    pub fn new(label: impl Into<Arc<str>>, policy: Arc<dyn Policy>) -> Part {
        Part { label: label.into(), policy, routes: Vec::new() }
    }

    /// Has a route policy for these messages alone.
    #[must_use]
    pub fn routing(mut self, keys: impl IntoIterator<Item = Arc<str>>) -> Part {
        self.routes = keys.into_iter().collect();
        self
    }
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
    pub(super) audiences: Vec<usize>,
    routers: Vec<usize>,
    /// Campaigns for whoever joins their groups.
    pub(super) campaigns: Vec<Arc<Launch>>,
    pub(super) counters: Counters,
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
    #[error(
        "no policy of the strategy is a node policy or has segment criteria, so nothing would ever \
         happen"
    )]
    NothingHappens,
    #[error(
        "both {0:?} and {1:?} are route policies for all messages: name with `routes` the messages that \
         one of them is for"
    )]
    TwoRoutes(Arc<str>, Arc<str>),
    #[error("both {0:?} and {1:?} route the message {2:?}")]
    RoutedTwice(Arc<str>, Arc<str>, Arc<str>),
    #[error("{0:?} is no route policy, and is to route messages")]
    NoRoute(Arc<str>),
    #[error("a campaign is composed by {0:?}, and no policy with segment criteria is called so")]
    CampaignPolicy(Arc<str>),
    #[error(
        "the campaign {0:?} is for the group {1:?}, and {2:?} has none of that name: it has {groups}",
        groups = .3.join(", ")
    )]
    CampaignGroup(Arc<str>, Arc<str>, Arc<str>, Vec<String>),
    #[error("the campaign {0:?} says {1:?}, and `messages` has no such text")]
    CampaignMessage(Arc<str>, Arc<str>),
    #[error("two campaigns are called {0:?}")]
    CampaignTwice(Arc<str>),
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

/// Every message has one route policy, or none.
fn check_routes(parts: &[Part]) -> Result<(), StrategyError> {
    let mut everything: Option<&Arc<str>> = None;
    let mut routed: BTreeMap<&Arc<str>, &Arc<str>> = BTreeMap::new();
    for part in parts {
        if !part.policy.kinds().route {
            if !part.routes.is_empty() {
                return Err(StrategyError::NoRoute(part.label.clone()));
            }
            continue;
        }
        if part.routes.is_empty()
            && let Some(first) = everything.replace(&part.label)
        {
            return Err(StrategyError::TwoRoutes(first.clone(), part.label.clone()));
        }
        for key in &part.routes {
            if let Some(first) = routed.insert(key, &part.label).filter(|l| **l != part.label) {
                let (first, second) = (first.clone(), part.label.clone());
                return Err(StrategyError::RoutedTwice(first, second, key.clone()));
            }
        }
    }
    Ok(())
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
        let audiences = of_kind(|kinds| kinds.audience);
        if journeys.is_empty() && audiences.is_empty() {
            return Err(StrategyError::NothingHappens);
        }
        let routers = of_kind(|kinds| kinds.route);
        check_routes(&parts)?;
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
        let counters = Counters::of(&parts);
        let tenant = tenant.into();
        Ok(Strategy {
            tenant,
            key,
            parts,
            journeys,
            audiences,
            routers,
            campaigns: Vec::new(),
            counters,
            personaliser,
            contents,
            channels,
            guard: Guard::default(),
            fields,
        })
    }

    /// Has campaigns go out to whoever joins their groups.
    ///
    /// # Errors
    ///
    /// If a campaign names what there is not.
    pub fn campaigning(mut self, campaigns: Vec<Launch>) -> Result<Strategy, StrategyError> {
        for (at, launch) in campaigns.iter().enumerate() {
            if campaigns.iter().take(at).any(|other| other.id == launch.id) {
                return Err(StrategyError::CampaignTwice(launch.id.clone()));
            }
            self.check(launch)?;
        }
        self.campaigns = campaigns.into_iter().map(Arc::new).collect();
        Ok(self)
    }

    /// Whether a campaign can go out under this strategy.
    ///
    /// # Errors
    ///
    /// What it names that there is not.
    pub fn check(&self, launch: &Launch) -> Result<(), StrategyError> {
        let Launch { id, policy, campaign, .. } = launch;
        let part = self.audience(policy).and_then(|at| self.part(at));
        let part = part.ok_or_else(|| StrategyError::CampaignPolicy(policy.clone()))?;
        let groups = part.policy.groups();
        if !groups.contains(&campaign.event_type) {
            let groups = groups.iter().take(20).map(ToString::to_string).collect();
            let (id, group) = (id.clone(), campaign.event_type.clone());
            return Err(StrategyError::CampaignGroup(id, group, policy.clone(), groups));
        }
        if !self.contents.contains_key(&campaign.message) {
            return Err(StrategyError::CampaignMessage(id.clone(), campaign.message.clone()));
        }
        Ok(())
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
        let counted = self.counters.fields().cloned();
        let goals = self.campaigns.iter().filter_map(|launch| launch.goal.as_ref());
        let goals = goals.filter_map(|goal| Matcher::new(goal).field().map(Arc::from));
        let seen = counted.chain(goals).filter(|field| **field != *"name");
        self.fields.iter().cloned().chain(profile).chain(addresses).chain(own).chain(seen).collect()
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

    /// The policy with segment criteria of that label.
    pub(super) fn audience(&self, label: &str) -> Option<usize> {
        let called = |at: &usize| self.part(*at).is_some_and(|part| *part.label == *label);
        self.audiences.iter().copied().find(called)
    }

    /// Who routes a message: the one that is for it, or else the one that is for all others.
    pub(super) fn router(&self, key: &str) -> Option<usize> {
        let routes = |at: &usize| self.part(*at).map(|part| &part.routes);
        let own = |at: &usize| routes(at).is_some_and(|keys| keys.iter().any(|k| **k == *key));
        let all = |at: &usize| routes(at).is_some_and(Vec::is_empty);
        let mut routers = self.routers.iter().copied();
        routers.clone().find(own).or_else(|| routers.find(all))
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
