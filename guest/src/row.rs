//! Columns as the contract passes them, seen as rows: an author asks for fields once and then reads
//! them from one row at a time. Touches nothing but the batch.

use std::marker::PhantomData;

use crate::bindings::base::exports::nudge::policy::policy as wire;
use crate::bindings::base::nudge::policy::types;
use crate::bindings::base::nudge::policy::types::Values;
use crate::{Millis, Moment};

pub use wire::Questions;

/// What a policy wants to see. Handed to [`Policy::configure`](crate::Policy::configure), which asks
/// for fields and keeps the handles it gets.
#[derive(Debug, Default)]
pub struct Needs {
    pub(crate) needs: Vec<wire::Need>,
    pub(crate) counters: Vec<wire::Counter>,
}

impl Needs {
    /// A field of the event; where the question is about no event, the latest value that the user's
    /// events had. `name` is the event's name, `node`, by custom, the node attribute identifier.
    pub fn event(&mut self, name: &str) -> Need<'_> {
        self.need(wire::Origin::Event, name.to_owned())
    }

    /// A field of the user's profile.
    pub fn profile(&mut self, name: &str) -> Need<'_> {
        self.need(wire::Origin::Profile, name.to_owned())
    }

    /// A fact about the visit that has stalled: `node`, `previous`, `entered`, `interruption`,
    /// `page-stay` or `operations`.
    pub fn visit(&mut self, fact: &str) -> Need<'_> {
        self.need(wire::Origin::Visit, fact.to_owned())
    }

    /// How many events named `event` the user had within the last `window`.
    pub fn counter(&mut self, event: &str, window: Millis) -> Need<'_> {
        let name = format!("{event}/{window}");
        if !self.counters.iter().any(|c| c.name == name) {
            let event = event.to_owned();
            self.counters.push(wire::Counter { name: name.clone(), event, window });
        }
        self.need(wire::Origin::Counter, name)
    }

    /// A fact about a channel: `sent`, `feedback`, `first-feedback` or `last-feedback`.
    pub fn channel(&mut self, channel: &str, fact: &str) -> Need<'_> {
        self.need(wire::Origin::Channel, format!("{channel}/{fact}"))
    }

    fn need(&mut self, origin: wire::Origin, name: String) -> Need<'_> {
        Need { needs: self, origin, name, asked: Questions::all() }
    }
}

/// A field about to be asked for; the shape ends the sentence and gives the handle.
#[derive(Debug)]
#[must_use = "a need counts once its shape is named"]
pub struct Need<'a> {
    needs: &'a mut Needs,
    origin: wire::Origin,
    name: String,
    asked: Questions,
}

impl Need<'_> {
    /// Only these questions get to see the field. Without this, all do, which costs more.
    pub fn only(mut self, asked: Questions) -> Self {
        self.asked = asked;
        self
    }

    /// As text.
    pub fn text(self) -> Field<Text> {
        self.shaped(wire::Shape::Text)
    }

    /// As a whole number.
    pub fn integer(self) -> Field<i64> {
        self.shaped(wire::Shape::Integer)
    }

    /// As a number.
    pub fn number(self) -> Field<f64> {
        self.shaped(wire::Shape::Number)
    }

    /// As true or false.
    pub fn flag(self) -> Field<bool> {
        self.shaped(wire::Shape::Flag)
    }

    /// As a moment.
    pub fn moment(self) -> Field<Moment> {
        self.shaped(wire::Shape::Instant)
    }

    fn shaped<T>(self, shape: wire::Shape) -> Field<T> {
        let needs = &mut self.needs.needs;
        let same = needs
            .iter_mut()
            .position(|n| n.origin == self.origin && n.name == self.name && n.shape == shape);
        let index = match same {
            Some(index) => {
                if let Some(need) = needs.get_mut(index) {
                    need.asked |= self.asked;
                }
                index
            }
            None => {
                let Need { origin, name, asked, .. } = self;
                needs.push(wire::Need { origin, name, shape, asked });
                needs.len() - 1
            }
        };
        Field { index, shape: PhantomData }
    }
}

/// The shape of a text field.
#[derive(Clone, Copy, Debug)]
pub struct Text;

/// A handle to a field that was asked for, of the shape `T`.
#[derive(Debug)]
pub struct Field<T> {
    index: usize,
    shape: PhantomData<T>,
}

impl<T> Field<T> {
    pub(crate) fn index(self) -> usize {
        self.index
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

/// A shape that a field can have.
pub trait Shape: sealed::Sealed {
    /// What a row gives for it.
    type Value<'a>;
    #[doc(hidden)]
    fn read(values: &Values, row: usize) -> Option<Self::Value<'_>>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Text {}
    impl Sealed for i64 {}
    impl Sealed for f64 {}
    impl Sealed for bool {}
    impl Sealed for super::Moment {}
}

impl Shape for Text {
    type Value<'a> = &'a str;
    fn read(values: &Values, row: usize) -> Option<&str> {
        let Values::Text(column) = values else { return None };
        let start = match row.checked_sub(1) {
            Some(before) => *column.ends.get(before)? as usize,
            None => 0,
        };
        column.text.get(start..*column.ends.get(row)? as usize)
    }
}

impl Shape for i64 {
    type Value<'a> = i64;
    fn read(values: &Values, row: usize) -> Option<i64> {
        let Values::Integer(column) = values else { return None };
        column.get(row).copied()
    }
}

impl Shape for f64 {
    type Value<'a> = f64;
    fn read(values: &Values, row: usize) -> Option<f64> {
        let Values::Number(column) = values else { return None };
        column.get(row).copied()
    }
}

impl Shape for bool {
    type Value<'a> = bool;
    fn read(values: &Values, row: usize) -> Option<bool> {
        let Values::Flag(column) = values else { return None };
        column.get(row).map(|byte| *byte != 0)
    }
}

impl Shape for Moment {
    type Value<'a> = Moment;
    fn read(values: &Values, row: usize) -> Option<Moment> {
        let Values::Instant(column) = values else { return None };
        column.get(row).copied().map(Moment)
    }
}

/// One row of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    batch: &'a types::Batch,
    index: usize,
}

impl<'a> Row<'a> {
    /// The moment that the row is about.
    #[must_use]
    pub fn at(self) -> Moment {
        Moment(self.batch.at.get(self.index).copied().unwrap_or_default())
    }

    /// The row's position in its batch.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index as u32
    }

    /// The field's value, if the row has it.
    ///
    /// # Panics
    ///
    /// If this question did not ask for the field (see [`Need::only`]): a fault in the policy, which
    /// the host reports as one.
    #[must_use]
    pub fn get<T: Shape>(self, field: Field<T>) -> Option<T::Value<'a>> {
        let column = self.batch.columns.get(field.index)?;
        #[allow(clippy::panic, reason = "a policy's own mistake must become its fault")]
        if matches!(column.values, Values::None) && self.batch.rows > 0 {
            panic!("need {} was not asked for by this question", field.index);
        }
        let absent = column.absent.get(self.index / 8).copied().unwrap_or_default();
        if absent >> (self.index % 8) & 1 == 1 {
            return None;
        }
        T::read(&column.values, self.index)
    }
}

pub(crate) fn rows(batch: &types::Batch) -> impl Iterator<Item = Row<'_>> {
    (0..batch.rows as usize).map(move |index| Row { batch, index })
}
