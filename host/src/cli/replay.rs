//! `nudge replay`: strategies over recorded events, in virtual time.
#![allow(clippy::print_stderr)]

use std::fs::File;
use std::io::{BufWriter, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{Done, output};
use crate::engine::Engine;
use crate::engine::event::Instant;
use crate::ingest::{BadRow, Column, Log, Options};
use crate::replay::{self, Counting, Events, Report};
use crate::strategy::{self, Loaded};

/// Bad rows that are shown; all are counted.
const SHOWN: u64 = 10;

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
    /// Recorded events: NDJSON, CSV or XES, plain or gzip; `-` is standard input
    #[arg(required = true)]
    log: Vec<PathBuf>,
    /// The strategy, in TOML or JSON
    #[arg(long, value_name = "FILE")]
    strategy: PathBuf,
    /// The column that says whose event a row is [default: guessed from the usual names]
    #[arg(long, value_name = "COLUMN")]
    user_field: Option<String>,
    /// The column that says at which node of the process [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    node_field: Option<String>,
    /// The column that says when [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    time_field: Option<String>,
    /// The column that says what a row is: page, hidden, heartbeat, profile, or anything else for an
    /// operation [default: every row is an operation]
    #[arg(long, value_name = "COLUMN")]
    kind_field: Option<String>,
    /// How times are written, as in strptime: `%d.%m.%Y %H:%M` [default: any usual way]
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// 03/04/2011 is the third of April
    #[arg(long)]
    day_first: bool,
    /// Stop at the first row that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Write every decision to this file, one line of JSON each; its SHA-256 is the digest
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
    let keep = loaded.strategy.event_fields().iter().map(ToString::to_string).collect();
    let options = Options {
        user: arguments.user_field.clone(),
        node: arguments.node_field.clone(),
        time: arguments.time_field.clone(),
        kind: arguments.kind_field.clone(),
        time_format: arguments.time_format.clone(),
        day_first: arguments.day_first,
        keep: Some(keep),
    };
    let mut progress = Shown::new();
    let events = replay::read(&arguments.log, &options, arguments.strict, &mut progress)?;
    progress.finish(events.bad);
    let out = match &arguments.out {
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let Loaded { strategy, name, policies, .. } = loaded;
    let costs = strategy.channels().iter().map(|channel| (channel.name.clone(), channel.cost));
    let mut counting = Counting::new(costs, out);
    let engine = Engine::new(strategy).batches_of(arguments.batch);
    let Events { users, count, bad, first, last } = events;
    let user_count = users.len() as u64;
    let bar = bar(user_count, "deciding", "users");
    replay::run(&engine, users, last, replay::Run { threads: threads(arguments) }, |advance| {
        bar.inc(1);
        counting.take(&advance)
    })
    .with_context(|| match &arguments.out {
        Some(path) => path.display().to_string(),
        None => "the replay stopped".to_owned(),
    })?;
    bar.finish_and_clear();
    let (report, digest) = counting.finish().context("the decisions could not be written")?;
    let sum = Sum {
        strategy: name,
        policies: policies
            .iter()
            .map(|(label, digest, manifest)| PolicySum {
                label,
                name: &manifest.name,
                version: &manifest.version,
                digest: digest.to_string(),
            })
            .collect(),
        events: count,
        users: user_count,
        bad_rows: bad,
        from: time(first),
        to: time(last),
        report,
        digest,
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&sum)? + "\n"
    } else {
        sum.table(arguments.out.as_deref())
    })?;
    let wrong = bad > 0 || !sum.report.faults.is_empty();
    Ok(if wrong { Done::Wrong } else { Done::Well })
}

fn threads(arguments: &Arguments) -> NonZeroUsize {
    let one = NonZeroUsize::MIN;
    arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(one))
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

#[derive(Serialize)]
struct PolicySum<'a> {
    label: &'a str,
    name: &'a str,
    version: &'a str,
    digest: String,
}

impl Sum<'_> {
    fn table(&self, out: Option<&Path>) -> String {
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
        text += &format!(
            "\n{} in {} at a cost of {:.2}; {} converted\n",
            several(self.report.messages, "message"),
            several(self.report.sends, "attempt"),
            self.report.cost,
            count(self.report.converted)
        );
        for (reason, number) in &self.report.refused {
            text += &format!("{} refused: {}\n", several(*number, "message"), word(reason));
        }
        for (reason, number) in &self.report.skipped {
            text += &format!("{} passed over: {}\n", several(*number, "attempt"), word(reason));
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
        text
    }
}

/// A reason as people read it: `no-channel` is "no channel".
fn word(reason: &impl Serialize) -> String {
    let name = serde_json::to_value(reason).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("unknown").replace('-', " ")
}

fn time(at: Instant) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

/// What a person sees while logs are read.
struct Shown {
    bar: ProgressBar,
    rows: u64,
    bad: u64,
    said: Vec<String>,
}

impl Shown {
    fn new() -> Shown {
        Shown { bar: ProgressBar::hidden(), rows: 0, bad: 0, said: Vec::new() }
    }

    fn say(&mut self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    fn finish(&mut self, bad: u64) {
        self.bar.finish_and_clear();
        if bad > SHOWN {
            self.say(&format!("nudge: and {} more rows that cannot be read", bad - SHOWN));
        }
    }
}

impl replay::Progress for Shown {
    fn opened(&mut self, path: &Path, log: &Log) {
        self.bar.finish_and_clear();
        let columns = log.columns();
        let named = |column: &Column| {
            format!("{:?}{}", &*column.name, if column.guessed { " (guessed)" } else { "" })
        };
        let said = format!(
            "{}: {}; user is {}, node is {}, time is {}",
            path.display(),
            log.format(),
            named(&columns.user),
            named(&columns.node),
            named(&columns.time)
        );
        self.say(&said);
        for note in log.assumptions() {
            if !self.said.contains(&note) {
                self.say(&format!("{}: {note}", path.display()));
                self.said.push(note);
            }
        }
        self.bar = bar(log.bytes_total().unwrap_or(0), "reading", "bytes");
    }

    fn row(&mut self, log: &Log) {
        self.rows += 1;
        if self.rows.is_multiple_of(1_024) {
            self.bar.set_position(log.bytes_read());
        }
    }

    fn bad(&mut self, row: &BadRow) {
        self.bad += 1;
        if self.bad <= SHOWN {
            self.say(&format!("nudge: {row}"));
        }
    }
}

/// A progress bar, on a terminal.
fn bar(length: u64, doing: &'static str, unit: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() || length == 0 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_message(doing);
    let shape = if unit == "bytes" {
        "{msg:9} {wide_bar} {bytes}/{total_bytes}"
    } else {
        "{msg:9} {wide_bar} {pos}/{len} users"
    };
    match ProgressStyle::with_template(shape) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
