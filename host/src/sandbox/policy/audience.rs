//! The questions of segment criteria, and their answers checked.

use std::sync::Arc;

use super::super::bindings::exports::nudge::policy::audience;
use super::super::bindings::nudge::policy::types;
use super::super::error::{AdmitError, Issue};
use super::super::evaluate::{Live, refused};
use super::super::wire::{self, batch, columns};
use super::{Configured, Policy, wrong};
use crate::engine::batch::Batch;
use crate::engine::policy::{Campaign, Failure};

const MOST_GROUPS: usize = 4_096;

/// The groups' names.
pub(super) fn groups(policy: &Policy, live: &mut Live<'_>) -> Result<Vec<Arc<str>>, AdmitError> {
    const DURING: &str = "groups";
    let guest = audience::GuestIndices::new(&policy.compiled.instance)
        .and_then(|indices| indices.load(&mut live.store, &live.instance))
        .map_err(|error| AdmitError::Contract(format!("{error:#}")))?;
    let answer = guest.call_groups(&mut live.store);
    let groups = live
        .or_fault(policy.sandbox.limits().configure_fuel, answer)
        .map_err(|failure| refused(DURING, failure))?;
    if groups.len() > MOST_GROUPS {
        let reason = format!("{} groups, and at most {MOST_GROUPS} are allowed", groups.len());
        return Err(AdmitError::Answer { during: DURING, reason });
    }
    Ok(groups.into_iter().map(Into::into).collect())
}

impl Configured {
    /// The groups of each user, checked.
    pub(super) fn ask_classify(&self, records: &Batch) -> Result<Vec<Vec<u32>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, audience);
        let columns = columns(records);
        let answer = guest.call_classify(&mut live.store, batch(records, &columns));
        let found = self.answer(&live, records.rows(), answer)?;
        if found.rows.len() != found.groups.len() {
            return Err(wrong("there is not one group for each row of a pair".to_owned()));
        }
        let mut all = vec![Vec::new(); records.rows()];
        for (row, group) in found.rows.into_iter().zip(found.groups) {
            if group as usize >= self.groups.len() {
                return Err(wrong(format!("there is no group {group}")));
            }
            let Some(groups) = all.get_mut(row as usize) else {
                return Err(wrong(
                    "there is a group for a row that was not asked about".to_owned(),
                ));
            };
            if groups.last().is_some_and(|last| *last >= group) {
                return Err(wrong("the groups of a row are not in order, each once".to_owned()));
            }
            groups.push(group);
        }
        Ok(all)
    }

    /// Who meets the standard, checked.
    pub(super) fn ask_qualify(
        &self,
        standard: &str,
        members: &Batch,
    ) -> Result<Vec<bool>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, audience);
        let columns = columns(members);
        let answer = guest.call_qualify(&mut live.store, standard, batch(members, &columns));
        let mut all = vec![false; members.rows()];
        for row in self.answer(&live, members.rows(), answer)? {
            match all.get_mut(row as usize) {
                Some(slot @ false) => *slot = true,
                Some(true) => return Err(wrong("a row is named twice".to_owned())),
                None => return Err(wrong("a row is named that was not asked about".to_owned())),
            }
        }
        Ok(all)
    }

    /// What campaign the parameters, a JSON document, make; or everything that is wrong with them.
    ///
    /// # Errors
    ///
    /// If there is no answer, because of the policy or because of the host.
    pub fn compose(&self, parameters: &str) -> Result<Result<Campaign, Vec<Issue>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, audience);
        let answer = guest.call_compose(&mut live.store, parameters);
        let campaign = match self.answer(&live, 1, answer)? {
            Ok(campaign) => campaign,
            Err(issues) => {
                let issue = |i: types::Issue| Issue { path: i.path, message: i.message };
                return Ok(Err(issues.into_iter().map(issue).collect()));
            }
        };
        Ok(Ok(Campaign {
            name: campaign.name.into(),
            event_type: campaign.event_type.into(),
            message: campaign.message.into(),
            importance: wire::own_importance(campaign.importance),
            standard: campaign.standard.into(),
            data: wire::fields(campaign.data)?,
        }))
    }
}
