//! One row as an author of tests writes it, and the columns that the host would make of it.

use std::collections::BTreeMap;

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::base::nudge::policy::types;
use crate::{Moment, Value};

/// A counter's moment, apart from its count.
pub(crate) const LATEST: &str = "counter-latest";

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

    /// The moment of the latest event that a counter counted, for a need that asks for it.
    #[must_use]
    pub fn counted_at(self, name: &str, at: Moment) -> Values {
        self.with(LATEST, name, at.0)
    }

    /// A fact about a channel, as `sms/sent`; a moment is an integer here.
    #[must_use]
    pub fn channel(self, name: &str, value: impl Into<Value>) -> Values {
        self.with("channel", name, value)
    }

    pub(crate) fn with(
        mut self,
        origin: &'static str,
        name: &str,
        value: impl Into<Value>,
    ) -> Values {
        self.values.insert((origin, name.to_owned()), value.into());
        self
    }

    /// A batch of this row alone, with the fields that `question` asks for.
    pub(crate) fn batch(&self, needs: &[wire::Need], question: wire::Questions) -> types::Batch {
        let columns = needs.iter().map(|need| self.column(need, question)).collect();
        types::Batch { rows: 1, at: vec![self.at], columns }
    }

    /// The column of one row: absent where the value is missing or not of the shape, just as the host
    /// has it.
    fn column(&self, need: &wire::Need, question: wire::Questions) -> types::Column {
        if !need.asked.contains(question) {
            return types::Column { absent: Vec::new(), values: types::Values::None };
        }
        let origin = match need.origin {
            wire::Origin::Event => "event",
            wire::Origin::Profile => "profile",
            wire::Origin::Visit => "visit",
            wire::Origin::Counter if need.shape == wire::Shape::Instant => LATEST,
            wire::Origin::Counter => "counter",
            wire::Origin::Channel => "channel",
        };
        // What the host counts is 0 where nothing was counted.
        let counted = match need.origin {
            wire::Origin::Counter => need.shape != wire::Shape::Instant,
            wire::Origin::Channel => !need.name.ends_with("/last-feedback"),
            wire::Origin::Event | wire::Origin::Profile | wire::Origin::Visit => false,
        };
        let value = self.values.get(&(origin, need.name.clone()));
        let value = value.or(counted.then_some(&Value::Integer(0)));
        let (there, values) = match need.shape {
            wire::Shape::Text => {
                let text = value.map(Value::to_string);
                let there = text.is_some();
                let text = text.unwrap_or_default();
                let ends = vec![text.len() as u32];
                (there, types::Values::Text(types::TextColumn { text, ends }))
            }
            wire::Shape::Integer => cell(value.and_then(integer), types::Values::Integer),
            wire::Shape::Number => cell(value.and_then(number), types::Values::Number),
            wire::Shape::Flag => cell(value.and_then(flag), types::Values::Flag),
            wire::Shape::Instant => cell(value.and_then(instant), types::Values::Instant),
        };
        let absent = if there { Vec::new() } else { vec![1] };
        types::Column { absent, values }
    }
}

fn cell<T: Default>(
    value: Option<T>,
    values: impl FnOnce(Vec<T>) -> types::Values,
) -> (bool, types::Values) {
    (value.is_some(), values(vec![value.unwrap_or_default()]))
}

fn integer(value: &Value) -> Option<i64> {
    /// Beyond it not every whole number is a number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Integer(value) => Some(*value),
        Value::Number(value) => {
            (value.fract() == 0.0 && value.abs() <= EXACT).then_some(*value as i64)
        }
        Value::Text(text) => text.trim().parse().ok(),
        Value::Flag(_) => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(value) => *value,
        Value::Integer(value) => *value as f64,
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Flag(_) => return None,
    };
    number.is_finite().then_some(number)
}

fn flag(value: &Value) -> Option<u8> {
    let flag = match value {
        Value::Flag(value) => *value,
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Integer(_) | Value::Number(_) => return None,
    };
    Some(u8::from(flag))
}

/// The host reads a moment out of a text, too; here an integer says it without a calendar.
fn instant(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(*value),
        Value::Text(_) | Value::Number(_) | Value::Flag(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::row::rows;
    use crate::{Field, Needs, Questions, Shape};

    /// What a field of that shape gets to see of `value`.
    fn seen<T: Shape, U>(
        value: impl Into<Value>,
        shape: impl FnOnce(crate::Need<'_>) -> Field<T>,
        see: impl FnOnce(Option<T::Value<'_>>) -> U,
    ) -> U {
        let mut needs = Needs::default();
        let field = shape(needs.event("x"));
        let batch = Values::new().event("x", value).batch(&needs.needs, Questions::LOCATE);
        see(rows(&batch).next().unwrap().get(field))
    }

    #[test]
    fn values_take_the_shape_that_was_asked_for_where_they_can() {
        let text = |value: Value| seen(value, |n| n.text(), |v| v.map(str::to_owned));
        assert_eq!(text("a".into()).as_deref(), Some("a"));
        assert_eq!(text(5.into()).as_deref(), Some("5"));
        assert_eq!(text(0.5.into()).as_deref(), Some("0.5"));
        assert_eq!(text(true.into()).as_deref(), Some("true"));

        let integer = |value: Value| seen(value, |n| n.integer(), |v| v);
        assert_eq!(integer(" 5 ".into()), Some(5));
        assert_eq!(integer(5.0.into()), Some(5));
        for value in ["5.0".into(), 5.5.into(), 1e300.into(), f64::NAN.into(), true.into()] {
            assert_eq!(integer(value), None);
        }

        let number = |value: Value| seen(value, |n| n.number(), |v| v);
        assert_eq!(number("5.5".into()), Some(5.5));
        assert_eq!(number(5.into()), Some(5.0));
        for value in ["inf".into(), "NaN".into(), f64::INFINITY.into(), true.into()] {
            assert_eq!(number(value), None);
        }

        let flag = |value: Value| seen(value, |n| n.flag(), |v| v);
        assert_eq!((flag(false.into()), flag("true".into())), (Some(false), Some(true)));
        assert_eq!((flag(1.into()), flag("yes".into())), (None, None));

        let moment = |value: Value| seen(value, |n| n.moment(), |v| v);
        assert_eq!(moment(5.into()), Some(Moment(5)));
        assert_eq!((moment("5".into()), moment(5.0.into())), (None, None));
    }

    #[test]
    fn names_are_told_apart_by_their_origin() {
        let mut needs = Needs::default();
        let event = needs.event("x").integer();
        let profile = needs.profile("x").integer();
        let visit = needs.visit("entered").moment();
        let counter = needs.counter("login", 1_000).integer();
        let channel = needs.channel("sms", "sent").integer();
        let other = needs.profile("y").integer();
        let none = needs.counter("logout", 1_000).integer();
        let never = needs.channel("app", "sent").integer();
        let last = needs.channel("app", "last-feedback").moment();
        let latest = needs.counter("login", 1_000).moment();
        let values = Values::new()
            .at(Moment(-5))
            .event("x", 1)
            .profile("x", 2)
            .visit("entered", 3)
            .counter("login/1000", 4)
            .channel("sms/sent", 5);
        let batch = values.batch(&needs.needs, Questions::STALLED);
        let row = rows(&batch).next().unwrap();
        assert_eq!(row.at(), Moment(-5));
        assert_eq!(row.get(visit), Some(Moment(3)));
        let integers = [event, profile, counter, channel, other].map(|field| row.get(field));
        assert_eq!(integers, [Some(1), Some(2), Some(4), Some(5), None]);
        let counted = [none, never].map(|field| row.get(field));
        assert_eq!((counted, row.get(last)), ([Some(0); 2], None), "nothing counted is 0");
        assert_eq!(row.get(latest), None, "a count is no moment");
        let batch =
            values.counted_at("login/1000", Moment(7)).batch(&needs.needs, Questions::STALLED);
        let row = rows(&batch).next().unwrap();
        assert_eq!((row.get(latest), row.get(counter)), (Some(Moment(7)), Some(4)));
    }
}
