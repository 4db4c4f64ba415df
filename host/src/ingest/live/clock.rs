//! When an item happened: reads the moments a sender names and makes them the service's.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Received;
use super::error::Refused;
use super::json::{Json, Object};
use crate::engine::event::{Instant, Millis};

/// The first millisecond of the year 1, and of the year 10000.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_300_800_000;

/// A moment that a sender named, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    millis: i64,
    key: &'static str,
}

/// The moment under `key`.
pub(super) fn named(object: &Object<'_>, key: &'static str) -> Result<Option<Named>, Refused> {
    let Some(json) = object.get(key) else { return Ok(None) };
    match moment(json) {
        Ok(millis) => Ok(Some(Named { millis, key })),
        Err(refused) => Err(refused.within(key)),
    }
}

/// The moment that `json` is, in milliseconds since the epoch.
pub(super) fn moment(json: &Json<'_>) -> Result<i64, Refused> {
    match json {
        Json::Text(text) => read(text),
        Json::Integer(millis) => within(*millis),
        Json::Large(_) => within(i64::MAX),
        Json::Number(_) => {
            Err(Refused::invalid("", "no whole number: send whole milliseconds since 1970"))
        }
        other => Err(other.instead_of("a time")),
    }
}

/// The moment that `text` is: ISO 8601, in UTC if it has no offset.
pub(super) fn read(text: &str) -> Result<i64, Refused> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return within(at.as_millisecond());
    }
    let bare = text.parse::<DateTime>().and_then(|at| TimeZone::UTC.to_timestamp(at));
    match bare {
        Ok(at) => within(at.as_millisecond()),
        Err(_) => {
            let reason = "no time: send ISO 8601 such as 2026-03-02T10:00:00.000Z, or whole \
                          milliseconds since 1970";
            Err(Refused::invalid("", reason))
        }
    }
}

/// When a message that was just sent happened. The sender's clock may be wrong, but it was as
/// wrong when the message was sent: what lies between the two is right.
pub(super) fn live(
    object: &Object<'_>,
    sent: Option<i64>,
    received: &Received,
) -> Result<Instant, Refused> {
    let timestamp = named(object, "timestamp")?;
    let original = named(object, "originalTimestamp")?;
    let sent = named(object, "sentAt")?.map(|sent| sent.millis).or(sent);
    match (original.or(timestamp), timestamp.or(original), sent) {
        (Some(original), _, Some(sent)) => skewed(original, sent, received.now, received),
        (_, Some(plain), _) => past(plain, received),
        _ => Ok(received.now),
    }
}

/// When a message that was sent some time ago happened, if that can be told: in what was recorded
/// at its other end, `timestamp` has been corrected already.
pub(super) fn recorded(
    object: &Object<'_>,
    received: &Received,
) -> Result<Option<Instant>, Refused> {
    let timestamp = named(object, "timestamp")?;
    let original = named(object, "originalTimestamp")?;
    let (sent, arrived) = (named(object, "sentAt")?, named(object, "receivedAt")?);
    match (timestamp, original, sent, arrived) {
        (Some(plain), ..) => past(plain, received).map(Some),
        (_, Some(original), Some(sent), Some(arrived)) => {
            skewed(original, sent.millis, Instant(arrived.millis), received).map(Some)
        }
        (_, Some(plain), ..) | (_, _, _, Some(plain)) => past(plain, received).map(Some),
        _ => Ok(None),
    }
}

/// The moment `at`, as the service takes it: nothing happens later than it is heard of.
pub(super) fn past(at: Named, received: &Received) -> Result<Instant, Refused> {
    let moment = Instant(at.millis);
    let ahead = moment.since(received.now);
    match received.limits.future {
        Some(Millis(most)) if ahead.0 > most => {
            let reason = format!("{} ms in the future: set the sender's clock right", ahead.0);
            Err(Refused::invalid("", reason).within(at.key))
        }
        _ => Ok(moment.min(received.now)),
    }
}

/// The moment `at`, which somebody else has read, as the service takes it.
pub(super) fn known(
    at: Instant,
    key: &'static str,
    received: &Received,
) -> Result<Instant, Refused> {
    let millis = within(at.0).map_err(|refused| refused.within(key))?;
    past(Named { millis, key }, received)
}

/// The moment that `text` is, as the service takes it; where it stands is `key`.
pub(super) fn past_text(
    text: &str,
    key: &'static str,
    received: &Received,
) -> Result<Instant, Refused> {
    let millis = read(text).map_err(|refused| refused.within(key))?;
    past(Named { millis, key }, received)
}

fn skewed(
    original: Named,
    sent: i64,
    arrived: Instant,
    received: &Received,
) -> Result<Instant, Refused> {
    // All are within some ten thousand years.
    let millis = arrived.0.saturating_sub(sent.saturating_sub(original.millis));
    past(Named { millis: millis.max(FIRST), ..original }, received)
}

fn within(millis: i64) -> Result<i64, Refused> {
    match (FIRST..LAST).contains(&millis) {
        true => Ok(millis),
        false => Err(Refused::invalid("", "not between the years 1 and 9999")),
    }
}
