//! Tenants come, are suspended and go.

use serde_json::{Value, json};

use super::http::Ask;
use super::stage::{Stage, run};
use super::tenant::{Tenant, strategy};

fn admin(stage: &Stage, method: &str, path: &str) -> Ask {
    stage.server.ask(method, path).by(&stage.admin)
}

async fn suspend(stage: &Stage, tenant: &Tenant, suspended: bool) {
    let ask = admin(stage, "PATCH", &format!("/v1/tenants/{}", tenant.name));
    let got = ask.json(&json!({ "suspended": suspended })).send().await.is(200).json();
    assert_eq!(got["suspended"], suspended);
}

#[tokio::test]
async fn a_suspended_tenants_keys_are_refused_and_its_timers_wait() {
    let mut stage = Stage::new();
    let (tenant, other) = (stage.tenant("shop").await, stage.tenant("other").await);
    for tenant in [&tenant, &other] {
        tenant.activate(&strategy("1h")).await;
        tenant.was_at("ada", "cart", 600_000).await;
    }
    let token = tenant.token("ada").await;
    suspend(&stage, &tenant, true).await;
    for key in [&tenant.manage, &tenant.ingest] {
        let call = json!({ "userId": "ada", "event": "e", "writeKey": key });
        stage.server.post("/v1/track").json(&call).send().await.is(403);
        stage.server.post("/v1/track").by(key).json(&call).send().await.is(403);
    }
    tenant.get("/v1/policies").send().await.is(403);
    stage.server.get("/v1/inbox").by(&token).send().await.is(401);
    // Everybody is due at once by this release: it is the admin's to be put to work.
    for tenant in [&tenant, &other] {
        let ask = admin(&stage, "POST", "/v1/releases?activate=true");
        let ask = ask.header("nudge-tenant", &tenant.name);
        ask.body("application/toml", strategy("1s")).send().await.is(201);
    }
    other.letters("ada", 1).await;
    other.only("witness", &["ada"]).await;
    // A restart does not take it up again either.
    stage.kill();
    stage.start();
    other.was_at("after", "cart", 600_000).await;
    other.letters("after", 1).await;
    let attempts = admin(&stage, "GET", "/v1/attempts").header("nudge-tenant", "shop");
    let attempts = attempts.send().await.is(200).json();
    assert_eq!(attempts["items"], json!([]), "nothing of it is sent");
    suspend(&stage, &tenant, false).await;
    tenant.letters("ada", 1).await;
    tenant.only("witness", &["ada"]).await;
    stage.server.get("/v1/inbox").by(&token).send().await.is(200);
}

#[tokio::test]
async fn a_deleted_tenant_leaves_nothing_behind() {
    let mut stage = Stage::new();
    let (tenant, other) = (stage.tenant("shop").await, stage.tenant("other").await);
    for tenant in [&tenant, &other] {
        tenant.activate(&strategy("1s")).await;
        tenant.was_at("ada", "cart", 60_000).await;
        tenant.letters("ada", 1).await;
        tenant.take("/v1/identify", &json!({ "userId": "ben", "anonymousId": "a-1" })).await;
    }
    let digest = tenant.get("/v1/releases/1").send().await.is(200).json();
    assert_eq!(digest["policies"][0]["label"], "dwell");
    let token = tenant.token("ada").await;
    let gone = admin(&stage, "DELETE", "/v1/tenants/shop").send().await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    admin(&stage, "DELETE", "/v1/tenants/shop").send().await.is(404);
    for key in [&tenant.manage, &tenant.ingest] {
        let call = json!({ "userId": "ada", "event": "e" });
        stage.server.post("/v1/track").by(key).json(&call).send().await.is(401);
    }
    stage.server.get("/v1/inbox").by(&token).send().await.is(401);

    // One of the same name is another one.
    let again = stage.tenant("shop").await;
    assert_ne!(again.manage, tenant.manage);
    stage.server.get("/v1/inbox").by(&token).send().await.is(401);
    assert_eq!(again.known("ada").await, None);
    assert_eq!(again.inbox("ada").await, [] as [Value; 0]);
    assert_eq!(again.attempts(None).await, [] as [Value; 0]);
    for path in ["/v1/policies", "/v1/releases"] {
        assert_eq!(again.get(path).send().await.is(200).json()["items"], json!([]));
    }
    again.take("/v1/track", &json!({ "anonymousId": "a-1", "event": "e" })).await;
    assert_eq!(again.user("anon:a-1").await["user"], "anon:a-1");
    assert_eq!(again.known("ben").await, None);
    // The other one has all that it had.
    assert_eq!(other.inbox("ada").await.len(), 1);
    assert_eq!(other.user("anon:a-1").await["user"], "ben");

    admin(&stage, "DELETE", "/v1/tenants/shop").send().await;
    stage.stop();
    let found = run(stage.about("check").arg("--json"));
    assert_eq!(found.code, 0, "{found:?}");
    let found: Value = serde_json::from_str(&found.out).unwrap();
    for (what, many) in [("tenants", 1), ("attempts", 1), ("letters", 1)] {
        assert_eq!(found[what], many, "{what}: {found:#}");
    }
}

#[tokio::test]
async fn a_tenant_deleted_under_load_is_gone_for_good() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..3 {
        let tenant = tenant.clone();
        senders.spawn(async move {
            for n in 0.. {
                let call = json!({ "userId": format!("u-{sender}-{n}"), "event": "go",
                    "properties": { "node": "cart" } });
                let got = tenant.send("/v1/track", &call).await;
                match got.status {
                    200 => {}
                    // Before the key is gone the tenant may be.
                    401 => return n,
                    status => assert!([404, 503].contains(&status), "{}", got.text()),
                }
            }
            unreachable!()
        });
    }
    let read = async || {
        let some = tenant.get("/v1/attempts?limit=1").send().await.is(200).json();
        (!some["items"].as_array().unwrap().is_empty()).then_some(())
    };
    super::http::eventually("some are written to", read).await;
    let gone = admin(&stage, "DELETE", "/v1/tenants/shop").send().await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert!(senders.join_all().await.into_iter().all(|sent| sent > 0));
    let again = stage.tenant("shop").await;
    assert_eq!(again.attempts(None).await, [] as [Value; 0]);
    assert_eq!(again.known("u-0-0").await, None);
    stage.kill();
    stage.start();
    assert_eq!(again.known("u-0-0").await, None);
    stage.stop();
    let found = run(stage.about("check").arg("--json"));
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&found["tenants"], &found["users"]), (&json!(0), &json!(0)), "{found:#}");
    assert_eq!(found["attempts"], 0, "{found:#}");
}

#[tokio::test]
async fn names_are_checked_and_taken_ones_refused_and_keys_revoked_at_once() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    for name in ["", "Shop", "-shop", "a b", "ä", &"x".repeat(64)] {
        admin(&stage, "POST", "/v1/tenants").json(&json!({ "name": name })).send().await.is(400);
    }
    admin(&stage, "POST", "/v1/tenants").json(&json!({ "name": "shop" })).send().await.is(409);
    let keys = tenant.get("/v1/tenants/shop/keys").send().await.is(200).json();
    for key in keys["items"].as_array().unwrap() {
        assert!(!tenant.manage.ends_with(key["id"].as_str().unwrap()), "{key}");
        assert!(key.get("key").is_none(), "{key}");
    }
    let ingest = keys["items"].as_array().unwrap().iter().find(|key| key["scope"] == "ingest");
    let path = format!("/v1/tenants/shop/keys/{}", ingest.unwrap()["id"].as_str().unwrap());
    tenant.at("ada", "shelf").await;
    let gone = tenant.server.ask("DELETE", &path).by(&tenant.manage).send().await;
    assert_eq!(gone.status, 204);
    tenant.send("/v1/track", &json!({ "userId": "ada", "event": "e" })).await.is(401);
}

#[tokio::test]
async fn a_removal_that_a_crash_cuts_short_is_finished_at_the_next_start() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let other = stage.tenant("other").await;
    other.at("ada", "shelf").await;
    for group in 0..10 {
        let calls = (0..500).map(|n| {
            json!({ "type": "track", "userId": format!("u-{group}-{n}"), "event": "go",
                "properties": { "node": "cart", "filling": "x".repeat(400) } })
        });
        tenant.take("/v1/batch", &json!({ "batch": Vec::from_iter(calls) })).await;
    }
    let ask = admin(&stage, "DELETE", "/v1/tenants/shop");
    let asked = tokio::spawn(ask.try_send());
    // As soon as nobody knows it any more, which is before it is gone.
    super::http::eventually("it is leaving", || async {
        let key = stage.server.get("/v1/policies").by(&tenant.manage).send().await;
        (key.status == 401).then_some(())
    })
    .await;
    stage.kill();
    let _ = asked.await;
    stage.start();
    super::http::eventually("the name is free", || async {
        let new = admin(&stage, "POST", "/v1/tenants").json(&json!({ "name": "shop" }));
        let got = new.send().await;
        assert!([201, 409].contains(&got.status), "{}", got.text());
        (got.status == 201).then_some(())
    })
    .await;
    let gone = admin(&stage, "GET", "/v1/users/u-0-0").header("nudge-tenant", "shop");
    gone.send().await.is(404);
    other.user("ada").await;
    // The removal goes on beside everything else; a stop waits for it.
    stage.stop();
    let found = run(stage.about("check").arg("--json"));
    assert_eq!(found.code, 0, "{found:?}");
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&found["users"], &found["tenants"]), (&json!(1), &json!(1)), "{found:#}");
}
