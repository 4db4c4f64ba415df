//! Cases run: the policy under test in the real sandbox, under the limits of production, driven by the
//! engine. What is decided is put in the words of cases and held against what is expected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Watch};

use serde_json::{Map, Value as Json};

use super::case::{Case, CaseError, File, Step};
use super::when::When;
use crate::engine::event::{Event, Instant, Receipt, What};
use crate::engine::policy::{Launch, Policy as _};
use crate::engine::{
    Advance, Engine, Part, Record, State, Strategy, StrategyError, TrackingKey, Turn,
};
use crate::sandbox::{AdmitError, Configured, Issue, Policy, Sandbox, Usage};
use crate::strategy::{self, Campaign};

/// How a case ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its file's name without the ending, and its own.
    pub(crate) name: String,
    /// What was not as expected, each in some lines.
    pub(crate) failures: Vec<String>,
    /// What the policy under test used.
    pub(crate) usage: Usage,
    /// What happened.
    pub(crate) found: Found,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// What happened in a case.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The issues that the settings were refused with.
    pub(crate) refused: Option<Vec<Issue>>,
    /// For each step what came of it.
    pub(crate) steps: Vec<Came>,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Came {
    /// Decisions, with what goes without saying left out.
    Decisions(Vec<Json>),
    /// An answer.
    Answer(Json),
}

/// Runs one case.
///
/// # Errors
///
/// What keeps it from being run at all; that is never the policy's doing.
pub(crate) fn run(
    sandbox: &Sandbox,
    policy: &Policy,
    file: &File,
    case: &Case,
) -> Result<Outcome, CaseError> {
    let started = Watch::now();
    let error = |message: String| CaseError {
        path: file.path.clone(),
        message: format!("case {:?}: {message}", case.name),
    };
    let expects = case.refused.is_some() || case.step.iter().any(Step::expects);
    let mut outcome = Outcome {
        name: format!("{}::{}", file.stem(), case.name),
        failures: Vec::new(),
        usage: Usage::default(),
        found: Found::default(),
        elapsed: Duration::ZERO,
    };
    if !expects && case.fuel.is_none() {
        outcome.failures.push("it expects nothing, so it cannot fail: --bless fills it in".into());
    }
    let configured = match policy.configure(&file.settings(case)) {
        Ok(configured) => configured,
        Err(AdmitError::Settings(issues)) => {
            outcome.failures.extend(refused(case, &issues));
            outcome.found.refused = Some(issues);
            outcome.elapsed = started.elapsed();
            return Ok(outcome);
        }
        Err(AdmitError::Host(host)) => return Err(error(host.to_string())),
        Err(other) => {
            outcome.failures.push(other.to_string());
            outcome.elapsed = started.elapsed();
            return Ok(outcome);
        }
    };
    if case.refused.is_some() {
        outcome.failures.push("the settings were to be refused, and are accepted".to_owned());
    }
    let mut life = Life::new(sandbox, policy, &configured, file, case).map_err(error)?;
    for (number, step) in case.step.iter().enumerate() {
        let (at, came) = match life.step(step) {
            Ok(came) => came,
            // What follows follows from something that did not happen.
            Err(Stop::Case(why)) => {
                outcome.failures.push(format!("step {}: {why}", number + 1));
                break;
            }
            Err(Stop::Host(why)) => return Err(error(format!("step {}: {why}", number + 1))),
        };
        let wrong = match &came {
            Came::Decisions(found) => {
                step.expect.as_ref().and_then(|expected| decisions(expected, found))
            }
            Came::Answer(found) => step.answer.as_ref().and_then(|expected| {
                (!fits(expected, found)).then(|| two("the answer", expected, found))
            }),
        };
        if let Some(wrong) = wrong {
            outcome.failures.push(format!("step {} ({}): {wrong}", number + 1, at.0));
        }
        outcome.found.steps.push(came);
    }
    outcome.usage = configured.usage();
    if let Some(most) = case.fuel
        && outcome.usage.most_fuel > most
    {
        let took = outcome.usage.most_fuel;
        outcome.failures.push(format!("a question took {took} fuel, and {most} was the most"));
    }
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// How the issues differ from those that were expected.
fn refused(case: &Case, issues: &[Issue]) -> Option<String> {
    let list = || issues.iter().map(|issue| format!("\n    {issue}")).collect::<String>();
    let Some(expected) = &case.refused else {
        return Some(format!("the settings are refused:{}", list()));
    };
    let fit = expected.len() == issues.len()
        && expected.iter().zip(issues).all(|(expected, issue)| {
            expected.path == issue.path && issue.message.contains(&expected.message)
        });
    (!fit).then(|| format!("the settings are refused, but not as expected:{}", list()))
}

/// Why a step did not happen.
enum Stop {
    /// There was nothing for it to happen to.
    Case(String),
    /// It cannot happen at all.
    Host(String),
}

/// The users of a case, and their engine.
struct Life<'a> {
    engine: Result<Engine, String>,
    configured: &'a Configured,
    /// All policies, by label.
    named: Vec<(Arc<str>, Arc<Configured>)>,
    label: Arc<str>,
    states: BTreeMap<Arc<str>, State>,
    now: Option<When>,
    several: bool,
    /// Messages and attempts in the order in which they came up.
    messages: Vec<String>,
    attempts: Vec<String>,
}

impl<'a> Life<'a> {
    fn new(
        sandbox: &Sandbox,
        policy: &Policy,
        configured: &'a Configured,
        file: &File,
        case: &Case,
    ) -> Result<Life<'a>, String> {
        let label: Arc<str> = policy.manifest().name.as_str().into();
        // Questions alone need no strategy, and a policy that is no node policy makes none by itself.
        let mut named = vec![(label.clone(), Arc::new(configured.clone()))];
        let engine = if case.step.iter().all(|step| step.ask.is_some()) {
            Err("there is no strategy".to_owned())
        } else {
            let others = strategy::admit(&file.path, &file.with, sandbox);
            let others = others.map_err(|error| error.to_string())?;
            let labels = file.with.iter().map(|entry| Arc::from(entry.label()));
            named.extend(labels.zip(others.iter().cloned()));
            let own = Part::new(label.clone(), Arc::new(configured.clone()));
            let mut parts = vec![own.routing(file.routes.iter().map(|key| key.as_str().into()))];
            parts.extend(strategy::parts(&file.with, others).0);
            let contents = strategy::contents(&file.messages);
            let channels = strategy::channels(&file.channel);
            let key = TrackingKey::new(b"case");
            let rails = file.guard.read(&file.topic)?;
            let campaigns = file.campaign.iter().map(|campaign| composed(&named, campaign, true));
            let campaigns = campaigns.collect::<Result<Vec<_>, _>>()?;
            Strategy::new("case", key, parts, contents, channels)
                .and_then(|strategy| strategy.guarded(rails))
                .and_then(|strategy| strategy.campaigning(campaigns))
                .map(Engine::new)
                .map_err(|error| format!("{error}; name further policies under [[with]]"))
        };
        if let (Err(error), false) = (&engine, case.step.iter().all(|step| step.ask.is_some())) {
            return Err(error.clone());
        }
        let first = case.step.first().map(|step| &step.user);
        Ok(Life {
            engine,
            configured,
            named,
            label,
            states: BTreeMap::new(),
            now: None,
            several: case.step.iter().any(|step| Some(&step.user) != first),
            messages: Vec::new(),
            attempts: Vec::new(),
        })
    }

    /// Lets a step happen.
    fn step(&mut self, step: &Step) -> Result<(When, Came), Stop> {
        let at = step.moment(self.now);
        self.now = Some(at);
        if let Some(ask) = &step.ask {
            let answer = ask.put(self.configured).map_err(|error| Stop::Host(error.to_string()))?;
            return Ok((at, Came::Answer(without_nulls(answer))));
        }
        let engine = self.engine.as_ref().map_err(|error| Stop::Host(error.clone()))?;
        let user: Arc<str> = step.user.as_str().into();
        let what = match &step.receipt {
            Some(evidence) => {
                let state = self.states.get(&user);
                let latest = state.and_then(|state| {
                    let attempts = state.messages.iter().flat_map(|message| &message.attempts);
                    attempts.rev().find(|attempt| *attempt.channel == *evidence.channel)
                });
                let tracking = latest.map(|attempt| attempt.tracking.clone());
                let shows = evidence.shows().map_err(Stop::Host)?;
                let channel = &evidence.channel;
                let none = || Stop::Case(format!("there was no attempt on {channel:?} so far"));
                let receipt = Receipt { tracking: tracking.ok_or_else(none)?, shows };
                Some(What::Receipt(receipt))
            }
            None => match &step.campaign {
                Some(campaign) => {
                    let launch = composed(&self.named, campaign, false).map_err(Stop::Case)?;
                    engine.strategy().check(&launch).map_err(|e| Stop::Case(e.to_string()))?;
                    Some(What::Campaign(Arc::new(launch)))
                }
                None => step.what(),
            },
        };
        self.states.entry(user.clone()).or_default();
        let event = what.map(|what| Event { user: user.clone(), at: at.0, what });
        let mut event = event;
        let turns = std::mem::take(&mut self.states)
            .into_iter()
            .map(|(who, state)| {
                let inputs = if who == user { event.take().into_iter().collect() } else { vec![] };
                Turn { user: who, state, inputs, history: false }
            })
            .collect();
        let mut records = Vec::new();
        for Advance { user, state, trace, .. } in
            engine.step(turns, at.0).map_err(|error| Stop::Host(error.to_string()))?
        {
            self.states.insert(user, state);
            records.extend(trace);
        }
        records.sort_by_key(|record| record.at);
        let decisions = records.iter().map(|record| self.decision(record, at)).collect();
        Ok((at, Came::Decisions(decisions)))
    }

    /// A decision in the words of cases: moments as text, messages and attempts by number, and without
    /// what is the same for all of them.
    fn decision(&mut self, record: &Record, now: When) -> Json {
        let Ok(Json::Object(all)) = serde_json::to_value(record) else { return Json::Null };
        let mut found = Map::new();
        let moment = |value: &Json| value.as_i64().map(|at| Json::String(Instant(at).to_string()));
        for (key, value) in all {
            let value = match key.as_str() {
                "at" if record.at == now.0 => continue,
                "user" if !self.several => continue,
                "policy" if value.as_str() == Some(&*self.label) => continue,
                "at" | "entered" => moment(&value).unwrap_or(value),
                "message" if value.as_str().is_some_and(is_id) => {
                    numbered(&mut self.messages, "m", &value)
                }
                "tracking" => numbered(&mut self.attempts, "t", &value),
                _ => value,
            };
            found.insert(key, value);
        }
        without_nulls(Json::Object(found))
    }
}

/// A campaign of a case, composed by the policy that it names.
fn composed(
    named: &[(Arc<str>, Arc<Configured>)],
    campaign: &Campaign,
    again: bool,
) -> Result<Launch, String> {
    let policy = named.iter().find(|(label, _)| **label == *campaign.policy);
    let policy = policy.filter(|(_, policy)| policy.kinds().audience);
    let (_, policy) = policy.ok_or_else(|| {
        StrategyError::CampaignPolicy(campaign.policy.as_str().into()).to_string()
    })?;
    campaign.compose(None, policy, again).map_err(|error| format!("campaign: {error}"))
}

/// Message ids are 32 hexadecimal digits; the message of a fault is none.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn numbered(known: &mut Vec<String>, letter: &str, id: &Json) -> Json {
    let Some(id) = id.as_str() else { return Json::Null };
    let at = known.iter().position(|known| known == id).unwrap_or_else(|| {
        known.push(id.to_owned());
        known.len() - 1
    });
    Json::String(format!("{letter}{}", at + 1))
}

/// TOML has no null: what is null is not there.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(fields.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Json::Array(values) => Json::Array(values.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// Whether `found` has everything that is expected. Of an object it may have more.
pub(crate) fn fits(expected: &Json, found: &Json) -> bool {
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => {
            // A fault's words say where in the source, so a part of them is enough.
            let of_a_fault = found.contains_key("fault");
            expected.iter().all(|(key, expected)| match (expected, found.get(key)) {
                (Json::String(part), Some(Json::String(all))) if of_a_fault && key == "message" => {
                    all.contains(part.as_str())
                }
                (expected, Some(found)) => fits(expected, found),
                (_, None) => false,
            })
        }
        (Json::Array(expected), Json::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| fits(expected, found))
        }
        (Json::Number(expected), Json::Number(found)) => {
            expected == found || expected.as_f64() == found.as_f64()
        }
        // TOML cannot write nothing, so an answer that is none is the word for it.
        (Json::String(none), Json::Null) => none == NONE,
        (expected, found) => expected == found,
    }
}

/// How a case writes an answer that is none.
pub(crate) const NONE: &str = "none";

/// Where the decisions differ from those that are expected.
fn decisions(expected: &[Json], found: &[Json]) -> Option<String> {
    let differs = (0..expected.len().max(found.len())).find(|at| {
        match (expected.get(*at), found.get(*at)) {
            (Some(expected), Some(found)) => !fits(expected, found),
            _ => true,
        }
    })?;
    let nothing = || "nothing".to_owned();
    let show = |decision: Option<&Json>| decision.map_or_else(nothing, super::bless::inline);
    let mut text = format!(
        "decision {} of {}\n    expected {}\n    found    {}",
        differs + 1,
        expected.len().max(found.len()),
        show(expected.get(differs)),
        show(found.get(differs))
    );
    if found.len() != expected.len() {
        text += &format!("\n    all that was found, where {} were expected:", expected.len());
        for decision in found {
            text += &format!("\n      {}", super::bless::inline(decision));
        }
    }
    Some(text)
}

fn two(what: &str, expected: &Json, found: &Json) -> String {
    let found = if found.is_null() { NONE.to_owned() } else { super::bless::inline(found) };
    format!("{what}\n    expected {}\n    found    {found}", super::bless::inline(expected))
}
