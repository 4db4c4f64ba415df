//! The service as who is concerned with single users sees it: evidence, attempts, what is known of somebody,
//! their devices and letters. Only doors; the room behind them is `users`.

use std::sync::Arc;

use super::ticket::Ticket;
use crate::store::Which;

use super::story::{Explanation, Proof};
use super::words::{AttemptInfo, LetterInfo, NewReceipt, Page, UserInfo, UserToken};
use super::{Device, Error, Service, Subscription, TenantName, release};

/// Which attempts are wanted: those that agree with all that is named.
#[derive(Clone, Debug, Default)]
pub struct WantedAttempts {
    /// Of this user.
    pub user: Option<String>,
    /// That ended so.
    pub outcome: Option<String>,
    /// Of this message.
    pub message: Option<String>,
}

impl Service {
    /// Takes evidence about attempts, all or none.
    ///
    /// # Errors
    ///
    /// Where a receipt names no attempt of the tenant, or no grade.
    pub async fn receipts(
        &self,
        tenant: &TenantName,
        receipts: Vec<NewReceipt>,
    ) -> Result<(), Error> {
        if receipts.is_empty() {
            return Ok(());
        }
        let (ticket, answer) = Ticket::new(receipts.len());
        blocking!(self, tenant = tenant.clone();
            core => core.take_receipts(&tenant, &receipts, &ticket))?;
        self.wait(answer).await
    }

    /// A tenant's attempts, newest first: those that agree with all that is named.
    ///
    /// # Errors
    ///
    /// If `after` is not what the last page said.
    pub async fn attempts(
        &self,
        tenant: &TenantName,
        wanted: WantedAttempts,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<AttemptInfo>, Error> {
        blocking!(self, tenant = tenant.clone(); core => {
            let which = Which {
                user: wanted.user.as_deref(),
                outcome: wanted.outcome.as_deref(),
                message: wanted.message.as_deref(),
            };
            core.attempts(&tenant, which, after.as_deref(), limit)
        })
    }

    /// Lets an attempt that failed, or was refused, go out again. Its guard rails are asked again.
    ///
    /// # Errors
    ///
    /// If there is no such attempt, or it is not such a one.
    pub async fn resend(&self, tenant: &TenantName, tracking: &str) -> Result<AttemptInfo, Error> {
        blocking!(self, tenant = tenant.clone(), tracking = tracking.to_owned();
            core => core.resend(&tenant, &tracking))
    }

    /// What is known of a user, with the latest `turns` of them.
    ///
    /// # Errors
    ///
    /// If nothing is.
    pub async fn user(
        &self,
        tenant: &TenantName,
        user: &str,
        turns: usize,
    ) -> Result<UserInfo, Error> {
        blocking!(self, tenant = tenant.clone(), user = user.to_owned();
            core => core.user(&tenant, &user, turns))
    }

    /// Why a user got what they got, and why not what they did not: the log about them done again. With a message
    /// only what is about that.
    ///
    /// # Errors
    ///
    /// If nothing is known of the user, or of the message.
    pub async fn explain(
        &self,
        tenant: &TenantName,
        user: &str,
        message: Option<String>,
    ) -> Result<Explanation, Error> {
        blocking!(self, tenant = tenant.clone(), user = user.to_owned();
            core => core.explain(&tenant, &user, message.as_deref()))
    }

    /// Whether a tenant's log is what was written.
    ///
    /// # Errors
    ///
    /// If the store cannot be read. What is wrong with the log is a finding.
    pub async fn verify(&self, tenant: &TenantName) -> Result<Proof, Error> {
        blocking!(self, tenant = tenant.clone(); core => core.verify(&tenant))
    }

    /// A token with which a user's device asks for the user's letters.
    ///
    /// # Errors
    ///
    /// If the name is none.
    pub fn issue_token(&self, tenant: &TenantName, user: &str) -> Result<UserToken, Error> {
        self.0.issue_token(tenant, user)
    }

    /// A user's letters numbered above `after`, or the latest.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn letters(
        &self,
        device: &Device,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LetterInfo>, Error> {
        blocking!(self, device = device.clone(); core => core.letters(&device, after, limit))
    }

    /// Listens for letters of a user.
    ///
    /// # Errors
    ///
    /// If too many devices listen.
    pub fn subscribe(&self, device: &Device) -> Result<Subscription, Error> {
        let core = &self.0;
        let lane = core.lane(&device.tenant).ok_or_else(|| release::no_tenant(&device.tenant))?;
        // Whoever has become somebody else hears of what is theirs now.
        let user = core.owner(&lane, &device.user)?;
        core.streams
            .listen(lane.id, &user)
            .ok_or(Error::TooMany { reason: "too many devices listen", after_ms: 5_000 })
    }

    /// A letter was on the screen, or was confirmed; what is known of it afterwards.
    ///
    /// # Errors
    ///
    /// If the user has no such letter.
    pub async fn mark(
        &self,
        device: &Device,
        id: u64,
        confirmed: bool,
    ) -> Result<LetterInfo, Error> {
        let letter = blocking!(self, device = device.clone(); core => core.letter(&device, id))?;
        let known = if confirmed { letter.confirmed } else { letter.seen };
        if known.is_some() {
            return Ok(letter);
        }
        let shows = if confirmed { "confirmed" } else { "seen" }.to_owned();
        self.receipts(&device.tenant, vec![NewReceipt { tracking: letter.tracking, shows }])
            .await?;
        blocking!(self, device = device.clone(); core => core.letter(&device, id))
    }
}
