//! Campaigns go out: each walks the table of its group in the order of joining, and has the members' lane reach
//! them, some at a time. How far it has got is stored with what came of it, so that after a crash it goes on
//! exactly from there; what was said to the lane and not stored by then is said again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::book::{CAMPAIGN, TenantRecord, put};
use super::campaigns::{CampaignRecord, PAGE};
use super::core::{Core, stored};
use super::lane::{Input, lock};
use super::release::Live;
use super::words::CampaignStatus;
use super::{Error, TenantName};
use crate::engine::event::Instant;
use crate::engine::policy::Launch;
use crate::store::{Cursor, Seq, TenantId};

/// Members of a tenant that campaigns may be on their way to: enough for the lane to have full batches, and
/// few enough for whoever sends events meanwhile.
const MOST_UNDER_WAY: usize = 4_096;

/// What may be caught up with at once after a pause, in milliseconds of a campaign's pace.
const BURST: i64 = 1_000;

/// Campaigns that are going out.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<(TenantId, u64), Run>);

/// A campaign that is going out.
struct Run {
    /// The lane's round that it is in.
    round: u64,
    /// The release that it was composed under.
    release: u64,
    /// The content of a mailbox that it was composed with.
    content: Option<u64>,
    launch: Arc<Launch>,
    /// The member that the lane was last told of.
    at: Option<(Seq, Arc<str>)>,
    /// Up to when the pace has been used, in microseconds.
    paced: i64,
    /// Everybody was found by then, by the lane's count of regroupings: until the next there is nobody new.
    through: Option<u64>,
}

impl Run {
    /// How many members may be reached by now.
    fn allowance(&mut self, per_second: Option<u32>, now: Instant) -> usize {
        let Some(rate) = per_second else { return usize::MAX };
        let now = now.0.saturating_mul(1_000);
        self.paced = self.paced.max(now.saturating_sub(BURST * 1_000)).min(now);
        let each = (1_000_000 / i64::from(rate.max(1))).max(1);
        usize::try_from((now - self.paced) / each).unwrap_or(0)
    }

    fn spend(&mut self, many: usize, per_second: Option<u32>) {
        let Some(rate) = per_second else { return };
        let each = (1_000_000 / i64::from(rate.max(1))).max(1);
        let spent = each.saturating_mul(i64::try_from(many).unwrap_or(i64::MAX));
        self.paced = self.paced.saturating_add(spent);
    }
}

impl Core {
    /// Has all campaigns go on; true if one of them may go on at once.
    pub(super) fn go_out(&self) -> bool {
        let running: Vec<(TenantRecord, Vec<CampaignRecord>)> = self.read_book(|book| {
            let of = |account: &super::book::Account| {
                let campaigns = account.campaigns.values();
                let running = campaigns.filter(|c| c.status == CampaignStatus::Running);
                (account.record.clone(), running.cloned().collect())
            };
            // While everybody is sorted anew under another release, nobody knows who belongs where.
            let settled = |account: &&super::book::Account| {
                !account.record.suspended && !account.record.retime
            };
            book.tenants().filter(settled).map(of).collect()
        });
        let mut runs = lock(&self.runs);
        let runs_on = |key: &(TenantId, u64)| {
            let mut all =
                running.iter().flat_map(|(t, cs)| cs.iter().map(|c| (t.number, c.number)));
            all.any(|known| known == *key)
        };
        runs.0.retain(|key, _| runs_on(key));
        let mut busy = false;
        for (tenant, campaigns) in &running {
            for campaign in campaigns {
                // What is wrong with one is no matter of the others.
                busy |= self.go_on(&mut runs, tenant, campaign).unwrap_or_else(|error| {
                    let (tenant, campaign) = (tenant.number.0, campaign.number);
                    tracing::error!(tenant, campaign, "a campaign cannot go on: {error}");
                    false
                });
            }
        }
        busy
    }

    fn go_on(
        &self,
        runs: &mut Runs,
        tenant: &TenantRecord,
        campaign: &CampaignRecord,
    ) -> Result<bool, Error> {
        let name = TenantName::known(&tenant.name);
        let Some(lane) = self.lane(&name) else { return Ok(false) };
        let Some(live) = lane.live() else { return Ok(false) };
        // Before the cursor is read: whatever comes to nothing from here on makes it be read again.
        let round = lane.round();
        let key = (tenant.number, campaign.number);
        let content = self.content_of(&name, campaign);
        let current =
            |run: &Run| run.round == round && run.release == live.number && run.content == content;
        if !runs.0.get(&key).is_some_and(current) {
            let paced =
                runs.0.get(&key).map_or(self.clock.now().0.saturating_mul(1_000), |r| r.paced);
            let Some(launch) = self.composed(&name, tenant, campaign, &live)? else {
                return Ok(false);
            };
            let at = self.stands_at(tenant.number, campaign)?;
            let release = live.number;
            let run = Run { round, release, content, launch, at, paced, through: None };
            runs.0.insert(key, run);
        }
        let Some(run) = runs.0.get_mut(&key) else { return Ok(false) };
        let regroupings = lane.regroupings();
        if campaign.is_open() && run.through == Some(regroupings) {
            return Ok(false);
        }
        let room = MOST_UNDER_WAY.saturating_sub(lane.reaching());
        let per_second = campaign.new.per_second;
        let most = room.min(run.allowance(per_second, self.clock.now())).min(PAGE);
        if most == 0 {
            return Ok(true);
        }
        let after = run.at.as_ref().map(|(seq, user)| (*seq, &**user));
        let group = &run.launch.campaign.event_type;
        let page = self
            .store
            .members(tenant.number, &run.launch.policy, group, after, most)
            .map_err(stored)?;
        let whole = page.len() == most;
        let late = |seq: &Seq| !campaign.is_open() && seq.0 > campaign.launched_seq;
        let members: Vec<(Seq, Arc<str>)> =
            page.into_iter().take_while(|(seq, _)| !late(seq)).collect();
        let many = members.len();
        let cursor_name: Arc<str> = campaign.cursor().into();
        let input = |(seq, user): &(Seq, Arc<str>)| Input::Reach {
            user: user.clone(),
            launch: Arc::clone(&run.launch),
            cursor: Arc::new(Cursor { name: cursor_name.clone(), seq: *seq, user: user.clone() }),
            round,
        };
        lane.reach(members.iter().map(input).collect());
        run.spend(many, per_second);
        run.at = members.into_iter().next_back().or(run.at.take());
        if many > 0 {
            self.bell.ring();
        }
        if whole && many == most {
            return Ok(true);
        }
        run.through = Some(regroupings);
        // Nothing is on its way any more, or nothing of this one.
        let over = lane.reaching() == 0 && lane.round() == round;
        if !campaign.is_open() && (over || self.stored_at(tenant.number, campaign)? == run.at) {
            self.is_done(&name, campaign.number)?;
            return Ok(false);
        }
        // Until what is on its way is stored, it is not over.
        Ok(many > 0 || !campaign.is_open())
    }

    /// The campaign as the release at work has it; none if it has to wait.
    fn composed(
        &self,
        name: &TenantName,
        tenant: &TenantRecord,
        campaign: &CampaignRecord,
        live: &Live,
    ) -> Result<Option<Arc<Launch>>, Error> {
        let strategy = live.engine.strategy();
        let (launch, wrong) = if campaign.standing {
            let id = campaign.new.name.as_str();
            let asked = campaign.new.campaign();
            match self.compose(name, live, &asked, Some(id), true) {
                Ok(launch) => (launch, None),
                Err(Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
                Err(error) => (campaign.launch.clone(), Some(told(&error))),
            }
        } else {
            let wrong = strategy.check(&campaign.launch).err().map(|error| error.to_string());
            (campaign.launch.clone(), wrong)
        };
        let changed = launch != campaign.launch || wrong != campaign.reason;
        if changed {
            let _changing = lock(&self.changing);
            // It may have been paused or ended meanwhile.
            let now = self.account(name)?.campaigns.get(&campaign.number).cloned();
            if let Some(now) = now.filter(|now| now.status == CampaignStatus::Running) {
                let record =
                    CampaignRecord { launch: launch.clone(), reason: wrong.clone(), ..now };
                self.change(&[put(CAMPAIGN, tenant.number, campaign.number, &record)?])?;
            }
        }
        Ok(wrong.is_none().then(|| Arc::new(launch)))
    }

    /// The latest content of the mailbox that a standing campaign names: with each that comes in it is
    /// composed anew. Others are what they were when they were composed first.
    fn content_of(&self, tenant: &TenantName, campaign: &CampaignRecord) -> Option<u64> {
        let mailbox =
            campaign.new.parameters.get("content").and_then(|content| content.as_str())?;
        self.read_book(|book| {
            let contents = &book.tenant(tenant.as_str()).filter(|_| campaign.standing)?.contents;
            contents.values().rev().find(|own| own.mailbox == mailbox).map(|own| own.id)
        })
    }

    /// Where a campaign goes on: after the last member that it has reached.
    fn stands_at(
        &self,
        tenant: TenantId,
        campaign: &CampaignRecord,
    ) -> Result<Option<(Seq, Arc<str>)>, Error> {
        let stored = self.stored_at(tenant, campaign)?;
        // Who had joined before is not one of those who join.
        let from = campaign.standing.then(|| (Seq(campaign.launched_seq + 1), Arc::from("")));
        Ok(stored.max(from))
    }

    fn stored_at(
        &self,
        tenant: TenantId,
        campaign: &CampaignRecord,
    ) -> Result<Option<(Seq, Arc<str>)>, Error> {
        let name = campaign.cursor();
        let cursors = self.store.cursors(tenant).map_err(stored)?;
        let found = cursors.into_iter().find(|cursor| *cursor.name == *name);
        Ok(found.map(|cursor| (cursor.seq, cursor.user)))
    }

    fn is_done(&self, tenant: &TenantName, number: u64) -> Result<(), Error> {
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let campaign = account.campaigns.get(&number);
        let Some(campaign) = campaign.filter(|c| c.status == CampaignStatus::Running) else {
            return Ok(());
        };
        let done = CampaignRecord {
            status: CampaignStatus::Done,
            ended: Some(self.clock.now().0),
            ..campaign.clone()
        };
        self.change(&[put(CAMPAIGN, account.record.number, number, &done)?])
    }
}

/// What is wrong, in one sentence with all its places.
fn told(error: &Error) -> String {
    match error {
        Error::Invalid { detail, issues } => {
            let issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
            format!("{detail}: {}", issues.join("; "))
        }
        error => error.to_string(),
    }
}
