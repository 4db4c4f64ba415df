//! Expectations rewritten: what came of a case takes the place of what it expected, and everything else
//! in the file stays as its author wrote it.

use serde_json::Value as Json;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::case::{Case, File};
use super::run::{Came, Found, NONE, Outcome, fits};

/// The text of a file of cases with the expectations of its cases made what was found.
///
/// # Errors
///
/// If the text is no file of these cases.
pub(crate) fn bless(text: &str, file: &File, outcomes: &[Outcome]) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let none = || "it has changed while it was run".to_owned();
    let cases = document.get_mut("case").ok_or_else(none)?;
    for (at, (case, outcome)) in file.case.iter().zip(outcomes).enumerate() {
        let table = nth(cases, at).ok_or_else(none)?;
        settle(table, case, &outcome.found).ok_or_else(none)?;
    }
    Ok(document.to_string())
}

/// One case's expectations.
fn settle(table: &mut dyn TableLike, case: &Case, found: &Found) -> Option<()> {
    match &found.refused {
        Some(issues) => {
            let fit = case.refused.as_ref().is_some_and(|expected| {
                expected.len() == issues.len()
                    && expected.iter().zip(issues).all(|(expected, issue)| {
                        expected.path == issue.path && issue.message.contains(&expected.message)
                    })
            });
            if !fit {
                let issue = |issue: &crate::sandbox::Issue| {
                    let mut entry = InlineTable::new();
                    entry.insert("path", issue.path.as_str().into());
                    entry.insert("message", issue.message.as_str().into());
                    Value::InlineTable(entry)
                };
                table.insert("refused", Item::Value(lines(issues.iter().map(issue))));
            }
            return Some(());
        }
        None => {
            table.remove("refused");
        }
    }
    for (at, (step, came)) in case.step.iter().zip(&found.steps).enumerate() {
        let table = nth(table.get_mut("step")?, at)?;
        match came {
            Came::Decisions(found) => {
                let as_expected = step.expect.as_ref().is_some_and(|expected| {
                    fits(&Json::Array(expected.clone()), &Json::Array(found.clone()))
                });
                if !as_expected {
                    table.insert("expect", Item::Value(lines(found.iter().map(value))));
                }
            }
            Came::Answer(found) => {
                if !step.answer.as_ref().is_some_and(|expected| fits(expected, found)) {
                    table.insert("answer", Item::Value(value(found)));
                }
            }
        }
    }
    Some(())
}

/// An entry of an array of tables, however it is written.
fn nth(item: &mut Item, at: usize) -> Option<&mut dyn TableLike> {
    match item {
        Item::ArrayOfTables(tables) => tables.get_mut(at).map(|table: &mut Table| table as _),
        Item::Value(Value::Array(values)) => match values.get_mut(at)? {
            Value::InlineTable(table) => Some(table as _),
            _ => None,
        },
        _ => None,
    }
}

/// An array, an entry a line.
pub(crate) fn lines(values: impl Iterator<Item = Value>) -> Value {
    let mut array = Array::new();
    for mut value in values {
        value.decor_mut().set_prefix("\n  ");
        array.push_formatted(value);
    }
    if !array.is_empty() {
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    Value::Array(array)
}

/// A document as TOML writes it in a line.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => NONE.into(),
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(values) => Value::Array(values.iter().map(value).collect()),
        Json::Object(fields) => {
            let mut table = InlineTable::new();
            // What is decided comes first: it is what people look for.
            let first = |key: &str| key != "decision";
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| first(key));
            for (key, field) in fields {
                table.insert(key, value(field));
            }
            Value::InlineTable(table)
        }
    }
}

/// A document in one line.
pub(crate) fn inline(json: &Json) -> String {
    value(json).to_string()
}
