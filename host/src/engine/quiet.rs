//! Quiet hours in the recipient's time zone. A pure function of the hours, the zone and the moment: the time
//! zone database is the one built in, never the system's.
//!
//! The night of a local date is one interval: from the first instant at which the wall clock shows `from` on
//! that date to the last instant at which it shows `to`, on the same date or, over midnight, on the next. Where
//! the wall clock jumps over either, the interval begins or ends at the jump. So where the clock is set back a
//! night is longer, and nobody is woken in an hour that the clock calls night.

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::event::Instant;

/// Hours of the day in which nothing is sent, by the recipient's wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub struct Quiet {
    from: Time,
    to: Time,
}

/// Why two texts are not quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// The beginning is no time of day.
    #[error("`from` must be a time of day from 00:00 to 23:59, such as 22:00")]
    From,
    /// The end is no time of day.
    #[error("`to` must be a time of day from 00:00 to 23:59, such as 08:00")]
    To,
    /// They begin when they end, which could be no time or all day.
    #[error("`from` and `to` must differ")]
    Same,
}

/// Quiet hours as they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    from: String,
    to: String,
}

impl TryFrom<Texts> for Quiet {
    type Error = Unclear;

    fn try_from(texts: Texts) -> Result<Quiet, Unclear> {
        Quiet::parse(&texts.from, &texts.to)
    }
}

impl From<Quiet> for Texts {
    fn from(quiet: Quiet) -> Texts {
        Texts { from: written(quiet.from), to: written(quiet.to) }
    }
}

/// As text, such as `22:00-08:00`.
impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", written(self.from), written(self.to))
    }
}

/// How often one night may run into another before the end of the last is taken. It takes a clock that is set
/// back or jumps a day to make two of them meet.
const MOST_NIGHTS: usize = 8;

impl Quiet {
    /// Quiet hours from one time of day to another, both as `HH:MM`; over midnight if `to` is the earlier.
    ///
    /// # Errors
    ///
    /// If either is no time of day, or they are the same.
    pub fn parse(from: &str, to: &str) -> Result<Quiet, Unclear> {
        let from = time(from).ok_or(Unclear::From)?;
        let to = time(to).ok_or(Unclear::To)?;
        if from == to { Err(Unclear::Same) } else { Ok(Quiet { from, to }) }
    }

    /// When they begin and when they end, as `HH:MM`.
    #[must_use]
    pub fn texts(&self) -> (String, String) {
        (written(self.from), written(self.to))
    }

    /// The first moment after the quiet time that `now` is in; nothing if `now` is not quiet, or if the
    /// calendar has no such moment.
    #[must_use]
    pub fn until(&self, zone: &Zone, now: Instant) -> Option<Instant> {
        let mut end = self.night(zone, now)?;
        for _ in 1..MOST_NIGHTS {
            match self.night(zone, end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    /// The latest end of the nights that `now` lies in.
    fn night(&self, zone: &Zone, now: Instant) -> Option<Instant> {
        let today = zone.0.to_datetime(Timestamp::from_millisecond(now.0).ok()?).date();
        // That of tomorrow can have begun where the clock was set back over midnight.
        let dates = [today.yesterday().ok(), Some(today), today.tomorrow().ok()].into_iter();
        let nights = dates.flatten().filter_map(|date| self.interval(zone, date));
        nights.filter(|(start, end)| *start <= now && now < *end).map(|(_, end)| end).max()
    }

    /// When the night of a date begins, and when it is over.
    fn interval(&self, zone: &Zone, date: Date) -> Option<(Instant, Instant)> {
        let last = if self.to < self.from { date.tomorrow().ok()? } else { date };
        let start = zone.shown(date, self.from, AmbiguousTimestamp::earlier)?;
        Some((start, zone.shown(last, self.to, AmbiguousTimestamp::later)?))
    }
}

/// A time of day as people write it, both numbers with two digits.
fn time(text: &str) -> Option<Time> {
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    Time::new(number(h1, h2)?, number(m1, m2)?, 0, 0).ok()
}

fn number(tens: u8, ones: u8) -> Option<i8> {
    let digit = |c: u8| c.is_ascii_digit().then(|| c.wrapping_sub(b'0').cast_signed());
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn written(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// A time zone. Cheap to parse and to clone: the rules of a zone are read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// Bytes of a zone's name; the longest one there is has half as many.
const MOST_NAME: usize = 64;

impl Zone {
    /// The zone of that name: one of the time zone database, in any case, such as `Europe/Berlin`, or an offset
    /// from UTC such as `+08:00`, up to 18 hours. Nothing if there is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Zone> {
        if let Some(ahead) = name.strip_prefix('+') {
            return fixed(ahead, 1);
        }
        if let Some(behind) = name.strip_prefix('-') {
            return fixed(behind, -1);
        }
        // The database answers to these two as well; both say that the zone is not known.
        let unknown = ["Factory", "Etc/Unknown"].iter().any(|none| name.eq_ignore_ascii_case(none));
        if unknown || name.len() > MOST_NAME || !name.is_ascii() {
            return None;
        }
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }

    /// The zone of everybody of whom nothing is known.
    #[must_use]
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The instant at which the clock shows a time of a date; of two, the one that is picked; of none, the jump.
    fn shown(
        &self,
        date: Date,
        time: Time,
        pick: fn(AmbiguousTimestamp) -> Result<Timestamp, jiff::Error>,
    ) -> Option<Instant> {
        let shown = self.0.to_ambiguous_timestamp(date.to_datetime(time));
        let at = match shown.offset() {
            AmbiguousOffset::Gap { after, .. } => {
                // The jump is what leads to the new offset, after the earlier reading and no later than the
                // later one.
                let later = shown.later().ok()?;
                let mut jumps = self.0.following(shown.earlier().ok()?);
                jumps.find(|jump| jump.offset() == after).map_or(later, |jump| jump.timestamp())
            }
            _ => pick(shown).ok()?,
        };
        Some(Instant(at.as_millisecond()))
    }
}

/// The zone that is always so far from UTC, east if the sign is 1.
fn fixed(ahead: &str, sign: i32) -> Option<Zone> {
    let &[h1, h2, b':', m1, m2] = ahead.as_bytes() else { return None };
    let (hours, minutes) = (i32::from(number(h1, h2)?), i32::from(number(m1, m2)?));
    let total = hours * 60 + minutes;
    if minutes > 59 || total > 18 * 60 {
        return None;
    }
    Some(Zone(TimeZone::fixed(Offset::from_seconds(sign * total * 60).ok()?)))
}
