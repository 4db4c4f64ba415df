//! What a replay looks like: how users move from node to node, how long they stay, and on which days they
//! are messaged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::event::{Instant, Millis};
use crate::engine::policy::{Basis, Place};
use crate::engine::{Advance, Decision, Strategy};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The sum of many users' ways through a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Portrait {
    nodes: BTreeMap<Arc<str>, Stays>,
    /// How often users came from one node, if from any, to another.
    pub(crate) flows: BTreeMap<(Option<Arc<str>>, Arc<str>), u64>,
    /// Messages by day since the Unix epoch, when their first attempt was sent.
    pub(crate) days: BTreeMap<i64, u64>,
    end: Option<Instant>,
}

/// Visits to one node.
#[derive(Clone, Debug, Default)]
struct Stays {
    basis: Option<Basis>,
    thresholds: BTreeSet<Millis>,
    last: bool,
    /// Dwell of each visit that has ended, and of those under way at the end.
    dwells: Vec<u64>,
    /// Where in users' ways it first came up: the sum of the positions, and how many.
    positions: (u64, u64),
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// The node.
    pub(crate) node: Arc<str>,
    /// After how long a visit has stalled, shortest first.
    pub(crate) thresholds: Vec<Millis>,
    /// The process ends here.
    pub(crate) last: bool,
    /// Dwell of all visits, shortest first, in milliseconds.
    pub(crate) dwells: Vec<u64>,
}

impl Portrait {
    /// A portrait of a past that ends at `end`, as a strategy has it.
    pub(crate) fn new(strategy: &Strategy, end: Instant) -> Portrait {
        let mut portrait = Portrait { end: Some(end), ..Portrait::default() };
        for rule in strategy.parts().iter().flat_map(|part| part.policy.rules()) {
            let Place::Named(node) = &rule.place else { continue };
            let stays = portrait.nodes.entry(node.clone()).or_default();
            stays.last |= rule.last;
            if let Some(watch) = rule.watch.filter(|_| !rule.last) {
                stays.thresholds.insert(watch.longer_than);
                stays.basis.get_or_insert(watch.basis);
            }
        }
        portrait
    }

    /// Takes what came of one user.
    pub(crate) fn take(&mut self, advance: &Advance) {
        let mut way: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        let mut sent: BTreeSet<&Arc<str>> = BTreeSet::new();
        let mut position = 0;
        for record in &advance.trace {
            match &record.decision {
                Decision::Entered { node, previous, .. } => {
                    *self.flows.entry((previous.clone(), node.clone())).or_default() += 1;
                    way.entry(node.clone()).or_insert(position);
                    position += 1;
                }
                Decision::Left { node, interruption, page_stay, .. } => {
                    self.stay(node, *interruption, *page_stay);
                }
                Decision::Sent { message, .. } if sent.insert(message) => {
                    *self.days.entry(record.at.0.div_euclid(DAY)).or_default() += 1;
                }
                _ => {}
            }
        }
        for (node, position) in way {
            let (sum, count) = &mut self.nodes.entry(node).or_default().positions;
            *sum += position;
            *count += 1;
        }
        if let Some(end) = self.end {
            for visit in advance.state.visits.values() {
                self.stay(&visit.node, visit.interruption(end), visit.page_stay(end));
            }
        }
    }

    fn stay(&mut self, node: &Arc<str>, interruption: Millis, page_stay: Millis) {
        let stays = self.nodes.entry(node.clone()).or_default();
        let dwell = match stays.basis.unwrap_or(Basis::Interruption) {
            Basis::Interruption => interruption,
            Basis::PageStay => page_stay,
            Basis::Sum => interruption.plus(page_stay),
            Basis::Either => interruption.max(page_stay),
        };
        stays.dwells.push(dwell.0);
    }

    /// The nodes in the order in which users usually come to them; last those that nobody came to.
    pub(crate) fn stays(&self) -> Vec<Stay> {
        let mut nodes: Vec<(&Arc<str>, &Stays)> = self.nodes.iter().collect();
        let mean = |stays: &Stays| match stays.positions {
            (_, 0) => f64::INFINITY,
            (sum, count) => sum as f64 / count as f64,
        };
        nodes.sort_by(|(_, a), (_, b)| mean(a).total_cmp(&mean(b)));
        let stay = |(node, stays): (&Arc<str>, &Stays)| {
            let mut dwells = stays.dwells.clone();
            dwells.sort_unstable();
            Stay {
                node: node.clone(),
                thresholds: stays.thresholds.iter().copied().collect(),
                last: stays.last,
                dwells,
            }
        };
        nodes.into_iter().map(stay).collect()
    }
}
