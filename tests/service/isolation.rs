//! Who may ask what: a table of all routes, held against the document that the service shows. One that is
//! not in it fails the test.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Ask, Got};
use super::stage::Stage;
use super::tenant::{Tenant, strategy};
use crate::hostile::policies::Guest;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Needs {
    Nothing,
    Ingest,
    Manage,
    /// Manage, of the tenant in the path.
    Keeper,
    Admin,
    /// A user's token.
    Token,
}

/// What another tenant gets when it asks for what tenant `a` has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    /// There is no such thing.
    NotFound,
    /// It gets what it has itself, or changes it: nothing of `a`'s is in the answer.
    Own,
}

use Needs::*;
use Other::*;

/// What is sent along.
#[derive(Clone)]
enum Body {
    None,
    Json(Value),
    Raw(&'static str, Vec<u8>),
}

/// A route, and a good request for it. `{digest}` and the like stand for what tenant `a` has.
#[derive(Clone)]
struct Row {
    method: &'static str,
    path: &'static str,
    needs: Needs,
    other: Other,
    body: Body,
}

const CALLS: [&str; 12] = [
    "/v1/identify",
    "/v1/track",
    "/v1/page",
    "/v1/screen",
    "/v1/group",
    "/v1/alias",
    "/v1/i",
    "/v1/t",
    "/v1/p",
    "/v1/s",
    "/v1/g",
    "/v1/a",
];

/// A component that is nobody's so far.
fn component(name: &str) -> Vec<u8> {
    assert_eq!(name.len(), 7);
    Guest { more: &format!("(data (i32.const 0xa00) {name:?})"), ..Guest::default() }.component()
}

/// A channel that needs no secret.
fn hook(path: &str) -> Value {
    let url = format!("https://example.com/{path}");
    json!({ "kind": "http", "settings": { "url": url, "body": { "text": "{{body}}" } } })
}

fn table() -> Vec<Row> {
    let mut table = Vec::new();
    let mut row = |method, path, needs, other, body| {
        table.push(Row { method, path, needs, other, body });
    };
    row("GET", "/healthz", Nothing, Own, Body::None);
    row("GET", "/readyz", Nothing, Own, Body::None);
    row("GET", "/openapi.json", Nothing, Own, Body::None);
    row("OPTIONS", "/v1/events", Nothing, Own, Body::None);
    row("GET", "/metrics", Admin, Own, Body::None);

    let call = json!({ "userId": "zoe", "event": "e", "groupId": "g", "previousId": "p" });
    for path in CALLS {
        row("POST", path, Ingest, Own, Body::Json(call.clone()));
    }
    let batch = json!({ "batch": [{ "type": "track", "userId": "zoe", "event": "e" }] });
    for path in ["/v1/batch", "/v1/b"] {
        row("POST", path, Ingest, Own, Body::Json(batch.clone()));
    }
    let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "e",
        "subject": "zoe" });
    let event = Body::Raw("application/cloudevents+json", event.to_string().into());
    row("POST", "/v1/events", Ingest, Own, event);
    let receipt = json!({ "receipts": [{ "tracking": "{tracking}", "shows": "opened" }] });
    row("POST", "/v1/receipts", Ingest, NotFound, Body::Json(receipt));
    let line = json!({ "user": "zoe", "time": "2026-01-01T00:00:00Z", "event": "e" });
    let line = Body::Raw("application/x-ndjson", line.to_string().into());
    row("POST", "/v1/import", Manage, Own, line);

    row("GET", "/v1/policies", Manage, Own, Body::None);
    let new = Body::Raw("application/wasm", component("another"));
    row("POST", "/v1/policies", Manage, Own, new);
    row("GET", "/v1/policies/{digest}", Manage, NotFound, Body::None);
    row("GET", "/v1/releases", Manage, Own, Body::None);
    let release = Body::Raw("application/toml", strategy("1h").into());
    row("POST", "/v1/releases", Manage, Own, release);
    row("GET", "/v1/releases/{number}", Manage, NotFound, Body::None);
    row("POST", "/v1/releases/{number}/activate", Manage, NotFound, Body::None);
    row("POST", "/v1/releases/off", Manage, Own, Body::None);
    row("POST", "/v1/releases/roll-back", Manage, Own, Body::None);
    row("GET", "/v1/channels", Manage, Own, Body::None);
    row("GET", "/v1/channels/{channel}", Manage, NotFound, Body::None);
    row("PUT", "/v1/channels/{channel}", Manage, Own, Body::Json(hook("of-whoever-asks")));
    row("GET", "/v1/suppressions", Manage, Own, Body::None);
    let suppressed = json!({ "suppressions": [{ "channel": "sms", "address": "+49301234567" }] });
    row("POST", "/v1/suppressions", Manage, Own, Body::Json(suppressed));
    let removed = json!({ "channel": "sms", "address": "{address}" });
    row("POST", "/v1/suppressions/removals", Manage, NotFound, Body::Json(removed));
    row("GET", "/v1/groups", Manage, Own, Body::None);
    row("GET", "/v1/groups/{policy}/{group}/members", Manage, Own, Body::None);
    row("GET", "/v1/costs", Manage, Own, Body::None);
    row("GET", "/v1/campaigns", Manage, Own, Body::None);
    // The other tenant has no release that composes one.
    row("POST", "/v1/campaigns", Manage, Own, Body::Json(campaign()));
    row("POST", "/v1/campaigns/preview", Manage, Own, Body::Json(campaign()));
    row("GET", "/v1/campaigns/{campaign}", Manage, NotFound, Body::None);
    for path in [
        "/v1/campaigns/{campaign}/pause",
        "/v1/campaigns/{campaign}/launch",
        "/v1/campaigns/{campaign}/cancel",
    ] {
        row("POST", path, Manage, NotFound, Body::None);
    }
    row("DELETE", "/v1/campaigns/{campaign}", Manage, NotFound, Body::None);
    row("GET", "/v1/mailboxes", Manage, Own, Body::None);
    row("GET", "/v1/mailboxes/{mailbox}", Manage, NotFound, Body::None);
    row("GET", "/v1/mailboxes/{mailbox}/contents", Manage, NotFound, Body::None);
    row("GET", "/v1/mailboxes/{mailbox}/contents/{content}", Manage, NotFound, Body::None);
    let text = Body::Raw("text/plain", "of whoever asks".into());
    row("POST", "/v1/mailboxes/{mailbox}/contents", Manage, NotFound, text);
    row("PUT", "/v1/mailboxes/{mailbox}", Manage, Own, Body::Json(json!({})));
    row("GET", "/v1/attempts", Manage, Own, Body::None);
    row("POST", "/v1/attempts/{tracking}/resend", Manage, NotFound, Body::None);
    row("GET", "/v1/users/{user}", Manage, NotFound, Body::None);
    row("POST", "/v1/users/{user}/tokens", Manage, Own, Body::None);
    row("GET", "/v1/users/{user}/explanation", Manage, NotFound, Body::None);
    row("GET", "/v1/users/{user}/export", Manage, NotFound, Body::None);
    row("GET", "/v1/log/proof", Manage, Own, Body::None);
    row("GET", "/v1/inbox", Token, Own, Body::None);
    row("GET", "/v1/inbox/stream", Token, Own, Body::None);
    row("POST", "/v1/inbox/{letter}/seen", Token, NotFound, Body::None);
    row("POST", "/v1/inbox/{letter}/confirm", Token, NotFound, Body::None);
    // Last of what is about users: nothing of them is left then.
    row("DELETE", "/v1/users/{user}", Manage, NotFound, Body::None);
    // Afterwards the other tenant has one of that name itself.
    let word = json!({ "consents": [{ "topic": "offers", "allowed": false }] });
    row("POST", "/v1/users/{user}/consents", Ingest, Own, Body::Json(word));

    row("GET", "/v1/tenants", Admin, Own, Body::None);
    row("POST", "/v1/tenants", Admin, Own, Body::Json(json!({ "name": "new" })));
    row("GET", "/v1/tenants/{tenant}", Admin, NotFound, Body::None);
    let change = Body::Json(json!({ "suspended": false }));
    row("PATCH", "/v1/tenants/{tenant}", Admin, NotFound, change);
    row("GET", "/v1/tenants/{tenant}/keys", Keeper, NotFound, Body::None);
    let key = Body::Json(json!({ "name": "n", "scope": "ingest" }));
    row("POST", "/v1/tenants/{tenant}/keys", Keeper, NotFound, key);
    // What takes away is last.
    // By then everybody has one of this name.
    row("DELETE", "/v1/channels/{channel}", Manage, Own, Body::None);
    row("DELETE", "/v1/mailboxes/{mailbox}", Manage, Own, Body::None);
    row("DELETE", "/v1/policies/{digest}", Manage, NotFound, Body::None);
    row("DELETE", "/v1/tenants/{tenant}/keys/{id}", Keeper, NotFound, Body::None);
    row("DELETE", "/v1/tenants/{tenant}", Admin, NotFound, Body::None);
    table
}

/// A strategy with segment criteria, too.
fn with_groups(threshold: &str) -> String {
    strategy(threshold).replace("Come back.", "of-a")
        + "\n[[policy]]\nuse = \"audience\"\nsettings = { type_field = \"type\", groups = { loan = {} } }\n"
}

fn campaign() -> Value {
    json!({ "policy": "audience",
        "parameters": { "name": "of-a", "type": "loan", "message": "thank" } })
}

/// Two tenants, of which `a` has one of everything, and no other has anything of the same name.
struct Scene {
    stage: Stage,
    a: Tenant,
    b: Tenant,
    names: BTreeMap<&'static str, String>,
    /// A token of eve's, who is a user of `a`, and of her namesake of `b`.
    eve: String,
    other_eve: String,
}

impl Scene {
    async fn new() -> Scene {
        let stage = Stage::new();
        let (a, b) = (stage.tenant("a").await, stage.tenant("b").await);
        let upload = a.post("/v1/policies").body("application/wasm", component("secrets"));
        let digest = upload.send().await.is(201).json()["digest"].as_str().unwrap().to_owned();
        a.activate(&with_groups("1h")).await;
        let number = a.activate(&with_groups("1s")).await;
        let composed = a.post("/v1/campaigns").json(&campaign()).send().await.is(201).json();
        a.was_at("eve", "cart", 60_000).await;
        let letter = a.letters("eve", 1).await.remove(0);
        let key = a.post("/v1/tenants/a/keys").json(&json!({ "name": "of-a", "scope": "ingest" }));
        let key = key.send().await.is(201).json();
        let mailbox = stage.server.ask("PUT", "/v1/mailboxes/box").by(&a.manage);
        mailbox.json(&json!({ "senders": ["of-a@x.example"] })).send().await.is(201);
        let content = a.post("/v1/mailboxes/box/contents?subject=of-a").body("text/plain", "of-a");
        let content = content.send().await.is(201).json();
        let names = BTreeMap::from([
            ("{digest}", digest),
            ("{number}", number.to_string()),
            ("{user}", "eve".to_owned()),
            ("{tenant}", "a".to_owned()),
            ("{id}", key["id"].as_str().unwrap().to_owned()),
            ("{letter}", letter["id"].to_string()),
            ("{tracking}", letter["tracking"].as_str().unwrap().to_owned()),
            ("{channel}", "hook".to_owned()),
            ("{campaign}", composed["number"].to_string()),
            ("{policy}", "audience".to_owned()),
            ("{group}", "loan".to_owned()),
            ("{mailbox}", "box".to_owned()),
            ("{content}", content["id"].to_string()),
            ("{address}", "+49307654321".to_owned()),
        ]);
        let hook = stage.server.ask("PUT", "/v1/channels/hook").by(&a.manage).json(&hook("of-a"));
        hook.send().await.is(201);
        let dead = json!({ "suppressions":
            [{ "channel": "sms", "address": names["{address}"], "reason": "of-a" }] });
        let dead = a.post("/v1/suppressions").json(&dead).send().await;
        assert_eq!(dead.status, 204);
        let (eve, other_eve) = (a.token("eve").await, b.token("eve").await);
        Scene { stage, a, b, names, eve, other_eve }
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The request of a row, about what `a` has.
    fn ask(&self, row: &Row) -> Ask {
        self.ask_of(row, |text| self.named(text))
    }

    fn ask_of(&self, row: &Row, named: impl Fn(&str) -> String) -> Ask {
        let ask = self.stage.server.ask(row.method, &named(row.path));
        match &row.body {
            Body::None => ask,
            Body::Json(value) => ask.body("application/json", named(&value.to_string())),
            Body::Raw(media, bytes) => ask.body(media, bytes.clone()),
        }
    }

    /// All that `a` can find out about itself.
    async fn all_of_a(&self) -> Vec<String> {
        let mut all = Vec::new();
        for path in [
            "/v1/policies",
            "/v1/releases",
            "/v1/tenants/a/keys",
            "/v1/attempts",
            "/v1/users/eve",
            "/v1/channels",
            "/v1/suppressions",
            "/v1/mailboxes",
            "/v1/mailboxes/box/contents",
        ] {
            all.push(self.a.get(path).send().await.is(200).text());
        }
        all.push(self.stage.server.get("/v1/inbox").by(&self.eve).send().await.is(200).text());
        let of = self.a.get("/v1/users/zoe").send().await;
        all.push(of.text());
        all
    }
}

/// Whether what was answered is what a route without an end answers.
fn endless(row: &Row) -> bool {
    row.path == "/v1/inbox/stream"
}

#[tokio::test]
async fn every_route_of_the_document_is_in_the_table() {
    let stage = Stage::new();
    let document = stage.server.get("/openapi.json").send().await.is(200).json();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("responses").is_some() {
                documented.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    let known = table().into_iter();
    let mut known: Vec<(String, String)> =
        known.map(|row| (row.method.to_owned(), row.path.replace("{letter}", "{id}"))).collect();
    for (_, path) in &mut known {
        *path = path.replace("{content}", "{id}");
    }
    known.sort();
    documented.sort();
    assert_eq!(known, documented);
}

#[tokio::test]
async fn without_a_key_nothing_is_told() {
    let scene = Scene::new().await;
    let before = scene.all_of_a().await;
    for row in table() {
        let what = format!("{} {}", row.method, row.path);
        if row.needs == Nothing {
            let got = scene.ask(&row).send().await;
            assert!(got.status < 300, "{what}: {}", got.text());
            continue;
        }
        let mut wrong = vec![scene.ask(&row).send().await];
        let stolen = scene.a.manage.replace(|c: char| c.is_ascii_digit(), "0");
        for key in ["nk_", "nu_", "nonsense", &stolen, &format!("{} x", scene.a.manage)] {
            wrong.push(scene.ask(&row).by(key).send().await);
        }
        for got in wrong {
            assert!(got.header("www-authenticate").starts_with("Bearer"), "{what}");
            assert!(!got.text().contains("of-a"), "{what}");
            assert_eq!(got.status, 401, "{what}: {}", got.text());
            got.is(401);
        }
    }
    assert_eq!(scene.all_of_a().await, before);
}

#[tokio::test]
async fn with_too_small_a_scope_nothing_is_done() {
    let scene = Scene::new().await;
    let before = scene.all_of_a().await;
    let (a, b, admin) = (&scene.a, &scene.b, &scene.stage.admin);
    for row in table() {
        let (too_small, not_at_all): (Vec<&String>, Vec<&String>) = match row.needs {
            Nothing => continue,
            Ingest => (vec![], vec![&scene.eve]),
            Manage | Keeper => (vec![&a.ingest, &b.ingest], vec![&scene.eve]),
            Admin => (vec![&a.ingest, &a.manage, &b.manage], vec![&scene.eve]),
            Token => (vec![], vec![&a.ingest, &a.manage, admin]),
        };
        let asked = too_small.into_iter().map(|key| (key, 403));
        for (key, status) in asked.chain(not_at_all.into_iter().map(|key| (key, 401))) {
            let got = scene.ask(&row).by(key).send().await;
            assert_eq!(got.status, status, "{} {}: {}", row.method, row.path, got.text());
            got.is(status);
        }
    }
    assert_eq!(scene.all_of_a().await, before);
}

#[tokio::test]
async fn what_is_another_tenants_looks_like_what_does_not_exist() {
    let scene = Scene::new().await;
    let before = scene.all_of_a().await;
    for row in table() {
        let what = format!("{} {}", row.method, row.path);
        let key = match row.needs {
            Nothing | Admin => continue,
            Ingest => &scene.b.ingest,
            Manage | Keeper => &scene.b.manage,
            Token => &scene.other_eve,
        };
        if endless(&row) {
            // It has no end and says nothing: `all_of_a` is what it would have told.
            continue;
        }
        let got = scene.ask(&row).by(key).send().await;
        assert!(!got.text().contains("of-a"), "{what}: {}", got.text());
        match row.other {
            // A tracking id is in a body, which is wrong then.
            NotFound if row.path == "/v1/receipts" => drop(got.is(400)),
            NotFound => {
                assert_eq!(got.status, 404, "{what}: {}", got.text());
                same_for_nobody(&scene, &row, key, got.is(404)).await;
            }
            Own => assert!(got.status < 300 || got.status == 409, "{what}: {}", got.text()),
        }
        if row.needs != Token && row.needs != Keeper {
            // Naming the other tenant does not open it, whether there is one of that name or not.
            let mut details = Vec::new();
            for name in ["a", "zz", "", "B"] {
                let got = scene.ask(&row).by(key).header("nudge-tenant", name).send().await;
                assert_eq!(got.status, 404, "{what} of {name:?}");
                details.push(got.json()["detail"].clone());
            }
            details.dedup();
            assert_eq!(details.len(), 1, "{what}: {details:?}");
        }
        assert_eq!(scene.all_of_a().await, before, "{what}");
    }
}

/// What is another's is refused in the very words of what nobody has.
async fn same_for_nobody(scene: &Scene, row: &Row, key: &str, got: Got) {
    let nobody = |text: &str| {
        let names = [
            "{tenant}",
            "{user}",
            "{digest}",
            "{id}",
            "{number}",
            "{letter}",
            "{tracking}",
            "{channel}",
            "{campaign}",
            "{policy}",
            "{group}",
            "{address}",
            "{mailbox}",
            "{content}",
        ];
        names.iter().fold(text.to_owned(), |text, name| text.replace(name, "99"))
    };
    let none = scene.ask_of(row, nobody).by(key).send().await.is(404).json();
    let got = got.json();
    assert_eq!(none["type"], got["type"]);
    let (of_nobody, of_a) = (none["detail"].as_str().unwrap(), got["detail"].as_str().unwrap());
    let same = scene.names.values().any(|name| of_nobody.replace("99", name) == of_a);
    assert!(same || of_nobody == of_a, "{}: {of_nobody} / {of_a}", row.path);
}

#[tokio::test]
async fn with_what_it_needs_every_route_answers() {
    let scene = Scene::new().await;
    let (a, admin) = (&scene.a, &scene.stage.admin);
    for row in table() {
        let what = format!("{} {}", row.method, row.path);
        let keys: Vec<(&String, &str)> = match row.needs {
            Nothing => continue,
            Ingest => vec![(&a.ingest, ""), (&a.manage, "a"), (admin, "a")],
            Manage => vec![(&a.manage, ""), (admin, "a")],
            Keeper => vec![(&a.manage, "")],
            Admin => vec![(admin, "")],
            Token => vec![(&scene.eve, "")],
        };
        for (n, (key, tenant)) in keys.into_iter().enumerate() {
            let once = row.method == "DELETE"
                || ["/v1/releases/roll-back", "/v1/suppressions/removals"].contains(&row.path);
            if n > 0 && once {
                continue;
            }
            let mut ask = scene.ask(&row).by(key);
            if !tenant.is_empty() {
                ask = ask.header("nudge-tenant", tenant);
            }
            if endless(&row) {
                assert_eq!(ask.open().await.status().as_u16(), 200, "{what}");
                continue;
            }
            let got = ask.send().await;
            // What arrived is not sent again.
            let fits = got.status < 300
                || (row.path.ends_with("/resend") && got.status == 409)
                // A draft cannot be paused, and nothing is launched or cancelled twice.
                || (row.path.starts_with("/v1/campaigns/{campaign}/") && got.status == 409);
            assert!(fits, "{what}: {}", got.text());
        }
    }
}

#[tokio::test]
async fn an_admin_names_a_tenant_and_nobody_makes_more_of_themselves() {
    let scene = Scene::new().await;
    let list = || scene.stage.server.get("/v1/policies").by(&scene.stage.admin);
    let got = list().send().await.is(400);
    assert!(got.text().contains("nudge-tenant"), "{}", got.text());
    list().header("nudge-tenant", "zz").send().await.is(404);
    for (name, many) in [("a", 1), ("b", 0)] {
        let got = list().header("nudge-tenant", name).send().await.is(200).json();
        assert_eq!(got["items"].as_array().unwrap().len(), many);
    }
    let new = json!({ "name": "n", "scope": "admin" });
    for key in [&scene.a.manage, &scene.stage.admin] {
        let ask = scene.stage.server.post("/v1/tenants/a/keys").by(key).json(&new);
        ask.send().await.is(400);
    }
}
