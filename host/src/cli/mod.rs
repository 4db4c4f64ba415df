//! The command line: one file for each subcommand. Together with `main` the only place that prints.

mod backtest;
mod compile;
mod demo;
mod logs;
mod output;
mod picture;
mod policy;
mod replay;

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
    /// Write, build, test and measure a policy
    Policy(policy::Arguments),
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
    output::log();
    let done = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
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
