//! The whole admission with every reason at once: for people who would rather mend all of it than be told
//! one thing at a time.

use super::error::AdmitError;
use super::wire::quoted;
use super::{Anatomy, Digest, Limits, Manifest, Policy, Sandbox, admit, evaluate};

/// The longest title, in characters: a line.
const MOST_TITLE: usize = 200;

/// What admission finds.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the component is made of.
    pub anatomy: Anatomy,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Who it says it is, if it could be asked.
    pub manifest: Option<Manifest>,
    /// Every reason why it is not admitted; none if it is.
    pub problems: Vec<AdmitError>,
}

/// Reads a component: what it is made of, without compiling or running anything, however large it is.
///
/// # Errors
///
/// If it cannot be read: it is no component, or a broken one.
pub fn examine(bytes: &[u8], limits: &Limits) -> Result<Anatomy, AdmitError> {
    let limits = Limits { component_bytes: usize::MAX, ..limits.clone() };
    let (anatomy, problems) = admit::examine(bytes, &limits);
    let unreadable = |problem: &AdmitError| {
        matches!(problem, AdmitError::NotAComponent(_) | AdmitError::Invalid(_))
    };
    problems.into_iter().find(unreadable).map_or(Ok(anatomy), Err)
}

impl Sandbox {
    /// Does everything that [`Sandbox::admit`] does, and with settings what [`Policy::configure`] does,
    /// and does not stop at the first reason against it.
    #[must_use]
    pub fn check(&self, bytes: &[u8], settings: Option<&str>) -> Checked {
        let (anatomy, problems) = admit::examine(bytes, self.limits());
        let digest = Digest::of(bytes);
        let mut checked = Checked { anatomy, digest, manifest: None, problems };
        let readable = !matches!(
            checked.problems.as_slice(),
            [AdmitError::TooLarge { .. } | AdmitError::NotAComponent(_) | AdmitError::Invalid(_)]
        );
        if !readable {
            return checked;
        }
        if !checked.problems.is_empty() {
            // It cannot be linked, let alone asked; but whether it is valid can be said.
            let compiled = self.compile(digest, bytes);
            match compiled {
                // That it asks for too much has been said.
                Ok(_) | Err(AdmitError::Resources(_)) => {}
                Err(problem) => checked.problems.push(problem),
            }
            return checked;
        }
        let asked = self.compiled(digest, &checked.anatomy, bytes).and_then(|compiled| {
            let manifest = evaluate::describe(&self.0, &compiled)?;
            checked.problems.extend(manifest_problems(&manifest));
            checked.manifest = Some(manifest.clone());
            let policy =
                Policy { sandbox: self.clone(), compiled, digest, manifest: manifest.into() };
            settings.map(|settings| policy.configure(settings)).transpose()
        });
        checked.problems.extend(asked.err());
        checked
    }
}

/// What is wrong with what a policy says of itself.
pub(super) fn manifest_problems(manifest: &Manifest) -> Vec<AdmitError> {
    let mut problems = Vec::new();
    let mut wrong = |reason: String| {
        problems.push(AdmitError::Answer { during: "describe", reason });
    };
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = &manifest.name;
    if name.is_empty() || name.len() > 64 || !name.chars().all(named) {
        wrong(format!(
            "{} is no name: use up to 64 lower case letters, digits and hyphens",
            quoted(name)
        ));
    }
    if semver::Version::parse(&manifest.version).is_err() {
        wrong(format!(
            "{} is no version: write it like \"1.0.0\", a semantic version",
            quoted(&manifest.version)
        ));
    }
    let title = &manifest.title;
    if title.trim().is_empty()
        || title.chars().count() > MOST_TITLE
        || title.chars().any(char::is_control)
    {
        wrong(format!(
            "{} is no title: use one line of up to {MOST_TITLE} characters",
            quoted(title)
        ));
    }
    match serde_json::from_str::<serde_json::Value>(&manifest.settings_schema) {
        Ok(schema) if schema.is_object() => {}
        Ok(_) => wrong("the settings schema is no JSON object".to_owned()),
        Err(error) => wrong(format!("the settings schema is no JSON: {error}")),
    }
    problems
}
