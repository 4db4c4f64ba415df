//! Application messages of WeCom. The address is the member's user id.

mod message;
mod settings;
#[cfg(test)]
mod tests;

use self::message::{Kind, Message};
pub(crate) use self::settings::build;
use super::weixin::{Account, Reply};
use super::{Channel, Dispatch, Outcome, Reason, Sending};

/// Members of the settings that are secrets.
pub(crate) const SECRETS: &[&str] = &["/secret"];

/// An application of a company.
#[derive(Debug)]
pub(crate) struct WeCom {
    name: String,
    account: Account,
    agent: u64,
    kind: Kind,
    /// Within how many seconds the same message is not sent twice.
    interval: u32,
}

/// Bytes of a user id.
const MOST_ID: usize = 64;

impl Channel for WeCom {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.attempt(dispatch).await.unwrap_or_else(|outcome| outcome) })
    }
}

impl WeCom {
    async fn attempt(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let address = dispatch.outgoing.address.as_deref().filter(|address| !address.is_empty());
        let address = address
            .ok_or_else(|| Outcome::failed(Reason::NoAddress, "the user has no WeCom user id"))?;
        // `a|b` is several members, and `@all` everybody.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-@.".contains(&b);
        if address.len() > MOST_ID || address.starts_with('@') || !address.bytes().all(plain) {
            return Err(Outcome::gone(Reason::InvalidAddress, "that is no user id of one member"));
        }
        let message = Message {
            touser: address,
            agentid: self.agent,
            content: self.kind.write(dispatch).map_err(Outcome::Failed)?,
            enable_duplicate_check: u8::from(self.interval > 0),
            duplicate_check_interval: self.interval,
        };
        let body = serde_json::to_vec(&message).map_err(|_| {
            Outcome::failed(Reason::Content, "the message cannot be written as JSON")
        })?;
        let reply = self.account.send(body).await?;
        Ok(meaning(&reply, address))
    }
}

/// What an answer means. What a setting mends is kept and tried again; what lies in the message is not.
fn meaning(reply: &Reply, address: &str) -> Outcome {
    // User ids come back in small letters.
    let lists = |list: &str| list.split('|').any(|id| id.trim().eq_ignore_ascii_case(address));
    let words = || reply.words(&[address, &address.to_ascii_lowercase()]);
    match reply.errcode {
        0 if lists(&reply.invaliduser) => Outcome::gone(
            Reason::InvalidAddress,
            "there is no such member in reach of the application",
        ),
        0 if lists(&reply.unlicenseduser) => {
            Outcome::failed(Reason::Rejected, "the member has no licence")
        }
        0 => Outcome::ACCEPTED,
        -1 => Outcome::later(Reason::Provider, words()),
        // The member is none; all of those it was for are none.
        40003 | 81013 => Outcome::gone(Reason::InvalidAddress, words()),
        40031 | 82001 => Outcome::failed(Reason::InvalidAddress, words()),
        43004 => Outcome::failed(Reason::Unsubscribed, words()),
        40008 | 40056 => Outcome::later(Reason::Settings, words()),
        // The account, the scope, the list of allowed addresses, the application.
        40013 | 40091 | 48002 | 60011 | 60020 | 301002 => {
            Outcome::later(Reason::Credentials, words())
        }
        45009 | 45033 => Outcome::later(Reason::Throttled, words()),
        45002 => Outcome::failed(Reason::TooLong, words()),
        40033 | 40035 | 40058 | 44004 | 47001 => Outcome::failed(Reason::Content, words()),
        _ => Outcome::failed(Reason::Rejected, words()),
    }
}
