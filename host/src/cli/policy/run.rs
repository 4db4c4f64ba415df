//! `nudge policy run`.
#![allow(clippy::print_stderr)]

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::source::{Policy, Settings};
use crate::cli::output::count;
use crate::cli::{Done, output};
use crate::kit::ask::Ask;

#[derive(Debug, Args)]
#[command(after_help = "\
The question is a JSON document: the question's name, the fields that the policy may see, and what else \
the question says.

  {\"question\": \"locate\", \"event\": {\"node\": \"cart\"}}
  {\"question\": \"stalled\", \"request\": {\"rule\": 0}, \"visit\": {\"interruption\": 7200001}}
  {\"question\": \"plan\", \"request\": {\"readings\": [{\"channel\": \"sms\", \"cost\": 0.05}]}}
  {\"question\": \"render\", \"request\": {\"template\": {\"title\": \"Hi {name}\", \"body\": \"\"}},
   \"profile\": {\"name\": \"Ada\"}}
  {\"question\": \"classify\", \"counter\": {\"login/86400000\": 3}}

Besides event, profile and visit there are counter and channel (\"sms/sent\"), and `at`, the moment.

Exit codes: 0 it answered; 1 it failed, and the answer is its fault; 2 it could not be asked.")]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    settings: Settings,
    /// The question: a file of JSON, or `-` for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
}

/// Reads a question.
pub(super) fn question(path: &std::path::Path) -> anyhow::Result<Ask> {
    let mut text = String::new();
    let named = path.display();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| named.to_string())?;
    }
    serde_json::from_str(&text).map_err(|error| anyhow::anyhow!("{named}: {error}"))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let ask = question(&arguments.input)?;
    let source = arguments.policy.source()?;
    let bytes = arguments.policy.component(&source, &[])?;
    let sandbox = output::sandbox()?;
    let settings = arguments.settings.or_example(&source)?;
    let configured = sandbox.admit(&bytes)?.configure(&settings).context("the settings")?;
    let _ = configured.listen();
    let answer = ask.put(&configured)?;
    for line in configured.listen() {
        eprintln!("{}", output::plain(&line));
    }
    let (usage, limits) = (configured.usage(), sandbox.limits());
    eprintln!(
        "fuel {} of {}, configure {} of {}; memory {} KiB of {}",
        count(usage.most_fuel),
        count(limits.fuel),
        count(usage.configure_fuel),
        count(limits.configure_fuel),
        count(usage.memory_bytes >> 10),
        count(limits.memory_bytes as u64 >> 10)
    );
    output::print(&(serde_json::to_string_pretty(&answer)? + "\n"))?;
    let fault = answer.get("fault").is_some();
    Ok(if fault { Done::Wrong } else { Done::Well })
}
