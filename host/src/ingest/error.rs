//! What the caller is told when a log, or a row of it, cannot be read.

use std::sync::Arc;

use super::columns::Missing;
use super::row::Fatal;

/// How many columns an error lists.
const LISTED: usize = 30;

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct BadRow {
    /// The file it is in.
    pub file: Arc<str>,
    /// The line of the (unpacked) file it starts on, the first being 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// What it says, as far as that is text; nothing of what was too long to be kept.
    pub text: String,
}

/// Why a log gave something else than an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// One row cannot be read; reading goes on with the next.
    #[error(transparent)]
    Row(BadRow),
    /// Nothing more can be read.
    #[error(transparent)]
    Fatal(LogError),
}

/// Why a log cannot be read at all, or no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The system would not give it.
    #[error("cannot read {file}: {reason}")]
    Unreadable {
        /// The file.
        file: Arc<str>,
        /// What the system said.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{file} is empty")]
    Empty {
        /// The file.
        file: Arc<str>,
    },
    /// It has no column of the name that was asked for.
    #[error("{file} has no column \"{asked}\" ({flag}); its columns are {}", list(.columns))]
    UnknownColumn {
        /// The file.
        file: Arc<str>,
        /// The option that asked for it.
        flag: &'static str,
        /// The name asked for.
        asked: String,
        /// The columns there are.
        columns: Vec<Arc<str>>,
    },
    /// None of its columns has a name that is usual for what is needed.
    #[error(
        "no column of {file} has a usual name for the {role}: name it with {flag}; \
         its columns are {}", list(.columns)
    )]
    Unguessed {
        /// The file.
        file: Arc<str>,
        /// What the column is needed for.
        role: &'static str,
        /// The option that names it.
        flag: &'static str,
        /// The columns there are.
        columns: Vec<Arc<str>>,
    },
    /// It is something else.
    #[error("{file} is not a log: {reason}")]
    NotALog {
        /// The file.
        file: Arc<str>,
        /// What it is, or what it lacks.
        reason: String,
    },
    /// It breaks off, or its gzip or XML is broken.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: Arc<str>,
        /// What is broken, and where if that is known.
        reason: String,
    },
}

impl LogError {
    pub(super) fn new(file: &Arc<str>, fatal: Fatal) -> LogError {
        let file = Arc::clone(file);
        match fatal {
            Fatal::Unreadable(reason) => LogError::Unreadable { file, reason },
            Fatal::Empty => LogError::Empty { file },
            Fatal::NotALog(reason) => LogError::NotALog { file, reason },
            Fatal::Damaged(reason) => LogError::Damaged { file, reason },
        }
    }

    pub(super) fn missing(file: &Arc<str>, missing: Missing, columns: &[Arc<str>]) -> LogError {
        let file = Arc::clone(file);
        let columns = columns.to_vec();
        match missing {
            Missing::Asked { flag, asked } => {
                LogError::UnknownColumn { file, flag, asked, columns }
            }
            Missing::Unguessed { role, flag } => LogError::Unguessed { file, role, flag, columns },
        }
    }
}

fn list(columns: &[Arc<str>]) -> String {
    let shown = columns.iter().take(LISTED);
    let mut list: Vec<_> = shown.map(|name| super::text::quoted(name)).collect();
    match columns.len().saturating_sub(LISTED) {
        0 if list.is_empty() => list.push("none".into()),
        0 => {}
        more => list.push(format!("and {more} more")),
    }
    list.join(", ")
}
