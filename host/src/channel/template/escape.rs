//! How values are written into URLs, JSON, forms, headers and markup.

use std::fmt::Write as _;

/// How values are written, by where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// As they are.
    Plain,
    /// In a part of a URL.
    Url,
    /// Inside a JSON string.
    Json,
    /// In a form.
    Form,
    /// In a header: whatever could end it becomes a space.
    Header,
    /// In HTML or XML.
    Markup,
}

impl Escape {
    /// Writes a value.
    pub(crate) fn write(self, value: &str, out: &mut String) {
        match self {
            Escape::Plain => out.push_str(value),
            Escape::Header => {
                out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }))
            }
            Escape::Url => {
                percent(value, out, |b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
            }
            Escape::Form => {
                percent(value, out, |b| b.is_ascii_alphanumeric() || b"-._* ".contains(&b))
            }
            Escape::Json => {
                for c in value.chars() {
                    match c {
                        '"' => out.push_str("\\\""),
                        '\\' => out.push_str("\\\\"),
                        '\n' => out.push_str("\\n"),
                        '\r' => out.push_str("\\r"),
                        '\t' => out.push_str("\\t"),
                        // Writing to a string does not fail.
                        c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
                        c => out.push(c),
                    }
                }
            }
            Escape::Markup => {
                for c in value.chars() {
                    match c {
                        '&' => out.push_str("&amp;"),
                        '<' => out.push_str("&lt;"),
                        '>' => out.push_str("&gt;"),
                        '"' => out.push_str("&quot;"),
                        '\'' => out.push_str("&#39;"),
                        c => out.push(c),
                    }
                }
            }
        }
    }
}

/// Percent-encodes all but what is `kept`; a space that is kept is one as forms have it.
fn percent(value: &str, out: &mut String, kept: impl Fn(u8) -> bool) {
    for byte in value.bytes() {
        match byte {
            b' ' if kept(byte) => out.push('+'),
            _ if kept(byte) => out.push(char::from(byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}
