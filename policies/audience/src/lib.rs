//! Marketing events by user group, system B: users are classified by the business types of their records
//! into groups; a marketing event is composed from parameters, its type selects the group, and who of the
//! group meets its push standard gets it.
//!
//! The host keeps the records as counters and as the process information, asks who belongs where whenever
//! that may have changed, and keeps the group table.

mod condition;
mod fields;
mod settings;
mod sieve;
mod standard;
#[cfg(any(test, feature = "tests"))]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use nudge_guest::prelude::*;
use nudge_guest::{Features, Parameters, parse};

pub use condition::Condition;
use fields::{Asking, Seen};
pub use settings::{Group, Settings, Visible};
use sieve::Sieve;
use standard::{Test, all_hold, tests_of};

/// The configured policy.
#[derive(Debug)]
pub struct Audience {
    /// The groups' names, in order,
    groups: Vec<String>,
    /// what each asks,
    tests: Vec<Vec<Test>>,
    /// and the same made ready, once somebody is to be classified.
    sieve: OnceLock<Sieve>,
    standards: BTreeMap<String, Vec<Test>>,
    /// The fields that a standard among a campaign's parameters can look at.
    seen: Seen,
    features: Features,
}

impl Policy for Audience {
    const MANIFEST: Manifest = manifest!(
        "audience",
        "Classifies users into groups and sends campaigns to those who meet their standard",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = settings.issues();
        let tests = settings.groups(needs, &mut issues);
        let groups = settings.groups.keys().cloned().collect();
        let mut seen = Seen::default();
        let mut asking = Asking { needs, asked: Questions::QUALIFY, seen: Some(&mut seen) };
        let mut standards = BTreeMap::new();
        for (name, conditions) in &settings.standards {
            let path = || pointer(["standards", name]);
            standards.insert(name.clone(), tests_of(conditions, &path, &mut asking, &mut issues));
        }
        for visible in &settings.fields {
            visible.ask(&mut asking);
        }
        let features = Features::new(&settings.features, needs);
        let sieve = OnceLock::new();
        issues.or(Audience { groups, tests, sieve, standards, seen, features })
    }
}

impl nudge_guest::Audience for Audience {
    fn groups(&self) -> Vec<String> {
        self.groups.clone()
    }

    fn classify(&self, record: Row<'_>, groups: &mut Vec<usize>) {
        self.sieve.get_or_init(|| Sieve::of(&self.tests)).sort(record, groups);
    }

    fn compose(&self, parameters: &str) -> Result<Campaign, Issues> {
        let mut parameters = Parameters::read(parameters)?;
        let mut campaign = parameters.campaign(&self.features, Vec::new());
        if let Some(event_type) = parameters.required::<String>("type") {
            if self.groups.binary_search(&event_type).is_err() {
                let groups = listed(self.groups.iter().map(String::as_str));
                let message = format!("{event_type:?} is none of the groups ({groups})");
                parameters.issues().at("/type", message);
            }
            campaign.event_type = event_type;
        }
        if let Some(standard) = parameters.json("standard") {
            campaign.standard = self.composed(&standard.to_string(), parameters.issues());
        }
        parameters.or(campaign)
    }

    fn qualify(&self, standard: &str, member: Row<'_>) -> bool {
        self.qualifier(standard)(member)
    }

    /// A standard that there is none of any more, or that cannot be read, nobody meets.
    fn qualifier<'a>(&'a self, standard: &'a str) -> Box<dyn Fn(Row<'_>) -> bool + 'a> {
        if standard.is_empty() {
            return Box::new(|_| true);
        }
        if !standard.starts_with('[') {
            let tests = self.standards.get(standard);
            return Box::new(move |member| tests.is_some_and(|tests| all_hold(tests, member)));
        }
        let mut issues = Issues::default();
        let tests = self.read(standard, &mut issues);
        let right = issues.or(()).is_ok();
        Box::new(move |member| right && all_hold(&tests, member))
    }
}

impl Audience {
    /// A campaign's standard, JSON among its parameters, as [`qualifier`](nudge_guest::Audience::qualifier)
    /// wants it: a name, or conditions.
    fn composed(&self, json: &str, issues: &mut Issues) -> String {
        if json.starts_with('[') {
            let before = issues.iter().count();
            let tests = self.read(json, issues);
            if tests.is_empty() && issues.iter().count() == before {
                issues
                    .at("/standard", "has no condition: leave it out, and the whole group gets it");
            }
            return json.to_owned();
        }
        let Ok(name) = parse::<String>(json) else {
            issues.at("/standard", "is neither the name of a standard nor a list of conditions");
            return String::new();
        };
        if !self.standards.contains_key(&name) {
            let standards = listed(self.standards.keys().map(String::as_str));
            let message = format!("{name:?} is none of the standards ({standards})");
            issues.at("/standard", message);
        }
        name
    }

    /// Conditions that came with a campaign; they can look at nothing but what was asked for before.
    fn read(&self, json: &str, issues: &mut Issues) -> Vec<Test> {
        match parse::<Vec<Condition>>(json) {
            Ok(conditions) => {
                tests_of(&conditions, &|| "/standard".to_owned(), &mut &self.seen, issues)
            }
            Err(wrong) => {
                for (path, message) in wrong.iter() {
                    issues.at(format!("/standard{path}"), message);
                }
                Vec::new()
            }
        }
    }
}

impl Personalise for Audience {
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        self.features.render(request, user)
    }
}

/// Names for people, the first few if there are many.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const FEW: usize = 12;
    let names: Vec<&str> = names.collect();
    let few = names.get(..FEW).unwrap_or(&names).join(", ");
    match names.len().saturating_sub(FEW) {
        0 if names.is_empty() => "there are none".to_owned(),
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

nudge_guest::export!(Audience: audience, personalise);
