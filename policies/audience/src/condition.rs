//! A condition as people write it: one field or counter, and what it is compared with.

use nudge_guest::prelude::*;
use nudge_guest::{Origin, given};
use serde::Deserialize;

/// One condition of a standard, or of a group. All comparisons that it has must hold; where the user has no
/// such field, none does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field that is looked at.
    #[serde(default, deserialize_with = "given")]
    pub field: Option<String>,
    /// Whose field that is; the events', if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub origin: Option<Origin>,
    /// The events that are counted instead.
    #[serde(default, deserialize_with = "given")]
    pub counter: Option<String>,
    /// How far back they are counted; for ever, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    pub within: Option<Span>,
    /// Other events: the latest counted one must have come after the latest of these.
    #[serde(default, deserialize_with = "given")]
    pub later_than: Option<String>,
    /// The value itself.
    #[serde(default, deserialize_with = "given")]
    pub is: Option<Value>,
    /// One of these values.
    #[serde(default, deserialize_with = "given")]
    pub any_of: Option<Vec<Value>>,
    /// Another than these values.
    #[serde(default, deserialize_with = "given")]
    pub none_of: Option<Vec<Value>>,
    /// This, or more.
    #[serde(default, deserialize_with = "given")]
    pub at_least: Option<Value>,
    /// This, or less.
    #[serde(default, deserialize_with = "given")]
    pub at_most: Option<Value>,
    /// More than this.
    #[serde(default, deserialize_with = "given")]
    pub more_than: Option<Value>,
    /// Less than this.
    #[serde(default, deserialize_with = "given")]
    pub less_than: Option<Value>,
    /// Whether the user has the field at all.
    #[serde(default, deserialize_with = "given")]
    pub exists: Option<bool>,
}

/// A comparison with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Is,
    AtLeast,
    AtMost,
    MoreThan,
    LessThan,
}

impl Condition {
    /// The comparisons with one value, by their names.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (&'static str, Bound, &Value)> {
        let all = [
            ("is", Bound::Is, &self.is),
            ("at_least", Bound::AtLeast, &self.at_least),
            ("at_most", Bound::AtMost, &self.at_most),
            ("more_than", Bound::MoreThan, &self.more_than),
            ("less_than", Bound::LessThan, &self.less_than),
        ];
        all.into_iter().filter_map(|(name, bound, value)| Some((name, bound, value.as_ref()?)))
    }

    /// The comparisons with several values, by their names, and whether the value is to be among them.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&'static str, bool, &Vec<Value>)> {
        let all = [("any_of", true, &self.any_of), ("none_of", false, &self.none_of)];
        all.into_iter().filter_map(|(name, wanted, values)| Some((name, wanted, values.as_ref()?)))
    }

    /// What is said that is only for a field.
    pub(crate) fn only_for_fields(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("origin", self.origin.is_some()),
            ("any_of", self.any_of.is_some()),
            ("none_of", self.none_of.is_some()),
            ("exists", self.exists.is_some()),
        ];
        all.into_iter().filter(|(_, said)| *said).map(|(name, _)| name)
    }

    /// What is said that is only for a counter.
    pub(crate) fn only_for_counters(&self) -> impl Iterator<Item = &'static str> {
        let all = [("within", self.within.is_some()), ("later_than", self.later_than.is_some())];
        all.into_iter().filter(|(_, said)| *said).map(|(name, _)| name)
    }
}
