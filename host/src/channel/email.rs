//! Mail, handed to a relay by SMTP. A mail has a plain and an HTML part, and what lets the user leave
//! with one click (RFC 8058); that wants both `List-Unsubscribe` headers under a DKIM signature, which
//! is the relay's to make: it has the key and the domain.
//!
//! The same attempt has the same `Message-ID` however often it is tried: where an answer was lost, the
//! mailbox may tell the second copy by it.

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::TlsParameters;
use serde::Deserialize;

use super::wire::Wire;
use super::{Channel, Dispatch, Outcome, Reason, Secret, Sending, Wrong, settings};
use relay::{Mail, Relay, Safety};

mod address;
mod html;
mod message;
mod relay;
mod reply;
mod stream;
#[cfg(test)]
pub(super) mod tests;
mod words;

/// Where the secrets stand in the settings.
pub(crate) const SECRETS: &[&str] = &["/password"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    tls: Tls,
    user: Option<String>,
    password: Option<Secret>,
    from: String,
    reply_to: Option<String>,
    hello: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Tls {
    /// In the clear first, and not a word further without encryption.
    #[default]
    #[serde(rename = "starttls")]
    Upgraded,
    /// Encrypted from the first byte.
    #[serde(rename = "tls")]
    Whole,
    /// In the clear: for relays on the same machine.
    #[serde(rename = "none")]
    None,
}

/// The channel to mailboxes.
pub(crate) struct Email {
    name: String,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    relay: Relay,
}

impl Email {
    /// The channel by its settings.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub(crate) fn build(
        name: &str,
        settings: &serde_json::Value,
        wire: &Wire,
    ) -> Result<Self, Vec<Wrong>> {
        let settings: Settings = settings::read(settings)?;
        let mut wrongs = Vec::new();
        if !is_host(&settings.host) {
            wrongs.push(Wrong::new("/host", "a host name or an IP address"));
        }
        if settings.port == Some(0) {
            wrongs.push(Wrong::new("/port", "from 1 on; without it 587, 465 or 25, by tls"));
        }
        // The certificate is checked against the host's name, whatever its address.
        let checked = || TlsParameters::new(settings.host.clone());
        let (safety, port) = match settings.tls {
            Tls::None => (Ok(Safety::None), 25),
            Tls::Upgraded => (checked().map(Safety::Upgraded), 587),
            Tls::Whole => (checked().map(Safety::Whole), 465),
        };
        if let Err(error) = &safety {
            wrongs.push(Wrong::new("/tls", format!("there is no encryption: {error}")));
        }
        let credentials = match (settings.user, settings.password) {
            (None, None) => None,
            (Some(user), Some(password)) if !user.contains('\0') => {
                Some(Credentials::new(user, password.reveal().to_owned()))
            }
            (Some(_), Some(_)) => {
                wrongs.push(Wrong::new("/user", "has a character that nothing can be sent with"));
                None
            }
            (user, _) => {
                let lacks = if user.is_some() { "/password" } else { "/user" };
                wrongs.push(Wrong::new(lacks, "user and password go together"));
                None
            }
        };
        let wrong = "one address, such as name@host or Name <name@host>";
        let from = address::mailbox(&settings.from);
        if from.is_none() {
            wrongs.push(Wrong::new("/from", wrong));
        }
        let reply_to = settings.reply_to.as_deref().map(address::mailbox);
        if reply_to == Some(None) {
            wrongs.push(Wrong::new("/reply_to", wrong));
        }
        if settings.hello.as_deref().is_some_and(|hello| !is_host(hello)) {
            wrongs.push(Wrong::new("/hello", "a host name"));
        }
        let (Some(from), Ok(safety), true) = (from, safety, wrongs.is_empty()) else {
            return Err(wrongs);
        };
        let hello = settings.hello.unwrap_or_else(|| from.email.domain().to_owned());
        let port = settings.port.unwrap_or(port);
        let relay = Relay::new(wire.clone(), settings.host, port, safety, credentials, hello);
        Ok(Email { name: name.to_owned(), from, reply_to: reply_to.flatten(), relay })
    }

    async fn mail(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let address = dispatch.outgoing.address.as_deref().unwrap_or_default();
        if address.trim().is_empty() {
            return Err(Outcome::failed(Reason::NoAddress, "the user has no mail address"));
        }
        let to: Address = address::address(address)
            .ok_or_else(|| Outcome::gone(Reason::InvalidAddress, "the mail address is none"))?;
        let mail = Mail {
            text: message::write(&self.from, self.reply_to.as_ref(), &to, dispatch)?,
            from: self.from.email.clone(),
            to,
        };
        Ok(self.relay.send(&mail).await)
    }
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.mail(dispatch).await.unwrap_or_else(|not| not) })
    }
}

fn is_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let name = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
    name || host.parse::<std::net::IpAddr>().is_ok()
}
