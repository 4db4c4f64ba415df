use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::channel::tests::vendor::{Got, Reply as Said, Vendor};
use crate::channel::tests::{dispatch, wire};

/// What WeChat keeps.
#[derive(Default)]
struct State {
    /// Tokens given so far; only the last one holds.
    given: u64,
    /// Messages by who they are for and their own id.
    sent: HashMap<(String, String), u64>,
}

/// A service account as documented: one token at a time, a message once, and codes by open id.
fn service(state: &Arc<Mutex<State>>) -> impl Fn(&Got) -> Said + use<> {
    let state = Arc::clone(state);
    move |got| {
        let answer =
            |code: i64, words: &str| Said::json(&json!({ "errcode": code, "errmsg": words }));
        let mut state = state.lock().unwrap();
        if got.path == "/cgi-bin/token" {
            assert_eq!(
                (got.method.as_str(), got.param("grant_type")),
                ("GET", Some("client_credential"))
            );
            return match (got.param("appid"), got.param("secret")) {
                (Some("wx1"), Some("s&cret")) => {
                    state.given += 1;
                    let token = format!("TOKEN_{}", state.given);
                    Said::json(&json!({ "access_token": token, "expires_in": 7200 }))
                }
                (Some("wx1"), _) => answer(40125, "invalid appsecret"),
                _ => answer(40013, "invalid appid"),
            };
        }
        assert_eq!(got.path, "/cgi-bin/message/template/send");
        assert_eq!(got.method, "POST");
        let held = got.param("access_token").unwrap();
        if held != format!("TOKEN_{}", state.given) {
            return answer(40001, "invalid credential, access_token is invalid or not latest");
        }
        let body = got.json();
        if body["template_id"] != "tpl-1" {
            return answer(40037, "invalid template_id");
        }
        let to = body["touser"].as_str().unwrap().to_owned();
        if let Some(code) = to.strip_prefix("code") {
            let words = format!("words about {to} rid: 1");
            return answer(code.parse().unwrap(), &words);
        }
        let id = body["client_msg_id"].as_str().unwrap().to_owned();
        let next = 9_007_199_254_740_993 + state.sent.len() as u64;
        let msgid = *state.sent.entry((to, id)).or_insert(next);
        Said::json(&json!({ "errcode": 0, "errmsg": "ok", "msgid": msgid }))
    }
}

async fn vendor() -> (Vendor, Arc<Mutex<State>>) {
    let state = Arc::new(Mutex::new(State::default()));
    (Vendor::start(service(&state)).await, state)
}

pub(super) fn settings(url: &str) -> Value {
    json!({
        "base_url": format!("{url}/"),
        "app_id": "wx1",
        "secret": "s&cret",
        "template_id": "tpl-1",
        "callback_token": "the-token",
        "fields": { "thing1": "{{title}}", "character_string2": "{{feature.order}}", "remark": "{{body}}" },
    })
}

pub(super) fn channel(url: &str) -> WeChat {
    build("wechat", &settings(url), &wire()).unwrap()
}

fn to(address: &str) -> Dispatch {
    let mut dispatch = dispatch();
    dispatch.outgoing.address = Some(address.into());
    dispatch
}

fn accepted(reference: &str) -> Outcome {
    Outcome::Accepted { reference: Some(reference.into()) }
}

#[tokio::test]
async fn a_message_is_taken_once() {
    let (vendor, state) = vendor().await;
    let channel = channel(&vendor.url);
    assert_eq!(channel.name(), "wechat");
    let message = to("openid-1");
    assert_eq!(channel.send(&message).await, accepted("9007199254740993"));
    assert_eq!(
        vendor.got().pop().unwrap().json(),
        json!({
            "touser": "openid-1",
            "template_id": "tpl-1",
            "url": "https://push.example/r/0123",
            "client_msg_id": "0123456789abcdef0123456789abcdef",
            "data": {
                "thing1": { "value": "订单已发货" },
                "character_string2": { "value": "A 7" },
                "remark": { "value": "It is on its way." },
            },
        })
    );
    // The host did not hear the answer, and asks again.
    assert_eq!(channel.send(&message).await, accepted("9007199254740993"));
    assert_eq!(state.lock().unwrap().sent.len(), 1);
    assert_eq!(channel.send(&to("openid-2")).await, accepted("9007199254740994"));
    assert_eq!(vendor.count("/token"), 1);
}

#[tokio::test]
async fn a_dead_token_is_renewed_within_the_attempt() {
    let (vendor, state) = vendor().await;
    let channel = channel(&vendor.url);
    channel.send(&to("openid-1")).await;
    // Somebody else asks for a token, which is the end of ours.
    state.lock().unwrap().given += 1;
    assert_eq!(channel.send(&to("openid-2")).await, accepted("9007199254740994"));
    assert_eq!((vendor.count("/token"), vendor.count("/send")), (2, 3));
}

#[tokio::test]
async fn a_hundred_who_find_it_dead_renew_it_once() {
    let (vendor, state) = vendor().await;
    let channel = Arc::new(channel(&vendor.url));
    channel.send(&to("openid")).await;
    state.lock().unwrap().given += 1;
    let sending: Vec<_> = (0..100)
        .map(|number| {
            let channel = Arc::clone(&channel);
            tokio::spawn(async move { channel.send(&to(&format!("openid-{number}"))).await })
        })
        .collect();
    for sent in sending {
        assert!(matches!(sent.await.unwrap(), Outcome::Accepted { .. }));
    }
    assert_eq!(vendor.count("/token"), 2);
}

#[tokio::test]
async fn tokens_that_are_always_refused_wait_for_the_tenant() {
    for code in [40001, 40014, 42001] {
        let vendor = Vendor::start(move |got| {
            if got.path == "/cgi-bin/token" {
                return Said::json(&json!({ "access_token": "TOKEN", "expires_in": 7200 }));
            }
            Said::json(&json!({ "errcode": code, "errmsg": "TOKEN is bad" }))
        })
        .await;
        let outcome = channel(&vendor.url).send(&dispatch()).await;
        let detail = format!("errcode {code}: … is bad");
        assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
        assert_eq!((vendor.count("/token"), vendor.count("/send")), (2, 2));
    }
}

#[tokio::test]
async fn codes_are_understood() {
    let (vendor, _) = vendor().await;
    let channel = channel(&vendor.url);
    let said = |code: i64| format!("errcode {code}: words about … rid: 1");
    for (code, reason) in [
        (-1, Reason::Provider),
        (45011, Reason::Throttled),
        (43117, Reason::Throttled),
        (40241, Reason::Throttled),
        (45009, Reason::Quota),
        (48001, Reason::Settings),
        (43116, Reason::Settings),
        (40037, Reason::Settings),
        (40164, Reason::Credentials),
    ] {
        let outcome = channel.send(&to(&format!("code{code}"))).await;
        assert_eq!(outcome, Outcome::later(reason, said(code)));
    }
    for (code, reason) in [
        (40003, Reason::InvalidAddress),
        (43004, Reason::Unsubscribed),
        (43019, Reason::Unsubscribed),
        (43101, Reason::Unsubscribed),
    ] {
        let outcome = channel.send(&to(&format!("code{code}"))).await;
        assert_eq!(outcome, Outcome::gone(reason, said(code)));
    }
    for (code, reason) in
        [(47001, Reason::Content), (47003, Reason::Content), (99999, Reason::Rejected)]
    {
        let outcome = channel.send(&to(&format!("code{code}"))).await;
        assert_eq!(outcome, Outcome::failed(reason, said(code)));
    }
}

#[tokio::test]
async fn accounts_that_are_not_known_keep_their_messages() {
    let (vendor, _) = vendor().await;
    for (name, code) in [("app_id", 40013), ("secret", 40125)] {
        let mut settings = settings(&vendor.url);
        settings[name] = json!("other");
        let outcome = build("wechat", &settings, &wire()).unwrap().send(&dispatch()).await;
        let detail = format!("no access token: errcode {code}");
        assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
    }
    let mut settings = settings(&vendor.url);
    settings["template_id"] = json!("tpl-2");
    let outcome = build("wechat", &settings, &wire()).unwrap().send(&dispatch()).await;
    assert_eq!(outcome, Outcome::later(Reason::Settings, "errcode 40037: invalid template_id"));
}

#[tokio::test]
async fn strange_answers_lose_no_message() {
    for (reply, reason) in [
        (Said::status(200).body("<html>"), Reason::Provider),
        (Said::status(200).body("{\"errcode\":\"0\"}"), Reason::Provider),
        (Said::status(200).body("{}"), Reason::Credentials),
        (Said::status(500), Reason::Provider),
        (Said::status(429), Reason::Throttled),
        (Said::status(404), Reason::Settings),
        (Said::status(302), Reason::Settings),
        (Said::json(&json!({ "access_token": "a&b=c", "expires_in": 1 })), Reason::Credentials),
        (Said::json(&json!({ "access_token": "a/../b", "expires_in": 1 })), Reason::Credentials),
        (Said::json(&json!({ "access_token": "", "expires_in": 1 })), Reason::Credentials),
        (Said::json(&json!({ "errcode": -1 })), Reason::Provider),
        (Said::json(&json!({ "errcode": 45009 })), Reason::Quota),
        (Said::json(&json!({ "errcode": 45011 })), Reason::Throttled),
    ] {
        let vendor = Vendor::always(reply.clone()).await;
        let outcome = channel(&vendor.url).send(&dispatch()).await;
        let Outcome::Later { trouble, .. } = outcome else { panic!("{reply:?}") };
        assert_eq!(trouble.reason, reason, "{reply:?}");
        assert_eq!(vendor.count("/send"), 0);
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_no_success() {
    let vendor = Vendor::start(|got| match got.path.as_str() {
        "/cgi-bin/token" => Said::json(&json!({ "access_token": "T", "expires_in": 7200 })),
        _ => Said::json(&json!({})),
    })
    .await;
    let outcome = channel(&vendor.url).send(&dispatch()).await;
    assert_eq!(outcome, Outcome::later(Reason::Provider, "the answer cannot be read"));
}

#[tokio::test]
async fn what_is_too_long_is_not_sent() {
    let (vendor, _) = vendor().await;
    for (key, most) in [
        ("thing1", 20),
        ("thing", 20),
        ("const12", 20),
        ("character_string3", 32),
        ("phone_number4", 17),
        ("car_number5", 8),
    ] {
        let mut settings = settings(&vendor.url);
        settings["fields"] = json!({ key: "{{title}}" });
        let channel = build("wechat", &settings, &wire()).unwrap();
        let mut message = to("openid");
        message.outgoing.content.title = "字".repeat(most);
        assert!(matches!(channel.send(&message).await, Outcome::Accepted { .. }), "{key}");
        let sent = vendor.got().len();
        message.outgoing.content.title.push('字');
        let detail = format!("`{key}` is longer than {most} characters");
        assert_eq!(channel.send(&message).await, Outcome::failed(Reason::TooLong, detail));
        assert_eq!(vendor.got().len(), sent);
    }
    let mut message = to("openid");
    message.links.read = Some(format!("https://push.example/{}", "a".repeat(2048)));
    let outcome = channel(&vendor.url).send(&message).await;
    assert_eq!(outcome, Outcome::failed(Reason::TooLong, "the link is too long"));
}

#[tokio::test]
async fn what_is_set_goes_along() {
    let (vendor, _) = vendor().await;
    let mut settings = settings(&vendor.url);
    settings["color"] = json!("#17317F");
    settings["miniprogram"] = json!({ "appid": "wxm", "pagepath": "p/i" });
    settings.as_object_mut().unwrap().remove("fields");
    let channel = build("wechat", &settings, &wire()).unwrap();
    let mut message = to("openid");
    message.links.read = None;
    message.outgoing.tracking = "t".repeat(33).into();
    channel.send(&message).await;
    let body = vendor.got().pop().unwrap().json();
    assert_eq!(body["miniprogram"], json!({ "appid": "wxm", "pagepath": "p/i" }));
    assert_eq!(body["data"]["first"], json!({ "value": "订单已发货", "color": "#17317F" }));
    assert_eq!(body["data"]["content"]["value"], "It is on its way.");
    assert_eq!(body["url"], "https://shop.example/o/7?a=1&b=2");
    let id = body["client_msg_id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_ne!(id, client_id(&"t".repeat(34)), "long ones stay apart");
    message.outgoing.address = None;
    let outcome = channel.send(&message).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::NoAddress));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let settings = json!({
        "base_url": "ftp://x",
        "app_id": "",
        "secret": "",
        "template_id": "",
        "callback_token": "",
        "fields": { "thing1": "{{secret.x}}", "a b": "x", "ok1": "{{token}}" },
        "color": "red",
        "miniprogram": { "appid": "" },
    });
    let wrongs = build("wechat", &settings, &wire()).unwrap_err();
    let mut paths: Vec<_> = wrongs.iter().map(|wrong| wrong.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/app_id",
            "/base_url",
            "/callback_token",
            "/color",
            "/fields/a b",
            "/fields/ok1",
            "/fields/thing1",
            "/miniprogram/appid",
            "/secret",
            "/template_id",
        ]
    );
    let minimal = json!({ "app_id": "a", "secret": "word", "template_id": "t" });
    let shown = format!("{:?}", build("wechat", &minimal, &wire()).unwrap());
    assert!(!shown.contains("word"), "{shown}");
    for (name, value) in [
        ("fields", json!({})),
        ("base_url", json!("https://x/?a=")),
        ("base_url", json!("http://169.254.169.254")),
        ("more", json!(1)),
        ("secret", json!(null)),
    ] {
        let mut settings = minimal.clone();
        settings[name] = value;
        assert_eq!(build("wechat", &settings, &wire()).unwrap_err().len(), 1, "{name}");
    }
}
