//! Who is in which group, how far campaigns and sources have got, and what is counted. Plain data.

use std::sync::Arc;

use super::Seq;

/// A user who joins a group or leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Whose group it is: the policy's label.
    pub policy: Arc<str>,
    /// The group.
    pub group: Arc<str>,
    /// Who.
    pub user: Arc<str>,
    /// They belong to it from now on, or else no longer. To join what one is in changes nothing, nor
    /// does to leave what one is not in.
    pub belongs: bool,
}

/// A group that has members, or had some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whose group it is: the policy's label.
    pub policy: Arc<str>,
    /// Its name, unique among the policy's.
    pub name: Arc<str>,
    /// How many members it has.
    pub members: u64,
}

/// What is added to a named count of the tenant. One that nothing was added to so far is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The count's name.
    pub name: Arc<str>,
    /// How much, or how much less. What would be beyond the range of the type stays at its end.
    pub add: i64,
}

/// How far a campaign has got with a group, in the order of [`members`](super::Store::members).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The campaign's name.
    pub name: Arc<str>,
    /// When the last member joined that it has reached.
    pub seq: Seq,
    /// That member. If they are forgotten, another takes their place, before whom nobody is left.
    pub user: Arc<str>,
}

/// How far a source, such as a file or a stream, has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The source's name.
    pub source: Arc<str>,
    /// Up to where. It never goes back: to read a source again, drop the offset first.
    pub at: u64,
}
