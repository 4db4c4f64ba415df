//! The page: what a replay or a backtest found, as one HTML file with its pictures in it. No script, no
//! font, no address of anything else: it can be mailed, printed and kept. Text and numbers in, HTML out;
//! touches nothing.

mod charts;
mod days;
mod dwell;
mod flows;
mod map;
mod people;
mod render;
#[cfg(test)]
mod tests;
mod text;

/// The page as one HTML file. The same page is the same bytes, always; nothing in it is trusted, so no
/// text of it can become markup.
#[must_use]
pub(crate) fn render(page: &Page) -> String {
    render::document(page)
}

/// What a page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    /// What it is about, such as `loan-applications`.
    pub(crate) title: String,
    /// The past that was run through, in a line: how many events, of how many users, from when to when.
    pub(crate) past: String,
    /// One side for a replay; two for a backtest, the old one first.
    pub(crate) sides: Vec<Side>,
    /// Of two sides, who gets something else.
    pub(crate) difference: Option<Difference>,
}

/// What one strategy did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    /// What it is called on the page: its name, or `old: ...` and `new: ...`.
    pub(crate) name: String,
    /// Its policies, each in a line: label, version, digest.
    pub(crate) policies: Vec<String>,
    /// The nodes, in the order in which users usually come to them.
    pub(crate) nodes: Vec<Node>,
    /// How users moved from node to node.
    pub(crate) flows: Vec<Flow>,
    /// The channels, in the tenant's order.
    pub(crate) channels: Vec<Channel>,
    /// Messages by day, without gaps: the day (`2011-10-01`) and how many.
    pub(crate) days: Vec<(String, u64)>,
    /// Messages of which at least one attempt was sent.
    pub(crate) messages: u64,
    /// Of these, messages whose user then did what they were for.
    pub(crate) converted: u64,
    /// Attempts, all in all.
    pub(crate) sends: u64,
    /// What they cost, in the tenant's unit.
    pub(crate) cost: f64,
    /// What went wrong, each in a line with its number: messages refused, questions without an answer.
    pub(crate) troubles: Vec<(String, u64)>,
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    /// Its name: any text at all.
    pub(crate) name: String,
    /// Visits.
    pub(crate) visits: u64,
    /// Visits that have stalled.
    pub(crate) stalled: u64,
    /// Messages.
    pub(crate) messages: u64,
    /// Of these, messages whose user then did what they were for.
    pub(crate) converted: u64,
    /// Dwell of the visits, in milliseconds, by its logarithm: bucket `i` counts the visits whose dwell
    /// is in [`bucket(i)`](bucket), [`bucket(i + 1)`](bucket). As many buckets as it takes, 0 at the least.
    pub(crate) dwell: Vec<u64>,
    /// The median of it, in milliseconds.
    pub(crate) median: Option<u64>,
    /// After how long a visit here has stalled, in milliseconds; several where rules share a node, none
    /// where nobody stalls.
    pub(crate) thresholds: Vec<u64>,
    /// The process ends here.
    pub(crate) last: bool,
}

/// Where dwell's bucket `i` begins, in milliseconds: 0 for the first, then a second, and each twice as
/// long as the one before.
#[must_use]
pub(crate) fn bucket(i: usize) -> u64 {
    match u32::try_from(i) {
        Ok(0) => 0,
        Ok(i) => {
            1_000_u64.checked_shl(i - 1).filter(|to| to >> (i - 1) == 1_000).unwrap_or(u64::MAX)
        }
        Err(_) => u64::MAX,
    }
}

/// A way that users took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    /// An index into the side's nodes; none for the users' first node.
    pub(crate) from: Option<usize>,
    /// An index into the side's nodes.
    pub(crate) to: usize,
    /// How often.
    pub(crate) count: u64,
}

/// One channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Channel {
    /// Its name.
    pub(crate) name: String,
    /// Attempts.
    pub(crate) sends: u64,
    /// What they cost, in the tenant's unit.
    pub(crate) cost: f64,
}

/// Who gets something else under the new strategy than under the old.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// Users who get messages only under the new.
    pub(crate) gain: u64,
    /// Users who get messages only under the old.
    pub(crate) lose: u64,
    /// Users who get messages under both, and not the same.
    pub(crate) change: u64,
    /// Users who get the same messages, at the same times, on the same channels.
    pub(crate) same: u64,
    /// Users who get none under either.
    pub(crate) none: u64,
    /// By node, the messages about visits to it.
    pub(crate) nodes: Vec<NodeDifference>,
    /// Some of the users for whom something changes.
    pub(crate) sample: Vec<Person>,
}

/// One node's messages under both strategies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NodeDifference {
    /// The node.
    pub(crate) name: String,
    /// Messages that only the new strategy sends.
    pub(crate) gained: u64,
    /// Messages that only the old one sent.
    pub(crate) lost: u64,
    /// Messages about the same visit that are not the same: another text, time or channel.
    pub(crate) changed: u64,
    /// Messages that are the same.
    pub(crate) same: u64,
}

/// One user, as either strategy has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Person {
    /// The user: any text at all.
    pub(crate) user: String,
    /// What changes for them, in a line.
    pub(crate) change: String,
    /// What happened, in order of time: most of it is the same under both.
    pub(crate) moments: Vec<Moment>,
}

/// Something that happened to a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    /// When: `2011-10-08 14:22`.
    pub(crate) at: String,
    /// What, in a line.
    pub(crate) text: String,
    /// Of what kind.
    pub(crate) kind: Kind,
    /// Under which of the two.
    pub(crate) under: Under,
}

/// What kind of moment it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A visit began.
    #[default]
    Visit,
    /// A visit has stalled.
    Stall,
    /// An attempt was sent.
    Send,
    /// A message ended, or came to what it was for.
    End,
}

/// Under which strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Under {
    /// Under both alike.
    #[default]
    Both,
    /// Under the old one only.
    Old,
    /// Under the new one only.
    New,
}
