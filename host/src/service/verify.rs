//! Whether a tenant's log is what was written: its chain of hashes from the first chunk that is left to the head
//! that the store has noted, and every line that was erased by a record that says so. Reads the store, a few
//! chunks at a time; it needs no service at work.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::Error;
use super::book::Book;
use super::chain::{check, erased, hex, lines};
use super::core::stored;
use super::lines::{Place, digest, recorded};
use super::story::{Proof, ProofFinding};
use crate::store::{Logged, Seq, Store, StoreError, TenantId};

/// Chunks that are read at once.
const PAGE: usize = 64;

/// Findings that are listed.
const MOST: usize = 100;

/// What is to be verified.
#[derive(Clone, Debug, Default)]
pub struct Proving {
    /// Only this tenant's log.
    pub tenant: Option<String>,
    /// A head that was noted earlier, which the log has to lead to.
    pub expect: Option<String>,
}

/// Verifies tenants' logs in a store that no service need be at work on; `progress` hears of each chunk which
/// tenant's it is, its number, and that of the tenant's last.
///
/// # Errors
///
/// If there is no such tenant, if what is expected is no head, or if the store cannot be read. What is wrong
/// with a log is a finding.
pub fn prove(
    store: &dyn Store,
    proving: &Proving,
    mut progress: impl FnMut(&str, u64, u64),
) -> Result<Vec<Proof>, Error> {
    let book = Book::load(store)?;
    let tenants: Vec<(String, TenantId)> = (book.tenants())
        .map(|account| (account.record.name.clone(), account.record.number))
        .filter(|(name, _)| proving.tenant.as_ref().is_none_or(|only| only == name))
        .collect();
    if let (Some(name), true) = (&proving.tenant, tenants.is_empty()) {
        return Err(Error::NotFound(format!("tenant {name:?}")));
    }
    let expect = proving.expect.as_deref().map(head).transpose()?;
    let proof = |(name, number): (String, TenantId)| {
        let mut told = |seq, last| progress(&name, seq, last);
        proof(store, &name, number, expect, &mut told)
    };
    tenants.into_iter().map(proof).collect()
}

/// A head, from its digits.
pub(super) fn head(digits: &str) -> Result<[u8; 32], Error> {
    digest(digits.trim()).ok_or_else(|| Error::invalid("a head of a log is 64 hexadecimal digits"))
}

/// Verifies one tenant's log.
pub(super) fn proof(
    store: &dyn Store,
    name: &str,
    tenant: TenantId,
    expect: Option<[u8; 32]>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Proof, Error> {
    let mut noted = store.head(tenant).map_err(stored)?;
    let mut verifying = Verifying::new(name, tenant, expect);
    let mut from = 0;
    loop {
        let last = noted.map_or(0, |(seq, _)| seq.0);
        from = read(store, tenant, from, &mut verifying, &mut |seq| progress(seq, last.max(seq)))?;
        // What is written meanwhile is looked at, too: a chunk and its head are there at once.
        let now = store.head(tenant).map_err(stored)?;
        if now == noted || now.map(|(seq, head)| (seq.0, head)) == verifying.last {
            return Ok(verifying.end(now));
        }
        noted = now;
    }
}

/// Looks at all chunks from `from` on; where to go on from.
fn read(
    store: &dyn Store,
    tenant: TenantId,
    mut from: u64,
    verifying: &mut Verifying,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let mut page = PAGE;
    loop {
        match store.log(tenant, Seq(from), page) {
            Ok(chunks) => {
                let Some(last) = chunks.last().map(|chunk| chunk.seq.0) else { return Ok(from) };
                chunks.iter().for_each(|chunk| verifying.take(chunk));
                progress(last);
                from = last.saturating_add(1);
            }
            // One of the page: it is passed over, and the sound ones before it are taken one by one.
            Err(StoreError::Damaged(what)) if page == 1 => {
                verifying.unread(&what);
                let Some(seq) = passed(&what).filter(|seq| *seq >= from) else { return Ok(from) };
                from = seq.saturating_add(1);
                page = PAGE;
            }
            Err(StoreError::Damaged(_)) => page = 1,
            Err(error) => return Err(stored(error)),
        }
    }
}

/// The chunk that the store could not read, from what it says.
fn passed(what: &str) -> Option<u64> {
    let rest = what.split("chunk ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A log on its way to be verified.
struct Verifying {
    tenant: TenantId,
    proof: Proof,
    /// The head after the last chunk that was looked at; none where the chain begins, or begins anew after
    /// something that could not be read.
    head: Option<[u8; 32]>,
    /// The last head that is known, and the chunk it is of.
    last: Option<(u64, [u8; 32])>,
    /// A chunk could not be read: what follows need not follow from what is known.
    broken: bool,
    /// What was erased and no record has named so far.
    unnamed: BTreeSet<Place>,
    expect: Option<[u8; 32]>,
    expected: bool,
    more: u64,
}

impl Verifying {
    fn new(name: &str, tenant: TenantId, expect: Option<[u8; 32]>) -> Verifying {
        Verifying {
            tenant,
            proof: Proof { tenant: name.to_owned(), ..Proof::default() },
            head: None,
            last: None,
            broken: false,
            unnamed: BTreeSet::new(),
            expect,
            expected: false,
            more: 0,
        }
    }

    fn finding(&mut self, chunk: Option<u64>, what: impl Into<String>) {
        if self.proof.findings.len() < MOST {
            self.proof.findings.push(ProofFinding { chunk, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    fn unread(&mut self, what: &str) {
        let chunk = passed(what);
        self.finding(chunk, format!("it was altered: {what}"));
        self.proof.chunks += 1;
        self.head = None;
        self.broken = true;
    }

    fn take(&mut self, chunk: &Logged) {
        let seq = chunk.seq.0;
        self.proof.chunks += 1;
        self.proof.first.get_or_insert(seq);
        self.proof.last = Some(seq);
        for line in lines(&chunk.lines) {
            self.proof.lines += 1;
            if let Some(hash) = erased(line) {
                self.proof.erased += 1;
                self.unnamed.insert((seq, hash));
            }
            for place in recorded(line).into_iter().flatten() {
                self.unnamed.remove(&place);
            }
        }
        if chunk.chain.is_none() {
            // There is nothing to prove, or it is from before there was a chain.
            if chunk.lines.is_empty() {
                return;
            }
            if self.last.is_none() && !self.broken {
                self.proof.unproved += 1;
                return;
            }
        }
        self.expected |= self.expect.is_some() && chunk.chain.map(|link| link.prev) == self.expect;
        match check(self.head, self.tenant, chunk) {
            Ok(head) => self.leads_to(seq, head),
            Err(what) => {
                self.finding(Some(seq), what);
                // One alteration is one finding: what follows is held against what was recorded.
                if let Some(link) = chunk.chain {
                    self.leads_to(seq, link.head);
                }
            }
        }
    }

    fn leads_to(&mut self, seq: u64, head: [u8; 32]) {
        self.expected |= self.expect == Some(head);
        self.head = Some(head);
        self.last = Some((seq, head));
    }

    fn end(mut self, noted: Option<(Seq, [u8; 32])>) -> Proof {
        match (noted, self.last) {
            (Some((seq, head)), Some((last, known))) if (seq.0, head) != (last, known) => {
                self.finding(
                    None,
                    format!(
                        "the log ends with chunk {last}, and chunk {} was the last: the end is missing, \
                         or was written anew",
                        seq.0
                    ),
                );
            }
            (None, Some((last, _))) => {
                let what = format!("the log leads to chunk {last}, and no head was noted for it");
                self.finding(None, what);
            }
            _ => {}
        }
        for (seq, hash) in std::mem::take(&mut self.unnamed) {
            let what =
                format!("a line was erased, and no record of an erasure names it: {}", hex(&hash));
            self.finding(Some(seq), what);
        }
        self.expected |= self.expect.is_some() && noted.map(|(_, head)| head) == self.expect;
        if self.expect.is_some() && !self.expected {
            self.finding(
                None,
                "the log does not lead to the head that was noted earlier: it was written anew, or the head is \
                 older than all that is left",
            );
        }
        if self.more > 0 {
            let what = format!("and {} findings more", self.more);
            self.proof.findings.push(ProofFinding { chunk: None, what });
        }
        self.proof.head = noted.map(|(_, head)| hex(&head));
        self.proof.sound = self.proof.findings.is_empty();
        self.proof
    }
}

/// The SHA-256 of a line.
pub(super) fn hash(line: &[u8]) -> [u8; 32] {
    Sha256::digest(line).into()
}

impl super::core::Core {
    /// Whether a tenant's log is what was written.
    pub(super) fn verify(&self, tenant: &super::TenantName) -> Result<Proof, Error> {
        let lane = self.lane_for(tenant)?;
        let look = || proof(&*self.store, tenant.as_str(), lane.id, None, &mut |_, _| {});
        let first = look()?;
        // What is pruned or erased while it is looked at looks like damage, once.
        if first.sound { Ok(first) } else { look() }
    }
}
