//! What concerns single users: their tokens, their letters, evidence about what they were sent, and what
//! is known of them.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::batch::word;
use super::core::{Core, stored};
use super::lane::{Input, Lane};
use super::lines::damaged;
use super::memory::MOST_LINKS;
use super::ticket::Ticket;
use super::token::Token;
use super::words::{AttemptInfo, LetterInfo, NewReceipt, Page, UserInfo, UserToken};
use super::{Device, Error, TenantName, millis};
use crate::engine::Outgoing;
use crate::engine::event::{Grade, Shows};
use crate::ingest::live::ANONYMOUS;
use crate::sandbox::Issue;
use crate::store::{Delivered, Leased, Seq, UserKey, Which};

impl Core {
    pub(super) fn lane_for(&self, tenant: &TenantName) -> Result<Arc<Lane>, Error> {
        self.lane(tenant).ok_or_else(|| super::release::no_tenant(tenant))
    }

    /// What tokens of a tenant's users are made with.
    fn token_secret(&self, tenant: &str) -> Option<[u8; 32]> {
        self.read_book(|book| {
            let account = book.tenant(tenant).filter(|account| !account.record.suspended)?;
            let mut hash = Sha256::new();
            hash.update("user tokens");
            hash.update(&account.record.secret);
            Some(hash.finalize().into())
        })
    }

    /// A token for a user's device.
    pub(super) fn issue_token(&self, tenant: &TenantName, user: &str) -> Result<UserToken, Error> {
        check_user(user)?;
        let secret =
            self.token_secret(tenant.as_str()).ok_or_else(|| super::release::no_tenant(tenant))?;
        let expires = self.clock.now().plus(millis(self.config.inbox.token_life)).0;
        let token = Token::issue(&secret, tenant.as_str(), user, expires);
        Ok(UserToken { token, expires })
    }

    /// Whose device presents this token.
    pub(super) fn device(&self, token: &str) -> Result<Device, Error> {
        let now = self.clock.now().0;
        let claims =
            Token::verify(|tenant| self.token_secret(tenant), token, now).map_err(|_| {
                Error::Unauthorized("the user token is not valid here, or has ended: get a new one")
            })?;
        let tenant = TenantName::known(&claims.tenant);
        Ok(Device { tenant, user: claims.user.into() })
    }

    /// A user's letters: those numbered above `after`, or the latest.
    pub(super) fn letters(
        &self,
        device: &Device,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LetterInfo>, Error> {
        let lane = self.lane_for(&device.tenant)?;
        let user = self.owner(&lane, &device.user)?;
        let letters = self.store.letters(lane.id, &user, after, limit).map_err(stored)?;
        letters.into_iter().map(letter_info).collect()
    }

    /// Whose a name is now.
    pub(super) fn owner(&self, lane: &Lane, user: &Arc<str>) -> Result<Arc<str>, Error> {
        let mut name = user.clone();
        for _ in 0..MOST_LINKS {
            let key = UserKey { tenant: lane.id, user: name.clone() };
            match self.store.resolve(&[key]).map_err(stored)?.into_iter().next().flatten() {
                Some(other) => name = other,
                None => break,
            }
        }
        Ok(name)
    }

    /// One of a user's letters.
    pub(super) fn letter(&self, device: &Device, id: u64) -> Result<LetterInfo, Error> {
        let before = id.checked_sub(1);
        let found = self.letters(device, before, 1)?.into_iter().find(|letter| letter.id == id);
        found.ok_or_else(|| Error::NotFound(format!("letter {id}")))
    }

    /// Takes evidence in, to be worked on; the ticket's answer says when it is safe.
    pub(super) fn take_receipts(
        &self,
        tenant: &TenantName,
        receipts: &[NewReceipt],
        ticket: &Ticket,
    ) -> Result<usize, Error> {
        let lane = self.lane_for(tenant)?;
        let mut inputs = Vec::new();
        let mut issues = Vec::new();
        for (at, receipt) in receipts.iter().enumerate() {
            let issue = |member: &str, message: String| Issue {
                path: format!("/receipts/{at}/{member}"),
                message,
            };
            let Some(shows) = shows(&receipt.shows) else {
                issues.push(issue("shows", format!("{:?} is no grade of evidence", receipt.shows)));
                continue;
            };
            match self.store.attempt(lane.id, &receipt.tracking).map_err(stored)? {
                Some(found) => inputs.push(Input::Receipt {
                    user: found.attempt.user,
                    tracking: found.attempt.tracking,
                    shows,
                    ticket: ticket.clone(),
                }),
                None => issues.push(issue("tracking", "there is no such attempt".to_owned())),
            }
        }
        if !issues.is_empty() {
            let detail = "some receipts are wrong, so none was taken".to_owned();
            return Err(Error::Invalid { detail, issues });
        }
        let taken = inputs.len();
        inputs.into_iter().for_each(|input| lane.push(input));
        Ok(taken)
    }

    /// A tenant's attempts, newest first; `after` is where the last page ended.
    pub(super) fn attempts(
        &self,
        tenant: &TenantName,
        Which { user, outcome, message }: Which<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<AttemptInfo>, Error> {
        let lane = self.lane_for(tenant)?;
        let known = ["accepted", "failed", "refused", "called-off"];
        if outcome.is_some_and(|outcome| !known.contains(&outcome)) {
            return Err(Error::invalid(format!("`outcome` is one of {}", known.join(", "))));
        }
        let before = match after {
            None => None,
            Some(after) => Some(
                after
                    .split_once('.')
                    .and_then(|(at, tracking)| Some((at.parse().ok()?, tracking)))
                    .ok_or_else(|| Error::invalid("`after` is what the last page said"))?,
            ),
        };
        let before = before.map(|(at, tracking)| (crate::engine::event::Instant(at), tracking));
        let user = user.map(|user| self.owner(&lane, &Arc::from(user))).transpose()?;
        let which = Which { user: user.as_deref(), outcome, message };
        let found = self.store.attempts(lane.id, &which, before, limit).map_err(stored)?;
        let next = (found.len() == limit)
            .then(|| found.last().map(|last| &last.attempt))
            .flatten()
            .map(|last| format!("{}.{}", last.at.0, last.tracking));
        let items = found.into_iter().map(attempt_info).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Lets an attempt that failed, or was refused, go out again.
    pub(super) fn resend(&self, tenant: &TenantName, tracking: &str) -> Result<AttemptInfo, Error> {
        let lane = self.lane_for(tenant)?;
        let none = || Error::NotFound("attempt of this tracking id".to_owned());
        let found = self.store.attempt(lane.id, tracking).map_err(stored)?.ok_or_else(none)?;
        let now = self.clock.now();
        if !self.store.resend(lane.id, tracking, now).map_err(stored)? {
            let how = found.outcome.as_deref().unwrap_or("still to be made");
            return Err(Error::Conflict(format!(
                "only an attempt that failed or was refused is sent again; this one is {how}"
            )));
        }
        self.streams.outbox.notify_one();
        let found = self.store.attempt(lane.id, tracking).map_err(stored)?.ok_or_else(none)?;
        attempt_info(found)
    }

    /// What is known of a user, with the latest of their turns.
    pub(super) fn user(
        &self,
        tenant: &TenantName,
        user: &str,
        turns: usize,
    ) -> Result<UserInfo, Error> {
        let lane = self.lane_for(tenant)?;
        let user = self.owner(&lane, &Arc::from(user))?;
        let key = UserKey { tenant: lane.id, user: user.clone() };
        let known = self.store.load(&[key]).map_err(stored)?.into_iter().next().flatten();
        let known = known.ok_or_else(|| Error::NotFound(format!("user {user:?}")))?;
        let damaged = |error: serde_json::Error| Error::Unavailable(format!("a state: {error}"));
        Ok(UserInfo {
            turns: self.turns(&lane, &user, known.last, turns)?,
            user: user.to_string(),
            due: known.due.map(|due| due.0),
            state: serde_json::from_slice(&known.state).map_err(damaged)?,
        })
    }

    /// The latest lines about a user, newest first, and those of the names that they turned out to have had.
    fn turns(
        &self,
        lane: &Lane,
        user: &Arc<str>,
        last: Seq,
        most: usize,
    ) -> Result<Vec<serde_json::Value>, Error> {
        let mut turns = Vec::new();
        self.walk(lane.id, user, last, |step| {
            if let Some(line) = step.line {
                turns.push(serde_json::from_slice(line).map_err(|error| damaged(&error))?);
            }
            Ok(turns.len() < most)
        })?;
        Ok(turns)
    }
}

pub(super) fn check_user(user: &str) -> Result<(), Error> {
    let id = user.strip_prefix(ANONYMOUS).unwrap_or(user);
    if !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid("a user's name has 1 to 256 bytes and no control characters"))
}

pub(super) fn shows(word_of_it: &str) -> Option<Shows> {
    let grades = [
        Grade::Accepted,
        Grade::Delivered,
        Grade::MachineOpened,
        Grade::Opened,
        Grade::Seen,
        Grade::Confirmed,
        Grade::Converted,
    ];
    let all = grades.into_iter().map(Shows::Grade).chain([Shows::Failed, Shows::Gone]);
    all.into_iter().find(|shows| word(*shows) == word_of_it)
}

fn outgoing(content: &str) -> Result<Outgoing, Error> {
    serde_json::from_str(content)
        .map_err(|error| Error::Unavailable(format!("an attempt cannot be read: {error}")))
}

pub(super) fn letter_info(delivered: Delivered) -> Result<LetterInfo, Error> {
    let content = outgoing(&delivered.letter.content)?.content;
    Ok(LetterInfo {
        id: delivered.id,
        tracking: delivered.letter.tracking.to_string(),
        title: content.title,
        body: content.body,
        link: content.link,
        at: delivered.letter.at.0,
        seen: delivered.seen.map(|at| at.0),
        confirmed: delivered.confirmed.map(|at| at.0),
    })
}

pub(super) fn attempt_info(found: Leased) -> Result<AttemptInfo, Error> {
    let attempt = found.attempt;
    let content = outgoing(&attempt.content)?.content;
    Ok(AttemptInfo {
        tracking: attempt.tracking.to_string(),
        message: attempt.message.to_string(),
        user: attempt.user.to_string(),
        channel: attempt.channel.to_string(),
        at: attempt.at.0,
        due: found.outcome.is_none().then_some(attempt.due.0),
        outcome: found.outcome.map(|outcome| outcome.to_string()),
        reason: found.reason.map(|reason| reason.to_string()),
        tries: found.tries,
        reference: found.reference.map(|reference| reference.to_string()),
        settled: found.settled.map(|at| at.0),
        content: serde_json::to_value(content).map_err(|error| {
            Error::Unavailable(format!("an attempt cannot be written: {error}"))
        })?,
    })
}
