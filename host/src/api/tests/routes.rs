//! What the routes answer when all is well.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::stage::{STRATEGY, Stage, ask, component, gzip};

#[tokio::test]
async fn a_tenant_from_beginning_to_end() {
    let stage = Stage::new().await;
    let new = ask("POST", "/v1/tenants").by(&stage.admin);
    let got = stage.send(new.clone().json(json!({ "name": "acme" }))).await.is(201);
    assert_eq!(got.header("location"), "/v1/tenants/acme");
    assert_eq!(got.header("cache-control"), "no-store");
    stage.send(new.clone().json(json!({ "name": "acme" }))).await.is(409);
    stage.send(new.json(json!({ "name": "Acme!" }))).await.is(400);

    let keys = ask("POST", "/v1/tenants/acme/keys").by(&stage.admin);
    let key = stage.send(keys.json(json!({ "scope": "manage" }))).await.is(201).json();
    let secret = key["key"].as_str().unwrap();
    let listed = stage.send(ask("GET", "/v1/tenants/acme/keys").by(secret)).await.is(200);
    assert!(!listed.text().contains(secret));
    let path = format!("/v1/tenants/acme/keys/{}", key["id"].as_str().unwrap());
    stage.send(ask("DELETE", path).by(secret)).await.is(204);
    stage.send(ask("GET", "/v1/tenants/acme/keys").by(secret)).await.is(401);

    let tenant = "/v1/tenants/acme";
    let change = ask("PATCH", tenant).by(&stage.admin).json(json!({ "suspended": true }));
    assert_eq!(stage.send(change).await.is(200).json()["suspended"], true);
    assert_eq!(
        stage.send(ask("GET", tenant).by(&stage.admin)).await.is(200).json()["suspended"],
        true
    );
    stage.send(ask("DELETE", tenant).by(&stage.admin)).await.is(204);
    stage.send(ask("GET", tenant).by(&stage.admin)).await.is(404);
}

#[tokio::test]
async fn a_policy_and_its_releases() {
    let stage = Stage::new().await;
    let upload =
        ask("POST", "/v1/policies").by(&stage.manage).body("application/wasm", component());
    let got = stage.send(upload.clone()).await.is(201);
    let path = got.header("location").to_owned();
    assert_eq!(stage.send(upload).await.is(200).header("location"), path);
    assert_eq!(stage.send(ask("GET", &path).by(&stage.manage)).await.is(200).json(), got.json());

    let new = ask("POST", "/v1/releases").by(&stage.manage);
    let nodes = json!({ "cart": {} });
    let strategy = json!({ "policy": [{ "use": "dwell", "settings": { "nodes": nodes } }] });
    let one = stage.send(new.clone().json(strategy)).await.is(201);
    assert_eq!(one.json()["status"], "ready");
    let mut two = new.body("application/toml", STRATEGY);
    two.path.push_str("?activate=true");
    let two = stage.send(two).await.is(201);
    assert_eq!(
        (&two.json()["status"], two.header("location")),
        (&json!("active"), "/v1/releases/2")
    );
    let activate = ask("POST", "/v1/releases/1/activate").by(&stage.manage);
    assert_eq!(stage.send(activate).await.is(200).json()["status"], "active");
    let two = stage.send(ask("GET", "/v1/releases/2").by(&stage.manage)).await.is(200).json();
    assert_eq!(two["status"], "retired");
    stage.send(ask("POST", "/v1/releases/roll-back").by(&stage.manage)).await.is(200);
    stage.send(ask("POST", "/v1/releases/off").by(&stage.manage)).await.is(204);
    stage.send(ask("GET", "/v1/releases/roll-back").by(&stage.manage)).await.is(405);
    let all = stage.send(ask("GET", "/v1/releases").by(&stage.manage)).await.is(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    stage.send(ask("DELETE", path).by(&stage.manage)).await.is(204);
}

#[tokio::test]
async fn segment_keys_are_found_wherever_they_are() {
    let stage = Stage::new().await;
    let call = json!({ "userId": "ada", "event": "e" });
    // With a colon, as the libraries send it.
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:", stage.ingest)));
    let basic = ask("POST", "/v1/track").header("authorization", basic);
    stage.send(basic.json(call.clone())).await.is(200);
    let mut with_key = call.clone();
    with_key["writeKey"] = json!(stage.ingest);
    let beacon = ask("POST", "/v1/t").body("text/plain", with_key.to_string());
    let got = stage.send(beacon.clone().header("origin", "https://shop.example")).await.is(200);
    assert_eq!(got.json(), json!({ "success": true }));
    assert_eq!(got.header("access-control-allow-origin"), "*");
    with_key["writeKey"] = json!("nk_nobody");
    stage.send(ask("POST", "/v1/t").json(with_key.clone())).await.is(401);
    // The header counts.
    stage.send(ask("POST", "/v1/t").by(&stage.ingest).json(with_key)).await.is(200);
    stage.send(beacon.by("nk_nobody")).await.is(401);
    let squeezed = ask("POST", "/v1/track").by(&stage.ingest).header("content-encoding", "gzip");
    stage.send(squeezed.body("application/json", gzip(call.to_string().as_bytes()))).await.is(200);
    assert_eq!(stage.events(), 4);
}

#[tokio::test]
async fn segment_batches() {
    let stage = Stage::new().await;
    let good = json!({ "type": "track", "userId": "ada", "event": "e" });
    let mixed = json!({ "batch": [good, { "type": "track", "userId": "ada" }, 7, good] });
    let batch = ask("POST", "/v1/batch").by(&stage.ingest).json(mixed);
    let strict = batch.clone().header("nudge-strict", "true");
    let got = stage.send(strict).await.is(400).json();
    assert_eq!(got["errors"][1]["pointer"], "/batch/2");
    assert_eq!(stage.events(), 0);
    let got = stage.send(batch).await.is(200).json();
    assert_eq!((&got["success"], &got["refused"][0]["line"]), (&json!(true), &json!(1)));
    assert_eq!(got["refused"].as_array().unwrap().len(), 2);
    assert_eq!(stage.events(), 2);

    // Many wrong items make no large answer.
    let many = ask("POST", "/v1/b").by(&stage.ingest).json(json!({ "batch": vec![0; 2000] }));
    let got = stage.send(many).await.is(200).json();
    assert_eq!(got["refused"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn segment_calls_that_are_wrong() {
    let stage = Stage::new().await;
    for (path, body) in [
        ("/v1/track", "{".to_owned()),
        ("/v1/track", "[]".to_owned()),
        ("/v1/track", json!({ "event": "e" }).to_string()),
        ("/v1/track", json!({ "userId": "ada", "event": "e".repeat(40 << 10) }).to_string()),
        ("/v1/batch", json!({ "batch": ["x".repeat(600 << 10)] }).to_string()),
        ("/v1/batch", json!({ "batch": { } }).to_string()),
    ] {
        let wrong = ask("POST", path).by(&stage.ingest).body("application/json", body);
        stage.send(wrong).await.is(400);
    }
    assert_eq!(stage.events(), 0);
}

#[tokio::test]
async fn cloud_events() {
    let stage = Stage::new().await;
    let event = |id: &str| json!({ "specversion": "1.0", "id": id, "source": "s", "type": "e", "subject": "ada" });
    let to = ask("POST", "/v1/events").by(&stage.ingest);
    let one =
        to.clone().body("application/cloudevents+json; charset=utf-8", event("1").to_string());
    stage.send(one).await.is(200);
    let batch = json!([event("2"), { "id": 1 }, event("3")]).to_string();
    let batch = to.clone().body("application/cloudevents-batch+json", batch);
    let got = stage.send(batch.clone()).await.is(200).json();
    assert_eq!(
        (&got["refused"][0]["line"], got["refused"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    stage.send(batch.header("nudge-strict", "true")).await.is(400);
    let mut binary = to.clone().json(json!({ "value": 1 }));
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "4"),
        ("ce-source", "s"),
        ("ce-type", "e"),
        ("ce-subject", "ada"),
    ] {
        binary = binary.header(name, value);
    }
    stage.send(binary).await.is(200);
    assert_eq!(stage.events(), 4);
    stage.send(to.clone().body("application/cloudevents+avro", "x")).await.is(415);
    stage.send(to.clone().body("application/cloudevents+json", "{}")).await.is(400);
    stage.send(to.clone().body("application/cloudevents+json", "{")).await.is(400);
    stage.send(to.body("application/cloudevents+json", "x".repeat(600 << 10))).await.is(413);

    let hello = ask("OPTIONS", "/v1/events").header("webhook-request-origin", "ev.example");
    let got = stage.send(hello).await.is(204);
    assert_eq!(got.header("webhook-allowed-origin"), "ev.example");
    assert_eq!(got.header("webhook-allowed-rate"), "*");
}

#[tokio::test]
async fn pages_of_any_origin() {
    let stage = Stage::new().await;
    for path in ["/v1/t", "/v1/batch", "/v1/inbox", "/v1/inbox/7/seen", "/v1/inbox/stream"] {
        let ask = ask("OPTIONS", path).header("origin", "https://shop.example");
        let ask = ask.header("access-control-request-method", "POST");
        let got = stage.raw(ask.request()).await;
        assert_eq!(got.status().as_u16(), 204, "{path}");
        assert_eq!(got.headers()["access-control-allow-origin"], "*");
        assert!(!got.headers().contains_key("access-control-allow-credentials"));
    }
    for path in ["/v1/policies", "/v1/tenants", "/v1/receipts", "/v1/import"] {
        let ask = ask("OPTIONS", path).header("access-control-request-method", "POST");
        let got = stage.send(ask).await.is(405);
        assert_eq!(got.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn an_inbox() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(stage.letter("ada").await.id);
    }
    let of_eve = stage.letter("eve").await.id;
    let second = ids[1];
    let token = stage.token(&stage.manage, "ada").await;
    let got = stage.send(ask("GET", "/v1/inbox?limit=2&after=0").by(&token)).await.is(200).json();
    let next = json!(second.to_string());
    assert_eq!((got["items"].as_array().unwrap().len(), &got["next"]), (2, &next));
    let in_query = format!("/v1/inbox?after={second}&token={token}");
    let got = stage.send(ask("GET", in_query)).await.is(200).json();
    assert_eq!((got["items"].as_array().unwrap().len(), &got["next"]), (1, &json!(null)));
    let seen = ask("POST", format!("/v1/inbox/{second}/seen")).by(&token);
    let got = stage.send(seen.clone()).await.is(200).json();
    assert!(got["seen"].is_i64() && got["confirmed"].is_null());
    let before = stage.events();
    stage.send(seen).await.is(200);
    assert_eq!(stage.events(), before, "known already");
    let confirm = format!("/v1/inbox/{second}/confirm?token={token}");
    assert!(stage.send(ask("POST", confirm)).await.is(200).json()["confirmed"].is_i64());
    stage.send(ask("POST", format!("/v1/inbox/{of_eve}/seen")).by(&token)).await.is(404);
}

#[tokio::test]
async fn users_and_attempts() {
    let stage = Stage::new().await;
    let call = json!({ "userId": "a/b c", "event": "e" });
    stage.send(ask("POST", "/v1/t").by(&stage.ingest).json(call)).await.is(200);
    let got = stage.send(ask("GET", "/v1/users/a%2Fb%20c?turns=5").by(&stage.manage)).await.is(200);
    assert_eq!(got.json()["user"], "a/b c");
    assert_eq!(got.json()["turns"].as_array().unwrap().len(), 1);
    stage.send(ask("GET", "/v1/users/nobody").by(&stage.manage)).await.is(404);
    let tracking = stage.letter("ada").await.tracking;
    let attempts = ask("GET", "/v1/attempts?user=ada&limit=5").by(&stage.manage);
    let got = stage.send(attempts.clone()).await.is(200).json();
    let attempt = json!([got["items"][0]["user"], got["items"][0]["outcome"]]);
    assert_eq!(attempt, json!(["ada", "accepted"]));
    assert_eq!(got["items"].as_array().unwrap().len(), 1);
    let receipt = json!({ "receipts": [{ "tracking": tracking, "shows": "opened" }] });
    stage.send(ask("POST", "/v1/receipts").by(&stage.ingest).json(receipt)).await.is(204);
}

#[tokio::test]
async fn the_service_itself() {
    let stage = Stage::new().await;
    stage.send(ask("GET", "/healthz")).await.is(200);
    stage.send(ask("GET", "/readyz")).await.is(200);
    stage.store.set_room(0);
    let call = json!({ "userId": "ada", "event": "e" });
    let call = ask("POST", "/v1/t").by(&stage.ingest).json(call);
    stage.send(call.clone()).await.is(507);
    let got = stage.send(ask("GET", "/readyz")).await.is(503).json();
    assert!(got["detail"].as_str().unwrap().contains("full"), "{got}");
    stage.send(ask("GET", "/healthz")).await.is(200);
    // It finds out by itself that there is room again.
    stage.store.set_room(u64::MAX);
    for _ in 0..500 {
        if stage.service.ready().is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stage.send(ask("GET", "/readyz")).await.is(200);
    stage.send(call).await.is(200);
    assert_eq!(stage.events(), 1);
    let got = stage.send(ask("GET", "/metrics").by(&stage.admin)).await.is(200);
    assert!(got.header("content-type").starts_with("text/plain"));
    stage.service.stop_taking();
    assert_eq!(stage.send(ask("GET", "/readyz")).await.is(503).json()["detail"], "stopping");
}
