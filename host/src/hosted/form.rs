//! What comes back from the pages' forms. Anybody can send anything: it is bounded, and read strictly.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bytes of a form.
const MOST_BYTES: usize = 256 * 1024;
/// Fields of a form.
const MOST_FIELDS: usize = 4_000;

/// Why a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than any of ours.
    #[error("the form is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// It has more fields than any of ours.
    #[error("the form has more than {MOST_FIELDS} fields")]
    TooMany,
    /// It is not encoded as forms are.
    #[error("the form is not URL-encoded text")]
    Encoding,
}

/// The fields of a URL-encoded form in their order.
///
/// # Errors
///
/// If it is too long, has too many fields, or is no such form.
pub fn chosen(body: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
    if body.len() > MOST_BYTES {
        return Err(Unreadable::TooLong);
    }
    let mut fields = Vec::new();
    for field in body.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
        if fields.len() == MOST_FIELDS {
            return Err(Unreadable::TooMany);
        }
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let mut part = || decoded(parts.next().unwrap_or_default()).ok_or(Unreadable::Encoding);
        fields.push((part()?, part()?));
    }
    Ok(fields)
}

/// What a user chose on the preferences page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing at all, of all that may be refused.
    Nothing,
    /// Whether each topic is wanted on each channel, as far as the page asked.
    Each(BTreeMap<(String, String), bool>),
}

impl Choice {
    /// What the fields of the form say. What the page did not ask is left out.
    #[must_use]
    pub fn of(fields: &[(String, String)]) -> Choice {
        let named = |wanted: &'static str| {
            fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        if named(EVERYTHING).any(|value| value == OFF) {
            return Choice::Nothing;
        }
        let asked = named(ASKED).filter_map(named_cell).map(|cell| (cell, false));
        let mut each: BTreeMap<(String, String), bool> = asked.collect();
        for cell in named(ALLOWED).filter_map(named_cell) {
            if let Some(allowed) = each.get_mut(&cell) {
                *allowed = true;
            }
        }
        Choice::Each(each)
    }
}

/// True if this is the body of a one-click unsubscription (RFC 8058), URL-encoded or multipart.
#[must_use]
pub fn is_one_click(body: &[u8]) -> bool {
    if let Ok(fields) = chosen(body)
        && fields.iter().any(|(name, value)| name == ONE_CLICK.0 && value == ONE_CLICK.1)
    {
        return true;
    }
    let Ok(text) = std::str::from_utf8(body.get(..MOST_BYTES).unwrap_or(body)) else {
        return false;
    };
    // One part named so, with nothing but this in it.
    let mut lines = text.lines().map(str::trim_end);
    let head = |line: &str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-disposition:")
            && (line.contains("name=\"list-unsubscribe\"")
                || line.ends_with("name=list-unsubscribe"))
    };
    text.starts_with("--")
        && lines.any(head)
        && lines.any(str::is_empty)
        && lines.next() == Some(ONE_CLICK.1)
}

/// The field of a one-click unsubscription.
pub(super) const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");
/// The field that takes an unsubscription back.
pub(super) const UNDO: (&str, &str) = ("undo", "1");
/// The field that says that nothing is wanted, and how it says so.
pub(super) const EVERYTHING: &str = "everything";
pub(super) const OFF: &str = "off";
/// The fields that name what the page asked, and what of it is wanted.
pub(super) const ASKED: &str = "asked";
pub(super) const ALLOWED: &str = "allowed";

/// True if the form takes an unsubscription back.
#[must_use]
pub fn is_undo(fields: &[(String, String)]) -> bool {
    fields.iter().any(|(name, value)| name == UNDO.0 && value == UNDO.1)
}

/// A topic on a channel as the value of a field, whatever characters they have.
pub(super) fn cell(topic: &str, channel: &str) -> String {
    let mut cell = String::new();
    for (separator, name) in [("", topic), ("/", channel)] {
        cell.push_str(separator);
        for byte in name.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    cell.push(char::from(byte));
                }
                _ => {
                    let _ = write!(cell, "%{byte:02X}");
                }
            }
        }
    }
    cell
}

fn named_cell(cell: &str) -> Option<(String, String)> {
    let (topic, channel) = cell.split_once('/')?;
    Some((decoded(topic.as_bytes())?, decoded(channel.as_bytes())?))
}

/// URL-encoded text.
fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = text.iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok()
}
