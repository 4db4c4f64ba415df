//! Users' own rights: all that is kept about somebody as one document, and nothing of it any more.
//!
//! An erasure is noted before it begins, so that one that was interrupted is finished. What the store has of the
//! user goes in one commit, by the lane, with a record of the log's lines that are to be erased, which names
//! nobody; then these lines make way for their hashes, oldest first. Whatever happens in between, every line that
//! is erased is one that the log itself says was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot::error::TryRecvError;

use super::book::{ERASURE, put, remove};
use super::chain::{lines, tombstone};
use super::core::{Core, stored};
use super::explain::attempt_story;
use super::lane::{Input, Lane, lock};
use super::lines::{Place, damaged, is_about};
use super::story::Export;
use super::ticket::{Answer, Failed, Ticket};
use super::users::letter_info;
use super::verify::hash;
use super::{Error, Service, TenantName};
use crate::engine::event::Instant;
use crate::store::{Seq, Stored, UserKey, Which};

/// Rows that are read at once.
const PAGE: usize = 500;

/// Chunks that are redacted in one go.
const PIECE: usize = 16;

/// How often somebody who waits for an erasure looks whether it is over.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// An erasure that is under way, as it is kept until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErasureRecord {
    pub(super) id: String,
    /// Who.
    pub(super) user: Arc<str>,
    /// The latest chunk that is about them.
    pub(super) last: u64,
    /// Other names that are theirs.
    pub(super) names: Vec<Arc<str>>,
}

/// What a lane is to erase.
#[derive(Clone, Debug)]
pub(super) struct Erasing {
    /// The latest chunk about the user: if there is another one by then, nothing is erased.
    pub(super) last: Seq,
    /// Other names that are theirs.
    pub(super) names: Vec<Arc<str>>,
    /// The record of the lines that go.
    pub(super) record: Vec<u8>,
}

/// Erasures that lanes are at, by their ids.
pub(super) type UnderWay = BTreeMap<String, Answer>;

/// All lines about a user.
#[derive(Default)]
struct Found {
    places: Vec<Place>,
    names: BTreeSet<Arc<str>>,
}

impl Core {
    fn known(&self, lane: &Lane, user: &Arc<str>) -> Result<Option<Stored>, Error> {
        let key = UserKey { tenant: lane.id, user: user.clone() };
        Ok(self.store.load(&[key]).map_err(stored)?.into_iter().next().flatten())
    }

    /// All that is kept about a user.
    pub(super) fn export(&self, tenant: &TenantName, user: &str) -> Result<Export, Error> {
        let lane = self.lane_for(tenant)?;
        let user = self.owner(&lane, &Arc::from(user))?;
        let known = self.known(&lane, &user)?;
        let known = known.ok_or_else(|| Error::NotFound(format!("user {user:?}")))?;
        let mut names = BTreeSet::new();
        let mut turns = Vec::new();
        self.walk(lane.id, &user, known.last, |step| {
            names.insert(step.user.clone());
            if let Some(line) = step.line {
                let turn = serde_json::from_slice(line).map_err(|error| damaged(&error))?;
                turns.push((step.seq, step.user.clone(), turn));
            }
            Ok(true)
        })?;
        turns.sort_by(|(one, name, _), (other, its, _)| (one, name).cmp(&(other, its)));
        names.remove(&user);
        let mut attempts = Vec::new();
        let mut before: Option<(Instant, Arc<str>)> = None;
        loop {
            let which = Which { user: Some(&user), ..Which::default() };
            let after = before.as_ref().map(|(at, tracking)| (*at, &**tracking));
            let found = self.store.attempts(lane.id, &which, after, PAGE).map_err(stored)?;
            let Some(last) = found.last() else { break };
            before = Some((last.attempt.at, last.attempt.tracking.clone()));
            for found in found {
                attempts.push(attempt_story(self, &lane, found)?);
            }
        }
        attempts.reverse();
        let mut letters = Vec::new();
        let mut after = 0;
        loop {
            let found = self.store.letters(lane.id, &user, Some(after), PAGE).map_err(stored)?;
            let Some(last) = found.last() else { break };
            after = last.id;
            for letter in found {
                letters.push(letter_info(letter)?);
            }
        }
        let unreadable = |error: serde_json::Error| Error::Unavailable(format!("a state: {error}"));
        Ok(Export {
            user: user.to_string(),
            at: self.clock.now().0,
            names: names.iter().map(ToString::to_string).collect(),
            state: serde_json::from_slice(&known.state).map_err(unreadable)?,
            turns: turns.into_iter().map(|(_, _, turn)| turn).collect(),
            attempts,
            letters,
        })
    }

    /// Notes that a user is to be erased; the erasure's id.
    pub(super) fn begin_erasure(&self, tenant: &TenantName, user: &str) -> Result<String, Error> {
        let lane = self.lane_for(tenant)?;
        let user = self.owner(&lane, &Arc::from(user))?;
        let known = self.known(&lane, &user)?;
        let _changing = lock(&self.changing);
        let account = self.account(tenant)?;
        let begun = account.erasures.values().find(|record| record.user == user);
        if let Some(begun) = begun {
            return Ok(begun.id.clone());
        }
        let last = known.ok_or_else(|| Error::NotFound(format!("user {user:?}")))?.last.0;
        let record = ErasureRecord { id: super::tenants::secret()?, user, last, names: Vec::new() };
        self.change(&[put(ERASURE, account.record.number, &record.id, &record)?])?;
        Ok(record.id)
    }

    /// Takes an erasure further; true once it is over.
    ///
    /// # Errors
    ///
    /// If the store fails; it is taken up again by whoever asks next.
    pub(super) fn advance_erasure(&self, tenant: &TenantName, id: &str) -> Result<bool, Error> {
        // Held throughout: two that redact the same chunk would undo each other's work.
        let mut under_way = lock(&self.erasing);
        let lane = self.lane_for(tenant)?;
        let Some(record) = self.account(tenant)?.erasures.remove(id) else { return Ok(true) };
        match under_way.get_mut(id).map(|answer| answer.try_recv()) {
            Some(Err(TryRecvError::Empty)) => return Ok(false),
            Some(Ok(Err(Failed::Full(reason)))) => {
                under_way.remove(id);
                return Err(Error::Full(reason));
            }
            Some(Ok(Err(Failed::Unavailable(reason)))) => {
                under_way.remove(id);
                return Err(Error::Unavailable(reason));
            }
            Some(Ok(Ok(())) | Err(TryRecvError::Closed)) => drop(under_way.remove(id)),
            None => {}
        }
        if let Some((user, last)) = self.still_there(&lane, &record)? {
            let found = self.all_about(&lane, &user, last)?;
            let names: Vec<Arc<str>> =
                found.names.into_iter().filter(|name| *name != user).collect();
            let next = ErasureRecord { id: record.id.clone(), user, last: last.0, names };
            if next != record {
                let _changing = lock(&self.changing);
                self.change(&[put(ERASURE, lane.id, &next.id, &next)?])?;
            }
            let (ticket, answer) = Ticket::new(1);
            let erasing =
                Erasing { last, names: next.names, record: super::lines::record(&found.places) };
            lane.push(Input::Erase { user: next.user, erasing, ticket });
            under_way.insert(id.to_owned(), answer);
            self.bell.ring();
            return Ok(false);
        }
        self.redact(&lane, &record)?;
        // Images of the user wait in the journal until all states are written out.
        self.store.flush().map_err(stored)?;
        let _changing = lock(&self.changing);
        self.change(&[remove(ERASURE, lane.id, id)])?;
        Ok(true)
    }

    /// The user as they are now with the latest chunk about them, if they have not been erased so far. Somebody
    /// new of the same name is somebody else.
    fn still_there(
        &self,
        lane: &Lane,
        record: &ErasureRecord,
    ) -> Result<Option<(Arc<str>, Seq)>, Error> {
        let user = self.owner(lane, &record.user)?;
        let Some(known) = self.known(lane, &user)? else { return Ok(None) };
        let mut reached = user == record.user && known.last.0 == record.last;
        self.walk(lane.id, &user, known.last, |step| {
            reached |= step.seq == record.last && *step.user == record.user;
            Ok(!reached && step.seq > record.last)
        })?;
        Ok(reached.then_some((user, known.last)))
    }

    /// All lines about a user, oldest first, and all names that they had.
    fn all_about(&self, lane: &Lane, user: &Arc<str>, last: Seq) -> Result<Found, Error> {
        let mut found = Found::default();
        self.walk(lane.id, user, last, |step| {
            found.names.insert(step.user.clone());
            found.places.extend(step.line.map(|line| (step.seq, hash(line))));
            if let Some(line) = step.line {
                // Of some names there never was a line.
                let line: super::lines::Line =
                    serde_json::from_slice(line).map_err(|error| damaged(&error))?;
                found.names.extend(line.absorbed.into_iter().map(|(name, _)| name));
            }
            Ok(true)
        })?;
        found.places.sort_unstable();
        Ok(found)
    }

    /// Puts hashes in the place of all lines about a user, oldest first: the way to those that are left stays.
    fn redact(&self, lane: &Lane, record: &ErasureRecord) -> Result<(), Error> {
        let mut theirs: BTreeMap<u64, BTreeSet<Arc<str>>> = BTreeMap::new();
        self.walk(lane.id, &record.user, Seq(record.last), |step| {
            if step.line.is_some() {
                theirs.entry(step.seq).or_default().insert(step.user.clone());
            }
            Ok(true)
        })?;
        let theirs: Vec<_> = theirs.into_iter().collect();
        for piece in theirs.chunks(PIECE) {
            let mut redacted = Vec::new();
            for (seq, names) in piece {
                let chunk = self.store.chunk(lane.id, Seq(*seq)).map_err(stored)?;
                let Some(chunk) = chunk else { continue };
                let mut text = Vec::with_capacity(chunk.lines.len());
                for line in lines(&chunk.lines) {
                    if names.iter().any(|name| is_about(line, name)) {
                        text.extend_from_slice(&tombstone(line));
                    } else {
                        text.extend_from_slice(line);
                    }
                    text.push(b'\n');
                }
                redacted.push((Seq(*seq), text));
            }
            self.store.redact(lane.id, &redacted).map_err(stored)?;
        }
        Ok(())
    }

    /// Takes all erasures further that are not over; true if some still are not.
    pub(super) fn finish_erasures(&self) -> Result<bool, Error> {
        let open: Vec<(TenantName, String)> = self.read_book(|book| {
            let of = |account: &super::book::Account| {
                let tenant = TenantName::known(&account.record.name);
                let ids: Vec<String> = account.erasures.keys().cloned().collect();
                ids.into_iter().map(move |id| (tenant.clone(), id))
            };
            book.tenants().flat_map(of).collect()
        });
        let mut left = false;
        for (tenant, id) in open {
            left |= !self.advance_erasure(&tenant, &id)?;
        }
        Ok(left)
    }
}

impl Service {
    /// All that is kept about a user, and about whoever turned out to be the same.
    ///
    /// # Errors
    ///
    /// If nothing is.
    pub async fn export(&self, tenant: &TenantName, user: &str) -> Result<Export, Error> {
        blocking!(self, tenant = tenant.clone(), user = user.to_owned();
            core => core.export(&tenant, &user))
    }

    /// Erases a user: when it returns nothing of them is left but hashes of what was logged. Whoever comes by the
    /// same name afterwards is somebody new.
    ///
    /// # Errors
    ///
    /// If nothing is known of the user, or the store fails; an erasure that has begun is finished then by itself.
    pub async fn erase(&self, tenant: &TenantName, user: &str) -> Result<(), Error> {
        let id = blocking!(self, tenant = tenant.clone(), user = user.to_owned();
            core => core.begin_erasure(&tenant, &user))?;
        let until = tokio::time::Instant::now() + self.0.config.ingest.ack_timeout;
        loop {
            let over = blocking!(self, tenant = tenant.clone(), id = id.clone();
                core => core.advance_erasure(&tenant, &id))?;
            if over {
                return Ok(());
            }
            if tokio::time::Instant::now() > until {
                let late = "the erasure has begun and goes on by itself";
                return Err(Error::Unavailable(late.to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
