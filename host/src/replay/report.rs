//! What a stream of decisions comes to: counts per node and per channel, and the digest of it all.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::engine::{Advance, Decision, End, Missed, Record, Refusal, Skip};

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
    /// What one conversion costs; none if there is none.
    pub cost_per_conversion: Option<f64>,
    /// Members at the end, by policy and group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Arc<str>, BTreeMap<Arc<str>, u64>>,
    /// By campaign.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub campaigns: BTreeMap<Arc<str>, Campaign>,
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

/// One campaign's share.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Campaign {
    /// The target group: members of the initial group who meet the push standard and are not held out.
    pub target: u64,
    /// Who meets the push standard and got no message, to be compared with.
    pub held_out: u64,
    /// Whom it was not for, by reason.
    pub missed: BTreeMap<Missed, u64>,
    /// Messages of which at least one attempt was sent.
    pub messages: u64,
    /// Of the target group, who did what it is for.
    pub achieved: u64,
    /// Of those held out, who did so.
    pub held_out_achieved: u64,
}

/// Takes decisions as they come, user by user.
pub struct Counting<W> {
    report: Report,
    digest: Sha256,
    costs: HashMap<Arc<str>, f64>,
    /// What each message under way is about, and whether it has been sent.
    about: HashMap<Arc<str>, (About, bool)>,
    out: Option<W>,
    line: Vec<u8>,
}

/// What a message is about.
enum About {
    Node(Arc<str>),
    Campaign(Arc<str>),
}

impl<W: Write> Counting<W> {
    /// Counts; each decision is also written to `out`, a line of JSON each.
    pub fn new(costs: impl IntoIterator<Item = (Arc<str>, f64)>, out: Option<W>) -> Self {
        Counting {
            report: Report::default(),
            digest: Sha256::new(),
            costs: costs.into_iter().collect(),
            about: HashMap::new(),
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
            Decision::Drafted { message, node, campaign, .. } => {
                let about = match campaign {
                    Some(campaign) => About::Campaign(campaign.clone()),
                    None => About::Node(node.clone()),
                };
                // One that was drafted before stays as it is: the second is refused.
                self.about.entry(message.clone()).or_insert((about, false));
            }
            Decision::Sent { message, channel, .. } => {
                let cost = self.costs.get(channel).copied().unwrap_or_default();
                report.sends += 1;
                report.cost += cost;
                let share = report.channels.entry(channel.clone()).or_default();
                share.sends += 1;
                share.cost += cost;
                if let Some((about, sent)) = self.about.get_mut(message)
                    && !std::mem::replace(sent, true)
                {
                    report.messages += 1;
                    match about {
                        About::Node(node) => node_of(report, node).messages += 1,
                        About::Campaign(id) => campaign_of(report, id).messages += 1,
                    }
                }
            }
            Decision::Resolved { message, converted, .. } => {
                if let Some((about, true)) = self.about.remove(message)
                    && *converted
                {
                    report.converted += 1;
                    if let About::Node(node) = about {
                        node_of(report, &node).converted += 1;
                    }
                }
            }
            Decision::Refused { message, reason } => {
                if *reason != Refusal::AlreadyDrafted {
                    self.about.remove(message);
                }
                *report.refused.entry(*reason).or_default() += 1;
            }
            Decision::Joined { policy, group, .. } => *group_of(report, policy, group) += 1,
            Decision::Quit { policy, group } => {
                let members = group_of(report, policy, group);
                *members = members.saturating_sub(1);
            }
            Decision::Targeted { campaign, held_out, .. } => {
                let share = campaign_of(report, campaign);
                if *held_out { share.held_out += 1 } else { share.target += 1 }
            }
            Decision::Missed { campaign, reason } => {
                *campaign_of(report, campaign).missed.entry(*reason).or_default() += 1;
            }
            Decision::Achieved { campaign, held_out, .. } => {
                let share = campaign_of(report, campaign);
                if *held_out { share.held_out_achieved += 1 } else { share.achieved += 1 }
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
        let converted = self.report.converted;
        let each = self.report.cost / converted as f64;
        self.report.cost_per_conversion = (converted > 0).then(|| tidy(each));
        for channel in self.report.channels.values_mut() {
            channel.cost = tidy(channel.cost);
        }
        Ok((self.report, digest.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

fn node_of<'a>(report: &'a mut Report, node: &Arc<str>) -> &'a mut Node {
    report.nodes.entry(node.clone()).or_default()
}

fn campaign_of<'a>(report: &'a mut Report, id: &Arc<str>) -> &'a mut Campaign {
    report.campaigns.entry(id.clone()).or_default()
}

fn group_of<'a>(report: &'a mut Report, policy: &Arc<str>, group: &Arc<str>) -> &'a mut u64 {
    report.groups.entry(policy.clone()).or_default().entry(group.clone()).or_default()
}
