//! A configured policy: the engine's questions put to instances, and their answers checked before
//! anybody believes them.

use std::sync::Arc;

use super::bindings::exports::nudge::policy::{journey, personalise, route};
use super::bindings::nudge::policy::types;
use super::error::{AdmitError, Issue};
use super::evaluate::{Live, refused};
use super::usage::{Meter, Usage};
use super::wire::{
    batch, columns, draft, fields, importance, itinerary, params, readings, rule, setup, wire_grade,
};
use super::{Digest, Manifest, Policy};
use crate::engine::batch::Batch;
use crate::engine::policy::{
    Content, Draft, Failure, Fault, Itinerary, Kinds, Overdue, PlanRequest, Policy as Asked,
    RenderRequest, Rule, Setup, Template, Verdict,
};

/// The exports of one kind in a live instance.
macro_rules! guest {
    ($self:ident, $live:ident, $kind:ident) => {
        $kind::GuestIndices::new(&$self.policy.compiled.instance)
            .and_then(|indices| indices.load(&mut $live.store, &$live.instance))
            .map_err(|error| wrong(format!("{error:#}")))?
    };
}

mod audience;

const MOST_RULES: usize = 4_096;

/// A policy with settings, ready to be asked.
#[derive(Clone, Debug)]
pub struct Configured {
    policy: Policy,
    settings: Arc<str>,
    setup: Setup,
    rules: Vec<Rule>,
    groups: Vec<Arc<str>>,
    fingerprint: Arc<str>,
    meter: Arc<Meter>,
}

impl Configured {
    pub(super) fn new(policy: Policy, settings: &str) -> Result<Configured, AdmitError> {
        let most = policy.sandbox.limits().settings_bytes;
        if settings.len() > most {
            let message = format!("{} bytes, and at most {most} are allowed", settings.len());
            return Err(AdmitError::Settings(vec![Issue { path: String::new(), message }]));
        }
        let mut live = Live::new(&policy.sandbox.0, &policy.compiled)
            .map_err(|failure| refused("configure", failure))?;
        let answer = live
            .configure(settings)
            .map_err(|failure| refused("configure", failure))?
            .map_err(|issues| {
                if issues.is_empty() {
                    let reason = "it refuses the settings and does not say why".to_owned();
                    return AdmitError::Answer { during: "configure", reason };
                }
                let issue = |i: types::Issue| Issue { path: i.path, message: i.message };
                AdmitError::Settings(issues.into_iter().map(issue).collect())
            })?;
        let setup =
            setup(answer).map_err(|reason| AdmitError::Answer { during: "configure", reason })?;
        let rules = if policy.compiled.kinds.journey {
            rules(&policy, &mut live, &setup)?
        } else {
            Vec::new()
        };
        let groups = if policy.compiled.kinds.audience {
            audience::groups(&policy, &mut live)?
        } else {
            Vec::new()
        };
        live.note(&policy.manifest.name);
        drop(live);
        let meter = Arc::new(Meter::default());
        let whole = format!("{} {}", policy.digest, Digest::of(settings.as_bytes()));
        let mut fingerprint = Digest::of(whole.as_bytes()).to_string();
        // Half of it is beyond chance, and stands in every user's state.
        fingerprint.truncate(32);
        let fingerprint = fingerprint.into();
        let settings = settings.into();
        Ok(Configured { policy, settings, setup, rules, groups, fingerprint, meter })
    }

    /// The component's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.policy.digest
    }

    /// Who it says it is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.policy.manifest
    }

    /// What it has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// What the policy has logged since the last time that somebody listened. The first time nobody
    /// did, so there is nothing.
    #[must_use]
    pub fn listen(&self) -> Vec<String> {
        self.meter.listen()
    }

    /// A fresh instance with the settings, fuelled for one question.
    fn live(&self) -> Result<Live<'_>, Failure> {
        let mut live = Live::new(&self.policy.sandbox.0, &self.policy.compiled)?;
        if live.configure(&self.settings)?.is_err() {
            let reason = "it refused settings that it had accepted";
            return Err(Fault::Output(reason.to_owned()).into());
        }
        self.meter.configured(live.used(self.policy.sandbox.limits().configure_fuel));
        live.refuel()?;
        Ok(live)
    }

    /// The answer to a question about so many rows, with what the policy logged on the way.
    fn answer<T>(
        &self,
        live: &Live<'_>,
        rows: usize,
        answer: wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let fuel = self.policy.sandbox.limits().fuel;
        self.meter.asked(rows, live.used(fuel), live.store.data().memory);
        self.meter.hear(&live.store.data().lines);
        live.note(&self.policy.manifest.name);
        live.or_fault(fuel, answer)
    }
}

fn rules(policy: &Policy, live: &mut Live<'_>, setup: &Setup) -> Result<Vec<Rule>, AdmitError> {
    const DURING: &str = "rules";
    let refuse = |reason: String| AdmitError::Answer { during: DURING, reason };
    let guest = journey::GuestIndices::new(&policy.compiled.instance)
        .and_then(|indices| indices.load(&mut live.store, &live.instance))
        .map_err(|error| AdmitError::Contract(format!("{error:#}")))?;
    let answer = guest.call_rules(&mut live.store);
    let rules = live
        .or_fault(policy.sandbox.limits().configure_fuel, answer)
        .map_err(|failure| refused(DURING, failure))?;
    if rules.len() > MOST_RULES {
        return Err(refuse(format!("{} rules, and at most {MOST_RULES} are allowed", rules.len())));
    }
    rules.into_iter().map(|r| rule(r, setup).map_err(refuse)).collect()
}

impl Asked for Configured {
    fn name(&self) -> &str {
        &self.policy.manifest.name
    }

    fn kinds(&self) -> Kinds {
        self.policy.compiled.kinds
    }

    fn setup(&self) -> &Setup {
        &self.setup
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn groups(&self) -> &[Arc<str>] {
        &self.groups
    }

    fn classify(&self, users: &Batch) -> Result<Vec<Vec<u32>>, Failure> {
        self.ask_classify(users)
    }

    fn qualify(&self, standard: &str, members: &Batch) -> Result<Vec<bool>, Failure> {
        self.ask_qualify(standard, members)
    }

    fn locate(&self, events: &Batch) -> Result<Vec<Option<u32>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, journey);
        let columns = columns(events);
        let answer = guest.call_locate(&mut live.store, batch(events, &columns));
        let rules = one_each(events.rows(), self.answer(&live, events.rows(), answer)?)?;
        let rule = |rule: u32| match rule {
            u32::MAX => Ok(None),
            rule if (rule as usize) < self.rules.len() => Ok(Some(rule)),
            rule => Err(wrong(format!("there is no rule {rule}"))),
        };
        rules.into_iter().map(rule).collect()
    }

    fn stalled(&self, rules: &[u32], visits: &Batch) -> Result<Vec<Option<Draft>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, journey);
        let columns = columns(visits);
        let answer = guest.call_stalled(&mut live.store, rules, batch(visits, &columns));
        let drafts =
            self.answer(&live, visits.rows(), answer)?.into_iter().map(|d| Ok((d.row, draft(d)?)));
        by_row(visits.rows(), drafts)
    }

    fn render(
        &self,
        requests: &[RenderRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Content>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, personalise);
        // Texts are few and requests many: each text goes over once.
        let mut texts: Vec<&Template> = Vec::new();
        let mut indices = Vec::with_capacity(requests.len());
        for request in requests {
            let known = texts.iter().position(|text| std::ptr::eq(*text, request.template));
            if known.is_none() {
                texts.push(request.template);
            }
            indices.push(known.unwrap_or(texts.len() - 1) as u32);
        }
        let data: Vec<Vec<types::FieldParam<'_>>> =
            requests.iter().map(|request| params(request.data)).collect();
        let wire_requests: Vec<personalise::Request<'_>> = requests
            .iter()
            .zip(&data)
            .zip(indices)
            .map(|((request, data), template)| personalise::Request {
                message: request.message,
                template,
                channel: request.channel,
                locale: request.locale,
                data,
            })
            .collect();
        let templates: Vec<personalise::Template<'_>> = texts
            .iter()
            .map(|t| personalise::Template {
                title: &t.title,
                body: &t.body,
                link: t.link.as_deref(),
            })
            .collect();
        let columns = columns(users);
        let answer =
            guest.call_render(&mut live.store, &templates, &wire_requests, batch(users, &columns));
        let contents = self.answer(&live, users.rows(), answer)?.into_iter().map(|content| {
            let features = fields(content.features)?;
            let personalise::Content { row, title, body, link, .. } = content;
            Ok((row, Content { title, body, link, features }))
        });
        by_row(users.rows(), contents)
    }

    fn plan(
        &self,
        requests: &[PlanRequest<'_>],
        users: &Batch,
    ) -> Result<Vec<Option<Itinerary>>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, route);
        let readings: Vec<Vec<route::Reading<'_>>> = requests.iter().map(readings).collect();
        let wire_requests: Vec<route::Request<'_>> = requests
            .iter()
            .zip(&readings)
            .map(|(request, readings)| route::Request {
                message: request.message,
                importance: importance(request.importance),
                messages: request.messages,
                preferred: &request.preferred,
                readings,
            })
            .collect();
        let columns = columns(users);
        let answer = guest.call_plan(&mut live.store, &wire_requests, batch(users, &columns));
        let plans = self
            .answer(&live, users.rows(), answer)?
            .into_iter()
            .map(|i| Ok((i.row, itinerary(i)?)));
        by_row(users.rows(), plans)
    }

    fn judge(&self, steps: &[Overdue<'_>], users: &Batch) -> Result<Vec<Verdict>, Failure> {
        let mut live = self.live()?;
        let guest = guest!(self, live, route);
        let wire_steps: Vec<route::Overdue<'_>> = steps
            .iter()
            .map(|step| route::Overdue {
                message: step.message,
                importance: importance(step.importance),
                step: step.step,
                evidence: step.evidence.map(wire_grade),
                since: step.since.0,
            })
            .collect();
        let columns = columns(users);
        let answer = guest.call_judge(&mut live.store, &wire_steps, batch(users, &columns));
        let verdicts = one_each(users.rows(), self.answer(&live, users.rows(), answer)?)?;
        let verdict = |verdict| match verdict {
            route::Verdict::Received => Verdict::Received,
            route::Verdict::NotReceived => Verdict::NotReceived,
            route::Verdict::WaitLonger => Verdict::WaitLonger,
        };
        Ok(verdicts.into_iter().map(verdict).collect())
    }
}

pub(super) fn wrong(reason: String) -> Failure {
    Failure::Fault(Fault::Output(reason))
}

fn one_each<T>(rows: usize, answers: Vec<T>) -> Result<Vec<T>, Failure> {
    if answers.len() == rows {
        Ok(answers)
    } else {
        // Not how many: what a fault says must not depend on how batches were cut.
        Err(wrong("there is not one answer for each row".to_owned()))
    }
}

/// Sparse answers, put where they belong.
fn by_row<T>(
    rows: usize,
    answers: impl Iterator<Item = Result<(u32, T), Failure>>,
) -> Result<Vec<Option<T>>, Failure> {
    let mut all: Vec<Option<T>> = std::iter::repeat_with(|| None).take(rows).collect();
    for answer in answers {
        let (row, answer) = answer?;
        match all.get_mut(row as usize) {
            Some(slot @ None) => *slot = Some(answer),
            Some(Some(_)) => return Err(wrong("there are two answers for one row".to_owned())),
            None => {
                return Err(wrong(
                    "there is an answer for a row that was not asked about".to_owned(),
                ));
            }
        }
    }
    Ok(all)
}
