//! `nudge secrets`: keys that keep tenants' secrets, and those that browsers know a sender by.

use clap::Subcommand;

use super::{Done, output};
use crate::service::Service;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a new key for the file that secrets.key_file names
    ///
    /// With it the service encrypts passwords and keys of tenants' channels before it stores them:
    ///
    ///   (umask 077; nudge secrets new > nudge.key)
    ///   NUDGE_SECRETS_KEY_FILE=nudge.key nudge serve
    ///
    /// To change keys put a new line on top of the file and keep the old ones below. Whoever has the key and
    /// a backup can read the secrets; who has lost it has to set all channels up again.
    New,
    /// Print a new pair of keys for a channel of kind web-push (VAPID)
    Vapid,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    match arguments.command {
        Command::New => output::print(&format!("{}\n", Service::new_secrets_key()?))?,
        Command::Vapid => {
            let keys = crate::channel::web_push::new_keys();
            let (public, private) =
                keys.ok_or_else(|| anyhow::anyhow!("the system has no randomness"))?;
            output::print(&format!("public_key = {public:?}\nprivate_key = {private:?}\n"))?;
        }
    }
    Ok(Done::Well)
}
