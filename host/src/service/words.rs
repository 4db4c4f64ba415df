//! What the service says to people and programs: its resources as they are seen from outside. Plain data;
//! the HTTP interface writes them as they are here.

mod campaigns;
mod mailbox;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) use self::campaigns::each;
pub use self::campaigns::*;
pub use self::mailbox::{ContentInfo, FileInfo, MailboxInfo, NewMailbox};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its name: lower-case letters, digits and hyphens.
    #[schema(example = "acme")]
    pub name: String,
    /// A suspended tenant's keys are refused, its timers wait, nothing of it is sent.
    pub suspended: bool,
    /// When it was created, in milliseconds since 1970 UTC.
    pub created: i64,
    /// Attempts that it may have accepted within a day, UTC; absent: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_quota: Option<u64>,
}

/// A tenant to be created.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name: lower-case letters, digits and hyphens, 1 to 63 of them.
    #[schema(example = "acme", min_length = 1, max_length = 63, pattern = "^[a-z0-9][a-z0-9-]*$")]
    pub name: String,
}

/// A change of a tenant.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantChange {
    /// Suspends it or takes it up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<bool>,
    /// Attempts that it may have accepted within a day, UTC; 0: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_quota: Option<u64>,
}

/// What a key lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyScope {
    /// Send events of one tenant.
    Ingest,
    /// Everything of one tenant.
    Manage,
    /// Everything.
    Admin,
}

impl KeyScope {
    /// Whether it goes so far.
    #[must_use]
    pub fn allows(self, needed: KeyScope) -> bool {
        match self {
            KeyScope::Admin => true,
            KeyScope::Manage => needed != KeyScope::Admin,
            KeyScope::Ingest => needed == KeyScope::Ingest,
        }
    }
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyInfo {
    /// Its public part.
    pub id: String,
    /// What it is for, in its owner's words.
    pub name: String,
    /// What it lets its bearer do.
    pub scope: KeyScope,
    /// When it was created, in milliseconds since 1970 UTC.
    pub created: i64,
}

/// A key to be created.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub name: String,
    /// What it lets its bearer do: `ingest` or `manage`.
    pub scope: KeyScope,
}

/// A new key. This is the only time that its secret is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub info: KeyInfo,
    /// What its bearer presents.
    pub key: String,
}

/// A policy of a tenant: a component that was admitted, known by its digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyInfo {
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// Who it says it is.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// One line for people.
    pub title: String,
    /// The kinds that it is: `journey`, `audience`, `personalise`, `route`.
    pub kinds: Vec<String>,
    /// The JSON Schema of its settings.
    pub settings_schema: serde_json::Value,
    /// Bytes of the component.
    pub bytes: u64,
    /// When it was uploaded, in milliseconds since 1970 UTC.
    pub uploaded: i64,
}

/// How a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    /// Accepted, and never active so far.
    Ready,
    /// At work.
    Active,
    /// Was active before.
    Retired,
    /// Switched off by itself, because one of its policies kept faulting.
    Faulted,
}

/// What a policy of a release has used since the service started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyUse {
    /// What the strategy calls the policy.
    pub label: String,
    /// The component's digest.
    pub digest: String,
    /// Its own name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Questions.
    pub calls: u64,
    /// Rows of all questions.
    pub rows: u64,
    /// Fuel of all questions.
    pub fuel: u64,
    /// The most fuel that one question took.
    pub most_fuel: u64,
    /// The most memory that an instance had, in bytes.
    pub memory_bytes: u64,
    /// Questions that it gave no answer to.
    pub faults: u64,
}

/// A release: one version of a tenant's strategy, all its parts together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseInfo {
    /// Its number; numbers rise.
    pub number: u64,
    /// How it stands.
    pub status: ReleaseStatus,
    /// Why it was switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made, in milliseconds since 1970 UTC.
    pub created: i64,
    /// When it was last activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated: Option<i64>,
    /// Its policies.
    pub policies: Vec<PolicyUse>,
    /// The strategy, as it was sent, in JSON.
    pub strategy: serde_json::Value,
}

/// A token with which a user's device asks for the user's letters.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserToken {
    /// The token.
    pub token: String,
    /// When it ends, in milliseconds since 1970 UTC.
    pub expires: i64,
}

/// A message in the app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LetterInfo {
    /// Its number; numbers rise.
    pub id: u64,
    /// The attempt's tracking id.
    pub tracking: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was put there, in milliseconds since 1970 UTC.
    pub at: i64,
    /// When it was on the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
    /// When its user confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<i64>,
}

/// An attempt to reach a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptInfo {
    /// Its tracking id.
    pub tracking: String,
    /// The message that it belongs to.
    pub message: String,
    /// The user.
    pub user: String,
    /// The channel.
    pub channel: String,
    /// When it was decided, in milliseconds since 1970 UTC.
    pub at: i64,
    /// How it ended: `accepted`, `failed`, `refused` or `called-off`; absent while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why it ended so, or why the last try did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tries that were made and did not succeed, and others after them that may.
    pub tries: u32,
    /// When the next try is due, while it waits, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<i64>,
    /// What it says.
    pub content: serde_json::Value,
}

/// Some of a list, and how to ask for more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// Some.
    pub items: Vec<T>,
    /// Ask again with this as `after` to get more; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Evidence that somebody outside has about an attempt.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    /// The attempt's tracking id.
    #[schema(max_length = 64)]
    pub tracking: String,
    /// What it shows: `accepted`, `delivered`, `machine-opened`, `opened`, `seen`, `confirmed`, `converted`
    /// or `failed`.
    pub shows: String,
}

/// What is known of a user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// The user.
    pub user: String,
    /// When the engine looks at the user again by itself, in milliseconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// The user's state: profile, visits, messages under way.
    pub state: serde_json::Value,
    /// The latest events and decisions about the user, newest first: a document for each turn.
    pub turns: Vec<serde_json::Value>,
}

/// What became of an import.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Events that were taken, those that were known already among them.
    pub taken: u64,
    /// Lines that were not, the first of them with their reasons.
    pub refused: u64,
    /// The first refusals.
    pub errors: Vec<LineError>,
}

/// A line or item that was not taken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LineError {
    /// Its number, from 1 in an import and from 0 in a batch.
    pub line: u64,
    /// Where in it: a JSON pointer.
    pub at: String,
    /// What is wrong.
    pub reason: String,
}

/// A channel of a tenant to be set up.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// What it is: `email`, `http`, `sms`, `web-push`, `webhook`, `wechat` or `wecom`.
    #[schema(example = "webhook")]
    pub kind: String,
    /// What its kind wants to know. Secrets among it are encrypted before they are stored, and shown as `***`
    /// afterwards; where `***` is sent back the secret stays as it is.
    pub settings: serde_json::Value,
    /// Messages under way at once.
    #[schema(minimum = 1, maximum = 100_000)]
    pub at_once: Option<usize>,
    /// Messages a second in the long run.
    #[schema(minimum = 0.001, maximum = 1_000_000.0)]
    pub per_second: Option<f64>,
    /// Messages at once after a pause, above that rate.
    #[schema(minimum = 1)]
    pub burst: Option<u32>,
}

/// Without the settings: there are secrets among them.
impl std::fmt::Debug for NewChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewChannel").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A channel of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelInfo {
    /// What strategies call it.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Its settings, secrets hidden.
    pub settings: serde_json::Value,
    /// Messages under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// Messages a second in the long run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Messages at once after a pause, above that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// When it was set up, in milliseconds since 1970 UTC.
    pub created: i64,
    /// When it was last changed.
    pub changed: i64,
    /// Whether messages go out.
    pub breaker: ChannelStanding,
    /// Until when nothing goes out, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Messages under way.
    pub under_way: usize,
}

/// Whether a channel's messages go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelStanding {
    /// They do.
    Closed,
    /// One is let out, to see whether the provider is well again.
    HalfOpen,
    /// The provider is in trouble and is left alone.
    Open,
}

/// An address that nothing is to be sent to.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuppression {
    /// On which channel.
    pub channel: String,
    /// The address. Only a hash of it is kept.
    #[schema(max_length = 4096)]
    pub address: String,
    /// Why, in a word or two.
    #[schema(max_length = 100)]
    pub reason: Option<String>,
}

/// An address that nothing is sent to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SuppressionInfo {
    /// On which channel.
    pub channel: String,
    /// The hash that the address is known by.
    pub key: String,
    /// Why: a reason of a provider, or what was said.
    pub reason: String,
    /// Since when, in milliseconds since 1970 UTC.
    pub at: i64,
}

/// What a user says about being messaged. Without a topic it is about all of them, without a channel about all
/// of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentInfo {
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub topic: Option<String>,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub channel: Option<String>,
    /// Yes or no.
    pub allowed: bool,
}
