//! Which files of a folder are finished. Pure: what was seen and when in, names out.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime};

/// The folder where files go that were read, and that where what cannot be read goes.
pub(super) const DONE: &str = "done";
pub(super) const REJECTS: &str = "rejects";
/// The file in which a tenant says what its columns are.
pub(super) const OPTIONS: &str = "feed.toml";

/// Ends of names of files that somebody is writing.
const UNFINISHED: [&[u8]; 3] = [b".part", b".tmp", b".crdownload"];

/// By what a file is told from another, and from itself before somebody wrote on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was changed, if the file system says so.
    pub(super) changed: Option<SystemTime>,
    /// Its number in the file system, and the file system's; nothing where there are none.
    pub(super) number: (u64, u64),
}

/// Whether a file of this name is looked at. Names that begin with a dot and those of files that are being
/// written are not, and neither is what the service itself has there.
pub(super) fn is_wanted(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let ends = |end: &&[u8]| {
        let at = name.len().checked_sub(end.len());
        at.and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    !name.starts_with(b".") && !UNFINISHED.iter().any(ends) && name != OPTIONS.as_bytes()
}

/// The files of a folder, as they were when it was looked at.
#[derive(Debug)]
pub(super) struct Watch {
    settle: Duration,
    files: BTreeMap<OsString, Seen>,
}

#[derive(Debug)]
struct Seen {
    facts: Facts,
    since: Duration,
    /// Nothing more is to be done about it, although it is still there.
    left: bool,
}

impl Watch {
    /// A file that has not changed for `settle` is finished.
    pub(super) fn new(settle: Duration) -> Watch {
        Watch { settle, files: BTreeMap::new() }
    }

    /// The folder has these files now, a moment since an earlier one that is always the same: those that are
    /// finished, in the order of their names.
    pub(super) fn look(
        &mut self,
        now: Duration,
        there: impl IntoIterator<Item = (OsString, Facts)>,
    ) -> Vec<(OsString, Facts)> {
        let mut before = std::mem::take(&mut self.files);
        for (name, facts) in there {
            let seen = before.remove(&name).filter(|seen| seen.facts == facts);
            let seen = seen.unwrap_or(Seen { facts, since: now, left: false });
            self.files.insert(name, seen);
        }
        let finished = |seen: &Seen| !seen.left && now.saturating_sub(seen.since) >= self.settle;
        let files = self.files.iter().filter(|(_, seen)| finished(seen));
        files.map(|(name, seen)| (name.clone(), seen.facts)).collect()
    }

    /// Nothing more is to be done about a file until it changes.
    pub(super) fn leave(&mut self, name: &OsStr) {
        if let Some(seen) = self.files.get_mut(name) {
            seen.left = true;
        }
    }
}
