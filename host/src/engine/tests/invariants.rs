//! What holds whatever happens: over random strategies and lives, with faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::random::{life, wild};
use super::*;
use crate::engine::event::{Grade, Instant};
use crate::engine::{Decision, End, Outgoing, Record, Visit};

fn lives() -> impl Iterator<Item = (u64, Live)> {
    (0..45).map(|seed| (seed, life(wild(seed, seed % 3 == 0), seed, 80).live))
}

/// What has been said of one message so far.
#[derive(Default)]
struct Way {
    drafted: bool,
    refused: bool,
    planned: Option<(Vec<Vec<Arc<str>>>, u32)>,
    sent: Vec<(Arc<str>, u32)>,
    ended: Option<End>,
    resolved: bool,
}

impl Way {
    fn goes(&mut self, decision: &Decision) {
        assert!(!self.refused, "nothing follows a refusal: {decision:?}");
        let open = self.planned.is_some() && self.ended.is_none();
        match decision {
            Decision::Drafted { .. } => assert!(!std::mem::replace(&mut self.drafted, true)),
            Decision::Refused { .. } => {
                assert!(self.drafted && self.planned.is_none());
                self.refused = true;
            }
            Decision::Planned { steps, most_sends, .. } => {
                assert!(self.drafted && self.planned.is_none());
                self.planned = Some((steps.clone(), *most_sends));
            }
            Decision::Skipped { .. } | Decision::Judged { .. } => assert!(open, "{decision:?}"),
            Decision::Sent { channel, step, .. } => {
                assert!(open, "nothing is sent before the plan or after the end");
                let (steps, most) = self.planned.as_ref().unwrap();
                assert!(steps[*step as usize].contains(channel), "as planned");
                assert!(self.sent.last().is_none_or(|(_, last)| last <= step), "in order");
                let attempt = (channel.clone(), *step);
                assert!(!self.sent.contains(&attempt), "a step goes out once on a channel");
                self.sent.push(attempt);
                assert!(self.sent.len() <= *most as usize, "never more than so many");
            }
            Decision::Evidence { channel, .. } | Decision::Failed { channel, .. } => {
                assert!(self.sent.iter().any(|(sent, _)| sent == channel), "about an attempt");
            }
            Decision::Ended { reason, sends, .. } => {
                assert!(open, "a message ends once");
                assert_eq!(*sends as usize, self.sent.len());
                assert_eq!(*reason == End::Unsent, self.sent.is_empty());
                self.ended = Some(*reason);
            }
            Decision::Resolved { converted, .. } => {
                assert!(self.ended.is_some() && !std::mem::replace(&mut self.resolved, true));
                assert!(self.ended != Some(End::Converted) || *converted);
                assert!(self.ended != Some(End::Left) || !*converted);
            }
            _ => unreachable!("{decision:?}"),
        }
    }
}

fn message(decision: &Decision) -> Option<&Arc<str>> {
    match decision {
        Decision::Drafted { message, .. }
        | Decision::Refused { message, .. }
        | Decision::Planned { message, .. }
        | Decision::Skipped { message, .. }
        | Decision::Sent { message, .. }
        | Decision::Evidence { message, .. }
        | Decision::Failed { message, .. }
        | Decision::Judged { message, .. }
        | Decision::Ended { message, .. }
        | Decision::Resolved { message, .. } => Some(message),
        _ => None,
    }
}

fn ways(trace: &[Record]) -> BTreeMap<Arc<str>, Way> {
    let mut ways = BTreeMap::<Arc<str>, Way>::new();
    for record in trace {
        if let Some(message) = message(&record.decision) {
            ways.entry(message.clone()).or_default().goes(&record.decision);
        }
    }
    ways
}

fn assert_nothing_sent_twice(outbox: &[Outgoing]) {
    let keys: BTreeSet<_> = outbox.iter().map(|o| (&o.send_key, &o.channel)).collect();
    let tracking: BTreeSet<_> = outbox.iter().map(|o| &o.tracking).collect();
    assert_eq!((keys.len(), tracking.len()), (outbox.len(), outbox.len()));
}

#[test]
fn c5_c7_every_message_goes_its_way_and_nothing_is_sent_after_its_end() {
    let mut ends = BTreeMap::<End, usize>::new();
    for (_, live) in lives() {
        let ways = ways(&live.trace);
        ways.values()
            .filter_map(|way| way.ended)
            .for_each(|end| *ends.entry(end).or_default() += 1);
        // What is not over can still go on, and what is over is not waited for.
        for message in &live.state.messages {
            let way = &ways[&message.id];
            assert_eq!(message.ended, way.ended.is_some());
            assert_eq!(message.due().is_some(), !message.ended);
            assert_eq!(message.attempts.len(), way.sent.len());
        }
    }
    assert_eq!(ends.len(), 5, "each way to end was seen: {ends:?}");
}

#[test]
fn c1_the_strategy_may_change_while_messages_are_on_their_way() {
    for seed in 0..20 {
        let life = life(wild(seed, false), seed, 80);
        let mut live = wild(seed, false).live();
        for (n, event) in life.events.into_iter().enumerate() {
            if n % 10 == 9 {
                // Other rules, plans and thresholds under the same labels; a channel and a text less.
                let mut world = wild(seed + n as u64, true);
                world.channels.truncate(2 + n % 2);
                world.contents.retain(|key, _| n % 3 == 0 || &**key == "nudge");
                live.engine = world.engine();
            }
            live.does(event);
        }
        live.until(i64::MAX);
        ways(&live.trace);
        assert_nothing_sent_twice(&live.outbox);
        assert_eq!(live.due, None, "seed {seed}");
    }
}

#[test]
fn c3_nothing_is_sent_twice_and_every_attempt_can_be_told_from_all_others() {
    let mut attempts = 0;
    for seed in 0..40 {
        let other = World { tenant: "other", ..wild(seed, false) };
        let [one, other] = [wild(seed, false), other].map(|world| life(world, seed, 60).live);
        // The strategy decides the same for both tenants, and names nothing the same.
        assert_eq!(one.outbox.len(), other.outbox.len());
        let messages = |live: &Live| -> BTreeSet<_> {
            live.outbox.iter().map(|outgoing| outgoing.message.clone()).collect()
        };
        assert!(messages(&one).is_disjoint(&messages(&other)));
        let both = [one.outbox, other.outbox].concat();
        assert_nothing_sent_twice(&both);
        attempts += both.len();
    }
    assert!(attempts > 200, "{attempts}");
}

#[test]
fn c3_tracking_ids_follow_from_the_tenants_key_and_nothing_else_does() {
    let with = |key| World { key, ..wild(7, false) }.live();
    // The lives must not contain receipts: those name tracking ids.
    let mut lives = ["key", "key", "other"].map(|key| {
        let mut live = with(key);
        for n in 0..40 {
            live.does(op(30 * n, ["A", "B", "C", "A", "D"][n as usize % 5]));
        }
        live
    });
    let ids = |live: &Live| -> Vec<_> { live.outbox.iter().map(|o| o.tracking.clone()).collect() };
    assert!(ids(&lives[0]).len() > 3);
    assert_eq!(ids(&lives[0]), ids(&lives[1]));
    assert!(ids(&lives[0]).iter().zip(ids(&lives[2])).all(|(one, other)| *one != other));
    assert_eq!(lives[0].told(), lives[2].told());
    assert_eq!(lives[0].outbox[0].send_key, lives[2].outbox[0].send_key);
}

#[test]
fn a2_visits_follow_each_other() {
    for (seed, live) in lives() {
        let mut at = BTreeMap::new();
        for record in &live.trace {
            match &record.decision {
                Decision::Entered { policy, node, previous } => {
                    let visit = (node.clone(), record.at);
                    assert_ne!(previous.as_ref(), Some(node), "seed {seed}");
                    assert!(at.insert(policy.clone(), visit).is_none(), "left before, seed {seed}");
                }
                Decision::Left { policy, node, entered, .. } => {
                    assert_eq!(at.remove(policy), Some((node.clone(), *entered)), "seed {seed}");
                }
                Decision::Stalled { policy, node, entered, dwell, threshold, .. } => {
                    assert_eq!(at[policy], (node.clone(), *entered), "seed {seed}");
                    assert!(dwell > threshold, "seed {seed}");
                }
                _ => {}
            }
        }
        let here = |(label, visit): (&Arc<str>, &Visit)| {
            (label.clone(), (visit.node.clone(), visit.entered))
        };
        assert_eq!(at, live.state.visits.iter().map(here).collect(), "seed {seed}");
    }
}

#[test]
fn records_are_in_order_of_time_and_the_outbox_is_what_they_say() {
    for (seed, live) in lives() {
        assert!(live.trace.is_sorted_by_key(|record| record.at), "seed {seed}");
        assert!(live.trace.iter().all(|record| &*record.user == "ann"), "seed {seed}");
        let sent = |record: &Record| match &record.decision {
            Decision::Sent { tracking, message, channel, content, .. } => {
                let what = (message.clone(), channel.clone(), content.clone());
                Some((record.at, tracking.clone(), what))
            }
            _ => None,
        };
        let outgoing = |o: &Outgoing| {
            let what = (o.message.clone(), o.channel.clone(), o.content.clone());
            (o.at, o.tracking.clone(), what)
        };
        let told: Vec<_> = live.trace.iter().filter_map(sent).collect();
        assert_eq!(told, live.outbox.iter().map(outgoing).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn d3_d4_what_is_counted_is_what_was_sent_and_answered() {
    for (seed, live) in lives() {
        let messages: BTreeSet<_> = live.outbox.iter().map(|o| &o.message).collect();
        assert_eq!(live.state.sent as usize, messages.len(), "seed {seed}");
        for (channel, history) in &live.state.channels {
            let sent = live.outbox.iter().filter(|o| o.channel == *channel).count();
            assert_eq!(history.sent as usize, sent, "seed {seed}");
            assert!(history.first_feedback <= history.feedback && history.feedback <= history.sent);
            assert_eq!(history.feedback > 0, history.last_feedback.is_some());
        }
        let first: u32 = live.state.channels.values().map(|history| history.first_feedback).sum();
        let answered: BTreeSet<_> = live
            .trace
            .iter()
            .filter_map(|record| match &record.decision {
                Decision::Evidence { message, grade, .. } => {
                    (*grade >= Grade::Confirmed).then_some(message)
                }
                _ => None,
            })
            .collect();
        assert_eq!(first as usize, answered.len(), "seed {seed}");
    }
}

#[test]
fn a_users_clock_never_goes_back() {
    for seed in 0..20 {
        let life = life(wild(seed, true), seed, 60);
        let mut live = wild(seed, true).live();
        let mut clock = None;
        let mut events = life.events;
        Chance::new(seed).shuffle(&mut events);
        for event in events {
            live.does(event);
            assert!(live.state.clock >= clock && live.due > live.state.clock || live.due.is_none());
            clock = live.state.clock;
        }
        assert!(live.trace.is_sorted_by_key(|record| record.at));
        assert!(clock > Some(Instant(0)));
    }
}
