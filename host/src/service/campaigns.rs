//! Campaigns: composed, previewed, launched, paused, resumed, cancelled. Here what is kept of them and who
//! may do what to them; `runner` has them go out. Standing ones come and go with the release that names them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::book::{Account, CAMPAIGN, ReleaseRecord, put, remove};
use super::core::{Core, stored};
use super::lane::lock;
use super::release::{Live, no_tenant};
use super::tally::part;
use super::words::{
    CampaignInfo, CampaignPreview, CampaignStatus, GroupInfo, MemberInfo, NewCampaign, Page,
};
use super::{Error, TenantName};
use crate::engine::State;
use crate::engine::event::{Fields, Instant, Millis};
use crate::engine::policy::{Campaign, Failure, Importance, Launch, Policy as _};
use crate::sandbox::Issue;
use crate::store::{Change, Seq, UserKey};
use crate::strategy::{self, ComposeError, Document};

/// Campaigns of a tenant that are kept, standing ones apart.
const MOST_CAMPAIGNS: usize = 200;

/// Members that are looked at in one go: more gain nothing, and cost memory.
pub(super) const PAGE: usize = 2_048;

/// Members of a preview's target group that are named.
const SAMPLE: usize = 10;

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
    fn at_work(&self, tenant: &TenantName) -> Result<Arc<Live>, Error> {
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
    fn with_content(
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
        let id = format!("c{number}");
        let launch = self.compose(tenant, &live, &new.campaign(), Some(&id), new.again)?;
        let record = CampaignRecord {
            number,
            status: CampaignStatus::Draft,
            reason: None,
            new,
            launch,
            standing: false,
            created: self.clock.now().0,
            launched: None,
            ended: None,
            launched_seq: 0,
            initial: 0,
        };
        self.change(&[put(CAMPAIGN, account.record.number, number, &record)?])?;
        self.told_of(&account, &record)
    }

    /// Whom a campaign would reach now, and sends nothing. Memory does not grow with the group.
    pub(super) fn preview_campaign(
        &self,
        tenant: &TenantName,
        new: &NewCampaign,
    ) -> Result<CampaignPreview, Error> {
        new.check()?;
        let live = self.at_work(tenant)?;
        let launch = self.compose(tenant, &live, &new.campaign(), Some("preview"), new.again)?;
        let tenant = self.account(tenant)?.record.number;
        let now = self.clock.now();
        let mut preview = CampaignPreview::of(&launch);
        let mut after: Option<(Seq, Arc<str>)> = None;
        loop {
            let place = after.as_ref().map(|(seq, user)| (*seq, &**user));
            let group = &launch.campaign.event_type;
            let page =
                self.store.members(tenant, &launch.policy, group, place, PAGE).map_err(stored)?;
            let keys: Vec<UserKey> =
                page.iter().map(|(_, user)| UserKey { tenant, user: user.clone() }).collect();
            let states = self.store.load(&keys).map_err(stored)?;
            let mut members = Vec::with_capacity(keys.len());
            for (key, stored) in keys.into_iter().zip(states) {
                let Some(stored) = stored else { continue };
                let state: State = serde_json::from_slice(&stored.state)
                    .map_err(|error| Error::Unavailable(format!("a user's state: {error}")))?;
                members.push((key.user, state));
            }
            preview.initial += members.len() as u64;
            qualify(&live, &launch, &members, now, &mut preview)?;
            let whole = page.len() == PAGE;
            after = page.into_iter().next_back().or(after);
            if !whole {
                return Ok(preview);
            }
        }
    }

    /// Lets a campaign go out, from the beginning or from where it was paused.
    pub(super) fn launch_campaign(
        &self,
        tenant: &TenantName,
        number: u64,
    ) -> Result<CampaignInfo, Error> {
        let live = self.at_work(tenant)?;
        self.change_campaign(tenant, number, |core, account, campaign| {
            use CampaignStatus::{Draft, Paused};
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

    /// The groups of all segment criteria, with how many belong to each.
    pub(super) fn groups(&self, tenant: &TenantName) -> Result<Vec<GroupInfo>, Error> {
        let number = self.account(tenant)?.record.number;
        let live = self.lane(tenant).and_then(|lane| lane.live());
        let mut all: BTreeMap<(Arc<str>, Arc<str>), u64> = BTreeMap::new();
        for (label, policy) in live.iter().flat_map(|live| &live.policies) {
            all.extend(policy.groups().iter().map(|g| ((label.clone(), g.clone()), 0)));
        }
        for group in self.store.groups(number).map_err(stored)? {
            let known = all.contains_key(&(group.policy.clone(), group.name.clone()));
            // A group that is gone and empty is none.
            if known || group.members > 0 {
                all.insert((group.policy, group.name), group.members);
            }
        }
        let info = |((policy, group), members): ((Arc<str>, Arc<str>), u64)| GroupInfo {
            policy: policy.to_string(),
            group: group.to_string(),
            members,
        };
        Ok(all.into_iter().map(info).collect())
    }

    /// Members of a group in the order in which they joined.
    pub(super) fn members(
        &self,
        tenant: &TenantName,
        (policy, group): (&str, &str),
        after: Option<&str>,
        most: usize,
    ) -> Result<Page<MemberInfo>, Error> {
        let number = self.account(tenant)?.record.number;
        let wrong = || Error::invalid("`after` is no place in this list: take `next` of an answer");
        let place = |place: &'_ str| {
            let (seq, user) = place.split_once(':').ok_or_else(wrong)?;
            let user = String::from_utf8(URL_SAFE_NO_PAD.decode(user).map_err(|_| wrong())?);
            Ok::<_, Error>((Seq(seq.parse().map_err(|_| wrong())?), user.map_err(|_| wrong())?))
        };
        let after = after.map(place).transpose()?;
        let after = after.as_ref().map(|(seq, user)| (*seq, user.as_str()));
        let found = self.store.members(number, policy, group, after, most).map_err(stored)?;
        let last = found.last().filter(|_| found.len() == most);
        let next = last.map(|(seq, user)| format!("{}:{}", seq.0, URL_SAFE_NO_PAD.encode(&**user)));
        let info =
            |(seq, user): (Seq, Arc<str>)| MemberInfo { user: user.to_string(), chunk: seq.0 };
        Ok(Page { items: found.into_iter().map(info).collect(), next })
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

/// Counts who of some members a campaign would reach. A row that the policy gives no answer for is found by
/// halving.
fn qualify(
    live: &Live,
    launch: &Launch,
    members: &[(Arc<str>, State)],
    now: Instant,
    preview: &mut CampaignPreview,
) -> Result<(), Error> {
    match live.engine.strategy().preview(launch, members, now) {
        Ok(found) => {
            for ((user, _), target) in members.iter().zip(found) {
                match target {
                    Some(true) => preview.held_out += 1,
                    Some(false) => {
                        preview.target += 1;
                        if preview.sample.len() < SAMPLE {
                            preview.sample.push(user.to_string());
                        }
                    }
                    None => preview.unqualified += 1,
                }
            }
            Ok(())
        }
        Err(Failure::Fault(fault)) if members.len() > 1 && fault.is_of_a_row() => {
            let (one, other) = members.split_at(members.len() / 2);
            qualify(live, launch, one, now, preview)?;
            qualify(live, launch, other, now, preview)
        }
        Err(Failure::Fault(_)) => {
            preview.faults += members.len() as u64;
            Ok(())
        }
        Err(Failure::Host(reason)) => Err(Error::Unavailable(reason)),
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

fn next(account: &Account) -> u64 {
    account.campaigns.keys().next_back().map_or(1, |last| last + 1)
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

    fn check(&self) -> Result<(), Error> {
        if self.per_second == Some(0) {
            let message = "0 a second reach nobody: name a rate, or leave it out".to_owned();
            return Err(refused(vec![Issue { path: "/per_second".to_owned(), message }]));
        }
        Ok(())
    }

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
