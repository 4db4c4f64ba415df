//! Settings: JSON in, a policy's own type out, and for each mistake its place and a sentence.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny};
use serde_path_to_error::Segment;

use crate::Millis;
use crate::bindings::base::nudge::policy::types::Issue;

/// Everything that is wrong with settings or parameters.
#[derive(Clone, Debug, Default)]
pub struct Issues(pub(crate) Vec<Issue>);

impl Issues {
    /// Adds a mistake at `path`, a JSON pointer such as `/nodes/O_SENT` (see [`pointer()`]).
    pub fn at(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Issue { path: path.into(), message: message.into() });
    }

    /// Gives `value` back if nothing is wrong.
    ///
    /// # Errors
    ///
    /// The mistakes, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Issues> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The mistakes as (path, sentence).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|issue| (issue.path.as_str(), issue.message.as_str()))
    }
}

impl std::fmt::Display for Issues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (path, message)) in self.iter().enumerate() {
            let (line, colon) =
                (if at > 0 { "\n" } else { "" }, if path.is_empty() { "" } else { ": " });
            write!(f, "{line}{path}{colon}{message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Issues {}

/// A JSON pointer from its parts: `pointer(["nodes", "a/b"])` is `/nodes/a~1b`.
pub fn pointer<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    path
}

/// Reads `text` as a `T`; the mistake, if there is one, with its path.
///
/// # Errors
///
/// The first mistake that was found.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Issues> {
    // Every fresh instance reads its settings, and they were right before: the path, which takes as long
    // again to keep track of, is for those that are not.
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let issue = match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => match json.end() {
            Ok(()) => return Ok(value),
            Err(error) => Issue { path: String::new(), message: error.to_string() },
        },
        Err(error) => {
            let inner = error.inner();
            let mut message = inner.to_string();
            let sound = serde_json::from_str::<IgnoredAny>(text).is_ok();
            // A place in the text helps with a comma too many; for a wrong value the path says it better.
            if sound && let Some(cut) = message.rfind(" at line ") {
                message.truncate(cut);
            }
            // All that serde_json says of a number, say, where one of an enum's words belongs.
            if sound && message == "expected value" {
                message = WORDS.to_owned();
            }
            Issue { path: place(error.path()), message }
        }
    };
    Err(Issues(vec![issue]))
}

const WORDS: &str = "expected a text, one of a few words";

/// Reads a part of a document as a `T`; the mistake, if there is one, with its path below that part.
pub(crate) fn from_json<T: DeserializeOwned>(
    json: serde_json::Value,
) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let mut message = error.inner().to_string();
        if message.ends_with("expected string or map") {
            message = WORDS.to_owned();
        }
        (place(error.path()), message)
    })
}

/// A JSON pointer to where a mistake was found.
fn place(path: &serde_path_to_error::Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    };
    let parts: Vec<String> = path.iter().filter_map(part).collect();
    pointer(parts.iter().map(String::as_str))
}

/// For a setting that may be left out, but where it stands is no `null`, just as its schema says:
/// `#[serde(default, deserialize_with = "nudge_guest::given")]` on an `Option`.
///
/// # Errors
///
/// What is wrong with the value.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A length of time in settings, written like `90s`, `15m`, `24h`, `7d` or `1d12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Millis);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        span(&text).map(Span).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not a length of time: write it like \"90s\", \"15m\", \"24h\", \"7d\" or \"1d12h\""
            ))
        })
    }
}

fn span(text: &str) -> Option<Millis> {
    let mut rest = text.trim();
    let mut total: Millis = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = number.parse::<Millis>().ok()?.checked_mul(unit)?.checked_add(total)?;
        rest = after.trim_start();
    }
    Some(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        nodes: std::collections::BTreeMap<String, Inner>,
        #[serde(default)]
        order: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        threshold: Span,
        #[serde(default, deserialize_with = "given")]
        most: Option<u32>,
        #[serde(default)]
        colour: Option<Colour>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        Red,
    }

    fn issue(text: &str) -> (String, String) {
        let issues = parse::<Outer>(text).unwrap_err();
        let (path, message) = issues.iter().next().unwrap();
        (path.to_owned(), message.to_owned())
    }

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("15m", 900_000),
            ("15min", 900_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("1d12h", 129_600_000),
            (" 1d 12h ", 129_600_000),
            ("250ms", 250),
            ("0s", 0),
            ("18446744073709551615ms", u64::MAX),
        ] {
            assert_eq!(span(text), Some(millis), "{text}");
        }
        for text in [
            "",
            " ",
            "24",
            "h",
            "24 h",
            "-1h",
            "+1h",
            "1y",
            "1H",
            "1.5h",
            "1h2",
            "1hm",
            "99999999999999999999d",
            "18446744073709551615ms1ms",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn right_settings_are_read() {
        let text = r#"{
            "nodes": { "a": { "threshold": "1s", "colour": "red" } },
            "order": [{ "threshold": "2s", "most": 3 }]
        }"#;
        let outer = parse::<Outer>(text).unwrap();
        assert_eq!(outer.nodes["a"].threshold, Span(1_000));
        assert!(matches!(outer.nodes["a"].colour, Some(Colour::Red)));
        assert_eq!((outer.nodes["a"].most, outer.order[0].most), (None, Some(3)));
    }

    #[test]
    fn a_wrong_value_is_named_by_its_path() {
        let (path, message) = issue(r#"{"nodes": {"O_SENT": {"threshold": "soon"}}}"#);
        assert_eq!(path, "/nodes/O_SENT/threshold");
        assert!(message.starts_with("\"soon\" is not a length of time"), "{message}");
        for (text, path, part) in [
            (r#"{"nodes": {"a/b~": {}}}"#, "/nodes/a~1b~0", "missing field `threshold`"),
            (r#"{}"#, "", "missing field `nodes`"),
            (r#"{"nodes": {}, "order": [{"threshold": 5}]}"#, "/order/0/threshold", "integer `5`"),
            (r#"{"nodes": {}, "ordr": []}"#, "/ordr", "unknown field `ordr`"),
            (r#"{"nodes": {"a": {"threshold": "1s", "most": null}}}"#, "/nodes/a/most", "null"),
            (
                r#"{"nodes": {"a": {"threshold": "1s", "colour": "blue"}}}"#,
                "/nodes/a/colour",
                "unknown variant `blue`, expected `red`",
            ),
            (
                r#"{"nodes": {"a": {"threshold": "1s", "colour": 3}}}"#,
                "/nodes/a/colour",
                "expected a text, one of a few words",
            ),
        ] {
            let (found, message) = issue(text);
            assert_eq!(found, path, "{text}");
            assert!(message.contains(part), "{text}: {message}");
            assert!(!message.contains("line"), "{text}: {message}");
        }
    }

    #[test]
    fn broken_json_is_named_by_its_line() {
        let (_, message) = issue("{\"nodes\": {},}");
        assert!(message.contains("line 1"), "{message}");
        let (_, message) = issue("{\"nodes\": {}} x");
        assert!(message.contains("trailing"), "{message}");
    }

    #[test]
    fn mistakes_are_gathered_and_printed_a_line_each() {
        assert_eq!(Issues::default().or(7).unwrap(), 7);
        let mut issues = Issues::default();
        issues.at("/nodes/a", "is wrong");
        issues.at("", "all is wrong");
        assert_eq!(issues.or(7).unwrap_err().to_string(), "/nodes/a: is wrong\nall is wrong");
    }

    #[test]
    fn pointers_escape_what_is_special_to_them() {
        assert_eq!(pointer(["nodes", "a/b~"]), "/nodes/a~1b~0");
        assert_eq!(pointer(["nodes", ""]), "/nodes/");
        assert_eq!(pointer([]), "");
    }
}
