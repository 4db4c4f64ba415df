//! `nudge policy build`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::source::{Policy, Source};
use crate::cli::output::count;
use crate::cli::{Done, output};
use crate::sandbox::{Anatomy, Limits, examine};

#[derive(Debug, Args)]
#[command(after_help = "\
A core module that was built by another language's toolchain, with bindings of the contract, becomes a \
component in the same way: nudge policy build --module policy.core.wasm --out policy.wasm")]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    /// Make a component of this core module instead of building a crate
    #[arg(long, value_name = "FILE", requires = "out")]
    module: Option<PathBuf>,
    /// Where the component goes [default: NAME.wasm in cargo's target folder, under nudge]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let source = match &arguments.module {
        Some(module) => Source::File(module.clone()),
        None => arguments.policy.source()?,
    };
    let component = arguments.policy.component(&source, &[])?;
    let out = match (&arguments.out, &source) {
        (Some(out), _) => out.clone(),
        (None, Source::Crate(_, package)) => {
            package.target.join("nudge").join(format!("{}.wasm", package.name))
        }
        (None, _) => anyhow::bail!("say with --out where the component is to go"),
    };
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(&out, &component).with_context(|| out.display().to_string())?;
    let limits = Limits::default();
    output::print(&format!(
        "{}\n\n{}",
        shown(&out),
        sizes(&examine(&component, &limits)?, &limits)
    ))?;
    Ok(Done::Well)
}

/// The path as seen from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// How large it is, beside the limits.
pub(super) fn sizes(anatomy: &Anatomy, limits: &Limits) -> String {
    let memory: u64 = anatomy.memories.iter().map(|memory| memory.initial).sum();
    let table: u64 = anatomy.tables.iter().map(|table| table.initial).sum();
    let other = anatomy
        .bytes
        .saturating_sub(anatomy.code_bytes + anatomy.data_bytes + anatomy.custom_bytes);
    let row = |what: &str, has: u64, most: Option<u64>| {
        let limit = most.map(count).unwrap_or_default();
        let share = most.map(|most| output::share(has, most)).unwrap_or_default();
        vec![what.to_owned(), count(has), limit, share]
    };
    output::table(
        &["bytes", "", "limit", ""],
        [
            row("component", anatomy.bytes as u64, Some(limits.component_bytes as u64)),
            row("  code", anatomy.code_bytes as u64, None),
            row("  data", anatomy.data_bytes as u64, None),
            row("  custom sections", anatomy.custom_bytes as u64, None),
            row("  everything else", other as u64, None),
            row("memory to begin with", memory, Some(limits.memory_bytes as u64)),
            row("table elements", table, Some(limits.table_elements as u64)),
            row(
                "core instances",
                anatomy.core_instances as u64,
                Some(limits.core_instances as u64),
            ),
        ],
    )
}
