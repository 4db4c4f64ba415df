//! What the commands have in common when they talk to people: log lines, errors, tables, numbers.
#![allow(clippy::print_stderr)]

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use crate::sandbox::{Compiler, Limits, Sandbox};

/// Log lines go to standard error, warnings and worse; `NUDGE_LOG` says otherwise.
pub(super) fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("NUDGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// As [`log`], for a service: as much as its configuration says, unless `NUDGE_LOG` does.
pub(super) fn log_service(level: &str, json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("NUDGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        log.json().with_ansi(false).init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    }
}

/// Says why a command could not run: one sentence, and what it follows from.
pub(super) fn complain(error: &anyhow::Error) {
    eprintln!("nudge: {}", plain(&format!("{error:#}")));
}

/// Whether the reader of our output has gone, which is no error: `nudge ... | head`.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).context("standard output")?;
    out.flush().context("standard output")
}

/// A sandbox that compiles in a child process of this program.
pub(super) fn sandbox() -> anyhow::Result<Sandbox> {
    let program: PathBuf =
        std::env::current_exe().context("cannot find this program's own file")?;
    let compiler = Compiler::Child { program, arguments: vec!["compile".to_owned()] };
    Ok(Sandbox::new(Limits::default(), compiler)?)
}

/// A stranger's words without what would move a terminal's cursor or change its colours; lines stay.
pub(super) fn plain(text: &str) -> String {
    let commands = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().map(|c| if commands(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A table without lines: names on the left, numbers on the right.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    let cell = |(at, text): (usize, String)| {
        let side = if at == 0 { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(plain(&text)).set_alignment(side)
    };
    table.set_header(header.iter().map(|h| (*h).to_owned()).enumerate().map(cell));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(cell));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A count with its thousands set apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something.
pub(super) fn several(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A share as a percentage.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

/// A reason as people read it: `no-channel` is "no channel".
pub(super) fn word(reason: &impl Serialize) -> String {
    let name = serde_json::to_value(reason).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("unknown").replace('-', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_words_do_not_command_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\u{9b}\nc"), "a\u{fffd}[31mb\u{fffd}\u{fffd}\nc");
        let shown = table(&["who"], [vec!["\u{1b}]0;title\u{7}".to_owned()]]);
        assert!(!shown.contains('\u{1b}') && shown.contains("title"), "{shown:?}");
    }
}
