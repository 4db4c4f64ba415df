//! A channel for any provider with an HTTP interface: the tenant writes the request as templates, and says what
//! the answers mean.

mod answer;
#[cfg(test)]
mod examples;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use self::answer::{Meaning, Reading, masked};
#[cfg(test)]
pub(crate) use self::examples::examples;
pub(crate) use self::settings::build;
use super::template::{Filling, Template};
use super::token::{Fresh, Tokens};
use super::wire::{Answer, HeaderMap, HeaderName, Method, Target, Wire, header_value};
use super::{Channel, Dispatch, Outcome, Reason, Secret, Sending, Trouble};

/// Members of the settings that are secrets.
pub(crate) const SECRETS: &[&str] = &["/secrets/*"];

/// A provider as the tenant describes it.
pub(crate) struct Http {
    name: String,
    wire: Wire,
    method: Method,
    url: Url,
    headers: HeaderMap,
    templates: Vec<(HeaderName, Template)>,
    body: Template,
    reading: Reading,
    secrets: Vec<Secret>,
    token: Option<Access>,
    sign: Option<Sign>,
}

/// Where messages are sent to.
enum Url {
    /// The same for all.
    Fixed(Target),
    /// Another for each. The host is the same.
    Filled(Template),
}

/// How an access token is had.
struct Access {
    tokens: Tokens,
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: String,
    /// Where the token stands in the answer.
    path: String,
    /// Where its length in seconds stands, if the answer says it.
    expires: Option<String>,
    /// Its length otherwise.
    seconds: u64,
}

/// How requests are signed.
enum Sign {
    /// HMAC with the secret over the time and the secret.
    DingTalk(hmac::Key, Secret),
    /// HMAC with the time and the secret over nothing.
    Feishu(Secret),
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Channel for Http {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, dispatch: &'a Dispatch) -> Sending<'a> {
        Box::pin(async move { self.attempt(dispatch).await.unwrap_or_else(|outcome| outcome) })
    }
}

/// What is left to be sent once everything is filled in.
struct Filled {
    target: Target,
    headers: HeaderMap,
    body: String,
}

impl Http {
    async fn attempt(&self, dispatch: &Dispatch) -> Result<Outcome, Outcome> {
        let (timestamp, sign) = match &self.sign {
            Some(sign) => sign.over(dispatch.at.0),
            None => (dispatch.at.0.div_euclid(1000).to_string(), String::new()),
        };
        let mut fresh = false;
        loop {
            let token = match &self.token {
                Some(access) => Some(access.tokens.get(|| access.fetch(&self.wire)).await?),
                None => None,
            };
            let filling = Filling {
                dispatch,
                token: token.as_deref().unwrap_or_default(),
                timestamp: &timestamp,
                sign: &sign,
            };
            let Filled { target, headers, body } = self.fill(&filling).map_err(Outcome::Failed)?;
            let sent = self.wire.exchange(self.method.clone(), &target, headers, body.into_bytes());
            let answer = sent.await.map_err(|trouble| Outcome::Later { trouble, after: None })?;
            let (meaning, words) = self.reading.read(&answer);
            let mask = |detail: &str| masked(detail, &filling, &self.secrets);
            match (&self.token, &token, meaning) {
                (Some(access), Some(token), Meaning::Refused) => {
                    access.tokens.refused(token).await;
                    if fresh {
                        return Ok(Outcome::later(Reason::Credentials, mask(&words)));
                    }
                    fresh = true;
                }
                (_, _, meaning) => return Ok(meaning.outcome(&answer, mask(&words))),
            }
        }
    }

    fn fill(&self, filling: &Filling<'_>) -> Result<Filled, Trouble> {
        let target = match &self.url {
            Url::Fixed(target) => target.clone(),
            Url::Filled(template) => {
                let mut url = String::with_capacity(256);
                template.fill(filling, &mut url)?;
                if climbs(&url) {
                    return Err(Trouble::new(
                        Reason::Content,
                        "a value would change the URL's path",
                    ));
                }
                self.wire.target(&url)?
            }
        };
        let mut headers = self.headers.clone();
        for (name, template) in &self.templates {
            let mut value = String::new();
            template.fill(filling, &mut value)?;
            headers.insert(name.clone(), header_value(value)?);
        }
        let mut body = String::with_capacity(1024);
        self.body.fill(filling, &mut body)?;
        Ok(Filled { target, headers, body })
    }
}

/// True if a part of the path is dots only: these mean another path, however they are written.
fn climbs(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let dots =
        |part: &str| matches!(part.replace("%2e", ".").replace("%2E", ".").as_str(), "." | "..");
    path.split('/').any(|part| part.len() <= 6 && dots(part))
}

impl Access {
    async fn fetch(&self, wire: &Wire) -> Result<Fresh, Outcome> {
        let (headers, body) = (self.headers.clone(), self.body.clone().into_bytes());
        let answer = wire
            .exchange(self.method.clone(), &self.target, headers, body)
            .await
            .map_err(|trouble| Outcome::Later { trouble, after: None })?;
        self.read(&answer).ok_or_else(|| {
            let refused = || Outcome::Later {
                trouble: Trouble::new(Reason::Credentials, "the provider gives no access token"),
                after: answer.retry_after,
            };
            match answer.outcome() {
                // The account may be in order again later, and so nothing is given up because of it.
                Outcome::Later { trouble, after } if trouble.reason != Reason::Credentials => {
                    Outcome::Later { trouble, after }
                }
                _ => refused(),
            }
        })
    }

    fn read(&self, answer: &Answer) -> Option<Fresh> {
        let json: Value = serde_json::from_slice(&answer.body).ok()?;
        let token = json.pointer(&self.path)?.as_str().filter(|token| !token.is_empty())?;
        let said = self.expires.as_ref().and_then(|path| match json.pointer(path)? {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        });
        let lasts = std::time::Duration::from_secs(said.unwrap_or(self.seconds));
        Some(Fresh { token: token.to_owned(), lasts })
    }
}

impl Sign {
    /// The time as it is signed, and the signature.
    fn over(&self, millis: i64) -> (String, String) {
        let (timestamp, tag) = match self {
            Sign::DingTalk(key, secret) => {
                let timestamp = millis.to_string();
                let tag = hmac::sign(key, format!("{timestamp}\n{}", secret.reveal()).as_bytes());
                (timestamp, tag)
            }
            Sign::Feishu(secret) => {
                let timestamp = millis.div_euclid(1000).to_string();
                let key = format!("{timestamp}\n{}", secret.reveal());
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                (timestamp, hmac::sign(&key, b""))
            }
        };
        (timestamp, STANDARD.encode(tag))
    }
}
