//! `nudge verify`: whether the log of a data directory is what was written.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Done, output};
use crate::service::story::Proof;
use crate::service::{Proving, prove};
use crate::store::sqlite::{Options, Sqlite};

#[derive(Debug, Args)]
#[command(after_help = "\
Each record of a tenant's log is chained to the one before by a hash. Whatever is altered, missing, added or \
moved is found, and so is a line that was erased and that no record of an erasure names. Lines that retention \
has removed are none of these: the first one left begins the chain. Whoever can write all of the data can write \
the whole log anew; a head that was noted elsewhere finds that out, too:

  nudge verify --data ./data --tenant acme --expect 5d0c…

The service must not run meanwhile; to verify a running one's log, verify a backup, or ask it: GET /v1/log/proof.
Exit codes: 0 the log is what was written; 1 it is not, and what was found is said; 2 it could not be verified.")]
pub(super) struct Arguments {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "NUDGE_DATA", default_value = "nudge-data")]
    data: PathBuf,
    /// Only this tenant's log
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// A head that was noted earlier, which the log has to lead to
    #[arg(long, value_name = "HEAD", requires = "tenant")]
    expect: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    is_there(&arguments.data)?;
    let store = Sqlite::open(&arguments.data, Options::default())?;
    let proving = Proving { tenant: arguments.tenant.clone(), expect: arguments.expect.clone() };
    let bar = bar();
    let proofs = prove(&store, &proving, |tenant, seq, last| {
        bar.set_message(output::plain(tenant));
        bar.set_length(last);
        bar.set_position(seq);
    });
    bar.finish_and_clear();
    let proofs = proofs?;
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&serde_json::json!({ "tenants": proofs }))? + "\n"
    } else {
        output::plain(&text(&proofs))
    })?;
    Ok(if proofs.iter().all(|proof| proof.sound) { Done::Well } else { Done::Wrong })
}

/// Whether there are data in a directory: to open one without would make some.
pub(super) fn is_there(data: &Path) -> anyhow::Result<()> {
    if data.join("log.db").is_file() {
        return Ok(());
    }
    anyhow::bail!("{} is no data directory: it has no log.db", data.display())
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{msg:16} {wide_bar} {percent} %") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn text(proofs: &[Proof]) -> String {
    let mut text = String::new();
    for proof in proofs {
        let Proof { tenant, chunks, lines, erased, .. } = proof;
        text += &format!(
            "{tenant}: {}, {}, {} of them erased\n",
            output::several(*chunks, "chunk"),
            output::several(*lines, "line"),
            output::count(*erased)
        );
        if proof.unproved > 0 {
            let old = output::several(proof.unproved, "chunk");
            text += &format!("  {old} from before there was a chain, which nothing proves\n");
        }
        if let Some(head) = &proof.head {
            text += &format!("  head {head}\n");
        }
        for finding in &proof.findings {
            match finding.chunk {
                Some(chunk) => text += &format!("  chunk {chunk}: {}\n", finding.what),
                None => text += &format!("  {}\n", finding.what),
            }
        }
    }
    text += if proofs.is_empty() {
        "there is no tenant\n"
    } else if proofs.iter().all(|proof| proof.sound) {
        "the log is what was written\n"
    } else {
        "the log is not what was written\n"
    };
    text
}
