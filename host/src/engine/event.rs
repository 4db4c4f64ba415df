//! What happened: events, their fields and their clock. Plain data; touches nothing.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// The earliest moment there is.
    pub const MIN: Instant = Instant(i64::MIN);
    /// The latest moment there is.
    pub const MAX: Instant = Instant(i64::MAX);

    /// The moment `span` later; the latest moment if there is no such moment.
    #[must_use]
    pub fn plus(self, span: Millis) -> Instant {
        Instant(self.0.saturating_add_unsigned(span.0))
    }

    /// How long after `earlier` this is; nothing if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Instant) -> Millis {
        Millis(if self.0 > earlier.0 { self.0.abs_diff(earlier.0) } else { 0 })
    }
}

/// As text, such as `2026-03-02T10:00:00Z`; what lies beyond the calendar as a number.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => self.0.fmt(f),
        }
    }
}

/// A length of time, in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// The two lengths one after the other.
    #[must_use]
    pub fn plus(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }
}

/// One field's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; never infinite, never not-a-number.
    Number(f64),
    /// Text.
    Text(Arc<str>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(v) => v.fmt(f),
            Value::Integer(v) => v.fmt(f),
            Value::Number(v) => v.fmt(f),
            Value::Text(v) => v.fmt(f),
        }
    }
}

/// Named values, each name once, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "std::collections::BTreeMap<Arc<str>, Value>",
    into = "std::collections::BTreeMap<Arc<str>, Value>"
)]
pub struct Fields(Vec<(Arc<str>, Value)>);

impl Fields {
    /// No fields.
    pub const EMPTY: Fields = Fields(Vec::new());

    /// The value of the field `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.0.get(at).map(|(_, v)| v)
    }

    /// Sets the field `name`, whatever it was before.
    pub fn set(&mut self, name: Arc<str>, value: Value) {
        match self.0.binary_search_by(|(n, _)| n.cmp(&name)) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// All fields in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(n, v)| (n, v))
    }

    /// True if there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Arc<str>, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(fields: I) -> Self {
        std::collections::BTreeMap::from_iter(fields).into()
    }
}

impl From<std::collections::BTreeMap<Arc<str>, Value>> for Fields {
    fn from(fields: std::collections::BTreeMap<Arc<str>, Value>) -> Self {
        Fields(fields.into_iter().collect())
    }
}

impl From<Fields> for std::collections::BTreeMap<Arc<str>, Value> {
    fn from(fields: Fields) -> Self {
        fields.0.into_iter().collect()
    }
}

/// Something that one user did, or that happened to one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Whose event it is.
    pub user: Arc<str>,
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub what: What,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// The user did something. The field `node`, by custom, is the node attribute identifier.
    Operation {
        /// The event's name.
        name: Arc<str>,
        /// Its other fields.
        fields: Fields,
    },
    /// A page was shown; page stay runs from here until another page, `Hidden`, or the next node.
    Page {
        /// The page's name.
        name: Arc<str>,
        /// Its other fields.
        fields: Fields,
    },
    /// The page that was shown is no longer.
    Hidden,
    /// The page that was shown still is.
    Heartbeat,
    /// What is known of the user has changed; fields not named stay.
    Profile {
        /// The changed profile fields.
        fields: Fields,
    },
    /// The user said whether they want messages.
    Consent(super::consent::Consent),
    /// A sent message left a trace.
    Receipt(Receipt),
    /// A campaign goes out to the user, if they are one of those it is for.
    Campaign(Arc<super::policy::Launch>),
}

/// Return data: evidence about one attempt, found by the tracking id that was sent with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The attempt's tracking id.
    pub tracking: Arc<str>,
    /// What it shows.
    pub shows: Shows,
}

/// What a receipt shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// The message got this far.
    Grade(Grade),
    /// The channel gave the attempt up for good.
    Failed,
    /// So it did, and nothing will ever arrive at this address.
    Gone,
    /// The host did not let it out.
    Withheld(Withheld),
}

/// Why the host does not let out what was decided upon earlier. A reason, and no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// The address is on the tenant's suppression list.
    Suppressed,
    /// The user does not want it, or not on this channel.
    NotWanted,
    /// These are the user's quiet hours.
    QuietHours,
    /// The tenant has had its quota of messages.
    Quota,
}

impl Withheld {
    /// The reason in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Withheld::Suppressed => "suppressed",
            Withheld::NotWanted => "not-wanted",
            Withheld::QuietHours => "quiet-hours",
            Withheld::Quota => "quota",
        }
    }
}

/// How sure it is that a message was received, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// The provider took it.
    Accepted,
    /// It reached the device or mailbox.
    Delivered,
    /// Something opened it, likely a scanner.
    MachineOpened,
    /// Somebody opened it.
    Opened,
    /// It was on the screen of the app.
    Seen,
    /// The read button, a reply, or a followed link.
    Confirmed,
    /// The user did what the message was for.
    Converted,
}
