//! Objects taken apart into fields: what is within another object is named after both, with a dot
//! between, as it is when a recorded log is read.

use std::sync::Arc;

use super::error::{Fault, Refused};
use super::json::{Json, Object};
use crate::engine::event::{Fields, Value};

/// How many objects may be within each other and still have their fields taken apart.
const DEPTH: usize = 8;
/// The longest name of a field, in bytes: one long name around many short ones would make many
/// long ones.
const NAME: usize = 256;
/// The most fields of an item.
const COUNT: usize = 1_000;
/// The longest text of a field, in bytes.
const TEXT: usize = 24 << 10;
/// From this many fields on, putting each in its place is slower than sorting all.
const MANY: usize = 64;

/// The fields of one item, as they are found.
#[derive(Default)]
pub(super) struct Gather {
    all: Vec<(Arc<str>, Value)>,
    path: String,
}

impl Gather {
    /// Adds those of `object`, except for the members that are `left_out`.
    pub(super) fn object(
        &mut self,
        object: &Object<'_>,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<(), Refused> {
        self.members(object, 1, left_out)
    }

    /// Adds those of `object`, named after `name` and a dot.
    pub(super) fn under(&mut self, name: &str, object: &Object<'_>) -> Result<(), Refused> {
        self.path = format!("{name}.");
        let done = self.members(object, 1, |_| false);
        self.path.clear();
        done
    }

    /// Adds the field `name`; an object becomes many.
    pub(super) fn value(&mut self, name: &str, json: &Json<'_>) -> Result<(), Refused> {
        self.member(name, json, 1)
    }

    /// Adds the field `name` unless it is there.
    pub(super) fn other(&mut self, name: &str, json: Option<&Json<'_>>) -> Result<(), Refused> {
        match json {
            Some(json) if self.all.iter().all(|(known, _)| **known != *name) => {
                self.value(name, json)
            }
            _ => Ok(()),
        }
    }

    /// Adds the text `name`.
    pub(super) fn text(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        self.push(name, Value::Text(bounded(text)?))
    }

    /// All of them; of two with one name the later.
    pub(super) fn finish(self) -> Fields {
        if self.all.len() > MANY {
            return self.all.into_iter().collect();
        }
        let mut fields = Fields::default();
        for (name, value) in self.all {
            fields.set(name, value);
        }
        fields
    }

    fn members(
        &mut self,
        object: &Object<'_>,
        depth: usize,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<(), Refused> {
        for (name, json) in &object.0 {
            if !left_out(name) {
                self.member(name, json, depth).map_err(|refused| refused.within(name))?;
            }
        }
        Ok(())
    }

    fn member(&mut self, name: &str, json: &Json<'_>, depth: usize) -> Result<(), Refused> {
        let value = match json {
            Json::Null => return Ok(()),
            Json::Flag(flag) => Value::Flag(*flag),
            Json::Integer(number) => Value::Integer(*number),
            Json::Large(number) => Value::Number(*number as f64),
            Json::Number(number) => Value::Number(*number),
            Json::Text(text) => Value::Text(bounded(text)?),
            Json::Object(object) if depth < DEPTH => {
                let above = self.path.len();
                self.step(name)?;
                self.path.push('.');
                // A closure here would be another type at every depth.
                let done = self.members(object, depth + 1, NONE);
                self.path.truncate(above);
                return done;
            }
            Json::Array(_) | Json::Object(_) => Value::Text(bounded(&json.written())?),
        };
        self.push(name, value)
    }

    fn push(&mut self, name: &str, value: Value) -> Result<(), Refused> {
        few(self.all.len() + 1)?;
        let above = self.path.len();
        let name = match above {
            0 if name.len() <= NAME => Arc::from(name),
            _ => {
                self.step(name)?;
                Arc::from(self.path.as_str())
            }
        };
        self.path.truncate(above);
        self.all.push((name, value));
        Ok(())
    }

    fn step(&mut self, name: &str) -> Result<(), Refused> {
        if self.path.len() + name.len() > NAME {
            return Err(long());
        }
        self.path.push_str(name);
        Ok(())
    }
}

const NONE: fn(&str) -> bool = |_| false;

fn bounded(text: &str) -> Result<Arc<str>, Refused> {
    short(text).map(|()| Arc::from(text))
}

fn long() -> Refused {
    Refused::invalid("", format!("a field name longer than {NAME} bytes: shorten it"))
}

/// Refuses more fields than an item may have.
pub(super) fn few(count: usize) -> Result<(), Refused> {
    if count > COUNT {
        let reason = format!("more than {COUNT} fields: send fewer in one item");
        return Err(Refused::new(Fault::TooLarge, "", reason));
    }
    Ok(())
}

/// Refuses what is too long to be the name of a field.
pub(super) fn named(name: &str) -> Result<(), Refused> {
    if name.len() > NAME { Err(long()) } else { Ok(()) }
}

/// Refuses what is too long to be the text of a field.
pub(super) fn short(text: &str) -> Result<(), Refused> {
    if text.len() > TEXT {
        let reason = format!("a value longer than {} KiB: shorten it", TEXT >> 10);
        return Err(Refused::new(Fault::TooLarge, "", reason));
    }
    Ok(())
}
