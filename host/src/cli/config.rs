//! `nudge config`.

use clap::Args;

use super::serve::Configuration;
use super::{Done, output};
use crate::config::Config;

#[derive(Debug, Args)]
#[command(after_help = "\
Without anything it prints the default configuration with what each key is for: a file to begin with.
  nudge config > nudge.toml
  nudge serve --config nudge.toml
With --effective it prints what `nudge serve` with the same options would go by, and where each value \
that is not the default comes from.")]
pub(super) struct Arguments {
    /// Print the configuration as it is settled by file, environment and options
    #[arg(long)]
    effective: bool,
    #[command(flatten)]
    configuration: Configuration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    if arguments.effective {
        output::print(&output::plain(arguments.configuration.load()?.to_toml()))?;
    } else {
        output::print(Config::default_text())?;
    }
    Ok(Done::Well)
}
