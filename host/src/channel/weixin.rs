//! What WeChat and WeCom have in common: access tokens by account and secret, and answers with an `errcode`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::token::{Fresh, Tokens};
use super::wire::{Answer, HeaderMap, HeaderValue, Method, Target, Wire};
use super::{Outcome, Reason, Trouble};

/// An account with one of the two.
pub(crate) struct Account {
    wire: Wire,
    tokens: Tokens,
    /// Where a token is had. Holds the secret.
    token: Target,
    /// Where messages are sent to, up to the token.
    send: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}

/// What is answered to a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply {
    pub(crate) errcode: i64,
    #[serde(default)]
    errmsg: String,
    /// WeChat: what reports will call the message.
    msgid: Option<serde_json::Value>,
    /// WeCom: who of those it was for is none.
    #[serde(default)]
    pub(crate) invaliduser: String,
    /// WeCom: who of those it was for may not use it.
    #[serde(default)]
    pub(crate) unlicenseduser: String,
}

#[derive(Deserialize)]
struct TokenReply {
    #[serde(default)]
    errcode: i64,
    access_token: Option<String>,
    #[serde(default)]
    expires_in: u64,
}

impl Account {
    /// An account with the service at `base`: `token` and `send` are what follows there, to have a token and to
    /// send a message, the latter up to the token.
    ///
    /// # Errors
    ///
    /// If the service is none that may be reached.
    pub(crate) fn new(
        wire: &Wire,
        base: &str,
        token: &str,
        send: &str,
    ) -> Result<Account, Trouble> {
        if base.contains(['?', '#']) {
            return Err(Trouble::new(Reason::Settings, "the URL has a query or a fragment"));
        }
        let base = base.trim_end_matches('/');
        let token = wire.target(&format!("{base}{token}"))?;
        let send = format!("{base}{send}");
        wire.target(&send)?;
        Ok(Account { wire: wire.clone(), tokens: Tokens::default(), token, send })
    }

    /// Sends a message. If the token is refused, it is sent once more with a new one.
    ///
    /// # Errors
    ///
    /// What becomes of the attempt, if there is no answer that says more.
    pub(crate) async fn send(&self, body: Vec<u8>) -> Result<Reply, Outcome> {
        let held = self.tokens.get(|| self.fetch()).await?;
        let reply = self.post(&held, body.clone()).await?;
        if !is_token(reply.errcode) {
            return Ok(reply);
        }
        self.tokens.refused(&held).await;
        let held = self.tokens.get(|| self.fetch()).await?;
        let reply = self.post(&held, body).await?;
        if is_token(reply.errcode) {
            self.tokens.refused(&held).await;
            return Err(Outcome::later(Reason::Credentials, reply.words(&[&held])));
        }
        Ok(reply)
    }

    async fn post(&self, token: &str, body: Vec<u8>) -> Result<Reply, Outcome> {
        let target = self.wire.target(&format!("{}{token}", self.send)).map_err(Outcome::Failed)?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let answer = self.wire.post(&target, headers, body).await.map_err(later)?;
        read(&answer)
    }

    async fn fetch(&self) -> Result<Fresh, Outcome> {
        let sent = self.wire.exchange(Method::GET, &self.token, HeaderMap::new(), Vec::new());
        let answer = sent.await.map_err(later)?;
        let reply: TokenReply = read(&answer)?;
        // One of other characters would change the URL that it goes into.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        match reply.access_token {
            Some(token) if !token.is_empty() && token.bytes().all(plain) => {
                Ok(Fresh { token, lasts: Duration::from_secs(reply.expires_in) })
            }
            _ => {
                let reason = match reply.errcode {
                    -1 => Reason::Provider,
                    45009 => Reason::Quota,
                    45011 | 45033 => Reason::Throttled,
                    _ => Reason::Credentials,
                };
                let detail = format!("no access token: errcode {}", reply.errcode);
                Err(Outcome::later(reason, detail))
            }
        }
    }
}

impl Reply {
    /// What went wrong, in the provider's words. They may name what is not for everybody: the token, or who the
    /// message is for.
    pub(crate) fn words(&self, hidden: &[&str]) -> String {
        let mut words = self.errmsg.clone();
        for text in hidden.iter().filter(|text| !text.is_empty()) {
            words = words.replace(text, "…");
        }
        format!("errcode {}: {words}", self.errcode)
    }

    /// What reports will call the message.
    pub(crate) fn reference(&self) -> Option<String> {
        match self.msgid.as_ref()? {
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::String(text) => {
                Some(text.clone()).filter(|text| (1..=100).contains(&text.len()))
            }
            _ => None,
        }
    }
}

/// True for codes that say that the access token does not hold.
fn is_token(errcode: i64) -> bool {
    matches!(errcode, 40001 | 40014 | 42001)
}

fn later(trouble: Trouble) -> Outcome {
    Outcome::Later { trouble, after: None }
}

/// Both answer 200 with JSON, whatever there is to say. What answers otherwise is something in between, or a
/// wrong `base_url`: no message is given up because of it.
fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Outcome> {
    match answer.outcome() {
        Outcome::Accepted { .. } => serde_json::from_slice(&answer.body)
            .map_err(|_| Outcome::later(Reason::Provider, "the answer cannot be read")),
        Outcome::Failed(trouble) | Outcome::Gone(trouble) => {
            Err(Outcome::later(Reason::Settings, trouble.detail))
        }
        later @ Outcome::Later { .. } => Err(later),
    }
}

/// A value as a query has it.
pub(crate) fn in_query(value: &str) -> String {
    let mut out = String::new();
    super::template::Escape::Url.write(value, &mut out);
    out
}
