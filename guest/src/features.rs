//! Personalised features: fields of a user's process information and profile, fit for a text, and the
//! text that they are embedded in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    Content, Field, Issues, Need, Needs, Questions, RenderRequest, Row, Text, Value, embed,
    encoded, given, is_of_content, pointer, tidy,
};

/// No feature is longer, so that no user's attribute takes over a message.
const MOST_CHARACTERS: usize = 100;

/// One feature, as settings have it under its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// The field that it comes from.
    pub field: String,
    /// Whose field that is.
    #[serde(default)]
    pub origin: Origin,
    /// How it is written.
    #[serde(default)]
    pub format: Format,
    /// What stands in where the user has no such field. Without it they get no message that needs it.
    #[serde(default, deserialize_with = "given")]
    pub default: Option<String>,
}

/// Whose a field is: `event` or `profile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The user's events, latest value.
    #[default]
    Event,
    /// The user's profile.
    Profile,
}

impl Origin {
    /// The field of that name there, about to be asked for.
    pub fn need<'a>(self, field: &str, needs: &'a mut Needs) -> Need<'a> {
        match self {
            Origin::Event => needs.event(field),
            Origin::Profile => needs.profile(field),
        }
    }
}

/// How a feature is written: `plain`, `grouped` or `first-word`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// As it is.
    #[default]
    Plain,
    /// A whole number with its thousands set apart: 20,000.
    Grouped,
    /// The first word only: a first name.
    FirstWord,
}

/// Features, asked for; in order of their names.
#[derive(Debug)]
pub struct Features(Vec<(String, Feature)>);

#[derive(Debug)]
struct Feature {
    field: Field<Text>,
    format: Format,
    default: Option<String>,
}

impl Features {
    /// Asks for the fields that the features come from.
    pub fn new(settings: &BTreeMap<String, FeatureSettings>, needs: &mut Needs) -> Features {
        let mut feature = |(name, settings): (&String, &FeatureSettings)| {
            let need = settings.origin.need(&settings.field, needs);
            let field = need.only(Questions::RENDER).text();
            let default = settings.default.clone();
            (name.clone(), Feature { field, format: settings.format, default })
        };
        Features(settings.iter().map(&mut feature).collect())
    }

    /// Whether there is a feature of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Feature> {
        let at = self.0.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        self.0.get(at).map(|(_, feature)| feature)
    }

    /// The request's text with features and message data where their names stand; none where one that it
    /// names is missing. What was taken from the user is on record.
    ///
    /// In a link each is percent-encoded, but for a link of the message data that the link begins with.
    #[must_use]
    pub fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        let mut taken: Vec<(String, Value)> = Vec::new();
        let mut find = |name: &str| -> Option<Cow<'_, str>> {
            let Some(feature) = self.find(name) else {
                return request.data(name).map(|value| value.to_string().into());
            };
            let Some(text) = feature.of(user) else {
                return feature.default.as_deref().map(Into::into);
            };
            if taken.iter().all(|(n, _)| n != name) {
                taken.push((name.to_owned(), Value::Text(text.clone())));
            }
            Some(text.into())
        };
        let template = request.template();
        let title = embed(&template.title, &mut find).ok()?;
        let body = embed(&template.body, &mut find).ok()?;
        let link = match template.link.as_deref() {
            None => None,
            Some(link) => {
                let (start, rest) = self.start(link, request).unwrap_or_default();
                let rest = if start.is_empty() { link } else { rest };
                let mut part = |name: &str| find(name).map(|part| encoded(&part).into());
                Some(format!("{start}{}", embed(rest, &mut part).ok()?))
            }
        };
        Some(Content { title, body, link, features: taken })
    }

    /// The link of the message data that `link` begins with, and what comes after it.
    fn start<'a>(&self, link: &'a str, request: RenderRequest<'a>) -> Option<(&'a str, &'a str)> {
        let (name, rest) = link.strip_prefix('{')?.split_once('}')?;
        let name = name.trim();
        if self.has(name) {
            return None;
        }
        match request.data(name)? {
            Value::Text(text) if is_link(text) => Some((text, rest)),
            _ => None,
        }
    }
}

/// Whether it begins as an address on the web does.
pub(crate) fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// Why no text can name it, if none can: `{name}` is read without the blanks at its ends.
#[must_use]
pub fn unnameable(name: &str) -> Option<String> {
    let wrong = name.is_empty() || name.trim() != name || name.contains(['{', '}']);
    wrong.then(|| format!("no text can name {name:?}: use no braces, and no blanks at the ends"))
}

/// What is wrong with the features, under `/features`, of a policy that composes campaigns: names that no
/// text can name, and those of message data that is there already.
pub fn feature_issues(
    settings: &BTreeMap<String, FeatureSettings>,
    given: &[&str],
    issues: &mut Issues,
) {
    for (name, feature) in settings {
        let path = || pointer(["features", name]);
        if let Some(why) = unnameable(name) {
            issues.at(path(), why);
        } else if is_of_content(name) || given.contains(&name.as_str()) {
            issues.at(path(), format!("{name:?} is there already, from the campaign"));
        }
        if feature.field.is_empty() {
            issues.at(pointer(["features", name, "field"]), "name the field it comes from");
        }
    }
}

impl Feature {
    /// The user's feature as it stands in a text.
    fn of(&self, user: Row<'_>) -> Option<String> {
        let text = tidy(user.get(self.field)?, MOST_CHARACTERS);
        (!text.is_empty()).then(|| self.format.write(text))
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Message, Tester, Values};
    use crate::{Manifest, Personalise, Policy, manifest};

    struct Letter(Features);

    impl Policy for Letter {
        const MANIFEST: Manifest = manifest!("letter", "Writes", "{}");
        type Settings = BTreeMap<String, FeatureSettings>;
        fn configure(settings: Self::Settings, needs: &mut Needs) -> Result<Self, Issues> {
            Ok(Letter(Features::new(&settings, needs)))
        }
    }

    impl Personalise for Letter {
        fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
            self.0.render(request, user)
        }
    }

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

    #[test]
    fn a_link_may_begin_with_a_link_of_the_message_data_and_of_nobody_else() {
        let tester = Tester::<Letter>::new(r#"{"city": {"field": "city"}}"#).unwrap();
        let link = |link: &str, url: &str| {
            let message = Message::new("", "").link(link).data("file_url", url);
            let user = Values::new().event("city", "https://evil.example");
            tester.render(&message, &user).unwrap().link.unwrap()
        };
        let url = "https://files.example/a?b=c";
        assert_eq!(link("{file_url}", url), url);
        assert_eq!(
            link("{ file_url }&d={city}", url),
            format!("{url}&d=https%3A%2F%2Fevil.example")
        );
        let encoded = "https%3A%2F%2Ffiles.example%2Fa%3Fb%3Dc";
        assert_eq!(
            link("https://x.example/{file_url}", url),
            format!("https://x.example/{encoded}")
        );
        assert_eq!(link("{city}", url), "https%3A%2F%2Fevil.example");
        for odd in ["javascript:alert(1)", "https://", "https://a b", "https://a\nb"] {
            assert!(!link("{file_url}", odd).contains([':', ' ', '\n']), "{odd}");
        }
    }
}
