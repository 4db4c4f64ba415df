//! What policies are asked about and what they answer: drafts, texts, plans, verdicts, campaigns. Plain
//! data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Fields, Grade, Instant, Millis};

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    /// It can wait.
    Low,
    /// As most do.
    Normal,
    /// More than most.
    High,
    /// Now.
    Urgent,
}

/// A message that a policy wants sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Key of the message in the tenant's contents.
    pub message: Arc<str>,
    /// How much it matters.
    pub importance: Importance,
    /// The node whose being reached is the conversion; none: leaving the node is.
    pub pending: Option<Arc<str>>,
    /// Message data.
    pub data: Fields,
}

/// A text of the tenant's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The title or subject.
    #[serde(default)]
    pub title: String,
    /// The text.
    pub body: String,
    /// Where it leads.
    pub link: Option<String>,
}

/// What is to be rendered for one user.
#[derive(Clone, Copy, Debug)]
pub struct RenderRequest<'a> {
    /// Key of the message in the tenant's contents.
    pub message: &'a str,
    /// The tenant's text.
    pub template: &'a Template,
    /// The channel it is for.
    pub channel: &'a str,
    /// The user's locale, a BCP 47 tag; empty if unknown.
    pub locale: &'a str,
    /// The draft's message data.
    pub data: &'a Fields,
}

/// What a message says: plain text, to be escaped as the channel needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The title or subject.
    pub title: String,
    /// The text.
    pub body: String,
    /// Where it leads.
    pub link: Option<String>,
    /// What was taken from the user's process information.
    pub features: Fields,
}

/// A message that needs a way to its user.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// Key of the message in the tenant's contents.
    pub message: &'a str,
    /// How much it matters.
    pub importance: Importance,
    /// Messages that the user was sent before.
    pub messages: u32,
    /// The user's own choice of channels, most wanted first.
    pub preferred: Vec<&'a str>,
    /// The tenant's channels, in the tenant's order.
    pub readings: Vec<Reading<'a>>,
}

/// What is known of one channel and one user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The user can be reached there.
    pub available: bool,
    /// How it went so far.
    pub history: History,
    /// What one attempt costs.
    pub cost: f64,
}

/// How one channel did with one user so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Attempts.
    pub sent: u32,
    /// Messages with feedback from this channel.
    pub feedback: u32,
    /// Of these, messages whose first feedback came from this channel.
    pub first_feedback: u32,
    /// When there was feedback last.
    pub last_feedback: Option<Instant>,
}

/// The way of a message to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Itinerary {
    /// One after the other, until the wanted evidence is there.
    pub steps: Vec<Step>,
    /// Evidence of this grade, or better, ends the push.
    pub ends_at: Grade,
    /// Attempts, all in all.
    pub most_sends: u32,
}

/// Sends on all its channels at once, then waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The channels.
    pub channels: Vec<Arc<str>>,
    /// How long evidence is awaited.
    pub wait: Millis,
}

/// A step whose wait is over without evidence of the wanted grade.
#[derive(Clone, Copy, Debug)]
pub struct Overdue<'a> {
    /// Key of the message in the tenant's contents.
    pub message: &'a str,
    /// How much it matters.
    pub importance: Importance,
    /// From 0.
    pub step: u32,
    /// The best evidence so far.
    pub evidence: Option<Grade>,
    /// When the message's first attempt was sent.
    pub since: Instant,
}

/// What a policy makes of an overdue step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was received by another route.
    Received,
    /// The next step is taken.
    NotReceived,
    /// The wait begins again.
    WaitLonger,
}

/// A marketing event before it has been targeted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// What it is called.
    pub name: Arc<str>,
    /// Matched with the groups' names: the initial group.
    pub event_type: Arc<str>,
    /// Key of the message in the tenant's contents.
    pub message: Arc<str>,
    /// How much it matters.
    pub importance: Importance,
    /// The push standard, handed to `qualify` as it is.
    pub standard: Arc<str>,
    /// Message data.
    pub data: Fields,
}

/// A campaign as it goes out to users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// What the host calls it; unique among a tenant's campaigns.
    pub id: Arc<str>,
    /// The label of the segment criteria that composed it.
    pub policy: Arc<str>,
    /// What was composed.
    pub campaign: Campaign,
    /// The event that the campaign is for, as counters name events. None: that users leave the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Arc<str>>,
    /// How long after it has reached somebody what they do counts.
    pub within: Millis,
    /// Of a thousand users how many get no message, to be compared with.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub hold_out: u32,
    /// Whoever leaves the group and joins it again is reached again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

fn is_nothing(number: &u32) -> bool {
    *number == 0
}
