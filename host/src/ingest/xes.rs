//! XES, the XML of IEEE 1849: events with attributes, in traces with attributes, in a log.
//!
//! What is declared in a DTD is never looked up: a reference to it makes a bad row.

use std::io::BufRead;
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event as Token};
use quick_xml::{Reader, XmlVersion};

use super::clean::{Clean, SUBSTITUTE, TOKEN};
use super::row::{CAP, Cell, Fatal, Fault, Row};
use super::text::{Shared, quoted, shortened};
use crate::engine::event::Value;

/// How deep elements may be within each other.
const DEPTH: usize = 256;

/// Where in the log the reader is, elements that do not matter apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Log,
    Trace,
    Event { traced: bool },
    After,
}

/// An event or a trace as far as it is read.
#[derive(Default)]
struct Draft {
    line: u64,
    cells: Vec<Cell>,
    size: usize,
    wrong: Option<String>,
}

impl Draft {
    fn add(&mut self, cell: Cell) -> Result<(), String> {
        self.size += cell.0.len();
        if let Value::Text(text) = &cell.1 {
            self.size += text.len();
        }
        if self.size > CAP {
            return Err(format!("longer than {} KiB", CAP >> 10));
        }
        self.cells.push(cell);
        Ok(())
    }

    fn row(self) -> Result<Row, Fault> {
        let Draft { line, cells, .. } = self;
        let row = Row { line, cells };
        match self.wrong {
            None => Ok(row),
            Some(reason) => Err(Fault::Row { line, reason, text: row.text() }),
        }
    }
}

/// What a token leads to.
enum Step {
    On,
    Give(Result<Row, Fault>),
    End,
}

/// The events of a log.
pub(super) struct Rows<R> {
    reader: Reader<Clean<R>>,
    buffer: Vec<u8>,
    place: Place,
    depth: usize,
    /// How many elements deep the reader is in one that does not matter.
    skipped: usize,
    trace: Draft,
    event: Draft,
    names: Shared,
    values: Shared,
    over: bool,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(bytes: R) -> Rows<R> {
        Rows {
            reader: Reader::from_reader(Clean::new(bytes)),
            buffer: Vec::new(),
            place: Place::Before,
            depth: 0,
            skipped: 0,
            trace: Draft::default(),
            event: Draft::default(),
            names: Shared::new(1 << 10),
            values: Shared::new(1 << 14),
            over: false,
        }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Option<Result<Row, Fault>> {
        while !self.over {
            let mut buffer = std::mem::take(&mut self.buffer);
            let step = self.step(&mut buffer);
            buffer.clear();
            self.buffer = buffer;
            match step {
                Ok(Step::On) => {}
                Ok(Step::Give(row)) => return Some(row),
                Ok(Step::End) => self.over = true,
                Err(fatal) => {
                    self.over = true;
                    return Some(Err(fatal.into()));
                }
            }
        }
        None
    }

    fn step(&mut self, buffer: &mut Vec<u8>) -> Result<Step, Fatal> {
        let line = self.reader.get_mut().start_token();
        let broken = |what: &str| Fatal::Damaged(format!("line {line}: {}", shortened(what, 160)));
        match self.reader.read_event_into(buffer) {
            Ok(Token::Start(tag)) => {
                self.depth += 1;
                match self.depth > DEPTH {
                    true => Err(broken("elements are nested too deep")),
                    false => self.open(&tag, line, false),
                }
            }
            Ok(Token::Empty(tag)) => self.open(&tag, line, true),
            Ok(Token::End(_)) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(self.close())
            }
            Ok(Token::Eof) => match self.place {
                Place::After => Ok(Step::End),
                Place::Before => Err(Fatal::NotALog("it has no XML element".into())),
                _ => Err(broken("the file ends before its XML does")),
            },
            Ok(_) => Ok(Step::On),
            Err(_) if self.reader.get_ref().spent() => {
                let most = TOKEN >> 20;
                Err(broken(&format!("a tag or text of more than {most} MiB")))
            }
            Err(quick_xml::Error::Io(error)) => Err(Fatal::from(&*error)),
            Err(error) => Err(broken(&error.to_string())),
        }
    }

    /// A tag that opens an element, and closes it if it is `empty`.
    fn open(&mut self, tag: &BytesStart<'_>, line: u64, empty: bool) -> Result<Step, Fatal> {
        if self.skipped > 0 {
            self.skipped += usize::from(!empty);
            return Ok(Step::On);
        }
        let name = tag.local_name();
        match (self.place, name.as_ref()) {
            (Place::Before, "log") => {
                self.place = if empty { Place::After } else { Place::Log };
            }
            (Place::Before, other) => {
                let other = quoted(other);
                return Err(Fatal::NotALog(format!(
                    "it is XML, but its outermost element is {other} and not \"log\""
                )));
            }
            (Place::After, _) => {
                let what = format!("line {line}: there is more XML behind the log");
                return Err(Fatal::Damaged(what));
            }
            (Place::Log, "trace") if !empty => {
                self.trace = Draft { line, ..Draft::default() };
                self.place = Place::Trace;
            }
            (Place::Log | Place::Trace, "event") => {
                let traced = self.place == Place::Trace;
                self.event = Draft { line, ..Draft::default() };
                if traced {
                    self.event.cells.clone_from(&self.trace.cells);
                }
                if empty {
                    return Ok(Step::Give(std::mem::take(&mut self.event).row()));
                }
                self.place = Place::Event { traced };
            }
            (Place::Log, _) => self.skipped = usize::from(!empty),
            (Place::Trace, _) => {
                self.skipped = usize::from(!empty);
                let cell = self.attribute(tag, "case:");
                if let Err(reason) =
                    cell.and_then(|cell| cell.map_or(Ok(()), |c| self.trace.add(c)))
                {
                    let reason = format!("an attribute of the trace: {reason}");
                    let text = String::new();
                    return Ok(Step::Give(Err(Fault::Row { line, reason, text })));
                }
            }
            (Place::Event { .. }, _) => {
                self.skipped = usize::from(!empty);
                if self.event.wrong.is_none() {
                    let cell = self.attribute(tag, "");
                    let added = cell.and_then(|cell| cell.map_or(Ok(()), |c| self.event.add(c)));
                    self.event.wrong = added.err();
                }
            }
        }
        Ok(Step::On)
    }

    fn close(&mut self) -> Step {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Step::On;
        }
        match self.place {
            Place::Event { traced } => {
                self.place = if traced { Place::Trace } else { Place::Log };
                return Step::Give(std::mem::take(&mut self.event).row());
            }
            Place::Trace => self.place = Place::Log,
            Place::Log => self.place = Place::After,
            Place::Before | Place::After => {}
        }
        Step::On
    }

    /// The attribute that an element is; nothing for a list, a container or what is unknown.
    fn attribute(&mut self, tag: &BytesStart<'_>, prefix: &str) -> Result<Option<Cell>, String> {
        let name = tag.local_name();
        let name = name.as_ref();
        if !matches!(name, "string" | "date" | "int" | "float" | "boolean" | "id") {
            return Ok(None);
        }
        let (mut key, mut value) = (None, None);
        // Checking for doubles takes time that grows with the square of their number.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| said(&error))?;
            let slot = match attribute.key.as_ref() {
                "key" => &mut key,
                "value" => &mut value,
                _ => continue,
            };
            let text = attribute.normalized_value(XmlVersion::Implicit1_0);
            let text = text.map_err(|error| said(&error))?;
            if text.bytes().any(|byte| byte == SUBSTITUTE) {
                return Err("not UTF-8".into());
            }
            slot.get_or_insert(text);
        }
        let key = key.ok_or_else(|| format!("<{name}> without a key"))?;
        let value = value.ok_or_else(|| format!("<{name}> without a value ({})", quoted(&key)))?;
        let odd = |expected: &str| {
            let (key, value) = (quoted(&key), quoted(&value));
            format!("{key} is {value} where {expected} is expected")
        };
        let text = value.trim();
        let value = match name {
            "int" => Value::Integer(text.parse().map_err(|_| odd("a whole number"))?),
            "float" => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Number(number),
                _ => return Err(odd("a finite number")),
            },
            "boolean" => match text {
                "true" | "1" => Value::Flag(true),
                "false" | "0" => Value::Flag(false),
                _ => return Err(odd("true or false")),
            },
            _ => Value::Text(self.values.get(&value)),
        };
        let key: Arc<str> = match prefix {
            "" => self.names.get(&key),
            _ => self.names.get(&format!("{prefix}{key}")),
        };
        Ok(Some((key, value)))
    }
}

/// What quick-xml says of a tag, which may hold any of the tag's text.
fn said(error: &dyn std::error::Error) -> String {
    format!("invalid XML: {}", shortened(&error.to_string(), 160))
}
