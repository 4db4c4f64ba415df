//! The command line: one file for each subcommand. Together with `main` the only place that prints.

mod backtest;
mod campaign;
mod compile;
mod config;
mod data;
mod demo;
mod explain;
mod logs;
mod output;
mod picture;
mod policy;
mod remote;
mod replay;
mod secrets;
mod serve;
mod user;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Nudge notices who has stalled, decides what to say on which channel, and stops the moment it was
/// received. Its rules are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "nudge", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See the whole loop at work on a generated loan-application funnel
    Demo(demo::Arguments),
    /// Run a strategy over recorded events in virtual time
    Replay(replay::Arguments),
    /// Run two strategies over the same recorded events, and show who would get something else
    Backtest(backtest::Arguments),
    /// Write, build, test and measure a policy, and upload it
    Policy(policy::Arguments),
    /// Run the service
    Serve(serve::Arguments),
    /// Print the service's configuration, each key with what it is for
    Config(config::Arguments),
    /// Copy a service's data while it runs
    Backup(data::Backup),
    /// Verify a service's data, and say what was found
    Check(data::Check),
    /// Make keys for secrets and for web push
    Secrets(secrets::Arguments),
    /// Compose campaigns, see whom they would reach, let them go out and watch them
    Campaign(campaign::Arguments),
    /// Verify that a service's log is what was written
    Verify(verify::Arguments),
    /// Say why a user got a message, or did not
    Explain(explain::Arguments),
    /// Export all that is kept about a user, or erase it
    User(user::Arguments),
    /// Print the service's OpenAPI document
    #[command(name = "openapi")]
    OpenApi,
    /// Compile the component on standard input, within bounds, to code on standard output
    #[command(hide = true)]
    Compile,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// All is well.
    Well,
    /// It ran and found something wrong.
    Wrong,
}

/// Runs the command that the program was called with.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    // The service logs as it is configured to.
    if !matches!(arguments.command, Command::Serve(_)) {
        output::log();
    }
    let done = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Backup(arguments) => data::backup(&arguments),
        Command::Check(arguments) => data::check(&arguments),
        Command::Secrets(arguments) => secrets::run(&arguments),
        Command::Campaign(arguments) => campaign::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::User(arguments) => user::run(&arguments),
        Command::OpenApi => openapi(),
        Command::Compile => compile::run(),
    };
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Wrong) => ExitCode::from(1),
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn openapi() -> anyhow::Result<Done> {
    output::print(&(crate::api::openapi().to_pretty_json()? + "\n"))?;
    Ok(Done::Well)
}
