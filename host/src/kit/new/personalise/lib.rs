//! Writes messages with the user's first name in them.

use nudge_guest::prelude::*;
use nudge_guest::{embed, encoded, tidy};

#[cfg(any(test, feature = "tests"))]
mod tests;

/// What a tenant sets; `settings.schema.json` describes it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What stands for a name that is not known.
    #[serde(default = "there")]
    stranger: String,
}

fn there() -> String {
    "there".to_owned()
}

/// No name is longer, so that nobody's name takes over a message.
const LONGEST: usize = 40;

/// The configured policy.
pub struct @TYPE@ {
    settings: Settings,
    name: Field<Text>,
}

impl Policy for @TYPE@ {
    const MANIFEST: Manifest = manifest!(
        "@NAME@",
        "Writes messages with the user's first name in them",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = Issues::default();
        if settings.stranger.trim().is_empty() {
            issues.at("/stranger", "say how a stranger is called");
        }
        let name = needs.profile("name").only(Questions::RENDER).text();
        issues.or(@TYPE@ { settings, name })
    }
}

impl Personalise for @TYPE@ {
    /// `{name}` is the user's first name, anything else in braces message data. A text that names what
    /// is not there is not sent.
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        let name = user.get(self.name).map(|name| tidy(name, LONGEST)).unwrap_or_default();
        let first = name.split_whitespace().next().unwrap_or(&self.settings.stranger).to_owned();
        let find = |feature: &str| match feature {
            "name" => Some(first.clone().into()),
            other => request.data(other).map(|value| value.to_string().into()),
        };
        let template = request.template();
        let link = template.link.as_ref().map(|link| {
            embed(link, |feature| find(feature).map(|part: std::borrow::Cow<'_, str>| {
                encoded(&part).into()
            }))
        });
        Some(Content {
            title: embed(&template.title, find).ok()?,
            body: embed(&template.body, find).ok()?,
            link: link.transpose().ok()?,
            features: vec![("name".to_owned(), first.as_str().into())],
        })
    }
}

nudge_guest::export!(@TYPE@: personalise);
