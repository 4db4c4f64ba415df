//! The standard policies, inside the binary.

/// Their names and components, in order of name.
static POLICIES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/standard.rs"));

/// The component of the standard policy of that name.
#[must_use]
pub fn policy(name: &str) -> Option<&'static [u8]> {
    POLICIES.iter().find(|(n, _)| *n == name).map(|(_, component)| *component)
}

/// The names of the standard policies, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    POLICIES.iter().map(|(name, _)| *name)
}
