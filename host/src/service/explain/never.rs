//! Why a node policy has nothing to say about a user now.

use super::super::Error;
use super::super::lane::Lane;
use super::super::story::{Asked, Never};
use super::message::Messages;
use super::said::{measure, moment, span};
use super::{Again, Retelling};
use crate::engine::batch::{Batch, Source};
use crate::engine::policy::{Failure, Place, Question, Rule};
use crate::engine::{Cause, Part, State, Visit};

impl Retelling<'_> {
    /// For each node policy of the release at work, why it has nothing to say now.
    pub(super) fn never(
        &mut self,
        lane: &Lane,
        state: &State,
        messages: &Messages,
    ) -> Result<Vec<Never>, Error> {
        let Some(number) = lane.live().map(|live| live.number) else {
            let says = "no release is at work: events are kept, and nothing is decided".to_owned();
            return Ok(vec![Never { says, ..never("", "no-release") }]);
        };
        let release = self.release(number).map_err(Error::Unavailable)?;
        let parts = release.live.engine.strategy().parts().iter();
        let journeys = parts.filter(|part| part.policy.kinds().journey);
        journeys.map(|part| self.why(&release, part, state, messages)).collect()
    }

    fn why(
        &self,
        release: &Again,
        part: &Part,
        state: &State,
        messages: &Messages,
    ) -> Result<Never, Error> {
        let label = &*part.label;
        let Some(visit) = state.visits.get(&part.label) else {
            let says = "no event has put the user at a node of this policy".to_owned();
            return Ok(Never { says, ..never(label, "no-visit") });
        };
        let node = &visit.node;
        let at = |why: &str, says: String| Never {
            says,
            node: Some(node.to_string()),
            ..never(label, why)
        };
        let rules = part.policy.rules();
        let known = rules.get(visit.rule as usize);
        let elsewhere = |rule: &&Rule| matches!(&rule.place, Place::Named(named) if named != node);
        let Some(rule) = known.filter(|rule| !elsewhere(rule)) else {
            return Ok(at("no-rule", format!("the release at work has no rule for {node}")));
        };
        if rule.last {
            return Ok(at("the-end", format!("the process ends at {node}")));
        }
        let Some(watch) = rule.watch else {
            return Ok(at("not-watched", format!("nobody is watched at {node}")));
        };
        let now = self.core.clock.now();
        let (dwell, due) = (visit.dwell(watch.basis, now), visit.due(rules));
        let measured = |never: Never| Never {
            dwell: Some(dwell.0),
            threshold: Some(watch.longer_than.0),
            ..never
        };
        if !visit.has_stalled() {
            let so_far = format!(
                "{} at {node} is {} so far, and may be {}",
                measure(watch.basis),
                span(dwell),
                span(watch.longer_than)
            );
            return Ok(measured(match due {
                Some(due) => Never {
                    due: Some(due.0),
                    ..at("not-yet", format!("{so_far}: it is longer from {} on", moment(Some(due))))
                },
                None => at(
                    "shown-no-more",
                    format!("{so_far}, and no page is shown that would add to it"),
                ),
            }));
        }
        let about = |message: &&crate::engine::Message| {
            let Cause::Visit { node: about, entered, rule } = &message.cause else { return false };
            message.label == part.label
                && (about, *entered, *rule) == (node, visit.entered, visit.rule)
        };
        if let Some(message) = state.messages.iter().find(about) {
            let stands = messages.stands(&message.id).unwrap_or("its log is gone");
            let says = format!("a message about this stay at {node} was drafted before: {stands}");
            let message = Some(message.id.to_string());
            return Ok(measured(Never { message, ..at("drafted", says) }));
        }
        if self.past.contains(&part.label) {
            let says = format!(
                "the stay at {node} had stalled by a record of the past, of which nobody is told"
            );
            return Ok(measured(at("past", says)));
        }
        let asked = self.ask(release, part, state, visit)?;
        let silent =
            asked.as_ref().is_some_and(|asked| asked.answer.as_ref().is_some_and(|a| a.is_null()));
        let says = if silent {
            format!("the stay at {node} has stalled, and the policy has nothing to say about it")
        } else {
            format!(
                "the stay at {node} has stalled, and nothing came of it then; the policy would speak now"
            )
        };
        Ok(measured(Never { asked, ..at("silent", says) }))
    }

    /// Asks a policy once more about a visit that has stalled.
    fn ask(
        &self,
        release: &Again,
        part: &Part,
        state: &State,
        visit: &Visit,
    ) -> Result<Option<Asked>, Error> {
        let at = self.core.clock.now();
        let source = Source { at, label: &part.label, event: None, state, visit: Some(visit) };
        let batch = Batch::of(&[source], part.policy.setup(), Question::Stalled);
        // What it answers, and what it does wrong, is in the notes.
        if let Err(Failure::Host(reason)) = part.policy.stalled(&[visit.rule], &batch) {
            return Err(Error::Unavailable(reason));
        }
        Ok(release.notes.take().pop())
    }
}

fn never(policy: &str, why: &str) -> Never {
    Never {
        policy: policy.to_owned(),
        why: why.to_owned(),
        says: String::new(),
        node: None,
        dwell: None,
        threshold: None,
        due: None,
        message: None,
        asked: None,
    }
}
