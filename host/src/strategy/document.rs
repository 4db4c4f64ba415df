//! The form of a strategy file. The same document may be written as TOML or as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::campaign::Campaign;
use super::guard::{Guard, Topic};
use crate::engine::Part;
use crate::engine::policy::{Policy, Template};

/// A strategy file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What it is called; the file's name, if nothing is said.
    pub name: Option<String>,
    /// Whose it is; the name, if nothing is said.
    pub tenant: Option<String>,
    /// The policies.
    pub policy: Vec<PolicyEntry>,
    /// The channels, in the tenant's order.
    #[serde(default = "default_channels")]
    pub channel: Vec<Channel>,
    /// The texts, by message key and then by locale; `default` is for everybody else.
    #[serde(default)]
    pub messages: Texts,
    /// Campaigns for whoever joins their groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub campaign: Vec<Campaign>,
    /// What messages are about, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topic: BTreeMap<String, Topic>,
    /// What the host sees to, whatever the policies say.
    #[serde(default)]
    pub guard: Guard,
}

/// Texts by message key and then by locale; `default` is for everybody else.
pub type Texts = BTreeMap<String, BTreeMap<String, Template>>;

/// A strategy that names no channel has one that is free and reaches everybody.
pub(crate) fn default_channels() -> Vec<Channel> {
    vec![Channel { name: "log".to_owned(), cost: 0.0, address: None }]
}

/// A policy of a strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// The name of a standard policy, or the path of a `.wasm`, seen from the strategy file.
    pub r#use: String,
    /// What the strategy calls it; its name, if nothing is said.
    pub r#as: Option<String>,
    /// The messages, by key, that a route policy is for; without them all that no other one is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Its settings.
    #[serde(default = "nothing")]
    pub settings: serde_json::Value,
}

/// A document with nothing in it.
pub(super) fn nothing() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

impl PolicyEntry {
    /// What the strategy calls the policy.
    #[must_use]
    pub fn label(&self) -> &str {
        self.r#as.as_deref().unwrap_or_else(|| {
            let file = self.r#use.rsplit(['/', '\\']).next().unwrap_or(&self.r#use);
            file.strip_suffix(".wasm").unwrap_or(file)
        })
    }

    /// The policy as a part of a strategy.
    pub(crate) fn part(&self, policy: Arc<dyn Policy>) -> Part {
        let routes = self.routes.iter().map(|key| Arc::from(key.as_str()));
        Part::new(self.label(), policy).routing(routes)
    }
}

/// A channel of a strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What one attempt costs, in the tenant's unit.
    #[serde(default)]
    pub cost: f64,
    /// The profile field that holds the user's address there; without it everybody can be reached.
    pub address: Option<String>,
}

/// Reads a document, or says what is wrong with it and where.
pub(super) fn parse(text: &str) -> Result<Document, String> {
    let document: Document = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        toml_edit::de::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?
    };
    for channel in &document.channel {
        if !(channel.cost.is_finite() && channel.cost >= 0.0) {
            return Err(format!("channel {:?}: a cost is a number from 0 up", channel.name));
        }
    }
    document.guard.read(&document.topic)?;
    Ok(document)
}
