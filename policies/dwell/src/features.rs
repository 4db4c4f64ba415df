//! Personalised features: one field of the process information, fit for a text.

use nudge_guest::prelude::*;
use nudge_guest::tidy;

use crate::settings::{FeatureSettings, Format, Origin};

/// No feature is longer, so that no user's attribute takes over a message.
const MOST_CHARACTERS: usize = 100;

/// A feature, asked for.
#[derive(Debug)]
pub(crate) struct Feature {
    field: Field<Text>,
    format: Format,
    default: Option<String>,
}

impl Feature {
    pub(crate) fn new(settings: &FeatureSettings, needs: &mut Needs) -> Feature {
        let need = match settings.origin {
            Origin::Event => needs.event(&settings.field),
            Origin::Profile => needs.profile(&settings.field),
        };
        Feature {
            field: need.only(Questions::RENDER).text(),
            format: settings.format,
            default: settings.default.clone(),
        }
    }

    /// The user's feature as it stands in a text.
    pub(crate) fn of(&self, user: Row<'_>) -> Option<String> {
        let text = tidy(user.get(self.field)?, MOST_CHARACTERS);
        (!text.is_empty()).then(|| self.format.write(text))
    }

    /// What stands there where the user has no such feature.
    pub(crate) fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }
}

impl Format {
    fn write(self, text: String) -> String {
        match self {
            Format::Plain => text,
            Format::FirstWord => text.split_whitespace().next().unwrap_or_default().to_owned(),
            Format::Grouped => grouped(&text).unwrap_or(text),
        }
    }
}

/// A whole number with a comma between thousands; what is not one stays as it is.
fn grouped(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut out = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (text, want) in [
            ("5", "5"),
            ("500", "500"),
            ("20000", "20,000"),
            ("-1234567", "-1,234,567"),
            ("5000.0", "5,000"),
        ] {
            assert_eq!(grouped(text).as_deref(), Some(want));
        }
        for text in ["", "-", "1e5", "12a", "1.5"] {
            assert_eq!(grouped(text), None, "{text}");
        }
    }
}
