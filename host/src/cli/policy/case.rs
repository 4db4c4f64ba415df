//! `nudge policy case`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::test::write_whole;
use crate::cli::logs::{self, Logs};
use crate::cli::{Done, output};
use crate::kit::bless::bless;
use crate::kit::case::File;
use crate::kit::record::{self, Recorded};
use crate::kit::run;
use crate::strategy;

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nudge policy case events.csv.gz --strategy loans.toml --user 173691 --out cases/173691.toml

The user's events, as far as the strategy's policies look at them, become the steps of a case, and what \
the strategy decides its expectations. The user's name does not get into it; look at the fields before \
you share it.")]
pub(super) struct Arguments {
    #[command(flatten)]
    logs: Logs,
    /// The strategy that was at work, in TOML or JSON
    #[arg(long, value_name = "FILE")]
    strategy: PathBuf,
    /// Whose events
    #[arg(long, value_name = "USER")]
    user: String,
    /// The policy that the case is to test, by its label in the strategy [default: the first]
    #[arg(long, value_name = "LABEL")]
    policy: Option<String>,
    /// What the case is called
    #[arg(long, value_name = "NAME", default_value = "recorded")]
    name: String,
    /// Where it is written; it must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    if let Some(out) = &arguments.out {
        anyhow::ensure!(!out.exists(), "{}: it is there already", out.display());
    }
    let sandbox = output::sandbox()?;
    let loaded = strategy::load(&arguments.strategy, &sandbox)?;
    let labels: Vec<&str> = loaded.document.policy.iter().map(|entry| entry.label()).collect();
    let subject = match &arguments.policy {
        None => 0,
        Some(label) => labels.iter().position(|known| known == label).with_context(|| {
            let path = arguments.strategy.display();
            format!("{path}: no policy is called {label:?}; there are {}", labels.join(", "))
        })?,
    };
    let events = logs::read(&arguments.logs, &loaded.strategy)?;
    let found = events.users.into_iter().find(|(user, _)| **user == *arguments.user);
    let (_, theirs) = found
        .with_context(|| format!("the logs have no event of the user {:?}", arguments.user))?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("recorded.toml"));
    let written = record::write(&Recorded {
        name: &arguments.name,
        document: &loaded.document,
        path: &arguments.strategy,
        subject,
        events: &theirs,
        end: events.last,
        folder: out.parent().unwrap_or(Path::new("")),
    })
    .map_err(|error| anyhow::anyhow!("{error}"))?;
    let entry = loaded.document.policy.get(subject).context("the strategy has no policy")?;
    let policy = sandbox.admit(&strategy::bytes(&arguments.strategy, entry)?)?;
    let file = File::parse(&out, &written)?;
    let mut outcomes = Vec::new();
    for case in &file.case {
        outcomes.push(run::run(&sandbox, &policy, &file, case)?);
    }
    let blessed = bless(&written, &file, &outcomes).map_err(|error| anyhow::anyhow!("{error}"))?;
    match &arguments.out {
        Some(out) => write_whole(out, &blessed)?,
        None => output::print(&blessed)?,
    }
    Ok(Done::Well)
}
