//! `nudge policy inspect`.

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::build::sizes;
use super::source::Policy;
use crate::cli::{Done, output};
use crate::sandbox::{Anatomy, Digest, Limits, examine};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Found<'a> {
    digest: String,
    kinds: String,
    tests: bool,
    #[serde(flatten)]
    anatomy: &'a Anatomy,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let source = arguments.policy.source()?;
    let bytes = arguments.policy.component(&source, &[])?;
    let limits = Limits::default();
    let anatomy = examine(&bytes, &limits).with_context(|| arguments.policy.policy.clone())?;
    let found = Found {
        digest: Digest::of(&bytes).to_string(),
        kinds: anatomy.kinds().to_string(),
        tests: anatomy.has_tests(),
        anatomy: &anatomy,
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&found)? + "\n"
    } else {
        text(&found, &limits)
    })?;
    Ok(Done::Well)
}

fn text(found: &Found<'_>, limits: &Limits) -> String {
    let anatomy = found.anatomy;
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("{key:9}{}\n", output::plain(value));
        }
    };
    for (key, value) in &anatomy.metadata {
        line(key, value);
    }
    let kinds = if found.kinds.is_empty() { "none: it is no policy" } else { &found.kinds };
    line("kinds", kinds);
    line("digest", &found.digest);
    if anatomy.metadata.is_empty() {
        line("metadata", "none: it has no section nudge-metadata");
    }
    for (title, names) in [("imports", &anatomy.imports), ("exports", &anatomy.exports)] {
        text += &format!("\n{title}\n");
        for name in names {
            text += &format!("  {}\n", output::plain(name));
        }
        if names.is_empty() {
            text += "  nothing\n";
        }
    }
    text += &format!("\n{}\n", sizes(anatomy, limits));
    match &anatomy.settings_schema {
        Some(schema) => text += &format!("settings schema\n{}\n", output::plain(schema.trim_end())),
        None => {
            text += "settings schema: none in it; `nudge policy check` asks the policy for one\n"
        }
    }
    text
}
