//! One message's way to its user: drafted, planned, tried on channel after channel until there is
//! evidence that it was received, and over the moment the user has done what it was for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{Grade, Instant, Millis, Receipt, Shows};
use super::policy::{Content, Draft, Itinerary, Question, Step, Verdict};
use super::state::{Attempt, Cause, Message};
use super::trace::{Decision, End, Refusal, Skip};
use super::walk::{Ask, Todo, Walk};
use super::{Outgoing, ids};

/// How often a policy may have a step's wait begin again.
const MOST_EXTENSIONS: u32 = 3;

/// Steps that a plan may have; the contract says so.
pub const MOST_STEPS: usize = 16;

impl Walk<'_> {
    pub(super) fn drafted(&mut self, part: Option<usize>, draft: Option<Draft>) {
        let label = self.label(part);
        let Some(visit) = self.state.visits.get(&label) else { return };
        let node = visit.node.clone();
        let Some(draft) = draft else {
            return self.record(Decision::Silent { policy: label, node });
        };
        let cause = Cause::Visit { node, entered: visit.entered, rule: visit.rule };
        self.begin(label, cause, draft);
    }

    /// Begins a message, unless it has begun before.
    pub(super) fn begin(&mut self, label: Arc<str>, cause: Cause, draft: Draft) {
        let id = ids::message(&self.strategy.tenant, &label, &self.user, &cause);
        let (node, campaign) = match &cause {
            Cause::Visit { node, .. } => (node.clone(), None),
            Cause::Campaign { campaign, .. } => ("".into(), Some(campaign.clone())),
        };
        self.record(Decision::Drafted {
            message: id.clone(),
            policy: label.clone(),
            node,
            campaign,
            key: draft.message.clone(),
            importance: draft.importance,
            pending: draft.pending.clone(),
            data: draft.data.clone(),
        });
        if self.state.messages.iter().any(|message| message.id == id) {
            return self.refuse(id, Refusal::AlreadyDrafted);
        }
        if self.strategy.text(&draft.message, "").is_none() {
            return self.refuse(id, Refusal::NoContent);
        }
        let router = self.strategy.router(&draft.message);
        self.state.messages.push(Message {
            id,
            label,
            cause,
            key: draft.message,
            importance: draft.importance,
            pending: draft.pending,
            data: draft.data,
            plan: Itinerary { steps: Vec::new(), ends_at: Grade::Converted, most_sends: 0 },
            step: 0,
            held: None,
            content: None,
            waiting: None,
            extended: 0,
            attempts: Vec::new(),
            evidence: None,
            ended: false,
            resolved: false,
        });
        let message = self.state.messages.len() - 1;
        match router {
            Some(part) => {
                let ask = Ask { part: Some(part), question: Question::Plan, message, channel: 0 };
                self.todo.push_front(Todo::Ask(ask));
            }
            None => {
                let plan = self.plain_plan();
                self.planned(message, plan);
            }
        }
    }

    /// Who routes a message that is under way.
    fn router(&self, message: usize) -> Option<usize> {
        self.strategy.router(&self.state.messages.get(message)?.key)
    }

    /// Without a route policy: once, on the first channel that reaches the user.
    fn plain_plan(&self) -> Option<Itinerary> {
        let channels = &self.strategy.channels;
        let channel = channels.iter().find(|c| self.strategy.reaches(&c.name, &self.state))?;
        let step = Step { channels: vec![channel.name.clone()], wait: Millis(0) };
        Some(Itinerary { steps: vec![step], ends_at: Grade::Opened, most_sends: 1 })
    }

    fn refuse(&mut self, message: Arc<str>, reason: Refusal) {
        self.record(Decision::Refused { message, reason });
    }

    /// Takes back a message that has not begun its way.
    pub(super) fn withdraw(&mut self, message: usize, reason: Refusal) {
        // It is the newest one: nothing can have come between its draft and its plan.
        if message + 1 == self.state.messages.len()
            && let Some(message) = self.state.messages.pop()
        {
            self.refuse(message.id, reason);
        }
    }

    pub(super) fn unplanned(&mut self, message: usize) {
        self.withdraw(message, Refusal::Fault);
    }

    pub(super) fn planned(&mut self, message: usize, plan: Option<Itinerary>) {
        let Some(mut plan) = plan else {
            let routed = self.router(message).is_some();
            let reason = if routed { Refusal::NotPlanned } else { Refusal::NoChannel };
            return self.withdraw(message, reason);
        };
        plan.steps.truncate(MOST_STEPS);
        // A step goes out once on each of its channels, however often it names one.
        for step in &mut plan.steps {
            let mut named = BTreeSet::new();
            step.channels.retain(|channel| named.insert(channel.clone()));
        }
        if plan.steps.is_empty() || plan.most_sends == 0 {
            return self.withdraw(message, Refusal::NoChannel);
        }
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        let planned = Decision::Planned {
            message: slot.id.clone(),
            steps: plan.steps.iter().map(|step| step.channels.clone()).collect(),
            ends_at: plan.ends_at,
            most_sends: plan.most_sends,
        };
        slot.plan = plan;
        self.record(planned);
        if !self.gathers(message) {
            self.todo.push_front(Todo::Step { message });
        }
    }

    /// Tries all channels of the message's step, or ends the message if there is no further one.
    pub(super) fn take_step(&mut self, message: usize) {
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        if slot.ended {
            return;
        }
        slot.waiting = None;
        slot.extended = 0;
        let sends = slot.attempts.len();
        let Some(step) = slot.plan.steps.get(slot.step as usize) else {
            let end = if sends == 0 { End::Unsent } else { End::Unreceived };
            return self.end(message, end);
        };
        let channels = step.channels.clone();
        let part = self.strategy.writer(&slot.label);
        let known = slot.content.clone();
        let barred: Vec<_> = channels.iter().map(|name| self.barred(message, name)).collect();
        if barred.iter().any(Option::is_none) && self.held_back(message) {
            return;
        }
        self.todo.push_front(Todo::Wait { message });
        let mut asks = Vec::new();
        for (channel, (name, barred)) in channels.iter().zip(barred).enumerate() {
            let ask = Ask { part, question: Question::Render, message, channel };
            match (barred, &known) {
                (Some(reason), _) => self.skip(message, name.clone(), reason),
                (None, Some(_)) => self.rendered(ask, known.clone()),
                (None, None) => asks.push(ask),
            }
        }
        for ask in asks.into_iter().rev() {
            self.todo.push_front(Todo::Ask(ask));
        }
    }

    fn skip(&mut self, message: usize, channel: Arc<str>, reason: Skip) {
        if let Some(message) = self.state.messages.get(message) {
            let message = message.id.clone();
            self.record(Decision::Skipped { message, channel, reason });
        }
    }

    pub(super) fn rendered(&mut self, ask: Ask, content: Option<Content>) {
        let strategy = self.strategy;
        let (locale, topic, address) = self.addressing(ask.message, ask.channel);
        let Some(message) = self.state.messages.get_mut(ask.message) else { return };
        if message.is_held() {
            message.content = content;
            // The text could not be written for this user.
            if message.content.is_none() {
                self.withdraw(ask.message, Refusal::NoContent);
            }
            return;
        }
        let step = message.plan.steps.get(message.step as usize);
        let Some(channel) = step.and_then(|s| s.channels.get(ask.channel)).cloned() else { return };
        let Some(content) = content else {
            return self.skip(ask.message, channel, Skip::NotRendered);
        };
        if message.attempts.len() >= message.plan.most_sends as usize {
            return self.skip(ask.message, channel, Skip::MostSends);
        }
        let tracking = ids::tracking(&strategy.key, &message.id, &channel, message.attempts.len());
        let outgoing = Outgoing {
            tracking: tracking.clone(),
            send_key: ids::send_key(&message.id, message.step),
            message: message.id.clone(),
            key: message.key.clone(),
            user: self.user.clone(),
            channel: channel.clone(),
            address,
            locale,
            topic,
            importance: message.importance,
            at: self.at,
            content: content.clone(),
        };
        let sent = Decision::Sent {
            message: message.id.clone(),
            channel: channel.clone(),
            step: message.step,
            tracking: tracking.clone(),
            digest: ids::content(&content),
            content,
        };
        if message.attempts.is_empty() {
            self.state.sent = self.state.sent.saturating_add(1);
        }
        let step = message.step;
        let attempt = Attempt {
            tracking,
            channel: channel.clone(),
            step,
            at: self.at,
            evidence: None,
            failed: false,
        };
        message.attempts.push(attempt);
        let id = message.id.clone();
        self.count_push(id, &outgoing.topic, &channel);
        let history = self.state.channels.entry(channel).or_default();
        history.sent = history.sent.saturating_add(1);
        self.record(sent);
        self.send(outgoing);
    }

    pub(super) fn unrendered(&mut self, ask: Ask) {
        let message = self.state.messages.get(ask.message);
        if message.is_some_and(Message::is_held) {
            return self.withdraw(ask.message, Refusal::Fault);
        }
        let step = message.and_then(|m| m.plan.steps.get(m.step as usize));
        if let Some(channel) = step.and_then(|step| step.channels.get(ask.channel)).cloned() {
            self.skip(ask.message, channel, Skip::Fault);
        }
    }

    /// Begins the step's wait, if there is anything to wait for.
    pub(super) fn wait(&mut self, message: usize) {
        let from = self.leaves();
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        if slot.ended {
            return;
        }
        if slot.attempts.iter().any(|a| a.step == slot.step && !a.failed) {
            slot.waiting = Some(from);
        } else {
            slot.step += 1;
            self.todo.push_front(Todo::Step { message });
        }
    }

    /// The step's wait is over without the wanted evidence.
    pub(super) fn overdue(&mut self, message: usize) {
        self.event = None;
        match self.router(message) {
            Some(part) => {
                let ask = Ask { part: Some(part), question: Question::Judge, message, channel: 0 };
                self.todo.push_front(Todo::Ask(ask));
            }
            None => self.judged(message, Verdict::NotReceived),
        }
    }

    pub(super) fn judged(&mut self, message: usize, verdict: Verdict) {
        let from = self.leaves();
        let routed = self.router(message).is_some();
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        let (id, step) = (slot.id.clone(), slot.step);
        let longer = verdict == Verdict::WaitLonger && slot.extended < MOST_EXTENSIONS;
        if longer {
            slot.extended += 1;
            slot.waiting = Some(from);
        } else if verdict != Verdict::Received {
            slot.step += 1;
        }
        if routed {
            self.record(Decision::Judged { message: id, step, verdict });
        }
        if verdict == Verdict::Received {
            self.end(message, End::Received);
        } else if !longer {
            self.todo.push_front(Todo::Step { message });
        }
    }

    pub(super) fn end(&mut self, message: usize, reason: End) {
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        slot.ended = true;
        slot.waiting = None;
        slot.held = None;
        slot.content = None;
        // A message that never left has nothing to be resolved.
        slot.resolved |= slot.attempts.is_empty();
        let (message, sends) = (slot.id.clone(), slot.attempts.len() as u32);
        self.record(Decision::Ended { message, reason, sends });
    }

    /// The user has left the node that messages of the policy `label` are about.
    pub(super) fn resolve(&mut self, label: &Arc<str>, next: &Arc<str>) {
        let about = |m: &Message| {
            m.label == *label && !m.resolved && matches!(m.cause, Cause::Visit { .. })
        };
        for at in self.messages_that(about) {
            let Some(message) = self.state.messages.get(at) else { continue };
            let converted = message.pending.as_ref().is_none_or(|pending| pending == next);
            self.settle(at, converted, if converted { End::Converted } else { End::Left });
        }
    }

    pub(super) fn messages_that(&self, are: impl Fn(&Message) -> bool) -> Vec<usize> {
        let messages = self.state.messages.iter().enumerate();
        messages.filter(|(_, message)| are(message)).map(|(at, _)| at).collect()
    }

    /// What a message was about is over: it ends, if it has not.
    pub(super) fn settle(&mut self, at: usize, converted: bool, end: End) {
        let Some(message) = self.state.messages.get_mut(at) else { return };
        message.resolved = true;
        let ended = message.ended;
        if converted {
            message.evidence = Some(Grade::Converted);
        }
        let since = message.since().unwrap_or(Instant::MAX);
        let id = message.id.clone();
        if !ended {
            self.end(at, end);
        }
        let after = self.at.since(since);
        self.record(Decision::Resolved { message: id, converted, after });
    }

    /// Return data: evidence about the attempt whose tracking id it contains.
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let found = self.state.messages.iter().enumerate().find_map(|(message, slot)| {
            let attempt = slot.attempts.iter().position(|a| a.tracking == receipt.tracking)?;
            Some((message, attempt))
        });
        match (found, receipt.shows) {
            (None, _) => self.record(Decision::Unmatched),
            (Some((message, attempt)), Shows::Grade(grade)) => {
                self.evidence(message, attempt, grade);
            }
            (Some((message, attempt)), shows) => self.failed(message, attempt, shows),
        }
    }

    fn evidence(&mut self, message: usize, attempt: usize, grade: Grade) {
        let at = self.at;
        let index = message;
        let Some(message) = self.state.messages.get_mut(index) else { return };
        let had = message.has_feedback(None);
        let Some(slot) = message.attempts.get(attempt) else { return };
        let channel = slot.channel.clone();
        let had_here = message.has_feedback(Some(&channel));
        if let Some(slot) = message.attempts.get_mut(attempt) {
            // Doubled and overtaken evidence shows nothing new.
            if slot.evidence >= Some(grade) {
                return;
            }
            slot.evidence = Some(grade);
        }
        message.evidence = message.evidence.max(Some(grade));
        let received = grade >= message.plan.ends_at && !message.ended;
        let id = message.id.clone();
        if grade >= Grade::Confirmed {
            let history = self.state.channels.entry(channel.clone()).or_default();
            history.last_feedback = Some(at);
            history.feedback = history.feedback.saturating_add(u32::from(!had_here));
            history.first_feedback = history.first_feedback.saturating_add(u32::from(!had));
        }
        self.record(Decision::Evidence { message: id, channel, grade });
        if received {
            self.end(index, End::Received);
        }
    }

    /// The channel gave the attempt up: if it was the step's last hope, the next step is due now.
    fn failed(&mut self, message: usize, attempt: usize, shows: Shows) {
        let index = message;
        let Some(message) = self.state.messages.get_mut(index) else { return };
        let Some(slot) = message.attempts.get_mut(attempt).filter(|slot| !slot.failed) else {
            return;
        };
        slot.failed = true;
        let (channel, step) = (slot.channel.clone(), slot.step);
        let hopeless = message.attempts.iter().all(|a| a.step != message.step || a.failed);
        let id = message.id.clone();
        let move_on = hopeless && step == message.step && !message.ended;
        if move_on {
            message.step += 1;
        }
        self.uncount_push(&id, &channel);
        if shows == Shows::Gone {
            self.address_is_dead(&channel);
        }
        self.record(match shows {
            Shows::Withheld(why) => Decision::Withheld { message: id, channel, why },
            _ => Decision::Failed { message: id, channel },
        });
        if move_on {
            self.todo.push_front(Todo::Step { message: index });
        }
    }
}
