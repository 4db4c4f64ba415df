//! The group table as it stands, and whom a campaign would find there. Reads the store; sends nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;

use super::campaigns::PAGE;
use super::core::{Core, stored};
use super::release::Live;
use super::words::{CampaignPreview, GroupInfo, MemberInfo, NewCampaign, Page};
use super::{Error, TenantName};
use crate::engine::State;
use crate::engine::event::Instant;
use crate::engine::policy::{Failure, Launch, Policy as _};
use crate::store::{Seq, UserKey};

/// Members of a preview's target group that are named.
const SAMPLE: usize = 10;

impl Core {
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
