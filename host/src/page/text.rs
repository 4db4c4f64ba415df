//! Text and numbers as the page writes them. Whatever comes from outside passes through here.

use std::fmt::{self, Display, Write as _};

/// Writes to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        let _ = std::fmt::Write::write_fmt($out, format_args!($($arg)*));
    }};
}
pub(super) use put;

/// Any text at all, as HTML text or the inside of a quoted attribute.
pub(super) struct Safe<'a>(pub(super) &'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(' '),
            // A parser would drop them or stumble.
            c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            c => f.write_char(c),
        })
    }
}

/// A name within a sentence or a cell: what it does to the direction of writing ends with it, and a very
/// long one is cut by the style sheet after a few lines.
pub(super) fn name(text: &str) -> String {
    let text = if text.trim().is_empty() { "(no name)" } else { text };
    let title = match text.chars().nth(60) {
        Some(_) => format!(" title=\"{}\"", Safe(text)),
        None => String::new(),
    };
    // May break after each `_`.
    format!("<bdi class=\"name\"{title}>{}</bdi>", Safe(text).to_string().replace('_', "_<wbr>"))
}

/// `text` on one line and no wider than `ems` in a usual font, not yet escaped.
pub(super) fn cut(text: &str, ems: f64) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = if line.is_empty() { "(no name)".to_owned() } else { line };
    if width(&line) <= ems {
        return line;
    }
    let mut room = ems - 1.0;
    let fits = |c: &char| {
        room -= glyph(*c);
        room >= 0.0
    };
    let mut short: String = line.chars().take_while(fits).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// About how wide `text` is, in ems: on the wide side, since the reader's font is not known.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(glyph).sum()
}

fn glyph(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ' ' | '\'' | '|' | ':' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.12,
        'A'..='Z' | '_' => 0.72,
        '\0'..='\u{24f}' => 0.64,
        '\u{250}'..='\u{10ff}' => 0.72,
        _ => 1.15,
    }
}

/// `1,234,567`.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A number where there is little room: `9,999`, `12.3k`, `4.56M`.
pub(super) fn short(n: u64) -> String {
    if n < 10_000 {
        return count(n);
    }
    let (mut n, mut unit) = (n as f64 / 1e3, "k");
    for next in ["M", "G", "T", "P", "E"] {
        if n < 999.5 {
            break;
        }
        (n, unit) = (n / 1e3, next);
    }
    let decimals = if n < 9.995 { 2 } else { usize::from(n < 99.95) };
    let n = format!("{n:.decimals$}");
    let n = if decimals > 0 { n.trim_end_matches('0').trim_end_matches('.') } else { &n };
    format!("{n}{unit}")
}

/// An amount in the tenant's unit: `1,234.50`.
pub(super) fn money(amount: f64) -> String {
    if !amount.is_finite() {
        return "–".to_owned();
    }
    // Two decimals, and four for what would be none.
    let decimals = if amount.abs() < 0.01 && amount != 0.0 { 4 } else { 2 };
    let text = format!("{:.decimals$}", amount.abs());
    let sign = if amount < 0.0 { "−" } else { "" };
    match text.split_once('.') {
        Some((whole, part)) if whole.len() <= 15 => format!("{sign}{}.{part}", grouped(whole)),
        _ => format!("{sign}{:.3e}", amount.abs()),
    }
}

/// How much of the whole: `56 %`; a dash of nothing.
pub(super) fn share(part: u64, whole: f64) -> String {
    if whole <= 0.0 {
        return "–".to_owned();
    }
    percent(100.0 * part as f64 / whole)
}

fn percent(value: f64) -> String {
    let value = value.abs();
    if value > 0.0 && value < 0.05 {
        "≤0.1\u{a0}%".to_owned()
    } else if value < 9.95 && value > 0.0 {
        format!("{value:.1}\u{a0}%")
    } else if value < 1e6 {
        format!("{}\u{a0}%", grouped(&format!("{value:.0}")))
    } else {
        "≥1,000,000\u{a0}%".to_owned()
    }
}

/// What is more or less, with its sign: `+56`, `−3`, `±0`.
pub(super) fn change(old: u64, new: u64) -> String {
    format!("{}{}", sign(old as f64, new as f64, old == new), count(old.abs_diff(new)))
}

/// [`change`] of an amount.
pub(super) fn change_money(old: f64, new: f64) -> String {
    let by = money((new - old).abs());
    format!("{}{by}", sign(old, new, old == new || by == "–"))
}

/// [`change`] in parts of the old: ` (+4.5 %)`, nothing where there was nothing.
pub(super) fn change_share(old: f64, new: f64) -> String {
    let by = 100.0 * (new - old) / old;
    if by.is_finite() && by != 0.0 {
        format!(" ({}{})", sign(old, new, false), percent(by))
    } else {
        String::new()
    }
}

fn sign(old: f64, new: f64, same: bool) -> &'static str {
    match (same, new < old) {
        (true, _) => "±",
        (false, true) => "−",
        (false, false) => "+",
    }
}

/// A length of time, in the unit that says it in few digits: `90 s`, `24 h`, `7 d`.
pub(super) fn span(millis: u64) -> String {
    const UNITS: [(f64, f64, &str); 4] = [
        (100e3, 1e3, "s"),
        (60.0 * 60e3, 60e3, "min"),
        (48.0 * 3600e3, 3600e3, "h"),
        (730.0 * 86_400e3, 86_400e3, "d"),
    ];
    if millis < 1000 {
        return format!("{millis}\u{a0}ms");
    }
    let length = millis as f64;
    let fits = UNITS.iter().find(|(below, ..)| length < *below);
    let (unit, name) = fits.map_or((365.25 * 86_400e3, "y"), |(_, unit, name)| (*unit, *name));
    let n = length / unit;
    if n > 1000.0 {
        return "≥1,000\u{a0}y".to_owned();
    }
    let n = if n < 9.95 { format!("{n:.1}") } else { grouped(&format!("{n:.0}")) };
    format!("{}\u{a0}{name}", n.strip_suffix(".0").unwrap_or(&n))
}
