//! Why a user got a message, or did not: the log about the user is done again from the beginning, with the
//! releases that were at work, and what comes out is held against what was recorded. Reads the store and
//! changes nothing.

mod message;
mod never;
mod record;
mod said;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::book::Account;
use super::core::{Core, stored};
use super::lines::{Line, damaged};
use super::release::Live;
use super::story::{Explanation, StoryLine, Told, Verdict};
use super::{Error, TenantName};
use crate::engine::guard::Guard;
use crate::engine::policy::{Fault, Policy};
use crate::engine::{Decision, Record, State, Turn};
use crate::store::UserKey;
use message::Messages;
pub(super) use message::attempt_story;
use record::{Heard, Notes};

/// Lines that are done again.
const MOST_READ: usize = 4_000;

/// Lines that are shown, the latest of them.
const MOST_SHOWN: usize = 500;

/// A release as it was, with somebody who listens to its policies.
struct Again {
    live: Live,
    notes: Notes,
}

/// A user's lines, done again one after the other.
struct Retelling<'a> {
    core: &'a Core,
    account: Account,
    releases: BTreeMap<u64, Result<Arc<Again>, String>>,
    /// By name; what cannot be known any more, with the reason.
    states: BTreeMap<Arc<str>, Result<State, String>>,
    /// Policies by whose rule the visit at hand had stalled in a record of the past.
    past: BTreeSet<Arc<str>>,
}

impl Core {
    /// Why a user got what they got, and why not what they did not; with a message only what is about it.
    pub(super) fn explain(
        &self,
        tenant: &TenantName,
        user: &str,
        message: Option<&str>,
    ) -> Result<Explanation, Error> {
        let lane = self.lane_for(tenant)?;
        let account = self.account(tenant)?;
        let user = self.owner(&lane, &Arc::from(user))?;
        let key = UserKey { tenant: lane.id, user: user.clone() };
        let known = self.store.load(&[key]).map_err(stored)?.into_iter().next().flatten();
        let known = known.ok_or_else(|| Error::NotFound(format!("user {user:?}")))?;
        let mut places: Vec<(u64, Arc<str>, Option<Vec<u8>>)> = Vec::new();
        let mut more = false;
        self.walk(lane.id, &user, known.last, |step| {
            more = places.len() == MOST_READ;
            if !more {
                places.push((step.seq, step.user.clone(), step.line.map(<[u8]>::to_vec)));
            }
            Ok(!more)
        })?;
        places.sort_by(|(one, name, _), (other, its, _)| (one, name).cmp(&(other, its)));
        let mut told = Retelling {
            core: self,
            account,
            releases: BTreeMap::new(),
            states: BTreeMap::new(),
            past: BTreeSet::new(),
        };
        let mut messages = Messages::default();
        let (mut lines, mut differs) = (Vec::new(), 0);
        for (seq, name, line) in places {
            let (line, decisions) = told.line(seq, &name, line.as_deref())?;
            differs += u64::from(line.verdict == Verdict::Differs);
            messages.take(&told.guard(line.release), &decisions);
            lines.push(line);
        }
        if let Some(message) = message {
            if !messages.knows(message) {
                return Err(Error::NotFound(format!("message {message:?} of user {user:?}")));
            }
            messages.only(message);
            lines.retain_mut(|line| only(line, message));
        }
        let left_out = lines.len().saturating_sub(MOST_SHOWN);
        lines.drain(..left_out);
        let never = if message.is_none() {
            let damaged =
                |error: serde_json::Error| Error::Unavailable(format!("a state: {error}"));
            let state: State = serde_json::from_slice(&known.state).map_err(damaged)?;
            told.never(&lane, &state, &messages)?
        } else {
            Vec::new()
        };
        Ok(Explanation {
            messages: messages.told(self, &lane)?,
            user: user.to_string(),
            at: self.clock.now().0,
            left_out: left_out as u64,
            more,
            differs,
            lines,
            never,
        })
    }
}

/// Leaves of a line what is about a message; false if nothing is.
fn only(line: &mut StoryLine, message: &str) -> bool {
    let about = |told: &Told| {
        let own = told.decision.get("message").and_then(Value::as_str) == Some(message);
        let items = told.decision.get("items").and_then(Value::as_array);
        own || items.is_some_and(|items| items.iter().any(|item| item.as_str() == Some(message)))
    };
    line.decisions.retain(about);
    line.now.retain(about);
    !line.decisions.is_empty() || !line.now.is_empty()
}

impl Retelling<'_> {
    fn release(&mut self, number: u64) -> Result<Arc<Again>, String> {
        if let Some(known) = self.releases.get(&number) {
            return known.clone();
        }
        let build = || {
            let gone = || format!("release {number} is no longer kept");
            let release = self.account.releases.get(&number).ok_or_else(gone)?;
            let notes = Notes::default();
            let wrap = |label: &Arc<str>, policy| -> Arc<dyn Policy> {
                Arc::new(Heard { label: label.clone(), policy, notes: notes.clone() })
            };
            let live = self.core.build_heard(&self.account.record, release, wrap);
            let live =
                live.map_err(|error| format!("release {number} cannot be built: {error}"))?;
            Ok(Arc::new(Again { live, notes }))
        };
        let built = build();
        self.releases.insert(number, built.clone());
        built
    }

    /// The guard rails of a release.
    fn guard(&self, release: Option<u64>) -> Option<Guard> {
        let known = self.releases.get(&release?)?.as_ref().ok()?;
        Some(known.live.engine.strategy().guard().clone())
    }

    /// Does a line again.
    fn line(
        &mut self,
        seq: u64,
        user: &Arc<str>,
        text: Option<&[u8]>,
    ) -> Result<(StoryLine, Vec<Record>), Error> {
        let mut told = StoryLine {
            chunk: seq,
            user: user.to_string(),
            at: None,
            release: None,
            absorbed: Vec::new(),
            history: Vec::new(),
            events: Vec::new(),
            decisions: Vec::new(),
            asked: Vec::new(),
            verdict: Verdict::Unknown,
            reason: None,
            now: Vec::new(),
        };
        let Some(text) = text else {
            let reason = "the log before it was pruned or erased".to_owned();
            self.states.insert(user.clone(), Err(reason));
            told.reason = Some("the line is gone: it was pruned or erased".to_owned());
            return Ok((told, Vec::new()));
        };
        let line: Line = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        let whole: Value = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        let list =
            |name: &str| whole.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let recorded = line.trace.as_ref().map_or("[]", |trace| trace.get());
        let trace: Vec<Record> = serde_json::from_str(recorded).map_err(|error| damaged(&error))?;
        told.at = Some(line.at.0);
        told.release = line.release;
        told.absorbed = line.absorbed.iter().map(|(name, _)| name.to_string()).collect();
        (told.history, told.events) = (list("history"), list("events"));
        told.decisions = list("trace").into_iter().zip(&trace).map(in_words).collect();
        for record in &trace {
            match &record.decision {
                Decision::Past { policy, .. } => drop(self.past.insert(policy.clone())),
                Decision::Entered { policy, .. } => drop(self.past.remove(policy)),
                _ => {}
            }
        }
        let first = whole.get("prev").and_then(Value::as_u64) == Some(0);
        match self.again(user, &line, first) {
            Ok(Some(again)) => {
                let same = serde_json::to_string(&again).is_ok_and(|again| again == recorded);
                told.verdict = if same { Verdict::Same } else { Verdict::Differs };
                if !same && trace.iter().any(hangs_on_the_clock) {
                    let reason = "a policy was stopped by the clock, which depends on the machine";
                    told.verdict = Verdict::Unknown;
                    told.reason = Some(reason.to_owned());
                    self.states.insert(user.clone(), Err(reason.to_owned()));
                } else if !same {
                    let value = |record: &Record| serde_json::to_value(record).ok();
                    let now = again.iter().filter_map(|r| Some((value(r)?, r)));
                    told.now = now.map(in_words).collect();
                }
            }
            // Nothing was at work, and so nothing was decided.
            Ok(None) => {
                let same = trace.is_empty();
                told.verdict = if same { Verdict::Same } else { Verdict::Differs };
            }
            Err(reason) => told.reason = Some(reason),
        }
        if let Some(Ok(again)) = line.release.and_then(|number| self.releases.get(&number)) {
            told.asked = again.notes.take();
        }
        Ok((told, trace))
    }

    /// What comes out of a line now; nothing if no release was at work.
    fn again(
        &mut self,
        user: &Arc<str>,
        line: &Line,
        first: bool,
    ) -> Result<Option<Vec<Record>>, String> {
        let unread = || Err("the log before it was not read".to_owned());
        let own = self.states.remove(user);
        // Whoever begins anew has no past, whatever the name has.
        let mut state = if first { Ok(State::default()) } else { own.unwrap_or_else(unread) };
        for (other, last) in &line.absorbed {
            let known = self.states.remove(other);
            // Of whom there is no line nothing was known, either.
            let nothing = || if *last == 0 { Ok(State::default()) } else { unread() };
            state = match (state, known.unwrap_or_else(nothing)) {
                (Ok(mut state), Ok(other)) => {
                    state.absorb(other);
                    Ok(state)
                }
                (Err(reason), _) | (_, Err(reason)) => Err(reason),
            };
        }
        let done = state.and_then(|state| self.step(user, line, state));
        let (state, trace) = match done {
            Ok((state, trace)) => (Ok(state), Ok(trace)),
            Err(reason) => (Err(reason.clone()), Err(reason)),
        };
        self.states.insert(user.clone(), state);
        trace
    }

    fn step(
        &mut self,
        user: &Arc<str>,
        line: &Line,
        mut state: State,
    ) -> Result<(State, Option<Vec<Record>>), String> {
        let Some(number) = line.release else {
            line.history.iter().chain(&line.events).for_each(|event| state.note(event));
            return Ok((state, None));
        };
        let release = self.release(number)?;
        let mut trace = Vec::new();
        for (inputs, history) in [(&line.history, true), (&line.events, false)] {
            if history && inputs.is_empty() {
                continue;
            }
            let turn = Turn { user: user.clone(), state, inputs: inputs.clone(), history };
            let advances = release.live.engine.step(vec![turn], line.at);
            let mut advances = advances.map_err(|failure| failure.to_string())?;
            let Some(advance) = advances.pop() else { return Err("nothing came out".to_owned()) };
            state = advance.state;
            trace.extend(advance.trace);
        }
        Ok((state, Some(trace)))
    }
}

fn in_words((decision, record): (Value, &Record)) -> Told {
    let mut decision = decision;
    if let Some(members) = decision.as_object_mut() {
        members.remove("at");
        members.remove("user");
    }
    Told { at: record.at.0, decision, says: said::says(&record.decision) }
}

fn hangs_on_the_clock(record: &Record) -> bool {
    matches!(&record.decision, Decision::Fault { fault: Fault::Deadline(_), .. })
}
