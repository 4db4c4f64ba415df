//! Settings of channels, as tenants write them.

use std::fmt;

use serde::Deserialize;

/// What must not be seen: it is never printed, and goes out only to the provider whose it is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is wrong with a channel's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where, as a JSON pointer into the settings.
    pub path: String,
    /// What, and what to do.
    pub message: String,
}

impl Wrong {
    /// Something that is wrong somewhere.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Wrong {
        Wrong { path: path.into(), message: message.into() }
    }
}

/// Reads settings into their type.
///
/// # Errors
///
/// What is wrong with them.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    settings: &serde_json::Value,
) -> Result<T, Vec<Wrong>> {
    T::deserialize(settings).map_err(|error| vec![Wrong::new("", error.to_string())])
}
