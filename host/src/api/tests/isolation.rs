//! Who may ask what: a table of all routes. One that is not in it fails the test.

use serde_json::json;

use super::stage::{Ask, STRATEGY, Stage, ask, component, operations, other_component};

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
    /// What it sends makes no sense, as it names what there is not.
    Wrong,
    /// It gets what it has itself, or changes it: nothing of `a`'s is in the answer.
    Own,
}

use Needs::*;
use Other::*;

/// A good request for each route. `{digest}` and the like stand for what tenant `a` has.
fn table() -> Vec<(&'static str, &'static str, Needs, Other, Ask)> {
    let mut table = Vec::new();
    let mut row = |method, path: &'static str, needs, other, with: fn(Ask) -> Ask| {
        table.push((method, path, needs, other, with(ask(method, path))));
    };
    let same: fn(Ask) -> Ask = |ask| ask;
    row("GET", "/healthz", Nothing, Own, same);
    row("GET", "/readyz", Nothing, Own, same);
    row("GET", "/openapi.json", Nothing, Own, same);
    row("OPTIONS", "/v1/events", Nothing, Own, same);
    row("GET", "/metrics", Admin, Own, same);

    let call: fn(Ask) -> Ask =
        |ask| ask.json(json!({ "userId": "ada", "event": "e", "groupId": "g", "previousId": "p" }));
    for path in [
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
    ] {
        row("POST", path, Ingest, Own, call);
    }
    for path in ["/v1/batch", "/v1/b"] {
        row("POST", path, Ingest, Own, |ask| {
            ask.json(json!({ "batch": [{ "type": "track", "userId": "ada", "event": "e" }] }))
        });
    }
    row("POST", "/v1/events", Ingest, Own, |ask| {
        let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "e",
            "subject": "ada" });
        ask.body("application/cloudevents+json", event.to_string())
    });
    row("POST", "/v1/receipts", Ingest, Wrong, |ask| {
        ask.json(json!({ "receipts": [{ "tracking": "{tracking}", "shows": "opened" }] }))
    });
    row("GET", "/v1/groups", Manage, Own, same);
    row("GET", "/v1/groups/{policy}/{group}/members", Manage, Own, same);
    row("GET", "/v1/campaigns", Manage, Own, same);
    row("GET", "/v1/costs", Manage, Own, same);
    // The other tenant has no release that composes one.
    let a_campaign: fn(Ask) -> Ask = |ask| ask.json(campaign());
    row("POST", "/v1/campaigns", Manage, Own, a_campaign);
    row("POST", "/v1/campaigns/preview", Manage, Own, a_campaign);
    row("GET", "/v1/campaigns/{campaign}", Manage, NotFound, same);
    for path in [
        "/v1/campaigns/{campaign}/pause",
        "/v1/campaigns/{campaign}/launch",
        "/v1/campaigns/{campaign}/cancel",
    ] {
        row("POST", path, Manage, NotFound, same);
    }
    row("DELETE", "/v1/campaigns/{campaign}", Manage, NotFound, same);
    row("POST", "/v1/import", Manage, Own, |ask| {
        let line = json!({ "user": "ada", "time": "2026-01-01T00:00:00Z", "event": "e" });
        ask.body("application/x-ndjson", line.to_string())
    });

    row("GET", "/v1/tenants", Admin, Own, same);
    row("POST", "/v1/tenants", Admin, Own, |ask| ask.json(json!({ "name": "new" })));
    row("GET", "/v1/tenants/{tenant}", Admin, NotFound, same);
    row("PATCH", "/v1/tenants/{tenant}", Admin, NotFound, |ask| {
        ask.json(json!({ "suspended": false }))
    });
    row("DELETE", "/v1/tenants/{tenant}", Admin, NotFound, same);
    row("GET", "/v1/tenants/{tenant}/keys", Keeper, NotFound, same);
    row("POST", "/v1/tenants/{tenant}/keys", Keeper, NotFound, |ask| {
        ask.json(json!({ "name": "n", "scope": "ingest" }))
    });
    row("DELETE", "/v1/tenants/{tenant}/keys/{id}", Keeper, NotFound, same);

    row("GET", "/v1/policies", Manage, Own, same);
    row("POST", "/v1/policies", Manage, Own, |ask| ask.body("application/wasm", other_component()));
    row("GET", "/v1/policies/{digest}", Manage, NotFound, same);
    row("DELETE", "/v1/policies/{digest}", Manage, NotFound, same);
    row("GET", "/v1/releases", Manage, Own, same);
    row("POST", "/v1/releases", Manage, Own, |ask| {
        ask.body("application/toml", STRATEGY.replace("of-a", "of-whoever-asks"))
    });
    row("GET", "/v1/releases/{number}", Manage, NotFound, same);
    row("POST", "/v1/releases/{number}/activate", Manage, NotFound, same);
    row("POST", "/v1/releases/roll-back", Manage, Own, same);
    row("POST", "/v1/releases/off", Manage, Own, same);

    row("GET", "/v1/channels", Manage, Own, same);
    row("GET", "/v1/channels/{channel}", Manage, NotFound, same);
    row("DELETE", "/v1/channels/{channel}", Manage, NotFound, same);
    // Afterwards the other tenant has one of that name itself.
    row("PUT", "/v1/channels/{channel}", Manage, Own, |ask| ask.json(hook()));
    row("GET", "/v1/suppressions", Manage, Own, same);
    row("POST", "/v1/suppressions", Manage, Own, |ask| {
        ask.json(json!({ "suppressions": [{ "channel": "sms", "address": "+49301234567" }] }))
    });
    row("POST", "/v1/suppressions/removals", Manage, NotFound, |ask| {
        ask.json(json!({ "channel": "sms", "address": "+49307654321" }))
    });

    row("GET", "/v1/mailboxes", Manage, Own, same);
    row("GET", "/v1/mailboxes/{mailbox}", Manage, NotFound, same);
    row("DELETE", "/v1/mailboxes/{mailbox}", Manage, NotFound, same);
    row("GET", "/v1/mailboxes/{mailbox}/contents", Manage, NotFound, same);
    row("POST", "/v1/mailboxes/{mailbox}/contents", Manage, NotFound, |ask| {
        ask.body("text/plain", "of whoever asks")
    });
    row("GET", "/v1/mailboxes/{mailbox}/contents/{content}", Manage, NotFound, same);
    // Afterwards the other tenant has one of that name itself.
    row("PUT", "/v1/mailboxes/{mailbox}", Manage, Own, |ask| ask.json(json!({})));

    row("GET", "/v1/attempts", Manage, Own, same);
    row("POST", "/v1/attempts/{tracking}/resend", Manage, NotFound, same);
    row("GET", "/v1/users/{user}", Manage, NotFound, same);
    row("POST", "/v1/users/{user}/tokens", Manage, Own, same);
    row("GET", "/v1/users/{user}/explanation", Manage, NotFound, same);
    row("GET", "/v1/users/{user}/export", Manage, NotFound, same);
    row("DELETE", "/v1/users/{user}", Manage, NotFound, same);
    row("GET", "/v1/log/proof", Manage, Own, same);
    row("GET", "/v1/inbox", Token, Own, same);
    row("GET", "/v1/inbox/stream", Token, Own, same);
    row("POST", "/v1/inbox/{letter}/seen", Token, NotFound, same);
    row("POST", "/v1/inbox/{letter}/confirm", Token, NotFound, same);
    // Last, as afterwards the other tenant has a user of that name itself.
    row("POST", "/v1/users/{user}/consents", Ingest, Own, |ask| {
        ask.json(json!({ "consents": [{ "topic": "offers", "allowed": false }] }))
    });
    table
}

/// What stands for what tenant `a` has, with what stands for what nobody has.
const NOBODYS: [(&str, &str); 13] = [
    ("{digest}", "zz"),
    ("{number}", "99"),
    ("{user}", "zz"),
    ("{tenant}", "zz"),
    ("{id}", "zz"),
    ("{letter}", "99"),
    ("{tracking}", "zz"),
    ("{channel}", "zz"),
    ("{campaign}", "99"),
    ("{policy}", "zz"),
    ("{group}", "zz"),
    ("{mailbox}", "zz"),
    ("{content}", "99"),
];

/// A channel that needs no secret.
fn hook() -> serde_json::Value {
    json!({ "kind": "http", "settings": { "url": "https://example.com/in", "body": "\"{{body}}\"" } })
}

/// A campaign of the policy in the strategy.
fn campaign() -> serde_json::Value {
    json!({ "policy": "audience",
        "parameters": { "name": "of-a", "type": "loan", "message": "thank" } })
}

type Names = Vec<(&'static str, String)>;

/// A stage on which tenant `a` has some of everything, and what it is called.
async fn with_everything() -> (Stage, Names) {
    let stage = Stage::new().await;
    let policy = ask("POST", "/v1/policies").by(&stage.manage);
    let policy = policy.body("application/wasm", component());
    let digest = stage.send(policy).await.is(201).json()["digest"].as_str().unwrap().to_owned();
    let release = ask("POST", "/v1/releases?activate=true").by(&stage.manage);
    let release = release.body("application/toml", STRATEGY);
    let mut number = String::new();
    for _ in 0..2 {
        number = stage.send(release.clone()).await.is(201).json()["number"].to_string();
    }
    let key = ask("POST", "/v1/tenants/a/keys").by(&stage.manage);
    let key = stage.send(key.json(json!({ "name": "of-a", "scope": "ingest" }))).await.is(201);
    let key = key.json()["id"].as_str().unwrap().to_owned();
    let letter = stage.letter("eve").await;
    let hook = ask("PUT", "/v1/channels/of-a-hook").by(&stage.manage).json(self::hook());
    stage.send(hook).await.is(201);
    let suppressed = json!({ "suppressions": [{ "channel": "sms", "address": "+49307654321" }] });
    let suppressed = ask("POST", "/v1/suppressions").by(&stage.manage).json(suppressed);
    stage.send(suppressed).await.is(204);
    let composed = ask("POST", "/v1/campaigns").by(&stage.manage).json(campaign());
    let composed = stage.send(composed).await.is(201).json()["number"].to_string();
    let mailbox = ask("PUT", "/v1/mailboxes/of-a-box").by(&stage.manage).json(json!({}));
    stage.send(mailbox).await.is(201);
    let content = ask("POST", "/v1/mailboxes/of-a-box/contents?subject=of-a").by(&stage.manage);
    let content = stage.send(content.body("text/plain", "of-a")).await.is(201);
    let names = vec![
        ("{digest}", digest),
        ("{number}", number),
        ("{user}", "eve".to_owned()),
        ("{tenant}", "a".to_owned()),
        ("{id}", key),
        ("{letter}", letter.id.to_string()),
        ("{tracking}", letter.tracking),
        ("{channel}", "of-a-hook".to_owned()),
        ("{campaign}", composed),
        ("{policy}", "audience".to_owned()),
        ("{group}", "loan".to_owned()),
        ("{mailbox}", "of-a-box".to_owned()),
        ("{content}", content.json()["id"].to_string()),
    ];
    (stage, names)
}

/// The request with names in it.
fn named<N: AsRef<str>>(mut ask: Ask, names: &[(&str, N)]) -> Ask {
    for (name, value) in names {
        ask.path = ask.path.replace(name, value.as_ref());
        if let Ok(text) = std::str::from_utf8(&ask.body) {
            ask.body = text.replace(name, value.as_ref()).into();
        }
    }
    ask
}

#[test]
fn every_route_is_in_the_table() {
    let mut known: Vec<(String, String)> = table()
        .into_iter()
        .map(|(method, path, ..)| (method.to_owned(), path.replace("{letter}", "{id}")))
        .map(|(method, path)| (method, path.replace("{content}", "{id}")))
        .collect();
    let mut documented = operations();
    known.sort();
    documented.sort();
    assert_eq!(known, documented);
}

#[tokio::test]
async fn without_a_key() {
    let (stage, names) = with_everything().await;
    let before = everything_of_a(&stage).await;
    let spoilt = format!("{} x", stage.manage);
    let other_secret = format!("{}{}", &stage.manage[..16], &stage.other_manage[16..]);
    for (method, path, needs, _, ask) in table() {
        let ask = named(ask, &names);
        let got = stage.send(ask.clone()).await;
        if needs == Nothing {
            assert!(got.status < 300, "{method} {path}: {}", got.status);
            continue;
        }
        assert_eq!(got.status, 401, "{method} {path}");
        assert!(got.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        for wrong in ["", "nk_", "nu_", "nonsense", &spoilt, &other_secret] {
            let got = stage.send(ask.clone().by(wrong)).await;
            assert_eq!(got.status, 401, "{method} {path} with {wrong:?}");
        }
    }
    assert_eq!(before, everything_of_a(&stage).await);
}

#[tokio::test]
async fn with_too_small_a_scope() {
    let (stage, names) = with_everything().await;
    let before = everything_of_a(&stage).await;
    let token = stage.token(&stage.manage, "eve").await;
    for (method, path, needs, _, ask) in table() {
        let ask = named(ask, &names);
        let (too_small, not_at_all): (Vec<&String>, Vec<&String>) = match needs {
            Nothing => continue,
            Ingest => (vec![], vec![&token]),
            Manage | Keeper => (vec![&stage.ingest, &stage.other_ingest], vec![&token]),
            Admin => (vec![&stage.ingest, &stage.manage, &stage.other_manage], vec![&token]),
            Token => (vec![], vec![&stage.ingest, &stage.manage, &stage.admin]),
        };
        for key in too_small {
            let got = stage.send(ask.clone().by(key)).await;
            assert_eq!(got.status, 403, "{method} {path} with {key}");
        }
        for key in not_at_all {
            let got = stage.send(ask.clone().by(key)).await;
            assert_eq!(got.status, 401, "{method} {path} with {key}");
        }
    }
    assert_eq!(before, everything_of_a(&stage).await);
}

#[tokio::test]
async fn with_what_it_needs() {
    for (method, path, needs, _, ask) in table() {
        if needs == Nothing {
            continue;
        }
        // What one route takes away would be missing for another.
        let (stage, names) = with_everything().await;
        let ask = named(ask, &names);
        let (ingest, manage, admin) = (&stage.ingest, &stage.manage, &stage.admin);
        let token = stage.token(manage, "eve").await;
        let keys = match needs {
            Nothing => continue,
            Ingest => vec![(ingest, ""), (manage, ""), (manage, "a"), (admin, "a")],
            Manage => vec![(manage, ""), (admin, "a")],
            Keeper => vec![(manage, "")],
            Admin => vec![(admin, "")],
            Token => vec![(&token, "")],
        };
        for (n, (key, tenant)) in keys.into_iter().enumerate() {
            if n > 0 && ask.method == "DELETE" {
                continue;
            }
            let mut ask = ask.clone().by(key);
            if !tenant.is_empty() {
                ask = ask.header("nudge-tenant", tenant);
            }
            let got = stage.raw(ask.request()).await.status().as_u16();
            // What arrived is not sent again.
            let fits = got < 300
                || (path.ends_with("/resend") && got == 409)
                // A draft cannot be paused, and nothing is launched or cancelled twice.
                || (path.starts_with("/v1/campaigns/{campaign}/") && got == 409)
                || (n > 0 && path.ends_with("/removals") && got == 404);
            assert!(fits, "{method} {path}: {got}");
        }
    }
}

/// What is another tenant's looks like what does not exist.
#[tokio::test]
async fn of_another_tenant() {
    let (stage, names) = with_everything().await;
    let token = stage.token(&stage.other_manage, "eve").await;
    let before = everything_of_a(&stage).await;
    for (method, path, needs, other, ask_for) in table() {
        let key = match needs {
            Nothing | Admin => continue,
            Ingest => &stage.other_ingest,
            Manage | Keeper => &stage.other_manage,
            Token => &token,
        };
        if path == "/v1/inbox/stream" {
            // It has no end; `connections` looks at it.
            continue;
        }
        let nobodys = named(ask_for.clone(), &NOBODYS);
        let ask_for = named(ask_for, &names);
        let got = stage.send(ask_for.clone().by(key)).await;
        // What was asked for may be repeated.
        let text = got.text().replace("of-a-hook", "").replace("of-a-box", "");
        assert!(!text.contains("of-a"), "{method} {path}: {text}");
        if other == Own {
            assert!(got.status < 300 || got.status == 409, "{method} {path}: {}", got.text());
        } else {
            let status = if other == NotFound { 404 } else { 400 };
            assert_eq!(got.status, status, "{method} {path}");
            // The same but for the name, for what nobody has.
            let none = stage.send(nobodys.by(key)).await;
            assert_eq!(none.status, status, "{method} {path}");
            let mut told = none.text();
            for ((name, value), (_, nobodys)) in names.iter().zip(NOBODYS) {
                if path.contains(name) {
                    told = told.replace(nobodys, value);
                }
            }
            assert_eq!(told, got.text(), "{method} {path}");
        }
        assert_eq!(before, everything_of_a(&stage).await, "{method} {path}");
        if needs != Token && needs != Keeper {
            // Naming the other tenant does not open it, whether there is one of that name or not.
            let mut details = Vec::new();
            for name in ["a", "zz", "", "B", "b "] {
                let got = stage.send(ask_for.clone().by(key).header("nudge-tenant", name)).await;
                if name == "b " && got.status != 404 {
                    // Space around a header's value is no part of it.
                    continue;
                }
                assert_eq!(got.status, 404, "{method} {path} of {name:?}");
                details.push(got.json()["detail"].clone());
            }
            details.dedup();
            assert_eq!(details.len(), 1, "{method} {path}: {details:?}");
            assert_eq!(before, everything_of_a(&stage).await, "{method} {path}");
        }
    }
}

async fn everything_of_a(stage: &Stage) -> Vec<String> {
    let mut all = vec![stage.events().to_string()];
    for path in [
        "/v1/policies",
        "/v1/releases",
        "/v1/tenants/a/keys",
        "/v1/attempts",
        "/v1/users/eve",
        "/v1/mailboxes",
        "/v1/mailboxes/of-a-box/contents",
    ] {
        let got = stage.send(ask("GET", path).by(&stage.manage)).await.is(200);
        all.push(without_use(got.json()).to_string());
    }
    let token = stage.token(&stage.manage, "eve").await;
    all.push(stage.send(ask("GET", "/v1/inbox").by(token)).await.is(200).text());
    all
}

/// What the policies of a release have used changes by itself.
fn without_use(mut answer: serde_json::Value) -> serde_json::Value {
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        item.as_object_mut().unwrap().remove("policies");
    }
    answer
}

#[tokio::test]
async fn an_admin_names_a_tenant() {
    let (stage, _) = with_everything().await;
    let list = ask("GET", "/v1/policies").by(&stage.admin);
    let got = stage.send(list.clone()).await.is(400);
    assert!(got.text().contains("nudge-tenant"), "{}", got.text());
    stage.send(list.clone().header("nudge-tenant", "zz")).await.is(404);
    let one = stage.send(list.clone().header("nudge-tenant", "a")).await.is(200).json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let none = stage.send(list.header("nudge-tenant", "b")).await.is(200).json();
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn nobody_makes_more_of_themselves() {
    let stage = Stage::new().await;
    let new = ask("POST", "/v1/tenants/a/keys").json(json!({ "name": "n", "scope": "admin" }));
    stage.send(new.clone().by(&stage.manage)).await.is(400);
    stage.send(new.by(&stage.admin)).await.is(400);
}

#[tokio::test]
async fn a_suspended_tenant() {
    let stage = Stage::new().await;
    let token = stage.token(&stage.manage, "ada").await;
    let suspend = ask("PATCH", "/v1/tenants/a").by(&stage.admin).json(json!({ "suspended": true }));
    stage.send(suspend).await.is(200);
    stage.send(ask("GET", "/v1/policies").by(&stage.manage)).await.is(403);
    let call = json!({ "userId": "ada", "event": "e", "writeKey": stage.ingest });
    stage.send(ask("POST", "/v1/track").json(call)).await.is(403);
    stage.send(ask("GET", "/v1/inbox").by(token)).await.is(401);
}
