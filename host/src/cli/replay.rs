//! `nudge replay`: strategies over recorded events, in virtual time.

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::logs::{self, Logs};
use super::{Done, output, picture};
use crate::engine::Engine;
use crate::page::Page;
use crate::replay::{self, Counting, Events, Portrait, Report};
use crate::service::words::NewCampaign;
use crate::strategy::{self, Campaign, Loaded, Named};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nudge replay events.csv.gz --strategy loan-applications.toml
  nudge replay may.ndjson june.ndjson --strategy carts.toml --json
  nudge replay log.xes --strategy s.toml --node-field concept:name --out decisions.ndjson

A log may be NDJSON, CSV or XES, plain or gzip: its content decides. Each row is an event of one user \
(--user-field) at one node (--node-field) at one time (--time-field). A visit is a maximal run of one \
node for one user; one that is still open when the log ends counts up to the log's last time.

Exit codes: 0 all is well; 1 it ran, and some rows could not be read or a policy failed; 2 it could \
not run.")]
pub(super) struct Arguments {
    #[command(flatten)]
    logs: Logs,
    /// The strategy, in TOML or JSON
    #[arg(long, value_name = "FILE")]
    strategy: PathBuf,
    /// A campaign, in TOML or JSON, that goes out to everybody of its group when the log ends
    #[arg(long, value_name = "FILE")]
    campaign: Option<PathBuf>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Write every decision to this file, one line of JSON each; its SHA-256 is the digest
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a page with pictures to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Threads that evaluate; changes nothing but the time it takes [default: one a processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Rows that a policy is asked about at once; changes nothing but the time it takes
    #[arg(long, value_name = "N", default_value_t = crate::engine::BATCH)]
    batch: usize,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    anyhow::ensure!(arguments.batch > 0, "--batch 0: a batch has at least one row");
    let sandbox = output::sandbox()?;
    let loaded = strategy::load(&arguments.strategy, &sandbox)?;
    let events = logs::read(&arguments.logs, &loaded.strategy)?;
    let out = match &arguments.out {
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let launch = match &arguments.campaign {
        Some(path) => {
            let campaign = read(path)?;
            let composed = loaded.compose(&campaign);
            Some(Arc::new(composed.with_context(|| path.display().to_string())?))
        }
        None => None,
    };
    let Loaded { strategy, name, policies, .. } = loaded;
    let costs = strategy.channels().iter().map(|channel| (channel.name.clone(), channel.cost));
    let mut counting = Counting::new(costs, out);
    let channels: Vec<_> = strategy.channels().iter().map(|channel| channel.name.clone()).collect();
    let mut portrait = Portrait::new(&strategy, events.last);
    let engine = Engine::new(strategy).batches_of(arguments.batch);
    let Events { mut users, count, bad, first, last } = events;
    if let Some(launch) = &launch {
        users.reach(launch, last);
    }
    let user_count = users.len() as u64;
    let bar = logs::bar(user_count, "deciding", "users");
    let how = replay::Run { threads: threads(arguments.threads) };
    replay::run(&engine, users, last, how, |advance| {
        bar.inc(1);
        portrait.take(&advance);
        counting.take(&advance)
    })
    .with_context(|| match &arguments.out {
        Some(path) => path.display().to_string(),
        None => "the replay stopped".to_owned(),
    })?;
    bar.finish_and_clear();
    let (report, digest) = counting.finish().context("the decisions could not be written")?;
    if let Some(path) = &arguments.html {
        let past = picture::past(count, user_count, first, last);
        let side = picture::side(name.clone(), &policies, &channels, &report, &portrait);
        let page = Page { title: name.clone(), past, sides: vec![side], difference: None };
        picture::write(path, &page)?;
    }
    let sum = Sum {
        strategy: name,
        policies: policy_sums(&policies),
        events: count,
        users: user_count,
        bad_rows: bad,
        from: first.to_string(),
        to: last.to_string(),
        report,
        digest,
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&sum)? + "\n"
    } else {
        output::plain(&sum.table(arguments.out.as_deref(), arguments.html.as_deref()))
    })?;
    let wrong = bad > 0 || !sum.report.faults.is_empty();
    Ok(if wrong { Done::Wrong } else { Done::Well })
}

/// The campaign in a file, as `nudge campaign` takes it.
fn read(path: &Path) -> anyhow::Result<Campaign> {
    let campaign: NewCampaign = super::campaign::read(path)?;
    Ok(campaign.campaign())
}

/// As many as are wanted or the machine has, and no more than there are instances for.
pub(super) fn threads(wanted: Option<NonZeroUsize>) -> NonZeroUsize {
    let one = NonZeroUsize::MIN;
    let wanted = wanted.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(one));
    let most = NonZeroUsize::new(crate::sandbox::Limits::default().instances as usize);
    most.map_or(wanted, |most| wanted.min(most))
}

/// The result, as `--json` prints it.
#[derive(Serialize)]
struct Sum<'a> {
    strategy: String,
    policies: Vec<PolicySum<'a>>,
    events: u64,
    users: u64,
    bad_rows: u64,
    from: String,
    to: String,
    #[serde(flatten)]
    report: Report,
    /// A hash over the whole decision stream.
    digest: String,
}

/// A policy of a strategy, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct PolicySum<'a> {
    label: &'a str,
    name: &'a str,
    version: &'a str,
    digest: String,
}

pub(super) fn policy_sums(policies: &[Named]) -> Vec<PolicySum<'_>> {
    policies
        .iter()
        .map(|(label, digest, manifest)| PolicySum {
            label,
            name: &manifest.name,
            version: &manifest.version,
            digest: digest.to_string(),
        })
        .collect()
}

impl Sum<'_> {
    fn table(&self, out: Option<&Path>, html: Option<&Path>) -> String {
        use output::{count, several, share, table};
        let mut text = format!(
            "{} of {}, {} to {}\n\n",
            several(self.events, "event"),
            several(self.users, "user"),
            self.from,
            self.to
        );
        text += &table(
            &["node", "visits", "stalled", "", "messages", "converted", ""],
            self.report.nodes.iter().map(|(name, node)| {
                vec![
                    name.to_string(),
                    count(node.visits),
                    count(node.stalled),
                    share(node.stalled, node.visits),
                    count(node.messages),
                    count(node.converted),
                    share(node.converted, node.messages),
                ]
            }),
        );
        if !self.report.channels.is_empty() {
            text.push('\n');
            let rows = self.report.channels.iter().map(|(name, channel)| {
                vec![name.to_string(), count(channel.sends), format!("{:.2}", channel.cost)]
            });
            text += &table(&["channel", "attempts", "cost"], rows);
        }
        for (policy, groups) in &self.report.groups {
            text.push('\n');
            let rows = groups.iter().map(|(group, members)| {
                vec![format!("{policy} {group}"), count(*members), share(*members, self.users)]
            });
            text += &table(&["group", "members at the end", ""], rows);
        }
        for (id, campaign) in &self.report.campaigns {
            text += &told(id, campaign);
        }
        let each = self.report.cost_per_conversion;
        text += &format!(
            "\n{} in {} at a cost of {:.2}; {} converted{}\n",
            several(self.report.messages, "message"),
            several(self.report.sends, "attempt"),
            self.report.cost,
            count(self.report.converted),
            each.map_or_else(String::new, |each| format!(", at {each:.4} each"))
        );
        for (reason, number) in &self.report.refused {
            text += &format!("{} refused: {}\n", several(*number, "message"), output::word(reason));
        }
        for (reason, number) in &self.report.skipped {
            text +=
                &format!("{} passed over: {}\n", several(*number, "attempt"), output::word(reason));
        }
        for (fault, number) in &self.report.faults {
            text += &format!("{} without an answer: {fault}\n", several(*number, "question"));
        }
        if self.bad_rows > 0 {
            text += &format!("{} could not be read\n", several(self.bad_rows, "row"));
        }
        text += &format!("digest {}\n", self.digest);
        if let Some(out) = out {
            text += &format!("every decision is in {}\n", out.display());
        }
        if let Some(html) = html {
            text += &format!("the page is {}\n", html.display());
        }
        text
    }
}

/// A campaign's sum in lines.
fn told(id: &str, campaign: &replay::Campaign) -> String {
    use output::{count, several, word};
    let mut text = format!(
        "\ncampaign {id}: target group {}, {} held out, {}; did what it is for: {} and, of those held out, {}\n",
        count(campaign.target),
        count(campaign.held_out),
        several(campaign.messages, "message"),
        count(campaign.achieved),
        count(campaign.held_out_achieved)
    );
    for (reason, number) in &campaign.missed {
        text += &format!("  not for {}: {}\n", several(*number, "user"), word(reason));
    }
    text
}
