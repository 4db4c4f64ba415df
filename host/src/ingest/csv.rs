//! CSV: rows of text between delimiters, under a header.
//!
//! Cut by hand because a row must be given up at its cap, without its text being kept: one quote
//! that is never closed would otherwise take the rest of the file into memory.

use std::io::{self, BufRead, ErrorKind};
use std::sync::Arc;

use super::row::{CAP, Fatal, Fault, Row};
use super::text::Shared;
use crate::engine::event::Value;

/// Where in a row the splitter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the first byte of a cell.
    Start,
    /// In a cell without quotes, or behind its closing quote.
    Bare,
    /// Between quotes.
    Quoted,
    /// Behind a quote between quotes: the end, or the first of two that mean one.
    Quote,
    /// In a row that is too long, of which nothing more is kept.
    Lost,
}

/// Why a row could not be cut out.
pub(super) enum Uncut {
    /// It is longer than the cap.
    Long,
    /// It opens a quote that is not closed within the cap.
    Open,
}

/// Cuts bytes into rows and these into cells.
pub(super) struct Splitter<R> {
    bytes: R,
    delimiter: u8,
    cap: usize,
    /// The line of the next byte.
    line: u64,
    /// True behind a carriage return that ended a row: a line feed still belongs to it.
    returned: bool,
    /// The cells of the row, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: BufRead> Splitter<R> {
    /// Splits `bytes`; no more than `cap` of them to a row.
    pub(super) fn new(bytes: R, delimiter: char, cap: usize) -> Splitter<R> {
        Splitter {
            bytes,
            delimiter: u8::try_from(delimiter).unwrap_or(b','),
            cap,
            line: 1,
            returned: false,
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// How many cells the row has.
    pub(super) fn cells(&self) -> usize {
        self.ends.len()
    }

    /// The next row that is not blank: the line it starts on. Nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<u64, (u64, Uncut)>>> {
        loop {
            let Some((line, cut)) = self.cut()? else {
                return Ok(None);
            };
            let blank = self.ends.len() == 1 && self.text.trim_ascii().is_empty();
            match cut {
                Ok(()) if blank => {}
                Ok(()) => return Ok(Some(Ok(line))),
                Err(uncut) => return Ok(Some(Err((line, uncut)))),
            }
        }
    }

    fn cut(&mut self) -> io::Result<Option<(u64, Result<(), Uncut>)>> {
        self.text.clear();
        self.ends.clear();
        let mut at = At::Start;
        let mut uncut = None;
        let mut size = 0;
        let mut first = self.line;
        loop {
            let chunk = match self.bytes.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                if size == 0 {
                    return Ok(None);
                }
                self.ends.push(self.text.len());
                if at != At::Quoted || !self.text.ends_with(b"\n") {
                    self.line += 1;
                }
                let open = (at == At::Quoted).then_some(Uncut::Open);
                return Ok(Some((first, uncut.or(open).map_or(Ok(()), Err))));
            }
            let mut used = 0;
            let mut whole = false;
            for &byte in chunk {
                used += 1;
                if std::mem::take(&mut self.returned) && byte == b'\n' {
                    continue;
                }
                if size == 0 {
                    first = self.line;
                }
                size += 1;
                if size > self.cap && at != At::Lost {
                    uncut = Some(match at {
                        At::Quoted => Uncut::Open,
                        _ => Uncut::Long,
                    });
                    // The next line is the likeliest place for the next row, quotes or not.
                    at = At::Lost;
                }
                at = match (at, byte) {
                    (At::Quoted, b'"') => At::Quote,
                    (At::Quoted, _) => {
                        self.line += u64::from(byte == b'\n');
                        self.text.push(byte);
                        At::Quoted
                    }
                    (_, b'\n' | b'\r') => {
                        self.line += 1;
                        self.returned = byte == b'\r';
                        whole = true;
                        break;
                    }
                    (At::Lost, _) => At::Lost,
                    (At::Start, b'"') => At::Quoted,
                    (At::Quote, b'"') => {
                        self.text.push(byte);
                        At::Quoted
                    }
                    _ if byte == self.delimiter => {
                        self.ends.push(self.text.len());
                        At::Start
                    }
                    _ => {
                        self.text.push(byte);
                        At::Bare
                    }
                };
            }
            self.bytes.consume(used);
            if whole {
                self.ends.push(self.text.len());
                return Ok(Some((first, uncut.map_or(Ok(()), Err))));
            }
        }
    }

    /// The cells of the row, trimmed; nothing if they are not UTF-8, each by itself.
    fn texts(&self) -> Option<impl Iterator<Item = &str>> {
        let text = std::str::from_utf8(&self.text).ok()?;
        // Two halves of a character in two cells make a character together, and an end in it.
        if !self.ends.iter().all(|end| text.is_char_boundary(*end)) {
            return None;
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let cells = starts.zip(&self.ends);
        Some(cells.map(|(start, end)| text.get(start..*end).unwrap_or_default().trim()))
    }

    /// The row as it may have been written, but for quotes around what needs none.
    fn shown(&self) -> String {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut shown = String::new();
        for (n, (start, end)) in starts.zip(&self.ends).enumerate() {
            if n > 0 {
                shown.push(char::from(self.delimiter));
            }
            let cell = String::from_utf8_lossy(self.text.get(start..*end).unwrap_or_default());
            match cell.contains(['"', '\n', '\r', char::from(self.delimiter)]) {
                true => {
                    shown.push('"');
                    shown.push_str(&cell.replace('"', "\"\""));
                    shown.push('"');
                }
                false => shown.push_str(&cell),
            }
        }
        shown
    }

    /// The cells as they are.
    #[cfg(test)]
    pub(super) fn raw(&self) -> Vec<Vec<u8>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let cells = starts.zip(&self.ends);
        cells.filter_map(|(start, end)| self.text.get(start..*end).map(<[u8]>::to_vec)).collect()
    }

    /// What is wrong with a row that starts on `line` and was not cut out.
    fn reason(&self, line: u64, uncut: &Uncut) -> String {
        match uncut {
            Uncut::Long => format!("longer than {} KiB", self.cap >> 10),
            Uncut::Open => {
                let to = self.line.saturating_sub(1).max(line);
                format!("a quote is opened and not closed; lines {line} to {to} are lost")
            }
        }
    }
}

/// The rows under a header.
pub(super) struct Rows<R> {
    splitter: Splitter<R>,
    /// The columns; nothing for one without a name of its own.
    columns: Vec<Option<Arc<str>>>,
    notes: Vec<String>,
    values: Shared,
    over: bool,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header.
    pub(super) fn open(bytes: R, delimiter: char) -> Result<Rows<R>, Fatal> {
        let mut splitter = Splitter::new(bytes, delimiter, CAP);
        match splitter.next().map_err(|error| Fatal::from(&error))? {
            None => return Err(Fatal::Empty),
            Some(Ok(_)) => {}
            Some(Err((line, uncut))) => {
                let reason = splitter.reason(line, &uncut);
                return Err(Fatal::NotALog(format!("its header: {reason}")));
            }
        }
        let Some(names) = splitter.texts() else {
            return Err(Fatal::NotALog("its header is not UTF-8".into()));
        };
        let mut columns: Vec<Option<Arc<str>>> = Vec::new();
        let mut known = std::collections::HashSet::new();
        let mut notes = Vec::new();
        for (n, name) in names.enumerate() {
            let fresh = !name.is_empty() && known.insert(name);
            columns.push(fresh.then(|| name.into()));
            if !fresh && notes.len() < 5 {
                notes.push(match name {
                    "" => format!("column {} has no name and is left out", n + 1),
                    _ => {
                        let name = super::text::quoted(name);
                        format!("there is more than one column {name}; the first is taken")
                    }
                });
            }
        }
        Ok(Rows { splitter, columns, notes, values: Shared::new(1 << 14), over: false })
    }

    /// The names in the header.
    pub(super) fn header(&self) -> Vec<Arc<str>> {
        self.columns.iter().flatten().cloned().collect()
    }

    /// What is to be said of the header.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Option<Result<Row, Fault>> {
        if self.over {
            return None;
        }
        Some(match self.splitter.next() {
            Ok(Some(Ok(line))) => self.row(line).map_err(|reason| {
                let text = self.splitter.shown();
                Fault::Row { line, reason, text }
            }),
            Ok(Some(Err((line, uncut)))) => {
                let reason = self.splitter.reason(line, &uncut);
                Err(Fault::Row { line, reason, text: String::new() })
            }
            Ok(None) => {
                self.over = true;
                return None;
            }
            Err(error) => {
                self.over = true;
                Err(error.into())
            }
        })
    }

    fn row(&mut self, line: u64) -> Result<Row, String> {
        let (found, wanted) = (self.splitter.cells(), self.columns.len());
        if found != wanted {
            let s = if found == 1 { "" } else { "s" };
            return Err(format!("{found} field{s} where the header has {wanted}"));
        }
        let texts = self.splitter.texts().ok_or("not UTF-8")?;
        let mut cells = Vec::with_capacity(wanted);
        for (column, text) in self.columns.iter().zip(texts) {
            if let (Some(name), false) = (column, text.is_empty()) {
                cells.push((Arc::clone(name), Value::Text(self.values.get(text))));
            }
        }
        Ok(Row { line, cells })
    }
}
