//! The contract's words as settings and parameters spell them: how much a message matters, how sure it
//! is that one was received, and a plain value.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::{Grade, Importance, Value};

impl Default for Importance {
    /// Most messages are of normal importance.
    fn default() -> Importance {
        Importance::Normal
    }
}

/// `low`, `normal`, `high` or `urgent`.
impl<'de> Deserialize<'de> for Importance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Importance, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Word {
            Low,
            Normal,
            High,
            Urgent,
        }
        Ok(match Word::deserialize(deserializer)? {
            Word::Low => Importance::Low,
            Word::Normal => Importance::Normal,
            Word::High => Importance::High,
            Word::Urgent => Importance::Urgent,
        })
    }
}

/// `accepted`, `delivered`, `machine-opened`, `opened`, `seen`, `confirmed` or `converted`.
impl<'de> Deserialize<'de> for Grade {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Grade, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Word {
            Accepted,
            Delivered,
            MachineOpened,
            Opened,
            Seen,
            Confirmed,
            Converted,
        }
        Ok(match Word::deserialize(deserializer)? {
            Word::Accepted => Grade::Accepted,
            Word::Delivered => Grade::Delivered,
            Word::MachineOpened => Grade::MachineOpened,
            Word::Opened => Grade::Opened,
            Word::Seen => Grade::Seen,
            Word::Confirmed => Grade::Confirmed,
            Word::Converted => Grade::Converted,
        })
    }
}

/// A text, a number, or true or false.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct Plain;
        impl Visitor<'_> for Plain {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, or true or false")
            }
            fn visit_str<E>(self, v: &str) -> Result<Value, E> {
                Ok(Value::Text(v.to_owned()))
            }
            fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
                Ok(Value::Flag(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
                Ok(Value::Integer(v))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
                i64::try_from(v)
                    .map(Value::Integer)
                    .map_err(|_| E::custom(format!("{v} is too large")))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
                Ok(Value::Number(v))
            }
        }
        deserializer.deserialize_any(Plain)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_of_settings_are_the_contracts() {
        let read: Vec<Importance> =
            serde_json::from_str(r#"["low", "normal", "high", "urgent"]"#).unwrap();
        let all = [Importance::Low, Importance::Normal, Importance::High, Importance::Urgent];
        assert_eq!(read, all);
        assert_eq!(Importance::default(), Importance::Normal);
        let read: Vec<Grade> = serde_json::from_str(
            r#"["accepted", "delivered", "machine-opened", "opened", "seen", "confirmed", "converted"]"#,
        )
        .unwrap();
        let first = [Grade::Accepted, Grade::Delivered, Grade::MachineOpened, Grade::Opened];
        assert_eq!(read, [&first[..], &[Grade::Seen, Grade::Confirmed, Grade::Converted]].concat());
        assert!(serde_json::from_str::<Grade>(r#""read""#).is_err());
        assert!(serde_json::from_str::<Importance>(r#""High""#).is_err());
    }

    #[test]
    fn a_value_is_plain() {
        let read: Vec<Value> = serde_json::from_str(r#"["a", 1, -1, 0.5, true]"#).unwrap();
        assert_eq!(read, ["a".into(), 1.into(), (-1).into(), 0.5.into(), true.into()]);
        for text in ["null", "[]", "{}", "18446744073709551615"] {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }
}
