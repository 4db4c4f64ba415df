//! What the engine decided, and why: one record a decision, in the order in which they were made.
//! Plain data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::consent::Consent;
use super::event::{Fields, Grade, Instant, Millis, Withheld};
use super::policy::{Basis, Content, Fault, Importance, Question, Verdict};
use super::state::Held;

/// One decision about one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, by the user's clock.
    pub at: Instant,
    /// About whom.
    pub user: Arc<str>,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// A visit began.
    Entered {
        /// The label of the policy that says so.
        policy: Arc<str>,
        /// The node.
        node: Arc<str>,
        /// The node before.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<Arc<str>>,
    },
    /// A visit ended.
    Left {
        /// The label of the policy that says so.
        policy: Arc<str>,
        /// The node.
        node: Arc<str>,
        /// When the visit began.
        entered: Instant,
        /// Time since the last operation at the node.
        interruption: Millis,
        /// Time that a page of the node was shown.
        page_stay: Millis,
    },
    /// A visit has stalled: its dwell is longer than its rule allows.
    Stalled {
        /// The label of the policy whose rule it is.
        policy: Arc<str>,
        /// The node.
        node: Arc<str>,
        /// When the visit began.
        entered: Instant,
        /// What was measured.
        basis: Basis,
        /// How long.
        dwell: Millis,
        /// How long was allowed.
        threshold: Millis,
    },
    /// A visit of the past had stalled: nobody is messaged about it.
    Past {
        /// The label of the policy.
        policy: Arc<str>,
        /// The node.
        node: Arc<str>,
    },
    /// The policy has nothing to say about a visit that has stalled.
    Silent {
        /// The label of the policy.
        policy: Arc<str>,
        /// The node.
        node: Arc<str>,
    },
    /// A message was drafted.
    Drafted {
        /// The message.
        message: Arc<str>,
        /// The label of the policy that drafted it.
        policy: Arc<str>,
        /// The node of the visit that it is about; empty if it is about none.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        node: Arc<str>,
        /// The campaign that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<Arc<str>>,
        /// Key in the tenant's contents.
        key: Arc<str>,
        /// How much it matters.
        importance: Importance,
        /// The node whose being reached is the conversion.
        pending: Option<Arc<str>>,
        /// Message data.
        data: Fields,
    },
    /// A message will not be sent at all.
    Refused {
        /// The message.
        message: Arc<str>,
        /// Why.
        reason: Refusal,
    },
    /// A message has a way to its user.
    Planned {
        /// The message.
        message: Arc<str>,
        /// The channels of each step.
        steps: Vec<Vec<Arc<str>>>,
        /// The grade of evidence that ends it.
        ends_at: Grade,
        /// Attempts that will not be exceeded.
        most_sends: u32,
    },
    /// A channel of a step is passed over.
    Skipped {
        /// The message.
        message: Arc<str>,
        /// The channel.
        channel: Arc<str>,
        /// Why.
        reason: Skip,
    },
    /// An attempt was handed over to be sent.
    Sent {
        /// The message.
        message: Arc<str>,
        /// The channel.
        channel: Arc<str>,
        /// The step, from 0.
        step: u32,
        /// The attempt's tracking id.
        tracking: Arc<str>,
        /// What it says.
        content: Content,
        /// The address of what it says: a SHA-256 over it, in hexadecimal.
        #[serde(default)]
        digest: Arc<str>,
    },
    /// A message is kept back for now.
    Held {
        /// The message.
        message: Arc<str>,
        /// Until when.
        until: Instant,
        /// Why.
        why: Held,
    },
    /// A message is one too many under a cap.
    Capped {
        /// The message.
        message: Arc<str>,
        /// Which of the strategy's caps, from 0.
        cap: u32,
    },
    /// A message carries others that could wait.
    Gathered {
        /// The message.
        message: Arc<str>,
        /// The others.
        items: Vec<Arc<str>>,
    },
    /// The user said whether they want messages.
    Consented {
        /// What they said.
        #[serde(flatten)]
        consent: Consent,
    },
    /// The host did not let an attempt out.
    Withheld {
        /// The message.
        message: Arc<str>,
        /// The channel.
        channel: Arc<str>,
        /// Why not.
        why: Withheld,
    },
    /// Return data was found to be about an attempt.
    Evidence {
        /// The message.
        message: Arc<str>,
        /// The channel.
        channel: Arc<str>,
        /// What it shows.
        grade: Grade,
    },
    /// A channel gave an attempt up.
    Failed {
        /// The message.
        message: Arc<str>,
        /// The channel.
        channel: Arc<str>,
    },
    /// Return data is about no attempt that is known.
    Unmatched,
    /// A step's wait was over without the wanted evidence, and its policy was asked.
    Judged {
        /// The message.
        message: Arc<str>,
        /// The step, from 0.
        step: u32,
        /// The answer.
        verdict: Verdict,
    },
    /// No further step of a message will be taken.
    Ended {
        /// The message.
        message: Arc<str>,
        /// Why.
        reason: End,
        /// Attempts, all in all.
        sends: u32,
    },
    /// What a message was about is over.
    Resolved {
        /// The message.
        message: Arc<str>,
        /// Whether the user did what it was for.
        converted: bool,
        /// How long after the first attempt.
        after: Millis,
    },
    /// The user belongs to a group from now on.
    Joined {
        /// The label of the policy that says so.
        policy: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// Nothing has happened now: other criteria are at work, or it is a record of the past. Standing
        /// campaigns pass over it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        quietly: bool,
    },
    /// The user belongs to a group no longer.
    Quit {
        /// The label of the policy that says so.
        policy: Arc<str>,
        /// The group.
        group: Arc<str>,
    },
    /// A campaign has reached the user, who meets its push standard.
    Targeted {
        /// The campaign.
        campaign: Arc<str>,
        /// The label of the policy that composed it.
        policy: Arc<str>,
        /// Its initial group.
        group: Arc<str>,
        /// The user gets no message, to be compared with.
        held_out: bool,
    },
    /// A campaign is not for the user.
    Missed {
        /// The campaign.
        campaign: Arc<str>,
        /// Why not.
        reason: Missed,
    },
    /// The user has done what a campaign is for, be it without a message.
    Achieved {
        /// The campaign.
        campaign: Arc<str>,
        /// The user got no message, to be compared with.
        held_out: bool,
        /// How long after it had reached the user.
        after: Millis,
    },
    /// A policy gave no answer.
    Fault {
        /// The label of the policy.
        policy: Arc<str>,
        /// What it was asked.
        question: Question,
        /// What it did instead.
        #[serde(flatten)]
        fault: Fault,
    },
}

/// Why a message is not sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The same message about the same visit was drafted before.
    AlreadyDrafted,
    /// The tenant's contents have no such message.
    NoContent,
    /// The route says that it is not for this user.
    NotPlanned,
    /// There is no channel on which the user can be reached.
    NoChannel,
    /// The policy that routes it gave no answer.
    Fault,
}

/// Why a campaign is not for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// The strategy has no such segment criteria any more.
    NoPolicy,
    /// The user does not belong to its group.
    NotMember,
    /// It has reached the user before.
    Reached,
    /// The user does not meet its push standard.
    Unqualified,
    /// The policy that knows its push standard gave no answer.
    Fault,
}

/// Why a channel of a step is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// The tenant has no such channel.
    Unknown,
    /// The user cannot be reached there.
    Unavailable,
    /// The text could not be written for this user.
    NotRendered,
    /// The policy that writes it gave no answer.
    Fault,
    /// The number of pushes is used up.
    MostSends,
    /// Nothing arrives at the user's address there.
    DeadAddress,
    /// The user does not want it there.
    NotWanted,
    /// The user has had as much there as a cap allows.
    Capped,
}

/// Why no further step of a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// There is evidence of the wanted grade.
    Received,
    /// The user did what it was for.
    Converted,
    /// The user left the node for another than the pending one.
    Left,
    /// Every step was taken and every wait is over.
    Unreceived,
    /// Not one attempt could be made.
    Unsent,
    /// It would have gone out in quiet hours, and the strategy says to drop it then.
    QuietHours,
    /// It was one too many under a cap.
    Capped,
    /// A message that matters more took its place under a cap.
    Outranked,
    /// The user does not want it any more.
    OptedOut,
    /// Another message carries it.
    Gathered,
    /// The time of its campaign is over.
    Expired,
}

impl End {
    /// Whether attempts that have not left yet are to stay.
    #[must_use]
    pub fn calls_off(self) -> bool {
        matches!(self, End::Received | End::Converted | End::Left | End::OptedOut | End::Expired)
    }
}
