//! Features into a text: `{name}` becomes the feature of that name, `{{` and `}}` a brace.

use std::borrow::Cow;
use std::fmt;

/// A text names a feature that there is none of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The feature's name.
    pub name: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no feature is named {:?}", self.name)
    }
}

impl std::error::Error for Unknown {}

/// `text` with each `{name}` replaced by what `feature` has for it.
///
/// # Errors
///
/// The first name that `feature` has nothing for.
pub fn embed<'a>(
    text: &str,
    mut feature: impl FnMut(&str) -> Option<Cow<'a, str>>,
) -> Result<String, Unknown> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(brace);
        out.push_str(before);
        if let Some(tail) = after.strip_prefix("{{") {
            out.push('{');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix("}}") {
            out.push('}');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('{').and_then(|a| a.split_once('}')) {
            let name = name.trim();
            let value = feature(name).ok_or_else(|| Unknown { name: name.to_owned() })?;
            out.push_str(&value);
            rest = tail;
        } else {
            // A brace on its own is just that.
            let (brace, tail) = after.split_at(1);
            out.push_str(brace);
            rest = tail;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// A user's words made fit for a message: control characters become spaces, and what is longer than
/// `most` characters is cut.
#[must_use]
pub fn tidy(text: &str, most: usize) -> String {
    text.trim().chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text as a part of a link, percent-encoded (RFC 3986: all but the unreserved characters).
#[must_use]
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Option<Cow<'static, str>> {
        match name {
            "amount" => Some("20,000".into()),
            "brace" => Some("{amount}".into()),
            _ => None,
        }
    }

    #[test]
    fn features_stand_where_their_names_stood() {
        for (text, want) in [
            ("Your {amount} is waiting", "Your 20,000 is waiting"),
            ("{amount}{ amount }", "20,00020,000"),
            ("{{amount}} }} {", "{amount} } {"),
            ("a } b", "a } b"),
            ("", ""),
            ("日{amount}本", "日20,000本"),
        ] {
            assert_eq!(embed(text, names).as_deref(), Ok(want), "{text}");
        }
        assert_eq!(embed("{brace}", names).as_deref(), Ok("{amount}"), "a feature is not a text");
        assert_eq!(embed("{rate}", names), Err(Unknown { name: "rate".to_owned() }));
    }

    #[test]
    fn words_of_a_user_are_tidied() {
        assert_eq!(tidy(" a\nb\u{0}c ", 10), "a b c");
        assert_eq!(tidy("日本語", 2), "日本");
        assert_eq!(encoded("a b/日&~"), "a%20b%2F%E6%97%A5%26~");
    }
}
