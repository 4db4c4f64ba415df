//! A policy that is listened to: what it is asked and what it answers, as JSON. Changes nothing about either.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::lane::lock;
use super::super::story::Asked;
use crate::engine::batch::{Batch, Column, Values};
use crate::engine::policy::{
    Content, Draft, Failure, Itinerary, Kinds, Origin, Overdue, Place, PlanRequest, Policy,
    Question, RenderRequest, Rule, Setup, Verdict,
};
use crate::sandbox::Configured;

/// What policies were asked, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<Asked>>>);

impl Notes {
    /// What was asked since the last time.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// A policy that is listened to. Whoever asks it does so about one user at a time, and not twice at once.
pub(super) struct Heard {
    pub(super) label: Arc<str>,
    pub(super) policy: Arc<Configured>,
    pub(super) notes: Notes,
}

impl Heard {
    fn note<T>(
        &self,
        question: Question,
        input: Value,
        ask: impl FnOnce(&Configured) -> Result<Vec<T>, Failure>,
        told: impl FnOnce(&T) -> Value,
    ) -> Result<Vec<T>, Failure> {
        let before = self.policy.usage().fuel;
        let answers = ask(&self.policy);
        let fuel = self.policy.usage().fuel.saturating_sub(before);
        let (answer, fault) = match &answers {
            Ok(answers) => (Some(answers.first().map_or(Value::Null, told)), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        lock(&self.notes.0).push(Asked {
            policy: self.label.to_string(),
            digest: self.policy.digest().to_string(),
            question: question.word().to_owned(),
            input,
            answer,
            fault,
            fuel,
        });
        answers
    }

    /// What the policy sees of the first row.
    fn row(&self, batch: &Batch, about: Value) -> Value {
        let mut fields = serde_json::Map::new();
        for (need, column) in self.policy.setup().needs.iter().zip(&batch.columns) {
            let Some(value) = first(column) else { continue };
            let of = fields.entry(word(need.origin)).or_insert_with(|| json!({}));
            if let Some(of) = of.as_object_mut() {
                of.insert(need.name.to_string(), value);
            }
        }
        let mut input = json!({ "at": batch.at.first(), "fields": fields });
        if let (Some(input), Value::Object(about)) = (input.as_object_mut(), about) {
            input.extend(about);
        }
        input
    }

    fn rule(&self, rule: u32) -> Value {
        let known = self.policy.rules().get(rule as usize);
        let place = known.map(|rule| match &rule.place {
            Place::Named(node) => json!(node),
            Place::Field(field) => json!({ "field": field }),
        });
        let watch = known.and_then(|rule| rule.watch);
        json!({
            "rule": rule,
            "node": place,
            "longer-than": watch.map(|watch| watch.longer_than),
            "basis": watch.map(|watch| watch.basis),
        })
    }
}

impl Policy for Heard {
    fn name(&self) -> &str {
        Policy::name(&*self.policy)
    }

    fn kinds(&self) -> Kinds {
        self.policy.kinds()
    }

    fn setup(&self) -> &Setup {
        self.policy.setup()
    }

    fn rules(&self) -> &[Rule] {
        self.policy.rules()
    }

    fn fingerprint(&self) -> &str {
        self.policy.fingerprint()
    }

    fn groups(&self) -> &[Arc<str>] {
        self.policy.groups()
    }

    fn classify(&self, users: &Batch) -> Result<Vec<Vec<u32>>, Failure> {
        let names = |groups: &Vec<u32>| {
            let name = |at: &u32| self.policy.groups().get(*at as usize);
            json!(groups.iter().map(name).collect::<Vec<_>>())
        };
        let input = self.row(users, json!({}));
        self.note(Question::Classify, input, |policy| policy.classify(users), names)
    }

    fn qualify(&self, standard: &str, members: &Batch) -> Result<Vec<bool>, Failure> {
        let input = self.row(members, json!({ "standard": standard }));
        let ask = |policy: &Configured| policy.qualify(standard, members);
        self.note(Question::Qualify, input, ask, |meets| json!(meets))
    }

    fn locate(&self, events: &Batch) -> Result<Vec<Option<u32>>, Failure> {
        let input = self.row(events, json!({}));
        let told = |rule: &Option<u32>| rule.map_or(Value::Null, |rule| self.rule(rule));
        self.note(Question::Locate, input, |policy| policy.locate(events), told)
    }

    fn stalled(&self, rules: &[u32], visits: &Batch) -> Result<Vec<Option<Draft>>, Failure> {
        let under = rules.first().map(|rule| self.rule(*rule));
        let input = self.row(visits, json!({ "under": under }));
        let ask = |policy: &Configured| policy.stalled(rules, visits);
        self.note(Question::Stalled, input, ask, |draft| json!(draft))
    }

    fn render(
        &self,
        requests: &[RenderRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Content>>, Failure> {
        let request = |r: &RenderRequest<'_>| {
            json!({
                "message": r.message, "template": r.template, "channel": r.channel,
                "locale": r.locale, "data": r.data,
            })
        };
        let input = self.row(users, json!({ "request": requests.first().map(request) }));
        let ask = |policy: &Configured| policy.render(requests, users);
        self.note(Question::Render, input, ask, |content| json!(content))
    }

    fn plan(
        &self,
        requests: &[PlanRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Itinerary>>, Failure> {
        let request = |r: &PlanRequest<'_>| {
            let reading = |reading: &crate::engine::policy::Reading<'_>| {
                json!({
                    "channel": reading.channel, "available": reading.available,
                    "history": reading.history, "cost": reading.cost,
                })
            };
            json!({
                "message": r.message, "importance": r.importance, "messages": r.messages,
                "preferred": r.preferred,
                "readings": r.readings.iter().map(reading).collect::<Vec<_>>(),
            })
        };
        let input = self.row(users, json!({ "request": requests.first().map(request) }));
        let ask = |policy: &Configured| policy.plan(requests, users);
        self.note(Question::Plan, input, ask, |plan| json!(plan))
    }

    fn judge(&self, steps: &[Overdue<'_>], users: &Batch) -> Result<Vec<Verdict>, Failure> {
        let step = |s: &Overdue<'_>| {
            json!({
                "message": s.message, "importance": s.importance, "step": s.step,
                "evidence": s.evidence, "since": s.since,
            })
        };
        let input = self.row(users, json!({ "step": steps.first().map(step) }));
        let ask = |policy: &Configured| policy.judge(steps, users);
        self.note(Question::Judge, input, ask, |verdict| json!(verdict))
    }
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Event => "event",
        Origin::Profile => "profile",
        Origin::Visit => "visit",
        Origin::Counter => "counter",
        Origin::Channel => "channel",
    }
}

/// The value of the first row; none if the column was not asked for.
fn first(column: &Column) -> Option<Value> {
    let absent = column.absent.first().is_some_and(|bits| bits & 1 == 1);
    let value = match &column.values {
        Values::None => return None,
        Values::Text { text, ends } => {
            json!(ends.first().and_then(|end| text.get(..*end as usize)))
        }
        Values::Integer(values) | Values::Instant(values) => json!(values.first()),
        Values::Number(values) => json!(values.first()),
        Values::Flag(values) => json!(values.first().map(|flag| *flag != 0)),
    };
    Some(if absent { Value::Null } else { value })
}
