//! A policy as the engine sees it: somebody to ask, in batches. What answers (a component in the
//! sandbox, or native code in a test) is not the engine's business. Plain data and one trait.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::event::Millis;
pub use super::words::*;

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
    /// Which policy with which settings this is, in short: whose answers are not the same has another one.
    fn fingerprint(&self) -> &str {
        self.name()
    }
    /// The groups of segment criteria; none for others.
    fn groups(&self) -> &[Arc<str>];
    /// For each user the groups that they belong to, as indices into [`Policy::groups`], in order.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn classify(&self, users: &Batch) -> Result<Vec<Vec<u32>>, Failure>;
    /// For each member whether they meet a campaign's push standard.
    ///
    /// # Errors
    ///
    /// See [`Policy::locate`].
    fn qualify(&self, standard: &str, members: &Batch) -> Result<Vec<bool>, Failure>;
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

impl Kinds {
    /// The contract's words for the kinds that it is.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.journey, "journey"),
            (self.audience, "audience"),
            (self.personalise, "personalise"),
            (self.route, "route"),
        ];
        all.into_iter().filter(|(is, _)| *is).map(|(_, kind)| kind)
    }
}

impl std::fmt::Display for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(", "))
    }
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
    /// Which groups a record belongs to.
    Classify,
    /// Whether a member meets a campaign's push standard.
    Qualify,
    /// What campaign parameters make.
    Compose,
}

impl Question {
    /// The contract's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Question::Locate => "locate",
            Question::Stalled => "stalled",
            Question::Render => "render",
            Question::Plan => "plan",
            Question::Judge => "judge",
            Question::Classify => "classify",
            Question::Qualify => "qualify",
            Question::Compose => "compose",
        }
    }
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
