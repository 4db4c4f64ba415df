//! `nudge policy test`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::source::{Policy, Source};
use crate::cli::output::{count, several};
use crate::cli::{Done, output};
use crate::kit::bless::bless;
use crate::kit::case;
use crate::kit::junit::{self, Entry};
use crate::kit::run;
use crate::sandbox::{self, Limits, Sandbox, Usage};

#[derive(Debug, Args)]
#[command(after_help = "\
Two rings of tests, both in the sandbox under the limits of production:
  cases     cases/*.toml beside the policy: what happens, and what is decided
  tests     what the component itself exports (nudge_guest::tests! in Rust)
The third ring, native unit tests, is cargo test in the policy's crate.

Exit codes: 0 all passed; 1 some failed; 2 they could not be run.")]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    /// Where the cases are: a folder, or one file [default: cases, beside the policy]
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Run only those whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write what is found into the cases, where it is not what they expect
    #[arg(long, conflicts_with = "only")]
    bless: bool,
    /// Write the results to this file as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// One test or case, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Ran {
    /// `case` or `test`.
    ring: &'static str,
    name: String,
    passed: bool,
    failure: Option<String>,
    fuel: u64,
    memory_bytes: u64,
    #[serde(skip)]
    elapsed: Duration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let source = arguments.policy.source()?;
    let sandbox = output::sandbox()?;
    let bytes = arguments.policy.component(&source, &[])?;
    let policy = sandbox.admit(&bytes).with_context(|| arguments.policy.policy.clone())?;
    let started = Instant::now();
    let mut all = Vec::new();
    let mut usage = Usage::default();
    let cases = arguments.cases.clone().or_else(|| source.cases());
    if let Some(cases) = &cases {
        run_cases(arguments, &sandbox, &policy, cases, &mut all, &mut usage)?;
    }
    // The tests are no part of what goes to production, where a crate keeps them apart.
    let with_tests = match &source {
        Source::Crate(_, package) if package.has_tests => {
            sandbox.admit(&arguments.policy.component(&source, &["tests"])?)?
        }
        _ => policy.clone(),
    };
    run_tests(arguments, &with_tests, &mut all)?;
    if all.is_empty() {
        let only = arguments.only.as_ref().map(|only| format!(" whose name contains {only:?}"));
        anyhow::bail!(
            "there is nothing to run{}: no cases{}, and no tests in the component",
            only.unwrap_or_default(),
            cases.map(|cases| format!(" in {}", cases.display())).unwrap_or_default()
        );
    }
    if let Some(path) = &arguments.junit {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let entries: Vec<Entry<'_>> = all.iter().map(Ran::entry).collect();
        junit::write(BufWriter::new(file), &entries).with_context(|| path.display().to_string())?;
    }
    let failed = all.iter().filter(|ran| !ran.passed).count();
    let limits = sandbox.limits();
    if arguments.json {
        let manifest = policy.manifest();
        let document = json!({
            "policy": manifest.name,
            "version": manifest.version,
            "digest": policy.digest().to_string(),
            "results": all,
            "failed": failed,
            "fuel": { "most": usage.most_fuel, "limit": limits.fuel },
            "configure_fuel": { "most": usage.configure_fuel, "limit": limits.configure_fuel },
            "memory_bytes": { "most": usage.memory_bytes, "limit": limits.memory_bytes },
            "component_bytes": { "most": bytes.len(), "limit": limits.component_bytes },
        });
        output::print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    } else {
        output::print(&output::plain(&report(&all, started.elapsed())))?;
        output::print(&costs(&usage, bytes.len(), limits))?;
    }
    Ok(if failed == 0 { Done::Well } else { Done::Wrong })
}

fn run_cases(
    arguments: &Arguments,
    sandbox: &Sandbox,
    policy: &sandbox::Policy,
    cases: &Path,
    all: &mut Vec<Ran>,
    usage: &mut Usage,
) -> anyhow::Result<()> {
    let files = if cases.is_dir() { case::files(cases)? } else { vec![cases.to_owned()] };
    for path in files {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let file = case::File::parse(&path, &text)?;
        let mut outcomes = Vec::new();
        for case in &file.case {
            let name = format!("{}::{}", file.stem(), case.name);
            if arguments.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                continue;
            }
            outcomes.push(run::run(sandbox, policy, &file, case)?);
        }
        if arguments.bless {
            let blessed = bless(&text, &file, &outcomes)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            if blessed != text {
                write_whole(&path, &blessed)?;
                let file = case::File::parse(&path, &blessed)?;
                outcomes.clear();
                for case in &file.case {
                    outcomes.push(run::run(sandbox, policy, &file, case)?);
                }
            }
        }
        for outcome in outcomes {
            usage.most_fuel = usage.most_fuel.max(outcome.usage.most_fuel);
            usage.configure_fuel = usage.configure_fuel.max(outcome.usage.configure_fuel);
            usage.memory_bytes = usage.memory_bytes.max(outcome.usage.memory_bytes);
            let failures = outcome.failures;
            all.push(Ran {
                ring: "case",
                name: outcome.name,
                passed: failures.is_empty(),
                failure: (!failures.is_empty()).then(|| failures.join("\n")),
                fuel: outcome.usage.most_fuel,
                memory_bytes: outcome.usage.memory_bytes,
                elapsed: outcome.elapsed,
            });
        }
    }
    Ok(())
}

/// The whole file, or what was there before.
pub(super) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("toml.new");
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.with_context(|| path.display().to_string())
}

fn run_tests(
    arguments: &Arguments,
    policy: &sandbox::Policy,
    all: &mut Vec<Ran>,
) -> anyhow::Result<()> {
    for (index, name) in policy.tests()?.into_iter().enumerate() {
        if arguments.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let started = Instant::now();
        let tested = policy.run_test(u32::try_from(index)?)?;
        let failure = tested.failure.map(|failure| {
            let place = if failure.place.is_empty() { "" } else { "at " };
            let mut text = format!("{place}{}\n{}", failure.place, failure.message);
            // The last line is the panic's own.
            let lines = tested.lines.iter().filter(|line| !line.contains(&failure.message));
            for line in lines {
                text += &format!("\nlogged: {line}");
            }
            text.trim().to_owned()
        });
        all.push(Ran {
            ring: "test",
            name,
            passed: failure.is_none(),
            failure,
            fuel: tested.fuel,
            memory_bytes: tested.memory_bytes as u64,
            elapsed: started.elapsed(),
        });
    }
    Ok(())
}

impl Ran {
    fn entry(&self) -> Entry<'_> {
        Entry {
            suite: if self.ring == "case" { "cases" } else { "tests" },
            name: &self.name,
            elapsed: self.elapsed,
            failure: self.failure.clone(),
        }
    }
}

fn report(all: &[Ran], elapsed: Duration) -> String {
    let mut text = output::table(
        &["", "", "fuel", "memory"],
        all.iter().map(|ran| {
            let passed = if ran.passed { "ok" } else { "FAILED" };
            vec![
                format!("{} {}", ran.ring, ran.name),
                passed.to_owned(),
                count(ran.fuel),
                format!("{} KiB", count(ran.memory_bytes >> 10)),
            ]
        }),
    );
    for ran in all {
        if let Some(failure) = &ran.failure {
            let failure = failure.replace('\n', "\n  ");
            text += &format!("\n{} {}\n  {failure}\n", ran.ring, ran.name);
        }
    }
    let failed = all.iter().filter(|ran| !ran.passed).count() as u64;
    let of = |ring: &str| all.iter().filter(|ran| ran.ring == ring).count() as u64;
    let sum = if failed == 0 { "all passed".to_owned() } else { format!("{failed} FAILED") };
    text += &format!(
        "\n{} and {}: {sum}, in {:.2} s\n",
        several(of("case"), "case"),
        several(of("test"), "test"),
        elapsed.as_secs_f64()
    );
    text
}

/// What the cases used at the most, beside what there is.
fn costs(usage: &Usage, bytes: usize, limits: &Limits) -> String {
    let row = |what: &str, has: u64, most: u64| {
        vec![what.to_owned(), count(has), count(most), output::share(has, most)]
    };
    let rows = [
        row("fuel of a question", usage.most_fuel, limits.fuel),
        row("fuel to configure", usage.configure_fuel, limits.configure_fuel),
        row("memory in bytes", usage.memory_bytes, limits.memory_bytes as u64),
        row("component in bytes", bytes as u64, limits.component_bytes as u64),
    ];
    format!("\n{}", output::table(&["at the most", "", "limit", ""], rows))
}
