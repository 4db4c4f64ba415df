//! What a stream of decisions comes to: counts per node and per channel, and the digest of it all.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::engine::{Advance, Decision, End, Record, Refusal, Skip};

/// The sum of a stream of decisions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// By node.
    pub nodes: BTreeMap<Arc<str>, Node>,
    /// By channel.
    pub channels: BTreeMap<Arc<str>, Channel>,
    /// Messages of which at least one attempt was sent.
    pub messages: u64,
    /// Of these, messages whose user then did what they were for.
    pub converted: u64,
    /// Attempts, all in all.
    pub sends: u64,
    /// What all attempts cost, in the tenant's unit.
    pub cost: f64,
    /// Messages that were not sent, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Channels that were passed over, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// How messages ended.
    pub ended: BTreeMap<End, u64>,
    /// Questions that got no answer, by policy and by what it did instead.
    pub faults: BTreeMap<String, u64>,
}

/// One node's share.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Node {
    /// Visits.
    pub visits: u64,
    /// Visits that have stalled.
    pub stalled: u64,
    /// Messages of which at least one attempt was sent.
    pub messages: u64,
    /// Of these, messages whose user then did what they were for.
    pub converted: u64,
}

/// One channel's share.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Channel {
    /// Attempts.
    pub sends: u64,
    /// What they cost, in the tenant's unit.
    pub cost: f64,
}

/// Takes decisions as they come, user by user.
pub struct Counting<W> {
    report: Report,
    digest: Sha256,
    costs: HashMap<Arc<str>, f64>,
    /// The node that each message under way is about, and whether it has been sent.
    nodes: HashMap<Arc<str>, (Arc<str>, bool)>,
    out: Option<W>,
    line: Vec<u8>,
}

impl<W: Write> Counting<W> {
    /// Counts; each decision is also written to `out`, a line of JSON each.
    pub fn new(costs: impl IntoIterator<Item = (Arc<str>, f64)>, out: Option<W>) -> Self {
        Counting {
            report: Report::default(),
            digest: Sha256::new(),
            costs: costs.into_iter().collect(),
            nodes: HashMap::new(),
            out,
            line: Vec::new(),
        }
    }

    /// Takes what came of one user.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn take(&mut self, advance: &Advance) -> io::Result<()> {
        for record in &advance.trace {
            self.write(record)?;
            self.count(record);
        }
        Ok(())
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        self.digest.update(&self.line);
        match &mut self.out {
            Some(out) => out.write_all(&self.line),
            None => Ok(()),
        }
    }

    fn count(&mut self, record: &Record) {
        let report = &mut self.report;
        match &record.decision {
            Decision::Entered { node, .. } => node_of(report, node).visits += 1,
            Decision::Stalled { node, .. } => node_of(report, node).stalled += 1,
            Decision::Drafted { message, node, .. } => {
                // One that was drafted before stays as it is: the second is refused.
                self.nodes.entry(message.clone()).or_insert_with(|| (node.clone(), false));
            }
            Decision::Sent { message, channel, .. } => {
                let cost = self.costs.get(channel).copied().unwrap_or_default();
                report.sends += 1;
                report.cost += cost;
                let share = report.channels.entry(channel.clone()).or_default();
                share.sends += 1;
                share.cost += cost;
                if let Some((node, sent)) = self.nodes.get_mut(message)
                    && !std::mem::replace(sent, true)
                {
                    report.messages += 1;
                    node_of(report, node).messages += 1;
                }
            }
            Decision::Resolved { message, converted, .. } => {
                if let Some((node, true)) = self.nodes.remove(message)
                    && *converted
                {
                    report.converted += 1;
                    node_of(report, &node).converted += 1;
                }
            }
            Decision::Refused { message, reason } => {
                if *reason != Refusal::AlreadyDrafted {
                    self.nodes.remove(message);
                }
                *report.refused.entry(*reason).or_default() += 1;
            }
            Decision::Skipped { reason, .. } => *report.skipped.entry(*reason).or_default() += 1,
            Decision::Ended { reason, .. } => *report.ended.entry(*reason).or_default() += 1,
            Decision::Fault { policy, fault, .. } => {
                *report.faults.entry(format!("{policy}: {fault}")).or_default() += 1;
            }
            _ => {}
        }
    }

    /// The sum, and the digest: the SHA-256 of all lines, in hexadecimal.
    ///
    /// # Errors
    ///
    /// If the last lines cannot be written.
    pub fn finish(mut self) -> io::Result<(Report, String)> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        let digest = self.digest.finalize();
        // Whole units and their fractions: what adding up many small costs left behind goes.
        let tidy = |cost: f64| (cost * 1e6).round() / 1e6;
        self.report.cost = tidy(self.report.cost);
        for channel in self.report.channels.values_mut() {
            channel.cost = tidy(channel.cost);
        }
        Ok((self.report, digest.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

fn node_of<'a>(report: &'a mut Report, node: &Arc<str>) -> &'a mut Node {
    report.nodes.entry(node.clone()).or_default()
}
