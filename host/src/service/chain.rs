//! The chain of hashes over a tenant's log: each chunk's head covers the one before and a hash of each of its
//! lines, so that no record can be altered, added or left out unseen. A line that was erased on a user's wish
//! leaves its hash behind, and the chain can still be verified. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::{Chunk, Link, Logged, Seq, TenantId};

/// What stands in the place of a line that was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Erased {
    /// The SHA-256 of the line that was there.
    pub(super) erased: String,
}

/// Lines of a chunk, those without anything left out.
pub(super) fn lines(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The line that takes the place of one that is erased.
pub(super) fn tombstone(line: &[u8]) -> Vec<u8> {
    let erased = Erased { erased: hex(&Sha256::digest(line)) };
    // Plain data, which does not fail to be written.
    serde_json::to_vec(&erased).unwrap_or_default()
}

/// The line as a tombstone, if it is one.
pub(super) fn erased(line: &[u8]) -> Option<[u8; 32]> {
    // Most lines are none, and are not parsed for it.
    if !line.starts_with(b"{\"erased\":") {
        return None;
    }
    let erased: Erased = serde_json::from_slice(line).ok()?;
    let mut hash = [0; 32];
    let digits = erased.erased.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The place of a chunk in the chain after `prev`; none if it has no lines, and so nothing to prove.
pub(super) fn link(prev: [u8; 32], chunk: &Chunk) -> Option<Link> {
    if chunk.lines.is_empty() {
        return None;
    }
    let head = head(prev, chunk.tenant, chunk.seq, chunk.at.0, &chunk.lines);
    Some(Link { prev, head })
}

fn head(prev: [u8; 32], tenant: TenantId, seq: Seq, at: i64, text: &[u8]) -> [u8; 32] {
    let mut body = Sha256::new();
    for line in lines(text) {
        match erased(line) {
            Some(hash) => body.update(hash),
            None => body.update(Sha256::digest(line)),
        }
    }
    let mut hash = Sha256::new();
    hash.update(b"nudge log 1");
    hash.update(prev);
    hash.update(tenant.0.to_be_bytes());
    hash.update(seq.0.to_be_bytes());
    hash.update(at.to_be_bytes());
    hash.update(body.finalize());
    hash.finalize().into()
}

/// What is wrong with a chunk that should come after the head `prev`; none: where the log begins.
pub(super) fn check(
    prev: Option<[u8; 32]>,
    tenant: TenantId,
    chunk: &Logged,
) -> Result<[u8; 32], &'static str> {
    let Some(link) = chunk.chain else { return Err("it has no place in the chain") };
    if prev.is_some_and(|prev| prev != link.prev) {
        return Err("it does not follow the one before: one is missing, was added, or was altered");
    }
    if head(link.prev, tenant, chunk.seq, chunk.at.0, &chunk.lines) != link.head {
        return Err("its lines, its number or its time are not those that were recorded");
    }
    Ok(link.head)
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Instant;

    fn chunk(seq: u64, lines: &str) -> Chunk {
        Chunk { lines: lines.into(), ..Chunk::new(TenantId(1), Seq(seq), Instant(7)) }
    }

    fn logged(chunk: &Chunk, link: Link) -> Logged {
        let (seq, at, events) = (chunk.seq, chunk.at, chunk.events);
        Logged { seq, at, events, chain: Some(link), lines: chunk.lines.clone() }
    }

    #[test]
    fn each_chunk_follows_the_one_before() {
        let (one, two) = (chunk(1, "{\"a\":1}\n{\"b\":2}\n"), chunk(2, "{\"c\":3}\n"));
        let first = link([0; 32], &one).unwrap();
        let second = link(first.head, &two).unwrap();
        let tenant = TenantId(1);
        assert_eq!(check(None, tenant, &logged(&one, first)), Ok(first.head));
        assert_eq!(check(Some(first.head), tenant, &logged(&two, second)), Ok(second.head));
        assert!(check(Some([0; 32]), tenant, &logged(&two, second)).is_err(), "one is missing");
        assert!(check(None, TenantId(2), &logged(&one, first)).is_err(), "another tenant's");
        assert!(link([0; 32], &chunk(3, "")).is_none());
    }

    #[test]
    fn whatever_is_altered_is_found() {
        let one = chunk(1, "{\"a\":1}\n{\"b\":2}\n");
        let place = link([0; 32], &one).unwrap();
        let whole = logged(&one, place);
        for at in 0..whole.lines.len() {
            let mut altered = whole.clone();
            altered.lines[at] ^= 1;
            assert!(check(None, TenantId(1), &altered).is_err(), "byte {at}");
        }
        let swapped = Logged { lines: "{\"b\":2}\n{\"a\":1}\n".into(), ..whole.clone() };
        let earlier = Logged { at: Instant(6), ..whole.clone() };
        let moved = Logged { seq: Seq(2), ..whole.clone() };
        let unproved = Logged { chain: None, ..whole.clone() };
        for altered in [swapped, earlier, moved, unproved] {
            assert!(check(None, TenantId(1), &altered).is_err());
        }
    }

    #[test]
    fn what_is_erased_leaves_the_chain_whole_and_says_nothing() {
        let one = chunk(1, "{\"user\":\"ann\"}\n{\"user\":\"bob\"}\n");
        let place = link([0; 32], &one).unwrap();
        let mut text = tombstone(b"{\"user\":\"ann\"}");
        assert!(!String::from_utf8_lossy(&text).contains("ann"));
        text.extend_from_slice(b"\n{\"user\":\"bob\"}\n");
        let redacted = Logged { lines: text.clone(), ..logged(&one, place) };
        assert_eq!(check(None, TenantId(1), &redacted), Ok(place.head));
        let mut other = tombstone(b"{\"user\":\"eve\"}");
        other.extend_from_slice(b"\n{\"user\":\"bob\"}\n");
        assert!(check(None, TenantId(1), &Logged { lines: other, ..redacted }).is_err());
    }

    #[test]
    fn only_a_tombstone_is_one() {
        assert!(erased(&tombstone(b"x")).is_some());
        for line in
            ["{\"erased\":\"\"}", "{\"erased\":\"zz\"}", "{\"user\":\"a\"}", "{\"erased\":1}"]
        {
            assert!(erased(line.as_bytes()).is_none(), "{line}");
        }
        let more = format!("{{\"erased\":\"{}\",\"user\":\"ann\"}}", "0".repeat(64));
        assert!(erased(more.as_bytes()).is_none(), "nothing else is hidden in it");
    }
}
