use std::sync::Arc;
use std::time::Duration;

use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};
use serde_json::json;

use super::*;
use crate::channel::tests::vendor::{Got, Reply, Vendor};
use crate::channel::tests::{dispatch, limits, wire};

fn secret(bytes: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(bytes))
}

fn settings(url: &str) -> Value {
    json!({ "url": url, "secrets": [secret(&[7; 32])] })
}

fn webhook(vendor: &Vendor) -> Webhook {
    build("hook", &settings(&vendor.url), &wire()).unwrap()
}

/// Checks a signature as an endpoint does.
fn verified(got: &Got, secret: &[u8], signature: &str) -> bool {
    let content = format!("{}.{}.{}", got.header("webhook-id").unwrap(), stamp(got), got.text());
    let bytes = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, content.as_bytes(), &bytes).is_ok()
}

fn stamp(got: &Got) -> &str {
    got.header("webhook-timestamp").unwrap()
}

#[tokio::test]
async fn a_message_arrives_signed() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let hook = webhook(&vendor);
    assert_eq!(hook.name(), "hook");
    assert_eq!(hook.send(&dispatch()).await, Outcome::ACCEPTED);
    let got = vendor.only();
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("webhook-id"), Some("msg_0123456789abcdef0123456789abcdef"));
    assert_eq!(stamp(&got), "1767225660");
    let signature = got.header("webhook-signature").unwrap();
    assert!(verified(&got, &[7; 32], signature));
    assert!(!verified(&got, &[8; 32], signature));
    assert_eq!(
        got.json(),
        json!({
            "type": "message.push",
            "timestamp": "2026-01-01T00:00:00Z",
            "data": {
                "tracking": "0123456789abcdef0123456789abcdef",
                "message": "m-1",
                "user": "u-1",
                "channel": "the-channel",
                "address": "the-address",
                "topic": "orders",
                "locale": "zh-CN",
                "importance": "high",
                "title": "订单已发货",
                "body": "It is on its way.",
                "link": "https://shop.example/o/7?a=1&b=2",
                "features": { "order": "A 7", "count": 3 },
                "links": {
                    "read": "https://push.example/r/0123",
                    "unsubscribe": "https://push.example/u/0123",
                },
            },
        })
    );
}

#[tokio::test]
async fn what_is_not_there_is_left_out() {
    let vendor = Vendor::always(Reply::status(204)).await;
    let mut dispatch = dispatch();
    dispatch.links = super::super::Links::default();
    dispatch.outgoing.address = None;
    dispatch.outgoing.topic = Arc::from("");
    dispatch.outgoing.locale = Arc::from("");
    dispatch.outgoing.content.link = None;
    dispatch.outgoing.content.features = Fields::EMPTY;
    assert_eq!(webhook(&vendor).send(&dispatch).await, Outcome::ACCEPTED);
    let json = vendor.only().json();
    let names: Vec<_> = json["data"].as_object().unwrap().keys().cloned().collect();
    let expected =
        ["body", "channel", "features", "importance", "message", "title", "tracking", "user"];
    assert_eq!(names, expected);
    assert_eq!(json["data"]["features"], json!({}));
}

/// The example of the specification's reference libraries.
#[test]
fn the_known_example_is_signed_as_known() {
    let key = Key::read(&Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let mut signatures = String::new();
    let body = br#"{"test": 2432232314}"#;
    key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body, &mut signatures);
    assert_eq!(signatures, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn all_secrets_sign() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let seed = [9; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref();
    let whole = [&seed, public].concat();
    let settings = json!({
        "url": vendor.url,
        "secrets": [
            secret(&[1; 24]),
            format!("whsk_{}", STANDARD.encode(seed)),
            format!("whsk_{}", STANDARD.encode(whole)),
        ],
    });
    let hook = build("hook", &settings, &wire()).unwrap();
    assert_eq!(hook.send(&dispatch()).await, Outcome::ACCEPTED);
    let got = vendor.only();
    let signatures: Vec<_> = got.header("webhook-signature").unwrap().split(' ').collect();
    assert_eq!(signatures.len(), 3);
    assert!(verified(&got, &[1; 24], signatures[0]));
    let content = format!("{}.{}.{}", got.header("webhook-id").unwrap(), stamp(&got), got.text());
    for signature in &signatures[1..] {
        let bytes = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
        UnparsedPublicKey::new(&ED25519, public).verify(content.as_bytes(), &bytes).unwrap();
    }
}

#[tokio::test]
async fn the_id_stays_and_the_timestamp_moves() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let hook = webhook(&vendor);
    let mut dispatch = dispatch();
    hook.send(&dispatch).await;
    dispatch.tries = 2;
    dispatch.at = Instant(dispatch.at.0 + 300_000);
    hook.send(&dispatch).await;
    let [first, second] = vendor.got().try_into().unwrap();
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!((stamp(&first), stamp(&second)), ("1767225660", "1767225960"));
    assert_eq!(first.body, second.body);
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
}

#[tokio::test]
async fn headers_of_the_tenant_go_along() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let mut settings = settings(&vendor.url);
    settings["headers"] = json!({ "Authorization": "Bearer word", "x-env": "test" });
    let hook = build("hook", &settings, &wire()).unwrap();
    hook.send(&dispatch()).await;
    let got = vendor.only();
    assert_eq!(got.header("authorization"), Some("Bearer word"));
    assert_eq!(got.header("x-env"), Some("test"));
    assert!(!format!("{hook:?}").contains("word"));
}

#[tokio::test]
async fn answers_are_understood() {
    let vendor = Vendor::start(|got| {
        let reply = Reply::status(got.param("status").unwrap().parse().unwrap());
        reply.header("retry-after", "30").body("the endpoint's own words")
    })
    .await;
    let hook = |status: u16| {
        build("hook", &settings(&format!("{}/?status={status}", vendor.url)), &wire()).unwrap()
    };
    for (status, reason) in [
        (401, Reason::Credentials),
        (404, Reason::Settings),
        (410, Reason::Settings),
        (429, Reason::Throttled),
        (500, Reason::Provider),
        (502, Reason::Throttled),
        (503, Reason::Provider),
        (504, Reason::Throttled),
    ] {
        let Outcome::Later { trouble, after } = hook(status).send(&dispatch()).await else {
            panic!("{status} is not for ever");
        };
        assert_eq!((trouble.reason, after), (reason, Some(Duration::from_secs(30))), "{status}");
        assert!(!trouble.detail.contains("words"));
    }
    for (status, reason) in [
        (302, Reason::Settings),
        (400, Reason::Rejected),
        (413, Reason::TooLong),
        (422, Reason::Rejected),
    ] {
        let outcome = hook(status).send(&dispatch()).await;
        assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == reason), "{outcome:?}");
    }
    for status in [200, 201, 202, 204] {
        assert_eq!(hook(status).send(&dispatch()).await, Outcome::ACCEPTED);
    }
}

#[tokio::test]
async fn what_does_not_arrive_is_tried_again() {
    let gone = Vendor::always(Reply::status(200)).await.url.clone();
    let hook = build("hook", &settings(&gone), &wire()).unwrap();
    let outcome = hook.send(&dispatch()).await;
    let unreachable = |t: &Trouble| matches!(t.reason, Reason::Unreachable);
    assert!(matches!(&outcome, Outcome::Later { trouble, .. } if unreachable(trouble)));
    // A name that leads inside is found out only when it is resolved.
    let inside = Wire::new(limits(&[])).unwrap();
    let hook = build("hook", &settings("http://localhost:9/"), &inside).unwrap();
    let outcome = hook.send(&dispatch()).await;
    let forbidden = |t: &Trouble| t.reason == Reason::Forbidden;
    assert!(matches!(&outcome, Outcome::Later { trouble, .. } if forbidden(trouble)));
}

#[tokio::test]
async fn too_much_is_not_sent() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let hook = webhook(&vendor);
    let mut dispatch = dispatch();
    hook.send(&dispatch).await;
    let room = MOST_BODY - vendor.only().body.len();
    dispatch.outgoing.content.body.push_str(&"a".repeat(room));
    assert_eq!(hook.send(&dispatch).await, Outcome::ACCEPTED, "what just fits");
    dispatch.outgoing.content.body.push('a');
    let outcome = hook.send(&dispatch).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::TooLong));
    assert_eq!(vendor.got().len(), 2);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let settings = json!({
        "url": "ftp://example.com",
        "secrets": [
            "word",
            "whsec_***",
            secret(&[1; 23]),
            secret(&[1; 65]),
            format!("whsk_{}", STANDARD.encode([1; 31])),
            format!("whsk_{}", STANDARD.encode([1; 64])),
        ],
        "headers": {
            "webhook-id": "mine",
            "Host": "other.example",
            "a b": "1",
            "x/y~z": "1",
            "x-break": "1\r\n2",
            "content-type": "text/plain",
        },
    });
    let wrongs = build("hook", &settings, &wire()).unwrap_err();
    let mut paths: Vec<_> = wrongs.iter().map(|wrong| wrong.path.as_str()).collect();
    paths.sort_unstable();
    let expected = [
        "/headers/Host",
        "/headers/a b",
        "/headers/content-type",
        "/headers/webhook-id",
        "/headers/x-break",
        "/headers/x~1y~0z",
        "/secrets",
        "/secrets/0",
        "/secrets/1",
        "/secrets/2",
        "/secrets/3",
        "/secrets/4",
        "/secrets/5",
        "/url",
    ];
    assert_eq!(paths, expected);
    assert!(wrongs.iter().all(|wrong| !wrong.message.contains("word")));
    for wrong in [
        json!({}),
        json!({ "url": "https://example.com" }),
        json!({ "url": "https://example.com", "secrets": [] }),
        json!({ "url": "https://example.com", "secrets": [secret(&[1; 24])], "more": 1 }),
        json!({ "url": "http://user:word@example.com", "secrets": [secret(&[1; 24])] }),
        json!({ "url": "http://127.0.0.2", "secrets": "whsec_" }),
        json!(null),
    ] {
        build("hook", &wrong, &wire()).unwrap_err();
    }
    let inside = Wire::new(limits(&[])).unwrap();
    let wrongs = build("hook", &super::tests::settings("http://10.0.0.1/"), &inside).unwrap_err();
    assert_eq!(wrongs.len(), 1);
    assert_eq!(wrongs[0].path, "/url");
}
