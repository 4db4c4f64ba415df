//! A policy as the engine sees it: somebody to ask, in batches. What answers (a component in the
//! sandbox, or native code in a test) is not the engine's business. Plain data and one trait.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::event::{Fields, Grade, Instant, Millis};

/// A configured policy. An answer about a row depends on that row and on the settings alone.
///
/// Every question answers for all rows of its batch, in order.
pub trait Policy: Send + Sync {
    /// The policy's own name.
    fn name(&self) -> &str;
    /// The kinds that it is.
    fn kinds(&self) -> Kinds;
    /// What it wants to see.
    fn setup(&self) -> &Setup;
    /// The rules of a node policy; none for others.
    fn rules(&self) -> &[Rule];
    /// For each event the rule that it puts the user under.
    ///
    /// # Errors
    ///
    /// As for all questions: no answer for any row, because of the policy or because of the host.
    fn locate(&self, events: &Batch) -> Result<Vec<Option<u32>>, Failure>;
    /// For each visit that has stalled under its rule, a draft.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn stalled(&self, rules: &[u32], visits: &Batch) -> Result<Vec<Option<Draft>>, Failure>;
    /// For each request the text.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn render(
        &self,
        requests: &[RenderRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Content>>, Failure>;
    /// For each request the way to the user.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn plan(
        &self,
        requests: &[PlanRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Itinerary>>, Failure>;
    /// For each step whose wait is over, what to make of it.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn judge(&self, steps: &[Overdue<'_>], users: &Batch) -> Result<Vec<Verdict>, Failure>;
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The policy's doing; it costs the rows in question their answer.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The host's doing; nothing may be concluded from it, and nothing committed.
    #[error("the host could not evaluate the policy: {0}")]
    Host(String),
}

/// What a policy did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", content = "message", rename_all = "kebab-case")]
pub enum Fault {
    /// It panicked, and said so.
    #[error("panicked: {0}")]
    Panic(String),
    /// It trapped.
    #[error("trapped: {0}")]
    Trap(String),
    /// It used up its fuel.
    #[error("used up its fuel of {0}")]
    Fuel(u64),
    /// It was still running when its time was up. Fuel runs out first, except in what fuel does not see.
    #[error("was still running after {0} ms")]
    Deadline(u64),
    /// It wanted more memory, or larger tables, than there is for it.
    #[error("wanted more than its limit of {0}")]
    Memory(String),
    /// Its stack overflowed.
    #[error("overflowed its stack of {0} bytes")]
    Stack(u64),
    /// Its answer does not have the form of an answer.
    #[error("gave an answer that is none: {0}")]
    Output(String),
}

impl Fault {
    /// Whether asking again for fewer rows can tell the rows that are at fault from the others. A
    /// deadline says more about the machine than about a row.
    #[must_use]
    pub fn is_of_a_row(&self) -> bool {
        !matches!(self, Fault::Deadline(_))
    }
}

/// The kinds that a policy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// A node policy.
    pub journey: bool,
    /// Segment criteria.
    pub audience: bool,
    /// Texts.
    pub personalise: bool,
    /// Channels and waits.
    pub route: bool,
}

/// What a policy wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Fields, in the order of a batch's columns.
    pub needs: Vec<Need>,
    /// Counts to be kept for it.
    pub counters: Vec<Counter>,
}

/// A field that a policy wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Whose it is.
    pub origin: Origin,
    /// Its name there.
    pub name: Arc<str>,
    /// What it is turned into.
    pub shape: Shape,
    /// The questions that get to see it.
    pub asked: Questions,
}

/// Whose a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The event's, or the latest value that the user's events had.
    Event,
    /// The user's profile's.
    Profile,
    /// The visit's: measured by the host.
    Visit,
    /// A counter's.
    Counter,
    /// A channel's.
    Channel,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// True or false.
    Flag,
    /// Moments.
    Instant,
}

/// A question that is put to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Where an event puts a user.
    Locate,
    /// What to say about a visit that has stalled.
    Stalled,
    /// What a message says.
    Render,
    /// Which channels, in which order.
    Plan,
    /// Whether a message was received.
    Judge,
}

/// A set of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Questions(u8);

impl Questions {
    /// This set and one question more.
    #[must_use]
    pub fn and(self, question: Question) -> Questions {
        Questions(self.0 | 1 << question as u8)
    }

    /// Whether the question is one of them.
    #[must_use]
    pub fn has(self, question: Question) -> bool {
        self.0 >> question as u8 & 1 == 1
    }
}

/// A count of a user's events of one name within a sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What the policy calls it.
    pub name: Arc<str>,
    /// The events' name.
    pub event: Arc<str>,
    /// How far back it looks.
    pub window: Millis,
}

/// A node as a node policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The node.
    pub place: Place,
    /// When a visit has stalled.
    pub watch: Option<Watch>,
    /// The process ends here.
    pub last: bool,
}

/// How a rule names its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// By name.
    Named(Arc<str>),
    /// By what the event has in this field.
    Field(Arc<str>),
}

/// When a visit has stalled: its dwell is strictly longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The threshold.
    pub longer_than: Millis,
    /// What is measured.
    pub basis: Basis,
}

/// A measure of dwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Time since the last operation at the node.
    Interruption,
    /// Time that a page of the node was shown.
    PageStay,
    /// Both, added.
    Sum,
    /// Whichever is longer.
    Either,
}

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
#[derive(Clone, Debug, PartialEq)]
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
