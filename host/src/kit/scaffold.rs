//! A new policy's crate: files that build, and tests that pass, from the first minute on.

use std::path::{Path, PathBuf};

/// The kinds that a policy can begin as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Where users stall, and what is said then
    Journey,
    /// Groups of users, and who a campaign is for
    Audience,
    /// What a message says
    Personalise,
    /// Which channels, in which order
    Route,
}

/// A file of a new crate: its path and its text.
type Text = (&'static str, &'static str);

macro_rules! files {
    ($kind:literal) => {
        &[
            ("src/lib.rs", include_str!(concat!("new/", $kind, "/lib.rs"))),
            ("src/tests.rs", include_str!(concat!("new/", $kind, "/tests.rs"))),
            ("settings.schema.json", include_str!(concat!("new/", $kind, "/settings.schema.json"))),
            ("cases/first.toml", include_str!(concat!("new/", $kind, "/first.toml"))),
        ]
    };
}

impl Kind {
    fn files(self) -> &'static [Text] {
        match self {
            Kind::Journey => files!("journey"),
            Kind::Audience => files!("audience"),
            Kind::Personalise => files!("personalise"),
            Kind::Route => files!("route"),
        }
    }
}

const MANIFEST: &str = include_str!("new/manifest.toml");
const IGNORED: &str = "/target\n";

/// Why there is no new policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    #[error("{0:?} is no name: use lower case letters, digits and hyphens, a letter first")]
    Name(String),
    #[error("{}: it is there already; choose another name, or remove it first", .0.display())]
    There(PathBuf),
    #[error("the SDK is not at {}: say where the folder `guest` of Nudge's repository is with --sdk", .0.display())]
    Sdk(PathBuf),
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Write(PathBuf, std::io::Error),
}

/// Where the SDK was when this program was built.
pub(crate) fn sdk() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap_or(folder).join("guest")
}

/// Writes a crate of that name into the folder `at`, which must not be there yet. All or nothing: what
/// was written is removed if something cannot be.
///
/// # Errors
///
/// Why not.
pub(crate) fn write(
    at: &Path,
    name: &str,
    kind: Kind,
    sdk: &Path,
) -> Result<Vec<PathBuf>, NewError> {
    let lower = |c: char| c.is_ascii_lowercase();
    let named = |c: char| lower(c) || c.is_ascii_digit() || c == '-';
    let fine = name.starts_with(lower) && name.chars().all(named) && name.len() <= 64;
    if !fine || name.ends_with('-') {
        return Err(NewError::Name(name.to_owned()));
    }
    if at.exists() {
        return Err(NewError::There(at.to_owned()));
    }
    let sdk = sdk.canonicalize().map_err(|_| NewError::Sdk(sdk.to_owned()))?;
    if !sdk.join("Cargo.toml").is_file() {
        return Err(NewError::Sdk(sdk));
    }
    let fill = |text: &str| {
        let sdk = format!("{:?}", sdk.to_string_lossy());
        let type_name = upper_camel(name);
        text.replace("@SDK@", &sdk).replace("@NAME@", name).replace("@TYPE@", &type_name)
    };
    let all = [("Cargo.toml", MANIFEST), (".gitignore", IGNORED)].into_iter();
    let mut written = Vec::new();
    for (path, text) in all.chain(kind.files().iter().copied()) {
        let path = at.join(path);
        let folder = path.parent().unwrap_or(at);
        let done = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, fill(text)));
        if let Err(error) = done {
            // It was not there before, so nothing else is lost; the first error is the one to tell.
            let _ = std::fs::remove_dir_all(at);
            return Err(NewError::Write(path, error));
        }
        written.push(path);
    }
    Ok(written)
}

/// `full-cart` as a type is called: `FullCart`.
fn upper_camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect::<String>()
    };
    name.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_called_like_its_policy() {
        assert_eq!(upper_camel("full-cart-2"), "FullCart2");
        assert_eq!(upper_camel("a"), "A");
    }

    #[test]
    fn names_and_places_are_checked_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "A", "1a", "a_b", "a-", "-a", "ä", "../a"] {
            let error = write(&folder.path().join("x"), name, Kind::Route, &sdk()).unwrap_err();
            assert!(matches!(error, NewError::Name(_)), "{name}: {error}");
        }
        let here = write(folder.path(), "a", Kind::Route, &sdk()).unwrap_err();
        assert!(matches!(here, NewError::There(_)), "{here}");
        let sdk = folder.path().join("none");
        let error = write(&folder.path().join("x"), "a", Kind::Route, &sdk).unwrap_err();
        assert!(error.to_string().contains("--sdk"), "{error}");
        assert!(!folder.path().join("x").exists());
    }
}
