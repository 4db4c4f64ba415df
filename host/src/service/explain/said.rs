//! Decisions in words that a person understands. Pure.

use serde_json::Value;

use crate::engine::event::{Grade, Instant, Millis, Withheld};
use crate::engine::guard::{Cap, Guard, Then};
use crate::engine::policy::{Basis, Verdict};
use crate::engine::{Decision, End, Held, Missed, Refusal, Skip};

/// A word of ours as people read it: `no-channel` is "no channel".
fn word(of: &impl serde::Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word.replace('-', " "),
        _ => String::new(),
    }
}

/// A length of time: `2h 30m`, and at most three units.
pub(super) fn span(millis: Millis) -> String {
    const UNITS: [(u64, &str); 5] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut left = millis.0;
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        let many = left / size;
        left %= size;
        if many > 0 && parts.len() < 3 {
            parts.push(format!("{many}{unit}"));
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// So many of something.
fn several(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A decision in a sentence.
pub(super) fn says(decision: &Decision) -> String {
    match decision {
        Decision::Entered { policy, node, previous: Some(previous) } => {
            format!("came from {previous} to {node}, says {policy}")
        }
        Decision::Entered { policy, node, previous: None } => {
            format!("came to {node}, says {policy}")
        }
        Decision::Left { policy, node, interruption, page_stay, .. } => format!(
            "left {node}, says {policy}: {} after the last operation there, with {} of page stay",
            span(*interruption),
            span(*page_stay)
        ),
        Decision::Stalled { policy, node, basis, dwell, threshold, .. } => format!(
            "stalled at {node} by {policy}'s rule: {} is {}, longer than {}",
            measure(*basis),
            span(*dwell),
            span(*threshold)
        ),
        Decision::Past { policy, node } => {
            format!("had stalled at {node} by a record of the past, so {policy} is not asked")
        }
        Decision::Silent { policy, node } => {
            format!("{policy} has nothing to say about the stay at {node}")
        }
        Decision::Drafted { policy, node, campaign, key, importance, pending, .. } => format!(
            "{policy} drafts {key:?} about {}, importance {}{}",
            campaign.as_ref().map_or(node.to_string(), |id| format!("the campaign {id}")),
            word(importance),
            pending.as_ref().map_or(String::new(), |to| format!(", to lead on to {to}"))
        ),
        Decision::Joined { policy, group, quietly } => format!(
            "belongs to {policy}'s group {group} from now on{}",
            if *quietly { ", though nothing has happened now" } else { "" }
        ),
        Decision::Quit { policy, group } => {
            format!("belongs to {policy}'s group {group} no longer")
        }
        Decision::Targeted { campaign, group, held_out, .. } => format!(
            "the campaign {campaign} reaches a member of {group} who meets its push standard{}",
            if *held_out { ", and is held out to be compared with" } else { "" }
        ),
        Decision::Missed { campaign, reason } => {
            format!("the campaign {campaign} is not for the user: {}", missed(*reason))
        }
        Decision::Achieved { campaign, held_out, after } => format!(
            "the user did what the campaign {campaign} is for, {} after it {}",
            span(*after),
            if *held_out { "had left them out" } else { "had reached them" }
        ),
        Decision::Refused { reason, .. } => format!("not sent: {}", refusal(*reason)),
        Decision::Planned { steps, ends_at, most_sends, .. } => {
            let steps: Vec<String> = steps.iter().map(|step| step.join(" and ")).collect();
            format!(
                "planned: {}; ends when it is {}, after {} at the most",
                steps.join(", then "),
                word(ends_at),
                several(*most_sends, "attempt")
            )
        }
        Decision::Skipped { channel, reason, .. } => {
            format!("{channel} is passed over: {}", skip(*reason))
        }
        Decision::Sent { channel, step, tracking, .. } => {
            format!("handed over to {channel} as step {}, tracking {tracking}", step + 1)
        }
        Decision::Held { until, why: Held::QuietHours, .. } => {
            format!("held until {until}: these are the user's quiet hours")
        }
        Decision::Held { until, why: Held::Digest, .. } => {
            format!("held until {until}, to go out together with others")
        }
        Decision::Capped { cap, .. } => format!("one too many under cap {}", cap + 1),
        Decision::Gathered { items, .. } => format!("carries {} others along", items.len()),
        Decision::Consented { consent } => {
            let about = |name: &Option<std::sync::Arc<str>>, what: &str| match name {
                Some(name) => format!(" {what} {name}"),
                None => String::new(),
            };
            format!(
                "the user says {} to messages{}{}",
                if consent.allowed { "yes" } else { "no" },
                about(&consent.topic, "about"),
                about(&consent.channel, "on")
            )
        }
        Decision::Withheld { channel, why, .. } => {
            format!("the attempt on {channel} is not let out: {}", withheld(*why))
        }
        Decision::Evidence { channel, grade, .. } => {
            format!("evidence from {channel}: {}", evidence(*grade))
        }
        Decision::Failed { channel, .. } => format!("{channel} gave the attempt up"),
        Decision::Unmatched => "return data about no attempt that is known".to_owned(),
        Decision::Judged { step, verdict, .. } => format!(
            "the wait of step {} is over: {}",
            step + 1,
            match verdict {
                Verdict::Received => "it was received by another route",
                Verdict::NotReceived => "it was not received",
                Verdict::WaitLonger => "it waits once more",
            }
        ),
        Decision::Ended { reason, sends, .. } => {
            format!("ended after {}: {}", several(*sends, "attempt"), end(*reason))
        }
        Decision::Resolved { converted: true, after, .. } => {
            format!("the user did what it was for, {} after the first attempt", span(*after))
        }
        Decision::Resolved { converted: false, .. } => {
            "the user went elsewhere than it was for".to_owned()
        }
        Decision::Fault { policy, question, fault } => {
            format!("{policy} gave no answer to `{}`: it {fault}", question.word())
        }
    }
}

pub(super) fn measure(basis: Basis) -> &'static str {
    match basis {
        Basis::Interruption => "the time since the last operation",
        Basis::PageStay => "the time that a page was shown",
        Basis::Sum => {
            "the time since the last operation and the time that a page was shown, added,"
        }
        Basis::Either => "the time since the last operation, or that a page was shown,",
    }
}

fn evidence(grade: Grade) -> String {
    match grade {
        Grade::Accepted => "the provider took it".to_owned(),
        Grade::MachineOpened => "a machine opened it".to_owned(),
        Grade::Seen => "it was on the screen of the app".to_owned(),
        other => format!("it was {}", word(&other)),
    }
}

pub(super) fn refusal(reason: Refusal) -> &'static str {
    match reason {
        Refusal::AlreadyDrafted => "the same message about the same stay was drafted before",
        Refusal::NoContent => "the strategy's messages have no such text",
        Refusal::NotPlanned => "the route policy says that it is not for this user",
        Refusal::NoChannel => "there is no channel on which the user can be reached",
        Refusal::Fault => "the policy that was asked about it gave no answer",
    }
}

fn skip(reason: Skip) -> &'static str {
    match reason {
        Skip::Unknown => "the strategy has no such channel",
        Skip::Unavailable => "the user's profile has no address for it",
        Skip::NotRendered => "the text could not be written for this user",
        Skip::Fault => "the policy that writes the text gave no answer",
        Skip::MostSends => "the plan's number of attempts is used up",
        Skip::DeadAddress => "nothing arrives at the user's address there",
        Skip::NotWanted => "the user does not want it there",
        Skip::Capped => "the user has had as much there as a cap allows",
    }
}

pub(super) fn withheld(why: Withheld) -> &'static str {
    match why {
        Withheld::Suppressed => "the address is on the tenant's suppression list",
        Withheld::NotWanted => "the user does not want it any more, or not there",
        Withheld::QuietHours => {
            "these are the user's quiet hours, and what falls into them is dropped"
        }
        Withheld::Quota => "the tenant has had its messages for the day",
    }
}

fn end(reason: End) -> &'static str {
    match reason {
        End::Received => "it was received",
        End::Converted => "the user did what it was for",
        End::Left => "the user went elsewhere",
        End::Unreceived => "every step was taken and every wait is over",
        End::Unsent => "not one attempt could be made",
        End::QuietHours => {
            "it falls into the user's quiet hours, and the strategy has it dropped then"
        }
        End::Capped => "it is one too many under a cap",
        End::Outranked => "a message that matters more took its place under a cap",
        End::OptedOut => "the user does not want it any more",
        End::Gathered => "another message carries it",
        End::Expired => "the time of its campaign is over",
    }
}

fn missed(reason: Missed) -> &'static str {
    match reason {
        Missed::NoPolicy => "the strategy has no such segment criteria any more",
        Missed::NotMember => "the user does not belong to its group",
        Missed::Reached => "it has reached the user before",
        Missed::Unqualified => "the user does not meet its push standard",
        Missed::Fault => "the policy that knows its push standard gave no answer",
    }
}

/// A cap with its numbers.
pub(super) fn cap(cap: &Cap) -> String {
    let what = if cap.channel.is_some() { "attempt" } else { "message" };
    let mut text = format!("at most {} within {}", several(cap.most, what), span(cap.within));
    if let Some(channel) = &cap.channel {
        text += &format!(" on {channel}");
    }
    if let Some(topic) = &cap.topic {
        text += &format!(" about {topic}");
    }
    if let Some(except) = cap.except {
        text += &format!(", and none for importance {} and above", word(&except));
    }
    text
}

/// The quiet hours that a strategy sets.
pub(super) fn quiet(guard: Option<&Guard>) -> String {
    let Some(night) = guard.and_then(|guard| guard.quiet.as_ref()) else { return String::new() };
    let then = match night.then {
        Then::Defer => "what falls into them waits",
        Then::Drop => "what falls into them is dropped",
    };
    format!(" ({} by the user's clock; {then})", night.hours)
}

/// The rule by which a decision stops its message, and the same in words; none if it does not.
pub(super) fn stops(decision: &Decision, guard: Option<&Guard>) -> Option<(String, String)> {
    let plain = |rule: String, says: String| Some((rule.replace(' ', "-"), says));
    match decision {
        Decision::Refused { reason, .. } => plain(word(reason), refusal(*reason).to_owned()),
        Decision::Capped { cap: at, .. } => {
            let known = guard.and_then(|guard| guard.caps.get(*at as usize)).map(cap);
            let known = known.unwrap_or_else(|| format!("cap {} of the strategy", at + 1));
            plain("cap".to_owned(), format!("it is one too many: the user gets {known}"))
        }
        Decision::Held { until, why: Held::QuietHours, .. } => plain(
            "quiet-hours".to_owned(),
            format!("it waits until {until} for the end of the quiet hours{}", quiet(guard)),
        ),
        Decision::Held { until, why: Held::Digest, .. } => plain(
            "digest".to_owned(),
            format!("it waits until {until}, to go out together with others"),
        ),
        Decision::Ended { reason, .. } => match reason {
            End::QuietHours => {
                plain("quiet-hours".to_owned(), format!("{}{}", end(*reason), quiet(guard)))
            }
            End::Outranked | End::OptedOut | End::Gathered | End::Expired => {
                plain(word(reason), end(*reason).to_owned())
            }
            // What is said about these has been said by the decisions before.
            _ => None,
        },
        Decision::Withheld { why, channel, .. } => {
            let hours = if *why == Withheld::QuietHours { quiet(guard) } else { String::new() };
            let says =
                format!("the attempt on {channel} was not let out: {}{hours}", withheld(*why));
            plain(format!("withheld {}", why.word()), says)
        }
        Decision::Skipped { channel, reason, .. } => {
            plain(word(reason), format!("{channel} was passed over: {}", skip(*reason)))
        }
        _ => None,
    }
}

/// The message that a decision is about.
pub(super) fn about(decision: &Decision) -> Option<&str> {
    match decision {
        Decision::Drafted { message, .. }
        | Decision::Refused { message, .. }
        | Decision::Planned { message, .. }
        | Decision::Skipped { message, .. }
        | Decision::Sent { message, .. }
        | Decision::Held { message, .. }
        | Decision::Capped { message, .. }
        | Decision::Gathered { message, .. }
        | Decision::Withheld { message, .. }
        | Decision::Evidence { message, .. }
        | Decision::Failed { message, .. }
        | Decision::Judged { message, .. }
        | Decision::Ended { message, .. }
        | Decision::Resolved { message, .. } => Some(message),
        Decision::Entered { .. }
        | Decision::Left { .. }
        | Decision::Stalled { .. }
        | Decision::Past { .. }
        | Decision::Silent { .. }
        | Decision::Joined { .. }
        | Decision::Quit { .. }
        | Decision::Targeted { .. }
        | Decision::Missed { .. }
        | Decision::Achieved { .. }
        | Decision::Consented { .. }
        | Decision::Unmatched
        | Decision::Fault { .. } => None,
    }
}

/// A moment that somebody waits for.
pub(super) fn moment(at: Option<Instant>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::policy::Importance;

    #[test]
    fn spans_are_short() {
        for (millis, text) in [
            (0, "0s"),
            (999, "999ms"),
            (90_000, "1m 30s"),
            (3_600_000, "1h"),
            (90_061_001, "1d 1h 1m"),
            (u64::MAX, "213503982334d 14h 25m"),
        ] {
            assert_eq!(span(Millis(millis)), text);
        }
    }

    #[test]
    fn a_cap_says_its_numbers() {
        let known = Cap {
            most: 2,
            within: Millis(86_400_000),
            channel: Some("sms".into()),
            topic: Some("offers".into()),
            except: Some(Importance::High),
        };
        let text = "at most 2 attempts within 1d on sms about offers, and none for importance high and above";
        assert_eq!(cap(&known), text);
        let guard = Guard { caps: vec![known], ..Guard::default() };
        let capped = |cap| Decision::Capped { message: "m".into(), cap };
        let (rule, says) = stops(&capped(0), Some(&guard)).unwrap();
        assert_eq!((&*rule, says.contains("at most 2")), ("cap", true));
        let (_, says) = stops(&capped(7), Some(&guard)).unwrap();
        assert!(says.contains("cap 8"), "{says}");
    }
}
