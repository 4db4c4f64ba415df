//! A walk keeps to the guard rails: what is held until later, what is stopped, what is gathered into a
//! digest. What the rails say is `guard`'s.

use std::sync::Arc;

use super::consent::Consent;
use super::guard::{Push, Then};
use super::policy::{Content, Question};
use super::state::{Held, Hold};
use super::strategy::LOCALE;
use super::trace::{Decision, End, Skip};
use super::walk::{Ask, Todo, Walk};

impl Walk<'_> {
    /// What keeps a message from going out on a channel, if something does.
    pub(super) fn barred(&self, message: usize, channel: &str) -> Option<Skip> {
        let strategy = self.strategy;
        let message = self.state.messages.get(message)?;
        let now = self.leaves();
        if strategy.channel(channel).is_none() {
            Some(Skip::Unknown)
        } else if !strategy.has_address(channel, &self.state) {
            Some(Skip::Unavailable)
        } else if !strategy.reaches(channel, &self.state) {
            Some(Skip::DeadAddress)
        } else if !strategy.guard.wants(&self.state, &message.key, channel) {
            Some(Skip::NotWanted)
        } else if strategy.guard.full(&self.state, message, Some(channel), now).is_some() {
            Some(Skip::Capped)
        } else if strategy.text(&message.key, "").is_none() {
            // The tenant may have taken the text away since the message was drafted.
            Some(Skip::NotRendered)
        } else {
            None
        }
    }

    /// Holds a message back or stops it, if the rails say so; true if they do.
    pub(super) fn held_back(&mut self, message: usize) -> bool {
        let now = self.leaves();
        let Some(slot) = self.state.messages.get(message) else { return true };
        // A message counts once, when it first goes out.
        let first = slot.attempts.is_empty();
        let id = slot.id.clone();
        let full = self.strategy.guard.full(&self.state, slot, None, now);
        if let Some(cap) = full.filter(|_| first)
            && !self.outranks(message)
        {
            let cap = u32::try_from(cap).unwrap_or(u32::MAX);
            self.record(Decision::Capped { message: id, cap });
            self.end(message, End::Capped);
            return true;
        }
        let Some(slot) = self.state.messages.get(message) else { return true };
        match self.strategy.guard.quiet(&self.state, slot.importance, now) {
            None => false,
            Some((until, Then::Defer)) => {
                self.hold(message, Hold { until, why: Held::QuietHours });
                true
            }
            Some((_, Then::Drop)) => {
                self.end(message, End::QuietHours);
                true
            }
        }
    }

    /// Takes the place of a message that matters less and is only held so far; false if there is none.
    fn outranks(&mut self, message: usize) -> bool {
        let Some(slot) = self.state.messages.get(message) else { return false };
        let importance = slot.importance;
        let waits = |other: &super::Message| other.has_a_place() && other.importance < importance;
        let others = self.state.messages.iter().enumerate().filter(|(_, other)| waits(other));
        // Of those that matter least the one that came last.
        let Some((other, _)) = others.rev().min_by_key(|(_, other)| other.importance) else {
            return false;
        };
        let held = self.state.messages.get_mut(other).and_then(|other| other.held.take());
        let now = self.leaves();
        let Some(slot) = self.state.messages.get(message) else { return false };
        if self.strategy.guard.full(&self.state, slot, None, now).is_some() {
            // It was not in the way: another cap is full.
            if let Some(other) = self.state.messages.get_mut(other) {
                other.held = held;
            }
            return false;
        }
        self.end(other, End::Outranked);
        true
    }

    pub(super) fn hold(&mut self, message: usize, hold: Hold) {
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        slot.held = Some(hold);
        let message = slot.id.clone();
        self.record(Decision::Held { message, until: hold.until, why: hold.why });
    }

    /// Lets a message that has just been planned wait for others, if it can wait; true if it does.
    pub(super) fn gathers(&mut self, message: usize) -> bool {
        let Some(digest) = &self.strategy.guard.digest else { return false };
        let now = self.leaves();
        let Some(slot) = self.state.messages.get(message) else { return false };
        if slot.importance > digest.up_to || slot.key == digest.message {
            return false;
        }
        let part = self.strategy.writer(&slot.label);
        let gathering = self.state.messages.iter().filter_map(|message| message.held);
        let first = gathering.filter(|hold| hold.why == Held::Digest).map(|hold| hold.until).min();
        let until = first.unwrap_or_else(|| now.plus(digest.wait));
        self.hold(message, Hold { until, why: Held::Digest });
        // What it says is known now; it will be one item of many.
        let ask = Ask { part, question: Question::Render, message, channel: 0 };
        self.todo.push_front(Todo::Ask(ask));
        true
    }

    /// The time of a held message has come.
    pub(super) fn released(&mut self, message: usize) {
        let Some(slot) = self.state.messages.get_mut(message) else { return };
        let held = slot.held.take();
        if held.is_some_and(|hold| hold.why == Held::Digest) {
            self.gather(message);
        }
        self.todo.push_front(Todo::Step { message });
    }

    /// Makes one message of all that have been waiting: the one whose time has come carries the others.
    fn gather(&mut self, lead: usize) {
        let waits = |message: &super::Message| {
            !message.ended && message.held.is_some_and(|hold| hold.why == Held::Digest)
        };
        let others: Vec<usize> = (self.state.messages.iter().enumerate())
            .filter(|(_, message)| waits(message))
            .map(|(at, _)| at)
            .collect();
        let items: Vec<Content> = (std::iter::once(&lead).chain(&others))
            .filter_map(|at| self.state.messages.get_mut(*at).and_then(|m| m.content.take()))
            .collect();
        // Alone, it says what it says.
        if others.is_empty() {
            return;
        }
        let content = self.digest(&items);
        let ids = others.iter().filter_map(|at| self.state.messages.get(*at)).map(|m| m.id.clone());
        let ids: Vec<Arc<str>> = ids.collect();
        if let Some(slot) = self.state.messages.get_mut(lead) {
            slot.content = content;
            let message = slot.id.clone();
            self.record(Decision::Gathered { message, items: ids });
        }
        for other in others {
            if let Some(slot) = self.state.messages.get_mut(other) {
                slot.held = None;
            }
            self.end(other, End::Gathered);
        }
    }

    /// The text around several messages: `{count}` of them, `{items}`.
    fn digest(&self, items: &[Content]) -> Option<Content> {
        let digest = self.strategy.guard.digest.as_ref()?;
        let template = self.strategy.text(&digest.message, &self.state.text(LOCALE))?;
        let item = |content: &Content| {
            let parts = [content.title.as_str(), content.body.as_str()];
            let parts = parts.into_iter().chain(content.link.as_deref());
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
        };
        let texts = items.iter().map(item).collect::<Vec<_>>().join("\n\n");
        let count = items.len().to_string();
        // The items last: what they say is not looked through for places.
        let filled = |text: &str| text.replace("{count}", &count).replace("{items}", &texts);
        let link =
            template.link.clone().or_else(|| items.iter().find_map(|item| item.link.clone()));
        Some(Content {
            title: template.title.replace("{count}", &count),
            body: filled(&template.body),
            link,
            features: Default::default(),
        })
    }

    /// Remembers for the caps that a message has gone out on a channel.
    pub(super) fn count_push(&mut self, message: Arc<str>, topic: &Arc<str>, channel: &Arc<str>) {
        let at = self.leaves();
        let push = Push { at, message, channel: channel.clone(), topic: topic.clone() };
        self.strategy.guard.remember(&mut self.state, push);
    }

    /// How a message on this channel of its step is addressed: locale, topic, address.
    pub(super) fn addressing(
        &self,
        message: usize,
        channel: usize,
    ) -> (Arc<str>, Arc<str>, Option<Arc<str>>) {
        let message = self.state.messages.get(message);
        let topic = message.and_then(|message| self.strategy.guard.topic_of(&message.key));
        let step = message.and_then(|message| message.plan.steps.get(message.step as usize));
        let channel = step.and_then(|step| step.channels.get(channel));
        (
            self.state.text(LOCALE),
            topic.map_or_else(|| "".into(), |topic| topic.name.clone()),
            channel.and_then(|channel| self.strategy.address(channel, &self.state)),
        )
    }

    /// A push that came to nothing counts for no cap.
    pub(super) fn uncount_push(&mut self, message: &str, channel: &str) {
        let this = |push: &Push| *push.message == *message && *push.channel == *channel;
        if let Some(at) = self.state.pushes.iter().rposition(this) {
            self.state.pushes.remove(at);
        }
    }

    /// The user has said what they want; messages that they want on no channel any more end.
    pub(super) fn consents(&mut self, word: Consent) {
        self.record(Decision::Consented { consent: word.clone() });
        self.state.consents.take(word);
        let strategy = self.strategy;
        for at in 0..self.state.messages.len() {
            let Some(message) = self.state.messages.get(at) else { continue };
            let wanted = |channel: &super::Channel| {
                strategy.guard.wants(&self.state, &message.key, &channel.name)
            };
            if !message.ended && !strategy.channels().iter().any(wanted) {
                self.end(at, End::OptedOut);
            }
        }
    }

    /// Nothing arrives at the user's address on this channel: it is not tried again.
    pub(super) fn address_is_dead(&mut self, channel: &Arc<str>) {
        if let Some(address) = self.strategy.address(channel, &self.state) {
            self.state.dead.insert(channel.clone(), address);
        }
    }
}
