//! `nudge policy check`.

use clap::Args;
use serde::Serialize;

use super::source::{Policy, Settings};
use crate::cli::{Done, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it is admitted; 1 it is not, and every reason is printed; 2 it could not be checked.")]
pub(super) struct Arguments {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    settings: Settings,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Found {
    admitted: bool,
    digest: String,
    name: Option<String>,
    version: Option<String>,
    kinds: String,
    settings_checked: bool,
    problems: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let source = arguments.policy.source()?;
    let bytes = arguments.policy.component(&source, &[])?;
    let settings = arguments.settings.given()?;
    let checked = output::sandbox()?.check(&bytes, settings.as_deref());
    for problem in &checked.problems {
        if let crate::sandbox::AdmitError::Host(host) = problem {
            return Err(host.clone().into());
        }
    }
    let found = Found {
        admitted: checked.problems.is_empty(),
        digest: checked.digest.to_string(),
        name: checked.manifest.as_ref().map(|manifest| manifest.name.clone()),
        version: checked.manifest.as_ref().map(|manifest| manifest.version.clone()),
        kinds: checked.anatomy.kinds().to_string(),
        settings_checked: settings.is_some(),
        problems: checked.problems.iter().map(ToString::to_string).collect(),
    };
    output::print(&if arguments.json {
        serde_json::to_string_pretty(&found)? + "\n"
    } else {
        output::plain(&found.text())
    })?;
    Ok(if found.admitted { Done::Well } else { Done::Wrong })
}

impl Found {
    fn text(&self) -> String {
        if !self.admitted {
            let problem = |problem: &String| format!("- {}\n", problem.replace('\n', "\n  "));
            let problems = self.problems.iter().map(problem).collect::<String>();
            let many = output::several(self.problems.len() as u64, "reason");
            return format!("not admitted, for {many}:\n{problems}");
        }
        let settings = if self.settings_checked {
            "its settings are accepted"
        } else {
            "no settings were given, so none were checked (--settings)"
        };
        format!(
            "admitted: {} {} ({})\ndigest {}\n{settings}\n",
            self.name.as_deref().unwrap_or_default(),
            self.version.as_deref().unwrap_or_default(),
            self.kinds,
            self.digest
        )
    }
}
