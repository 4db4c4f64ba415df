//! demo
use super::Done;
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Arguments {}
pub(super) fn run(_: &Arguments) -> anyhow::Result<Done> {
    Ok(Done::Well)
}
