//! The clock of one log: reads its times, and remembers what had to be assumed to do so.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::date::{self, Style};
use super::scan;
use super::shape::words;
use super::text::{quoted, shortened};
use crate::engine::event::{Instant, Value};

/// How 03/04/2011 is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As the fourth of March, as nothing says otherwise.
    MonthFirst,
    /// As the third of April, as was asked for.
    DayFirst,
    /// The same, as the sample has no other sense.
    DayFirstSeen,
}

/// Reads times.
pub(super) struct Clock {
    format: Option<String>,
    order: Order,
    /// What has been met.
    bare: bool,
    slashes: bool,
    dashes: bool,
    numbers: bool,
}

impl Clock {
    /// A clock for times in `format`, as strptime has it, or in any of the usual ways.
    pub(super) fn new(format: Option<String>, day_first: bool) -> Clock {
        Clock {
            format,
            order: match day_first {
                true => Order::DayFirst,
                false => Order::MonthFirst,
            },
            bare: false,
            slashes: false,
            dashes: false,
            numbers: false,
        }
    }

    /// Decides by a sample what can only be decided for all rows together.
    pub(super) fn study<'a>(&mut self, sample: impl Iterator<Item = &'a Value> + Clone) {
        if self.format.is_none() && self.order == Order::MonthFirst {
            let (mut day_first, mut month_first) = (0_usize, 0_usize);
            for value in sample.clone() {
                match scan::slashes(words(value).trim()) {
                    Some((13..=31, 1..=12)) => day_first += 1,
                    Some((1..=12, 13..=31)) => month_first += 1,
                    _ => {}
                }
            }
            if day_first > month_first {
                self.order = Order::DayFirstSeen;
            }
        }
        for value in sample {
            // A time that cannot be read is found out when it is its turn.
            let _ = self.read(value);
        }
    }

    /// Reads a time, or says what is wrong with it.
    pub(super) fn read(&mut self, value: &Value) -> Result<Instant, String> {
        let text = words(value);
        let text = text.trim();
        if let Some(format) = &self.format {
            let (millis, offset) = formatted(format, text).map_err(|reason| {
                let (shown, format) = (quoted(text), quoted(format));
                format!("time {shown} does not fit the format {format}: {reason}")
            })?;
            self.bare |= !offset;
            return Ok(Instant(millis));
        }
        let wrong = |expected| format!("time {} where {expected} is expected", quoted(text));
        if let Some(millis) = date::unix(text) {
            self.numbers = true;
            return millis.map(Instant).map_err(wrong);
        }
        let moment = date::read(text, self.order != Order::MonthFirst).map_err(wrong)?;
        self.bare |= !moment.offset;
        self.slashes |= moment.style == Style::Slashes;
        self.dashes |= moment.style == Style::Dashes;
        Ok(Instant(moment.millis))
    }

    /// What has been assumed up to now.
    pub(super) fn notes(&self) -> Vec<String> {
        let order = match self.order {
            Order::MonthFirst => {
                "dates like 03/04/2011 are read month first (--day-first reads them day first)"
            }
            Order::DayFirst => "dates like 03/04/2011 are read day first, as asked",
            Order::DayFirstSeen => {
                "dates like 03/04/2011 are read day first: the first rows have days above 12 there"
            }
        };
        let dashes = "dates like 03-04-2011 and 03.04.2011 are read day first";
        let numbers = "times that are numbers are taken as Unix time, in seconds, milliseconds, \
                       microseconds or nanoseconds by how large they are";
        let notes = [
            (self.bare, "times without an offset are taken as UTC"),
            (self.slashes, order),
            (self.dashes, dashes),
            (self.numbers, numbers),
        ];
        let met = notes.into_iter().filter(|(met, _)| *met);
        met.map(|(_, note)| note.to_owned()).collect()
    }
}

/// Reads a time in a format of the user's: its milliseconds, and whether it has an offset.
fn formatted(format: &str, text: &str) -> Result<(i64, bool), String> {
    let reason = |error: jiff::Error| shortened(&error.to_string(), 160);
    let time = strtime::parse(format, text).map_err(reason)?;
    let bare = time.offset().is_none() && time.timestamp().is_none();
    let stamp = match bare {
        false => time.to_timestamp().map_err(reason)?,
        true => {
            let local: DateTime = time.to_datetime().map_err(reason)?;
            TimeZone::UTC.to_timestamp(local).map_err(reason)?
        }
    };
    let millis = stamp.as_nanosecond().div_euclid(1_000_000);
    let millis = i64::try_from(millis).map_err(|_| "out of range".to_owned())?;
    Ok((millis, !bare))
}
