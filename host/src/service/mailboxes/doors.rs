//! Mailboxes as those see them who set them up, fill them and use them. Only doors.

use std::sync::Arc;

use serde_json::Value as Json;

use super::contents::Target;
use super::post::Post;
use super::{ContentFile, NewContent};
use crate::mailbox::{Limits, Mailboxes, smtp};
use crate::service::words::{ContentInfo, MailboxInfo, NewMailbox};
use crate::service::{Error, Service, TenantName};

impl Service {
    /// A tenant's mailboxes, by name.
    ///
    /// # Errors
    ///
    /// If there is no such tenant; so for all that follow.
    pub fn mailboxes(&self, tenant: &TenantName) -> Result<Vec<MailboxInfo>, Error> {
        self.0.mailboxes_of(tenant)
    }

    /// One of a tenant's mailboxes.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox.
    pub fn mailbox(&self, tenant: &TenantName, name: &str) -> Result<MailboxInfo, Error> {
        self.0.mailbox_info(tenant, name)
    }

    /// Sets a mailbox up, or up anew; true if it is new.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub async fn put_mailbox(
        &self,
        tenant: &TenantName,
        name: &str,
        new: NewMailbox,
    ) -> Result<(MailboxInfo, bool), Error> {
        blocking!(self, tenant = tenant.clone(), name = name.to_owned();
            core => core.put_mailbox(&tenant, &name, &new))
    }

    /// Removes a mailbox with all that is in it.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox.
    pub async fn delete_mailbox(&self, tenant: &TenantName, name: &str) -> Result<(), Error> {
        blocking!(self, tenant = tenant.clone(), name = name.to_owned();
            core => core.delete_mailbox(&tenant, &name))
    }

    /// Puts something into a mailbox, without mail. When it returns, it is durable.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox, or too much of something.
    pub async fn keep_content(
        &self,
        tenant: &TenantName,
        mailbox: &str,
        new: NewContent,
    ) -> Result<ContentInfo, Error> {
        blocking!(self, tenant = tenant.clone(), mailbox = mailbox.to_owned(); core => {
            let target = Target { tenant, mailbox };
            let kept = core.keep(&[target], new, None, |_, _| Ok(()))?;
            let none = || Error::Unavailable("nothing was stored".to_owned());
            kept.into_iter().next().ok_or_else(none)
        })
    }

    /// What is in a mailbox, newest first.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox.
    pub async fn contents(
        &self,
        tenant: &TenantName,
        mailbox: &str,
    ) -> Result<Vec<ContentInfo>, Error> {
        blocking!(self, tenant = tenant.clone(), mailbox = mailbox.to_owned();
            core => core.contents_of(&tenant, &mailbox))
    }

    /// One of the things in a mailbox.
    ///
    /// # Errors
    ///
    /// If there is no such thing.
    pub async fn content(
        &self,
        tenant: &TenantName,
        mailbox: &str,
        id: &str,
    ) -> Result<ContentInfo, Error> {
        blocking!(self, tenant = tenant.clone(), mailbox = mailbox.to_owned(), id = id.to_owned();
            core => core.content(&tenant, &mailbox, &id))
    }

    /// The latest of what is in a mailbox; none if it is empty.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox.
    pub async fn content_of(
        &self,
        tenant: &TenantName,
        mailbox: &str,
    ) -> Result<Option<ContentInfo>, Error> {
        blocking!(self, tenant = tenant.clone(), mailbox = mailbox.to_owned();
            core => core.latest_content(&tenant, &mailbox))
    }

    /// Parameters of a message with what is in a mailbox in the place of its name: see `content` of campaigns.
    ///
    /// # Errors
    ///
    /// If there is no such mailbox, or nothing in it.
    pub async fn resolve_content(
        &self,
        tenant: &TenantName,
        parameters: Json,
    ) -> Result<Json, Error> {
        let mut parameters = parameters;
        blocking!(self, tenant = tenant.clone(); core => {
            core.resolve_content(&tenant, &mut parameters)?;
            Ok(parameters)
        })
    }

    /// The file of a link.
    ///
    /// # Errors
    ///
    /// If there is no such file, or not any more.
    pub async fn content_file(&self, token: &str) -> Result<ContentFile, Error> {
        blocking!(self, token = token.to_owned(); core => core.file(&token))
    }

    /// What mail is handed to.
    #[must_use]
    pub fn post(&self) -> Arc<dyn Mailboxes> {
        Arc::new(Post(Arc::clone(&self.0)))
    }

    /// The limits that the listener for mail keeps.
    #[must_use]
    pub fn mail_limits(&self) -> Limits {
        let mailbox = &self.0.config.mailbox;
        Limits {
            connections: mailbox.connections,
            per_address: mailbox.per_address,
            drain: self.0.config.http.drain,
            session: smtp::Session {
                domain: mailbox.domain.clone(),
                message_bytes: mailbox.message_bytes,
                timeout: mailbox.timeout,
            },
        }
    }
}
