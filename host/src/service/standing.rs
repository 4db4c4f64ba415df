//! Standing campaigns: those that the release at work names. They come and go with it, each known by its name
//! from one release to the next.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::book::{Account, CAMPAIGN, ReleaseRecord, put};
use super::campaigns::{CampaignRecord, next};
use super::core::Core;
use super::release::Live;
use super::words::{CampaignStatus, NewCampaign};
use super::{Error, TenantName};
use crate::engine::StrategyError;
use crate::engine::event::{Fields, Millis};
use crate::engine::policy::{Campaign, Importance, Launch};
use crate::sandbox::Issue;
use crate::store::Change;
use crate::strategy::{self, Document};

impl Core {
    /// Says what is wrong with a release's campaigns before it is kept. One whose mailbox holds nothing yet
    /// cannot be composed before something comes in, and waits for that.
    pub(super) fn check_campaigns(
        &self,
        tenant: &TenantName,
        live: &Live,
        document: &Document,
    ) -> Result<(), Error> {
        let mut issues = Vec::new();
        let mut named = BTreeSet::new();
        for (at, campaign) in document.campaign.iter().enumerate() {
            let name = NewCampaign::standing(at, campaign).name;
            let composed = match self.with_content(tenant, campaign) {
                Err(Error::Invalid { .. }) => Ok(()),
                found => self.compose(tenant, live, &found?, Some(&name), true).map(drop),
            };
            match composed {
                Ok(()) => {}
                Err(Error::Invalid { issues: wrong, .. }) => {
                    let place = |Issue { path, message }| Issue {
                        path: format!("/campaign/{at}{path}"),
                        message,
                    };
                    issues.extend(wrong.into_iter().map(place));
                }
                Err(error) => return Err(error),
            }
            if let Some(name) = named.replace(name) {
                issues.push(Issue {
                    path: format!("/campaign/{at}/parameters/name"),
                    message: StrategyError::CampaignTwice(name.into()).to_string(),
                });
            }
        }
        if issues.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid { detail: "a campaign cannot go out".to_owned(), issues })
    }

    /// Changes that make a release's campaigns the tenant's standing ones. The caller holds `changing`.
    pub(super) fn stand(
        &self,
        account: &Account,
        release: Option<&ReleaseRecord>,
    ) -> Result<Vec<Change>, Error> {
        let damaged = |error: serde_json::Error| Error::Unavailable(format!("release: {error}"));
        let campaigns = match release {
            Some(release) => {
                let document: Document =
                    serde_json::from_value(release.strategy.clone()).map_err(damaged)?;
                document.campaign
            }
            None => Vec::new(),
        };
        let (now, seq) = (self.clock.now().0, self.latest_seq().0);
        let tenant = account.record.number;
        let mut changes = Vec::new();
        let mut number = next(account);
        let mut named = Vec::new();
        for (at, campaign) in campaigns.iter().enumerate() {
            let new = NewCampaign::standing(at, campaign);
            let name = new.name.clone();
            let known = account.campaigns.values().find(|own| own.standing && own.new.name == name);
            let launch = waiting(&name, campaign);
            let record = match known {
                // It goes on for whoever joins from now on, if it was not at work.
                Some(known) if known.status == CampaignStatus::Running => {
                    CampaignRecord { new, ..known.clone() }
                }
                Some(known) => CampaignRecord {
                    new,
                    status: CampaignStatus::Running,
                    reason: None,
                    ended: None,
                    launched_seq: seq,
                    ..known.clone()
                },
                None => {
                    let record = CampaignRecord {
                        number,
                        status: CampaignStatus::Running,
                        reason: None,
                        new,
                        launch,
                        standing: true,
                        created: now,
                        launched: Some(now),
                        ended: None,
                        launched_seq: seq,
                        initial: 0,
                    };
                    number += 1;
                    record
                }
            };
            changes.push(put(CAMPAIGN, tenant, record.number, &record)?);
            named.push(name);
        }
        let gone = |own: &&CampaignRecord| {
            own.standing && own.status == CampaignStatus::Running && !named.contains(&own.new.name)
        };
        for own in account.campaigns.values().filter(gone) {
            let ended = CampaignRecord {
                status: CampaignStatus::Done,
                reason: Some("the release at work has no such campaign".to_owned()),
                ended: Some(now),
                ..own.clone()
            };
            changes.push(put(CAMPAIGN, tenant, own.number, &ended)?);
        }
        Ok(changes)
    }
}

/// A campaign that is yet to be composed.
fn waiting(name: &str, campaign: &strategy::Campaign) -> Launch {
    let composed = Campaign {
        name: name.into(),
        event_type: "".into(),
        message: "".into(),
        importance: Importance::Normal,
        standard: "".into(),
        data: Fields::EMPTY,
    };
    Launch {
        id: name.into(),
        policy: campaign.policy.as_str().into(),
        campaign: composed,
        goal: None,
        within: Millis(0),
        hold_out: 0,
        again: true,
    }
}

impl NewCampaign {
    /// A campaign of a release, known by its name from one release to the next.
    fn standing(at: usize, campaign: &strategy::Campaign) -> NewCampaign {
        let name = campaign.parameters.get("name").and_then(Json::as_str);
        NewCampaign {
            name: name.map_or_else(|| format!("campaign-{}", at + 1), str::to_owned),
            policy: campaign.policy.clone(),
            parameters: campaign.parameters.clone(),
            goal: campaign.goal.clone(),
            within: campaign.within.clone(),
            hold_out: campaign.hold_out,
            late_joiners: true,
            again: true,
            per_second: None,
        }
    }
}
