//! Asking a policy natively, row by row, without a sandbox: for `cargo test` in a policy's crate.
//!
//! ```
//! # use nudge_guest::prelude::*;
//! # struct Anything;
//! # impl Policy for Anything {
//! #     const MANIFEST: Manifest = manifest!("anything", "", "{}");
//! #     type Settings = std::collections::BTreeMap<String, String>;
//! #     fn configure(_: Self::Settings, needs: &mut Needs) -> Result<Self, Issues> {
//! #         needs.event("node").text();
//! #         Ok(Anything)
//! #     }
//! # }
//! # impl Journey for Anything {
//! #     fn rules(&self) -> Vec<Rule> { Vec::new() }
//! #     fn locate(&self, _: Row<'_>) -> Option<usize> { None }
//! #     fn stalled(&self, _: usize, _: Row<'_>) -> Option<Draft> { None }
//! # }
//! use nudge_guest::testing::{Tester, Values};
//!
//! let tester = Tester::<Anything>::new("{}").unwrap();
//! assert_eq!(tester.locate(&Values::new().event("node", "cart")), None);
//! ```

use std::collections::BTreeMap;

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::base::nudge::policy::types;
use crate::bindings::personalise::exports::nudge::policy::personalise as wire_personalise;
use crate::glue;
use crate::row::rows;
use crate::{
    Content, Draft, Issues, Itinerary, Journey, Moment, Overdue, Personalise, PlanRequest, Policy,
    RenderRequest, Route, Row, Template, Value, Verdict,
};

/// One row's values, by origin and name, and the moment it is about.
#[derive(Clone, Debug, Default)]
pub struct Values {
    at: i64,
    values: BTreeMap<(&'static str, String), Value>,
}

impl Values {
    /// No values, at the epoch.
    #[must_use]
    pub fn new() -> Values {
        Values::default()
    }

    /// The moment that the row is about.
    #[must_use]
    pub fn at(mut self, at: Moment) -> Values {
        self.at = at.0;
        self
    }

    /// A field of the event, or of the process information.
    #[must_use]
    pub fn event(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("event", name, value)
    }

    /// A field of the profile.
    #[must_use]
    pub fn profile(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("profile", name, value)
    }

    /// A fact about the visit; a moment is an integer here.
    #[must_use]
    pub fn visit(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("visit", name, value)
    }

    /// A counter, by event and window: `login/86400000`.
    #[must_use]
    pub fn counter(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("counter", name, value)
    }

    /// A fact about a channel, as `sms/sent`; a moment is an integer here.
    #[must_use]
    pub fn channel(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("channel", name, value)
    }

    fn with(mut self, origin: &'static str, name: &str, value: impl Into<Value>) -> Values {
        self.values.insert((origin, name.to_owned()), value.into());
        self
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Flag(value)
    }
}

/// A configured policy to be asked. Fields come as the question asked for them: one that did not ask
/// for a field makes the policy panic when it reads it, just as in the sandbox.
#[derive(Debug)]
pub struct Tester<P> {
    policy: P,
    setup: wire::Setup,
}

impl<P: Policy> Tester<P> {
    /// Configures the policy with settings, a JSON document.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the settings.
    pub fn new(settings: &str) -> Result<Self, Issues> {
        let (policy, setup) = glue::made(settings).map_err(Issues)?;
        Ok(Tester { policy, setup })
    }

    /// The configured policy itself.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    fn ask<T>(
        &self,
        question: wire::Questions,
        values: &Values,
        answer: impl FnOnce(&P, Row<'_>) -> T,
    ) -> Option<T> {
        let column = |need: &wire::Need| column(need, question, values);
        let columns = self.setup.needs.iter().map(column).collect();
        let batch = types::Batch { rows: 1, at: vec![values.at], columns };
        rows(&batch).next().map(|row| answer(&self.policy, row))
    }
}

impl<P: Journey> Tester<P> {
    /// Asks [`Journey::locate`].
    pub fn locate(&self, event: &Values) -> Option<usize> {
        self.ask(wire::Questions::LOCATE, event, |policy, row| policy.locate(row)).flatten()
    }

    /// Asks [`Journey::stalled`].
    pub fn stalled(&self, rule: usize, visit: &Values) -> Option<Draft> {
        self.ask(wire::Questions::STALLED, visit, |policy, row| policy.stalled(rule, row)).flatten()
    }
}

impl<P: Personalise> Tester<P> {
    /// Asks [`Personalise::render`] for a text of the tenant, with the draft's data.
    pub fn render(
        &self,
        (title, body): (&str, &str),
        channel: &str,
        data: &[(&str, Value)],
        user: &Values,
    ) -> Option<Content> {
        let template = Template { title: title.to_owned(), body: body.to_owned(), link: None };
        let data = data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let request = wire_personalise::Request {
            message: String::new(),
            template: 0,
            channel: channel.to_owned(),
            locale: String::new(),
            data: crate::kinds::fields(data),
        };
        let request = RenderRequest { template: &template, request: &request };
        self.ask(wire::Questions::RENDER, user, |policy, row| policy.render(request, row)).flatten()
    }
}

impl<P: Route> Tester<P> {
    /// Asks [`Route::plan`].
    pub fn plan(&self, request: &PlanRequest, user: &Values) -> Option<Itinerary> {
        self.ask(wire::Questions::PLAN, user, |policy, row| policy.plan(request, row)).flatten()
    }

    /// Asks [`Route::judge`].
    pub fn judge(&self, step: &Overdue, user: &Values) -> Option<Verdict> {
        self.ask(wire::Questions::JUDGE, user, |policy, row| policy.judge(step, row))
    }
}

/// The column of one row: absent where the value is missing or not of the shape.
fn column(need: &wire::Need, question: wire::Questions, values: &Values) -> types::Column {
    let none = types::Column { absent: Vec::new(), values: types::Values::None };
    if !need.asked.contains(question) {
        return none;
    }
    let origin = match need.origin {
        wire::Origin::Event => "event",
        wire::Origin::Profile => "profile",
        wire::Origin::Visit => "visit",
        wire::Origin::Counter => "counter",
        wire::Origin::Channel => "channel",
    };
    let value = values.values.get(&(origin, need.name.clone()));
    let (there, values) = match need.shape {
        wire::Shape::Text => {
            let text = value.map(Value::to_string);
            let there = text.is_some();
            let text = text.unwrap_or_default();
            let ends = vec![text.len() as u32];
            (there, types::Values::Text(types::TextColumn { text, ends }))
        }
        wire::Shape::Integer => {
            let value = value.and_then(integer);
            (value.is_some(), types::Values::Integer(vec![value.unwrap_or_default()]))
        }
        wire::Shape::Number => {
            let value = value.and_then(number);
            (value.is_some(), types::Values::Number(vec![value.unwrap_or_default()]))
        }
        wire::Shape::Flag => {
            let value = value.and_then(flag);
            (value.is_some(), types::Values::Flag(vec![u8::from(value.unwrap_or_default())]))
        }
        wire::Shape::Instant => {
            let value = value.and_then(integer);
            (value.is_some(), types::Values::Instant(vec![value.unwrap_or_default()]))
        }
    };
    types::Column { absent: vec![u8::from(!there)], values }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(*value),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Number(_) | Value::Flag(_) => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Flag(_) => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Flag(value) => Some(*value),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Integer(_) | Value::Number(_) => None,
    }
}
