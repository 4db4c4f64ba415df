//! `nudge policy new`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Done, output};
use crate::kit::scaffold::{self, Kind};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nudge policy new cart --kind journey && cd cart && nudge policy test")]
pub(super) struct Arguments {
    /// What the policy is called: lower case letters, digits and hyphens
    name: String,
    /// What kind of policy it begins as; it can become more than one
    #[arg(long)]
    kind: Kind,
    /// Where to write it [default: a folder of its name]
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// The folder `guest` of Nudge's repository, which has the SDK [default: where it was when this
    /// program was built]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let name = &arguments.name;
    let at = arguments.at.clone().unwrap_or_else(|| PathBuf::from(name));
    let sdk = arguments.sdk.clone().unwrap_or_else(scaffold::sdk);
    let written = scaffold::write(&at, name, arguments.kind, &sdk)?;
    let mut text = String::new();
    for path in written {
        text += &format!("{}\n", path.display());
    }
    text += &format!(
        "\nNext:\n  cd {}\n  cargo test            the policy's tests as native code\n  \
         nudge policy test     the same in the sandbox, and its cases\n  \
         nudge policy build    the component\n",
        at.display()
    );
    output::print(&text)?;
    Ok(Done::Well)
}
