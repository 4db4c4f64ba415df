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

impl Remote {
    /// Asks for `path`, whose parts need not be encoded.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<Answered> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.asked(method, path, query))
    }

    async fn asked(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> anyhow::Result<Answered> {
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
        let request = client.request(method, url).bearer_auth(key);
        let answer = request.header("Nudge-Tenant", &self.tenant).send().await;
        let answer = answer.with_context(|| format!("{} cannot be reached", self.server))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| self.server.clone())?;
        if status.is_success() && text.is_empty() {
            return Ok(Answered::Done(Value::Null));
        }
        let value: Value = serde_json::from_str(&text).map_err(|_| {
            anyhow::anyhow!("{} answers {status} and no JSON: is it a Nudge service?", self.server)
        })?;
        if status.is_success() {
            return Ok(Answered::Done(value));
        }
        let detail = value.get("detail").and_then(Value::as_str).unwrap_or("it does not say why");
        if status.as_u16() == 404 {
            return Ok(Answered::Unknown(detail.to_owned()));
        }
        anyhow::bail!("{} answers {status}: {detail}", self.server)
    }
}
