//! The service as who sets up channels, and as recipients and their providers see it: channels, suppressions,
//! consent, links and callbacks. Only doors; the rooms behind them are `channels` and `track`.

use std::sync::Arc;

use super::core::stored;
use super::send::address_key;
use super::ticket::Ticket;
use super::track::{Touch, consent};
use super::words::{ChannelInfo, ConsentInfo, NewChannel, NewSuppression, Page, SuppressionInfo};
use super::{Error, Service, TenantName, release};
use crate::channel::Callback;
use crate::engine::consent::Consent;
use crate::hosted;
use crate::store::Suppression;

/// A request of a provider, as it came in.
#[derive(Clone, Debug)]
pub struct Report {
    /// The method.
    pub method: String,
    /// Path and query, as they were asked for.
    pub path: String,
    /// The query.
    pub query: String,
    /// Headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a link leads to.
#[derive(Clone, Debug)]
pub enum Followed {
    /// Somewhere else.
    To(String),
    /// A page with the message.
    Page(hosted::Message, String),
}

impl Service {
    /// A tenant's channels, by name.
    ///
    /// # Errors
    ///
    /// If there is no such tenant; so for all that follow.
    pub async fn channels(&self, tenant: &TenantName) -> Result<Vec<ChannelInfo>, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.channels_of(&tenant))
    }

    /// One of a tenant's channels.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub async fn channel(&self, tenant: &TenantName, name: &str) -> Result<ChannelInfo, Error> {
        blocking!(self, tenant = tenant.clone(), name = name.to_owned();
            core => core.channel_info(&tenant, &name))
    }

    /// Sets a channel up, or up anew; true if it is new.
    ///
    /// # Errors
    ///
    /// What is wrong with its settings, or that there is no key for its secrets.
    pub async fn put_channel(
        &self,
        tenant: &TenantName,
        name: &str,
        new: NewChannel,
    ) -> Result<(ChannelInfo, bool), Error> {
        blocking!(self, tenant = tenant.clone(), name = name.to_owned();
            core => core.put_channel(&tenant, &name, &new))
    }

    /// Removes a channel.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub async fn delete_channel(&self, tenant: &TenantName, name: &str) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(), name = name.to_owned();
            core => core.delete_channel(&tenant, &name))
    }

    /// A tenant's suppressed addresses.
    ///
    /// # Errors
    ///
    /// If `after` is not what the last page said.
    pub async fn suppressions(
        &self,
        tenant: &TenantName,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<SuppressionInfo>, Error> {
        blocking!(self, tenant = tenant.clone(); core => {
            let lane = core.lane(&tenant).ok_or_else(|| release::no_tenant(&tenant))?;
            let place = after.as_deref().map(|after| {
                after.split_once('/').ok_or_else(|| Error::invalid("`after` is what the last page said"))
            });
            let found = core.store.suppressions(lane.id, place.transpose()?, limit);
            let found = found.map_err(stored)?;
            let next = (found.len() == limit).then(|| found.last()).flatten();
            let next = next.map(|last| format!("{}/{}", last.channel, last.address));
            let items = found.into_iter().map(|found| SuppressionInfo {
                channel: found.channel.to_string(),
                key: found.address.to_string(),
                reason: found.reason.to_string(),
                at: found.at.0,
            });
            Ok(Page { items: items.collect(), next })
        })
    }

    /// Suppresses addresses.
    ///
    /// # Errors
    ///
    /// If an address or a reason is none.
    pub async fn suppress(
        &self,
        tenant: &TenantName,
        new: Vec<NewSuppression>,
    ) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(); core => {
            let lane = core.lane(&tenant).ok_or_else(|| release::no_tenant(&tenant))?;
            let now = core.clock.now();
            let rows = new.into_iter().map(|new| {
                check(&new)?;
                Ok(Suppression {
                    address: address_key(&new.channel, &new.address),
                    channel: new.channel.into(),
                    reason: new.reason.unwrap_or_else(|| "by hand".to_owned()).into(),
                    at: now,
                })
            });
            let rows = rows.collect::<Result<Vec<_>, Error>>()?;
            core.store.suppress(lane.id, &rows).map_err(stored)
        })
    }

    /// Lets an address be sent to again.
    ///
    /// # Errors
    ///
    /// If it was not suppressed.
    pub async fn unsuppress(&self, tenant: &TenantName, old: NewSuppression) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(); core => {
            check(&old)?;
            let lane = core.lane(&tenant).ok_or_else(|| release::no_tenant(&tenant))?;
            let key = address_key(&old.channel, &old.address);
            match core.store.unsuppress(lane.id, &old.channel, &key).map_err(stored)? {
                true => Ok(()),
                false => Err(Error::NotFound("such address on the list".to_owned())),
            }
        })
    }

    /// Takes a user's word on what they want to get.
    ///
    /// # Errors
    ///
    /// If a name is none, or it cannot be stored.
    pub async fn consent(
        &self,
        tenant: &TenantName,
        user: &str,
        words: Vec<ConsentInfo>,
    ) -> Result<(), Error> {
        super::users::check_user(user)?;
        let words = words.into_iter().map(consent).collect::<Result<Vec<_>, _>>()?;
        self.say(tenant, &Arc::from(user), words).await
    }

    async fn say(
        &self,
        tenant: &TenantName,
        user: &Arc<str>,
        words: Vec<Consent>,
    ) -> Result<(), Error> {
        let (tenant, items) = self.0.consents(tenant, user, words);
        self.ingest(&tenant, items).await
    }

    /// Somebody follows a message's link, or looks at its page.
    ///
    /// # Errors
    ///
    /// If there is no such message.
    pub async fn follow(&self, token: &str, machine: bool) -> Result<Followed, Error> {
        let (ticket, answer) = Ticket::new(1);
        let followed = blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            let target = super::core::Core::target(&found);
            let touch = if target.is_some() { Touch::Confirmed } else { Touch::Opened };
            core.touched(&found, touch, machine, &ticket);
            match target {
                Some(link) => Ok(Followed::To(link)),
                None => core.page(&found, &token, false),
            }
        })?;
        self.wait(answer).await?;
        Ok(followed)
    }

    /// Somebody uses a message's read button.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn read(&self, token: &str, machine: bool) -> Result<Followed, Error> {
        let (ticket, answer) = Ticket::new(1);
        let followed = blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            core.touched(&found, Touch::Confirmed, machine, &ticket);
            core.page(&found, &token, true)
        })?;
        self.wait(answer).await?;
        Ok(followed)
    }

    /// Somebody fetches a message's picture.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn opened(&self, token: &str, machine: bool) -> Result<(), Error> {
        let (ticket, answer) = Ticket::new(1);
        blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            core.touched(&found, Touch::Opened, machine, &ticket);
            Ok(())
        })?;
        self.wait(answer).await
    }

    /// What unsubscribing by a message's link is about, and the user's locale.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn subscription(&self, token: &str) -> Result<(hosted::Subscription, String), Error> {
        blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            Ok((core.subscription(&found), found.outgoing.locale.to_string()))
        })
    }

    /// Unsubscribes the user from what a message belongs to, or takes that back.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn unsubscribe(&self, token: &str, allowed: bool) -> Result<(), Error> {
        let (tenant, user, word) = blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            let (tenant, user) = core.addressee(&found)?;
            Ok((tenant, user, super::core::Core::unsubscribes(&found, allowed)))
        })?;
        self.say(&tenant, &user, vec![word]).await
    }

    /// What the user of a message may choose from, and the user's locale.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn preferences(
        &self,
        token: &str,
        action: &str,
    ) -> Result<(hosted::Preferences, String), Error> {
        blocking!(self, token = token.to_owned(), action = action.to_owned(); core => {
            let found = core.found(&token)?;
            Ok((core.preferences(&found, &action)?, found.outgoing.locale.to_string()))
        })
    }

    /// Takes what the user of a message has chosen.
    ///
    /// # Errors
    ///
    /// See [`Service::follow`].
    pub async fn choose(&self, token: &str, choice: hosted::Choice) -> Result<(), Error> {
        let (tenant, user, words) = blocking!(self, token = token.to_owned(); core => {
            let found = core.found(&token)?;
            let (tenant, user) = core.addressee(&found)?;
            Ok((tenant, user, chosen(&choice)))
        })?;
        self.say(&tenant, &user, words).await
    }

    /// Takes what a provider reports: what it is to be answered.
    ///
    /// # Errors
    ///
    /// If it is not the provider's, or there is no channel that expects it.
    pub async fn report(
        &self,
        tenant: &str,
        channel: &str,
        report: Report,
    ) -> Result<Option<(&'static str, String)>, Error> {
        let (tenant, channel) = (tenant.to_owned(), channel.to_owned());
        let (heard, words, answer) = blocking!(self, ; core => {
            let headers: Vec<(&str, &str)> =
                report.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let base = core.config.public_url.trim_end_matches('/');
            let url = format!("{base}{}", report.path);
            let callback = Callback {
                method: &report.method,
                url: &url,
                query: &report.query,
                headers: &headers,
                body: &report.body,
                at: core.clock.now(),
            };
            let mut answer = None;
            let (heard, words) = core.hear(&tenant, &channel, &callback, |returns| {
                let (ticket, answered) = Ticket::new(returns);
                answer = Some(answered);
                ticket
            })?;
            Ok((heard, words, answer))
        })?;
        if let Some(answer) = answer {
            self.wait(answer).await?;
        }
        for (tenant, items) in words {
            self.ingest(&tenant, items).await?;
        }
        Ok(heard.answer)
    }
}

/// What the user says by a form: of each topic on each channel that they were asked about, yes or no.
fn chosen(choice: &hosted::Choice) -> Vec<Consent> {
    let named =
        |name: &String| Some(Arc::from(name.as_str())).filter(|name: &Arc<str>| !name.is_empty());
    match choice {
        hosted::Choice::Nothing => vec![Consent { topic: None, channel: None, allowed: false }],
        hosted::Choice::Each(each) => (each.iter())
            .map(|((topic, channel), allowed)| Consent {
                topic: named(topic),
                channel: named(channel),
                allowed: *allowed,
            })
            .collect(),
    }
}

fn check(new: &NewSuppression) -> Result<(), Error> {
    let plain = |text: &str, most: usize| {
        !text.trim().is_empty() && text.len() <= most && !text.chars().any(char::is_control)
    };
    if !plain(&new.channel, 200) || !plain(&new.address, 4096) {
        return Err(Error::invalid("a suppression has a channel and an address"));
    }
    if new.reason.as_deref().is_some_and(|reason| !plain(reason, 100)) {
        return Err(Error::invalid("a reason has 1 to 100 bytes and no control characters"));
    }
    Ok(())
}
