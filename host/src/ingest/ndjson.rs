//! NDJSON: one JSON object to a line.

use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;

use serde_json::Value as Json;

use super::row::{CAP, Cell, Fault, Row};
use super::text::{Shared, shortened};
use crate::engine::event::Value;

/// How many objects may be within each other and still have their fields taken apart.
const DEPTH: usize = 8;
/// The longest name of a field: one long name around many short ones would make many long ones.
const NAME: usize = 256;

/// The rows of a file of objects.
pub(super) struct Rows<R> {
    bytes: R,
    /// The number of the line in `text`.
    line: u64,
    text: Vec<u8>,
    names: Shared,
    values: Shared,
    over: bool,
}

/// What a line is.
enum Line {
    Text,
    Long,
    End,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(bytes: R) -> Rows<R> {
        Rows {
            bytes,
            line: 0,
            text: Vec::new(),
            names: Shared::new(1 << 10),
            values: Shared::new(1 << 14),
            over: false,
        }
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Option<Result<Row, Fault>> {
        while !self.over {
            let row = match self.read() {
                Ok(Line::Text) if self.text.trim_ascii().is_empty() => continue,
                Ok(Line::Text) => self.row(),
                Ok(Line::Long) => {
                    self.text.clear();
                    Err(format!("longer than {} KiB", CAP >> 10))
                }
                Ok(Line::End) => break,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error.into()));
                }
            };
            let line = self.line;
            return Some(row.map_err(|reason| {
                let text = String::from_utf8_lossy(self.text.trim_ascii_end()).into_owned();
                Fault::Row { line, reason, text }
            }));
        }
        self.over = true;
        None
    }

    fn read(&mut self) -> io::Result<Line> {
        self.text.clear();
        let most = CAP as u64 + 1;
        let read = (&mut self.bytes).take(most).read_until(b'\n', &mut self.text)?;
        if read == 0 {
            return Ok(Line::End);
        }
        self.line += 1;
        if read <= CAP || self.text.ends_with(b"\n") {
            return Ok(Line::Text);
        }
        loop {
            let chunk = match self.bytes.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let over = end.is_some() || chunk.is_empty();
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.bytes.consume(used);
            if over {
                return Ok(Line::Long);
            }
        }
    }

    fn row(&mut self) -> Result<Row, String> {
        let text = std::str::from_utf8(&self.text).map_err(|_| "not UTF-8")?;
        let fields = match serde_json::from_str(text) {
            Ok(Json::Object(fields)) => fields,
            Ok(other) => return Err(format!("{} where an object is expected", kind(&other))),
            Err(error) => {
                // It says "at line 1", which is not the line of the file.
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                let said = shortened(said, 80);
                return Err(format!("invalid JSON: {said} (column {})", error.column()));
            }
        };
        let mut cells = Vec::with_capacity(fields.len());
        let mut path = String::new();
        self.flatten(fields, &mut path, 1, &mut cells)?;
        let line = self.line;
        Ok(Row { line, cells })
    }

    /// Adds the `fields` to the `cells`, those of an object in the object under `path.name`.
    fn flatten(
        &mut self,
        fields: serde_json::Map<String, Json>,
        path: &mut String,
        depth: usize,
        cells: &mut Vec<Cell>,
    ) -> Result<(), String> {
        for (name, json) in fields {
            let above = path.len();
            path.push_str(&name);
            if path.len() > NAME {
                let name = shortened(path, 40);
                return Err(format!("a field name longer than {NAME} bytes ({name})"));
            }
            let value = match json {
                Json::Null => None,
                Json::Bool(flag) => Some(Value::Flag(flag)),
                Json::String(text) => Some(Value::Text(self.values.get(&text))),
                Json::Number(number) => Some(match number.as_i64() {
                    Some(whole) => Value::Integer(whole),
                    None => match number.as_f64().filter(|number| number.is_finite()) {
                        Some(number) => Value::Number(number),
                        None => return Err("invalid JSON: number out of range".into()),
                    },
                }),
                Json::Object(fields) if depth < DEPTH => {
                    path.push('.');
                    self.flatten(fields, path, depth + 1, cells)?;
                    None
                }
                Json::Array(_) | Json::Object(_) => Some(Value::Text(Arc::from(json.to_string()))),
            };
            if let Some(value) = value {
                cells.push((self.names.get(path), value));
            }
            path.truncate(above);
        }
        Ok(())
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
