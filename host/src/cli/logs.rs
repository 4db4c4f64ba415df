//! Logs on the command line: which, what their columns are called, and what a person sees while they are
//! read.
#![allow(clippy::print_stderr)]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::Strategy;
use crate::ingest::{BadRow, Column, Log, Options};
use crate::replay::{self, Events};

/// Bad rows that are shown; all are counted.
const SHOWN: u64 = 10;

/// Logs, and how they are read.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Recorded events: NDJSON, CSV or XES, plain or gzip; `-` is standard input
    #[arg(required = true)]
    log: Vec<PathBuf>,
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
}

/// Reads what a strategy looks at.
pub(super) fn read(logs: &Logs, strategy: &Strategy) -> anyhow::Result<Events> {
    read_for(logs, &[strategy])
}

/// Reads what any of these strategies looks at.
pub(super) fn read_for(logs: &Logs, strategies: &[&Strategy]) -> anyhow::Result<Events> {
    let keep = strategies.iter().flat_map(|s| s.fields()).map(|field| field.to_string()).collect();
    let options = Options {
        user: logs.user_field.clone(),
        node: logs.node_field.clone(),
        time: logs.time_field.clone(),
        kind: logs.kind_field.clone(),
        time_format: logs.time_format.clone(),
        day_first: logs.day_first,
        keep: Some(keep),
    };
    let mut progress = Shown::new();
    let events = replay::read(&logs.log, &options, logs.strict, &mut progress)?;
    progress.finish(events.bad);
    Ok(events)
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
pub(super) fn bar(length: u64, doing: &'static str, unit: &str) -> ProgressBar {
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
