//! Spans of time and sizes as people write them, there and back. Pure: text in, numbers out.

use std::time::Duration;

/// Units of time in milliseconds, the largest first.
const SPANS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes, the largest first, so that the first that fits is the shortest.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a span of time. A number without a unit is none: seconds or milliseconds would be a guess.
pub(super) fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, each) = SPANS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.checked_mul(*each)?))
}

/// Reads a size. The unit's case does not matter: nobody means bits or millibytes.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, each) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*each)
}

/// Reads a whole number, with underscores between its digits as in TOML.
pub(super) fn parse_count(text: &str) -> Option<u64> {
    match split(text)? {
        (number, "") => Some(number),
        _ => None,
    }
}

/// A number and what follows it, with or without a space between.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let outside = digits.starts_with('_') || digits.ends_with('_');
    if outside || digits.contains("__") {
        return None;
    }
    Some((digits.replace('_', "").parse().ok()?, unit.trim_start()))
}

/// Writes a span of time in the largest unit that is exact.
pub(super) fn span_text(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    exact(millis, &SPANS).unwrap_or_else(|| "0s".to_owned())
}

/// Writes a size in the largest unit that is exact.
pub(super) fn bytes_text(bytes: u64) -> String {
    exact(bytes, &SIZES).unwrap_or_else(|| "0B".to_owned())
}

fn exact(number: u64, units: &[(&str, u64)]) -> Option<String> {
    let (unit, each) =
        units.iter().find(|(_, each)| number >= *each && number.is_multiple_of(*each))?;
    Some(format!("{}{unit}", number / each))
}

/// For serde: a span of time.
pub(super) mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        super::parse_span(&text).ok_or_else(|| D::Error::custom("no span of time"))
    }
}

/// For serde: an IP address with a port, or none.
pub(super) mod address {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| D::Error::custom("no address")),
        }
    }
}

/// For serde: spans of time with spaces between.
pub(super) mod spans {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Duration>, D::Error> {
        let text = String::deserialize(from)?;
        let each = text.split_whitespace().map(super::parse_span);
        each.collect::<Option<_>>().ok_or_else(|| D::Error::custom("no spans of time"))
    }
}

/// For serde: words with spaces between.
pub(super) mod words {
    use serde::{Deserialize, Deserializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Ok(String::deserialize(from)?.split_whitespace().map(str::to_owned).collect())
    }
}

/// For serde: a size, in whatever whole number the field is.
pub(super) mod bytes {
    use serde::{Deserialize, Deserializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
        from: D,
    ) -> Result<T, D::Error> {
        let bytes = match Written::deserialize(from)? {
            Written::Number(number) => Some(number),
            Written::Text(text) => super::parse_bytes(&text),
        };
        let bytes = bytes.and_then(|bytes| T::try_from(bytes).ok());
        bytes.ok_or_else(|| D::Error::custom("no size that this machine can count"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("30d", 2_592_000_000),
            ("0s", 0),
            (" 1_000 s ", 1_000_000),
        ] {
            assert_eq!(parse_span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "s", "30", "1.5h", "-1s", "1h30m", "1 week", "1M", "١s", "1__0s", "_1s", "1_s"]
        {
            assert_eq!(parse_span(text), None, "{text}");
        }
        assert_eq!(parse_span("99999999999999999999s"), None);
        assert_eq!(parse_span("18446744073709551615d"), None, "the product is too large");
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("1234", 1234),
            ("500KB", 500_000),
            ("500kb", 500_000),
            ("32KiB", 32 << 10),
            ("4 MiB", 4 << 20),
            ("2GiB", 2 << 30),
            ("1GB", 1_000_000_000),
            ("7B", 7),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "KB", "1.5MB", "-1", "1K", "1TB", "0x10", "18446744073709551615KB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, 1, 500, 1_000, 90_000, 3_600_000, 86_400_000, 86_400_001] {
            let span = Duration::from_millis(millis);
            assert_eq!(parse_span(&span_text(span)), Some(span));
        }
        for bytes in [0, 1, 999, 1_000, 1_024, 500_000, 1 << 30, u64::MAX] {
            assert_eq!(parse_bytes(&bytes_text(bytes)), Some(bytes));
        }
        assert_eq!(span_text(Duration::from_secs(90)), "90s");
        assert_eq!(bytes_text(500_000), "500KB");
    }
}
