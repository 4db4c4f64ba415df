//! What a file is, by what is in it and never by what it is called.

use std::fmt;

use super::csv;
use super::row::{CAP, Fatal};
use super::text::quoted;

/// How many lines are asked whether they look like JSON.
const LINES: usize = 10;
/// How many rows are split to find the delimiter.
const ROWS: usize = 20;
/// How much is looked at to tell text from anything else.
const GLANCE: usize = 4096;

/// What a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// What it is written in.
    pub syntax: Syntax,
    /// True if it is packed with gzip.
    pub gzip: bool,
}

/// What a log is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// One JSON object to a line.
    Ndjson,
    /// Values between delimiters, and a header.
    Csv {
        /// What is between the values.
        delimiter: char,
    },
    /// The XML of IEEE 1849.
    Xes,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gzip = if self.gzip { ", gzip" } else { "" };
        write!(f, "{}{gzip}", self.syntax)
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Syntax::Ndjson => f.write_str("NDJSON"),
            Syntax::Xes => f.write_str("XES"),
            Syntax::Csv { delimiter: ',' } => f.write_str("CSV (comma)"),
            Syntax::Csv { delimiter: ';' } => f.write_str("CSV (semicolon)"),
            Syntax::Csv { delimiter: '\t' } => f.write_str("CSV (tab)"),
            Syntax::Csv { delimiter: '|' } => f.write_str("CSV (pipe)"),
            Syntax::Csv { delimiter } => write!(f, "CSV ({delimiter:?})"),
        }
    }
}

/// What the file with this beginning is written in.
pub(super) fn syntax(head: &[u8]) -> Result<Syntax, Fatal> {
    foreign(head)?;
    let text = head.trim_ascii_start();
    match text {
        [] => return Err(Fatal::Empty),
        [b'<', ..] => return Ok(Syntax::Xes),
        [b'{', ..] => return Ok(Syntax::Ndjson),
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [] | [b'{' | b'[' | b'"', ..]) => {
            let reason = "it is a JSON array; what can be read is one JSON object to a line";
            return Err(Fatal::NotALog(reason.into()));
        }
        _ => {}
    }
    // A broken first line does not make a file of objects anything else.
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).take(LINES).collect();
    let objects = lines.iter().filter(|line| line.starts_with(b"{")).count();
    if objects * 2 > lines.len() {
        return Ok(Syntax::Ndjson);
    }
    match delimiter(head) {
        Some(delimiter) => Ok(Syntax::Csv { delimiter }),
        None => {
            let first = lines.first().copied().unwrap_or_default();
            Err(Fatal::NotALog(format!(
                "it is neither XES, JSON lines nor CSV; it begins with {}",
                quoted(&String::from_utf8_lossy(first))
            )))
        }
    }
}

/// Complains about what is no text, by name if it is something usual.
fn foreign(head: &[u8]) -> Result<(), Fatal> {
    let known: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive (or a spreadsheet); unpack or export it"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it"),
        (b"\xfd7zXZ\0", "packed with xz; unpack it"),
        (b"BZh91AY&SY", "packed with bzip2; unpack it"),
        (b"\x1f\x8b", "packed with gzip twice; unpack it"),
        (b"PAR1", "a Parquet file; export it as CSV"),
        (b"SQLite format 3\0", "an SQLite database; export it as CSV"),
        (b"%PDF-", "a PDF document"),
        (b"\xff\xfe", "text in UTF-16; convert it to UTF-8"),
        (b"\xfe\xff", "text in UTF-16; convert it to UTF-8"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(Fatal::NotALog(format!("it is {what}")));
    }
    let glance = head.get(..GLANCE).unwrap_or(head);
    let odd = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    // A stray one makes a bad row; so many make no text.
    match glance.iter().filter(odd).count() * 20 > glance.len() {
        true => Err(Fatal::NotALog("it is binary".into())),
        false => Ok(()),
    }
}

/// The delimiter that splits the header into columns and the first rows into as many.
fn delimiter(head: &[u8]) -> Option<char> {
    let fit = |delimiter: char| {
        let mut rows = csv::Splitter::new(head, delimiter, CAP);
        let mut next = || match rows.next() {
            Ok(Some(Ok(_))) => Some(rows.cells()),
            _ => None,
        };
        let columns = next()?;
        let same = (0..ROWS).map_while(|_| next()).filter(|n| *n == columns);
        (columns > 1).then(|| (same.count(), columns, delimiter))
    };
    // The last of the best is taken.
    let fits = ['|', '\t', ';', ','].into_iter().filter_map(fit);
    let best = fits.max_by_key(|(same, columns, _)| (*same, *columns));
    best.map(|(_, _, delimiter)| delimiter)
}
