//! A policy timed as native code, beside which `nudge policy bench` shows what the sandbox costs. Called
//! by [`export!`](crate::export); nothing here is for authors. Reads one question as JSON from standard
//! input, and prints nanoseconds for each size of batch.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::base::nudge::policy::types::{Batch, Column, TextColumn, Values as Cells};
use crate::bindings::personalise::exports::nudge::policy::personalise as wire_personalise;
use crate::testing::{LATEST, Values};
use crate::{
    Audience, Grade, Importance, Journey, Moment, Overdue, Personalise, PlanRequest, Policy,
    Questions, Reading, Route, Template, Value, glue,
};

/// How long each size of batch is run, in nanoseconds.
const MEASURED: u128 = 200_000_000;

/// Asks a policy of one kind; none, if the question is of another.
pub type Asker<P> = fn(&P, &[wire::Need], &Ask, usize) -> Option<f64>;

/// One question, as `nudge policy run` reads it, its times in milliseconds.
#[derive(Debug, Deserialize)]
pub struct Ask {
    question: String,
    #[serde(default)]
    at: i64,
    #[serde(default)]
    event: BTreeMap<String, Json>,
    #[serde(default)]
    profile: BTreeMap<String, Json>,
    #[serde(default)]
    visit: BTreeMap<String, Json>,
    #[serde(default)]
    counter: BTreeMap<String, Json>,
    #[serde(default)]
    channel: BTreeMap<String, Json>,
    #[serde(default)]
    request: Request,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    rule: u32,
    message: String,
    channel: String,
    locale: String,
    template: Text,
    data: BTreeMap<String, Json>,
    importance: Option<String>,
    messages: u32,
    preferred: Vec<String>,
    readings: Vec<ReadingText>,
    step: u32,
    evidence: Option<String>,
    since: i64,
    standard: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    title: String,
    body: String,
    link: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReadingText {
    channel: String,
    available: bool,
    sent: u32,
    feedback: u32,
    first_feedback: u32,
    last_feedback: Option<i64>,
    cost: f64,
}

#[derive(Deserialize)]
struct Input {
    settings: Json,
    ask: Ask,
    batches: Vec<usize>,
}

pub fn main<P: Policy>(askers: &[Asker<P>]) -> ExitCode {
    match run(askers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Whoever called us reads it.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn run<P: Policy>(askers: &[Asker<P>]) -> Result<(), String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    let input: Input = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let (policy, setup) =
        glue::made::<P>(&input.settings.to_string()).map_err(|issues| format!("{issues:?}"))?;
    let mut found = Vec::new();
    for rows in input.batches {
        let asked = |asker: &Asker<P>| asker(&policy, &setup.needs, &input.ask, rows);
        let nanos = askers.iter().find_map(asked);
        found.push(nanos.ok_or_else(|| format!("no kind answers {:?}", input.ask.question))?);
    }
    writeln!(std::io::stdout(), "{}", Json::from(found)).map_err(|error| error.to_string())
}

pub fn journey<P: Journey>(
    policy: &P,
    needs: &[wire::Need],
    ask: &Ask,
    rows: usize,
) -> Option<f64> {
    match &*ask.question {
        "locate" => {
            let batch = ask.batch(needs, Questions::LOCATE, rows);
            Some(timed(|| glue::locate(policy, &batch)))
        }
        "stalled" => {
            let batch = ask.batch(needs, Questions::STALLED, rows);
            let rules = vec![ask.request.rule; rows];
            Some(timed(|| glue::stalled(policy, &rules, &batch)))
        }
        _ => None,
    }
}

pub fn audience<P: Audience>(
    policy: &P,
    needs: &[wire::Need],
    ask: &Ask,
    rows: usize,
) -> Option<f64> {
    match &*ask.question {
        "classify" => {
            let batch = ask.batch(needs, Questions::CLASSIFY, rows);
            Some(timed(|| glue::classify(policy, &batch)))
        }
        "qualify" => {
            let batch = ask.batch(needs, Questions::QUALIFY, rows);
            Some(timed(|| glue::qualify(policy, &ask.request.standard, &batch)))
        }
        _ => None,
    }
}

pub fn personalise<P: Personalise>(
    policy: &P,
    needs: &[wire::Need],
    ask: &Ask,
    rows: usize,
) -> Option<f64> {
    if ask.question != "render" {
        return None;
    }
    let batch = ask.batch(needs, Questions::RENDER, rows);
    let request = &ask.request;
    let Text { title, body, link } = &request.template;
    let template = Template { title: title.clone(), body: body.clone(), link: link.clone() };
    let data = request.data.iter().filter_map(|(name, json)| Some((name.clone(), value(json)?)));
    let wire = wire_personalise::Request {
        message: request.message.clone(),
        template: 0,
        channel: request.channel.clone(),
        locale: request.locale.clone(),
        data: crate::kinds::fields(data.collect()),
    };
    let (templates, requests) = (vec![template], vec![wire; rows]);
    Some(timed(|| glue::render(policy, &templates, &requests, &batch)))
}

pub fn route<P: Route>(policy: &P, needs: &[wire::Need], ask: &Ask, rows: usize) -> Option<f64> {
    let request = &ask.request;
    let importance = match request.importance.as_deref() {
        Some("low") => Importance::Low,
        Some("high") => Importance::High,
        Some("urgent") => Importance::Urgent,
        _ => Importance::Normal,
    };
    match &*ask.question {
        "plan" => {
            let batch = ask.batch(needs, Questions::PLAN, rows);
            let reading = |reading: &ReadingText| Reading {
                channel: reading.channel.clone(),
                available: reading.available,
                sent: reading.sent,
                feedback: reading.feedback,
                first_feedback: reading.first_feedback,
                last_feedback: reading.last_feedback,
                cost: reading.cost,
            };
            let plan = PlanRequest {
                message: request.message.clone(),
                importance,
                messages: request.messages,
                preferred: request.preferred.clone(),
                readings: request.readings.iter().map(reading).collect(),
            };
            let plans = vec![plan; rows];
            Some(timed(|| glue::plan(policy, &plans, &batch)))
        }
        "judge" => {
            let batch = ask.batch(needs, Questions::JUDGE, rows);
            let evidence = request.evidence.as_deref().and_then(|grade| match grade {
                "accepted" => Some(Grade::Accepted),
                "delivered" => Some(Grade::Delivered),
                "machine-opened" => Some(Grade::MachineOpened),
                "opened" => Some(Grade::Opened),
                "seen" => Some(Grade::Seen),
                "confirmed" => Some(Grade::Confirmed),
                "converted" => Some(Grade::Converted),
                _ => None,
            });
            let message = request.message.clone();
            let (step, since) = (request.step, request.since);
            let steps = vec![Overdue { message, importance, step, evidence, since }; rows];
            Some(timed(|| glue::judge(policy, &steps, &batch)))
        }
        _ => None,
    }
}

impl Ask {
    /// So many rows of it, as the host would pass them.
    fn batch(&self, needs: &[wire::Need], question: Questions, rows: usize) -> Batch {
        let origins = [
            ("event", &self.event),
            ("profile", &self.profile),
            ("visit", &self.visit),
            ("counter", &self.counter),
            // The document has one value for both: a count, or a moment in milliseconds.
            (LATEST, &self.counter),
            ("channel", &self.channel),
        ];
        let mut values = Values::new().at(Moment(self.at));
        for (origin, fields) in origins {
            for (name, json) in fields {
                if let Some(value) = value(json) {
                    values = values.with(origin, name, value);
                }
            }
        }
        let one = values.batch(needs, question);
        Batch {
            rows: rows as u32,
            at: vec![self.at; rows],
            columns: one.columns.into_iter().map(|column| repeated(column, rows)).collect(),
        }
    }
}

fn repeated(column: Column, rows: usize) -> Column {
    let values = match column.values {
        Cells::None => Cells::None,
        Cells::Text(TextColumn { text, .. }) => {
            let ends = (1..=rows).map(|row| (row * text.len()) as u32).collect();
            Cells::Text(TextColumn { text: text.repeat(rows), ends })
        }
        Cells::Integer(values) => Cells::Integer(values.repeat(rows)),
        Cells::Number(values) => Cells::Number(values.repeat(rows)),
        Cells::Flag(values) => Cells::Flag(values.repeat(rows)),
        Cells::Instant(values) => Cells::Instant(values.repeat(rows)),
    };
    let absent = if column.absent.is_empty() { Vec::new() } else { vec![0xff; rows.div_ceil(8)] };
    Column { absent, values }
}

fn value(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(flag) => Some(Value::Flag(*flag)),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Some(Value::Integer(integer)),
            None => number.as_f64().map(Value::Number),
        },
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The median of many runs, in nanoseconds a run.
fn timed<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut spans = Vec::new();
    let started = Instant::now();
    while spans.len() < 32 || (started.elapsed().as_nanos() < MEASURED && spans.len() < 4_096) {
        // Many at once, as one may be shorter than the clock can tell.
        let begun = Instant::now();
        let mut runs = 0_u32;
        while runs < 8 || begun.elapsed().as_micros() < 20 {
            std::hint::black_box(run());
            runs += 1;
        }
        spans.push(begun.elapsed().as_nanos() as f64 / f64::from(runs));
    }
    spans.sort_by(f64::total_cmp);
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}
