//! The traits that a policy implements, and the words they use. Where the contract's own record says
//! it well, it is used as it is; where it carries a row number, the author is spared it.

use serde::de::DeserializeOwned;

use crate::bindings::base::nudge::policy::types::Field as WireField;
use crate::bindings::personalise::exports::nudge::policy::personalise as wire_personalise;
use crate::{Field, Issues, Manifest, Needs, Row, Text};

pub use crate::bindings::base::nudge::policy::types::{Importance, Value};
pub use crate::bindings::journey::exports::nudge::policy::journey::{Basis, Place, Rule, Watch};
pub use crate::bindings::personalise::exports::nudge::policy::personalise::Template;
pub use crate::bindings::route::exports::nudge::policy::route::{
    Grade, Overdue, Reading, Request as PlanRequest, Step, Verdict,
};

/// What every policy is: somebody, with settings.
pub trait Policy: Sized + Send + Sync + 'static {
    /// Who this is; see [`manifest!`](crate::manifest).
    const MANIFEST: Manifest;

    /// What a tenant sets. Derive `serde::Deserialize`, with `deny_unknown_fields` so that a
    /// misspelt setting is refused; a mistake is reported with its path.
    type Settings: DeserializeOwned;

    /// Checks the settings and asks for the fields that the policy needs to see.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the settings.
    fn configure(settings: Self::Settings, needs: &mut Needs) -> Result<Self, Issues>;
}

/// A node policy: where a user is, how long is too long there, and what to say then.
pub trait Journey: Policy {
    /// The nodes, each with the dwell at which a visit has stalled.
    fn rules(&self) -> Vec<Rule>;

    /// Where the event puts the user: an index into [`rules`](Journey::rules), or nowhere new.
    fn locate(&self, event: Row<'_>) -> Option<usize>;

    /// What to say about a visit that has stalled under `rule`, if anything.
    fn stalled(&self, rule: usize, visit: Row<'_>) -> Option<Draft>;
}

impl Place {
    /// The node of that name.
    pub fn named(node: impl Into<String>) -> Place {
        Place::Named(node.into())
    }

    /// The node that the event names in this field.
    #[must_use]
    pub fn of(field: Field<Text>) -> Place {
        Place::OfNeed(field.index() as u32)
    }
}

/// Segment criteria: groups, campaigns, and who qualifies.
pub trait Audience: Policy {
    /// The groups' names.
    fn groups(&self) -> Vec<String>;

    /// Pushes the groups that the record belongs to, as indices into [`groups`](Audience::groups).
    fn classify(&self, record: Row<'_>, groups: &mut Vec<usize>);

    /// The marketing-event framework: parameters, a JSON document, to a campaign.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the parameters.
    fn compose(&self, parameters: &str) -> Result<Campaign, Issues>;

    /// Whether the member meets the campaign's push standard.
    fn qualify(&self, standard: &str, member: Row<'_>) -> bool;

    /// The standard, ready to be asked of many members. A policy whose standards take reading reads them
    /// here, once for a batch; [`qualify`](Audience::qualify) is then no more than this with one member.
    fn qualifier<'a>(&'a self, standard: &'a str) -> Box<dyn Fn(Row<'_>) -> bool + 'a> {
        Box::new(move |member| self.qualify(standard, member))
    }
}

/// What a message says, on one channel and in one locale.
pub trait Personalise: Policy {
    /// The text for one user, or none if it cannot be written for them.
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content>;
}

/// Which channels, in which order, with how much patience.
pub trait Route: Policy {
    /// How to reach one user with one message, or none if it is not for them.
    fn plan(&self, request: &PlanRequest, user: Row<'_>) -> Option<Itinerary>;

    /// What to make of a step whose wait is over without the evidence wanted.
    fn judge(&self, _step: &Overdue, _user: Row<'_>) -> Verdict {
        Verdict::NotReceived
    }
}

/// Named values that go with a message.
pub type Data = Vec<(String, Value)>;

/// A message that a policy wants sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Key of the message in the tenant's contents.
    pub message: String,
    /// How much it matters.
    pub importance: Importance,
    /// The node to be done next; reaching it is the conversion. None: leaving the node is.
    pub pending: Option<String>,
    /// Message data, for the text.
    pub data: Data,
}

impl Draft {
    /// The message of that key, of normal importance, without data.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Draft {
        let message = message.into();
        Draft { message, importance: Importance::Normal, pending: None, data: Data::new() }
    }
}

/// A marketing event before it has been targeted.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// What it is called.
    pub name: String,
    /// Matched with the groups' names: the initial group.
    pub event_type: String,
    /// Key of the message in the tenant's contents.
    pub message: String,
    /// How much it matters.
    pub importance: Importance,
    /// The push standard, handed to [`Audience::qualify`] as it is.
    pub standard: String,
    /// Message data, for the text.
    pub data: Data,
}

/// What is to be rendered for one user.
#[derive(Clone, Copy, Debug)]
pub struct RenderRequest<'a> {
    pub(crate) template: &'a Template,
    pub(crate) request: &'a wire_personalise::Request,
}

impl<'a> RenderRequest<'a> {
    /// The tenant's text, with `{feature}` where a feature belongs.
    #[must_use]
    pub fn template(&self) -> &'a Template {
        self.template
    }

    /// Key of the message in the tenant's contents.
    #[must_use]
    pub fn message(&self) -> &'a str {
        &self.request.message
    }

    /// The channel it is for.
    #[must_use]
    pub fn channel(&self) -> &'a str {
        &self.request.channel
    }

    /// The user's locale, a BCP 47 tag; empty if unknown.
    #[must_use]
    pub fn locale(&self) -> &'a str {
        &self.request.locale
    }

    /// The draft's message data of that name.
    #[must_use]
    pub fn data(&self, name: &str) -> Option<&'a Value> {
        self.request.data.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

/// What a message says: plain text, which the host escapes as the channel needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The title or subject.
    pub title: String,
    /// The text.
    pub body: String,
    /// Where it leads.
    pub link: Option<String>,
    /// What was taken from the user's process information, for the record.
    pub features: Data,
}

/// The way of a message to a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Itinerary {
    /// One after the other, until the wanted evidence is there.
    pub steps: Vec<Step>,
    /// Evidence of this grade, or better, ends the push.
    pub ends_at: Grade,
    /// Attempts, all in all, that the host will not exceed.
    pub most_sends: u32,
}

pub(crate) fn fields(data: Data) -> Vec<WireField> {
    data.into_iter().map(|(name, value)| WireField { name, value }).collect()
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Flag(value)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(value) => f.write_str(value),
            Value::Integer(value) => value.fmt(f),
            Value::Number(value) => value.fmt(f),
            Value::Flag(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_a_text_as_people_write_them() {
        let texts = ["a {b}".into(), (-5).into(), 20_000.0.into(), 0.1.into(), true.into()]
            .map(|value: Value| value.to_string());
        assert_eq!(texts, ["a {b}", "-5", "20000", "0.1", "true"]);
    }
}
