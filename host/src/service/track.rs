//! What comes back from the world: links that are followed, pictures that are fetched, buttons, replies and
//! reports of providers. All of it is evidence about an attempt, and whoever does not know the attempt's
//! tracking id, or cannot sign for the provider, has none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::core::{Core, stored};
use super::lane::{Input, Lane, lock};
use super::send::address_key;
use super::ticket::Ticket;
use super::words::ConsentInfo;
use super::{Error, Followed, TenantName};
use crate::channel::{About, Callback, Heard, Links, Return, Shown, Unheard};
use crate::engine::consent::Consent;
use crate::engine::event::{Grade, Shows, Value, What};
use crate::engine::guard::Standing;
use crate::engine::{Outgoing, State};
use crate::hosted;
use crate::ingest::live::{Deed, Item, Who};
use crate::store::{Leased, TenantId, UserKey};

/// Whoever opens a message so soon after it was accepted is a scanner.
const TOO_SOON: u64 = 2_000;

/// An attempt that somebody shows to know.
pub(super) struct Found {
    lane: Arc<Lane>,
    pub(super) leased: Leased,
    pub(super) outgoing: Outgoing,
}

/// Something for the engine to hear, and of which tenant.
pub(super) type Call = (TenantName, Vec<Item>);

/// What somebody did with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Fetched its picture, or looked at its page.
    Opened,
    /// Followed its link, or used its read button.
    Confirmed,
}

impl Core {
    /// Links of an attempt that lead back here; none if nobody said how the service is reached.
    pub(super) fn links(&self, lane: &Lane, outgoing: &Outgoing) -> Links {
        let (channel, tracking) = (&outgoing.channel, &outgoing.tracking);
        let base = self.config.public_url.trim_end_matches('/');
        if base.is_empty() {
            return Links::default();
        }
        let token = format!("{}.{tracking}", lane.id.0);
        // What belongs to an order cannot be unsubscribed from.
        let required = lane.live().is_some_and(|live| {
            let topic = live.engine.strategy().guard().topic_of(&outgoing.key);
            topic.is_some_and(|topic| topic.consent == Standing::Required)
        });
        let link = |path: &str| Some(format!("{base}/{path}/{token}"));
        Links {
            read: link("r"),
            open: link("o"),
            unsubscribe: link("u").filter(|_| !required),
            callback: Some(format!("{base}/v1/callbacks/{}/{channel}?t={tracking}", lane.name)),
        }
    }

    /// The attempt that a link names.
    pub(super) fn found(&self, token: &str) -> Result<Found, Error> {
        let unknown = || Error::NotFound("message of this link".to_owned());
        let (tenant, tracking) = token.split_once('.').ok_or_else(unknown)?;
        let plain = tracking.len() <= 64 && tracking.bytes().all(|b| b.is_ascii_alphanumeric());
        let tenant = tenant.parse().ok().filter(|_| plain).map(TenantId).ok_or_else(unknown)?;
        let lane = self.lanes_by_id().remove(&tenant);
        let lane = lane.filter(|lane| !lock(&lane.queue).suspended).ok_or_else(unknown)?;
        let found = self.store.attempt(tenant, tracking).map_err(stored)?.ok_or_else(unknown)?;
        self.of(lane, found)
    }

    fn of(&self, lane: Arc<Lane>, leased: Leased) -> Result<Found, Error> {
        let outgoing = serde_json::from_str(&leased.attempt.content)
            .map_err(|error| Error::Unavailable(format!("an attempt cannot be read: {error}")))?;
        Ok(Found { lane, leased, outgoing })
    }

    /// Takes note of what somebody did with a message. What looks like a machine is graded as one.
    pub(super) fn touched(&self, found: &Found, touch: Touch, machine: bool, ticket: &Ticket) {
        // Nobody has read what has not gone out.
        let settled = found.leased.settled.filter(|_| found.leased.outcome.is_some());
        let soon = settled.is_none_or(|at| self.clock.now().since(at).0 < TOO_SOON);
        let grade = match touch {
            _ if machine || soon => Grade::MachineOpened,
            Touch::Opened => Grade::Opened,
            Touch::Confirmed => Grade::Confirmed,
        };
        self.evidence(&found.lane, &found.leased, Shows::Grade(grade), ticket);
    }

    fn evidence(&self, lane: &Lane, leased: &Leased, shows: Shows, ticket: &Ticket) {
        lane.push(Input::Receipt {
            user: leased.attempt.user.clone(),
            tracking: leased.attempt.tracking.clone(),
            shows,
            ticket: ticket.clone(),
        });
    }

    /// Where a message's link leads, if that is on the web.
    pub(super) fn target(found: &Found) -> Option<String> {
        let link = found.outgoing.content.link.as_deref()?;
        let web = ["https://", "http://"].iter().any(|scheme| link.starts_with(scheme));
        let plain = !link.chars().any(|c| c.is_control() || c.is_whitespace());
        (web && plain).then(|| link.to_owned())
    }

    /// The word with which a user unsubscribes from what a message belongs to: its topic or, without one,
    /// its channel.
    pub(super) fn unsubscribes(found: &Found, allowed: bool) -> Consent {
        let topic = Some(found.outgoing.topic.clone()).filter(|topic| !topic.is_empty());
        let channel = topic.is_none().then(|| found.outgoing.channel.clone());
        Consent { topic, channel, allowed }
    }

    /// Has a user's word heard by the engine.
    pub(super) fn consents(
        &self,
        tenant: &TenantName,
        user: &Arc<str>,
        words: Vec<Consent>,
    ) -> Call {
        let who = Who { user: Some(user.clone()), anonymous: None };
        let deed = Deed::Happened(words.into_iter().map(What::Consent).collect());
        (tenant.clone(), vec![Item { id: None, who, at: self.clock.now(), deed }])
    }

    /// What unsubscribing by a message's link is about.
    pub(super) fn subscription(&self, found: &Found) -> hosted::Subscription {
        let live = found.lane.live();
        let guard = live.as_ref().map(|live| live.engine.strategy().guard());
        let topic = guard.and_then(|guard| guard.topic_of(&found.outgoing.key));
        let channel = found.outgoing.topic.is_empty().then(|| found.outgoing.channel.to_string());
        let title = topic.map_or_else(|| found.outgoing.topic.to_string(), |t| t.title.clone());
        hosted::Subscription {
            sender: found.lane.name.to_string(),
            topic: (!found.outgoing.topic.is_empty()).then_some(title),
            channel,
        }
    }

    /// The page of a message that leads nowhere else.
    pub(super) fn page(&self, found: &Found, token: &str, done: bool) -> Result<Followed, Error> {
        let content = &found.outgoing.content;
        let page = hosted::Message {
            sender: found.lane.name.to_string(),
            title: content.title.clone(),
            text: content.body.clone(),
            link: content.link.clone(),
            done,
            action: format!("/r/{token}"),
        };
        Ok(Followed::Page(page, found.outgoing.locale.to_string()))
    }

    /// The tenant and user that a link leads to.
    pub(super) fn addressee(&self, found: &Found) -> Result<(TenantName, Arc<str>), Error> {
        let user = self.owner(&found.lane, &found.leased.attempt.user)?;
        Ok((found.lane.name.clone(), user))
    }

    /// What a user may choose from, and what they have chosen.
    pub(super) fn preferences(
        &self,
        found: &Found,
        action: &str,
    ) -> Result<hosted::Preferences, Error> {
        let (tenant, user) = self.addressee(found)?;
        let state = self.state_of(&found.lane, &user)?;
        let live = found.lane.live();
        let strategy = live.as_ref().map(|live| live.engine.strategy());
        let guard = strategy.map(|strategy| strategy.guard());
        let channels: Vec<String> = strategy.map_or_else(Vec::new, |strategy| {
            strategy.channels().iter().map(|channel| channel.name.to_string()).collect()
        });
        let mut topics: Vec<hosted::Topic> = (guard.iter().flat_map(|guard| &guard.topics))
            .map(|topic| hosted::Topic {
                key: topic.name.to_string(),
                title: topic.title.clone(),
                required: topic.consent == Standing::Required,
            })
            .collect();
        if topics.iter().all(|topic| topic.required) {
            // Messages without a topic are chosen by channel alone.
            topics.push(hosted::Topic {
                key: String::new(),
                title: String::new(),
                required: false,
            });
        }
        let mut allowed = BTreeSet::new();
        for (topic, channel) in topics.iter().flat_map(|t| channels.iter().map(move |c| (t, c))) {
            let wanted = guard.is_some_and(|guard| {
                let known = guard.topics.iter().find(|known| *known.name == *topic.key);
                guard.wants_of(&state, known, channel)
            });
            if wanted {
                allowed.insert((topic.key.clone(), channel.clone()));
            }
        }
        Ok(hosted::Preferences {
            sender: tenant.to_string(),
            topics,
            channels,
            allowed,
            quiet: guard.and_then(|guard| guard.quiet.as_ref()).map(|night| {
                let (from, to) = night.hours.texts();
                hosted::QuietHours { from, to, zone: guard_zone(&state) }
            }),
            saved: false,
            action: action.to_owned(),
        })
    }

    pub(super) fn state_of(&self, lane: &Lane, user: &Arc<str>) -> Result<State, Error> {
        let key = UserKey { tenant: lane.id, user: user.clone() };
        match self.store.load(&[key]).map_err(stored)?.into_iter().next().flatten() {
            None => Ok(State::default()),
            Some(stored) => serde_json::from_slice(&stored.state)
                .map_err(|error| Error::Unavailable(format!("a user's state: {error}"))),
        }
    }

    /// Hears what a provider reports: what it is to be answered, and what to have heard by the engine.
    pub(super) fn hear(
        &self,
        tenant: &str,
        channel: &str,
        callback: &Callback<'_>,
        ticket: impl FnOnce(usize) -> Ticket,
    ) -> Result<(Heard, Vec<Call>), Error> {
        let unknown = || Error::NotFound("channel that expects this".to_owned());
        let lane = self.lane(&TenantName::known(tenant)).ok_or_else(unknown)?;
        let known = self.channel(&lane, channel)?.ok_or_else(unknown)?;
        let heard = known.hear(callback).map_err(|error| match error {
            Unheard::Unexpected => unknown(),
            Unheard::Forged => Error::Forbidden(error.to_string()),
            Unheard::Unreadable(_) => Error::invalid(error.to_string()),
        })?;
        let mut inputs = Vec::new();
        let mut words = Vec::new();
        for Return { about, shown } in &heard.returns {
            // Whatever the provider reports about somebody else's attempt is nobody's business.
            let Some(leased) = self.about(&lane, channel, about)? else { continue };
            let shows = match shown {
                Shown::Grade(grade) => Shows::Grade(*grade),
                Shown::Failed(_) => Shows::Failed,
                Shown::Gone(_) => Shows::Gone,
                Shown::OptedOut | Shown::OptedIn => {
                    let allowed = *shown == Shown::OptedIn;
                    let word = Consent { topic: None, channel: Some(channel.into()), allowed };
                    let user = self.owner(&lane, &leased.attempt.user)?;
                    words.push(self.consents(&lane.name, &user, vec![word]));
                    continue;
                }
            };
            if let (Shown::Gone(trouble), Some(address)) = (shown, &leased.attempt.address) {
                self.suppress_key(&lane, channel, address, trouble.reason.word())?;
            }
            inputs.push((leased, shows));
        }
        if !inputs.is_empty() {
            let ticket = ticket(inputs.len());
            for (leased, shows) in inputs {
                self.evidence(&lane, &leased, shows, &ticket);
            }
        }
        Ok((heard, words))
    }

    fn about(&self, lane: &Lane, channel: &str, about: &About) -> Result<Option<Leased>, Error> {
        let found = match about {
            About::Tracking(tracking) => self.store.attempt(lane.id, tracking),
            About::Reference(reference) => self.store.by_reference(lane.id, channel, reference),
            About::Address(address) => {
                self.store.by_address(lane.id, channel, &address_key(channel, address))
            }
        };
        let found = found.map_err(stored)?;
        Ok(found.filter(|found| &*found.attempt.channel == channel))
    }

    fn suppress_key(
        &self,
        lane: &Lane,
        channel: &str,
        address: &Arc<str>,
        reason: &str,
    ) -> Result<(), Error> {
        let suppression = crate::store::Suppression {
            channel: channel.into(),
            address: address.clone(),
            reason: reason.into(),
            at: self.clock.now(),
        };
        self.store.suppress(lane.id, &[suppression]).map_err(stored)
    }
}

/// What somebody said, as the engine hears it.
pub(super) fn consent(info: ConsentInfo) -> Result<Consent, Error> {
    let named = |name: Option<String>, what: &str| match name {
        None => Ok(None),
        Some(name) if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) => {
            Err(Error::invalid(format!("a {what} has 1 to 200 bytes and no control characters")))
        }
        Some(name) => Ok(Some(Arc::from(name))),
    };
    Ok(Consent {
        topic: named(info.topic, "topic")?,
        channel: named(info.channel, "channel")?,
        allowed: info.allowed,
    })
}

/// The zone that a user's clock is in, as far as they have said so.
fn guard_zone(state: &State) -> String {
    match state.profile.get("timezone") {
        Some(Value::Text(zone)) => zone.to_string(),
        _ => String::new(),
    }
}

/// Programs that fetch what people are sent, by a part of what they call themselves.
const MACHINES: [&str; 26] = [
    "bot",
    "crawl",
    "spider",
    "scan",
    "preview",
    "proofpoint",
    "mimecast",
    "barracuda",
    "fetch",
    "curl/",
    "wget/",
    "python",
    "java/",
    "okhttp",
    "go-http",
    "headless",
    "facebookexternalhit",
    "whatsapp",
    "slack",
    "skype",
    "telegram",
    "discord",
    "monitor",
    "safelinks",
    "linkcheck",
    "http-client",
];

/// Whether a request looks like that of a program that opens messages for people who have not: by its method,
/// what it says it is for, and what it calls itself. `header` looks a header up.
#[must_use]
pub fn is_machine<'a>(method: &str, header: impl Fn(&str) -> Option<&'a str>) -> bool {
    if !matches!(method, "GET" | "POST") {
        return true;
    }
    let ahead = ["purpose", "sec-purpose", "x-purpose", "x-moz"].into_iter().filter_map(&header);
    let ahead = ahead.into_iter().any(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("prefetch") || value.contains("preview") || value.contains("prerender")
    });
    let agent = header("user-agent").unwrap_or("").trim().to_ascii_lowercase();
    // Mail programs that fetch all pictures at once call themselves so, and browsers never.
    let bare = agent.is_empty() || agent == "mozilla/5.0";
    // It fetches a picture when somebody opens the mail, and hides who.
    let proxy = agent.contains("googleimageproxy");
    ahead || bare || (!proxy && MACHINES.iter().any(|machine| agent.contains(machine)))
}
