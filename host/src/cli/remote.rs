//! A service that is asked over HTTP by a command, with a key of the tenant.

use anyhow::Context as _;
use clap::Args;
use reqwest::{Method, Url};
use serde_json::Value;

/// Which service, and who asks.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The tenant
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: String,
    /// Where the service is
    #[arg(long, value_name = "URL", env = "NUDGE_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// A key of the tenant that may manage it, or an admin's
    #[arg(long, value_name = "KEY", env = "NUDGE_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// What a service answered.
pub(super) enum Answered {
    /// It did as it was asked.
    Done(Value),
    /// There is no such thing.
    Unknown(String),
}

/// The same, where a refusal is an answer.
pub(super) enum Said {
    /// It did as it was told.
    Done(Value),
    /// There is no such thing.
    Unknown(String),
    /// It was told something wrong, or at the wrong time: a problem, as the service writes it.
    Refused(Value),
}

/// What a problem says, with all its places.
pub(super) fn told(problem: &Value) -> String {
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut told = text(problem, "detail");
    if told.is_empty() {
        told = "it does not say why".to_owned();
    }
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        told += &format!("\n  {}: {}", text(error, "pointer"), text(error, "message"));
    }
    told
}

impl Remote {
    /// Asks for `path`, whose parts need not be encoded.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<Answered> {
        match self.say(method, path, query, None)? {
            Said::Done(value) => Ok(Answered::Done(value)),
            Said::Unknown(detail) => Ok(Answered::Unknown(detail)),
            Said::Refused(problem) => {
                anyhow::bail!("{} refuses it: {}", self.server, told(&problem))
            }
        }
    }

    /// Asks for `path` with a document, and hears why not if it is refused.
    pub(super) fn say(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Said> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.asked(method, path, query, body))
    }

    async fn asked(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Said> {
        let key = self.key.as_deref().context("there is no key: set NUDGE_KEY")?;
        let mut url = Url::parse(&self.server).with_context(|| self.server.clone())?;
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} is no place to ask", self.server))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // A redirect would take the key along to wherever it leads.
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let mut request = client.request(method, url).bearer_auth(key);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.header("Nudge-Tenant", &self.tenant).send().await;
        let answer = answer.with_context(|| format!("{} cannot be reached", self.server))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| self.server.clone())?;
        if status.is_success() && text.is_empty() {
            return Ok(Said::Done(Value::Null));
        }
        let value: Value = serde_json::from_str(&text).map_err(|_| {
            anyhow::anyhow!("{} answers {status} and no JSON: is it a Nudge service?", self.server)
        })?;
        if status.is_success() {
            return Ok(Said::Done(value));
        }
        match status.as_u16() {
            404 => Ok(Said::Unknown(told(&value))),
            400 | 409 | 422 => Ok(Said::Refused(value)),
            _ => anyhow::bail!("{} answers {status}: {}", self.server, told(&value)),
        }
    }
}
