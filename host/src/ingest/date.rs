//! Moments in text: those that programs write, as RFC 3339 or Unix time, and the calendar behind
//! them. What people write is `scan`'s. Knows no file and no time zone: what cannot be told from
//! the text alone is said and left to `time`.

use super::scan::Scan;

/// A moment that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since the Unix epoch, those of UTC if there is no offset.
    pub(super) millis: i64,
    /// True if an offset was written.
    pub(super) offset: bool,
    /// How its date was written.
    pub(super) style: Style,
}

/// How a date is written, as far as it may be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// In no way but one.
    Plain,
    /// 03/04/2011.
    Slashes,
    /// 03-04-2011 or 03.04.2011.
    Dashes,
}

/// What was expected instead of what is there.
pub(super) type Expected = &'static str;

pub(super) const SHAPE: Expected =
    "a date and time such as 2011-10-01T00:38:44+02:00, or Unix time";
pub(super) const MONTH: Expected = "a month from 1 to 12";
pub(super) const MONTH_FIRST: Expected =
    "a month from 1 to 12 in front (dates with slashes are read month first; see --day-first)";
pub(super) const DAY: Expected = "a day that the month has";
pub(super) const YEAR: Expected = "a year of four digits, from 1 on";
pub(super) const TIME: Expected = "a time of day such as 00:38 or 00:38:44.546";
pub(super) const HOUR: Expected = "an hour from 0 to 23, or from 1 to 12 with AM or PM";
const MINUTE: Expected = "minutes from 0 to 59";
const SECOND: Expected = "seconds from 0 to 60";
pub(super) const OFFSET: Expected = "an offset such as Z or +02:00, or nothing, behind the time";
const LATEST: Expected = "a time between the years 1 and 9999";

pub(super) const DAY_MILLIS: i64 = 86_400_000;
/// The first millisecond of the year 1, and of the year 10000.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_300_800_000;

/// Reads `text`, without space around it; 03/04/2011 is in April if `day_first`.
pub(super) fn read(text: &str, day_first: bool) -> Result<Moment, Expected> {
    match rfc3339(text.as_bytes()) {
        Some(millis) => Ok(Moment { millis, offset: true, style: Style::Plain }),
        None => Scan::new(text.as_bytes()).moment(day_first),
    }
}

/// Most times in most logs: `YYYY-MM-DDTHH:MM:SS[.fff](Z|±HH[:]MM)`. Whatever is unusual about
/// the rest is found out the slow way.
fn rfc3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    #[rustfmt::skip]
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ',
         h1, h2, b':', n1, n2, b':', s1, s2] = *date else { return None };
    let two = |a: u8, b: u8| {
        let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
        (a < 10 && b < 10).then(|| i64::from(a * 10 + b))
    };
    let day = day(two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?).ok()?;
    let mut scan = Scan::new(rest);
    let fraction = match scan.eat(b'.') {
        true => scan.fraction()?,
        false => 0,
    };
    let clock = clock(two(h1, h2)?, two(n1, n2)?, two(s1, s2)?, fraction).ok()?;
    let offset = match *scan.rest() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            signed(sign, two(h1, h2)?, two(m1, m2)?).ok()?
        }
        _ => return None,
    };
    within(day * DAY_MILLIS + clock - offset).ok()
}

/// The number of the day, the epoch's being 0, if there is such a day.
pub(super) fn day(year: i64, month: i64, day: i64) -> Result<i64, Expected> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(MONTH),
    };
    match (year, day) {
        (..=0 | 10_000.., _) => return Err(YEAR),
        (_, day) if day < 1 || day > days => return Err(DAY),
        _ => {}
    }
    // Years that begin in March have their odd day at the end (Hinnant, "chrono-compatible
    // low-level date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok(year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719_468)
}

/// The milliseconds from midnight on.
pub(super) fn clock(hour: i64, minute: i64, second: i64, millis: i64) -> Result<i64, Expected> {
    match (hour, minute, second) {
        (24.., _, _) => Err(HOUR),
        (_, 60.., _) => Err(MINUTE),
        (_, _, 61..) => Err(SECOND),
        // A leap second has no place of its own in Unix time.
        (_, _, 60) => Ok((hour * 60 + minute) * 60_000 + 59_999),
        _ => Ok((hour * 60 + minute) * 60_000 + second * 1000 + millis),
    }
}

/// An offset in milliseconds.
pub(super) fn signed(sign: u8, hours: i64, minutes: i64) -> Result<i64, Expected> {
    match (hours, minutes) {
        (24.., _) | (_, 60..) => Err(OFFSET),
        _ if sign == b'-' => Ok(-(hours * 60 + minutes) * 60_000),
        _ => Ok((hours * 60 + minutes) * 60_000),
    }
}

pub(super) fn within(millis: i64) -> Result<i64, Expected> {
    (FIRST..LAST).contains(&millis).then_some(millis).ok_or(LATEST)
}

/// Unix time in text: seconds, or a finer unit if there are too many. Nothing if it is no number.
pub(super) fn unix(text: &str) -> Option<Result<i64, Expected>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !number(whole) || !number(part) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 22 {
        return Some(Err(LATEST));
    }
    // Milliseconds need three digits of any unit; what is behind them only tells, before the
    // epoch, that it was a little earlier.
    let decimal = |sum, digit: u8| sum * 10 + i128::from(digit - b'0');
    let whole = whole.bytes().fold(0, decimal);
    let thousandths = part.bytes().chain(*b"000").take(3).fold(whole, decimal);
    let more = part.bytes().skip(3).any(|digit| digit != b'0');
    let thousandths = match negative {
        true => -thousandths - i128::from(more),
        false => thousandths,
    };
    let units =
        [(100_000_000_000, 1), (100_000_000_000_000, 1000), (100_000_000_000_000_000, 1_000_000)];
    let unit = units.iter().find(|(least, _)| whole < *least);
    let unit = unit.map_or(1_000_000_000, |(_, unit)| *unit);
    let millis = i64::try_from(thousandths.div_euclid(unit));
    Some(millis.map_err(|_| LATEST).and_then(within))
}
