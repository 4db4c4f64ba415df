//! Groups, campaigns and reports as they are seen from outside. Plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::policy::Launch;
use crate::service::campaigns::CampaignRecord;
use crate::service::lift::Lift;
use crate::service::tally::units;

/// A group of the tenant's users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupInfo {
    /// The label of the segment criteria that say who belongs to it.
    pub policy: String,
    /// Its name: the business type.
    pub group: String,
    /// How many users belong to it.
    pub members: u64,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberInfo {
    /// The user.
    pub user: String,
    /// The chunk of the log in which the user joined.
    pub chunk: u64,
}

/// A campaign to be composed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 100)]
    pub name: String,
    /// The label of the segment criteria, in the release at work, that compose it.
    #[schema(example = "audience")]
    pub policy: String,
    /// What they compose it of; each policy says in its documents what it takes. Where `content` is the name
    /// of a mailbox, the latest content there takes its place.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
    /// The event that it is for: `NAME`, or `FIELD=VALUE`. Absent: that users leave the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// How long after it has reached somebody what they do counts, as in `7d`, which it is if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Of a hundred users how many get no message, to be compared with; down to a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 99.9)]
    pub hold_out: Option<f64>,
    /// Whoever joins the group later is reached, too, until the campaign is cancelled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late_joiners: bool,
    /// Whoever leaves the group and joins it again is reached again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Users that are reached in a second at the most; absent: as fast as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub per_second: Option<u32>,
}

/// How a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignStatus {
    /// It was composed and reaches nobody so far.
    Draft,
    /// It goes out.
    Running,
    /// It was halted, and may be launched again from where it is.
    Paused,
    /// It has reached everybody.
    Done,
    /// It was ended.
    Cancelled,
}

impl CampaignStatus {
    /// The status in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CampaignStatus::Draft => "a draft",
            CampaignStatus::Running => "running",
            CampaignStatus::Paused => "paused",
            CampaignStatus::Done => "done",
            CampaignStatus::Cancelled => "cancelled",
        }
    }
}

/// A campaign: what it is, how far it has got, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignInfo {
    /// Its number.
    pub number: u64,
    /// How it stands.
    pub status: CampaignStatus,
    /// Why, if nobody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The release at work names it: it is for whoever joins its group.
    pub standing: bool,
    /// How it was asked for.
    pub asked: NewCampaign,
    /// What was composed: `name`, `event_type` (the initial group), `message`, `importance`, `standard`, `data`.
    #[schema(value_type = Object)]
    pub campaign: serde_json::Value,
    /// What it is called in traces and counts.
    pub id: String,
    /// When it was composed, in milliseconds since 1970 UTC.
    pub created: i64,
    /// When it was launched first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched: Option<i64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// Members of the initial group when it was launched.
    pub initial: u64,
    /// Members that it has gone out to, be it in vain.
    pub processed: u64,
    /// Of these, the target group: who meets the push standard and is not held out.
    pub target: u64,
    /// Who meets the push standard and got no message, to be compared with.
    pub held_out: u64,
    /// Whom it was not for, by reason.
    pub missed: BTreeMap<String, u64>,
    /// Messages of which at least one attempt was handed over.
    pub messages: u64,
    /// Attempts that were handed over.
    pub sends: u64,
    /// What they cost, in the tenant's unit.
    pub cost: f64,
    /// Of the target group, who did what it is for.
    pub achieved: u64,
    /// Of those held out, who did so without a message.
    pub held_out_achieved: u64,
    /// Cost for each of the target group who did what it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_conversion: Option<f64>,
    /// What the messages have changed; absent if nobody was held out, or nobody was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<Lift>,
}

/// A number of things, which is never below nothing.
fn count(counts: &BTreeMap<&str, i64>, name: &str) -> u64 {
    counts.get(name).map_or(0, |count| u64::try_from(*count).unwrap_or(0))
}

/// What one of `many` costs, if there is one.
pub(in crate::service) fn each(micros: i64, many: u64) -> Option<f64> {
    (many > 0).then(|| units(micros) / many as f64)
}

impl CampaignInfo {
    pub(in crate::service) fn of(
        record: &CampaignRecord,
        counts: &BTreeMap<&str, i64>,
    ) -> CampaignInfo {
        let of = |name: &str| count(counts, name);
        let missed: BTreeMap<String, u64> = (counts.keys())
            .filter_map(|name| Some((name.strip_prefix("missed-")?.to_owned(), of(name))))
            .collect();
        let (target, held_out) = (of("targeted"), of("held-out"));
        let (achieved, held_out_achieved) = (of("achieved"), of("held-out-achieved"));
        let cost = counts.get("cost").copied().unwrap_or_default();
        CampaignInfo {
            number: record.number,
            status: record.status,
            reason: record.reason.clone(),
            standing: record.standing,
            asked: record.new.clone(),
            // Plain data, which does not fail to be written.
            campaign: serde_json::to_value(&record.launch.campaign).unwrap_or_default(),
            id: record.launch.id.to_string(),
            created: record.created,
            launched: record.launched,
            ended: record.ended,
            initial: record.initial,
            processed: target + held_out + missed.values().sum::<u64>(),
            target,
            held_out,
            missed,
            messages: of("messages"),
            sends: of("sends"),
            cost: units(cost),
            achieved,
            held_out_achieved,
            cost_per_conversion: each(cost, achieved),
            lift: Lift::of((achieved, target), (held_out_achieved, held_out)),
        }
    }
}

/// Whom a campaign would reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CampaignPreview {
    /// What was composed: `name`, `event_type` (the initial group), `message`, `importance`, `standard`, `data`.
    #[schema(value_type = Object)]
    pub campaign: serde_json::Value,
    /// Members of the initial group.
    pub initial: u64,
    /// The target group: who meets the push standard and would not be held out.
    pub target: u64,
    /// About how many would be held out: who, is drawn when it is launched.
    pub held_out: u64,
    /// Who does not meet the push standard.
    pub unqualified: u64,
    /// Members about whom the policy gave no answer.
    pub faults: u64,
    /// Some of the target group.
    pub sample: Vec<String>,
}

impl CampaignPreview {
    pub(in crate::service) fn of(launch: &Launch) -> CampaignPreview {
        CampaignPreview {
            campaign: serde_json::to_value(&launch.campaign).unwrap_or_default(),
            initial: 0,
            target: 0,
            held_out: 0,
            unqualified: 0,
            faults: 0,
            sample: Vec::new(),
        }
    }
}

/// What messages cost and what came of them, since the tenant was created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostReport {
    /// By channel.
    pub channels: Vec<ChannelCost>,
    /// By message key.
    pub messages: Vec<MessageCost>,
}

/// What one channel costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelCost {
    /// The channel.
    pub channel: String,
    /// Attempts that were handed over.
    pub sends: u64,
    /// What they cost, in the tenant's unit.
    pub cost: f64,
    /// Messages whose users did what they were for, with the best evidence from this channel.
    pub converted: u64,
    /// Cost for each of these; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_conversion: Option<f64>,
}

/// What one message costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageCost {
    /// Its key in the tenant's contents.
    pub key: String,
    /// Messages of which at least one attempt was handed over.
    pub messages: u64,
    /// Attempts.
    pub sends: u64,
    /// What they cost, in the tenant's unit.
    pub cost: f64,
    /// Messages that ended as they were received.
    pub received: u64,
    /// Messages whose users did what they were for.
    pub converted: u64,
    /// Cost for each of these; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_conversion: Option<f64>,
}
