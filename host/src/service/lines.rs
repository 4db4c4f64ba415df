//! Lines of the log, read back: those about one user with those about whoever turned out to be the same. A
//! line that was erased, and a record of what was erased, is about nobody. Reads the store.

use std::borrow::Cow;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Error;
use super::chain::{erased, hex, lines};
use super::core::{Core, stored};
use crate::engine::event::{Event, Instant};
use crate::store::{Seq, TenantId};

/// A line about a user, as `batch` wrote it.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) at: Instant,
    #[serde(default)]
    pub(super) release: Option<u64>,
    #[serde(default)]
    pub(super) absorbed: Vec<(Arc<str>, u64)>,
    #[serde(default)]
    pub(super) history: Vec<Event>,
    #[serde(default)]
    pub(super) events: Vec<Event>,
    /// As it stands there, byte for byte.
    #[serde(default)]
    pub(super) trace: Option<Box<RawValue>>,
}

/// A line that says which lines were erased, and not about whom they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    erasure: Named,
}

/// Lines that were erased: the chunk's number and the SHA-256 of the line, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    lines: Vec<(u64, String)>,
}

/// A line of the log, by its number and its SHA-256.
pub(super) type Place = (u64, [u8; 32]);

/// Lines that one record names: what a person can still read.
const NAMED: usize = 1_000;

/// Records that these lines are erased, each with its end of line.
pub(super) fn record(places: &[Place]) -> Vec<u8> {
    let mut text = Vec::new();
    for some in places.chunks(NAMED) {
        let lines = some.iter().map(|(seq, hash)| (*seq, hex(hash))).collect();
        // Plain data, which does not fail to be written.
        let line = serde_json::to_vec(&Record { erasure: Named { lines } }).unwrap_or_default();
        text.extend_from_slice(&line);
        text.push(b'\n');
    }
    text
}

/// The lines that a record names, if the line is one.
pub(super) fn recorded(line: &[u8]) -> Option<Vec<Place>> {
    if !line.starts_with(b"{\"erasure\":") {
        return None;
    }
    let record: Record = serde_json::from_slice(line).ok()?;
    let place = |(seq, hash): (u64, String)| Some((seq, digest(&hash)?));
    record.erasure.lines.into_iter().map(place).collect()
}

/// A hash from hexadecimal digits.
pub(super) fn digest(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = digits.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Whether a line is about nobody: one that was erased, or a record of some that were.
#[must_use]
pub fn is_nobodys(line: &[u8]) -> bool {
    erased(line).is_some() || recorded(line).is_some()
}

/// Whether a line of the log is about a user: lines begin with whom they are about.
pub(super) fn is_about(line: &[u8], user: &str) -> bool {
    #[derive(Deserialize)]
    struct About<'a> {
        #[serde(borrow)]
        user: Cow<'a, str>,
    }
    serde_json::from_slice::<About<'_>>(line).is_ok_and(|about| about.user == user)
}

/// A place that the way through a user's lines leads over.
pub(super) struct Step<'a> {
    /// The chunk's number.
    pub(super) seq: u64,
    /// The name that the user had there.
    pub(super) user: &'a Arc<str>,
    /// The line; none if it is there no more.
    pub(super) line: Option<&'a [u8]>,
}

pub(super) fn damaged(error: &serde_json::Error) -> Error {
    Error::Unavailable(format!("the log: {error}"))
}

impl Core {
    /// Follows the lines about a user from chunk `last` back, newest first, and those about names that turned
    /// out to be theirs, until `each` has seen enough and says false.
    pub(super) fn walk(
        &self,
        tenant: TenantId,
        user: &Arc<str>,
        last: Seq,
        mut each: impl FnMut(Step<'_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Links {
            prev: u64,
            #[serde(default)]
            absorbed: Vec<(Arc<str>, u64)>,
        }
        // By the latest line; the greatest comes first.
        let mut chains = BinaryHeap::from([(last.0, user.clone())]);
        while let Some((seq, name)) = chains.pop().filter(|(seq, _)| *seq > 0) {
            let chunk = self.store.chunk(tenant, Seq(seq)).map_err(stored)?;
            let text = chunk.map_or_else(Vec::new, |chunk| chunk.lines);
            let line = lines(&text).find(|line| is_about(line, &name));
            if !each(Step { seq, user: &name, line })? {
                return Ok(());
            }
            let Some(line) = line else { continue };
            let links: Links = serde_json::from_slice(line).map_err(|e| damaged(&e))?;
            let before = links.absorbed.into_iter().map(|(name, seq)| (seq, name));
            // Each link leads back, whatever the line says.
            chains.extend(before.chain([(links.prev, name)]).filter(|(to, _)| *to < seq));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_lines_and_nobody() {
        let places: Vec<Place> = (1..=1_500).map(|n| (n, [(n % 251) as u8; 32])).collect();
        let text = record(&places);
        let read: Vec<Place> = lines(&text).flat_map(|line| recorded(line).unwrap()).collect();
        assert_eq!((lines(&text).count(), &read), (2, &places));
        assert!(lines(&text).all(is_nobodys));
        assert!(record(&[]).is_empty());
        let hash = "0".repeat(64);
        for wrong in [
            "{\"erasure\":{\"lines\":[[1,\"00\"]]}}".to_owned(),
            format!("{{\"erasure\":{{\"lines\":[[1,\"{}\"]]}}}}", "+".repeat(64)),
            format!("{{\"erasure\":{{\"lines\":[[1,\"{hash}\"]]}},\"user\":\"ann\"}}"),
            format!("{{\"erasure\":{{\"lines\":[[1,\"{hash}\"]],\"user\":\"ann\"}}}}"),
            "{\"user\":\"ann\",\"prev\":0}".to_owned(),
        ] {
            assert!(!is_nobodys(wrong.as_bytes()), "{wrong}");
        }
    }
}
