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
        } else if let Some((name, tail)) = name(after) {
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

/// The name in braces that `text` begins with, and what comes after it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (name, tail) = text.strip_prefix('{')?.split_once('}')?;
    (!name.contains('{')).then_some((name.trim(), tail))
}

/// A user's words made fit for a message: what would break its lines or turn the words after it around
/// becomes a space, blanks at the ends go, and what is longer than `most` characters is cut.
#[must_use]
pub fn tidy(text: &str, most: usize) -> String {
    let blank = |c: char| c.is_whitespace() || disrupts(c);
    let kept = text.trim_matches(blank).chars().take(most);
    let mut out: String = kept.map(|c| if disrupts(c) { ' ' } else { c }).collect();
    out.truncate(out.trim_end().len());
    out
}

/// Control characters, line and paragraph separators, and what embeds, overrides or isolates a
/// direction of writing beyond its own text.
fn disrupts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as a part of a link, percent-encoded (RFC 3986: all but the unreserved characters).
#[must_use]
pub fn encoded(text: &str) -> String {
    let digit = |of: u8| char::from(if of < 10 { b'0' + of } else { b'A' + of - 10 });
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
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
            ("{ or {amount}", "{ or 20,000"),
            ("{{{amount}}}", "{20,000}"),
            ("{amount", "{amount"),
        ] {
            assert_eq!(embed(text, names).as_deref(), Ok(want), "{text}");
        }
        assert_eq!(embed("{brace}", names).as_deref(), Ok("{amount}"), "a feature is not a text");
        for (text, name) in [("{rate}", "rate"), ("{amount} {rate} {fee}", "rate"), ("{}", "")] {
            assert_eq!(embed(text, names), Err(Unknown { name: name.to_owned() }), "{text}");
        }
        let unknown = Unknown { name: "rate".to_owned() };
        assert_eq!(unknown.to_string(), "no feature is named \"rate\"");
    }

    #[test]
    fn words_of_a_user_are_tidied() {
        for (text, most, want) in [
            (" a\nb\u{0}c ", 10, "a b c"),
            ("日本語", 2, "日本"),
            ("\u{0}a\u{7f}", 10, "a"),
            ("\u{0}\r\n\t", 10, ""),
            ("ab cd", 3, "ab"),
            ("gpj.exe\u{202e}", 20, "gpj.exe"),
            ("a\u{2028}b\u{2067}c", 10, "a b c"),
            // Joiners hold letters and emoji together, and marks of direction reach no further than they
            // stand.
            ("\u{200f}نام\u{200c}ها", 10, "\u{200f}نام\u{200c}ها"),
            ("👩\u{200d}🚀", 10, "👩\u{200d}🚀"),
        ] {
            assert_eq!(tidy(text, most), want, "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_link_is_percent_encoded() {
        assert_eq!(encoded("a b/日&~"), "a%20b%2F%E6%97%A5%26~");
        assert_eq!(encoded("A-Z_0.9~"), "A-Z_0.9~");
        assert_eq!(encoded("%?#\n\u{ff}"), "%25%3F%23%0A%C3%BF");
    }
}
