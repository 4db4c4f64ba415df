//! Whatever is refused is a problem.

use axum::response::IntoResponse as _;
use serde_json::json;

use super::stage::{STRATEGY, Stage, ask, component, other_component};
use crate::api::refusal::Refusal;
use crate::sandbox::AdmitError;
use crate::service::Error;
use crate::service::simulate::faulty::Fate;

#[tokio::test]
async fn what_is_not_there() {
    let stage = Stage::new().await;
    for path in ["/", "/v1", "/v1/", "/v2/track", "/v1/track/", "/favicon.ico", "/v1/m"] {
        let got = stage.send(ask("POST", path)).await.is(404);
        assert_eq!(got.json()["type"], "/problems/not-found");
    }
    assert_eq!(stage.counted("unmatched", 404), 7);
    for (method, path) in [
        ("GET", "/v1/track"),
        ("PUT", "/v1/releases"),
        ("DELETE", "/v1/inbox"),
        ("PATCH", "/healthz"),
    ] {
        let got = stage.send(ask(method, path)).await.is(405);
        assert!(!got.header("allow").is_empty());
    }
}

#[tokio::test]
async fn bodies_that_are_none() {
    let stage = Stage::new().await;
    let new = ask("POST", "/v1/tenants").by(&stage.admin);
    stage.send(new.clone()).await.is(415);
    stage.send(new.clone().body("text/plain", "{}")).await.is(415);
    stage.send(new.clone().body("application/json", "")).await.is(400);
    stage.send(new.clone().body("application/json", "{")).await.is(400);
    stage.send(new.clone().body("application/json", "{\"name\":\"x\"} {}")).await.is(400);
    stage.send(new.clone().body("application/json", [0xff, 0xfe])).await.is(400);
    stage.send(new.clone().json(json!({ "name": "x", "more": 1 }))).await.is(400);
    let large = new.clone().json(json!({ "name": "x".repeat(300 << 10) }));
    stage.send(large).await.is(413);
    let coded = new.clone().json(json!({ "name": "x" })).header("content-encoding", "br");
    stage.send(coded).await.is(415);
    let other = new.body("application/vnd.x+json; charset=utf-8", "{\"name\":\"x\"}");
    stage.send(other).await.is(201);

    let receipts = ask("POST", "/v1/receipts").by(&stage.ingest);
    let got = stage.send(receipts.clone().json(json!({ "receipts": [
        { "tracking": "t", "shows": "opened" }, { "tracking": 7, "shows": "opened" }] })));
    let got = got.await.is(400).json();
    assert_eq!(got["errors"][0]["pointer"], "/receipts/1/tracking");
    stage.send(receipts.clone().json(json!({ "receipts": [] }))).await.is(400);
    let many = vec![json!({ "tracking": "t", "shows": "opened" }); 1001];
    stage.send(receipts.json(json!({ "receipts": many }))).await.is(400);
}

#[tokio::test]
async fn parameters_that_are_wrong() {
    let stage = Stage::new().await;
    for path in [
        "/v1/releases/one",
        "/v1/releases/-1",
        "/v1/releases/99999999999999999999999",
        "/v1/attempts?limit=0",
        "/v1/attempts?limit=501",
        "/v1/attempts?limit=x",
        "/v1/attempts?limits=5",
        "/v1/attempts?limit=5&limit=6",
        "/v1/users/ada?turns=0",
        "/v1/users/%ff",
    ] {
        stage.send(ask("GET", path).by(&stage.manage)).await.is(400);
    }
    let strategy = ask("POST", "/v1/releases?activate=perhaps").by(&stage.manage).json(json!({}));
    stage.send(strategy).await.is(400);
    let token = stage.token(&stage.manage, "ada").await;
    for path in ["/v1/inbox?after=x", "/v1/inbox?limit=201", "/v1/inbox?x=1"] {
        stage.send(ask("GET", path).by(&token)).await.is(400);
    }
    let stream = ask("GET", "/v1/inbox/stream").by(&token);
    stage.send(stream.header("last-event-id", "x")).await.is(400);
    let strict = ask("POST", "/v1/batch").by(&stage.ingest).header("nudge-strict", "yes");
    stage.send(strict.json(json!({ "batch": [] }))).await.is(400);
}

/// Every error of the service has a status and a kind.
#[tokio::test]
async fn errors_of_the_service() {
    let all = [
        (Error::Unauthorized("x"), 401, "unauthorized"),
        (Error::Forbidden("x".into()), 403, "forbidden"),
        (Error::NotFound("x".into()), 404, "not-found"),
        (Error::Conflict("x".into()), 409, "conflict"),
        (Error::invalid("x"), 400, "invalid"),
        (Error::TooLarge("x".into()), 413, "too-large"),
        (Error::TooMany { reason: "too many events", after_ms: 1200 }, 429, "too-many"),
        (Error::Full("x".into()), 507, "storage-full"),
        (Error::Unavailable("x".into()), 503, "unavailable"),
        (AdmitError::Export("x".into()).into(), 422, "not-admitted"),
        (AdmitError::TooLarge { bytes: 2, most: 1 }.into(), 413, "too-large"),
    ];
    for (error, status, kind) in all {
        let response = Refusal::from(error).into_response();
        assert_eq!(response.status().as_u16(), status);
        if status == 429 {
            assert_eq!(response.headers()["retry-after"], "2");
        }
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&problem["type"], &problem["status"]),
            (&json!(format!("/problems/{kind}")), &json!(status))
        );
    }
    let plain = Refusal::from(Error::TooLarge("x".into())).plain_400().into_response();
    assert_eq!(plain.status().as_u16(), 400);
}

#[tokio::test]
async fn what_the_service_cannot_do_now() {
    let stage = Stage::with("[ingest]\nrate = 1\nburst = 2\n").await;
    let call = ask("POST", "/v1/track").by(&stage.ingest);
    let call = call.json(json!({ "userId": "a", "event": "e" }));
    let batch =
        json!({ "batch": vec![json!({ "type": "track", "userId": "a", "event": "e" }); 3] });
    stage.send(ask("POST", "/v1/batch").by(&stage.ingest).json(batch)).await.is(200);
    // Its debt of one, and one more.
    assert_eq!(stage.send(call.clone()).await.is(429).header("retry-after"), "2");
    assert_eq!(stage.events(), 3);

    let stage = Stage::new().await;
    let call = call.by(&stage.ingest);
    *stage.store.fate.lock().unwrap() = Fate::Full;
    stage.send(call.clone()).await.is(507);
    *stage.store.fate.lock().unwrap() = Fate::Refused;
    stage.send(call.clone()).await.is(503);
    *stage.store.fate.lock().unwrap() = Fate::Unheard;
    stage.send(call.clone()).await.is(200);
    stage.send(call).await.is(200);
    assert_eq!(stage.events(), 2);
    stage.store.set_room(0);
    let policy = ask("POST", "/v1/policies").by(&stage.manage);
    stage.send(policy.body("application/wasm", component())).await.is(507);
    let new = ask("POST", "/v1/tenants").by(&stage.admin).json(json!({ "name": "c" }));
    stage.send(new).await.is(507);
    stage.send(ask("GET", "/v1/tenants/c").by(&stage.admin)).await.is(404);
    let got = stage.send(ask("GET", "/v1/policies").by(&stage.manage)).await.is(200).json();
    assert_eq!(got["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_done_as_things_stand() {
    let stage = Stage::new().await;
    let policy = ask("POST", "/v1/policies").by(&stage.manage);
    let policy = stage.send(policy.body("application/wasm", other_component())).await.is(201);
    let path = policy.header("location").to_owned();
    let release = ask("POST", "/v1/releases").by(&stage.manage);
    let by_digest = STRATEGY.replace("dwell", policy.json()["digest"].as_str().unwrap());
    stage.send(release.body("application/toml", by_digest)).await.is(201);
    let got = stage.send(ask("DELETE", path).by(&stage.manage)).await.is(409);
    assert!(got.text().contains("release 1"), "{}", got.text());
    stage.send(ask("POST", "/v1/releases/roll-back").by(&stage.manage)).await.is(409);
}

#[tokio::test]
async fn components_and_strategies() {
    let stage = Stage::new().await;
    let policy = ask("POST", "/v1/policies").by(&stage.manage);
    stage.send(policy.clone()).await.is(415);
    let wasi = "(component (import \"wasi:io/poll@0.2.0\" (instance)))";
    let got = policy.clone().body("application/wasm", wat::parse_str(wasi).unwrap());
    let got = stage.send(got).await.is(422).json();
    assert_eq!((&got["reason"], &got["import"]), (&json!("import"), &json!("wasi:io/poll@0.2.0")));
    let got = stage.send(policy.clone().body("application/wasm", "text")).await.is(422).json();
    assert_eq!(got["reason"], "not-a-component");
    stage.send(policy.body("application/wasm", vec![0; (4 << 20) + 1])).await.is(413);

    let release = ask("POST", "/v1/releases").by(&stage.manage);
    let bad = STRATEGY.replace("\"1m\"", "\"soon\"");
    let got = stage.send(release.clone().body("application/toml", bad)).await.is(422).json();
    assert_eq!(got["reason"], "settings");
    let pointer = got["errors"][0]["pointer"].as_str().unwrap();
    assert!(pointer.starts_with("/policy/0/settings/nodes/cart"), "{got}");
    let none = STRATEGY.replace("\"dwell\"", "\"well\"");
    let got = stage.send(release.clone().body("application/toml", none)).await.is(400).json();
    assert_eq!(got["errors"][0]["pointer"], "/policy/0/use");
    let nowhere = STRATEGY.replace("\"app\"", "\"pigeon\"");
    let got = stage.send(release.clone().body("application/toml", nowhere)).await.is(400).json();
    assert_eq!(got["errors"][0]["pointer"], "/channel/0/name");
    stage.send(release.clone().body("application/toml", "no strategy")).await.is(400);
    stage.send(release.clone().body("text/yaml", "a: b")).await.is(415);
    stage.send(release.body("application/toml", [0xff])).await.is(400);
    let got = stage.send(ask("GET", "/v1/releases").by(&stage.manage)).await.is(200).json();
    assert_eq!(got["items"], json!([]));
}

/// A fault of the service is a problem too, and the next request is answered.
#[tokio::test]
async fn a_panic() {
    let stage = Stage::new().await;
    let metrics = ask("GET", "/metrics").by(&stage.admin);
    stage.store.panic();
    let got = stage.send(metrics.clone()).await.is(500);
    assert_eq!(got.json()["type"], "/problems/internal");
    assert!(!got.text().contains("told"), "{}", got.text());
    stage.send(ask("GET", "/healthz")).await.is(200);
    stage.send(metrics).await.is(200);
    assert_eq!(stage.counted("/metrics", 500), 1);
}
