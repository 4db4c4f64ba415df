//! `nudge policy`: the author's kit, one file for each of its commands.

mod bench;
mod build;
mod case;
mod check;
mod inspect;
mod new;
mod push;
mod run;
mod source;
mod test;

use clap::{Args, Subcommand};

use super::Done;

#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
From an empty folder to a tested policy:
  nudge policy new cart --kind journey
  cd cart
  nudge policy test
  nudge policy build

POLICY is, wherever it is asked for, the folder of a crate (the one you are in, if nothing is said), a \
.wasm file, or the name of a standard policy."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new policy's crate, which builds and whose tests pass
    New(new::Arguments),
    /// Build a policy's component and say how large it is
    Build(build::Arguments),
    /// Show what a component is made of, without running any of it
    Inspect(inspect::Arguments),
    /// Do the whole admission, and say everything that stands against it
    Check(check::Arguments),
    /// Put one question to a policy and print its answer
    Run(run::Arguments),
    /// Run a policy's cases and its own tests, in the sandbox
    Test(test::Arguments),
    /// Measure what a question costs, beside native code and beside the limits
    Bench(bench::Arguments),
    /// Make a case of what really happened to a user
    Case(case::Arguments),
    /// Upload a policy, or a whole strategy, to a service
    Push(push::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    match &arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Case(arguments) => case::run(arguments),
        Command::Push(arguments) => push::run(arguments),
    }
}
