//! Groups and campaigns: which groups a user belongs to, which campaigns reach them, and what comes of
//! those. Segment criteria say who belongs where; a walk keeps to it here, and `push` has the messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counter::Matcher;
use super::event::{Event, Fields, Instant, What};
use super::ids;
use super::policy::{Draft, Launch, Question};
use super::state::{Cause, State};
use super::strategy::Strategy;
use super::trace::{Decision, End, Missed};
use super::walk::{Ask, Todo, Walk};

/// Campaigns that are over are remembered, the latest of them.
const MOST_OVER: usize = 64;

/// A user's groups under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The policy and the settings that said so; see [`Policy::fingerprint`](super::policy::Policy).
    under: Arc<str>,
    /// The groups, each with the moment since when.
    pub since: BTreeMap<Arc<str>, Instant>,
}

/// A campaign that has reached a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The campaign.
    pub campaign: Arc<str>,
    /// The label of the segment criteria.
    policy: Arc<str>,
    /// The initial group.
    group: Arc<str>,
    /// When it reached the user.
    pub at: Instant,
    /// What the user does counts up to this moment.
    until: Instant,
    /// The event that it is for; none: leaving the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    goal: Option<Arc<str>>,
    /// The user got no message, to be compared with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_out: bool,
    /// What comes of it is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    over: bool,
}

impl Reached {
    /// When it is over, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        // "Within" includes its last moment. What would end after the latest moment never does.
        (!self.over).then(|| self.until.0.checked_add(1).map(Instant)).flatten()
    }

    fn cause(&self, since: Instant) -> Cause {
        Cause::Campaign { campaign: self.campaign.clone(), since }
    }
}

impl State {
    /// Since when the user belongs to a group.
    #[must_use]
    pub fn belongs(&self, policy: &str, group: &str) -> Option<Instant> {
        self.groups.get(policy)?.since.get(group).copied()
    }

    /// What the memberships were told by has changed.
    pub(super) fn sort_anew(&mut self) {
        self.groups.values_mut().for_each(|membership| membership.under = "".into());
    }

    pub(super) fn forget_campaigns(&mut self) {
        let over = self.campaigns.iter().filter(|reached| reached.over).count();
        let mut surplus = over.saturating_sub(MOST_OVER);
        self.campaigns.retain(|reached| {
            let gone = surplus > 0 && reached.over;
            surplus -= usize::from(gone);
            !gone
        });
    }
}

/// Whether a user is held out of a campaign.
pub(super) fn is_held_out(strategy: &Strategy, launch: &Launch, user: &str) -> bool {
    launch.hold_out > 0 && ids::lot(&strategy.key, &launch.id, user) < launch.hold_out
}

impl Walk<'_> {
    /// Takes up a strategy that may not be the one of the step before: whoever was sorted into groups by
    /// other criteria is sorted anew, quietly, as nothing has happened to them.
    pub(super) fn take_up(&mut self, until: Instant) {
        if self.state.clock.is_none() {
            return;
        }
        let strategy = self.strategy;
        self.state.become_known(&strategy.counters, until.max(self.at));
        let gone: Vec<Arc<str>> = (self.state.groups.keys())
            .filter(|label| strategy.audience(label).is_none())
            .cloned()
            .collect();
        for label in gone {
            for (group, _) in self.state.groups.remove(&label).unwrap_or_default().since {
                self.record(Decision::Quit { policy: label.clone(), group });
            }
        }
        for part in &strategy.audiences {
            let Some(known) = strategy.part(*part) else { continue };
            let under = self.state.groups.get(&known.label).map(|sorted| &*sorted.under);
            if under != Some(known.policy.fingerprint()) {
                self.quietly.insert(known.label.clone());
                self.sort(*part);
            }
        }
    }

    /// Has the user sorted into the groups of all segment criteria.
    pub(super) fn sort_all(&mut self) {
        let strategy = self.strategy;
        strategy.audiences.iter().for_each(|part| self.sort(*part));
    }

    fn sort(&mut self, part: usize) {
        let question = Question::Classify;
        let ask = Ask { part: Some(part), question, message: 0, channel: 0 };
        self.todo.push_back(Todo::Ask(ask));
    }

    /// Counts have fallen.
    pub(super) fn fallen(&mut self) {
        let strategy = self.strategy;
        let labels = self.state.fall(&strategy.counters, self.at);
        for part in &strategy.audiences {
            if strategy.part(*part).is_some_and(|part| labels.contains(&part.label)) {
                self.sort(*part);
            }
        }
    }

    /// The user belongs to these groups now, and to no others.
    pub(super) fn sorted(&mut self, part: Option<usize>, groups: &[u32]) {
        let strategy = self.strategy;
        let Some(part) = part.and_then(|part| strategy.part(part)) else { return };
        let label = &part.label;
        let names: BTreeSet<&Arc<str>> =
            groups.iter().filter_map(|at| part.policy.groups().get(*at as usize)).collect();
        let quietly = self.quietly.remove(label) || self.history;
        let at = self.at;
        let sorted = self.state.groups.entry(label.clone()).or_default();
        if *sorted.under != *part.policy.fingerprint() {
            sorted.under = part.policy.fingerprint().into();
        }
        let quit: Vec<Arc<str>> =
            sorted.since.keys().filter(|group| !names.contains(group)).cloned().collect();
        let joined: Vec<Arc<str>> =
            names.into_iter().filter(|g| !sorted.since.contains_key(*g)).cloned().collect();
        for group in quit {
            if let Some(sorted) = self.state.groups.get_mut(label) {
                sorted.since.remove(&group);
            }
            self.record(Decision::Quit { policy: label.clone(), group: group.clone() });
            if !quietly {
                self.achieved(|reached| {
                    let left = *reached.policy == **label && reached.group == group;
                    left && reached.goal.is_none()
                });
            }
        }
        for group in joined {
            if let Some(sorted) = self.state.groups.get_mut(label) {
                sorted.since.insert(group.clone(), at);
            }
            let (policy, joined) = (label.clone(), group.clone());
            self.record(Decision::Joined { policy, group: joined, quietly });
            if !quietly {
                let about = |launch: &&Arc<Launch>| {
                    launch.policy == *label && launch.campaign.event_type == group
                };
                let launches = strategy.campaigns.iter().filter(about);
                self.todo.extend(launches.map(|launch| Todo::Reach(launch.clone())));
            }
        }
    }

    /// A campaign goes out to the user: a member of its group is asked about.
    pub(super) fn reach(&mut self, launch: Arc<Launch>) {
        let strategy = self.strategy;
        let group = &launch.campaign.event_type;
        let Some(part) = strategy.audience(&launch.policy) else {
            return self.missed(&launch, Missed::NoPolicy);
        };
        let Some(since) = self.state.belongs(&launch.policy, group) else {
            return self.missed(&launch, Missed::NotMember);
        };
        // Since the user has joined, if it is for everybody who does; otherwise ever.
        let before = |reached: &super::Reached| {
            reached.campaign == launch.id && (!launch.again || reached.at >= since)
        };
        if self.state.campaigns.iter().any(before) {
            return self.missed(&launch, Missed::Reached);
        }
        self.event = None;
        self.launch = Some(launch);
        let question = Question::Qualify;
        let ask = Ask { part: Some(part), question, message: 0, channel: 0 };
        self.todo.push_front(Todo::Ask(ask));
    }

    fn missed(&mut self, launch: &Launch, reason: Missed) {
        self.record(Decision::Missed { campaign: launch.id.clone(), reason });
    }

    /// The push standard was not told: the policy gave no answer.
    pub(super) fn unqualified(&mut self, reason: Missed) {
        if let Some(launch) = self.launch.take() {
            self.missed(&launch, reason);
        }
    }

    /// The user meets the push standard, or does not.
    pub(super) fn qualified(&mut self, meets: bool) {
        if !meets {
            return self.unqualified(Missed::Unqualified);
        }
        let Some(launch) = self.launch.take() else { return };
        let Launch { id, policy, campaign, goal, within, again, .. } = &*launch;
        let held_out = is_held_out(self.strategy, &launch, &self.user);
        let since = match again {
            true => self.state.belongs(policy, &campaign.event_type).unwrap_or(self.at),
            // The same cause, however often the user has joined.
            false => Instant(0),
        };
        let reached = Reached {
            campaign: id.clone(),
            policy: policy.clone(),
            group: campaign.event_type.clone(),
            at: self.at,
            until: self.at.plus(*within),
            goal: goal.clone(),
            held_out,
            over: false,
        };
        let cause = reached.cause(since);
        // Who is reached again is not waited for twice.
        let own = |other: &&mut Reached| !other.over && other.campaign == *id;
        let mut before = self.state.campaigns.iter_mut().filter(own);
        if let Some(before) = before.next() {
            before.over = true;
            self.campaign_is_over(id, false);
        }
        self.state.campaigns.push(reached);
        self.record(Decision::Targeted {
            campaign: id.clone(),
            policy: policy.clone(),
            group: campaign.event_type.clone(),
            held_out,
        });
        if held_out {
            return;
        }
        let draft = Draft {
            message: campaign.message.clone(),
            importance: campaign.importance,
            pending: None,
            data: campaign.data.clone(),
        };
        self.begin(policy.clone(), cause, draft);
    }

    /// An event may be what campaigns were for.
    pub(super) fn aims(&mut self, name: &str, fields: &Fields) {
        if self.state.campaigns.iter().all(|reached| reached.over) {
            return;
        }
        self.achieved(|reached| {
            reached.goal.as_ref().is_some_and(|goal| Matcher::new(goal).matches(name, fields))
        });
    }

    /// The user has done what these campaigns were for.
    fn achieved(&mut self, which: impl Fn(&Reached) -> bool) {
        let at = self.at;
        let mut done = Vec::new();
        for reached in &mut self.state.campaigns {
            if !reached.over && reached.until >= at && which(reached) {
                reached.over = true;
                done.push((reached.campaign.clone(), reached.held_out, at.since(reached.at)));
            }
        }
        for (campaign, held_out, after) in done {
            self.record(Decision::Achieved { campaign: campaign.clone(), held_out, after });
            self.campaign_is_over(&campaign, true);
        }
    }

    /// The time of a campaign is over.
    pub(super) fn expire(&mut self) {
        let at = self.at;
        let mut over = Vec::new();
        for reached in &mut self.state.campaigns {
            if reached.due().is_some_and(|due| due <= at) {
                reached.over = true;
                over.push(reached.campaign.clone());
            }
        }
        for campaign in over {
            self.campaign_is_over(&campaign, false);
        }
    }

    fn campaign_is_over(&mut self, id: &str, achieved: bool) {
        let about = |message: &super::Message| match &message.cause {
            Cause::Campaign { campaign, .. } => **campaign == *id && !message.resolved,
            Cause::Visit { .. } => false,
        };
        let end = if achieved { End::Converted } else { End::Expired };
        for at in self.messages_that(about) {
            self.settle(at, achieved, end);
        }
    }
}

impl Strategy {
    /// For members of a campaign's group whether each meets its push standard at a moment, and is not held
    /// out. Decides nothing: it is what a campaign would find.
    ///
    /// # Errors
    ///
    /// If the policy or the host gave no answer for any of them.
    pub fn preview(
        &self,
        launch: &Launch,
        members: &[(Arc<str>, State)],
        at: Instant,
    ) -> Result<Vec<Option<bool>>, super::policy::Failure> {
        use super::batch::{Batch, Source};
        let Some(part) = self.audience(&launch.policy).and_then(|part| self.part(part)) else {
            return Ok(vec![None; members.len()]);
        };
        let sources: Vec<Source<'_>> = members
            .iter()
            .map(|(_, state)| Source { at, label: &part.label, event: None, state, visit: None })
            .collect();
        let batch = Batch::of(&sources, part.policy.setup(), Question::Qualify);
        let meets = part.policy.qualify(&launch.campaign.standard, &batch)?;
        let of = |((user, state), meets): (&(Arc<str>, State), bool)| {
            let belongs = state.belongs(&launch.policy, &launch.campaign.event_type).is_some();
            (belongs && meets).then(|| is_held_out(self, launch, user))
        };
        Ok(members.iter().zip(meets).map(of).collect())
    }
}

/// The event with which a campaign goes out to a user.
#[must_use]
pub fn out_to(launch: &Arc<Launch>, user: &Arc<str>, at: Instant) -> Event {
    Event { user: user.clone(), at, what: What::Campaign(launch.clone()) }
}
