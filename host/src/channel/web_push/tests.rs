use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::*;
use crate::channel::email::tests::{dispatch as common, wire};
use crate::engine::event;
use crate::engine::event::Instant;

mod crypto;
mod node;

/// A browser and its push service.
#[derive(Default)]
struct Service {
    got: Mutex<Vec<(HeaderMap, Bytes)>>,
    answer: Mutex<Option<(u16, &'static str)>>,
}

async fn push(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    service.got.lock().unwrap().push((headers, body));
    let (status, header) = service.answer.lock().unwrap().unwrap_or((201, "location: /m/1"));
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header.split_once(": ") {
        let name = axum::http::HeaderName::from_static(name);
        headers.insert(name, value.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers)
}

impl Service {
    async fn start() -> (Arc<Service>, String) {
        let service = Arc::new(Service::default());
        let router = Router::new().fallback(push).with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (service, origin)
    }
}

/// A browser's keys.
struct Browser {
    private: EphemeralPrivateKey,
    public: Vec<u8>,
    auth: [u8; 16],
}

impl Browser {
    fn new() -> Browser {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Browser { private, public, auth: *b"0123456789abcdef" }
    }

    fn subscription(&self, endpoint: &str) -> String {
        let keys =
            json!({"p256dh": URL_SAFE.encode(&self.public), "auth": URL_SAFE.encode(self.auth)});
        json!({"endpoint": endpoint, "expirationTime": null, "keys": keys}).to_string()
    }

    /// Reads a message, as RFC 8188 and RFC 8291 tell a receiver to.
    fn open(self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert_eq!(size, 4096_u32.to_be_bytes());
        assert!(body.len() <= 4096);
        let (length, rest) = rest.split_first().unwrap();
        let (sender, sealed) = rest.split_at(usize::from(*length));
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let (key, nonce) = agree_ephemeral(self.private, &peer, |secret| {
            crypto::derived(secret, &self.auth, &self.public, sender, salt)
        })
        .unwrap();
        crypto::opened(&key, nonce, sealed)
    }
}

fn settings() -> Value {
    let (public, private) = new_keys().unwrap();
    json!({"subject": "mailto:push@nudge.example", "public_key": public, "private_key": private})
}

fn built(settings: &Value) -> WebPush {
    WebPush::build("push", settings, &wire()).unwrap()
}

fn dispatch(address: &str) -> Dispatch {
    let mut dispatch = common();
    dispatch.outgoing.address = Some(address.into());
    dispatch
}

fn trouble(outcome: &Outcome) -> &Trouble {
    match outcome {
        Outcome::Later { trouble, .. } | Outcome::Failed(trouble) | Outcome::Gone(trouble) => {
            trouble
        }
        Outcome::Accepted { .. } => panic!("accepted"),
    }
}

#[tokio::test]
async fn a_message_reaches_the_browser() {
    let (service, origin) = Service::start().await;
    let browser = Browser::new();
    let settings = settings();
    let channel = built(&settings);
    assert_eq!(channel.name(), "push");
    let mut dispatch = dispatch(&browser.subscription(&format!("{origin}/push/ada?x=y")));
    dispatch.outgoing.content.title = "您的订单".into();
    dispatch.links.read = Some("https://nudge.example/r/trk-1".into());
    let cart = event::Value::Integer(3);
    dispatch.outgoing.content.features = Fields::from_iter([("cart".into(), cart)]);
    assert!(matches!(channel.send(&dispatch).await, Outcome::Accepted { .. }));

    let (headers, body) = service.got.lock().unwrap()[0].clone();
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert_eq!(headers["ttl"], "86400");
    assert_eq!(headers["urgency"], "normal");
    let topic = headers["topic"].to_str().unwrap();
    assert_eq!(topic.len(), 32);
    assert!(topic.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    let claims = crypto::claims(&headers, settings["public_key"].as_str().unwrap());
    let exp = dispatch.at.0 / 1000 + 12 * 3600;
    assert_eq!(claims, json!({"aud": origin, "exp": exp, "sub": "mailto:push@nudge.example"}));

    let payload: Value = serde_json::from_slice(&browser.open(&body)).unwrap();
    assert_eq!(
        payload,
        json!({"title": "您的订单", "body": "It is on its way.", "tracking": "trk-1",
            "link": "https://nudge.example/r/trk-1", "data": {"cart": 3}})
    );
}

#[tokio::test]
async fn what_is_not_there_is_left_out() {
    let (service, origin) = Service::start().await;
    let browser = Browser::new();
    let mut dispatch = dispatch(&browser.subscription(&origin));
    dispatch.outgoing.content.link = Some("javascript:alert(1)".into());
    built(&settings()).send(&dispatch).await;
    let body = service.got.lock().unwrap()[0].1.clone();
    let payload: Value = serde_json::from_slice(&browser.open(&body)).unwrap();
    let rest = json!({"title": "Your order", "body": "It is on its way.", "tracking": "trk-1"});
    assert_eq!(payload, rest);
}

#[tokio::test]
async fn urgency_and_time_to_live() {
    let (service, origin) = Service::start().await;
    let mut settings = settings();
    let mut dispatch = dispatch(&Browser::new().subscription(&origin));
    let channel = built(&settings);
    for importance in [Importance::Low, Importance::Normal, Importance::High, Importance::Urgent] {
        dispatch.outgoing.importance = importance;
        channel.send(&dispatch).await;
    }
    settings["ttl"] = json!(0);
    settings["urgency"] = json!("very-low");
    built(&settings).send(&dispatch).await;
    let got = service.got.lock().unwrap();
    let said: Vec<_> = got
        .iter()
        .map(|(h, _)| (h["urgency"].to_str().unwrap(), h["ttl"].to_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("low", "86400"),
            ("normal", "86400"),
            ("high", "86400"),
            ("high", "86400"),
            ("very-low", "0")
        ]
    );
}

#[tokio::test]
async fn the_next_attempt_replaces_the_last() {
    let (service, origin) = Service::start().await;
    let channel = built(&settings());
    let mut dispatch = dispatch(&Browser::new().subscription(&origin));
    channel.send(&dispatch).await;
    dispatch.outgoing.tracking = "trk-2".into();
    channel.send(&dispatch).await;
    dispatch.outgoing.message = "message-2".into();
    channel.send(&dispatch).await;
    let got = service.got.lock().unwrap();
    assert_eq!(got[0].0["topic"], got[1].0["topic"]);
    assert_ne!(got[0].0["topic"], got[2].0["topic"]);
    // Every message has its own key and salt.
    assert_ne!(got[0].1[..16], got[1].1[..16]);
    assert_ne!(got[0].1[21..86], got[1].1[21..86]);
}

#[tokio::test]
async fn a_token_serves_for_half_of_its_life() {
    let (service, origin) = Service::start().await;
    let (other_service, other) = Service::start().await;
    let channel = built(&settings());
    let mut dispatch = dispatch(&Browser::new().subscription(&origin));
    let start = dispatch.at.0;
    let half = 6 * 3600 * 1000;
    // The last: a clock that was set back.
    for at in [start, start + half - 1, start + half, start] {
        dispatch.at = Instant(at);
        channel.send(&dispatch).await;
    }
    dispatch.outgoing.address = Some(Browser::new().subscription(&other).into());
    channel.send(&dispatch).await;
    let got = service.got.lock().unwrap();
    let said = |n: usize| got[n].0["authorization"].clone();
    assert_eq!(said(0), said(1));
    assert_ne!(said(1), said(2));
    assert_ne!(said(2), said(3));
    assert_ne!(said(3), other_service.got.lock().unwrap()[0].0["authorization"]);
}

#[tokio::test]
async fn every_documented_answer() {
    let (service, origin) = Service::start().await;
    let channel = built(&settings());
    let dispatch = dispatch(&Browser::new().subscription(&origin));
    for (status, fate, reason) in [
        (404, "gone", Reason::Unsubscribed),
        (410, "gone", Reason::Unsubscribed),
        (413, "failed", Reason::TooLong),
        (400, "failed", Reason::Rejected),
        (405, "failed", Reason::Rejected),
        (301, "failed", Reason::Rejected),
        (307, "failed", Reason::Rejected),
        (401, "later", Reason::Credentials),
        (403, "later", Reason::Credentials),
        (408, "later", Reason::Provider),
        (429, "later", Reason::Throttled),
        (500, "later", Reason::Provider),
        (503, "later", Reason::Provider),
    ] {
        *service.answer.lock().unwrap() = Some((status, "retry-after: 7"));
        let outcome = channel.send(&dispatch).await;
        let became = match &outcome {
            Outcome::Later { .. } => "later",
            Outcome::Failed(_) => "failed",
            Outcome::Gone(_) => "gone",
            Outcome::Accepted { .. } => "accepted",
        };
        assert_eq!((became, trouble(&outcome).reason), (fate, reason), "{status}");
        assert_eq!(trouble(&outcome).detail, format!("the push service answered {status}"));
    }
    for status in [200, 201, 202] {
        *service.answer.lock().unwrap() = Some((status, ""));
        assert!(matches!(channel.send(&dispatch).await, Outcome::Accepted { .. }));
    }
}

#[test]
fn what_an_answer_carries_is_kept() {
    let answer = |status, location: Option<&str>| Answer {
        status,
        retry_after: Some(std::time::Duration::from_secs(7)),
        location: location.map(str::to_owned),
        body: Vec::new(),
    };
    let taken = outcome(answer(201, Some("https://push.example/m/1")));
    assert_eq!(taken, Outcome::Accepted { reference: Some("https://push.example/m/1".into()) });
    assert_eq!(outcome(answer(201, Some(&"x".repeat(513)))), Outcome::ACCEPTED);
    let Outcome::Later { after, .. } = outcome(answer(429, None)) else { panic!() };
    assert_eq!(after.map(|after| after.as_secs()), Some(7));
    assert!(matches!(Outcome::unsent(Trouble::new(Reason::Forbidden, "")), Outcome::Failed(_)));
    assert!(matches!(Outcome::unsent(Trouble::new(Reason::Timeout, "")), Outcome::Later { .. }));
}

#[tokio::test]
async fn payloads_have_an_end() {
    let (service, origin) = Service::start().await;
    let channel = built(&settings());
    let browser = Browser::new();
    let mut dispatch = dispatch(&browser.subscription(&origin));
    dispatch.outgoing.content.link = None;
    dispatch.outgoing.content.title.clear();
    dispatch.outgoing.content.body.clear();
    let least = json!({"title": "", "body": "", "tracking": "trk-1"}).to_string().len();
    dispatch.outgoing.content.body = "x".repeat(3993 - least);
    assert!(matches!(channel.send(&dispatch).await, Outcome::Accepted { .. }));
    dispatch.outgoing.content.body.push('x');
    let outcome = channel.send(&dispatch).await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(trouble(&outcome).reason, Reason::TooLong);
    let got = service.got.lock().unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].1.len(), 4096);
    assert_eq!(browser.open(&got[0].1).len(), 3993);
}

#[tokio::test]
async fn subscriptions_that_are_none() {
    let channel = built(&settings());
    let key = URL_SAFE.encode(Browser::new().public);
    let auth = URL_SAFE.encode([7; 16]);
    let written = |endpoint: &str, key: &str, auth: &str| {
        json!({"endpoint": endpoint, "keys": {"p256dh": key, "auth": auth}}).to_string()
    };
    let good = "https://push.example/1";
    assert!(Subscription::read(&written(good, &key, &auth)).is_some());
    assert!(Subscription::read(&written(good, &format!("{key}="), &format!("{auth}=="))).is_some());
    for local in ["http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]/x"] {
        assert!(Subscription::read(&written(local, &key, &auth)).is_some(), "{local}");
    }
    let off_curve = URL_SAFE.encode([&[4][..], &[1; 64]].concat());
    let compressed = URL_SAFE.encode([&[2][..], &[1; 64]].concat());
    let long = format!("https://push.example/{}", "x".repeat(4096));
    for bad in [
        "nonsense".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"endpoint": "https://push.example/1"}"#.to_owned(),
        written("", &key, &auth),
        written("push.example", &key, &auth),
        written("http://push.example/1", &key, &auth),
        written("http://localhost.evil.example/1", &key, &auth),
        written("file:///etc/passwd", &key, &auth),
        written("https://user:pass@push.example/1", &key, &auth),
        written(&long, &key, &auth),
        written(good, "", &auth),
        written(good, "!!", &auth),
        written(good, &key[..40], &auth),
        written(good, &compressed, &auth),
        written(good, &off_curve, &auth),
        written(good, &key, ""),
        written(good, &key, "AAAA"),
    ] {
        let outcome = channel.send(&dispatch(&bad)).await;
        assert!(matches!(outcome, Outcome::Gone(_)), "{bad}: {outcome:?}");
        assert_eq!(trouble(&outcome).reason, Reason::InvalidAddress);
    }
    for none in ["", " "] {
        assert_eq!(trouble(&channel.send(&dispatch(none)).await).reason, Reason::NoAddress);
    }
}

#[test]
fn settings_are_checked() {
    let wrongs = |settings: &Value| -> Vec<String> {
        let wrongs = WebPush::build("push", settings, &wire()).err().unwrap_or_default();
        wrongs.into_iter().map(|wrong| wrong.path).collect()
    };
    let good = settings();
    assert_eq!(wrongs(&good), [""; 0]);
    let with = |name: &str, value: Value| {
        let mut settings = good.clone();
        settings[name] = value;
        wrongs(&settings)
    };
    assert_eq!(with("subject", json!("https://nudge.example/push")), [""; 0]);
    for bad in ["", "push@nudge.example", "mailto:", "mailto:@x", "http://x.example", "https://"] {
        assert_eq!(with("subject", json!(bad)), ["/subject"], "{bad}");
    }
    assert_eq!(with("subject", json!("mailto:a@b\r\nx")), ["/subject"]);
    // Keys that are keys, but of another pair.
    assert_eq!(with("private_key", settings()["private_key"].clone()), ["/private_key"]);
    assert_eq!(with("ttl", json!(2_419_201)), ["/ttl"]);
    assert_eq!(with("ttl", json!(-1)), [""]);
    assert_eq!(with("urgency", json!("now")), [""]);
    assert_eq!(with("colour", json!("red")), [""]);
    let bad = json!({"subject": "x", "public_key": "x", "private_key": "x", "ttl": 9_999_999});
    assert_eq!(wrongs(&bad), ["/ttl", "/subject", "/public_key", "/private_key"]);
    assert_eq!(SECRETS, ["/private_key"]);
    let padded = format!("{}=", good["public_key"].as_str().unwrap());
    assert_eq!(with("public_key", json!(padded)), [""; 0]);
}
