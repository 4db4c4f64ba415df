//! One user's walk through a step: inputs and deadlines in the order of time, each followed to its
//! end before the next. Where a policy is needed the walk halts with a question, so that many users'
//! questions can be put at once. Here: events, visits and who has stalled; `push` has the messages.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::{Event, Fields, Instant, Value, What};
use super::policy::{Content, Draft, Fault, Itinerary, Launch, Place, Question, Verdict};
use super::state::{State, Visit};
use super::strategy::Strategy;
use super::trace::{Decision, Missed, Record};
use super::{Advance, Outgoing, Turn};

/// What a walk needs to know before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask {
    /// Whom to ask: an index into the strategy's parts. None: there is nobody to ask, and texts go as
    /// they are.
    pub(super) part: Option<usize>,
    /// What.
    pub(super) question: Question,
    /// The message that it is about, if it is about one: an index into the state's messages.
    pub(super) message: usize,
    /// The channel, if it is about one: an index into the step's channels.
    pub(super) channel: usize,
}

/// What a policy answered.
#[derive(Debug)]
pub(super) enum Answer {
    Locate(Option<u32>),
    Stalled(Option<Draft>),
    Plan(Option<Itinerary>),
    Render(Option<Content>),
    Judge(Verdict),
    Classify(Vec<u32>),
    Qualify(bool),
    Fault(Fault),
}

/// What is left to do of the input or deadline at hand.
#[derive(Clone, Debug)]
pub(super) enum Todo {
    /// Ask a policy.
    Ask(Ask),
    /// Take the message's next step.
    Step { message: usize },
    /// All channels of the message's step have been tried.
    Wait { message: usize },
    /// A campaign goes out to the user.
    Reach(Arc<Launch>),
}

/// One user on their way through a step.
pub(super) struct Walk<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) user: Arc<str>,
    pub(super) state: State,
    inputs: std::vec::IntoIter<Event>,
    next: Option<Event>,
    until: Instant,
    /// The event that policies are being asked about.
    pub(super) event: Option<(Arc<str>, Fields)>,
    /// The event shows a page.
    page: bool,
    /// The inputs are a record of the past.
    pub(super) history: bool,
    /// Attempts leave when the step is made, whenever they should have.
    live: bool,
    /// The policies whose visits the record has moved.
    recorded: BTreeSet<Arc<str>>,
    /// The segment criteria that sort the user anew although nothing has happened.
    pub(super) quietly: BTreeSet<Arc<str>>,
    /// The campaign whose push standard is being asked about.
    pub(super) launch: Option<Arc<Launch>>,
    /// The moment of what is at hand.
    pub(super) at: Instant,
    pub(super) todo: VecDeque<Todo>,
    outbox: Vec<Outgoing>,
    trace: Vec<Record>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(strategy: &'a Strategy, turn: Turn, until: Instant, live: bool) -> Walk<'a> {
        let mut inputs = turn.inputs;
        let mut state = turn.state;
        state.follow(strategy);
        if turn.history {
            state.take_history(&mut inputs);
        }
        // Stable: events of one moment stay in the order in which they came.
        inputs.sort_by_key(|event| event.at);
        let mut inputs = inputs.into_iter();
        let mut walk = Walk {
            strategy,
            user: turn.user,
            at: state.clock.unwrap_or(Instant::MIN),
            state,
            next: inputs.next(),
            inputs,
            until,
            event: None,
            page: false,
            history: turn.history,
            live,
            recorded: BTreeSet::new(),
            quietly: BTreeSet::new(),
            launch: None,
            todo: VecDeque::new(),
            outbox: Vec::new(),
            trace: Vec::new(),
        };
        walk.take_up(until);
        walk
    }

    /// Goes on until a policy must be asked, or to the end.
    pub(super) fn advance(&mut self) -> Option<Ask> {
        loop {
            match self.todo.pop_front() {
                Some(Todo::Ask(ask)) => return Some(ask),
                Some(Todo::Step { message }) => self.take_step(message),
                Some(Todo::Wait { message }) => self.wait(message),
                Some(Todo::Reach(launch)) => self.reach(launch),
                None => {
                    if !self.take_next() {
                        return None;
                    }
                }
            }
        }
    }

    /// Goes on with the answer to a question.
    pub(super) fn resume(&mut self, ask: Ask, answer: Answer) {
        match answer {
            Answer::Locate(rule) => self.located(ask.part, rule),
            Answer::Stalled(draft) => self.drafted(ask.part, draft),
            Answer::Plan(plan) => self.planned(ask.message, plan),
            Answer::Render(content) => self.rendered(ask, content),
            Answer::Judge(verdict) => self.judged(ask.message, verdict),
            Answer::Classify(groups) => self.sorted(ask.part, &groups),
            Answer::Qualify(meets) => self.qualified(meets),
            Answer::Fault(fault) => {
                let policy = self.label(ask.part);
                let question = ask.question;
                self.record(Decision::Fault { policy, question, fault });
                match question {
                    // The groups stay as they were.
                    Question::Locate
                    | Question::Stalled
                    | Question::Classify
                    | Question::Compose => {}
                    Question::Qualify => self.unqualified(Missed::Fault),
                    Question::Plan => self.unplanned(ask.message),
                    Question::Render => self.unrendered(ask),
                    // Without a judge the evidence stands as it is: there is none.
                    Question::Judge => self.judged(ask.message, Verdict::NotReceived),
                }
            }
        }
    }

    /// What came of it.
    pub(super) fn finish(self) -> Advance {
        let due = self.next_due();
        Advance { user: self.user, state: self.state, due, outbox: self.outbox, trace: self.trace }
    }

    pub(super) fn record(&mut self, decision: Decision) {
        self.trace.push(Record { at: self.at, user: self.user.clone(), decision });
    }

    /// From when on an attempt that is made now is waited for.
    pub(super) fn leaves(&self) -> Instant {
        if self.live { self.at.max(self.until) } else { self.at }
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) {
        self.outbox.push(outgoing);
    }

    pub(super) fn label(&self, part: Option<usize>) -> Arc<str> {
        let part = part.and_then(|part| self.strategy.part(part));
        part.map_or_else(|| "".into(), |part| part.label.clone())
    }

    fn next_due(&self) -> Option<Instant> {
        self.state.next_due(self.strategy)
    }

    /// Takes the next deadline or input, whichever is first; false if there is neither.
    fn take_next(&mut self) -> bool {
        // Here, and not at the end of the step: what a receipt finds must not depend on how a life is
        // cut into steps. Nothing is under way, so nobody holds an index into the messages.
        self.state.forget();
        self.state.forget_campaigns();
        let horizon = self.next.as_ref().map_or(self.until, |event| event.at);
        if let Some(due) = self.next_due()
            && due <= horizon.max(self.at)
        {
            self.at = self.at.max(due);
            self.state.clock = Some(self.at);
            self.deadline(due);
            return true;
        }
        let Some(event) = self.next.take() else { return false };
        self.next = self.inputs.next();
        // Nothing happens before what has happened: an event that comes late counts from now.
        self.at = self.at.max(event.at);
        if self.state.clock.is_none() {
            self.state.become_known(&self.strategy.counters, self.at);
        }
        self.state.clock = Some(self.at);
        self.event(event.what);
        true
    }

    fn event(&mut self, what: What) {
        match what {
            What::Operation { name, fields } => self.seen(name, fields, false),
            What::Page { name, fields } => self.seen(name, fields, true),
            What::Hidden => self.state.visits.values_mut().for_each(|visit| visit.hide(self.at)),
            What::Heartbeat => self.state.visits.values_mut().for_each(|visit| visit.beat(self.at)),
            What::Profile { fields } => {
                for (name, value) in fields.iter() {
                    self.state.learn(name, value);
                }
                self.event = None;
                self.sort_all();
            }
            What::Consent(word) => self.consents(word),
            What::Receipt(receipt) => self.receipt(&receipt),
            What::Campaign(launch) => self.todo.push_back(Todo::Reach(launch)),
        }
    }

    fn seen(&mut self, name: Arc<str>, mut fields: Fields, page: bool) {
        let strategy = self.strategy;
        // The event's name is one of its fields, whoever looks: for its node, or later.
        if strategy.event_fields().contains("name") {
            fields.set("name".into(), Value::Text(name.clone()));
        }
        for (field, value) in fields.iter() {
            if strategy.event_fields().contains(field) {
                self.state.process.set(field.clone(), value.clone());
            }
        }
        for (label, counter) in strategy.counters.counting(&name, &fields) {
            self.state.counted(label, &counter.name, counter.window, self.at);
        }
        self.aims(&name, &fields);
        self.event = Some((name, fields));
        self.page = page;
        for part in &strategy.journeys {
            let ask = Ask { part: Some(*part), question: Question::Locate, message: 0, channel: 0 };
            self.todo.push_back(Todo::Ask(ask));
        }
        self.sort_all();
    }

    fn located(&mut self, part: Option<usize>, rule: Option<u32>) {
        let label = self.label(part);
        let at = self.at;
        let Some((rule, node)) = rule.and_then(|rule| self.node(part, rule)) else {
            // A page that belongs to no node takes the place of the one that did.
            if self.page
                && let Some(visit) = self.state.visits.get_mut(&label)
            {
                visit.hide(at);
            }
            return;
        };
        if self.history {
            self.recorded.insert(label.clone());
        }
        let stays = self.state.visits.get(&label).is_some_and(|visit| visit.node == node);
        if !stays {
            let previous = self.leave(&label, &node);
            self.record(Decision::Entered {
                policy: label.clone(),
                node: node.clone(),
                previous: previous.clone(),
            });
            self.state.visits.insert(label.clone(), Visit::begin(node, previous, rule, at));
        }
        if let Some(visit) = self.state.visits.get_mut(&label) {
            visit.rule = rule;
            visit.operate(at);
            if self.page {
                visit.show(at);
            }
        }
    }

    /// The node that a rule puts the event at, with the rule.
    fn node(&self, part: Option<usize>, rule: u32) -> Option<(u32, Arc<str>)> {
        let place = &self.strategy.part(part?)?.policy.rules().get(rule as usize)?.place;
        let node = match place {
            Place::Named(node) => node.clone(),
            Place::Field(field) => {
                let (_, fields) = self.event.as_ref()?;
                match fields.get(field)? {
                    Value::Text(text) => text.clone(),
                    value => value.to_string().into(),
                }
            }
        };
        Some((rule, node))
    }

    /// Ends the visit that the user leaves for another node, and gives its node.
    fn leave(&mut self, label: &Arc<str>, next: &Arc<str>) -> Option<Arc<str>> {
        let visit = self.state.visits.remove(label)?;
        self.record(Decision::Left {
            policy: label.clone(),
            node: visit.node.clone(),
            entered: visit.entered,
            interruption: visit.interruption(self.at),
            page_stay: visit.page_stay(self.at),
        });
        self.resolve(label, next);
        Some(visit.node)
    }

    /// A deadline has passed: a visit has stalled, or a wait is over.
    fn deadline(&mut self, due: Instant) {
        let strategy = self.strategy;
        let stalled = self
            .state
            .visits
            .iter()
            .find(|(label, visit)| visit.due(strategy.rules(label)) == Some(due))
            .map(|(label, _)| label.clone());
        if let Some(label) = stalled {
            return self.stall(&label);
        }
        self.event = None;
        let over = self.state.messages.iter().position(|message| message.due() == Some(due));
        let Some(message) = over else {
            if self.state.next_fall(&strategy.counters).is_some_and(|fall| fall <= due) {
                self.fallen();
            }
            return self.expire();
        };
        if self.state.messages.get(message).is_some_and(super::Message::is_held) {
            self.released(message);
        } else {
            self.overdue(message);
        }
    }

    fn stall(&mut self, label: &Arc<str>) {
        let strategy = self.strategy;
        let Some(visit) = self.state.visits.get_mut(label) else { return };
        let Some(watch) = visit.watch(strategy.rules(label)) else { return };
        visit.stalled.push(visit.rule);
        if self.recorded.contains(label) {
            let node = visit.node.clone();
            return self.record(Decision::Past { policy: label.clone(), node });
        }
        let stalled = Decision::Stalled {
            policy: label.clone(),
            node: visit.node.clone(),
            entered: visit.entered,
            basis: watch.basis,
            dwell: visit.dwell(watch.basis, self.at),
            threshold: watch.longer_than,
        };
        self.record(stalled);
        let part = strategy.parts().iter().position(|part| part.label == *label);
        self.event = None;
        let ask = Ask { part, question: Question::Stalled, message: 0, channel: 0 };
        self.todo.push_back(Todo::Ask(ask));
    }
}
