//! Words of the contract from and into the engine's, and what is wrong with those that have no
//! equal there.

use std::sync::Arc;

use super::bindings::exports::nudge::policy::{journey, policy as wire, route};
use super::bindings::nudge::policy::types;
use super::policy::wrong;
use crate::engine::MOST_STEPS;
use crate::engine::batch::{Batch, CHANNEL_FACTS, VISIT_FACTS, Values};
use crate::engine::event::{Fields, Grade, Millis, Value};
use crate::engine::policy::{
    Basis, Counter, Draft, Failure, Importance, Itinerary, Need, Origin, Place, PlanRequest,
    Question, Questions, Rule, Setup, Shape, Step, Watch,
};

const MOST_NEEDS: usize = 192;
const MOST_COUNTERS: usize = 128;
const MOST_CHANNELS: usize = 16;

/// As much of a policy's own words as an error repeats: errors are kept, for each row.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// The setup in the engine's words, if it is one.
pub(super) fn setup(setup: wire::Setup) -> Result<Setup, String> {
    if setup.needs.len() > MOST_NEEDS || setup.counters.len() > MOST_COUNTERS {
        return Err(format!(
            "{} needs and {} counters, and at most {MOST_NEEDS} and {MOST_COUNTERS} are allowed",
            setup.needs.len(),
            setup.counters.len()
        ));
    }
    for (at, counter) in setup.counters.iter().enumerate() {
        // Both would be counted as one.
        if setup.counters.iter().take(at).any(|other| other.name == counter.name) {
            return Err(format!("two counters are called {}", quoted(&counter.name)));
        }
    }
    let counters: Vec<Counter> = setup
        .counters
        .into_iter()
        .map(|c| Counter { name: c.name.into(), event: c.event.into(), window: Millis(c.window) })
        .collect();
    let need = |need: wire::Need| {
        let known = match need.origin {
            wire::Origin::Visit => VISIT_FACTS.contains(&need.name.as_str()),
            wire::Origin::Counter => counters.iter().any(|counter| *counter.name == *need.name),
            wire::Origin::Channel => {
                need.name.split_once('/').is_some_and(|(_, fact)| CHANNEL_FACTS.contains(&fact))
            }
            wire::Origin::Event | wire::Origin::Profile => !need.name.is_empty(),
        };
        if !known {
            let whose = match need.origin {
                wire::Origin::Event => "an event",
                wire::Origin::Profile => "a profile",
                wire::Origin::Visit => "a visit",
                wire::Origin::Counter => "a counter",
                wire::Origin::Channel => "a channel",
            };
            return Err(format!("there is no {} to be seen of {whose}", quoted(&need.name)));
        }
        Ok(Need {
            origin: match need.origin {
                wire::Origin::Event => Origin::Event,
                wire::Origin::Profile => Origin::Profile,
                wire::Origin::Visit => Origin::Visit,
                wire::Origin::Counter => Origin::Counter,
                wire::Origin::Channel => Origin::Channel,
            },
            name: need.name.into(),
            shape: match need.shape {
                wire::Shape::Text => Shape::Text,
                wire::Shape::Integer => Shape::Integer,
                wire::Shape::Number => Shape::Number,
                wire::Shape::Flag => Shape::Flag,
                wire::Shape::Instant => Shape::Instant,
            },
            asked: asked(need.asked),
        })
    };
    let needs = setup.needs.into_iter().map(need).collect::<Result<Vec<_>, _>>()?;
    Ok(Setup { needs, counters })
}

fn asked(wanted: wire::Questions) -> Questions {
    [
        (wire::Questions::LOCATE, Question::Locate),
        (wire::Questions::STALLED, Question::Stalled),
        (wire::Questions::RENDER, Question::Render),
        (wire::Questions::PLAN, Question::Plan),
        (wire::Questions::JUDGE, Question::Judge),
        (wire::Questions::CLASSIFY, Question::Classify),
        (wire::Questions::QUALIFY, Question::Qualify),
    ]
    .into_iter()
    .filter(|(flag, _)| (wanted & *flag) == *flag)
    .fold(Questions::default(), |asked, (_, question)| asked.and(question))
}

/// A rule of a node policy.
pub(super) fn rule(rule: journey::Rule, setup: &Setup) -> Result<Rule, String> {
    let place = match rule.node {
        journey::Place::Named(node) if node.is_empty() => {
            return Err("a node has no name".to_owned());
        }
        journey::Place::Named(node) => Place::Named(node.into()),
        journey::Place::OfNeed(at) => {
            let need = setup.needs.get(at as usize);
            let need = need.filter(|n| n.origin == Origin::Event && n.shape == Shape::Text);
            let none = || format!("need {at}, which should name a node, is no text of an event");
            Place::Field(need.ok_or_else(none)?.name.clone())
        }
    };
    let watch = rule.watch.map(|watch| Watch {
        longer_than: Millis(watch.longer_than),
        basis: match watch.basis {
            journey::Basis::Interruption => Basis::Interruption,
            journey::Basis::PageStay => Basis::PageStay,
            journey::Basis::Sum => Basis::Sum,
            journey::Basis::Either => Basis::Either,
        },
    });
    Ok(Rule { place, watch, last: rule.last })
}

/// A draft, without its row.
pub(super) fn draft(draft: journey::Draft) -> Result<Draft, Failure> {
    Ok(Draft {
        message: draft.message.into(),
        importance: own_importance(draft.importance),
        pending: draft.pending.map(Into::into),
        data: fields(draft.data)?,
    })
}

pub(super) fn batch<'a>(batch: &'a Batch, columns: &'a [types::Column<'a>]) -> types::Batch<'a> {
    // A batch has at most as many rows as the engine puts in one.
    types::Batch { rows: batch.rows() as u32, at: &batch.at, columns }
}

pub(super) fn columns(batch: &Batch) -> Vec<types::Column<'_>> {
    batch
        .columns
        .iter()
        .map(|column| types::Column { absent: &column.absent, values: values(&column.values) })
        .collect()
}

fn values(values: &Values) -> types::Values<'_> {
    match values {
        Values::None => types::Values::None,
        Values::Text { text, ends } => types::Values::Text(types::TextColumn { text, ends }),
        Values::Integer(values) => types::Values::Integer(values),
        Values::Number(values) => types::Values::Number(values),
        Values::Flag(values) => types::Values::Flag(values),
        Values::Instant(values) => types::Values::Instant(values),
    }
}

pub(super) fn fields(fields: Vec<types::FieldResult>) -> Result<Fields, Failure> {
    let field = |field: types::FieldResult| {
        let value = match field.value {
            types::ValueResult::Text(value) => Value::Text(value.into()),
            types::ValueResult::Integer(value) => Value::Integer(value),
            types::ValueResult::Number(value) if value.is_finite() => Value::Number(value),
            types::ValueResult::Number(_) => {
                return Err(wrong(format!("the number {} is not finite", quoted(&field.name))));
            }
            types::ValueResult::Flag(value) => Value::Flag(value),
        };
        Ok((Arc::from(field.name), value))
    };
    fields.into_iter().map(field).collect()
}

pub(super) fn params<'a>(fields: &'a Fields) -> Vec<types::FieldParam<'a>> {
    let param = |(name, value): (&'a Arc<str>, &'a Value)| {
        let value = match value {
            Value::Text(value) => types::ValueParam::Text(value),
            Value::Integer(value) => types::ValueParam::Integer(*value),
            Value::Number(value) => types::ValueParam::Number(*value),
            Value::Flag(value) => types::ValueParam::Flag(*value),
        };
        types::FieldParam { name, value }
    };
    fields.iter().map(param).collect()
}

pub(super) fn readings<'a>(request: &'a PlanRequest<'_>) -> Vec<route::Reading<'a>> {
    request
        .readings
        .iter()
        .map(|reading| route::Reading {
            channel: reading.channel,
            available: reading.available,
            sent: reading.history.sent,
            feedback: reading.history.feedback,
            first_feedback: reading.history.first_feedback,
            last_feedback: reading.history.last_feedback.map(|at| at.0),
            cost: reading.cost,
        })
        .collect()
}

pub(super) fn itinerary(itinerary: route::Itinerary) -> Result<Itinerary, Failure> {
    let over = |what, most| wrong(format!("an itinerary has more than {most} {what}"));
    if itinerary.steps.len() > MOST_STEPS {
        return Err(over("steps", MOST_STEPS));
    }
    let step = |step: route::Step| {
        if step.channels.len() > MOST_CHANNELS {
            return Err(over("channels in a step", MOST_CHANNELS));
        }
        let channels = step.channels.into_iter().map(Into::into).collect();
        Ok(Step { channels, wait: Millis(step.wait) })
    };
    Ok(Itinerary {
        steps: itinerary.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        ends_at: match itinerary.ends_at {
            route::Grade::Accepted => Grade::Accepted,
            route::Grade::Delivered => Grade::Delivered,
            route::Grade::MachineOpened => Grade::MachineOpened,
            route::Grade::Opened => Grade::Opened,
            route::Grade::Seen => Grade::Seen,
            route::Grade::Confirmed => Grade::Confirmed,
            route::Grade::Converted => Grade::Converted,
        },
        most_sends: itinerary.most_sends,
    })
}

pub(super) fn wire_grade(grade: Grade) -> route::Grade {
    match grade {
        Grade::Accepted => route::Grade::Accepted,
        Grade::Delivered => route::Grade::Delivered,
        Grade::MachineOpened => route::Grade::MachineOpened,
        Grade::Opened => route::Grade::Opened,
        Grade::Seen => route::Grade::Seen,
        Grade::Confirmed => route::Grade::Confirmed,
        Grade::Converted => route::Grade::Converted,
    }
}

pub(super) fn importance(importance: Importance) -> types::Importance {
    match importance {
        Importance::Low => types::Importance::Low,
        Importance::Normal => types::Importance::Normal,
        Importance::High => types::Importance::High,
        Importance::Urgent => types::Importance::Urgent,
    }
}

pub(super) fn own_importance(importance: types::Importance) -> Importance {
    match importance {
        types::Importance::Low => Importance::Low,
        types::Importance::Normal => Importance::Normal,
        types::Importance::High => Importance::High,
        types::Importance::Urgent => Importance::Urgent,
    }
}
