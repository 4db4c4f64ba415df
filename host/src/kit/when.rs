//! Moments and lengths of time as people write them in cases and questions.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use crate::engine::event::{Instant, Millis};

/// A moment: `2026-03-02T10:00:00Z`, quoted or not, or milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Instant);

impl When {
    fn parse(text: &str) -> Option<When> {
        let text = text.trim();
        let stamp: Option<jiff::Timestamp> = text.parse().ok().or_else(|| {
            // Without a zone it is UTC.
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        });
        stamp.map(|stamp| When(Instant(stamp.as_millisecond())))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.0)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = When;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment such as \"2026-03-02T10:00:00Z\", or milliseconds since 1970")
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<When, E> {
                Ok(When(Instant(millis)))
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<When, E> {
                let millis = i64::try_from(millis);
                millis.map(|millis| When(Instant(millis))).map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
                When::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            /// A moment of TOML comes as a table with one member.
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<When, M::Error> {
                match map.next_entry::<String, String>()? {
                    Some((_, text)) => self.visit_str(&text),
                    None => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A length of time, written like `90s`, `15m`, `24h`, `7d` or `1d12h`, as policies read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Millis);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            de::Error::custom(format!(
                "{text:?} is not a length of time: write it like \"1ms\", \"90s\", \"24h\" or \"1d12h\""
            ))
        };
        span(&text).map(|millis| Span(Millis(millis))).ok_or_else(wrong)
    }
}

fn span(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = number.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(total)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// A length of time as a step's `after`, exact: `1d12h`, `250ms`.
pub(crate) fn written(span: Millis) -> String {
    let mut rest = span.0;
    let mut text = String::new();
    for (unit, name) in
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")]
    {
        if rest >= unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0ms".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_they_are_read() {
        for millis in [0, 1, 999, 1_000, 90_000, 86_400_001, 604_800_000, u64::MAX] {
            assert_eq!(span(&written(Millis(millis))), Some(millis));
        }
        for text in ["", "5", "d", "1y", "-1d", "1.5h"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_read_with_and_without_a_zone() {
        let ten = When(Instant(1_772_445_600_000));
        for text in ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00+01:00", "2026-03-02 10:00:00"] {
            assert_eq!(When::parse(text), Some(ten), "{text}");
        }
        assert_eq!(When::parse("yesterday"), None);
        assert_eq!(ten.0.to_string(), "2026-03-02T10:00:00Z");
        let toml: std::collections::BTreeMap<String, When> =
            toml_edit::de::from_str("a = 2026-03-02T10:00:00Z\nb = 1772445600000").unwrap();
        assert_eq!((toml["a"], toml["b"]), (ten, ten));
    }
}
