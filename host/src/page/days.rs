//! Messages by day: a picture as wide as the page, whose text keeps its size.

use std::collections::BTreeMap;

use super::Side;
use super::text::{Safe, cut, put, short};

const HIGH: f64 = 180.0;
/// With more days than this, lines instead of bars.
const MOST_BARS: usize = 45;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The days of both sides on one axis: each with its number of messages for each side.
pub(super) struct Days<'a> {
    /// In order, without gaps if all of them are dates.
    pub(super) days: Vec<(String, Vec<u64>)>,
    sides: &'a [Side],
}

impl<'a> Days<'a> {
    pub(super) fn of(sides: &'a [Side]) -> Days<'a> {
        let mut named: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (i, side) in sides.iter().enumerate() {
            for (day, n) in &side.days {
                let counts = named.entry(day).or_insert_with(|| vec![0; sides.len()]);
                if let Some(count) = counts.get_mut(i) {
                    *count = count.saturating_add(*n);
                }
            }
        }
        // Two sides together can have a gap where neither has one.
        let ends = named.keys().next().zip(named.keys().next_back());
        let dates = ends.and_then(|(first, last)| Some((Date::read(first)?, Date::read(last)?)));
        let all = dates.map(|(first, last)| first.until(&last)).unwrap_or_default();
        let whole = named.keys().all(|day| all.iter().any(|date| date.write() == *day));
        let days = if whole {
            let day = |date: &Date| {
                let day = date.write();
                let counts = named.get(day.as_str()).cloned();
                (day, counts.unwrap_or_else(|| vec![0; sides.len()]))
            };
            all.iter().map(day).collect()
        } else {
            named.into_iter().map(|(day, counts)| (day.to_owned(), counts)).collect()
        };
        Days { days, sides }
    }

    /// With many days there is no room for bars.
    pub(super) fn by_lines(&self) -> bool {
        self.days.len() > MOST_BARS
    }

    /// The picture. `hues` are the classes of the sides' colours.
    pub(super) fn draw(&self, out: &mut String, hues: &[&str]) {
        let most = self.days.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
        let step = nice(most as f64 / 4.0);
        let top = (most as f64 / step).ceil().max(1.0) * step;
        let ends = self.days.first().zip(self.days.last());
        let Some(((first, _), (last, _))) = ends else { return };
        put!(
            out,
            "<svg class=\"days\" width=\"100%\" height=\"{:.0}\" role=\"img\" aria-label=\"Messages by \
             day, from {} to {}, at most {} a day\"><title>Messages by day</title>",
            HIGH + 44.0,
            Safe(first),
            Safe(last),
            short(most)
        );
        for line in 0..=(top / step).round() as usize {
            let value = step * line as f64;
            let y = 10.0 + HIGH * (1.0 - value / top);
            let class = if line == 0 { "axis" } else { "grid" };
            put!(out, "<rect class=\"{class}\" y=\"{:.1}\" width=\"100%\" height=\"1\"/>", y - 0.5);
            let text = short(value as u64);
            put!(out, "<text class=\"tick end\" x=\"-8\" y=\"{:.1}\">{text}</text>", y + 4.0);
        }
        put!(
            out,
            "<svg y=\"10\" width=\"100%\" height=\"{HIGH:.0}\" viewBox=\"0 0 {} {HIGH:.0}\" \
             preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Messages\">",
            self.days.len()
        );
        for (i, hue) in hues.iter().enumerate().take(self.sides.len()) {
            let highs = self
                .days
                .iter()
                .map(|(_, counts)| HIGH * counts.get(i).copied().unwrap_or(0) as f64 / top);
            if self.by_lines() {
                lines(out, highs, hue);
            } else {
                bars(out, highs, hue, i as f64 / self.sides.len() as f64, self.sides.len() as f64);
            }
        }
        put!(out, "</svg>");
        self.ticks(out);
        put!(out, "</svg>");
    }

    fn ticks(&self, out: &mut String) {
        let n = self.days.len();
        let dates: Option<Vec<Date>> = self.days.iter().map(|(day, _)| Date::read(day)).collect();
        let every = |steps: &[usize], ticks: &dyn Fn(usize) -> usize| {
            steps.iter().copied().find(|step| ticks(*step) <= 7).unwrap_or(usize::MAX)
        };
        let days = every(&[1, 2, 7, 14], &|step| n.div_ceil(step));
        let months = every(&[1, 2, 3, 6, 12, 24, 60, 120, 600], &|step| n / (30 * step) + 1);
        let by_day = !self.by_lines();
        let mut year = None;
        for (i, (day, _)) in self.days.iter().enumerate() {
            let date = dates.as_ref().and_then(|dates| dates.get(i));
            let text = match date {
                Some(date) if by_day && i % days == 0 => format!("{} {}", date.day, date.month()),
                Some(date) if !by_day && date.day == 1 && date.months() % months == 0 => {
                    date.month().to_owned()
                }
                None if i % n.div_ceil(3) == 0 => cut(day, 7.0),
                _ => continue,
            };
            let x = 100.0 * (i as f64 + if by_day { 0.5 } else { 0.0 }) / n as f64;
            put!(
                out,
                "<rect class=\"axis\" x=\"{x:.3}%\" y=\"{:.0}\" width=\"1\" height=\"5\"/>\
                 <text class=\"tick mid\" x=\"{x:.3}%\" y=\"{:.0}\">{}</text>",
                HIGH + 10.0,
                HIGH + 27.0,
                Safe(&text)
            );
            if let Some(date) = date.filter(|date| year != Some(date.year)) {
                year = Some(date.year);
                put!(
                    out,
                    "<text class=\"tick mid\" x=\"{x:.3}%\" y=\"{:.0}\">{}</text>",
                    HIGH + 41.0,
                    date.year
                );
            }
        }
    }
}

fn bars(out: &mut String, highs: impl Iterator<Item = f64>, hue: &str, shift: f64, sides: f64) {
    put!(out, "<path class=\"fill {hue}\" d=\"");
    for (i, high) in highs.enumerate().filter(|(_, high)| *high > 0.0) {
        let high = high.max(1.0);
        let x = i as f64 + 0.1 + 0.8 * shift;
        put!(out, "M{x:.3} {:.1}h{:.3}v{high:.1}h-{:.3}z", HIGH - high, 0.76 / sides, 0.76 / sides);
    }
    put!(out, "\"/>");
}

fn lines(out: &mut String, highs: impl Iterator<Item = f64>, hue: &str) {
    let mut line = String::new();
    for (i, high) in highs.enumerate() {
        put!(&mut line, "{}{i} {:.1}h1", if i == 0 { 'M' } else { 'L' }, HIGH - high);
    }
    put!(out, "<path class=\"area {hue}\" d=\"{line}V{HIGH:.0}H0z\"/>");
    put!(out, "<path class=\"line {hue}\" d=\"{line}\"/>");
}

/// The next of 1, 2, 5, 10, 20, 50, ...: steps of an axis that people can read.
fn nice(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    power * steps.into_iter().find(|step| step * power >= least).unwrap_or(10.0)
}

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl Date {
    fn read(text: &str) -> Option<Date> {
        let mut parts = text.split('-').map(|part| part.parse().ok());
        let date = Date { year: parts.next()??, month: parts.next()??, day: parts.next()?? };
        let sound = parts.next().is_none() && (1..=12).contains(&date.month) && date.year < 10_000;
        (sound && (1..=date.month_length()).contains(&date.day)).then_some(date)
    }

    fn write(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn month(&self) -> &'static str {
        MONTHS.get(self.month as usize - 1).copied().unwrap_or("")
    }

    /// Months since the year 0.
    fn months(&self) -> usize {
        (self.year * 12 + self.month - 1) as usize
    }

    fn month_length(&self) -> u32 {
        let by = |years| self.year.is_multiple_of(years);
        let leap = by(4) && (!by(100) || by(400));
        match self.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn next(self) -> Date {
        let Date { year, month, day } = self;
        if day < self.month_length() {
            Date { day: day + 1, ..self }
        } else if month < 12 {
            Date { month: month + 1, day: 1, ..self }
        } else {
            Date { year: year + 1, month: 1, day: 1 }
        }
    }

    /// All days up to `last`; none if these would be more than a century.
    fn until(self, last: &Date) -> Vec<Date> {
        if last.year.saturating_sub(self.year) > 100 {
            return Vec::new();
        }
        let next = |day: &Date| Some(day.next()).filter(|day| day <= last);
        std::iter::successors(Some(self), next).collect()
    }
}
