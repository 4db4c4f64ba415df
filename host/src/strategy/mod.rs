//! Strategy files: a tenant's strategy as a document, in TOML or JSON. This room reads the document
//! and the components that it names, and has the sandbox and the engine make of them what they are.
//! It touches the files that it is given and no others.

mod campaign;
mod document;
mod guard;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use campaign::{Campaign, ComposeError};
pub(crate) use document::default_channels;
pub use document::{Channel, Document, PolicyEntry, Texts};
pub use guard::{Cap, Gathering, Guard, Night, Topic};

use crate::cargo;
use crate::engine::policy::{Launch, Policy as _};
use crate::engine::{self, Contents, Part, Strategy, StrategyError, TrackingKey};
use crate::sandbox::{AdmitError, Configured, Digest, Issue, Manifest, Sandbox};
use crate::standard;

/// Why a strategy file is not a strategy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The document is neither TOML nor JSON, or does not have the form of a strategy.
    #[error("{path}: {message}", path = path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A policy is neither standard nor a file.
    #[error(
        "{path}: there is no policy {name:?}: it is none of the standard ones ({standard}), and a file \
         is named by its path, ending in .wasm",
        path = path.display(),
        standard = standard::names().collect::<Vec<_>>().join(", ")
    )]
    Unknown {
        /// The strategy file.
        path: PathBuf,
        /// What it names.
        name: String,
    },
    /// A policy is not admitted.
    #[error("{path}: policy {label:?}: {error}", path = path.display())]
    Admit {
        /// The strategy file.
        path: PathBuf,
        /// The policy's label.
        label: String,
        /// Why not.
        error: AdmitError,
    },
    /// The settings of a policy are refused.
    #[error("{}", settings(path, label, issues))]
    Settings {
        /// The strategy file.
        path: PathBuf,
        /// The policy's label.
        label: String,
        /// What is wrong with them.
        issues: Vec<crate::sandbox::Issue>,
    },
    /// A campaign cannot be composed.
    #[error("{path}: campaign {number} ({policy:?}): {error}", path = path.display(), number = at + 1)]
    Campaign {
        /// The strategy file.
        path: PathBuf,
        /// Its place in the file, from 0.
        at: usize,
        /// The label of the policy that was to compose it.
        policy: String,
        /// Why not.
        error: ComposeError,
    },
    /// The parts do not make a strategy.
    #[error("{path}: {error}", path = path.display())]
    Strategy {
        /// The strategy file.
        path: PathBuf,
        /// Why not.
        error: StrategyError,
    },
}

fn settings(path: &Path, label: &str, issues: &[crate::sandbox::Issue]) -> String {
    let lines = issues.iter().map(|issue| format!("\n  {issue}")).collect::<String>();
    format!("{}: policy {label:?} refuses its settings:{lines}", path.display())
}

/// A strategy from a file, ready for an engine.
pub struct Loaded {
    /// The strategy.
    pub strategy: Strategy,
    /// Its name.
    pub name: String,
    /// Its policies: label, digest, manifest.
    pub policies: Vec<Named>,
    /// Locales of texts and what else is worth saying.
    pub document: Document,
    /// The policies, in the document's order.
    admitted: Vec<Arc<Configured>>,
}

impl Loaded {
    /// Has the strategy's segment criteria compose a campaign that goes out once.
    ///
    /// # Errors
    ///
    /// If no policy of the strategy composes it, or what is wrong with it.
    pub fn compose(&self, campaign: &Campaign) -> Result<Launch, ComposeError> {
        let called = self.document.policy.iter().position(|p| p.label() == campaign.policy);
        let policy = called.and_then(|at| self.admitted.get(at));
        let wrong = |error: StrategyError, path: &str| {
            let (path, message) = (path.to_owned(), error.to_string());
            ComposeError::Invalid(vec![Issue { path, message }])
        };
        let policy = policy.filter(|policy| policy.kinds().audience).ok_or_else(|| {
            wrong(StrategyError::CampaignPolicy(campaign.policy.as_str().into()), "/policy")
        })?;
        let launch = campaign.compose(None, policy, false)?;
        self.strategy.check(&launch).map_err(|error| wrong(error, ""))?;
        Ok(launch)
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads a strategy's document, in TOML or JSON, or says what is wrong with it and where.
pub(crate) fn document(text: &str) -> Result<Document, String> {
    document::parse(text)
}

/// Loads the strategy in a file.
///
/// # Errors
///
/// What is wrong, and in which file.
pub fn load(path: &Path, sandbox: &Sandbox) -> Result<Loaded, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    parse(path, &text, sandbox)
}

/// Loads the strategy in a text; `path` is where it is said to stand.
///
/// # Errors
///
/// What is wrong, and in which file.
pub fn parse(path: &Path, text: &str, sandbox: &Sandbox) -> Result<Loaded, LoadError> {
    let document = document::parse(text)
        .map_err(|message| LoadError::Document { path: path.to_owned(), message })?;
    let admitted = admit(path, &document.policy, sandbox)?;
    let name = document.name.clone().unwrap_or_else(|| {
        path.file_stem().map_or_else(|| "strategy".to_owned(), |s| s.to_string_lossy().into_owned())
    });
    let tenant = document.tenant.clone().unwrap_or_else(|| name.clone());
    // A file has no secrets: who can read it can tell its tracking ids, which is what a replay wants.
    let key = TrackingKey::new(tenant.as_bytes());
    let rails = (document.guard.read(&document.topic))
        .map_err(|message| LoadError::Document { path: path.to_owned(), message })?;
    let wrong = |error| LoadError::Strategy { path: path.to_owned(), error };
    let campaigns = compose(path, &document, &admitted)?;
    let (parts, policies) = parts(&document.policy, admitted.clone());
    let strategy = Strategy::new(
        &tenant,
        key,
        parts,
        contents(&document.messages),
        channels(&document.channel),
    )
    .and_then(|strategy| strategy.guarded(rails))
    .and_then(|strategy| strategy.campaigning(campaigns))
    .map_err(wrong)?;
    Ok(Loaded { strategy, name, policies, document, admitted })
}

/// A policy's label, digest and manifest.
pub type Named = (Arc<str>, Digest, Manifest);

/// Policies of a document that stands at `path`, admitted and configured, in its order.
pub(crate) fn admit(
    path: &Path,
    entries: &[PolicyEntry],
    sandbox: &Sandbox,
) -> Result<Vec<Arc<Configured>>, LoadError> {
    let mut admitted = Vec::new();
    for entry in entries {
        let label = entry.label();
        let bytes = bytes(path, entry)?;
        let refuse = |error| match error {
            AdmitError::Settings(issues) => {
                LoadError::Settings { path: path.to_owned(), label: label.to_owned(), issues }
            }
            error => LoadError::Admit { path: path.to_owned(), label: label.to_owned(), error },
        };
        let policy = sandbox.admit(&bytes).map_err(refuse)?;
        // A document that was parsed can be written.
        let settings = serde_json::to_string(&entry.settings).unwrap_or_default();
        admitted.push(Arc::new(policy.configure(&settings).map_err(refuse)?));
    }
    Ok(admitted)
}

/// The parts that the policies of a document are, and who they are.
pub(crate) fn parts(
    entries: &[PolicyEntry],
    admitted: Vec<Arc<Configured>>,
) -> (Vec<Part>, Vec<Named>) {
    let both = |(entry, policy): (&PolicyEntry, Arc<Configured>)| {
        let named = (entry.label().into(), policy.digest(), policy.manifest().clone());
        (entry.part(policy), named)
    };
    entries.iter().zip(admitted).map(both).unzip()
}

/// The campaigns of a document, composed by its policies.
fn compose(
    path: &Path,
    document: &Document,
    admitted: &[Arc<Configured>],
) -> Result<Vec<Launch>, LoadError> {
    let mut launches = Vec::new();
    for (at, campaign) in document.campaign.iter().enumerate() {
        let called = document.policy.iter().position(|p| p.label() == campaign.policy);
        let policy = called.and_then(|at| admitted.get(at));
        let policy = policy.filter(|policy| policy.kinds().audience).ok_or_else(|| {
            let error = StrategyError::CampaignPolicy(campaign.policy.as_str().into());
            LoadError::Strategy { path: path.to_owned(), error }
        })?;
        let launch = campaign.compose(None, policy, true).map_err(|error| {
            let (path, policy) = (path.to_owned(), campaign.policy.clone());
            LoadError::Campaign { path, at, policy, error }
        })?;
        launches.push(launch);
    }
    Ok(launches)
}

/// The bytes of a policy: a standard one, a component, or a core module as `cargo build` leaves it.
pub(crate) fn bytes(path: &Path, entry: &PolicyEntry) -> Result<Vec<u8>, LoadError> {
    if let Some(standard) = standard::policy(&entry.r#use) {
        return Ok(standard.to_vec());
    }
    if !entry.r#use.ends_with(".wasm") {
        return Err(LoadError::Unknown { path: path.to_owned(), name: entry.r#use.clone() });
    }
    let file = path.parent().unwrap_or(Path::new("")).join(&entry.r#use);
    let bytes =
        std::fs::read(&file).map_err(|error| LoadError::Read { path: file.clone(), error })?;
    cargo::componentise(&bytes).map_err(|message| LoadError::Document { path: file, message })
}

/// The texts of a document.
pub(crate) fn contents(messages: &Texts) -> Contents {
    let locales = |locales: &std::collections::BTreeMap<String, engine::policy::Template>| {
        let locale = |(locale, text): (&String, &engine::policy::Template)| {
            let locale = if locale == "default" { "" } else { locale };
            (Arc::from(locale), text.clone())
        };
        locales.iter().map(locale).collect()
    };
    messages.iter().map(|(key, texts)| (Arc::from(key.as_str()), locales(texts))).collect()
}

/// The channels of a document.
pub(crate) fn channels(channels: &[Channel]) -> Vec<engine::Channel> {
    let channel = |channel: &Channel| engine::Channel {
        name: channel.name.as_str().into(),
        cost: channel.cost,
        address: channel.address.as_deref().map(Into::into),
    };
    channels.iter().map(channel).collect()
}
