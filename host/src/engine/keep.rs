//! What becomes of a state when something else than an event changes: the strategy's rules, who the user
//! is, what is known of their past. Pure, like everything here.

use std::sync::Arc;

use super::event::{Event, Value, What};
use super::policy::{Place, Rule};
use super::state::{State, Visit};
use super::strategy::Strategy;

/// Names and texts of a user's profile, in bytes.
const MOST_PROFILE_BYTES: usize = 64 << 10;

impl State {
    /// Goes on under the rules that there are now. A visit keeps its node, its clock and what was said
    /// about it; it goes on under the first rule for its node. Where there is none, nobody watches it
    /// until the next event.
    pub(super) fn follow(&mut self, strategy: &Strategy) {
        for (label, visit) in &mut self.visits {
            visit.follow(strategy.rules(label));
        }
    }

    /// Takes what a record of the past says of a user whose present is known already: fields of the
    /// profile that are not, and nothing else of what is older than the user's clock.
    pub(super) fn take_history(&mut self, inputs: &mut Vec<Event>) {
        let Some(clock) = self.clock else { return };
        let (late, rest): (Vec<Event>, Vec<Event>) =
            inputs.drain(..).partition(|event| event.at < clock);
        *inputs = rest;
        // The latest word on a field is the one that is believed.
        for event in late.into_iter().rev() {
            if let What::Profile { fields } = event.what {
                for (name, value) in fields.iter() {
                    if self.profile.get(name).is_none() {
                        self.learn(name, value);
                    }
                }
            }
        }
    }

    /// Takes a field into the profile, unless the profile has no room for it: what senders say of a user
    /// must not grow without end.
    pub(super) fn learn(&mut self, name: &Arc<str>, value: &Value) {
        let size = |name: &str, value: &Value| {
            name.len() + if let Value::Text(text) = value { text.len() } else { 8 }
        };
        let others = self.profile.iter().filter(|(other, _)| *other != name);
        let held: usize = others.map(|(name, value)| size(name, value)).sum();
        if held + size(name, value) <= MOST_PROFILE_BYTES {
            self.profile.set(name.clone(), value.clone());
        }
    }

    /// Takes in the state of somebody who has turned out to be the same user. What the user has said of
    /// themself wins over what was known of the other; of two visits under one policy the one with the
    /// later operation stays; messages of both go on, so that no receipt is lost.
    pub fn absorb(&mut self, other: State) {
        let newer = other.clock > self.clock;
        self.clock = self.clock.max(other.clock);
        for (name, value) in other.profile.iter() {
            if self.profile.get(name).is_none() {
                self.learn(name, value);
            }
        }
        for (name, value) in other.process.iter() {
            if newer || self.process.get(name).is_none() {
                self.process.set(name.clone(), value.clone());
            }
        }
        for (label, counters) in other.counters {
            let own = self.counters.entry(label).or_default();
            for (name, count) in counters {
                own.entry(name).or_default().absorb(count);
            }
        }
        self.sort_anew();
        for reached in other.campaigns {
            if self.campaigns.iter().all(|own| own.campaign != reached.campaign) {
                self.campaigns.push(reached);
            }
        }
        for (label, visit) in other.visits {
            match self.visits.get_mut(&label) {
                Some(own) if own.operated >= visit.operated => {}
                Some(own) => *own = visit,
                None => {
                    self.visits.insert(label, visit);
                }
            }
        }
        for message in other.messages {
            if self.messages.iter().all(|own| own.id != message.id) {
                self.messages.push(message);
            }
        }
        for (channel, history) in other.channels {
            let own = self.channels.entry(channel).or_default();
            own.sent = own.sent.saturating_add(history.sent);
            own.feedback = own.feedback.saturating_add(history.feedback);
            own.first_feedback = own.first_feedback.saturating_add(history.first_feedback);
            own.last_feedback = own.last_feedback.max(history.last_feedback);
        }
        self.sent = self.sent.saturating_add(other.sent);
        self.consents.absorb(other.consents);
        for (channel, address) in other.dead {
            self.dead.entry(channel).or_insert(address);
        }
        self.pushes.extend(other.pushes);
        self.pushes.sort_by_key(|push| push.at);
    }

    /// Remembers what was said of the user, without asking anybody: there is no strategy.
    pub(crate) fn note(&mut self, event: &Event) {
        match &event.what {
            What::Profile { fields } => {
                for (name, value) in fields.iter() {
                    self.learn(name, value);
                }
            }
            What::Consent(word) => self.consents.take(word.clone()),
            _ => {}
        }
    }
}

impl Visit {
    fn follow(&mut self, rules: &[Rule]) {
        let is_about = |rule: &Rule| match &rule.place {
            Place::Named(node) => *node == self.node,
            Place::Field(_) => true,
        };
        if rules.get(self.rule as usize).is_some_and(is_about) {
            return;
        }
        let named = |rule: &Rule| matches!(&rule.place, Place::Named(node) if *node == self.node);
        let home = rules.iter().position(named).or_else(|| rules.iter().position(is_about));
        // Numbers of rules that are gone mean nothing any more; that something was said does.
        let stalled = self.stalled.contains(&self.rule);
        self.stalled.clear();
        self.rule = home.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX);
        if stalled {
            self.stalled.push(self.rule);
        }
    }
}
