//! Campaigns as strategy files and the interface write them, and what segment criteria make of their
//! parameters. Asks a configured policy; touches nothing else.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::guard::span;
use crate::engine::event::Millis;
use crate::engine::policy::{Failure, Launch};
use crate::sandbox::{Configured, Issue};

/// How long what users do counts, if nothing is said.
const A_WEEK: Millis = Millis(7 * 86_400_000);

/// A campaign. In a strategy file it is for whoever joins its group while the strategy is at work, each
/// time that they do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// The label of the segment criteria that compose it.
    pub policy: String,
    /// What they compose it of.
    #[serde(default = "super::document::nothing")]
    pub parameters: Json,
    /// The event that it is for: `NAME`, or `FIELD=VALUE`. Nothing: that users leave the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// How long after it has reached somebody what they do counts, as in `7d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Of a hundred users how many get no message, to be compared with; down to a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<f64>,
}

/// Why a campaign cannot be composed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// Something is wrong with what was said of it.
    #[error("{}", told(.0))]
    Invalid(Vec<Issue>),
    /// The policy gave no answer.
    #[error(transparent)]
    Failure(#[from] Failure),
}

fn told(issues: &[Issue]) -> String {
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Campaign {
    /// Has the policy compose it; `id` is what the host calls it, or else it is called by its own name.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its place.
    pub fn compose(
        &self,
        id: Option<&str>,
        policy: &Configured,
        again: bool,
    ) -> Result<Launch, ComposeError> {
        let mut issues = Vec::new();
        let mut wrong = |path: &str, message: String| {
            issues.push(Issue { path: path.to_owned(), message });
        };
        let within = match self.within.as_deref().map(span) {
            None => A_WEEK,
            Some(Ok(within)) => within,
            Some(Err(error)) => {
                wrong("/within", error);
                A_WEEK
            }
        };
        let percent = self.hold_out.unwrap_or_default();
        if !(0.0..100.0).contains(&percent) {
            wrong("/hold_out", format!("{percent} is no share: from 0 up to 99.9 of a hundred"));
        }
        if self.goal.as_deref().is_some_and(|goal| goal.trim().is_empty()) {
            wrong("/goal", "name an event, or leave it out".to_owned());
        }
        let composed = policy.compose(&self.parameters.to_string())?;
        let campaign = match composed {
            Ok(campaign) => campaign,
            Err(refused) => {
                let place = |issue: Issue| Issue {
                    path: format!("/parameters{}", issue.path),
                    message: issue.message,
                };
                issues.extend(refused.into_iter().map(place));
                return Err(ComposeError::Invalid(issues));
            }
        };
        if campaign.name.trim().is_empty() {
            issues.push(Issue {
                path: "/parameters/name".to_owned(),
                message: "the campaign that was composed has no name".to_owned(),
            });
        }
        if !issues.is_empty() {
            return Err(ComposeError::Invalid(issues));
        }
        Ok(Launch {
            id: id.map_or_else(|| campaign.name.clone(), Into::into),
            policy: self.policy.as_str().into(),
            campaign,
            goal: self.goal.as_deref().map(|goal| goal.trim().into()),
            within,
            // A tenth of a hundredth is exact, whatever the number's last digits are.
            hold_out: (percent * 10.0).round() as u32,
            again,
        })
    }
}
