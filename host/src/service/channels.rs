//! Tenants' channels: what they set up, kept with its secrets sealed, and put to work when something is to be
//! sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::batch::APP;
use super::book::{CHANNEL, put, remove};
use super::core::Core;
use super::lane::{Lane, lock};
use super::words::{ChannelInfo, ChannelStanding, NewChannel};
use super::{Error, TenantName};
use crate::channel::{Channel, Wrong, kinds};
use crate::deliver::breaker::State;
use crate::deliver::pace::{Limits, Rate};
use crate::sandbox::Issue;
use crate::store::TenantId;

/// Channels of a tenant.
const MOST: usize = 50;

/// Bytes of a channel's settings.
const MOST_SETTINGS: usize = 64 << 10;

/// What is shown in a secret's place; sent back, the secret stays as it is.
const HIDDEN: &str = "***";

/// A channel, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChannelRecord {
    pub(super) name: String,
    pub(super) kind: String,
    /// With secrets sealed.
    settings: Json,
    #[serde(default)]
    at_once: Option<usize>,
    #[serde(default)]
    per_second: Option<f64>,
    #[serde(default)]
    burst: Option<u32>,
    created: i64,
    changed: i64,
}

/// Channels at work, by tenant and name.
#[derive(Default)]
pub(super) struct Open(Mutex<BTreeMap<(TenantId, String), Arc<dyn Channel>>>);

impl Open {
    pub(super) fn forget(&self, tenant: TenantId, name: &str) {
        lock(&self.0).remove(&(tenant, name.to_owned()));
    }
}

impl ChannelRecord {
    fn limits(&self, at_once: usize) -> Limits {
        let rate = self.per_second.map(|per_second| Rate {
            per_second,
            burst: self.burst.unwrap_or_else(|| per_second.clamp(1.0, 1_000_000.0) as u32),
        });
        Limits { rate, at_once: self.at_once.unwrap_or(at_once) }
    }
}

impl Core {
    /// The channel of a tenant, or of everybody. An error if the tenant's cannot be put to work.
    pub(super) fn channel(
        &self,
        lane: &Lane,
        name: &str,
    ) -> Result<Option<Arc<dyn Channel>>, Error> {
        let key = (lane.id, name.to_owned());
        if let Some(open) = lock(&self.open_channels.0).get(&key) {
            return Ok(Some(Arc::clone(open)));
        }
        let record = self.read_book(|book| {
            book.tenant(lane.name.as_str()).and_then(|account| account.channels.get(name).cloned())
        });
        let Some(record) = record else { return Ok(self.channels.get(name).cloned()) };
        let channel = self.put_to_work(&lane.name, &record)?;
        lock(&self.open_channels.0).insert(key, Arc::clone(&channel));
        Ok(Some(channel))
    }

    fn put_to_work(
        &self,
        tenant: &TenantName,
        record: &ChannelRecord,
    ) -> Result<Arc<dyn Channel>, Error> {
        let mut settings = record.settings.clone();
        let place = place(tenant, &record.name);
        each_secret(&record.kind, &mut settings, |path, text| {
            self.sealer.open_text(&format!("{place}{path}"), text)
        })?;
        kinds::build(&record.kind, &record.name, &settings, &self.wire).map_err(refused)
    }

    /// What kind of channel it is, for those who count.
    pub(super) fn kind_of(&self, lane: &Lane, name: &str) -> String {
        let own = self.read_book(|book| {
            let account = book.tenant(lane.name.as_str())?;
            account.channels.get(name).map(|record| record.kind.clone())
        });
        let known = name == APP || self.channels.get(name).is_some();
        own.unwrap_or_else(|| if known { name.to_owned() } else { "unknown".to_owned() })
    }

    /// Has the dispatcher keep to what is set for a tenant's channels.
    pub(super) fn limit_channels(&self, tenant: TenantId, records: &[ChannelRecord]) {
        let at_once = self.config.delivery.per_channel;
        let mut dispatcher = lock(&self.dispatcher);
        for record in records {
            let name = Arc::from(record.name.as_str());
            dispatcher.set_limits(tenant, &name, record.limits(at_once));
        }
    }

    /// Sets a channel up, or up anew; true if it is new.
    pub(super) fn put_channel(
        &self,
        tenant: &TenantName,
        name: &str,
        new: &NewChannel,
    ) -> Result<(ChannelInfo, bool), Error> {
        check_name(name)?;
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let before = account.channels.get(name);
        if before.is_none() && account.channels.len() >= MOST {
            return Err(Error::Conflict(format!("a tenant has at most {MOST} channels")));
        }
        let now = self.clock.now().0;
        let mut plain = new.settings.clone();
        let place = place(tenant, name);
        // Or whoever may set a channel up could have its secret sent to themself.
        let moved = before.is_some_and(|before| {
            let places = ["/url", "/base_url", "/host", "/port", "/token/url"];
            places.iter().any(|at| before.settings.pointer(at) != new.settings.pointer(at))
        });
        // What was shown as hidden stays what it was.
        each_secret(&new.kind, &mut plain, |path, text| {
            if text != HIDDEN {
                return Ok(text.to_owned());
            }
            let kept = before.filter(|before| before.kind == new.kind && !moved);
            match kept.and_then(|before| before.settings.pointer(path)).and_then(Json::as_str) {
                Some(sealed) => self.sealer.open_text(&format!("{place}{path}"), sealed),
                None => {
                    let message = if moved {
                        format!("it leads elsewhere now: send the secret itself, not {HIDDEN}")
                    } else {
                        format!("there is no secret here yet that {HIDDEN} stands for")
                    };
                    Err(refused(vec![Wrong::new(path, message)]))
                }
            }
        })?;
        // Refused now rather than when the first message is to go out.
        kinds::build(&new.kind, name, &plain, &self.wire).map_err(refused)?;
        let mut settings = plain;
        each_secret(&new.kind, &mut settings, |path, text| {
            self.sealer.seal(&format!("{place}{path}"), text)
        })?;
        let record = ChannelRecord {
            name: name.to_owned(),
            kind: new.kind.clone(),
            settings,
            at_once: new.at_once,
            per_second: new.per_second,
            burst: new.burst,
            created: before.map_or(now, |before| before.created),
            changed: now,
        };
        check_limits(&record)?;
        self.change(&[put(CHANNEL, account.record.number, name, &record)?])?;
        self.open_channels.forget(account.record.number, name);
        self.limit_channels(account.record.number, std::slice::from_ref(&record));
        lock(&self.dispatcher).reset(account.record.number, name);
        self.streams.outbox.notify_one();
        Ok((self.channel_told(account.record.number, &record)?, before.is_none()))
    }

    /// A tenant's channels, by name.
    pub(super) fn channels_of(&self, tenant: &TenantName) -> Result<Vec<ChannelInfo>, Error> {
        let account = self.account(tenant)?;
        let number = account.record.number;
        account.channels.values().map(|record| self.channel_told(number, record)).collect()
    }

    /// One of a tenant's channels.
    pub(super) fn channel_info(
        &self,
        tenant: &TenantName,
        name: &str,
    ) -> Result<ChannelInfo, Error> {
        let account = self.account(tenant)?;
        let record = account.channels.get(name).ok_or_else(|| none(name))?;
        self.channel_told(account.record.number, record)
    }

    /// Removes a channel. What waits for it fails.
    pub(super) fn delete_channel(&self, tenant: &TenantName, name: &str) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        if !account.channels.contains_key(name) {
            return Err(none(name));
        }
        self.change(&[remove(CHANNEL, account.record.number, name)])?;
        self.open_channels.forget(account.record.number, name);
        Ok(())
    }

    fn channel_told(&self, tenant: TenantId, record: &ChannelRecord) -> Result<ChannelInfo, Error> {
        let mut settings = record.settings.clone();
        each_secret(&record.kind, &mut settings, |_, _| Ok(HIDDEN.to_owned()))?;
        let view = lock(&self.dispatcher).view().into_iter();
        let view = view.into_iter().find(|v| v.tenant == tenant && *v.channel == *record.name);
        let standing = match view.as_ref().map(|view| view.state) {
            None | Some(State::Closed) => ChannelStanding::Closed,
            Some(State::HalfOpen) => ChannelStanding::HalfOpen,
            Some(State::Open) => ChannelStanding::Open,
        };
        Ok(ChannelInfo {
            name: record.name.clone(),
            kind: record.kind.clone(),
            settings,
            at_once: record.at_once,
            per_second: record.per_second,
            burst: record.burst,
            created: record.created,
            changed: record.changed,
            breaker: standing,
            until: view.as_ref().and_then(|view| view.until).map(|until| until.0),
            under_way: view.map_or(0, |view| view.in_flight),
        })
    }
}

fn none(name: &str) -> Error {
    Error::NotFound(format!("channel {name:?}"))
}

/// What a secret is sealed for.
fn place(tenant: &TenantName, channel: &str) -> String {
    format!("{tenant}/channel/{channel}")
}

fn refused(wrongs: Vec<Wrong>) -> Error {
    let issues = wrongs
        .into_iter()
        .map(|wrong| Issue { path: format!("/settings{}", wrong.path), message: wrong.message });
    let detail = "the channel's settings are wrong".to_owned();
    Error::Invalid { detail, issues: issues.collect() }
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(Error::invalid(
            "a channel's name has 1 to 40 lower-case letters, digits and hyphens",
        ));
    }
    if name == APP {
        return Err(Error::invalid(
            "the channel \"app\" is there by itself: its messages are in the inbox",
        ));
    }
    Ok(())
}

fn check_limits(record: &ChannelRecord) -> Result<(), Error> {
    let issue = |name: &str, message: &str| {
        let issues = vec![Issue { path: format!("/{name}"), message: message.to_owned() }];
        Err(Error::Invalid { detail: "the channel's limits are wrong".to_owned(), issues })
    };
    if record.at_once.is_some_and(|at_once| !(1..=100_000).contains(&at_once)) {
        return issue("at_once", "is from 1 to 100000");
    }
    let fits = |rate: f64| (0.001..=1_000_000.0).contains(&rate);
    if record.per_second.is_some_and(|rate| !fits(rate)) {
        return issue("per_second", "is from 0.001 to 1000000");
    }
    if record.burst.is_some_and(|burst| burst == 0) {
        return issue("burst", "is at least 1");
    }
    if record.burst.is_some() && record.per_second.is_none() {
        return issue("burst", "is of no use without per_second");
    }
    if record.settings.to_string().len() > MOST_SETTINGS {
        return issue("settings", "are too long: 64 KiB is the most");
    }
    Ok(())
}

/// Puts another text in the place of each secret of a channel's settings.
fn each_secret(
    kind: &str,
    settings: &mut Json,
    mut with: impl FnMut(&str, &str) -> Result<String, Error>,
) -> Result<(), Error> {
    let Some(patterns) = kinds::secrets(kind) else {
        let kinds = kinds::NAMES.join(", ");
        let issues =
            vec![Issue { path: "/kind".to_owned(), message: format!("is one of {kinds}") }];
        return Err(Error::Invalid {
            detail: format!("there is no kind of channel {kind:?}"),
            issues,
        });
    };
    for pattern in patterns {
        let steps: Vec<&str> = pattern.split('/').skip(1).collect();
        walk(settings, &steps, &mut String::new(), &mut with)?;
    }
    Ok(())
}

fn walk(
    value: &mut Json,
    steps: &[&str],
    path: &mut String,
    with: &mut impl FnMut(&str, &str) -> Result<String, Error>,
) -> Result<(), Error> {
    let Some((step, rest)) = steps.split_first() else {
        if let Json::String(text) = value {
            *text = with(path, text)?;
        }
        return Ok(());
    };
    let wanted = |name: &str| *step == "*" || *step == name;
    let mut into = |name: String, value: &mut Json| {
        let before = path.len();
        path.push('/');
        path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        let walked = walk(value, rest, path, with);
        path.truncate(before);
        walked
    };
    match value {
        Json::Object(members) => {
            for (name, value) in members.iter_mut().filter(|(name, _)| wanted(name)) {
                into(name.clone(), value)?;
            }
        }
        Json::Array(items) => {
            for (at, value) in items.iter_mut().enumerate() {
                if wanted(&at.to_string()) {
                    into(at.to_string(), value)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
