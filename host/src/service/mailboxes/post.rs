//! Mail for mailboxes, as the listener brings it. An address is `<mailbox>.<tenant>@<domain>`: neither name has a
//! dot in it, so there is one way to read it. Whoever may not write to a mailbox does not learn that there is one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::NewContent;
use super::contents::Target;
use crate::mailbox::{Delivering, Incoming, Mailboxes, Refused, mime};
use crate::service::book::Account;
use crate::service::core::Core;
use crate::service::{Error, TenantName};

/// The mailboxes of all tenants.
pub(super) struct Post(pub(super) Arc<Core>);

impl Mailboxes for Post {
    fn may(&self, from: &str, to: &str) -> Result<usize, Refused> {
        let core = &self.0;
        if core.is_stopping() {
            return Err(Refused::Later);
        }
        let (tenant, mailbox) = named(core, to).ok_or(Refused::Unknown)?;
        core.read_book(|book| {
            let account = book.tenant(&tenant).filter(|account| !account.record.suspended)?;
            let record = account.mailboxes.get(&mailbox)?;
            record.wants(from).then(|| core.most_bytes(record))
        })
        .ok_or(Refused::Unknown)
    }

    fn deliver(&self, mail: Incoming) -> Delivering<'_> {
        let core = Arc::clone(&self.0);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || core.take_in(&mail)).await;
            done.unwrap_or_else(|error| {
                tracing::error!("a mail could not be stored: {error}");
                Err(Refused::Later)
            })
        })
    }
}

impl Core {
    fn take_in(&self, incoming: &Incoming) -> Result<(), Refused> {
        if self.is_stopping() {
            return Err(Refused::Later);
        }
        let mime::Mail { from, subject, text, files } =
            mime::read(&incoming.bytes).map_err(|error| Refused::Unreadable(error.to_string()))?;
        let places: Option<BTreeSet<(String, String)>> =
            incoming.to.iter().map(|to| named(self, to)).collect();
        let places = places.ok_or(Refused::Unknown)?.into_iter();
        let targets: Vec<Target> = places
            .map(|(tenant, mailbox)| Target { tenant: TenantName::known(&tenant), mailbox })
            .collect();
        // What it says of itself has to be true, too: it is what people see.
        let wanted = |account: &Account, mailbox: &str| {
            let record = account.mailboxes.get(mailbox).filter(|_| !account.record.suspended);
            let unknown = || Error::NotFound(format!("mailbox {mailbox:?}"));
            let record = record.ok_or_else(unknown)?;
            let mut all = from.iter().chain([&incoming.from]);
            if !all.all(|from| record.wants(from)) {
                return Err(unknown());
            }
            let most = self.most_bytes(record);
            if incoming.bytes.len() > most {
                return Err(Error::TooLarge(format!("the mailbox takes {most} bytes")));
            }
            Ok(())
        };
        let new = NewContent { subject, text, files };
        let kept = self.keep(&targets, new, Some(&incoming.from), wanted);
        kept.map(|_| ()).map_err(refused)
    }
}

/// Which mailbox an address is of: tenant and name.
fn named(core: &Core, address: &str) -> Option<(String, String)> {
    let address = address.to_ascii_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    let (mailbox, tenant) = local.split_once('.')?;
    let own = core.config.mailbox.domain.as_str();
    let ours = !own.is_empty() && domain == own && !tenant.contains('.');
    ours.then(|| (tenant.to_owned(), mailbox.to_owned()))
}

fn refused(error: Error) -> Refused {
    match error {
        Error::NotFound(_) => Refused::Unknown,
        Error::Conflict(reason) => Refused::Full(reason),
        Error::TooLarge(reason) => Refused::Unreadable(reason),
        Error::Invalid { detail, .. } => Refused::Unreadable(detail),
        error => {
            tracing::warn!("a mail could not be stored: {error}");
            Refused::Later
        }
    }
}
