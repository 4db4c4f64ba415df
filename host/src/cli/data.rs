//! `nudge backup` and `nudge check`: a service's data directory, seen from outside.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Done, output};
use crate::engine::{Record, State};
use crate::service::is_nobodys;
use crate::store::sqlite::{self, Severity, Verify};

#[derive(Debug, Args)]
#[command(after_help = "\
The service may run meanwhile. The copy is a data directory like any other: `nudge serve --data TO` goes on \
from it, `nudge check --data TO` verifies it. It holds what was stored when the copy began, and maybe more.")]
pub(super) struct Backup {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "NUDGE_DATA", default_value = "nudge-data")]
    data: PathBuf,
    /// Where the copy goes: a directory that is empty or not there yet
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn backup(arguments: &Backup) -> anyhow::Result<Done> {
    let report = sqlite::backup(&arguments.data, &arguments.to)?;
    let files = report.files.iter().map(|(path, bytes)| (path.display().to_string(), *bytes));
    let files: Vec<(String, u64)> = files.collect();
    output::print(&if arguments.json {
        let file =
            |(path, bytes): &(String, u64)| serde_json::json!({"file": path, "bytes": bytes});
        let files: Vec<_> = files.iter().map(file).collect();
        serde_json::to_string_pretty(&serde_json::json!({ "files": files }))? + "\n"
    } else {
        let row = |(path, bytes): (String, u64)| vec![path, output::count(bytes)];
        output::table(&["file", "bytes"], files.into_iter().map(row))
    })?;
    Ok(Done::Well)
}

#[derive(Debug, Args)]
#[command(after_help = "\
Everything is read and nothing changed: the files' structure, every state, every line of the log, the \
journal, the outbox, and what of these refers to what. The service must not run meanwhile; to check a \
running one's data, check a backup.
Exit codes: 0 the data are sound; 1 something is damaged, and said; 2 they could not be checked.")]
pub(super) struct Check {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "NUDGE_DATA", default_value = "nudge-data")]
    data: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Found {
    sound: bool,
    tenants: u64,
    users: u64,
    timers: u64,
    unflushed: u64,
    chunks: u64,
    events: u64,
    attempts: u64,
    letters: u64,
    bytes: u64,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    place: String,
    what: String,
}

pub(super) fn check(arguments: &Check) -> anyhow::Result<Done> {
    let verify = Verify { state: Some(&state), lines: Some(&lines) };
    let report = sqlite::check(&arguments.data, verify)?;
    let finding = |finding: &sqlite::Finding| Finding {
        severity: match finding.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        place: format!("{} {}", finding.file, finding.table).trim_end().to_owned(),
        what: finding.what.clone(),
    };
    let found = Found {
        sound: report.sound(),
        tenants: report.tenants,
        users: report.users,
        timers: report.timers,
        unflushed: report.unflushed,
        chunks: report.chunks,
        events: report.events,
        attempts: report.outbox,
        letters: report.letters,
        bytes: report.bytes,
        findings: report.findings.iter().map(finding).collect(),
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&found)? + "\n"
    } else {
        output::plain(&found.text())
    })?;
    Ok(if found.sound { Done::Well } else { Done::Wrong })
}

impl Found {
    fn text(&self) -> String {
        let counts = [
            ("tenants", self.tenants),
            ("users", self.users),
            ("timers", self.timers),
            ("states only in the journal", self.unflushed),
            ("chunks of the log", self.chunks),
            ("events", self.events),
            ("attempts", self.attempts),
            ("letters", self.letters),
            ("bytes", self.bytes),
        ];
        let row = |(what, many): (&str, u64)| vec![what.to_owned(), output::count(many)];
        let mut text = output::table(&["", ""], counts.into_iter().map(row));
        text.push('\n');
        for finding in &self.findings {
            text += &format!("{}: {}: {}\n", finding.severity, finding.place, finding.what);
        }
        text += if self.sound {
            "the data are sound\n"
        } else {
            "the data are damaged: go back to a backup, or take what is left with care\n"
        };
        text
    }
}

fn state(bytes: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<State>(bytes).map(drop).map_err(|error| error.to_string())
}

/// A line names its user and holds decisions that can be read, or is about somebody who was erased.
fn lines(bytes: &[u8]) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(rename = "user")]
        _user: String,
        #[serde(rename = "trace", default)]
        _trace: Vec<Record>,
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (at, line) in lines.enumerate() {
        if is_nobodys(line) {
            continue;
        }
        serde_json::from_slice::<Line>(line)
            .map_err(|error| format!("line {}: {error}", at + 1))?;
    }
    Ok(())
}
