//! How a commit's states are written in one row of the journal, and the sums that tell rotten bytes from
//! sound ones. Touches nothing.
//!
//! A row is a version byte, a group for each chunk (tenant, count, images), and the sum of all
//! that. Numbers are little-endian; texts and bytes have their length before them.

use std::sync::Arc;

use super::overlay::Entry;
use crate::engine::event::Instant;
use crate::store::{Commit, Link, Seq, StoreError, TenantId, UserKey};

const VERSION: u8 = 1;
const HAS_DUE: u8 = 1;
const HAS_STATE: u8 = 2;

/// The sum of bytes and numbers. It finds damage, not malice.
#[derive(Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    pub(super) fn new() -> Sum {
        Sum(0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn number(mut self, number: u64) -> Sum {
        // Rotated, so that what is multiplied up comes down again.
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self
    }

    pub(super) fn signed(self, number: i64) -> Sum {
        self.number(number.cast_unsigned())
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Sum {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut sum = self.number(bytes.len() as u64);
        for word in words {
            sum = sum.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        sum.number(u64::from_le_bytes(last))
    }

    /// As SQLite keeps it.
    pub(super) fn stored(self) -> i64 {
        (self.0 ^ (self.0 >> 32)).cast_signed()
    }
}

/// The sum that a row of states carries.
pub(super) fn state_sum(key: (u32, &str), due: Option<i64>, last: i64, image: &[u8]) -> i64 {
    let sum = Sum::new().number(u64::from(key.0)).bytes(key.1.as_bytes());
    sum.signed(due.unwrap_or(i64::MIN)).signed(last).bytes(image).stored()
}

/// The sum that a row of the log carries.
pub(super) fn chunk_sum(
    (tenant, seq, at, events): (u32, i64, i64, u32),
    ids: &[u8],
    lines: &[u8],
    chain: Option<&[u8]>,
) -> i64 {
    let sum = Sum::new().number(u64::from(tenant)).signed(seq).signed(at);
    let sum = sum.number(u64::from(events)).bytes(ids).bytes(lines);
    // Without a chain it is the sum that chunks had before there were any.
    chain.map_or(sum, |chain| sum.bytes(chain)).stored()
}

/// A chunk's place in the chain as a row keeps it.
pub(super) fn encode_link(link: &Link) -> [u8; 64] {
    let mut out = [0; 64];
    let (prev, head) = out.split_at_mut(32);
    prev.copy_from_slice(&link.prev);
    head.copy_from_slice(&link.head);
    out
}

/// A chunk's place in the chain out of a row; none if the row cannot be one.
pub(super) fn decode_link(bytes: &[u8]) -> Option<Link> {
    let (prev, head) = bytes.split_first_chunk()?;
    Some(Link { prev: *prev, head: head.try_into().ok()? })
}

/// The images of a commit as a row of the journal; none if there are none.
///
/// # Errors
///
/// If a text is longer than a row can say.
pub(super) fn encode(commit: &Commit) -> Result<Option<Vec<u8>>, StoreError> {
    let images = commit.chunks.iter().flat_map(|chunk| &chunk.images);
    let size = |image: &crate::store::Image| {
        image.user.len() + image.state.as_ref().map_or(0, |state| state.len()) + 25
    };
    let room: usize = images.map(size).sum();
    if room == 0 {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(room + 16 * commit.chunks.len() + 9);
    out.push(VERSION);
    for chunk in commit.chunks.iter().filter(|chunk| !chunk.images.is_empty()) {
        out.extend(chunk.tenant.0.to_le_bytes());
        out.extend(length(chunk.images.len())?);
        for image in &chunk.images {
            let due = if image.due.is_some() { HAS_DUE } else { 0 };
            out.push(due | if image.state.is_some() { HAS_STATE } else { 0 });
            out.extend(image.last.0.to_le_bytes());
            out.extend(length(image.user.len())?);
            out.extend(image.user.as_bytes());
            if let Some(due) = image.due {
                out.extend(due.0.to_le_bytes());
            }
            if let Some(state) = &image.state {
                out.extend(length(state.len())?);
                out.extend_from_slice(state);
            }
        }
    }
    let sum = Sum::new().bytes(&out).stored();
    out.extend(sum.to_le_bytes());
    Ok(Some(out))
}

fn length(length: usize) -> Result<[u8; 4], StoreError> {
    let length = u32::try_from(length);
    length.map(u32::to_le_bytes).map_err(|_| StoreError::Failed("a row of over 4 GiB".into()))
}

/// Reads a row of the journal, an image at a time.
///
/// # Errors
///
/// What is wrong with the row. Nothing of a row is passed on if its sum is wrong.
pub(super) fn decode(row: &[u8], mut each: impl FnMut(UserKey, Entry)) -> Result<(), String> {
    let Some((body, sum)) = row.split_last_chunk::<8>() else {
        return Err("it is too short".into());
    };
    if Sum::new().bytes(body).stored() != i64::from_le_bytes(*sum) {
        return Err("its bytes do not match their sum".into());
    }
    let mut input = Input(body);
    let [version] = input.array()?;
    if version != VERSION {
        return Err(format!("it has format {version}, not {VERSION}"));
    }
    while !input.0.is_empty() {
        let tenant = TenantId(u32::from_le_bytes(input.array()?));
        for _ in 0..u32::from_le_bytes(input.array()?) {
            let [flags] = input.array()?;
            let last = Seq(u64::from_le_bytes(input.array()?));
            let user = std::str::from_utf8(input.sized()?).map_err(|e| e.to_string())?;
            let user = Arc::from(user);
            let due = if flags & HAS_DUE == 0 {
                None
            } else {
                Some(Instant(i64::from_le_bytes(input.array()?)))
            };
            let state = if flags & HAS_STATE == 0 { None } else { Some(Arc::from(input.sized()?)) };
            each(UserKey { tenant, user }, Entry { last, due, state });
        }
    }
    Ok(())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(*array)
    }

    fn sized(&mut self) -> Result<&'a [u8], String> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// Message ids end to end.
pub(super) fn encode_ids(ids: &[u128]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

/// Message ids out of a row, and how many bytes are left over, which should be none.
pub(super) fn decode_ids(bytes: &[u8]) -> (impl DoubleEndedIterator<Item = u128> + '_, usize) {
    let (ids, rest) = bytes.as_chunks::<16>();
    (ids.iter().map(|id| u128::from_le_bytes(*id)), rest.len())
}
