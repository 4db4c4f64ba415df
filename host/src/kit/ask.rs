//! One question to a policy as a document, and its answer as one: what `nudge policy run` reads and
//! writes, what a case may ask, and what `nudge policy bench` repeats.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::when::When;
use crate::engine::batch::{Batch, Found, Row};
use crate::engine::event::{Fields, Grade, Instant};
use crate::engine::policy::{
    Failure, History, Importance, Need, Origin, Overdue, PlanRequest, Policy as _, Question,
    Reading, RenderRequest, Shape, Template,
};
use crate::sandbox::Configured;

/// A question about one row.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// Which question.
    pub(crate) question: Question,
    /// The moment that the row is about.
    #[serde(default = "epoch")]
    at: When,
    /// Fields of the event, or of the process information.
    #[serde(default)]
    event: Fields,
    /// Fields of the profile.
    #[serde(default)]
    profile: Fields,
    /// Facts about the visit.
    #[serde(default)]
    visit: Fields,
    /// Counters, by name; what is not named counts nothing.
    #[serde(default)]
    counter: Fields,
    /// Facts about channels, as `sms/sent`.
    #[serde(default)]
    channel: Fields,
    /// What else the question says.
    #[serde(default)]
    request: Json,
}

fn epoch() -> When {
    When(Instant(0))
}

/// Why a question was not put.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Its request does not have the form of the question.
    #[error("request of `{0}`: {1}")]
    Request(&'static str, serde_json::Error),
    /// The policy is of another kind.
    #[error("`{0}` is not for a policy of this kind: it is {1}")]
    Kind(&'static str, String),
    /// The host could not put it.
    #[error("the host could not evaluate the policy: {0}")]
    Host(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Stalled {
    rule: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    #[serde(default)]
    message: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    locale: String,
    template: Template,
    #[serde(default)]
    data: Fields,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    #[serde(default)]
    message: String,
    #[serde(default = "normal")]
    importance: Importance,
    #[serde(default)]
    messages: u32,
    #[serde(default)]
    preferred: Vec<String>,
    readings: Vec<Known>,
}

fn normal() -> Importance {
    Importance::Normal
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    channel: String,
    #[serde(default = "yes")]
    available: bool,
    #[serde(default)]
    sent: u32,
    #[serde(default)]
    feedback: u32,
    #[serde(default)]
    first_feedback: u32,
    #[serde(default)]
    last_feedback: Option<When>,
    #[serde(default)]
    cost: f64,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judge {
    #[serde(default)]
    message: String,
    #[serde(default = "normal")]
    importance: Importance,
    #[serde(default)]
    step: u32,
    #[serde(default)]
    evidence: Option<Grade>,
    #[serde(default = "epoch")]
    since: When,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Qualify {
    standard: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    parameters: Json,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Row for Ask {
    fn at(&self) -> Instant {
        self.at.0
    }

    fn find(&self, need: &Need) -> Option<Found<'_>> {
        let (fields, counted) = match need.origin {
            Origin::Event => (&self.event, false),
            Origin::Profile => (&self.profile, false),
            Origin::Visit => (&self.visit, false),
            // The count is 0 where nothing was counted; when that was last, it never was.
            Origin::Counter => (&self.counter, need.shape != Shape::Instant),
            Origin::Channel => (&self.channel, !need.name.ends_with("/last-feedback")),
        };
        // What the host counts is 0 where nothing was counted.
        fields.get(&need.name).map(Found::Stored).or(counted.then_some(Found::Integer(0)))
    }
}

impl Ask {
    /// Where an event with these fields puts a user.
    pub(crate) fn locate(event: Fields) -> Ask {
        Ask {
            question: Question::Locate,
            at: epoch(),
            event,
            profile: Fields::EMPTY,
            visit: Fields::EMPTY,
            counter: Fields::EMPTY,
            channel: Fields::EMPTY,
            request: Json::Null,
        }
    }

    /// Whether a policy of these kinds is asked it.
    pub(crate) fn is_for(&self, kinds: crate::engine::policy::Kinds) -> bool {
        match self.question {
            Question::Locate | Question::Stalled => kinds.journey,
            Question::Render => kinds.personalise,
            Question::Plan | Question::Judge => kinds.route,
            Question::Classify | Question::Qualify | Question::Compose => kinds.audience,
        }
    }

    /// The policy's answer, a document: `null` where it has none, `{"fault": ...}` where it failed.
    pub(crate) fn put(&self, policy: &Configured) -> Result<Json, AskError> {
        match self.put_to(policy, 1) {
            Ok(answer) => Ok(answer),
            Err(Put::Error(error)) => Err(error),
            Err(Put::Failure(Failure::Host(reason))) => Err(AskError::Host(reason)),
            Err(Put::Failure(Failure::Fault(fault))) => Ok(document(&fault)),
        }
    }

    /// The same for so many rows at once; the answer is that of the first.
    pub(crate) fn put_rows(&self, policy: &Configured, rows: usize) -> Result<(), AskError> {
        match self.put_to(policy, rows) {
            Ok(_) => Ok(()),
            Err(Put::Error(error)) => Err(error),
            Err(Put::Failure(failure)) => Err(AskError::Host(failure.to_string())),
        }
    }

    fn put_to(&self, policy: &Configured, rows: usize) -> Result<Json, Put> {
        self.fits(policy)?;
        let all: Vec<&Ask> = vec![self; rows];
        let batch = Batch::of(&all, policy.setup(), self.question);
        Ok(match self.question {
            Question::Locate => {
                let _: Nothing = self.request()?;
                let Some(rule) = first(policy.locate(&batch)?) else { return Ok(Json::Null) };
                let place = policy.rules().get(rule as usize).map(|rule| &rule.place);
                match place {
                    Some(crate::engine::policy::Place::Named(node)) => {
                        json!({ "rule": rule, "node": node })
                    }
                    _ => json!({ "rule": rule }),
                }
            }
            Question::Stalled => {
                let Stalled { rule } = self.request()?;
                document(&first(policy.stalled(&vec![rule; rows], &batch)?))
            }
            Question::Render => {
                let render: Render = self.request()?;
                let request = RenderRequest {
                    message: &render.message,
                    template: &render.template,
                    channel: &render.channel,
                    locale: &render.locale,
                    data: &render.data,
                };
                document(&first(policy.render(&vec![request; rows], &batch)?))
            }
            Question::Plan => {
                let plan: Plan = self.request()?;
                document(&first(policy.plan(&vec![plan.request(); rows], &batch)?))
            }
            Question::Judge => {
                let judge: Judge = self.request()?;
                let step = Overdue {
                    message: &judge.message,
                    importance: judge.importance,
                    step: judge.step,
                    evidence: judge.evidence,
                    since: judge.since.0,
                };
                document(&policy.judge(&vec![step; rows], &batch)?.first())
            }
            Question::Classify => {
                let _: Nothing = self.request()?;
                let groups = policy.classify(&batch)?.into_iter().next().unwrap_or_default();
                let name = |group: &u32| policy.groups().get(*group as usize);
                document(&groups.iter().filter_map(name).collect::<Vec<_>>())
            }
            Question::Qualify => {
                let Qualify { standard } = self.request()?;
                document(&policy.qualify(&standard, &batch)?.first())
            }
            Question::Compose => {
                let Compose { parameters } = self.request()?;
                match policy.compose(&parameters.to_string())? {
                    Ok(campaign) => document(&campaign),
                    Err(issues) => {
                        let issue = |issue: &crate::sandbox::Issue| json!({ "path": issue.path, "message": issue.message });
                        json!({ "issues": issues.iter().map(issue).collect::<Vec<_>>() })
                    }
                }
            }
        })
    }

    fn fits(&self, policy: &Configured) -> Result<(), AskError> {
        let kinds = policy.kinds();
        if self.is_for(kinds) {
            return Ok(());
        }
        Err(AskError::Kind(self.question.word(), kinds.to_string()))
    }

    fn request<T: for<'de> Deserialize<'de>>(&self) -> Result<T, AskError> {
        let request = match &self.request {
            Json::Null => json!({}),
            request => request.clone(),
        };
        serde_json::from_value(request)
            .map_err(|error| AskError::Request(self.question.word(), error))
    }

    /// The question with its times in milliseconds, for a reader without a calendar.
    pub(crate) fn plain(&self) -> Result<Json, AskError> {
        let request = match self.question {
            Question::Stalled => document(&self.request::<Stalled>()?),
            Question::Render => document(&self.request::<Render>()?),
            Question::Plan => document(&self.request::<Plan>()?),
            Question::Judge => document(&self.request::<Judge>()?),
            Question::Qualify => document(&self.request::<Qualify>()?),
            Question::Compose => document(&self.request::<Compose>()?),
            Question::Locate | Question::Classify => json!({}),
        };
        Ok(json!({
            "question": self.question,
            "at": self.at,
            "event": self.event,
            "profile": self.profile,
            "visit": self.visit,
            "counter": self.counter,
            "channel": self.channel,
            "request": request,
        }))
    }
}

impl Row for &Ask {
    fn at(&self) -> Instant {
        Row::at(*self)
    }

    fn find(&self, need: &Need) -> Option<Found<'_>> {
        Row::find(*self, need)
    }
}

enum Put {
    Error(AskError),
    Failure(Failure),
}

impl From<AskError> for Put {
    fn from(error: AskError) -> Put {
        Put::Error(error)
    }
}

impl From<Failure> for Put {
    fn from(failure: Failure) -> Put {
        Put::Failure(failure)
    }
}

impl Plan {
    fn request(&self) -> PlanRequest<'_> {
        let reading = |known: &'_ Known| History {
            sent: known.sent,
            feedback: known.feedback,
            first_feedback: known.first_feedback,
            last_feedback: known.last_feedback.map(|at| at.0),
        };
        PlanRequest {
            message: &self.message,
            importance: self.importance,
            messages: self.messages,
            preferred: self.preferred.iter().map(String::as_str).collect(),
            readings: (self.readings.iter())
                .map(|known| Reading {
                    channel: &known.channel,
                    available: known.available,
                    history: reading(known),
                    cost: known.cost,
                })
                .collect(),
        }
    }
}

fn first<T>(answers: Vec<Option<T>>) -> Option<T> {
    answers.into_iter().next().flatten()
}

/// Plain data can be written.
fn document(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}
