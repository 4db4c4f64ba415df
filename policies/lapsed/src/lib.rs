//! Inactive users, system E: a user's logins in a preset period are counted; whoever has no more than the
//! minimum is inactive, and can be sent a reminder, composed with a stored text or file, to the
//! communication account that their profile names.
//!
//! Nobody is judged over a time that was not watched: a newcomer with too few logins is in no group until
//! the period has passed. Whoever has more than the minimum is active, however new.

mod settings;
#[cfg(any(test, feature = "tests"))]
mod tests;

use nudge_guest::prelude::*;
use nudge_guest::{Features, Parameters};

pub use settings::Settings;

/// The groups, in order.
const GROUPS: [&str; 2] = ["active", "inactive"];
const ACTIVE: usize = 0;
const INACTIVE: usize = 1;

/// The push standards: those whose profile names an account, or all.
const ACCOUNT: &str = "account";
const ANYONE: &str = "anyone";

/// The configured policy.
#[derive(Debug)]
pub struct Lapsed {
    minimum: i64,
    /// Whole days of the period, for the text.
    days: i64,
    logins: Field<i64>,
    /// Not 0 while the user has been known for less than the period.
    newcomer: Field<i64>,
    account: Field<Text>,
    features: Features,
}

impl Policy for Lapsed {
    const MANIFEST: Manifest = manifest!(
        "lapsed",
        "Reminds users who have not logged in often enough of late",
        include_str!("../settings.schema.json"),
    );
    type Settings = Settings;

    fn configure(settings: Settings, needs: &mut Needs) -> Result<Self, Issues> {
        let issues = settings.issues();
        let period = settings.period.0;
        let logins = needs.counter(&settings.event, period).only(Questions::CLASSIFY).integer();
        let newcomer = needs.counter("$known", period).only(Questions::CLASSIFY).integer();
        let account = needs.profile(&settings.account).only(Questions::QUALIFY).text();
        let features = Features::new(&settings.features, needs);
        let days = i64::try_from(period / 86_400_000).unwrap_or(i64::MAX);
        let minimum = settings.minimum;
        issues.or(Lapsed { minimum, days, logins, newcomer, account, features })
    }
}

impl Audience for Lapsed {
    fn groups(&self) -> Vec<String> {
        GROUPS.map(str::to_owned).to_vec()
    }

    fn classify(&self, record: Row<'_>, groups: &mut Vec<usize>) {
        if record.get(self.logins).unwrap_or_default() > self.minimum {
            groups.push(ACTIVE);
        } else if record.get(self.newcomer).unwrap_or_default() == 0 {
            groups.push(INACTIVE);
        }
    }

    fn compose(&self, parameters: &str) -> Result<Campaign, Issues> {
        let mut parameters = Parameters::read(parameters)?;
        let given = vec![("days".to_owned(), self.days.into())];
        let mut campaign = parameters.campaign(&self.features, given);
        campaign.event_type = match parameters.optional::<String>("type") {
            None => GROUPS[INACTIVE].to_owned(),
            Some(group) => {
                if !GROUPS.contains(&group.as_str()) {
                    let message = format!("{group:?} is none of the groups (active, inactive)");
                    parameters.issues().at("/type", message);
                }
                group
            }
        };
        let anyone = parameters.optional::<bool>("without_account").unwrap_or_default();
        campaign.standard = if anyone { ANYONE } else { ACCOUNT }.to_owned();
        parameters.or(campaign)
    }

    /// A reminder is for whoever has a communication account, unless it says that it is for anyone.
    fn qualify(&self, standard: &str, member: Row<'_>) -> bool {
        match standard {
            ANYONE => true,
            ACCOUNT => member.get(self.account).is_some_and(|account| !account.trim().is_empty()),
            _ => false,
        }
    }
}

impl Personalise for Lapsed {
    fn render(&self, request: RenderRequest<'_>, user: Row<'_>) -> Option<Content> {
        self.features.render(request, user)
    }
}

nudge_guest::export!(Lapsed: audience, personalise);
