//! What must be true whatever happens, found out from the store alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::TENANTS;
use crate::engine::event::{Event, Fields, Instant, Value, What};
use crate::engine::{Decision, Record, State, Turn};
use crate::service::TenantName;
use crate::service::chain;
use crate::service::core::Core;
use crate::service::release::Live;
use crate::store::{Logged, Seq, Store, TenantId, UserKey, Which};

#[derive(Deserialize)]
struct Line {
    user: Arc<str>,
    at: Instant,
    release: Option<u64>,
    #[serde(default)]
    absorbed: Vec<(Arc<str>, u64)>,
    #[serde(default)]
    history: Vec<Event>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    trace: Vec<Record>,
}

/// When a message went out, which, and on which channel.
type Push = (Instant, Arc<str>, Arc<str>);

/// What is known to be true so far.
#[derive(Default)]
pub(super) struct Truth {
    /// Marks of events that a sender was told are safe.
    pub(super) acknowledged: BTreeSet<(usize, u64)>,
    tenants: [Tenant; 2],
}

/// A tenant, made again from its log.
#[derive(Default)]
struct Tenant {
    read: Seq,
    marks: BTreeSet<u64>,
    states: BTreeMap<Arc<str>, State>,
    /// Tracking ids that were decided upon, with send key and channel.
    sent: BTreeMap<Arc<str>, Arc<str>>,
    releases: BTreeMap<u64, Arc<Live>>,
    /// The head of the chain so far.
    head: [u8; 32],
    /// What counts for caps, by user; users who turned out to be several have it all.
    pushes: BTreeMap<Arc<str>, Vec<Push>>,
    merged: BTreeSet<Arc<str>>,
}

impl Truth {
    pub(super) fn check(
        &mut self,
        core: &Core,
        store: &dyn Store,
        given: &BTreeMap<Arc<str>, u32>,
        doubts: &BTreeMap<Arc<str>, u32>,
    ) {
        for (at, tenant) in self.tenants.iter_mut().enumerate() {
            tenant.read_on(core, store, TENANTS[at]);
            let missing: Vec<u64> = (self.acknowledged.iter())
                .filter(|(whose, mark)| *whose == at && !tenant.marks.contains(mark))
                .map(|(_, mark)| *mark)
                .collect();
            assert!(missing.is_empty(), "acknowledged and not in the log: {missing:?}");
            tenant.check_outbox(core, store, TENANTS[at]);
        }
        for (tracking, times) in given {
            let doubted = doubts.get(tracking).copied().unwrap_or(0);
            assert!(*times <= 1 + doubted, "{tracking} was sent {times} times");
            let decided = self.tenants.iter().any(|tenant| tenant.sent.contains_key(tracking));
            assert!(decided, "{tracking} was sent, and nobody has decided so");
        }
    }

    /// Every attempt has an outcome.
    pub(super) fn is_settled(&self, core: &Core, store: &dyn Store) -> bool {
        TENANTS.iter().all(|name| {
            let lane = core.lane(&TenantName::known(name)).unwrap();
            let attempts =
                store.attempts(lane.id, &Which::default(), None, usize::MAX >> 1).unwrap();
            attempts.iter().all(|attempt| attempt.outcome.is_some())
        })
    }

    /// What must be true when everything has come to its end.
    pub(super) fn at_rest(&self, core: &Core, store: &dyn Store, said: &BTreeSet<(usize, u64)>) {
        for (at, tenant) in self.tenants.iter().enumerate() {
            let name = TenantName::known(TENANTS[at]);
            let lane = core.lane(&name).unwrap();
            let live = lane.live().unwrap();
            let known: BTreeSet<(usize, u64)> =
                tenant.marks.iter().map(|mark| (at, *mark)).collect();
            let lost: Vec<_> = said
                .iter()
                .filter(|(whose, _)| *whose == at)
                .filter(|m| !known.contains(m))
                .collect();
            assert!(lost.is_empty(), "said again until it was taken, and lost: {lost:?}");
            let users = store.users(lane.id, None, 1_000).unwrap();
            let made: Vec<&Arc<str>> = tenant.states.keys().collect();
            assert_eq!(users.iter().collect::<Vec<_>>(), made, "who there is");
            let now = core.clock.now();
            for user in users {
                let key = UserKey { tenant: lane.id, user: user.clone() };
                let stored = store.load(&[key]).unwrap().remove(0).unwrap();
                let state: State = serde_json::from_slice(&stored.state).unwrap();
                assert_eq!(Some(&state), tenant.states.get(&user), "the state of {user}");
                assert_eq!(stored.due, live.engine.due(&state), "the timer of {user}");
                assert!(stored.due.is_none_or(|due| due > now), "{user} is overdue");
            }
        }
    }
}

impl Tenant {
    /// Does what the log says was done, and has to come to the same decisions.
    fn read_on(&mut self, core: &Core, store: &dyn Store, name: &str) {
        let name = TenantName::known(name);
        let lane = core.lane(&name).unwrap();
        loop {
            let chunks = store.log(lane.id, Seq(self.read.0 + 1), 100).unwrap();
            let Some(last) = chunks.last() else { return };
            self.read = last.seq;
            for chunk in chunks {
                self.check_chain(lane.id, &chunk);
                let lines =
                    chunk.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                for line in lines.filter(|line| !crate::service::is_nobodys(line)) {
                    let line: Line = serde_json::from_slice(line).unwrap();
                    self.take(core, &name, line, chunk.seq);
                }
            }
        }
    }

    /// Each chunk with lines follows the one before, and nothing of it was altered.
    fn check_chain(&mut self, tenant: TenantId, chunk: &Logged) {
        if chunk.lines.is_empty() {
            return;
        }
        let head = chain::check(Some(self.head), tenant, chunk);
        self.head = head.unwrap_or_else(|wrong| panic!("chunk {}: {wrong}", chunk.seq.0));
    }

    /// Nothing goes out in a user's night, nor what they do not want, nor more than a cap allows.
    fn check_rails(
        &mut self,
        live: &Live,
        user: &Arc<str>,
        at: Instant,
        trace: &[Record],
        said: bool,
    ) {
        let guard = live.engine.strategy().guard();
        let state = &self.states[user];
        for record in trace {
            let at = at.max(record.at);
            match &record.decision {
                Decision::Sent { message, channel, .. } => {
                    let known = state.messages.iter().find(|known| known.id == *message);
                    // What the user said in the same turn may have come after.
                    if let (Some(known), false) = (known, said) {
                        assert_eq!(guard.quiet(state, known.importance, at), None, "sent at night");
                        assert!(guard.wants(state, &known.key, channel), "sent and not wanted");
                    }
                    let pushes = self.pushes.entry(user.clone()).or_default();
                    pushes.push((at, message.clone(), channel.clone()));
                    for cap in guard.caps.iter().filter(|_| !self.merged.contains(user)) {
                        let within =
                            pushes.iter().filter(|(then, ..)| at.since(*then) < cap.within);
                        let messages: BTreeSet<_> = within.map(|(_, message, _)| message).collect();
                        assert!(messages.len() <= cap.most as usize, "{user}: {messages:?}");
                    }
                }
                Decision::Failed { message, channel }
                | Decision::Withheld { message, channel, .. } => {
                    let pushes = self.pushes.entry(user.clone()).or_default();
                    let this = |(_, m, c): &Push| m == message && c == channel;
                    if let Some(at) = pushes.iter().rposition(this) {
                        pushes.remove(at);
                    }
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, core: &Core, name: &TenantName, line: Line, seq: Seq) {
        for event in line.history.iter().chain(&line.events) {
            if let Some(mark) = mark(event) {
                assert!(self.marks.insert(mark), "event {mark} was counted twice");
            }
        }
        let says = |event: &Event| matches!(event.what, What::Profile { .. } | What::Consent(_));
        let said = line.history.iter().chain(&line.events).any(says) || !line.absorbed.is_empty();
        if !line.absorbed.is_empty() {
            self.merged.insert(line.user.clone());
        }
        let mut state = self.states.remove(&line.user).unwrap_or_default();
        for (other, _) in &line.absorbed {
            state.absorb(self.states.remove(other).unwrap_or_default());
        }
        let Some(number) = line.release else {
            line.history.iter().chain(&line.events).for_each(|event| state.note(event));
            assert!(line.trace.is_empty());
            self.states.insert(line.user, state);
            return;
        };
        let live = self.releases.entry(number).or_insert_with(|| {
            let account = core.account(name).unwrap();
            Arc::new(core.build(&account.record, &account.releases[&number]).unwrap())
        });
        let mut trace = Vec::new();
        for (inputs, history) in [(line.history, true), (line.events, false)] {
            if history && inputs.is_empty() {
                continue;
            }
            let turn = Turn { user: line.user.clone(), state, inputs, history };
            let advance = live.engine.step(vec![turn], line.at).unwrap().remove(0);
            state = advance.state;
            trace.extend(advance.trace);
        }
        assert_eq!(trace, line.trace, "what was decided about {} in chunk {}", line.user, seq.0);
        self.states.insert(line.user.clone(), state);
        let live = Arc::clone(live);
        self.check_rails(&live, &line.user, line.at, &trace, said);
        for record in trace {
            if let Decision::Sent { tracking, message, channel, step, .. } = record.decision {
                let key: Arc<str> = format!("{message} {step} {channel}").into();
                assert!(!self.sent.values().any(|known| *known == key), "decided twice: {key}");
                self.sent.insert(tracking, key);
            }
        }
    }

    /// Everything that was decided is in the outbox, once, and nothing else.
    fn check_outbox(&self, core: &Core, store: &dyn Store, name: &str) {
        let lane = core.lane(&TenantName::known(name)).unwrap();
        let attempts = store.attempts(lane.id, &Which::default(), None, usize::MAX >> 1).unwrap();
        let there: BTreeSet<&Arc<str>> = attempts.iter().map(|a| &a.attempt.tracking).collect();
        assert_eq!(there.len(), attempts.len(), "an attempt is in the outbox twice");
        assert_eq!(there, self.sent.keys().collect(), "what is in the outbox");
        let keys: BTreeSet<_> =
            attempts.iter().map(|a| (&a.attempt.send_key, &a.attempt.channel)).collect();
        assert_eq!(keys.len(), attempts.len(), "two attempts of one send key on one channel");
        // Whoever they were put for: a name may have become another user's since.
        let names = (0..5).flat_map(|n| [format!("u{n}"), format!("anon:a{n}")]).map(Arc::from);
        let users: BTreeSet<Arc<str>> = self.states.keys().cloned().chain(names).collect();
        let letters = |user: &Arc<str>| store.letters(lane.id, user, None, 1_000).unwrap();
        let mut letters: Vec<Arc<str>> =
            users.iter().flat_map(letters).map(|letter| letter.letter.tracking).collect();
        letters.sort();
        let mut accepted: Vec<Arc<str>> = (attempts.into_iter())
            .filter(|found| found.outcome.as_deref() == Some("accepted"))
            .map(|found| found.attempt)
            .filter(|attempt| &*attempt.channel == crate::service::batch::APP)
            .map(|attempt| attempt.tracking)
            .collect();
        accepted.sort();
        assert_eq!(letters, accepted, "letters");
    }
}

fn mark(event: &Event) -> Option<u64> {
    let of = |fields: &Fields| match fields.get("n") {
        Some(Value::Integer(mark)) => Some(*mark as u64),
        _ => None,
    };
    match &event.what {
        What::Operation { fields, .. } | What::Page { fields, .. } | What::Profile { fields } => {
            of(fields)
        }
        What::Hidden
        | What::Heartbeat
        | What::Consent(_)
        | What::Receipt(_)
        | What::Campaign(_) => None,
    }
}
