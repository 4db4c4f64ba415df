//! Conditions made ready: each a few tests of fields that were asked for, quick enough for every member
//! of a large group.

use std::fmt;

use nudge_guest::prelude::*;
use nudge_guest::{EVER, Origin, uncountable};

use crate::condition::{Bound, Condition};
use crate::fields::Fields;

/// Counts are exact up to this, and stay there.
pub(crate) const MOST_COUNTED: i64 = 1_000;

/// A condition's part that a row passes or fails.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) enum Test {
    Text { field: Field<Text>, among: Vec<String>, wanted: bool },
    TextRange { field: Field<Text>, range: Range<String> },
    Number { field: Field<f64>, among: Vec<f64>, wanted: bool },
    NumberRange { field: Field<f64>, range: Range<f64> },
    Flag { field: Field<bool>, is: bool },
    Exists { field: Field<Text>, is: bool },
    Count { field: Field<i64>, from: i64, to: i64 },
    Later { of: Field<Moment>, than: Field<Moment> },
}

/// Bounds, each with whether the bound itself is within.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) struct Range<T> {
    low: Option<(T, bool)>,
    high: Option<(T, bool)>,
}

impl<T> Range<T> {
    fn holds<V: PartialOrd + ?Sized>(&self, value: &V, of: impl Fn(&T) -> &V) -> bool {
        let above = |(low, with): &(T, bool)| value > of(low) || (*with && value == of(low));
        let below = |(high, with): &(T, bool)| value < of(high) || (*with && value == of(high));
        self.low.as_ref().is_none_or(above) && self.high.as_ref().is_none_or(below)
    }
}

impl Test {
    /// The field that is to be just one text, and that text, if that is what it asks.
    pub(crate) fn is_text(&self) -> Option<(Field<Text>, &str)> {
        match self {
            Test::Text { field, among, wanted: true } => match &**among {
                [text] => Some((*field, text)),
                _ => None,
            },
            _ => None,
        }
    }

    fn holds(&self, row: Row<'_>) -> bool {
        match self {
            Test::Text { field, among, wanted } => {
                row.get(*field).is_some_and(|text| among.iter().any(|one| one == text) == *wanted)
            }
            Test::TextRange { field, range } => {
                row.get(*field).is_some_and(|text| range.holds(text, String::as_str))
            }
            Test::Number { field, among, wanted } => {
                row.get(*field).is_some_and(|number| among.contains(&number) == *wanted)
            }
            Test::NumberRange { field, range } => {
                row.get(*field).is_some_and(|number| range.holds(&number, |bound| bound))
            }
            Test::Flag { field, is } => row.get(*field) == Some(*is),
            Test::Exists { field, is } => row.get(*field).is_some() == *is,
            Test::Count { field, from, to } => {
                (*from..=*to).contains(&row.get(*field).unwrap_or_default())
            }
            Test::Later { of, than } => row.get(*of).is_some_and(|of| Some(of) > row.get(*than)),
        }
    }
}

/// Whether the row passes every test.
pub(crate) fn all_hold(tests: &[Test], row: Row<'_>) -> bool {
    tests.iter().all(|test| test.holds(row))
}

/// The tests of conditions that stand at `path`; what is wrong with them goes to the issues. Each instance makes
/// them anew, and hardly ever is anything wrong: nobody writes down a path before.
pub(crate) fn tests_of(
    conditions: &[Condition],
    path: &dyn Fn() -> String,
    fields: &mut dyn Fields,
    issues: &mut Issues,
) -> Vec<Test> {
    let tests = Vec::with_capacity(conditions.len());
    let mut making = Making { path, at: 0, fields, issues, tests };
    for (at, condition) in conditions.iter().enumerate() {
        making.at = at;
        making.condition(condition);
    }
    making.tests
}

/// What a condition looks for.
#[derive(Clone, Copy)]
enum Sought<'a> {
    Counter(&'a str),
    /// Of that name, as a value of that kind.
    Field(&'a str, &'static str),
}

impl fmt::Display for Sought<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sought::Counter(event) => write!(f, "the counter {event:?}"),
            Sought::Field(name, kind) => write!(f, "the field {name:?}, as {kind},"),
        }
    }
}

/// Tests in the making.
struct Making<'a> {
    path: &'a dyn Fn() -> String,
    /// Which of the conditions at that path it is.
    at: usize,
    fields: &'a mut dyn Fields,
    issues: &'a mut Issues,
    tests: Vec<Test>,
}

impl Making<'_> {
    fn wrong(&mut self, part: &str, message: impl Into<String>) {
        let slash = if part.is_empty() { "" } else { "/" };
        self.issues.at(format!("{}/{}{slash}{part}", (self.path)(), self.at), message);
    }

    /// The field, if it can be looked at.
    fn seen<T>(&mut self, field: Option<T>, part: &str, what: Sought<'_>) -> Option<T> {
        if field.is_none() {
            self.wrong(
                part,
                format!("{what} was not asked for: list it under the setting `fields`"),
            );
        }
        field
    }

    fn condition(&mut self, condition: &Condition) {
        match (&condition.field, &condition.counter) {
            (Some(_), Some(_)) => self.wrong("", "name a field or a counter, and not both"),
            (None, None) => self.wrong("", "name a field or a counter"),
            (Some(field), None) => {
                for part in condition.only_for_counters() {
                    self.wrong(part, "is only for a counter");
                }
                if field.is_empty() {
                    self.wrong("field", "name the field that is looked at");
                }
                self.field(condition, condition.origin.unwrap_or_default(), field);
            }
            (None, Some(counter)) => {
                for part in condition.only_for_fields() {
                    self.wrong(part, "is only for a field");
                }
                let within = condition.within.map_or(EVER, |span| span.0);
                if within == 0 {
                    self.wrong("within", "nothing is counted within no time");
                }
                if let Some(why) = uncountable(counter) {
                    self.wrong("counter", why);
                    return;
                }
                match &condition.later_than {
                    Some(other) => self.later(condition, counter, other, within),
                    None => self.count(condition, counter, within),
                }
            }
        }
    }

    fn later(&mut self, condition: &Condition, counter: &str, other: &str, within: Millis) {
        if let Some((part, _, _)) = condition.bounds().next() {
            self.wrong(
                part,
                "is for a count, and `later_than` for a moment: make it two conditions",
            );
        }
        if let Some(why) = uncountable(other) {
            self.wrong("later_than", why);
            return;
        }
        let of = self.fields.latest(counter, within);
        let of = self.seen(of, "counter", Sought::Counter(counter));
        let than = self.fields.latest(other, within);
        let than = self.seen(than, "later_than", Sought::Counter(other));
        if let (Some(of), Some(than)) = (of, than) {
            self.tests.push(Test::Later { of, than });
        }
    }

    /// Without any comparison: at least once.
    fn count(&mut self, condition: &Condition, counter: &str, within: Millis) {
        let (mut from, mut to) = (0, i64::MAX);
        let mut none = true;
        for (part, bound, value) in condition.bounds() {
            none = false;
            let Value::Integer(count @ 0..=MOST_COUNTED) = *value else {
                let message = format!("is no count: name a whole number from 0 to {MOST_COUNTED}");
                self.wrong(part, message);
                continue;
            };
            let (low, high) = match bound {
                Bound::Is => (count, count),
                Bound::AtLeast => (count, i64::MAX),
                Bound::MoreThan => (count + 1, i64::MAX),
                Bound::AtMost => (0, count),
                Bound::LessThan => (0, count - 1),
            };
            (from, to) = (from.max(low), to.min(high));
        }
        if none {
            from = 1;
        }
        if from > to || from > MOST_COUNTED {
            self.wrong("", "no count is like this");
        }
        let field = self.fields.count(counter, within);
        if let Some(field) = self.seen(field, "counter", Sought::Counter(counter)) {
            self.tests.push(Test::Count { field, from, to });
        }
    }

    fn field(&mut self, condition: &Condition, origin: Origin, name: &str) {
        let values = condition.bounds().map(|(part, _, value)| (part, value));
        let lists =
            condition.lists().flat_map(|(part, _, values)| values.iter().map(move |v| (part, v)));
        let all: Vec<(&str, &Value)> = values.chain(lists).collect();
        for (part, _, values) in condition.lists() {
            if values.is_empty() {
                self.wrong(part, "name at least one value");
            }
        }
        if let Some(is) = condition.exists {
            if let Some((part, _)) = all.first().filter(|_| !is) {
                self.wrong(part, "what is not there compares with nothing");
            }
            let field = self.fields.text(origin, name);
            if let Some(field) = self.seen(field, "field", Sought::Field(name, "text")) {
                self.tests.push(Test::Exists { field, is });
            }
        }
        let Some((_, first)) = all.first() else {
            if condition.exists.is_none() && condition.lists().next().is_none() {
                self.wrong("", "compare the field with something, or say whether it `exists`");
            }
            return;
        };
        let kind = Kind::of(first);
        for (part, value) in &all {
            if Kind::of(value) != kind {
                self.wrong(part, format!("{} do not go together", mixed(kind, Kind::of(value))));
                return;
            }
        }
        match kind {
            Kind::Text => self.text(condition, origin, name),
            Kind::Number => self.number(condition, origin, name),
            Kind::Flag => self.flag(condition, origin, name),
        }
    }

    fn text(&mut self, condition: &Condition, origin: Origin, name: &str) {
        let field = self.fields.text(origin, name);
        let Some(field) = self.seen(field, "field", Sought::Field(name, "text")) else { return };
        let text = |value: &Value| value.to_string();
        self.among(condition, text, |among, wanted| Test::Text { field, among, wanted });
        self.range(condition, text, |range| Test::TextRange { field, range });
    }

    fn number(&mut self, condition: &Condition, origin: Origin, name: &str) {
        let field = self.fields.number(origin, name);
        let Some(field) = self.seen(field, "field", Sought::Field(name, "a number")) else {
            return;
        };
        let number = |value: &Value| match value {
            Value::Integer(value) => *value as f64,
            Value::Number(value) => *value,
            Value::Text(_) | Value::Flag(_) => f64::NAN,
        };
        self.among(condition, number, |among, wanted| Test::Number { field, among, wanted });
        self.range(condition, number, |range| Test::NumberRange { field, range });
    }

    fn flag(&mut self, condition: &Condition, origin: Origin, name: &str) {
        let others = condition.bounds().filter(|(_, bound, _)| *bound != Bound::Is);
        let others = others.map(|(part, _, _)| part);
        if let Some(part) = others.chain(condition.lists().map(|(part, _, _)| part)).next() {
            self.wrong(part, "true and false go with `is` alone");
        }
        let field = self.fields.flag(origin, name);
        let what = Sought::Field(name, "true or false");
        if let (Some(field), Some(Value::Flag(is))) =
            (self.seen(field, "field", what), &condition.is)
        {
            self.tests.push(Test::Flag { field, is: *is });
        }
    }

    fn among<T>(
        &mut self,
        condition: &Condition,
        read: impl Fn(&Value) -> T,
        test: impl Fn(Vec<T>, bool) -> Test,
    ) {
        if let Some(is) = &condition.is {
            self.tests.push(test(vec![read(is)], true));
        }
        for (_, wanted, values) in condition.lists() {
            self.tests.push(test(values.iter().map(&read).collect(), wanted));
        }
    }

    fn range<T: PartialOrd>(
        &mut self,
        condition: &Condition,
        read: impl Fn(&Value) -> T,
        test: impl Fn(Range<T>) -> Test,
    ) {
        let [least, more, most, less] = [
            (&condition.at_least, true),
            (&condition.more_than, false),
            (&condition.at_most, true),
            (&condition.less_than, false),
        ]
        .map(|(value, with)| value.as_ref().map(|value| (read(value), with)));
        // Of two lower bounds one says nothing.
        if least.is_some() && more.is_some() {
            self.wrong("more_than", "there is `at_least` already: leave one out");
        }
        if most.is_some() && less.is_some() {
            self.wrong("less_than", "there is `at_most` already: leave one out");
        }
        let (low, high) = (least.or(more), most.or(less));
        if let (Some((low, with)), Some((high, and))) = (&low, &high)
            && (low > high || (low == high && !(*with && *and)))
        {
            self.wrong("", "no value is like this");
        }
        if low.is_some() || high.is_some() {
            self.tests.push(test(Range { low, high }));
        }
    }
}

/// What values are compared as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
}

impl Kind {
    fn of(value: &Value) -> Kind {
        match value {
            Value::Text(_) => Kind::Text,
            Value::Integer(_) | Value::Number(_) => Kind::Number,
            Value::Flag(_) => Kind::Flag,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Text => "texts",
            Kind::Number => "numbers",
            Kind::Flag => "truth",
        }
    }
}

fn mixed(one: Kind, other: Kind) -> String {
    format!("{} and {}", one.word(), other.word())
}
