//! A service that may reach this machine, a tenant with channels, and users who are written to.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::sink::Sink;
use crate::service::http::{Ask, Got, eventually};
use crate::service::stage::Stage;
use crate::service::tenant::Tenant;

/// How the service says that it is reached from outside.
pub const HOME: &str = "https://nudge.test";

/// A browser, as it calls itself.
pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// What webhooks are signed with.
pub const SECRET: &str = "whsec_c2l4dGVlbiBieXRlcyBhbmQgc29tZSBtb3JlIQ==";

/// A line of a key file.
pub fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32]) + "\n"
}

/// The key file of all that need no other.
fn key_file() -> &'static Path {
    static FILE: LazyLock<tempfile::NamedTempFile> = LazyLock::new(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), key(7)).unwrap();
        file
    });
    FILE.path()
}

/// A configuration with these lines of `[delivery]`, and this key file.
pub fn config(delivery: &str, key_file: &Path) -> String {
    format!(
        "public_url = {HOME:?}\n[secrets]\nkey_file = {key_file:?}\n[delivery]\n\
         allow_networks = \"127.0.0.0/8\"\n{delivery}\n"
    )
}

/// A strategy: who was at `cart`, or at `desk`, is written to on one channel after the other.
#[derive(Clone)]
pub struct Plan {
    channels: Vec<(String, String)>,
    title: String,
    body: String,
    link: Option<String>,
    wait: String,
    received: String,
    importance: String,
    more: String,
}

impl Plan {
    /// On these channels, each with the trait that holds the address, or none.
    pub fn on(channels: &[(&str, &str)]) -> Plan {
        let channels = channels.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned()));
        let text = |text: &str| text.to_owned();
        Plan {
            channels: channels.collect(),
            title: text("You are at {node}"),
            body: text("Come back."),
            link: None,
            wait: text("1h"),
            received: text("confirmed"),
            importance: text("normal"),
            more: String::new(),
        }
    }

    pub fn says(mut self, title: &str, body: &str) -> Plan {
        (self.title, self.body) = (title.to_owned(), body.to_owned());
        self
    }

    pub fn leads(mut self, link: &str) -> Plan {
        self.link = Some(link.to_owned());
        self
    }

    /// Evidence of this grade ends it.
    pub fn until(mut self, received: &str) -> Plan {
        self.received = received.to_owned();
        self
    }

    /// How long evidence is awaited.
    pub fn waits(mut self, wait: &str) -> Plan {
        self.wait = wait.to_owned();
        self
    }

    pub fn importance(mut self, importance: &str) -> Plan {
        self.importance = importance.to_owned();
        self
    }

    /// With this besides: topics and guard rails.
    pub fn with(mut self, more: &str) -> Plan {
        self.more = more.to_owned();
        self
    }

    pub fn toml(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let names: Vec<&String> = self.channels.iter().map(|(name, _)| name).collect();
        let Plan { wait, received, importance, more, .. } = self;
        let mut text = format!(
            r#"
[[policy]]
use = "dwell"
[policy.settings.nodes]
cart = {{ threshold = "1s", pending = "done" }}
desk = {{ threshold = "1s", pending = "done" }}
done = {{ behaviour = "thank" }}
[policy.settings.behaviours]
thank = {{ message = "thank", importance = "{importance}" }}
[[policy]]
use = "cascade"
[policy.settings.strategies.default]
channels = {names:?}
wait = "{wait}"
received = "{received}"
[messages.thank.default]
title = {}
body = {}
"#,
            quoted(&self.title),
            quoted(&self.body),
        );
        if let Some(link) = &self.link {
            let _ = writeln!(text, "link = {}", quoted(link));
        }
        for (name, address) in &self.channels {
            let _ = writeln!(text, "[[channel]]\nname = {name:?}");
            if !address.is_empty() {
                let _ = writeln!(text, "address = {address:?}");
            }
        }
        text + more
    }
}

/// A service with a tenant.
pub struct Scene {
    pub stage: Stage,
    pub tenant: Tenant,
}

impl Scene {
    pub async fn new() -> Scene {
        Scene::with("").await
    }

    /// With these lines of `[delivery]`.
    pub async fn with(delivery: &str) -> Scene {
        Scene::configured(&config(delivery, key_file())).await
    }

    pub async fn configured(config: &str) -> Scene {
        let stage = Stage::with(config);
        let tenant = stage.tenant("shop").await;
        Scene { stage, tenant }
    }

    /// With a webhook `hook` that leads to the sink, and users who are written to there.
    pub async fn hooked(delivery: &str, sink: &Sink, plan: &Plan) -> Scene {
        let scene = Scene::with(delivery).await;
        scene.tenant.hook("hook", &sink.url("/in")).await;
        scene.tenant.activate(&plan.toml()).await;
        scene
    }

    /// Asks for the page of a link, as a browser does.
    pub fn visit(&self, method: &str, link: &str) -> Ask {
        let ask = self.stage.server.ask(method, path(link));
        ask.header("user-agent", BROWSER).header("accept-language", "en")
    }

    /// Posts a form.
    pub fn post(&self, link: &str, form: &str) -> Ask {
        self.visit("POST", link).body("application/x-www-form-urlencoded", form.to_owned())
    }
}

/// The path of a link that leads to the service.
pub fn path(link: &str) -> &str {
    link.strip_prefix(HOME).unwrap_or(link)
}

impl Tenant {
    /// Sets a channel up.
    pub fn put(&self, channel: &str, new: &Value) -> Ask {
        let path = format!("/v1/channels/{channel}");
        self.server.ask("PUT", &path).by(&self.manage).json(new)
    }

    /// Sets a new channel up.
    pub async fn has(&self, channel: &str, kind: &str, settings: Value) {
        let new = json!({ "kind": kind, "settings": settings });
        self.put(channel, &new).send().await.is(201);
    }

    pub async fn hook(&self, channel: &str, url: &str) {
        self.has(channel, "webhook", json!({ "url": url, "secrets": [SECRET] })).await;
    }

    pub async fn channel(&self, name: &str) -> Value {
        self.get(&format!("/v1/channels/{name}")).send().await.is(200).json()
    }

    /// Says what is known of a user.
    pub async fn identify(&self, user: &str, traits: Value) {
        self.take("/v1/identify", &json!({ "userId": user, "traits": traits })).await;
    }

    /// Has a user written to.
    pub async fn tell(&self, user: &str) {
        self.was_at(user, "cart", 60_000).await;
    }

    /// Waits until all attempts to reach a user are over, of which there are so many.
    pub async fn settled(&self, user: &str, many: usize) -> Vec<Value> {
        let what = format!("{many} attempts to reach {user} come to an end");
        let found = eventually(&what, || async {
            let found = self.attempts(Some(user)).await;
            let over = found.iter().filter(|attempt| attempt.get("outcome").is_some()).count();
            (over >= many).then_some(found)
        });
        let found = found.await;
        assert_eq!(found.len(), many, "{found:#?}");
        found
    }

    /// Waits for an attempt that has this outcome, the only one to reach a user.
    pub async fn ends(&self, user: &str, outcome: &str) -> Value {
        let attempt = self.settled(user, 1).await.remove(0);
        assert_eq!(attempt["outcome"], outcome, "{attempt:#}");
        attempt
    }

    /// Attempts that ended so.
    pub async fn that_are(&self, outcome: &str) -> Vec<Value> {
        let got = self.get(&format!("/v1/attempts?outcome={outcome}")).send().await.is(200);
        got.json()["items"].as_array().unwrap().clone()
    }

    pub async fn resend(&self, attempt: &Value) -> Got {
        let tracking = attempt["tracking"].as_str().unwrap();
        self.post(&format!("/v1/attempts/{tracking}/resend")).send().await
    }

    /// What was written down about a user under this word, oldest first.
    pub async fn records(&self, user: &str, decision: &str) -> Vec<Value> {
        let Some(known) = self.known(user).await else { return Vec::new() };
        let turns = known["turns"].as_array().unwrap().iter().rev();
        let records = turns.flat_map(|turn| turn["trace"].as_array().into_iter().flatten());
        records.filter(|record| record["decision"] == decision).cloned().collect()
    }

    /// Grades of the evidence about a user's messages, oldest first.
    pub async fn evidence(&self, user: &str) -> Vec<String> {
        let records = self.records(user, "evidence").await;
        records.iter().map(|record| record["grade"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for a record of a user.
    pub async fn recorded(&self, user: &str, decision: &str) -> Value {
        let what = format!("{decision} of {user}");
        let look = || async { self.records(user, decision).await.pop() };
        eventually(&what, look).await
    }
}

/// Waits until evidence may be a person's: what is opened at once is opened by a scanner.
pub async fn a_person_takes_time() {
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
}
