//! Campaigns: composed, launched, paused, resumed, cancelled. Here what is kept of them and who may do what to
//! them; `runner` has them go out, `groups` knows whom they would find, `standing` has those of releases.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::book::{Account, CAMPAIGN, put, remove};
use super::core::{Core, stored};
use super::lane::lock;
use super::release::{Live, no_tenant};
use super::tally::part;
use super::words::{CampaignInfo, CampaignStatus, NewCampaign};
use super::{Error, TenantName};
use crate::engine::policy::{Failure, Launch, Policy as _};
use crate::sandbox::Issue;
use crate::strategy::{self, ComposeError};

/// Campaigns of a tenant that are kept, standing ones apart.
const MOST_CAMPAIGNS: usize = 200;

/// Members that are looked at in one go: more gain nothing, and cost memory.
pub(super) const PAGE: usize = 2_048;

/// A campaign, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CampaignRecord {
    pub(super) number: u64,
    pub(super) status: CampaignStatus,
    /// Why it is paused or ended, if not by a person's word.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// How it was asked for.
    pub(super) new: NewCampaign,
    /// What was composed.
    pub(super) launch: Launch,
    /// It is the active release's: for whoever joins from the time on when that was activated.
    #[serde(default)]
    pub(super) standing: bool,
    pub(super) created: i64,
    #[serde(default)]
    pub(super) launched: Option<i64>,
    #[serde(default)]
    pub(super) ended: Option<i64>,
    /// The latest chunk when it was launched: whoever joined after is a late joiner.
    #[serde(default)]
    pub(super) launched_seq: u64,
    /// Members of its group when it was launched.
    #[serde(default)]
    pub(super) initial: u64,
}

impl CampaignRecord {
    /// The name of its cursor.
    pub(super) fn cursor(&self) -> String {
        format!("campaign/{}", self.number)
    }

    /// What its counts begin with.
    pub(super) fn prefix(&self) -> String {
        format!("campaign/{}/", part(&self.launch.id))
    }

    /// Whether it waits for whoever joins.
    pub(super) fn is_open(&self) -> bool {
        self.standing || self.new.late_joiners
    }
}

impl Core {
    /// The release at work.
    pub(super) fn at_work(&self, tenant: &TenantName) -> Result<Arc<Live>, Error> {
        let lane = self.lane(tenant).ok_or_else(|| no_tenant(tenant))?;
        lane.live().ok_or_else(|| {
            Error::Conflict(
                "no release is at work: activate one that has segment criteria".to_owned(),
            )
        })
    }

    /// Has the release at work compose a campaign.
    pub(super) fn compose(
        &self,
        tenant: &TenantName,
        live: &Live,
        campaign: &strategy::Campaign,
        id: Option<&str>,
        again: bool,
    ) -> Result<Launch, Error> {
        let called = live.policies.iter().find(|(label, _)| **label == *campaign.policy);
        let policy = called.map(|(_, policy)| policy).filter(|policy| policy.kinds().audience);
        let Some(policy) = policy else {
            let names: Vec<&str> = (live.policies.iter())
                .filter(|(_, policy)| policy.kinds().audience)
                .map(|(label, _)| &**label)
                .collect();
            let message = format!(
                "{:?} is none of the release's policies with segment criteria ({})",
                campaign.policy,
                names.join(", ")
            );
            return Err(refused(vec![Issue { path: "/policy".to_owned(), message }]));
        };
        let campaign = self.with_content(tenant, campaign)?;
        let launch = campaign.compose(id, policy, again).map_err(|error| match error {
            ComposeError::Invalid(issues) => refused(issues),
            ComposeError::Failure(Failure::Fault(fault)) => {
                refused(vec![Issue { path: "/policy".to_owned(), message: fault.to_string() }])
            }
            ComposeError::Failure(Failure::Host(reason)) => Error::Unavailable(reason),
        })?;
        live.engine.strategy().check(&launch).map_err(|error| {
            refused(vec![Issue { path: String::new(), message: error.to_string() }])
        })?;
        Ok(launch)
    }

    /// The campaign with what its parameters name in the tenant's mailboxes in its place.
    pub(super) fn with_content(
        &self,
        tenant: &TenantName,
        campaign: &strategy::Campaign,
    ) -> Result<strategy::Campaign, Error> {
        let mut campaign = campaign.clone();
        self.resolve_content(tenant, &mut campaign.parameters).map_err(|error| match error {
            Error::Invalid { issues, .. } => {
                let place = |issue: Issue| Issue {
                    path: format!("/parameters{}", issue.path),
                    message: issue.message,
                };
                refused(issues.into_iter().map(place).collect())
            }
            error => error,
        })?;
        Ok(campaign)
    }

    /// Composes and keeps a campaign; it reaches nobody before it is launched.
    pub(super) fn create_campaign(
        &self,
        tenant: &TenantName,
        new: NewCampaign,
    ) -> Result<CampaignInfo, Error> {
        new.check()?;
        let live = self.at_work(tenant)?;
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let own = account.campaigns.values().filter(|campaign| !campaign.standing).count();
        if own >= MOST_CAMPAIGNS {
            return Err(Error::Conflict(format!(
                "the tenant has {MOST_CAMPAIGNS} campaigns: delete some that are over"
            )));
        }
        let number = next(&account);
        // A number that was deleted may be given again; users remember campaigns by their ids.
        let created = self.clock.now().0;
        let id = format!("c{number}-{created}");
        let launch = self.compose(tenant, &live, &new.campaign(), Some(&id), new.again)?;
        let record = CampaignRecord {
            number,
            status: CampaignStatus::Draft,
            reason: None,
            new,
            launch,
            standing: false,
            created,
            launched: None,
            ended: None,
            launched_seq: 0,
            initial: 0,
        };
        self.change(&[put(CAMPAIGN, account.record.number, number, &record)?])?;
        self.told_of(&account, &record)
    }

    /// Lets a campaign go out, from the beginning or from where it was paused.
    pub(super) fn launch_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        self.change_campaign(tenant, number, |core, account, campaign| {
            use CampaignStatus::{Draft, Paused};
            let live = core.at_work(tenant)?;
            if !matches!(campaign.status, Draft | Paused) {
                return Err(not_now(campaign, "launched"));
            }
            let wrong = |error: crate::engine::StrategyError| Error::Conflict(error.to_string());
            live.engine.strategy().check(&campaign.launch).map_err(wrong)?;
            if campaign.status == Draft {
                let group = &campaign.launch.campaign.event_type;
                let groups = core.store.groups(account.record.number).map_err(stored)?;
                let found = groups
                    .iter()
                    .find(|g| *g.policy == *campaign.launch.policy && *g.name == **group);
                campaign.initial = found.map_or(0, |group| group.members);
                campaign.launched = Some(core.clock.now().0);
                campaign.launched_seq = core.latest_seq().0;
            }
            campaign.status = CampaignStatus::Running;
            campaign.reason = None;
            Ok(())
        })
    }

    /// Halts a campaign where it is.
    pub(super) fn pause_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        self.change_campaign(tenant, number, |_, _, campaign| {
            if campaign.status != CampaignStatus::Running {
                return Err(not_now(campaign, "paused"));
            }
            campaign.status = CampaignStatus::Paused;
            Ok(())
        })
    }

    /// Ends a campaign for good. Messages that are under way go on.
    pub(super) fn cancel_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        self.change_campaign(tenant, number, |core, _, campaign| {
            use CampaignStatus::{Cancelled, Done};
            if matches!(campaign.status, Cancelled | Done) {
                return Err(not_now(campaign, "cancelled"));
            }
            campaign.status = Cancelled;
            campaign.ended = Some(core.clock.now().0);
            Ok(())
        })
    }

    /// Deletes a campaign that is not going out, with what was counted of it.
    pub(super) fn delete_campaign(&self, tenant: &TenantName, number: u64) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let campaign = account.campaigns.get(&number).ok_or_else(|| none(number))?;
        if campaign.status == CampaignStatus::Running {
            return Err(not_now(campaign, "deleted"));
        }
        let tenant = account.record.number;
        self.store.drop_campaign(tenant, &campaign.cursor(), &campaign.prefix()).map_err(stored)?;
        self.change(&[remove(CAMPAIGN, tenant, number)])
    }

    fn change_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
        change: impl FnOnce(&Core, &Account, &mut CampaignRecord) -> Result<(), Error>,
    ) -> Result<CampaignInfo, Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let mut campaign = account.campaigns.get(&number).cloned().ok_or_else(|| none(number))?;
        change(self, &account, &mut campaign)?;
        self.change(&[put(CAMPAIGN, account.record.number, number, &campaign)?])?;
        // Whom it was on its way to is not reached by what it was.
        if let Some(lane) = self.lane(tenant) {
            lane.next_round();
        }
        self.told_of(&account, &campaign)
    }

    /// All campaigns, newest first.
    pub(super) fn campaigns(&self, tenant: &TenantName) -> Result<Vec<CampaignInfo>, Error> {
        let account = self.account(tenant)?;
        account.campaigns.values().rev().map(|record| self.told_of(&account, record)).collect()
    }

    /// One campaign.
    pub(super) fn campaign(&self, tenant: &TenantName, number: u64) -> Result<CampaignInfo, Error> {
        let account = self.account(tenant)?;
        let campaign = account.campaigns.get(&number).ok_or_else(|| none(number))?;
        self.told_of(&account, campaign)
    }

    fn told_of(&self, account: &Account, record: &CampaignRecord) -> Result<CampaignInfo, Error> {
        let prefix = record.prefix();
        let tallies = self.store.tallies(account.record.number, &prefix).map_err(stored)?;
        let counts: BTreeMap<&str, i64> = (tallies.iter())
            .filter_map(|(name, value)| Some((name.strip_prefix(&*prefix)?, *value)))
            .collect();
        Ok(CampaignInfo::of(record, &counts))
    }
}

fn refused(issues: Vec<Issue>) -> Error {
    Error::Invalid { detail: "the campaign cannot be composed".to_owned(), issues }
}

fn none(number: u64) -> Error {
    Error::NotFound(format!("campaign {number}"))
}

fn not_now(campaign: &CampaignRecord, done: &str) -> Error {
    let (number, status) = (campaign.number, campaign.status.word());
    Error::Conflict(format!("campaign {number} is {status}: it cannot be {done} now"))
}

/// A number that no campaign has.
pub(super) fn next(account: &Account) -> u64 {
    account.campaigns.keys().next_back().map_or(1, |last| last + 1)
}

impl NewCampaign {
    /// What the policy is asked.
    pub(crate) fn campaign(&self) -> strategy::Campaign {
        strategy::Campaign {
            policy: self.policy.clone(),
            parameters: match &self.parameters {
                Json::Null => Json::Object(serde_json::Map::new()),
                parameters => parameters.clone(),
            },
            goal: self.goal.clone(),
            within: self.within.clone(),
            hold_out: self.hold_out,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.per_second == Some(0) {
            let message = "0 a second reach nobody: name a rate, or leave it out".to_owned();
            return Err(refused(vec![Issue { path: "/per_second".to_owned(), message }]));
        }
        Ok(())
    }
}
