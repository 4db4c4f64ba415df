//! `nudge policy bench`.
#![allow(clippy::print_stderr)]

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::source::{Policy, Settings, Source};
use crate::cli::output::{count, table};
use crate::cli::{Done, output};
use crate::engine::policy::Policy as _;
use crate::kit::ask::Ask;
use crate::kit::bench;

#[derive(Debug, Args)]
#[command(after_help = "\
Times are medians of many runs, and only their ratios mean something on another machine; fuel is the same \
everywhere. `nudge policy run --help` shows how a question is written.")]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    settings: Settings,
    /// The question: a file of JSON, or `-` for standard input [default: the first of its cases, or
    /// the plainest of its kind]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Do not build native code to compare with
    #[arg(long)]
    no_native: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let source = arguments.policy.source()?;
    let bytes = arguments.policy.component(&source, &[])?;
    let sandbox = output::sandbox()?;
    let settings = arguments.settings.or_example(&source)?;
    let configured = sandbox.admit(&bytes)?.configure(&settings).context("the settings")?;
    let ask = match &arguments.input {
        Some(path) => super::run::question(path)?,
        None => match source.question().filter(|ask| ask.is_for(configured.kinds())) {
            Some(ask) => ask,
            None => plainest(configured.kinds())?,
        },
    };
    let mut costs = bench::sandboxed(&configured, &ask)?;
    let native = match &source {
        Source::Crate(folder, _) if !arguments.no_native => {
            bench::native(folder, &settings, &ask, &mut costs)
        }
        Source::Crate(..) => Err(anyhow::anyhow!("not asked for")),
        _ => Err(anyhow::anyhow!("its source is not at hand: name the crate's folder")),
    };
    let usage = configured.usage();
    let limits = sandbox.limits();
    if arguments.json {
        let document = json!({
            "question": ask.question,
            "batches": costs,
            "configure_fuel": usage.configure_fuel,
            "memory_bytes": usage.memory_bytes,
            "component_bytes": bytes.len(),
            "limits": {
                "fuel": limits.fuel,
                "configure_fuel": limits.configure_fuel,
                "memory_bytes": limits.memory_bytes,
                "component_bytes": limits.component_bytes,
            },
        });
        output::print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
        return Ok(Done::Well);
    }
    let rows = costs.iter().map(|cost| {
        let each = |nanos: f64| nanos / cost.rows as f64;
        let native = cost.native_nanos.map(each);
        vec![
            format!("{}", cost.rows),
            time(cost.nanos),
            time(each(cost.nanos)),
            native.map_or_else(|| "-".to_owned(), time),
            native.map_or_else(|| "-".to_owned(), |n| format!("{:.1}", each(cost.nanos) / n)),
            count(cost.fuel / cost.rows as u64),
            count(cost.fuel),
            output::share(cost.fuel, limits.fuel),
        ]
    });
    let header =
        ["rows", "a batch", "a row", "native", "times", "fuel a row", "fuel", "of the limit"];
    let mut text = format!("{} in batches\n\n{}", ask.question.word(), table(&header, rows));
    text += &format!(
        "\na batch begins with a fresh instance, which is configured first: {} of {} fuel\n\
         memory {} of {} KiB, component {} of {} KiB\n",
        count(usage.configure_fuel),
        count(limits.configure_fuel),
        count(usage.memory_bytes >> 10),
        count(limits.memory_bytes as u64 >> 10),
        count(bytes.len() as u64 >> 10),
        count(limits.component_bytes as u64 >> 10)
    );
    output::print(&text)?;
    if let Err(why) = native {
        eprintln!("no native figures: {why:#}");
    }
    Ok(Done::Well)
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

/// A question of the policy's kind that says as little as it can.
fn plainest(kinds: crate::engine::policy::Kinds) -> anyhow::Result<Ask> {
    let ask = if kinds.journey {
        json!({ "question": "locate" })
    } else if kinds.route {
        let reading = |channel: &str| json!({ "channel": channel });
        let readings = ["app", "email", "sms"].map(reading);
        json!({ "question": "plan", "request": { "readings": readings } })
    } else if kinds.personalise {
        json!({ "question": "render", "request": { "template": { "title": "", "body": "" } } })
    } else {
        json!({ "question": "classify" })
    };
    Ok(serde_json::from_value(ask)?)
}
