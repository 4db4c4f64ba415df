//! Template messages of WeChat service accounts. The address is the user's open id.

mod callback;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) use self::settings::build;
use super::template::{Filling, Template};
use super::weixin::{Account, Reply};
use super::{
    Callback, Channel, Dispatch, Heard, Outcome, Reason, Secret, Sending, Trouble, Unheard,
};

/// Members of the settings that are secrets.
pub(crate) const SECRETS: &[&str] = &["/secret", "/callback_token"];

/// Characters of a name for a message that keeps it from being sent twice.
const MOST_CLIENT_ID: usize = 32;
/// Bytes of a link.
const MOST_LINK: usize = 2048;

/// A service account.
#[derive(Debug)]
pub(crate) struct WeChat {
    name: String,
    account: Account,
    template_id: String,
    callback_token: Option<Secret>,
    fields: Vec<Field>,
    color: Option<String>,
    miniprogram: Option<MiniProgram>,
}

/// One value of the message.
struct Field {
    key: String,
    template: Template,
    /// How many characters it may have, where that is known.
    most: Option<usize>,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.key.fmt(f)
    }
}

/// The mini program that the message opens instead of its link.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct MiniProgram {
    appid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagepath: Option<String>,
}

#[derive(serde::Serialize)]
struct Message<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    miniprogram: Option<&'a MiniProgram>,
    client_msg_id: &'a str,
    data: BTreeMap<&'a str, Datum<'a>>,
}

#[derive(serde::Serialize)]
struct Datum<'a> {
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
}

impl Channel for WeChat {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.attempt(dispatch).await.unwrap_or_else(|outcome| outcome) })
    }

    fn hear(&self, callback: &Callback<'_>) -> Result<Heard, Unheard> {
        let token = self.callback_token.as_ref().ok_or(Unheard::Unexpected)?;
        callback::hear(token, callback)
    }
}

impl WeChat {
    async fn attempt(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let outgoing = &dispatch.outgoing;
        let address = outgoing.address.as_deref().filter(|address| !address.is_empty());
        let address = address.ok_or_else(|| {
            Outcome::failed(Reason::NoAddress, "the user has no open id of this account")
        })?;
        let link = dispatch.links.read.as_deref().or(outgoing.content.link.as_deref());
        if link.is_some_and(|link| link.len() > MOST_LINK) {
            return Err(Outcome::failed(Reason::TooLong, "the link is too long"));
        }
        let client_msg_id = client_id(&outgoing.tracking);
        let message = Message {
            touser: address,
            template_id: &self.template_id,
            url: link,
            miniprogram: self.miniprogram.as_ref(),
            client_msg_id: &client_msg_id,
            data: self.data(dispatch)?,
        };
        let body = serde_json::to_vec(&message).map_err(|_| {
            Outcome::failed(Reason::Content, "the message cannot be written as JSON")
        })?;
        let reply = self.account.send(body).await?;
        Ok(meaning(&reply, address))
    }

    /// The values, none longer than its kind may be: one that is would be refused, and the message with it.
    fn data<'a>(&'a self, dispatch: &Dispatch) -> Result<BTreeMap<&'a str, Datum<'a>>, Outcome> {
        let filling = Filling::of(dispatch);
        let color = self.color.as_deref();
        let datum = |field: &'a Field| {
            let value = field.fill(&filling).map_err(Outcome::Failed)?;
            Ok((field.key.as_str(), Datum { value, color }))
        };
        self.fields.iter().map(datum).collect()
    }
}

impl Field {
    fn fill(&self, filling: &Filling<'_>) -> Result<String, Trouble> {
        let mut value = String::new();
        self.template.fill(filling, &mut value)?;
        match self.most {
            Some(most) if value.chars().count() > most => {
                let detail = format!("`{}` is longer than {most} characters", self.key);
                Err(Trouble::new(Reason::TooLong, detail))
            }
            _ => Ok(value),
        }
    }
}

/// What keeps the message from being sent twice: the tracking id, or what stands for it where it is too long.
fn client_id(tracking: &str) -> String {
    if tracking.len() <= MOST_CLIENT_ID {
        return tracking.to_owned();
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, tracking.as_bytes());
    let mut id = URL_SAFE_NO_PAD.encode(digest);
    id.truncate(MOST_CLIENT_ID);
    id
}

/// What an answer means. What a setting mends is kept and tried again; what lies in the message is not.
fn meaning(reply: &Reply, address: &str) -> Outcome {
    let words = || reply.words(&[address]);
    match reply.errcode {
        0 => Outcome::Accepted { reference: reply.reference().map(Into::into) },
        -1 => Outcome::later(Reason::Provider, words()),
        40003 => Outcome::gone(Reason::InvalidAddress, words()),
        // Not a follower, on the black list, muted.
        43004 | 43019 | 43101 => Outcome::gone(Reason::Unsubscribed, words()),
        // The template, and the account's rights.
        40037 | 43116 | 48001 => Outcome::later(Reason::Settings, words()),
        40013 | 40125 | 40164 => Outcome::later(Reason::Credentials, words()),
        45009 => Outcome::later(Reason::Quota, words()),
        40241 | 43117 | 45011 => Outcome::later(Reason::Throttled, words()),
        47001 | 47003 => Outcome::failed(Reason::Content, words()),
        _ => Outcome::failed(Reason::Rejected, words()),
    }
}
