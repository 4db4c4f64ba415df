//! Groups of users by how often they come, and campaigns for them.

use nudge_guest::prelude::*;
use nudge_guest::parse;

#[cfg(any(test, feature = "tests"))]
mod tests;

/// What a tenant sets; `settings.schema.json` describes it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The event that shows that somebody came.
    #[serde(default = "login")]
    event: String,
    /// Who came at least so often within the window is a regular.
    #[serde(default = "five")]
    regular: i64,
    /// How far back one looks.
    #[serde(default = "thirty_days")]
    window: Span,
}

fn login() -> String {
    "login".to_owned()
}

fn five() -> i64 {
    5
}

fn thirty_days() -> Span {
    Span(30 * 86_400_000)
}

/// The parameters of a campaign.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// What it is called.
    name: String,
    /// Whom it is for: one of the groups.
    group: String,
    /// Key of the message in the tenant's contents.
    message: String,
    /// Only for who came at least so often.
    #[serde(default)]
    at_least: i64,
}

/// The groups, in the order in which they are named.
const GROUPS: [&str; 3] = ["regular", "occasional", "lapsed"];

/// The configured policy.
pub struct @TYPE@ {
    settings: Settings,
    visits: Field<i64>,
}

impl Policy for @TYPE@ {
    const MANIFEST: Manifest = manifest!(
        "@NAME@",
        "Groups of users by how often they come",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let mut issues = Issues::default();
        if settings.regular < 1 {
            issues.at("/regular", "a regular came at least once");
        }
        // The host counts; the policy asks for the number.
        let visits = needs.counter(&settings.event, settings.window.0).integer();
        issues.or(@TYPE@ { settings, visits })
    }
}

impl Audience for @TYPE@ {
    fn groups(&self) -> Vec<String> {
        GROUPS.map(str::to_owned).to_vec()
    }

    fn classify(&self, record: Row<'_>, groups: &mut Vec<usize>) {
        let visits = record.get(self.visits).unwrap_or_default();
        groups.push(match visits {
            visits if visits >= self.settings.regular => 0,
            1.. => 1,
            _ => 2,
        });
    }

    fn compose(&self, parameters: &str) -> Result<Campaign, Issues> {
        let parameters: Parameters = parse(parameters)?;
        let mut issues = Issues::default();
        if !GROUPS.contains(&parameters.group.as_str()) {
            let group = &parameters.group;
            issues.at("/group", format!("{group:?} is none of the groups: {}", GROUPS.join(", ")));
        }
        issues.or(Campaign {
            name: parameters.name,
            event_type: parameters.group,
            message: parameters.message,
            importance: Importance::Normal,
            standard: parameters.at_least.to_string(),
            data: Vec::new(),
        })
    }

    fn qualify(&self, standard: &str, member: Row<'_>) -> bool {
        let visits = member.get(self.visits).unwrap_or_default();
        standard.parse().is_ok_and(|least: i64| visits >= least)
    }
}

nudge_guest::export!(@TYPE@: audience);
