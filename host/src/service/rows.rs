//! What comes of a turn, as rows for the store: a line of the log, attempts, a state; or nothing at all of a
//! user who is erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::batch::{Batch, Doings};
use super::forget::Erasing;
use super::memory::{Known, Memory};
use super::send::address_key;
use crate::engine::event::{Event, Instant, What};
use crate::engine::{Advance, Decision, Record};
use crate::store::{Attempt, Image, Membership, Seq, StoreError};

/// A line of the log: what came in about a user, and what was decided.
#[derive(Serialize)]
struct Line<'a> {
    user: &'a str,
    /// The chunk before this one that is about the user.
    prev: u64,
    at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    absorbed: &'a [(Arc<str>, u64)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    history: &'a [Event],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    events: &'a [Event],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    trace: &'a [Record],
}

impl Batch<'_> {
    /// Leaves nothing of a user but what is in the log, which is redacted afterwards.
    pub(super) fn forget(&mut self, user: Arc<str>, erasing: &Erasing) {
        let last = self.chunk.seq;
        self.chunk.images.push(Image { user: user.clone(), last, due: None, state: None });
        self.chunk.lines.extend_from_slice(&erasing.record);
        self.chunk.erased.push(user);
        self.chunk.erased.extend(erasing.names.iter().cloned());
    }

    /// What was under way when somebody was erased leaves nothing behind, be there somebody of that name again
    /// or not.
    pub(super) fn drop_evidence(
        &mut self,
        turns: &[(Arc<str>, Doings)],
        states: &[Known],
        keep: &[bool],
    ) -> Result<(), StoreError> {
        let tenant = self.then.lane.id;
        let mut dropped: BTreeSet<Arc<str>> = BTreeSet::new();
        for ((_, doings), _) in turns.iter().zip(keep).filter(|(_, keep)| !**keep) {
            dropped.extend(doings.live.iter().filter_map(tracking).cloned());
        }
        for letter in &self.chunk.letters {
            let at = turns.binary_search_by(|(user, _)| user.cmp(&letter.user));
            let known = at.ok().and_then(|at| states.get(at));
            let sent = |known: &Known| {
                let attempts = known.state.messages.iter().flat_map(|message| &message.attempts);
                attempts.into_iter().any(|attempt| attempt.tracking == letter.tracking)
            };
            // Of messages that ended long ago only the store knows.
            if !known.is_some_and(sent)
                && self.core.store.attempt(tenant, &letter.tracking)?.is_none()
            {
                dropped.insert(letter.tracking.clone());
            }
        }
        if !dropped.is_empty() {
            self.chunk.letters.retain(|letter| !dropped.contains(&letter.tracking));
            self.chunk.receipts.retain(|receipt| !dropped.contains(&receipt.tracking));
        }
        Ok(())
    }

    /// Makes rows of what came of a user's turn, and keeps their state in mind.
    pub(super) fn keep(
        &mut self,
        memory: &mut Memory,
        advance: Advance,
        doings: &Doings,
        last: Seq,
        told: bool,
    ) -> Result<(), String> {
        let chunk = &mut self.chunk;
        let line = Line {
            user: &advance.user,
            prev: last.0,
            at: self.now,
            release: self.then.release,
            absorbed: &doings.absorbed,
            history: &doings.history,
            events: &doings.live,
            trace: &advance.trace,
        };
        let written = |error: serde_json::Error| error.to_string();
        // A turn that has changed nothing is not worth a line.
        if told {
            serde_json::to_writer(&mut chunk.lines, &line).map_err(written)?;
            chunk.lines.push(b'\n');
        }
        for record in &advance.trace {
            match &record.decision {
                Decision::Ended { message, reason, .. } if reason.calls_off() => {
                    chunk.called_off.push(message.clone());
                }
                Decision::Joined { policy, group, .. } | Decision::Quit { policy, group } => {
                    chunk.members.push(Membership {
                        policy: policy.clone(),
                        group: group.clone(),
                        user: advance.user.clone(),
                        belongs: matches!(record.decision, Decision::Joined { .. }),
                        quietly: matches!(record.decision, Decision::Joined { quietly: true, .. }),
                    });
                }
                Decision::Fault { policy, question, fault } => {
                    let known = self.then.faults.entry(policy.clone()).or_default();
                    known.0 += 1;
                    known.1 = format!("{fault} (asked: {})", question.word());
                }
                _ => {}
            }
        }
        for outgoing in advance.outbox {
            let content = serde_json::to_string(&outgoing).map_err(written)?;
            chunk.outbox.push(Attempt {
                tracking: outgoing.tracking,
                send_key: outgoing.send_key,
                message: outgoing.message,
                user: outgoing.user,
                due: outgoing.at,
                address: outgoing.address.map(|address| address_key(&outgoing.channel, &address)),
                channel: outgoing.channel,
                at: outgoing.at,
                content: content.into(),
            });
        }
        let state = serde_json::to_vec(&advance.state).map_err(written)?;
        // The chain leads over chunks that have a line.
        let last = if told { chunk.seq } else { last };
        chunk.images.push(Image {
            user: advance.user.clone(),
            last,
            due: advance.due,
            state: Some(state.into()),
        });
        memory.states.put(advance.user, Known { last, state: advance.state });
        Ok(())
    }
}

/// The attempt that an event is evidence about.
fn tracking(event: &Event) -> Option<&Arc<str>> {
    match &event.what {
        What::Receipt(receipt) => Some(&receipt.tracking),
        _ => None,
    }
}
