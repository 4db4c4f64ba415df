//! The kinds of channels that tenants may set up, by name.

use std::sync::Arc;

use serde_json::Value as Json;

use super::wire::Wire;
use super::{Channel, Wrong};

/// Builds a channel of one kind.
type Build = fn(&str, &Json, &Wire) -> Result<Arc<dyn Channel>, Vec<Wrong>>;

macro_rules! kinds {
    ($($name:literal => $module:ident, $build:path,)*) => {
        /// Their names.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Where the secrets of a kind's settings are: JSON pointers, `*` for any member.
        pub(crate) fn secrets(kind: &str) -> Option<&'static [&'static str]> {
            match kind {
                $($name => Some(super::$module::SECRETS),)*
                _ => None,
            }
        }

        fn builder(kind: &str) -> Option<Build> {
            match kind {
                $($name => Some(|name, settings, wire| {
                    let channel = $build(name, settings, wire)?;
                    Ok(Arc::new(channel))
                }),)*
                _ => None,
            }
        }
    };
}

kinds! {
    "email" => email, super::email::Email::build,
    "http" => http, super::http::build,
    "sms" => sms, super::sms::Sms::build,
    "web-push" => web_push, super::web_push::WebPush::build,
    "webhook" => webhook, super::webhook::build,
    "wechat" => wechat, super::wechat::build,
    "wecom" => wecom, super::wecom::build,
}

/// A channel of a kind with these settings.
///
/// # Errors
///
/// What is wrong with the settings.
pub(crate) fn build(
    kind: &str,
    name: &str,
    settings: &Json,
    wire: &Wire,
) -> Result<Arc<dyn Channel>, Vec<Wrong>> {
    let Some(build) = builder(kind) else {
        return Err(vec![Wrong::new("", format!("there is no kind of channel {kind:?}"))]);
    };
    build(name, settings, wire)
}
