//! Columns as the contract passes them, seen as rows: an author reads fields from one row at a time.
//! Touches nothing but the batch.

use std::cmp::Ordering;
use std::marker::PhantomData;

use crate::Moment;
use crate::bindings::base::nudge::policy::types;
use crate::bindings::base::nudge::policy::types::Values;

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
    pub(crate) fn at(index: usize) -> Field<T> {
        Field { index, shape: PhantomData }
    }

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

impl<T> PartialEq for Field<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<T> Eq for Field<T> {}

impl<T> PartialOrd for Field<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In the order in which they were asked for.
impl<T> Ord for Field<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.index.cmp(&other.index)
    }
}

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
    /// If this question did not ask for the field (see [`Need::only`](crate::Need::only)): a fault in the policy, which
    /// the host reports as one.
    #[must_use]
    pub fn get<T: Shape>(self, field: Field<T>) -> Option<T::Value<'a>> {
        let column = self.batch.columns.get(field.index)?;
        #[allow(clippy::panic, reason = "a policy's own mistake must become its fault")]
        if matches!(column.values, Values::None) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Needs;

    fn batch(columns: Vec<types::Column>) -> types::Batch {
        types::Batch { rows: 20, at: (0..20).map(|row| -row).collect(), columns }
    }

    fn column(absent: &[u8], values: Values) -> types::Column {
        types::Column { absent: absent.to_vec(), values }
    }

    fn integers() -> Field<i64> {
        Needs::default().event("x").integer()
    }

    #[test]
    fn absence_is_a_bit_a_row_across_bytes() {
        let field = integers();
        // Rows 0, 7, 8 and 19.
        let absent = [0b1000_0001, 0b0000_0001, 0b0000_1000];
        let batch = batch(vec![column(&absent, Values::Integer((100..120).collect()))]);
        let missing: Vec<u32> =
            rows(&batch).filter(|row| row.get(field).is_none()).map(Row::index).collect();
        assert_eq!(missing, [0, 7, 8, 19]);
        let row = rows(&batch).nth(9).unwrap();
        assert_eq!((row.get(field), row.at()), (Some(109), Moment(-9)));
    }

    #[test]
    fn every_row_has_the_field_where_no_bitmap_is() {
        let field = integers();
        let batch = batch(vec![column(&[], Values::Integer((0..20).collect()))]);
        assert_eq!(rows(&batch).filter_map(|row| row.get(field)).sum::<i64>(), 190);
    }

    #[test]
    fn texts_lie_end_to_end_in_bytes() {
        let mut needs = Needs::default();
        let field = needs.profile("name").text();
        let texts = ["", "é", "日本", "", "a", "🚀"];
        let mut text = String::new();
        let mut ends = Vec::new();
        for part in texts {
            text.push_str(part);
            ends.push(text.len() as u32);
        }
        let values = Values::Text(types::TextColumn { text, ends });
        // The fourth is empty and absent, the first empty and there.
        let batch = types::Batch {
            rows: texts.len() as u32,
            at: vec![0; texts.len()],
            columns: vec![column(&[0b1000], values)],
        };
        let read: Vec<Option<&str>> = rows(&batch).map(|row| row.get(field)).collect();
        assert_eq!(read, [Some(""), Some("é"), Some("日本"), None, Some("a"), Some("🚀")]);
    }

    #[test]
    fn each_shape_is_read_from_its_own_column() {
        let mut needs = Needs::default();
        let number = needs.event("a").number();
        let flag = needs.event("b").flag();
        let moment = needs.event("c").moment();
        let batch = types::Batch {
            rows: 1,
            at: vec![0],
            columns: vec![
                column(&[], Values::Number(vec![0.5])),
                column(&[], Values::Flag(vec![1])),
                column(&[], Values::Instant(vec![7])),
            ],
        };
        let row = rows(&batch).next().unwrap();
        assert_eq!(row.get(number), Some(0.5));
        assert_eq!(row.get(flag), Some(true));
        assert_eq!(row.get(moment), Some(Moment(7)));
    }

    #[test]
    #[should_panic(expected = "need 0 was not asked for by this question")]
    fn a_field_that_was_not_asked_for_cannot_be_read() {
        let field = integers();
        let batch = batch(vec![column(&[], Values::None)]);
        let _ = rows(&batch).next().unwrap().get(field);
    }
}
