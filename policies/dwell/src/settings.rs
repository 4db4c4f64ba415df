//! What a tenant sets, and what can be wrong with it.

use std::collections::BTreeMap;

use nudge_guest::prelude::*;
use nudge_guest::{FeatureSettings, given, unnameable};
use serde::Deserialize;

use crate::Node;

/// Message data that every draft has.
pub(crate) const GIVEN: [&str; 4] = ["node", "pending", "hours", "days"];

/// The contract has room for 4,096 rules, and the other nodes of the process need one.
const MOST_NODES: usize = 4_095;

/// The settings of the policy; `settings.schema.json` describes them for people and tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The event field that holds the node attribute identifier.
    #[serde(default = "node_field")]
    pub node_field: String,
    /// Which identifiers are nodes of the process besides those listed: names, `*` for anything.
    #[serde(default = "everything")]
    pub process: Vec<Pattern>,
    /// The measure of dwell, where a node names none.
    #[serde(default)]
    pub basis: Measure,
    /// The nodes that are watched, or lead somewhere, or are led to.
    pub nodes: BTreeMap<String, NodeSettings>,
    /// What is to be done at a node, and the policy data that goes with it.
    #[serde(default)]
    pub behaviours: BTreeMap<String, Behaviour>,
    /// Personalised features, out of the user's process information.
    #[serde(default)]
    pub features: BTreeMap<String, FeatureSettings>,
}

fn node_field() -> String {
    "node".to_owned()
}

fn everything() -> Vec<Pattern> {
    vec![Pattern("*".to_owned())]
}

/// One node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// A visit whose dwell exceeds this has stalled. Without it nobody stalls here.
    #[serde(default, deserialize_with = "given")]
    pub threshold: Option<Span>,
    /// The measure of dwell at this node.
    #[serde(default, deserialize_with = "given")]
    pub basis: Option<Measure>,
    /// The node to be done next.
    #[serde(default, deserialize_with = "given")]
    pub pending: Option<String>,
    /// What is to be done at this node: a key of `behaviours`.
    #[serde(default, deserialize_with = "given")]
    pub behaviour: Option<String>,
    /// The process ends here.
    #[serde(default)]
    pub last: bool,
}

/// The policy data of a behaviour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Key of the message in the tenant's contents.
    pub message: String,
    /// How much the message matters.
    #[serde(default)]
    pub importance: Importance,
    /// Message data, for the text.
    #[serde(default)]
    pub data: BTreeMap<String, Value>,
}

/// The measure of dwell.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Time since the last operation at the node.
    #[default]
    Interruption,
    /// Time that a page of the node was shown.
    PageStay,
    /// Both, added.
    Sum,
    /// Whichever is longer.
    Either,
}

impl From<Measure> for Basis {
    fn from(measure: Measure) -> Basis {
        match measure {
            Measure::Interruption => Basis::Interruption,
            Measure::PageStay => Basis::PageStay,
            Measure::Sum => Basis::Sum,
            Measure::Either => Basis::Either,
        }
    }
}

/// A name in which each `*` stands for any run of characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Whether the pattern covers the whole of `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl Settings {
    /// What is wrong with each setting by itself.
    pub(crate) fn issues(&self) -> Issues {
        let mut issues = Issues::default();
        if self.node_field.is_empty() {
            issues.at("/node_field", "name the field that holds the node attribute identifier");
        }
        if self.nodes.is_empty() {
            issues.at("/nodes", "name at least one node");
        }
        if self.nodes.len() > MOST_NODES {
            issues.at("/nodes", format!("{} nodes, and at most {MOST_NODES}", self.nodes.len()));
        }
        if self.nodes.contains_key("") {
            issues.at(pointer(["nodes", ""]), "a node needs an identifier");
        }
        for (behaviour, settings) in &self.behaviours {
            for name in settings.data.keys() {
                nameable(name, ["behaviours", behaviour, "data", name], &mut issues);
            }
        }
        for (name, feature) in &self.features {
            nameable(name, ["features", name], &mut issues);
            let data = self.behaviours.iter().find(|(_, b)| b.data.contains_key(name));
            if let Some((behaviour, _)) = data {
                issues.at(
                    pointer(["features", name]),
                    format!("{name:?} is a name of data of the behaviour {behaviour:?}, too"),
                );
            }
            if feature.field.is_empty() {
                issues.at(pointer(["features", name, "field"]), "name the field it comes from");
            }
        }
        issues
    }

    /// The listed nodes with all that follows from their settings.
    pub(crate) fn nodes(&self, issues: &mut Issues) -> Vec<Node> {
        let known = || self.behaviours.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        for (name, node) in &self.nodes {
            if let Some(behaviour) = &node.behaviour
                && !self.behaviours.contains_key(behaviour)
            {
                issues.at(
                    pointer(["nodes", name, "behaviour"]),
                    format!("{behaviour:?} is none of the behaviours ({})", known()),
                );
            }
        }
        self.nodes.iter().map(|(name, node)| self.node(name, node, issues)).collect()
    }

    fn node(&self, name: &str, node: &NodeSettings, issues: &mut Issues) -> Node {
        let watch = node.threshold.map(|threshold| Watch {
            longer_than: threshold.0,
            basis: node.basis.unwrap_or(self.basis).into(),
        });
        if node.last && watch.is_some() {
            issues.at(
                pointer(["nodes", name, "threshold"]),
                "the last node is not watched: leave one out",
            );
        }
        let pending = self.pending(name, node, issues);
        let next = watch.and(pending).and_then(|(pending, settings)| {
            let Some(behaviour) = &settings.behaviour else {
                issues.at(
                    pointer(["nodes", pending, "behaviour"]),
                    format!("{name:?} leads here, so it must say what is to be done here"),
                );
                return None;
            };
            // A behaviour that does not exist has been reported where it is named.
            Some((pending.to_owned(), self.behaviours.get(behaviour)?.clone()))
        });
        Node { name: name.to_owned(), watch, last: node.last, next }
    }

    /// Stage one: the current node determines the pending node, whose behaviour then selects the policy
    /// data.
    fn pending<'a>(
        &'a self,
        name: &str,
        node: &'a NodeSettings,
        issues: &mut Issues,
    ) -> Option<(&'a str, &'a NodeSettings)> {
        let path = || pointer(["nodes", name, "pending"]);
        let Some(pending) = &node.pending else {
            if node.threshold.is_some() {
                issues.at(
                    path(),
                    "a node with a threshold needs its pending node, the one to be done next",
                );
            }
            return None;
        };
        if pending == name {
            issues.at(path(), "a node cannot be the one to be done after itself");
            return None;
        }
        let settings = self.nodes.get(pending);
        if settings.is_none() {
            issues.at(path(), format!("{pending:?} is not listed under nodes"));
        }
        Some((pending, settings?))
    }
}

/// Whether a text can name it.
fn nameable<const N: usize>(name: &str, path: [&str; N], issues: &mut Issues) {
    if let Some(why) = unnameable(name) {
        issues.at(pointer(path), why);
    } else if GIVEN.contains(&name) {
        issues.at(pointer(path), format!("{name:?} is there already, from the visit"));
    }
}
