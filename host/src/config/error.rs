//! What is wrong with a configuration, and where. Text only: everything that comes from outside is cut and
//! freed of what a terminal would obey.

use std::fmt;

/// What is wrong with the configuration: all of it at once, so that nobody mends it line by line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ConfigError(pub(super) Vec<Problem>);

impl ConfigError {
    /// Everything that is wrong, in the order of the layers.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, and what would be right.
    pub message: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The default.
    Default,
    /// A place in a file, both counted from 1, the column in characters.
    File {
        /// The file's name.
        name: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// An option of the command line.
    Option(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("the default"),
            Place::File { name, line, column } => {
                write!(f, "{}:{line}:{column}", plain(name, 200))
            }
            Place::Variable(name) => f.write_str(&plain(name, 80)),
            Place::Option(name) => f.write_str(name),
        }
    }
}

/// A text from outside, no longer than so many characters, with control characters spelt out.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars().take(most) {
        // Quotation marks and backslashes are harmless outside a literal, and paths have them.
        if matches!(c, '"' | '\'' | '\\') { out.push(c) } else { out.extend(c.escape_debug()) }
    }
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// A text from outside as a literal.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let cut = text.chars().nth(MOST).is_some();
    let text: String = text.chars().take(MOST).collect();
    if cut { format!("{text:?}…") } else { format!("{text:?}") }
}
