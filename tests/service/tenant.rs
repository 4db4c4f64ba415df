//! A tenant: keys, a strategy, users who do things, and what can be found out about them.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::http::{Ask, Got, Server, eventually};
use super::stage::{Ended, nudge, run};

/// A strategy: whoever is at `cart` for longer than `threshold` is told so in the app, once. Who is at
/// `done` has done what it was for; who is anywhere else is on the way.
pub fn strategy(threshold: &str) -> String {
    document(&format!("cart = {{ threshold = {threshold:?}, pending = \"done\" }}"), "1h")
}

/// The same with these nodes beside `done`, and this wait for what becomes of a message.
pub fn document(nodes: &str, wait: &str) -> String {
    format!(
        r#"
[[policy]]
use = "dwell"

[policy.settings.nodes]
{nodes}
done = {{ behaviour = "thank" }}

[policy.settings.behaviours]
thank = {{ message = "thank" }}

[[policy]]
use = "cascade"

[policy.settings.strategies.default]
channels = ["app", "log"]
wait = "{wait}"
received = "confirmed"

[[channel]]
name = "app"

[[channel]]
name = "log"

[messages.thank.default]
title = "You are at {{node}}"
body = "Come back."
"#
    )
}

/// The present, in milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

/// Quiet hours by the clock of UTC: from so long before now until so long after it.
pub fn quiet(before: i64, after: i64, more: &str) -> String {
    let clock = |at: i64| iso(at)[11..16].to_owned();
    let (from, to) = (clock(now() - before), clock(now() + after));
    format!("[guard.quiet]\nfrom = \"{from}\"\nto = \"{to}\"\n{more}\n")
}

/// A moment as Segment's libraries write it.
pub fn iso(at: i64) -> String {
    let (days, millis) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
    // Howard Hinnant's way from days to a date.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, millis) = (millis / 1_000 % 60, millis % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// A tenant.
#[derive(Clone)]
pub struct Tenant {
    pub server: Server,
    pub name: String,
    pub manage: String,
    pub ingest: String,
}

impl Tenant {
    pub async fn new(server: &Server, admin: &str, name: &str) -> Tenant {
        server.post("/v1/tenants").by(admin).json(&json!({ "name": name })).send().await.is(201);
        let mut keys = Vec::new();
        for scope in ["manage", "ingest"] {
            let new = json!({ "name": "a test", "scope": scope });
            let path = format!("/v1/tenants/{name}/keys");
            let got = server.post(&path).by(admin).json(&new).send().await.is(201);
            keys.push(got.json()["key"].as_str().unwrap().to_owned());
        }
        let [manage, ingest] = keys.try_into().unwrap();
        Tenant { server: server.clone(), name: name.to_owned(), manage, ingest }
    }

    pub fn get(&self, path: &str) -> Ask {
        self.server.get(path).by(&self.manage)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.server.post(path).by(&self.manage)
    }

    /// Puts a strategy to work; the release's number.
    pub async fn activate(&self, strategy: &str) -> u64 {
        let ask =
            self.post("/v1/releases?activate=true").body("application/toml", strategy.to_owned());
        ask.send().await.is(201).json()["number"].as_u64().unwrap()
    }

    /// Uses the command line.
    pub fn command(&self, arguments: &[&str]) -> Ended {
        let mut command = nudge(arguments);
        run(command.env("NUDGE_SERVER", self.server.base()).env("NUDGE_KEY", &self.manage))
    }

    /// Sends a call by the key that may do nothing else.
    pub async fn send(&self, path: &str, call: &Value) -> Got {
        self.server.post(path).by(&self.ingest).json(call).send().await
    }

    /// Sends a call that has to be taken.
    pub async fn take(&self, path: &str, call: &Value) {
        let got = self.send(path, call).await.is(200).json();
        assert_eq!(got, json!({ "success": true }));
    }

    /// A user is now at this node.
    pub async fn at(&self, user: &str, node: &str) {
        let call = json!({ "userId": user, "event": "go", "properties": { "node": node } });
        self.take("/v1/track", &call).await;
    }

    /// A user was at this node so long ago, in milliseconds.
    pub async fn was_at(&self, user: &str, node: &str, ago: i64) {
        let call = json!({ "userId": user, "event": "go", "properties": { "node": node },
            "timestamp": iso(now() - ago) });
        self.take("/v1/track", &call).await;
    }

    /// What is known of a user, if anything is.
    pub async fn known(&self, user: &str) -> Option<Value> {
        let got = self.get(&format!("/v1/users/{user}?turns=200")).send().await;
        (got.status != 404).then(|| got.is(200).json())
    }

    pub async fn user(&self, user: &str) -> Value {
        self.known(user).await.unwrap_or_else(|| panic!("nothing is known of {user}"))
    }

    /// What was decided about a user, oldest first, each in a word.
    pub async fn decided(&self, user: &str) -> Vec<String> {
        let known = self.user(user).await;
        let turns = known["turns"].as_array().unwrap().iter().rev();
        let records = turns.flat_map(|turn| turn["trace"].as_array().into_iter().flatten());
        records.map(|record| record["decision"].as_str().unwrap().to_owned()).collect()
    }

    /// How often each mark is in what was taken down of a user's events.
    pub async fn marks(&self, user: &str) -> BTreeMap<String, u32> {
        let Some(known) = self.known(user).await else { return BTreeMap::new() };
        let turns = known["turns"].as_array().unwrap();
        assert!(turns.len() < 200, "not all turns of {user} can be seen");
        let mut marks = BTreeMap::new();
        for turn in turns {
            for kind in ["events", "history"] {
                for event in turn[kind].as_array().into_iter().flatten() {
                    if let Some(mark) = event["what"]["fields"]["mark"].as_str() {
                        *marks.entry(mark.to_owned()).or_default() += 1;
                    }
                }
            }
        }
        marks
    }

    /// All attempts, or those of one user, newest first.
    pub async fn attempts(&self, user: Option<&str>) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let user = user.map_or_else(String::new, |user| format!("&user={user}"));
            let page = self.get(&format!("/v1/attempts?limit=500{user}{after}")).send().await;
            let page = page.is(200).json();
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// Waits for attempts to reach a user, so many and no more.
    pub async fn attempted(&self, user: &str, many: usize) -> Vec<Value> {
        let what = format!("{many} attempts to reach {user}");
        let found = eventually(&what, || async {
            let found = self.attempts(Some(user)).await;
            (found.len() >= many).then_some(found)
        });
        let found = found.await;
        assert_eq!(found.len(), many, "{found:#?}");
        found
    }

    /// Nobody but these users has been written to, each once. A witness goes to `cart` last: when they are
    /// written to, whatever was due before has been decided.
    pub async fn only(&self, witness: &str, users: &[&str]) {
        self.at(witness, "cart").await;
        self.attempted(witness, 1).await;
        let mut found: Vec<String> = Vec::new();
        for attempt in self.attempts(None).await {
            let user = attempt["user"].as_str().unwrap();
            if user != witness {
                found.push(user.to_owned());
            }
        }
        found.sort();
        assert_eq!(found, users);
    }

    /// A token of a user's device.
    pub async fn token(&self, user: &str) -> String {
        let got = self.post(&format!("/v1/users/{user}/tokens")).send().await.is(201);
        got.json()["token"].as_str().unwrap().to_owned()
    }

    /// A user's letters.
    pub async fn inbox(&self, user: &str) -> Vec<Value> {
        let token = self.token(user).await;
        let got = self.server.get("/v1/inbox?limit=200").by(&token).send().await.is(200);
        got.json()["items"].as_array().unwrap().clone()
    }

    /// Waits for letters of a user, so many and no more.
    pub async fn letters(&self, user: &str, many: usize) -> Vec<Value> {
        let what = format!("{many} letters of {user}");
        let found = eventually(&what, || async {
            let found = self.inbox(user).await;
            (found.len() >= many).then_some(found)
        });
        let found = found.await;
        assert_eq!(found.len(), many, "{found:#?}");
        found
    }
}
