//! `nudge policy push`.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::source::Policy;
use crate::cli::{Done, output};
use crate::{standard, strategy};

#[derive(Debug, Args)]
#[command(after_help = "\
POLICY may be a strategy file, too (.toml or .json). Of a strategy all components are uploaded, and together they become a release, which --activate puts to work; of a policy \
alone the component is uploaded, and its digest printed for a strategy's `use`.

  nudge policy push strategy.toml --server https://nudge.example --activate

The key comes from NUDGE_KEY, so that it stands in no list of processes.
Exit codes: 0 it is there; 1 the service refuses it, and says why; 2 it could not be asked.")]
pub(super) struct Arguments {
    #[command(flatten)]
    what: Policy,
    /// Where the service is
    #[arg(long, value_name = "URL", env = "NUDGE_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// A key of the tenant that may manage it
    #[arg(long, value_name = "KEY", env = "NUDGE_KEY", hide_env_values = true)]
    key: String,
    /// The tenant, where the key is an admin's
    #[arg(long)]
    tenant: Option<String>,
    /// Put the release to work at once
    #[arg(long)]
    activate: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Why a push ended: the service said no, or could not be asked.
enum Ended {
    Refused(Value),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Ended {
        Ended::Failed(error)
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(push(arguments)) {
        Ok(answer) => {
            let text = if arguments.json { pretty(&answer)? } else { told(&answer, arguments) };
            output::print(&output::plain(&text))?;
            Ok(Done::Well)
        }
        Err(Ended::Refused(problem)) => {
            let text = if arguments.json { pretty(&problem)? } else { refused(&problem) };
            output::print(&output::plain(&text))?;
            Ok(Done::Wrong)
        }
        Err(Ended::Failed(error)) => Err(error),
    }
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

async fn push(arguments: &Arguments) -> Result<Value, Ended> {
    let server = Server::new(arguments)?;
    let what = Path::new(&arguments.what.policy);
    if what.extension().is_some_and(|ending| ending == "toml" || ending == "json") {
        return server.strategy(what, arguments.activate).await;
    }
    if arguments.activate {
        let reason =
            "--activate puts a release to work, and a policy alone is none: push a strategy file";
        return Err(anyhow::anyhow!(reason).into());
    }
    let source = arguments.what.source()?;
    let component = arguments.what.component(&source, &[])?;
    server.upload(component).await
}

struct Server<'a> {
    client: reqwest::Client,
    base: &'a str,
    key: &'a str,
    tenant: Option<&'a str>,
}

impl<'a> Server<'a> {
    fn new(arguments: &'a Arguments) -> anyhow::Result<Server<'a>> {
        Ok(Server {
            // A redirect would take the key along to wherever it leads.
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            base: arguments.server.trim_end_matches('/'),
            key: &arguments.key,
            tenant: arguments.tenant.as_deref(),
        })
    }

    async fn strategy(&self, path: &Path, activate: bool) -> Result<Value, Ended> {
        let at = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(at)?;
        let mut document = strategy::document(&text)
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))?;
        for entry in &mut document.policy {
            if standard::policy(&entry.r#use).is_some() {
                continue;
            }
            let bytes = strategy::bytes(path, entry).context("the strategy's policies")?;
            let uploaded = self.upload(bytes).await?;
            let digest = uploaded.get("digest").and_then(Value::as_str);
            entry.r#as = Some(entry.label().to_owned());
            entry.r#use = digest.context("the service names no digest")?.to_owned();
        }
        let body = serde_json::to_vec(&document).context("the strategy")?;
        let route = if activate { "/v1/releases?activate=true" } else { "/v1/releases" };
        self.post(route, "application/json", body).await
    }

    async fn upload(&self, component: Vec<u8>) -> Result<Value, Ended> {
        self.post("/v1/policies", "application/wasm", component).await
    }

    async fn post(&self, route: &str, kind: &str, body: Vec<u8>) -> Result<Value, Ended> {
        let url = format!("{}{route}", self.base);
        let mut request =
            self.client.post(&url).bearer_auth(self.key).header("Content-Type", kind).body(body);
        if let Some(tenant) = self.tenant {
            request = request.header("Nudge-Tenant", tenant);
        }
        let answer = request.send().await.with_context(|| format!("{url} cannot be reached"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| url.clone())?;
        let value: Value = serde_json::from_str(&text).map_err(|_| {
            anyhow::anyhow!("{url} answers {status} and no JSON: is it a Nudge service?")
        })?;
        if status.is_success() { Ok(value) } else { Err(Ended::Refused(value)) }
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn told(answer: &Value, arguments: &Arguments) -> String {
    let Some(number) = answer.get("number") else {
        return format!(
            "{} {}\n{}\n",
            text(answer, "name"),
            text(answer, "version"),
            text(answer, "digest")
        );
    };
    let mut out = format!("release {number}: {}\n", text(answer, "status"));
    for policy in answer.get("policies").and_then(Value::as_array).into_iter().flatten() {
        out += &format!("  {}  {}\n", text(policy, "label"), text(policy, "digest"));
    }
    if !arguments.activate {
        out += "It is not at work: push with --activate, or POST /v1/releases/NUMBER/activate.\n";
    }
    out
}

fn refused(problem: &Value) -> String {
    let mut out = format!("refused: {}\n", text(problem, "detail"));
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        out += &format!("- {}: {}\n", text(error, "pointer"), text(error, "message"));
    }
    out
}
