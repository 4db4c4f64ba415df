//! Dates and times of day as people write them, read from the left to the right.

use super::date::{
    DAY_MILLIS, Expected, HOUR, MONTH, MONTH_FIRST, Moment, OFFSET, SHAPE, Style, TIME, YEAR,
    clock, day, signed, within,
};

#[rustfmt::skip]
const MONTHS: [&str; 12] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
];
#[rustfmt::skip]
const DAYS: [&str; 7] = [
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
];

/// The first two parts of 03/04/2011, if that is how `text` begins.
pub(super) fn slashes(text: &str) -> Option<(i64, i64)> {
    let mut scan = Scan::new(text.as_bytes());
    let first = scan.short()?;
    let second = scan.eat(b'/').then(|| scan.short())??;
    (scan.eat(b'/') && scan.number()?.1 == 4).then_some((first, second))
}

/// What is left of a text.
pub(super) struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8]) -> Scan<'a> {
        Scan(text)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(n).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
        let n = self.0.iter().position(|byte| !wanted(byte));
        self.take(n.unwrap_or(self.0.len()))
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.take(usize::from(there));
        there
    }

    fn eat_any(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.take(1);
        Some(byte)
    }

    fn spaces(&mut self) -> bool {
        !self.take_while(u8::is_ascii_whitespace).is_empty()
    }

    fn word(&mut self) -> &'a [u8] {
        self.take_while(u8::is_ascii_alphabetic)
    }

    /// A number and how many digits it is written with.
    fn number(&mut self) -> Option<(i64, usize)> {
        let digits = self.take_while(u8::is_ascii_digit);
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((number, digits.len()))
    }

    /// A number of one or two digits.
    fn short(&mut self) -> Option<i64> {
        self.number().filter(|(_, digits)| *digits <= 2).map(|(number, _)| number)
    }

    /// A number of two digits.
    fn two(&mut self) -> Option<i64> {
        self.number().filter(|(_, digits)| *digits == 2).map(|(number, _)| number)
    }

    fn year(&mut self) -> Result<i64, Expected> {
        let year = self.number().ok_or(SHAPE)?;
        (year.1 == 4).then_some(year.0).ok_or(YEAR)
    }

    /// The milliseconds of a fraction of a second, cut off.
    pub(super) fn fraction(&mut self) -> Option<i64> {
        let digits = self.take_while(u8::is_ascii_digit);
        let millis = digits.iter().chain(std::iter::repeat(&b'0')).take(3);
        let millis = millis.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        (!digits.is_empty()).then_some(millis)
    }

    /// The date, with or without a time, that all of the text is; 03/04/2011 is in April if
    /// `day_first`.
    pub(super) fn moment(mut self, day_first: bool) -> Result<Moment, Expected> {
        let (day, style) = self.date(day_first)?;
        let date_only = self.0;
        let comma = self.eat(b',');
        let apart = match self.peek() {
            // 01/Oct/2011:00:38:44, as web servers have it.
            Some(b'T' | b't' | b':') if !comma => !self.take(1).is_empty(),
            _ => self.spaces(),
        };
        let timed = apart && self.peek().is_some_and(|byte| byte.is_ascii_digit());
        let clock = match timed {
            true => self.time()?,
            false => {
                self.0 = date_only;
                0
            }
        };
        let otherwise = if timed { OFFSET } else { SHAPE };
        let offset = self.offset().ok_or(otherwise)??;
        if !self.0.is_empty() {
            return Err(otherwise);
        }
        Ok(Moment {
            millis: within(day * DAY_MILLIS + clock - offset.unwrap_or(0))?,
            offset: offset.is_some(),
            style,
        })
    }

    /// The number of the day.
    fn date(&mut self, day_first: bool) -> Result<(i64, Style), Expected> {
        if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            let before = self.0;
            if named(&DAYS, self.word()).is_none() {
                self.0 = before;
            }
            self.between();
        }
        if let Some(b'a'..=b'z' | b'A'..=b'Z') = self.peek() {
            // Oct 1, 2011
            let month = named(&MONTHS, self.word()).ok_or(SHAPE)?;
            self.between();
            let date = self.short().ok_or(SHAPE)?;
            self.between();
            return Ok((day(self.year()?, month, date)?, Style::Plain));
        }
        let (first, digits) = self.number().ok_or(SHAPE)?;
        let between = self.between().ok_or(SHAPE)?;
        let word = self.word();
        if !word.is_empty() {
            // 01-Oct-2011, 2011-Oct-01
            let month = named(&MONTHS, word).ok_or(SHAPE)?;
            self.between().ok_or(SHAPE)?;
            let (year, date) = match digits {
                4 => (first, self.short().ok_or(SHAPE)?),
                1 | 2 => (self.year()?, first),
                _ => return Err(SHAPE),
            };
            return Ok((day(year, month, date)?, Style::Plain));
        }
        let second = self.short().ok_or(SHAPE)?;
        if !matches!(between, b'-' | b'/' | b'.') || !self.eat(between) {
            return Err(SHAPE);
        }
        match (digits, between) {
            (4, _) => {
                let date = self.short().ok_or(SHAPE)?;
                Ok((day(first, second, date)?, Style::Plain))
            }
            (1 | 2, b'/') if !day_first => {
                let day = day(self.year()?, first, second);
                let day = day.map_err(|e| if e == MONTH { MONTH_FIRST } else { e })?;
                Ok((day, Style::Slashes))
            }
            (1 | 2, b'/') => Ok((day(self.year()?, second, first)?, Style::Slashes)),
            (1 | 2, _) => Ok((day(self.year()?, second, first)?, Style::Dashes)),
            _ => Err(SHAPE),
        }
    }

    /// What stands between the parts of a date, and its first sign.
    fn between(&mut self) -> Option<u8> {
        if self.spaces() {
            return Some(b' ');
        }
        let sign = self.eat_any(b"-/.,")?;
        if matches!(sign, b'.' | b',') {
            self.spaces();
        }
        Some(sign)
    }

    fn time(&mut self) -> Result<i64, Expected> {
        let hour = self.short().ok_or(TIME)?;
        let minute = self.eat(b':').then(|| self.two()).flatten().ok_or(TIME)?;
        let (mut second, mut millis) = (0, 0);
        if self.eat(b':') {
            second = self.two().ok_or(TIME)?;
            if self.eat_any(b".,").is_some() {
                millis = self.fraction().ok_or(TIME)?;
            }
        }
        let before = self.0;
        self.spaces();
        let hour = match self.half() {
            Some(_) if !(1..=12).contains(&hour) => return Err(HOUR),
            Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
            None => {
                self.0 = before;
                hour
            }
        };
        clock(hour, minute, second, millis)
    }

    /// AM, or PM: true. Nothing, and perhaps a letter gone, if there is neither.
    fn half(&mut self) -> Option<bool> {
        let afternoon = self.eat_any(b"aApP")?.eq_ignore_ascii_case(&b'p');
        let dotted = self.eat(b'.');
        self.eat_any(b"mM")?;
        if dotted {
            self.eat(b'.');
        }
        Some(afternoon)
    }

    /// An offset in milliseconds, or none; nothing at all if there is something else.
    fn offset(&mut self) -> Option<Result<Option<i64>, Expected>> {
        if self.0.is_empty() {
            return Some(Ok(None));
        }
        self.spaces();
        let word = self.word();
        let universal = [&b"Z"[..], b"UTC", b"GMT"].iter().any(|n| word.eq_ignore_ascii_case(n));
        let offset = match self.eat_any(b"+-") {
            Some(sign) if universal || word.is_empty() => {
                let (hours, digits) = self.number()?;
                let (hours, minutes) = match digits {
                    4 => (hours / 100, hours % 100),
                    1 | 2 if self.eat(b':') => (hours, self.two()?),
                    1 | 2 => (hours, 0),
                    _ => return None,
                };
                signed(sign, hours, minutes)
            }
            None if universal => Ok(0),
            _ => return None,
        };
        self.remark();
        Some(offset.map(Some))
    }

    /// Passes over the name of a zone behind the offset, `[Europe/Amsterdam]` or `(CEST)`.
    fn remark(&mut self) {
        if let [b'[', .., b']'] | [b' ', b'(', .., b')'] = self.0 {
            self.0 = &[];
        }
    }
}

/// The number, from 1 on, of the one of the `names` that `word` is or shortens to three letters
/// or more.
fn named(names: &[&str], word: &[u8]) -> Option<i64> {
    let short = |name: &&str| {
        let start = name.as_bytes().get(..word.len());
        word.len() >= 3 && start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let place = names.iter().position(short)?;
    i64::try_from(place + 1).ok()
}
