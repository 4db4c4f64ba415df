//! `nudge user`: all that is kept about somebody, and nothing of it any more.
#![allow(clippy::print_stderr)]

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use reqwest::Method;

use super::remote::{Answered, Remote};
use super::{Done, output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print all that is kept about a user, as one JSON document
    Export(Export),
    /// Erase a user: nothing is left but hashes of what was logged
    Erase(Erase),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The key comes from NUDGE_KEY, so that it stands in no list of processes.
Exit codes: 0 it is printed; 1 nothing is known of the user; 2 the service could not be asked.")]
struct Export {
    #[command(flatten)]
    remote: Remote,
    /// The user
    #[arg(long, value_name = "USER")]
    user: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It cannot be undone. Whoever comes by the same name afterwards is somebody new. Copies elsewhere, backups among \
them, stay as they are.
The key comes from NUDGE_KEY, so that it stands in no list of processes.
Exit codes: 0 nothing is left; 1 nothing is known of the user, or it was not confirmed; 2 the service could not be \
asked.")]
struct Erase {
    #[command(flatten)]
    remote: Remote,
    /// The user
    #[arg(long, value_name = "USER")]
    user: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    match &arguments.command {
        Command::Export(export) => {
            let path = ["v1", "users", &export.user, "export"];
            match export.remote.ask(Method::GET, &path, &[])? {
                Answered::Done(document) => {
                    output::print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
                    Ok(Done::Well)
                }
                Answered::Unknown(detail) => unknown(&detail),
            }
        }
        Command::Erase(erase) => {
            if !erase.yes && !confirmed(&erase.user)? {
                output::print("nothing was erased\n")?;
                return Ok(Done::Wrong);
            }
            match erase.remote.ask(Method::DELETE, &["v1", "users", &erase.user], &[])? {
                Answered::Done(_) => {
                    output::print("erased: nothing is left but hashes of what was logged\n")?;
                    Ok(Done::Well)
                }
                Answered::Unknown(detail) => unknown(&detail),
            }
        }
    }
}

fn unknown(detail: &str) -> anyhow::Result<Done> {
    output::complain(&anyhow::anyhow!("{detail}"));
    Ok(Done::Wrong)
}

/// Has somebody at a terminal say the name once more.
fn confirmed(user: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("this cannot be undone, and nobody is there to be asked: say --yes");
    }
    let user = output::plain(user);
    eprint!("Erase all that is kept about {user}? It cannot be undone. Type the name to confirm: ");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']) == user)
}
