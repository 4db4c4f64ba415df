//! Which ways the map draws, and where: forward ones to the next node straight down, other forward ones
//! left of the nodes, backward ones right of them, each in a lane of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Flow, Side};

/// How much of all moves is drawn, if it does not take too many ways.
const COVER: f64 = 0.95;
/// So many ways for each node are the most, besides the strongest into it and out of it.
const WAYS_PER_NODE: usize = 2;

/// The ways that are drawn.
pub(super) struct Choice {
    /// The strongest first.
    pub(super) ways: Vec<Flow>,
    /// How many are not.
    pub(super) left_out: usize,
    /// The part of all moves that is drawn.
    pub(super) covered: f64,
}

/// Chooses the strongest ways between the nodes that have rows, and for each of these one in and one out
/// at the least. What it returns speaks of rows.
pub(super) fn choose(side: &Side, rows: &BTreeMap<usize, usize>) -> Choice {
    let sound = |flow: &&Flow| flow.count > 0 && flow.from != Some(flow.to);
    let mut flows: Vec<&Flow> = side.flows.iter().filter(sound).collect();
    flows.sort_by_key(|flow| (Reverse(flow.count), flow.from, flow.to));
    let total: f64 = flows.iter().map(|flow| flow.count as f64).sum();
    let all = flows.len();

    let (mut reached, mut left) = (BTreeSet::new(), BTreeSet::new());
    let (mut drawn, mut ways) = (0.0, Vec::new());
    for flow in flows {
        let from = flow.from.map(|from| rows.get(&from).copied());
        let (Some(&to), None | Some(Some(_))) = (rows.get(&flow.to), from) else { continue };
        let from = from.flatten();
        let first = reached.insert(to) | from.is_some_and(|from| left.insert(from));
        if first || (drawn < COVER * total && ways.len() < WAYS_PER_NODE * rows.len()) {
            drawn += flow.count as f64;
            ways.push(Flow { from, to, count: flow.count });
        }
    }
    let covered = if total > 0.0 { drawn / total } else { 1.0 };
    Choice { left_out: all - ways.len(), ways, covered }
}

/// A way around other nodes.
pub(super) struct Arc {
    /// From and to, indices into the nodes.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) count: u64,
    /// 0 is the lane next to the nodes.
    pub(super) lane: usize,
    /// Where it leaves its node and reaches the other, from 0 at the top of a node to 1 at its bottom.
    pub(super) leaves: f64,
    pub(super) reaches: f64,
}

impl Arc {
    /// Down the page, left of the nodes.
    pub(super) fn forward(&self) -> bool {
        self.from < self.to
    }

    fn span(&self) -> usize {
        self.from.abs_diff(self.to)
    }

    /// What it takes of its lane, in nodes.
    fn extent(&self) -> (f64, f64) {
        let (from, to) = (self.from as f64 + self.leaves, self.to as f64 + self.reaches);
        (from.min(to), from.max(to))
    }
}

/// The arcs among `ways`, those in the lanes next to the nodes first.
pub(super) fn arcs(ways: &[Flow]) -> Vec<Arc> {
    let arc = |way: &Flow| {
        let from = way.from.filter(|from| from + 1 != way.to)?;
        let (to, count) = (way.to, way.count);
        Some(Arc { from, to, count, lane: 0, leaves: 0.0, reaches: 0.0 })
    };
    let mut arcs: Vec<Arc> = ways.iter().filter_map(arc).collect();
    arcs.sort_by_key(|arc| (arc.span(), arc.from, arc.forward()));

    // Where several leave a node, the farther one leaves further from where it goes, and so crosses none of
    // the nearer ones; where they reach one, likewise.
    let port = |arc: &Arc, leaves: bool| {
        let end = |arc: &Arc| if leaves { arc.from } else { arc.to };
        let beside = |other: &&Arc| end(other) == end(arc) && other.forward() == arc.forward();
        let all = arcs.iter().filter(beside).count();
        let outer = arcs.iter().filter(beside).filter(|other| other.span() > arc.span()).count();
        let rank = (outer as f64 + 0.5) / all.max(1) as f64;
        let down = if leaves { 0.55 + 0.37 * rank } else { 0.45 - 0.37 * rank };
        if arc.forward() { down } else { 1.0 - down }
    };
    let ports: Vec<_> = arcs.iter().map(|arc| (port(arc, true), port(arc, false))).collect();
    for (arc, port) in arcs.iter_mut().zip(ports) {
        (arc.leaves, arc.reaches) = port;
    }

    let mut taken: Vec<(bool, usize, (f64, f64))> = Vec::new();
    for arc in &mut arcs {
        let (top, bottom) = arc.extent();
        let free = |lane: &usize| {
            !taken.iter().any(|(forward, other, (from, to))| {
                *forward == arc.forward()
                    && other == lane
                    && top < to + 0.05
                    && *from < bottom + 0.05
            })
        };
        arc.lane = (0..taken.len()).find(free).unwrap_or(taken.len());
        taken.push((arc.forward(), arc.lane, (top, bottom)));
    }
    arcs
}
