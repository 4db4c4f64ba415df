//! Policies that give no answer: counted, and when one keeps failing its release makes way for the one
//! before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;
use super::lane::{Lane, lock};
use super::millis;
use super::release::Live;
use super::words::ReleaseStatus;
use crate::engine::event::Instant;

/// A policy is switched off for faults only if they are at least one in so many of its answers.
const TOLERATED: u64 = 20;

/// Faults of one policy.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) all: u64,
    /// When, how many, and how many rows it had been asked about by then.
    recent: VecDeque<(Instant, u64, u64)>,
}

impl Live {
    /// Takes down faults; a reason if it is enough.
    fn note(
        &self,
        now: Instant,
        label: &Arc<str>,
        faults: u64,
        word: &str,
        core: &Core,
    ) -> Option<String> {
        let policies = &core.config.policies;
        let window = millis(policies.fault_window);
        let asked = self.policies.iter().find(|(name, _)| name == label);
        let rows = asked.map_or(0, |(_, policy)| policy.usage().rows);
        let mut all = lock(&self.faults);
        let known = all.entry(label.clone()).or_default();
        known.all += faults;
        known.recent.push_back((now, faults, rows));
        while known.recent.front().is_some_and(|(at, ..)| now.since(*at) > window) {
            known.recent.pop_front();
        }
        let recent: u64 = known.recent.iter().map(|(_, faults, _)| faults).sum();
        let before = known.recent.front().map_or(0, |(_, _, rows)| *rows);
        let asked = rows.saturating_sub(before);
        let enough =
            recent >= u64::from(policies.fault_limit) && recent.saturating_mul(TOLERATED) >= asked;
        enough.then(|| {
            format!("policy {label:?} gave no answer {recent} times, the last time it {word}")
        })
    }
}

impl Core {
    /// Policies of a release have faulted. If they keep doing so, the release before takes over.
    pub(super) fn faulted(
        &self,
        lane: &Arc<Lane>,
        release: u64,
        faults: &BTreeMap<Arc<str>, (u64, String)>,
    ) {
        let Some(live) = lane.live().filter(|live| live.number == release) else { return };
        let now = self.clock.now();
        for (label, (many, word)) in faults {
            self.meter.faults(*many);
            let Some(reason) = live.note(now, label, *many, word, self) else { continue };
            if !live.going.swap(true, Ordering::SeqCst) {
                self.failing(lane, release, reason);
            }
            return;
        }
    }

    /// Has a release switched off, by somebody who has the time: what takes over may have to be built.
    fn failing(&self, lane: &Arc<Lane>, release: u64, reason: String) {
        lock(&self.failing).push((lane.name.clone(), release, reason));
    }

    /// Switches off what was found to keep faulting; true if anything was.
    pub(super) fn replace_failing(&self) -> bool {
        let failing = std::mem::take(&mut *lock(&self.failing));
        let any = !failing.is_empty();
        for (tenant, release, reason) in failing {
            let _changing = lock(&self.changing);
            let active = self.account(&tenant).ok().and_then(|a| a.active().map(|r| r.number));
            if active != Some(release) {
                continue;
            }
            tracing::warn!(release, "a release is switched off, as it keeps faulting");
            let before = self.account(&tenant).ok().and_then(|a| a.before().map(|r| r.number));
            let faulted = ReleaseStatus::Faulted;
            let done = before
                .map(|number| self.activate_held(&tenant, number, faulted, Some(reason.clone())))
                .and_then(Result::ok);
            if done.is_none()
                && let Err(error) = self.switch_off_held(&tenant, faulted, Some(reason))
            {
                tracing::error!(release, "a faulting release cannot be switched off: {error}");
            }
        }
        any
    }
}
