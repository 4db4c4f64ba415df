//! What the service says when it is asked to account for itself: why a user got a message or did not, whether a
//! log is what was written, and all that is kept about somebody. Plain data, as in `words`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::words::{AttemptInfo, LetterInfo};

/// Why a user got what they got, and why not what they did not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The user.
    pub user: String,
    /// When this was said, in milliseconds since 1970 UTC.
    pub at: i64,
    /// Lines of the log that were done again and are not among `lines`, as they are too many.
    pub left_out: u64,
    /// There are older lines than were looked at.
    pub more: bool,
    /// Lines, those left out among them, of which something else came out when they were done again.
    pub differs: u64,
    /// What happened and was decided, oldest first.
    pub lines: Vec<StoryLine>,
    /// Each message, oldest first.
    pub messages: Vec<MessageStory>,
    /// For each node policy why nothing is said now; left out when one message is asked about.
    pub never: Vec<Never>,
}

/// A line of the log, and what came out when it was done again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StoryLine {
    /// The chunk of the log that it is in.
    pub chunk: u64,
    /// The name that the user had then.
    pub user: String,
    /// When it was decided, in milliseconds since 1970 UTC; absent if the line is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// The release that was at work; absent if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Names that turned out to be this user's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<String>,
    /// What came in as a record of the past.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Value>,
    /// What came in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    /// What was decided, as recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Told>,
    /// What policies were asked when it was done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Whether the same came out.
    pub verdict: Verdict,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came out instead, where something else did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub now: Vec<Told>,
}

/// Whether decisions come out again as they were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They do, byte for byte.
    Same,
    /// Something else comes out.
    Differs,
    /// It cannot be found out.
    Unknown,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// When, by the user's clock, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The decision, as recorded.
    pub decision: Value,
    /// The same in words.
    pub says: String,
}

/// A question that was put to a policy about the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// What the strategy calls the policy.
    pub policy: String,
    /// The component's digest.
    pub digest: String,
    /// The question: `locate`, `stalled`, `render`, `plan` or `judge`.
    pub question: String,
    /// What the policy saw: the moment, the fields that it asked for, and what the question is about.
    pub input: Value,
    /// Its answer; null: it had none for this user. Absent if it faulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// What it did wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The fuel that it took.
    pub fuel: u64,
}

/// What became of a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageStory {
    /// The message.
    pub message: String,
    /// Its key in the tenant's contents; empty if its draft is in the log no more.
    pub key: String,
    /// The label of the policy that drafted it.
    pub policy: String,
    /// The node that it is about.
    pub node: String,
    /// When it was drafted, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drafted: Option<i64>,
    /// How it stands, in words.
    pub stands: String,
    /// What stopped it, if something did or does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<StoppedBy>,
    /// The attempts, oldest first.
    pub attempts: Vec<AttemptStory>,
}

/// The rule that kept a message from its user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoppedBy {
    /// The rule, in a word: `quiet-hours`, `cap`, `opted-out`, `no-channel` and the like.
    pub rule: String,
    /// When it did, in milliseconds since 1970 UTC.
    pub at: i64,
    /// The same for a person, with the numbers that the strategy set.
    pub says: String,
}

/// An attempt, with the evidence about it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptStory {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: AttemptInfo,
    /// What came in about it, oldest first.
    pub receipts: Vec<ReceiptInfo>,
}

/// Evidence about an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptInfo {
    /// When it came in, in milliseconds since 1970 UTC.
    pub at: i64,
    /// What it shows.
    pub shows: String,
}

/// Why a node policy has nothing to say about the user now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Never {
    /// The label of the policy; empty if no release is at work.
    pub policy: String,
    /// Why, in a word: `no-release`, `no-visit`, `no-rule`, `not-watched`, `the-end`, `not-yet`, `shown-no-more`,
    /// `drafted`, `past` or `silent`.
    pub why: String,
    /// The same for a person.
    pub says: String,
    /// The node at which the user is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Dwell there so far, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell: Option<u64>,
    /// How long is allowed, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    /// When it is longer, if nothing happens before, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// The message that was drafted about this visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the policy says when it is asked again now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// Whether a tenant's log is what was written: its chain of hashes, looked through from end to end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// The tenant.
    pub tenant: String,
    /// The log is what was written.
    pub sound: bool,
    /// The head of the chain, in hexadecimal: note it, and it can be checked later that the log still leads to it.
    /// Absent if nothing was ever chained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Chunks of the log.
    pub chunks: u64,
    /// Lines in them.
    pub lines: u64,
    /// Of these, lines that were erased on a user's wish.
    pub erased: u64,
    /// Chunks from before there was a chain, which nothing proves.
    pub unproved: u64,
    /// The first chunk that is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// What is not as it was written; at most 100, and a word on how many more.
    pub findings: Vec<ProofFinding>,
}

/// Something in a log that is not as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProofFinding {
    /// The chunk; absent if it is about the log as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u64>,
    /// What.
    pub what: String,
}

/// Everything that is kept about a user. Of suppressed addresses only hashes are kept, which belong to nobody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Export {
    /// The user.
    pub user: String,
    /// When this was said, in milliseconds since 1970 UTC.
    pub at: i64,
    /// Other names that are this user's, as far as the log knows.
    pub names: Vec<String>,
    /// The user's state: profile, consents, visits, messages under way.
    pub state: Value,
    /// All events and decisions that the log has, oldest first: a document for each turn.
    pub turns: Vec<Value>,
    /// What was sent or is to be, oldest first, with the evidence about it.
    pub attempts: Vec<AttemptStory>,
    /// What the user found in the app.
    pub letters: Vec<LetterInfo>,
}
