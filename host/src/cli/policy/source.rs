//! What the commands are given: a policy as a crate, a file or a name, and its settings.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cargo::{self, Build, Said};
use crate::kit::ask::Ask;
use crate::kit::bench::{Package, package};
use crate::kit::{case, scaffold};
use crate::standard;

/// The policy in question.
#[derive(Clone, Debug, Args)]
pub(super) struct Policy {
    /// A crate's folder, a .wasm file, or the name of a standard policy
    #[arg(default_value = ".")]
    pub(super) policy: String,
    /// The profile that a crate is built with
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub(super) profile: String,
}

/// Where a policy comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// Its crate.
    Crate(PathBuf, Package),
    /// A component, or a core module.
    File(PathBuf),
    /// The binary.
    Standard(&'static str),
}

impl Policy {
    /// Where it comes from.
    pub(super) fn source(&self) -> anyhow::Result<Source> {
        let path = Path::new(&self.policy);
        if path.is_dir() {
            anyhow::ensure!(
                path.join("Cargo.toml").is_file(),
                "{}: there is no Cargo.toml in it: name a policy's crate or a .wasm file, or write a \
                 new policy with `nudge policy new`",
                path.display()
            );
            return Ok(Source::Crate(path.to_owned(), package(path)?));
        }
        if path.is_file() {
            return Ok(Source::File(path.to_owned()));
        }
        match standard::names().find(|name| *name == self.policy) {
            Some(name) => Ok(Source::Standard(name)),
            None => anyhow::bail!(
                "{:?} is neither a folder nor a file, nor a standard policy ({})",
                self.policy,
                standard::names().collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// Its component, built if need be.
    pub(super) fn component(&self, source: &Source, features: &[&str]) -> anyhow::Result<Vec<u8>> {
        match source {
            Source::Crate(folder, package) => {
                let modules = Build {
                    folder,
                    packages: std::slice::from_ref(&package.name),
                    profile: &self.profile,
                    features,
                    arguments: &[],
                    target_dir: None,
                    called: &scaffold::sdk()
                        .canonicalize()
                        .map(|sdk| (sdk, "/guest"))
                        .into_iter()
                        .collect::<Vec<_>>(),
                }
                .run(Said::Shown)
                .map_err(|error| anyhow::anyhow!("{}: {error}", folder.display()))?;
                let module = modules.iter().find(|(name, _)| *name == package.name);
                let (_, module) = module.with_context(|| {
                    format!(
                        "{}: the crate makes no module: its manifest needs [lib] with crate-type = \
                         [\"cdylib\", \"rlib\"]",
                        folder.display()
                    )
                })?;
                cargo::component(module).map_err(|error| anyhow::anyhow!("{error}"))
            }
            Source::File(path) => {
                let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
                cargo::componentise(&bytes)
                    .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
            }
            Source::Standard(name) => Ok(standard::policy(name).unwrap_or_default().to_vec()),
        }
    }
}

impl Source {
    /// Where its cases are, if nothing else is said: in `cases` beside it.
    pub(super) fn cases(&self) -> Option<PathBuf> {
        let folder = match self {
            Source::Crate(folder, _) => folder.clone(),
            Source::File(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
            Source::Standard(_) => return None,
        };
        let cases = folder.join("cases");
        cases.is_dir().then_some(cases)
    }

    /// The first of its cases with settings that are right, if it has any.
    fn example<T>(&self, of: impl FnOnce(&case::File, &case::Case) -> T) -> Option<T> {
        let files = case::files(&self.cases()?).ok()?;
        let file = case::File::read(files.first()?).ok()?;
        let case = file.case.iter().find(|case| case.refused.is_none())?;
        Some(of(&file, case))
    }

    /// The first question that its cases ask, or that follows from their first event.
    pub(super) fn question(&self) -> Option<Ask> {
        self.example(|_, case| case.step.iter().find_map(case::Step::question))?
    }
}

/// Settings, on the command line or in a file.
#[derive(Clone, Debug, Args)]
pub(super) struct Settings {
    /// The settings: a file of JSON or TOML, or JSON itself [default: those of its first case, or none]
    #[arg(long, value_name = "FILE|JSON")]
    settings: Option<String>,
}

impl Settings {
    /// As JSON, if any were given.
    pub(super) fn given(&self) -> anyhow::Result<Option<String>> {
        let Some(given) = &self.settings else { return Ok(None) };
        if given.trim_start().starts_with('{') {
            return Ok(Some(given.clone()));
        }
        let text = std::fs::read_to_string(given).with_context(|| given.clone())?;
        if Path::new(given).extension().is_some_and(|ending| ending == "toml") {
            let value: serde_json::Value = toml_edit::de::from_str(&text)
                .map_err(|error| anyhow::anyhow!("{given}:\n{}", error.to_string().trim_end()))?;
            return Ok(Some(value.to_string()));
        }
        Ok(Some(text))
    }

    /// As JSON: what was given, those of the policy's first case, or none.
    pub(super) fn or_example(&self, source: &Source) -> anyhow::Result<String> {
        let given = self.given()?;
        Ok(given
            .or_else(|| source.example(case::File::settings))
            .unwrap_or_else(|| "{}".to_owned()))
    }
}
