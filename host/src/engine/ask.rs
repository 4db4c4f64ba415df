//! Questions of many walks, put to a policy in one batch. A batch that fails is cut in halves until
//! the rows at fault stand alone, so that nobody's answer depends on whom they were asked with.

use std::collections::BTreeMap;

use super::HostFailure;
use super::batch::{Batch, Source};
use super::event::{Fields, Instant, Value};
use super::policy::{
    Content, Failure, Fault, Overdue, PlanRequest, Policy, Question, Reading, RenderRequest,
    Template,
};
use super::state::Message;
use super::strategy::{CHANNELS, LOCALE, Strategy};
use super::walk::{Answer, Ask, Walk};

/// Answers to questions of one kind to one policy, in order.
pub(super) fn put(
    strategy: &Strategy,
    walks: &[Walk<'_>],
    asks: &[(Ask, usize)],
) -> Result<Vec<Answer>, HostFailure> {
    let rows: Vec<Row<'_>> = asks
        .iter()
        .filter_map(|(ask, at)| walks.get(*at).map(|walk| Row { ask: *ask, walk }))
        .collect();
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let question = first.ask.question;
    match first.ask.part.and_then(|part| strategy.part(part)) {
        Some(part) => isolated(&*part.policy, &part.label, question, &rows),
        None => Ok(rows.iter().map(|row| Answer::Render(row.as_it_is())).collect()),
    }
}

/// Asks, and where there is no answer asks again for each half.
fn isolated(
    policy: &dyn Policy,
    label: &str,
    question: Question,
    rows: &[Row<'_>],
) -> Result<Vec<Answer>, HostFailure> {
    match asked(policy, label, question, rows) {
        Ok(answers) => Ok(answers),
        Err(Failure::Host(reason)) => Err(HostFailure(reason)),
        Err(Failure::Fault(fault)) if rows.len() > 1 && fault.is_of_a_row() => {
            let (one, other) = rows.split_at(rows.len() / 2);
            let mut answers = isolated(policy, label, question, one)?;
            answers.extend(isolated(policy, label, question, other)?);
            Ok(answers)
        }
        Err(Failure::Fault(fault)) => {
            Ok(rows.iter().map(|_| Answer::Fault(fault.clone())).collect())
        }
    }
}

fn asked(
    policy: &dyn Policy,
    label: &str,
    question: Question,
    rows: &[Row<'_>],
) -> Result<Vec<Answer>, Failure> {
    let sources: Vec<Source<'_>> = rows.iter().map(|row| row.source(label, question)).collect();
    let batch = Batch::of(&sources, policy.setup(), question);
    let answers: Vec<Answer> = match question {
        Question::Locate => policy.locate(&batch)?.into_iter().map(Answer::Locate).collect(),
        Question::Stalled => {
            let rule = |source: &Source<'_>| source.visit.map_or(u32::MAX, |visit| visit.rule);
            let rules: Vec<u32> = sources.iter().map(rule).collect();
            policy.stalled(&rules, &batch)?.into_iter().map(Answer::Stalled).collect()
        }
        Question::Render => {
            let none = Template { title: String::new(), body: String::new(), link: None };
            let requests: Vec<_> = rows.iter().map(|row| row.render(&none)).collect();
            policy.render(&requests, &batch)?.into_iter().map(Answer::Render).collect()
        }
        Question::Plan => {
            let requests: Vec<_> = rows.iter().map(Row::plan).collect();
            policy.plan(&requests, &batch)?.into_iter().map(Answer::Plan).collect()
        }
        Question::Judge => {
            let steps: Vec<_> = rows.iter().map(Row::judge).collect();
            policy.judge(&steps, &batch)?.into_iter().map(Answer::Judge).collect()
        }
        Question::Classify => policy.classify(&batch)?.into_iter().map(Answer::Classify).collect(),
        Question::Qualify => return qualified(policy, rows, &sources),
        // Campaigns are composed by the host.
        Question::Compose => Vec::new(),
    };
    // A walk without an answer would be left in the middle of what it was at.
    if answers.len() != rows.len() {
        return Err(Fault::Output("there is not one answer for each row".to_owned()).into());
    }
    Ok(answers)
}

/// Who meets their campaign's push standard: for each standard a question of its own.
fn qualified(
    policy: &dyn Policy,
    rows: &[Row<'_>],
    sources: &[Source<'_>],
) -> Result<Vec<Answer>, Failure> {
    let mut by_standard: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let standard = row.walk.launch.as_ref().map_or("", |launch| &*launch.campaign.standard);
        by_standard.entry(standard).or_default().push(at);
    }
    let mut meets = vec![false; rows.len()];
    for (standard, places) in by_standard {
        let members: Vec<Source<'_>> =
            places.iter().filter_map(|at| sources.get(*at)).copied().collect();
        let batch = Batch::of(&members, policy.setup(), Question::Qualify);
        for (at, answer) in places.iter().zip(policy.qualify(standard, &batch)?) {
            if let Some(slot) = meets.get_mut(*at) {
                *slot = answer;
            }
        }
    }
    Ok(meets.into_iter().map(Answer::Qualify).collect())
}

/// One walk's question.
struct Row<'a> {
    ask: Ask,
    walk: &'a Walk<'a>,
}

impl<'a> Row<'a> {
    fn source<'b>(&'b self, label: &'b str, question: Question) -> Source<'b> {
        let walk = self.walk;
        Source {
            at: walk.at,
            label,
            event: match question {
                Question::Locate => walk.event.as_ref().map(|(name, fields)| (&**name, fields)),
                _ => None,
            },
            state: &walk.state,
            visit: match question {
                Question::Stalled => walk.state.visits.get(label),
                _ => None,
            },
        }
    }

    fn message(&self) -> Option<&'a Message> {
        self.walk.state.messages.get(self.ask.message)
    }

    fn channel(&self) -> &'a str {
        let step = self.message().and_then(|m| m.plan.steps.get(m.step as usize));
        step.and_then(|step| step.channels.get(self.ask.channel)).map_or("", |channel| channel)
    }

    fn profile(&self, field: &str) -> &'a str {
        match self.walk.state.profile.get(field) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn template(&self) -> Option<&'a Template> {
        let key = &self.message()?.key;
        self.walk.strategy.text(key, self.profile(LOCALE))
    }

    fn render<'b>(&'b self, none: &'b Template) -> RenderRequest<'b> {
        RenderRequest {
            message: self.message().map_or("", |message| &message.key),
            template: self.template().unwrap_or(none),
            channel: self.channel(),
            locale: self.profile(LOCALE),
            data: self.message().map_or(&EMPTY, |message| &message.data),
        }
    }

    /// The text without anybody to embed anything in it.
    fn as_it_is(&self) -> Option<Content> {
        let template = self.template()?.clone();
        let Template { title, body, link } = template;
        Some(Content { title, body, link, features: Fields::default() })
    }

    fn plan(&self) -> PlanRequest<'a> {
        let (state, strategy) = (&self.walk.state, self.walk.strategy);
        let message = self.message();
        let key = message.map_or("", |message| &*message.key);
        PlanRequest {
            message: key,
            importance: message.map_or(super::Importance::Normal, |message| message.importance),
            messages: state.sent,
            preferred: self
                .profile(CHANNELS)
                .split(',')
                .map(str::trim)
                .filter(|c| !c.is_empty())
                .collect(),
            readings: (strategy.channels.iter())
                .map(|channel| Reading {
                    channel: &channel.name,
                    available: strategy.reaches(&channel.name, state)
                        && strategy.guard.wants(state, key, &channel.name),
                    history: state.channels.get(&channel.name).copied().unwrap_or_default(),
                    cost: channel.cost,
                })
                .collect(),
        }
    }

    fn judge(&self) -> Overdue<'a> {
        let message = self.message();
        Overdue {
            message: message.map_or("", |message| &message.key),
            importance: message.map_or(super::Importance::Normal, |message| message.importance),
            step: message.map_or(0, |message| message.step),
            evidence: message.and_then(|message| message.evidence),
            since: message.and_then(Message::since).unwrap_or(Instant::MIN),
        }
    }
}

static EMPTY: Fields = Fields::EMPTY;
