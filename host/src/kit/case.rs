//! Cases: what a policy is to do, written down. A file has settings, texts and channels, and any number
//! of cases; a case is a sequence of events, receipts, questions and moves of the clock, with what is
//! expected of each. Plain data, and the reading of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::ask::Ask;
use super::when::{Span, When};
use crate::engine::consent::Consent;
use crate::engine::event::{Fields, Shows, What};
use crate::strategy::{Campaign, Channel, Guard, PolicyEntry, Texts, Topic, default_channels};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Where it stands.
    #[serde(skip)]
    pub(crate) path: PathBuf,
    /// Settings of the policy under test, for all cases.
    #[serde(default)]
    pub(crate) settings: Json,
    /// Policies beside the one under test.
    #[serde(default)]
    pub(crate) with: Vec<PolicyEntry>,
    /// The tenant's channels.
    #[serde(default = "default_channels")]
    pub(crate) channel: Vec<Channel>,
    /// The tenant's texts.
    #[serde(default)]
    pub(crate) messages: Texts,
    /// The messages, by key, that the policy under test routes; without them all.
    #[serde(default)]
    pub(crate) routes: Vec<String>,
    /// Campaigns for whoever joins their groups.
    #[serde(default)]
    pub(crate) campaign: Vec<Campaign>,
    /// What messages are about, by name.
    #[serde(default)]
    pub(crate) topic: BTreeMap<String, Topic>,
    /// What the host sees to, whatever the policies say.
    #[serde(default)]
    pub(crate) guard: Guard,
    /// The cases.
    pub(crate) case: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What it shows; unique in its file.
    pub(crate) name: String,
    /// Settings that differ from the file's: tables are merged, anything else takes the place.
    #[serde(default)]
    pub(crate) settings: Json,
    /// What the policy is to find wrong with the settings.
    pub(crate) refused: Option<Vec<Refused>>,
    /// Fuel that no question of the case may exceed.
    pub(crate) fuel: Option<u64>,
    /// What happens.
    #[serde(default)]
    pub(crate) step: Vec<Step>,
}

/// An issue that settings are refused with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// Where: a JSON pointer.
    pub(crate) path: String,
    /// A part of what is said.
    #[serde(default)]
    pub(crate) message: String,
}

/// Something that happens, and what is expected to come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// When.
    at: Option<When>,
    /// When, after the step before.
    after: Option<Span>,
    /// To whom.
    #[serde(default = "somebody")]
    pub(crate) user: String,
    /// They did something: its fields, `name` among them.
    event: Option<Fields>,
    /// A page was shown to them.
    page: Option<Fields>,
    /// The page is no longer shown.
    #[serde(default)]
    hidden: bool,
    /// The page gave a sign of life.
    #[serde(default)]
    heartbeat: bool,
    /// What is known of them changed.
    profile: Option<Fields>,
    /// They said whether they want messages.
    consent: Option<Consent>,
    /// An attempt left a trace.
    pub(crate) receipt: Option<Evidence>,
    /// A campaign goes out to them.
    pub(crate) campaign: Option<Campaign>,
    /// The policy is asked directly.
    pub(crate) ask: Option<Ask>,
    /// The decisions that follow, in order: of each at least these fields.
    pub(crate) expect: Option<Vec<Json>>,
    /// The answer to the question.
    pub(crate) answer: Option<Json>,
}

fn somebody() -> String {
    "user".to_owned()
}

/// Return data about the latest attempt on a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    /// The channel.
    pub(crate) channel: String,
    /// What it shows: a grade, `failed`, or `gone` for an address at which nothing arrives.
    shows: String,
}

impl Evidence {
    /// What it shows.
    pub(crate) fn shows(&self) -> Result<Shows, String> {
        match self.shows.as_str() {
            "failed" => return Ok(Shows::Failed),
            "gone" => return Ok(Shows::Gone),
            _ => {}
        }
        let grade = serde_json::from_value(Json::String(self.shows.clone()));
        grade.map(Shows::Grade).map_err(|error| format!("receipt: {error}, or `failed`, or `gone`"))
    }
}

impl Step {
    /// The moment of the step, given that of the one before.
    pub(crate) fn moment(&self, before: Option<When>) -> When {
        /// A Thursday.
        const START: i64 = 1_767_225_600_000;
        let before = before.unwrap_or(When(crate::engine::event::Instant(START)));
        let at = self.at.unwrap_or(before);
        When(self.after.map_or(at.0, |after| at.0.plus(after.0)))
    }

    /// What happens, but for receipts and questions; none if only the clock moves.
    pub(crate) fn what(&self) -> Option<What> {
        let named = |fields: &Fields| {
            let name = match fields.get("name") {
                Some(name) => name.to_string().into(),
                None => "event".into(),
            };
            let others = fields.iter().filter(|(name, _)| &***name != "name");
            (name, others.map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        if let Some(fields) = &self.event {
            let (name, fields) = named(fields);
            return Some(What::Operation { name, fields });
        }
        if let Some(fields) = &self.page {
            let (name, fields) = named(fields);
            return Some(What::Page { name, fields });
        }
        if let Some(fields) = &self.profile {
            return Some(What::Profile { fields: fields.clone() });
        }
        if let Some(word) = &self.consent {
            return Some(What::Consent(word.clone()));
        }
        if self.hidden {
            return Some(What::Hidden);
        }
        self.heartbeat.then_some(What::Heartbeat)
    }

    /// The question that it asks, or where its event puts the user.
    pub(crate) fn question(&self) -> Option<Ask> {
        let event = self.event.as_ref().or(self.page.as_ref());
        self.ask.clone().or_else(|| Some(Ask::locate(event?.clone())))
    }

    /// Whether it says one thing only, and what it says fits together.
    fn check(&self) -> Result<(), &'static str> {
        let things = [
            self.event.is_some(),
            self.page.is_some(),
            self.profile.is_some(),
            self.consent.is_some(),
            self.hidden,
            self.heartbeat,
            self.receipt.is_some(),
            self.campaign.is_some(),
            self.ask.is_some(),
        ];
        if things.iter().filter(|is| **is).count() > 1 {
            return Err(
                "says more than one of event, page, hidden, heartbeat, profile, consent, receipt, \
                 campaign and ask: make it two steps",
            );
        }
        if self.at.is_some() && self.after.is_some() {
            return Err("says both `at` and `after`");
        }
        if self.ask.is_some() && self.expect.is_some() {
            return Err("asks a question: what it expects is its `answer`");
        }
        if self.ask.is_none() && self.answer.is_some() {
            return Err("has an `answer` without `ask`");
        }
        Ok(())
    }

    /// Whether it can fail.
    pub(crate) fn expects(&self) -> bool {
        self.expect.is_some() || self.answer.is_some()
    }
}

/// Why a file of cases cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}", path = path.display())]
pub(crate) struct CaseError {
    pub(crate) path: PathBuf,
    pub(crate) message: String,
}

impl File {
    /// Reads a file of cases.
    pub(crate) fn read(path: &Path) -> Result<File, CaseError> {
        let error = |message: String| CaseError { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        File::parse(path, &text)
    }

    /// Reads a text as a file of cases that stands at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<File, CaseError> {
        let error = |message: String| CaseError { path: path.to_owned(), message };
        let mut file: File = toml_edit::de::from_str(text)
            .map_err(|e| error(format!("\n{}", e.to_string().trim_end())))?;
        file.path = path.to_owned();
        for (at, case) in file.case.iter().enumerate() {
            if file.case.iter().take(at).any(|before| before.name == case.name) {
                return Err(error(format!("two cases are called {:?}", case.name)));
            }
            for (number, step) in case.step.iter().enumerate() {
                step.check().map_err(|wrong| {
                    error(format!("case {:?}, step {}: it {wrong}", case.name, number + 1))
                })?;
            }
        }
        Ok(file)
    }

    /// What its cases are called with: its name without the ending.
    pub(crate) fn stem(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The settings of a case, as JSON text.
    pub(crate) fn settings(&self, case: &Case) -> String {
        let mut settings = match &self.settings {
            Json::Null => Json::Object(serde_json::Map::new()),
            settings => settings.clone(),
        };
        merge(&mut settings, &case.settings);
        settings.to_string()
    }
}

fn merge(into: &mut Json, from: &Json) {
    match (into, from) {
        (_, Json::Null) => {}
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Json::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// The files of cases in a folder, in order of name.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let error = |e: std::io::Error| CaseError { path: folder.to_owned(), message: e.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
