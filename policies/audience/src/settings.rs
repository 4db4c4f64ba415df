//! What a tenant sets, and what can be wrong with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use nudge_guest::prelude::*;
use nudge_guest::{EVER, FeatureSettings, Origin, feature_issues, given, uncountable};
use serde::Deserialize;

use crate::condition::Condition;
use crate::fields::{Asking, Fields as _};
use crate::standard::{MOST_COUNTED, Test, tests_of};

/// The contract has room for no more.
const MOST_GROUPS: usize = 4_096;

/// The settings of the policy; `settings.schema.json` describes them for people and tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The field of a record that holds its business type; `name` is the event's name.
    #[serde(default = "name")]
    pub type_field: String,
    /// The groups, by business type.
    pub groups: BTreeMap<String, Group>,
    /// Push standards by name: conditions that must all hold.
    #[serde(default)]
    pub standards: BTreeMap<String, Vec<Condition>>,
    /// What a standard among a campaign's parameters can look at, besides what the named ones do.
    #[serde(default)]
    pub fields: Vec<Visible>,
    /// Personalised features, for the text.
    #[serde(default)]
    pub features: BTreeMap<String, FeatureSettings>,
}

fn name() -> String {
    "name".to_owned()
}

/// Who is in a group: those who have enough records of a sort.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The records that count, as counters name them; those of the group's business type, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub event: Option<String>,
    /// How far back they count; for ever, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub within: Option<Span>,
    /// How many there must be.
    #[serde(default = "one")]
    pub at_least: i64,
    /// What else must hold.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
}

fn one() -> i64 {
    1
}

/// Something that a standard can look at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visible {
    /// A field,
    #[serde(default, deserialize_with = "given")]
    pub field: Option<String>,
    /// and whose it is; the events', if nothing is said,
    #[serde(default, deserialize_with = "given")]
    pub origin: Option<Origin>,
    /// and what it is compared as; texts, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub shape: Option<Shape>,
    /// Or events that are counted,
    #[serde(default, deserialize_with = "given")]
    pub counter: Option<String>,
    /// and how far back; for ever, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub within: Option<Span>,
}

/// What a field is compared as.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Texts.
    #[default]
    Text,
    /// Numbers.
    Number,
    /// True or false.
    Flag,
}

impl Visible {
    /// Asks for it.
    pub(crate) fn ask(&self, asking: &mut Asking<'_>) {
        if let Some(field) = &self.field {
            let origin = self.origin.unwrap_or_default();
            match self.shape.unwrap_or_default() {
                Shape::Text => drop(asking.text(origin, field)),
                Shape::Number => drop(asking.number(origin, field)),
                Shape::Flag => drop(asking.flag(origin, field)),
            }
        }
        if let Some(counter) = &self.counter {
            let within = self.within.map_or(EVER, |span| span.0);
            asking.count(counter, within);
            asking.latest(counter, within);
        }
    }

    fn issues(&self, at: usize, issues: &mut Issues) {
        let at = at.to_string();
        let path = |part| pointer(["fields", &at, part]);
        match (&self.field, &self.counter) {
            (Some(_), Some(_)) => {
                issues.at(pointer(["fields", &at]), "name a field or a counter, and not both");
            }
            (None, None) => issues.at(pointer(["fields", &at]), "name a field or a counter"),
            (Some(field), None) => {
                if field.is_empty() {
                    issues.at(path("field"), "name the field that is looked at");
                }
                if self.within.is_some() {
                    issues.at(path("within"), "is only for a counter");
                }
            }
            (None, Some(counter)) => {
                if let Some(why) = uncountable(counter) {
                    issues.at(path("counter"), why);
                }
                if self.within == Some(Span(0)) {
                    issues.at(path("within"), "nothing is counted within no time");
                }
                for (part, said) in
                    [("origin", self.origin.is_some()), ("shape", self.shape.is_some())]
                {
                    if said {
                        issues.at(path(part), "is only for a field");
                    }
                }
            }
        }
    }
}

impl Settings {
    /// What is wrong with each setting by itself; conditions are looked at when they are made ready.
    pub(crate) fn issues(&self) -> Issues {
        let mut issues = Issues::default();
        if self.type_field.is_empty() || self.type_field.contains('=') {
            issues.at("/type_field", "name the field that holds the business type, without \"=\"");
        }
        if self.groups.is_empty() {
            issues.at("/groups", "name at least one group");
        }
        if self.groups.len() > MOST_GROUPS {
            let message = format!("{} groups, and at most {MOST_GROUPS}", self.groups.len());
            issues.at("/groups", message);
        }
        for (name, conditions) in &self.standards {
            if name.is_empty() || name.starts_with('[') {
                let message = "a standard needs a name that does not begin with \"[\"";
                issues.at(pointer(["standards", name]), message);
            }
            if conditions.is_empty() {
                let message = "has no condition: everybody would meet it";
                issues.at(pointer(["standards", name]), message);
            }
        }
        for (at, visible) in self.fields.iter().enumerate() {
            visible.issues(at, &mut issues);
        }
        feature_issues(&self.features, &[], &mut issues);
        issues
    }

    /// What each group asks, in the order of their names.
    pub(crate) fn groups(&self, needs: &mut Needs, issues: &mut Issues) -> Vec<Vec<Test>> {
        let mut asking = Asking { needs, asked: Questions::CLASSIFY, seen: None };
        let tests = |(name, group): (&String, &Group)| self.group(name, group, &mut asking, issues);
        self.groups.iter().map(tests).collect()
    }

    fn group(
        &self,
        name: &str,
        group: &Group,
        asking: &mut Asking<'_>,
        issues: &mut Issues,
    ) -> Vec<Test> {
        let path = |part| pointer(["groups", name, part]);
        if name.is_empty() {
            issues.at(pointer(["groups", name]), "a group needs a name");
            return Vec::new();
        }
        if !(1..=MOST_COUNTED).contains(&group.at_least) {
            let message = format!("{} is not a number from 1 to {MOST_COUNTED}", group.at_least);
            issues.at(path("at_least"), message);
        }
        let within = group.within.map_or(EVER, |span| span.0);
        if within == 0 {
            issues.at(path("within"), "nothing is counted within no time");
        }
        let event = self.event(name, group, issues);
        let enough = event.and_then(|event| asking.count(&event, within));
        let enough = enough.map(|field| Test::Count { field, from: group.at_least, to: i64::MAX });
        let others = tests_of(&group.conditions, &|| path("where"), asking, issues);
        enough.into_iter().chain(others).collect()
    }

    /// The records that count for a group: those of its business type, if it does not say.
    fn event<'a>(
        &self,
        name: &'a str,
        group: &'a Group,
        issues: &mut Issues,
    ) -> Option<Cow<'a, str>> {
        if let Some(event) = &group.event {
            if let Some(why) = uncountable(event) {
                issues.at(pointer(["groups", name, "event"]), why);
                return None;
            }
            return Some(event.into());
        }
        if self.type_field != "name" {
            return Some(format!("{}={name}", self.type_field).into());
        }
        if name == "*" || name.starts_with('$') || name.contains('=') {
            let message = format!("{name:?} can be no event's name: say which `event` counts");
            issues.at(pointer(["groups", name]), message);
            return None;
        }
        Some(name.into())
    }
}
