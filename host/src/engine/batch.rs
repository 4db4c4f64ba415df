//! Rows turned into columns: the declared fields of many users, as the contract passes them. Reads
//! states and events; decides nothing.

use std::fmt::Write as _;

use super::event::{Fields, Instant, Value};
use super::policy::{Need, Origin, Question, Setup, Shape};
use super::state::{State, Visit};

/// Declared fields of many rows, one column for each need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// For each row the moment it is about.
    pub at: Vec<i64>,
    /// One for each need, in order.
    pub columns: Vec<Column>,
}

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.at.len()
    }

    /// The fields that `question` asks of these rows.
    #[must_use]
    pub fn of(rows: &[impl Row], setup: &Setup, question: Question) -> Batch {
        let column = |need: &Need| {
            if need.asked.has(question) { Column::of(rows, need) } else { Column::default() }
        };
        Batch {
            at: rows.iter().map(|row| row.at().0).collect(),
            columns: setup.needs.iter().map(column).collect(),
        }
    }
}

/// One field of all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// A bit a row, set where the row has no such field; empty if every row has it.
    pub absent: Vec<u8>,
    /// The values.
    pub values: Values,
}

/// The values of a column, by shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Values {
    /// Not asked for.
    #[default]
    None,
    /// Texts end to end, and where each ends.
    Text {
        /// All texts.
        text: String,
        /// Where each row's text ends.
        ends: Vec<u32>,
    },
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Numbers.
    Number(Vec<f64>),
    /// 0 or 1.
    Flag(Vec<u8>),
    /// Moments.
    Instant(Vec<i64>),
}

/// Where a row's values come from.
pub trait Row {
    /// The moment that the row is about.
    fn at(&self) -> Instant;
    /// What there is for a need.
    fn find(&self, need: &Need) -> Option<Found<'_>>;
}

/// A row about a user, their event or their visit.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The moment that the row is about.
    pub at: Instant,
    /// The label of the policy that asks; its counters are kept under it.
    pub label: &'a str,
    /// The event's name and fields, if the row is about one.
    pub event: Option<(&'a str, &'a Fields)>,
    /// The user.
    pub state: &'a State,
    /// The visit, if the row is about one.
    pub visit: Option<&'a Visit>,
}

/// A value on its way into a column.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A field's value.
    Stored(&'a Value),
    /// A text that the host knows.
    Text(&'a str),
    /// A number that the host counted.
    Integer(i64),
    /// A moment that the host noted.
    Instant(Instant),
}

impl Row for Source<'_> {
    fn at(&self) -> Instant {
        self.at
    }

    fn find(&self, need: &Need) -> Option<Found<'_>> {
        match need.origin {
            Origin::Event => match self.event {
                Some((name, _)) if &*need.name == "name" => Some(Found::Text(name)),
                Some((_, fields)) => fields.get(&need.name).map(Found::Stored),
                None => self.state.process.get(&need.name).map(Found::Stored),
            },
            Origin::Profile => self.state.profile.get(&need.name).map(Found::Stored),
            Origin::Visit => self.visit.and_then(|visit| self.fact(visit, &need.name)),
            Origin::Counter if need.shape == Shape::Instant => {
                self.state.latest(self.label, &need.name, self.at).map(Found::Instant)
            }
            Origin::Counter => {
                let count = self.state.count(self.label, &need.name, self.at);
                Some(Found::Integer(i64::from(count)))
            }
            Origin::Channel => {
                let (channel, fact) = need.name.split_once('/')?;
                let history = self.state.channels.get(channel).copied().unwrap_or_default();
                match fact {
                    "sent" => Some(Found::Integer(i64::from(history.sent))),
                    "feedback" => Some(Found::Integer(i64::from(history.feedback))),
                    "first-feedback" => Some(Found::Integer(i64::from(history.first_feedback))),
                    "last-feedback" => history.last_feedback.map(Found::Instant),
                    _ => None,
                }
            }
        }
    }
}

impl<'a> Source<'a> {
    fn fact(&self, visit: &'a Visit, name: &str) -> Option<Found<'a>> {
        let millis = |millis: u64| Found::Integer(i64::try_from(millis).unwrap_or(i64::MAX));
        match name {
            "node" => Some(Found::Text(&visit.node)),
            "previous" => visit.previous.as_deref().map(Found::Text),
            "entered" => Some(Found::Instant(visit.entered)),
            "interruption" => Some(millis(visit.interruption(self.at).0)),
            "page-stay" => Some(millis(visit.page_stay(self.at).0)),
            "operations" => Some(Found::Integer(i64::from(visit.operations))),
            _ => None,
        }
    }
}

/// The facts about a visit that a need may name.
pub const VISIT_FACTS: [&str; 6] =
    ["node", "previous", "entered", "interruption", "page-stay", "operations"];

/// The facts about a channel that a need may name.
pub const CHANNEL_FACTS: [&str; 4] = ["sent", "feedback", "first-feedback", "last-feedback"];

impl Column {
    fn of(rows: &[impl Row], need: &Need) -> Column {
        let mut absent = Absent::default();
        let values = match need.shape {
            Shape::Text => {
                let mut text = String::with_capacity(rows.len() * 12);
                let mut ends = Vec::with_capacity(rows.len());
                for (at, row) in rows.iter().enumerate() {
                    match row.find(need) {
                        Some(found) => found.write(&mut text),
                        None => absent.mark(at, rows.len()),
                    }
                    // A batch's text is bounded far below 4 GiB by what a user's fields may hold.
                    ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
                }
                Values::Text { text, ends }
            }
            Shape::Integer => Values::Integer(absent.fill(rows, need, |found| found.integer())),
            Shape::Number => Values::Number(absent.fill(rows, need, |found| found.number())),
            Shape::Flag => Values::Flag(absent.fill(rows, need, |found| found.flag())),
            Shape::Instant => Values::Instant(absent.fill(rows, need, |found| found.instant())),
        };
        Column { absent: absent.0, values }
    }
}

/// The bitmap of rows without a value; empty until the first.
#[derive(Default)]
struct Absent(Vec<u8>);

impl Absent {
    fn mark(&mut self, row: usize, rows: usize) {
        self.0.resize(rows.div_ceil(8), 0);
        if let Some(byte) = self.0.get_mut(row / 8) {
            *byte |= 1 << (row % 8);
        }
    }

    fn fill<R: Row, T: Default>(
        &mut self,
        rows: &[R],
        need: &Need,
        value: impl Fn(Found<'_>) -> Option<T>,
    ) -> Vec<T> {
        let cell = |(at, row): (usize, &R)| {
            row.find(need).and_then(&value).unwrap_or_else(|| {
                self.mark(at, rows.len());
                T::default()
            })
        };
        rows.iter().enumerate().map(cell).collect()
    }
}

impl Found<'_> {
    fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Found::Stored(Value::Text(text)) => out.write_str(text),
            Found::Stored(value) => write!(out, "{value}"),
            Found::Text(text) => out.write_str(text),
            Found::Integer(value) => write!(out, "{value}"),
            Found::Instant(value) => write!(out, "{}", value.0),
        };
    }

    fn integer(self) -> Option<i64> {
        /// Beyond it not every whole number is a number.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Found::Stored(Value::Integer(value)) => Some(*value),
            Found::Integer(value) => Some(value),
            Found::Stored(Value::Number(value)) => {
                (value.fract() == 0.0 && value.abs() <= EXACT).then_some(*value as i64)
            }
            Found::Stored(Value::Text(text)) => text.trim().parse().ok(),
            Found::Text(text) => text.trim().parse().ok(),
            Found::Instant(value) => Some(value.0),
            Found::Stored(Value::Flag(_)) => None,
        }
    }

    fn number(self) -> Option<f64> {
        let number = match self {
            Found::Stored(Value::Number(value)) => *value,
            Found::Stored(Value::Integer(value)) => *value as f64,
            Found::Stored(Value::Text(text)) => text.trim().parse().ok()?,
            Found::Text(text) => text.trim().parse().ok()?,
            Found::Integer(value) => value as f64,
            Found::Instant(value) => value.0 as f64,
            Found::Stored(Value::Flag(_)) => return None,
        };
        number.is_finite().then_some(number)
    }

    fn flag(self) -> Option<u8> {
        let text = match &self {
            Found::Stored(Value::Flag(value)) => return Some(u8::from(*value)),
            Found::Stored(Value::Text(text)) => &**text,
            Found::Text(text) => text,
            _ => return None,
        };
        text.trim().parse::<bool>().ok().map(u8::from)
    }

    fn instant(self) -> Option<i64> {
        let text = match &self {
            Found::Stored(Value::Integer(value)) => return Some(*value),
            Found::Instant(value) => return Some(value.0),
            Found::Integer(value) => return Some(*value),
            Found::Stored(Value::Text(text)) => &**text,
            Found::Text(text) => text,
            Found::Stored(Value::Number(_) | Value::Flag(_)) => return None,
        };
        let moment: jiff::Timestamp = text.trim().parse().ok()?;
        Some(moment.as_millisecond())
    }
}
