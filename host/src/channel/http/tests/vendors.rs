//! The examples, each against a server that behaves as the provider's documentation says.

use std::sync::Mutex;

use super::*;
use crate::channel::http::examples::{DINGTALK, FEISHU, TOUTIAO};
use crate::channel::tests::vendor::Got;

/// The example, sent to a server of the test instead.
fn local(example: &str, origin: &str, vendor: &Vendor) -> Http {
    assert!(example.contains(origin));
    channel(&serde_json::from_str(&example.replace(origin, &vendor.url)).unwrap())
}

fn hmac_base64(key: &str, content: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, content.as_bytes()))
}

#[test]
fn every_example_is_complete() {
    for (name, example) in examples() {
        build(name, &serde_json::from_str(example).unwrap(), &wire()).unwrap();
    }
}

/// The robot of a DingTalk group: 20 messages a minute, the signature over milliseconds of the last hour.
fn dingtalk() -> impl Fn(&Got) -> Reply {
    let taken = Mutex::new(0);
    move |got| {
        let answer =
            |code: i64, words: &str| Reply::json(&json!({ "errcode": code, "errmsg": words }));
        assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/robot/send"));
        if got.param("access_token") != Some("robot-access-token") {
            return answer(300_001, "token is not exist");
        }
        let stamp = got.param("timestamp").unwrap_or_default();
        let hour = 3_600_000;
        let now = 1_767_225_660_000_i64;
        if stamp.parse().map_or(true, |at: i64| (now - at).abs() > hour) {
            return answer(310_000, "description:invalid timestamp");
        }
        if got.param("sign") != Some(&hmac_base64("SEC0000", &format!("{stamp}\nSEC0000"))) {
            return answer(310_000, "description:机器人发送签名不匹配");
        }
        let body = got.json();
        if body["msgtype"] != "link" || !body["link"]["text"].is_string() {
            return answer(400_105, "unsupported msgtype");
        }
        let mut taken = taken.lock().unwrap();
        if *taken >= 20 {
            return answer(130_101, "send too fast, exceed 20 times per minute");
        }
        *taken += 1;
        answer(0, "ok")
    }
}

#[tokio::test]
async fn dingtalk_takes_what_is_signed() {
    let vendor = Vendor::start(dingtalk()).await;
    let channel = local(DINGTALK, "https://oapi.dingtalk.com", &vendor);
    for _ in 0..20 {
        assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    }
    let got = vendor.got().pop().unwrap();
    assert_eq!(got.param("timestamp"), Some("1767225660500"));
    assert_eq!(
        got.json()["link"],
        json!({
            "title": "订单已发货", "text": "It is on its way.", "picUrl": "",
            "messageUrl": "https://push.example/r/0123",
        })
    );
    let outcome = channel.send(&dispatch()).await;
    let detail = "the provider answered 200: 130101: send too fast, exceed 20 times per minute";
    assert_eq!(outcome, Outcome::later(Reason::Throttled, detail));
}

#[tokio::test]
async fn dingtalk_refuses_what_is_signed_wrong_or_late() {
    let vendor = Vendor::start(dingtalk()).await;
    let origin = "https://oapi.dingtalk.com";
    let wrong_key = local(&DINGTALK.replace("\"SEC0000\"", "\"SEC1111\""), origin, &vendor);
    let outcome = wrong_key.send(&dispatch()).await;
    let detail = "the provider answered 200: 310000: description:机器人发送签名不匹配";
    assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
    let mut late = dispatch();
    late.at.0 -= 2 * 3_600_000;
    let channel = local(DINGTALK, origin, &vendor);
    assert_eq!(reason(&channel.send(&late).await), Reason::Credentials);
    let stranger = DINGTALK.replace("\"robot-access-token\"", "\"other\"");
    let stranger = local(&stranger, origin, &vendor);
    assert_eq!(reason(&stranger.send(&dispatch()).await), Reason::Credentials);
    let unsupported = local(&DINGTALK.replace("\"link\",\n", "\"voice\",\n"), origin, &vendor);
    let outcome = unsupported.send(&dispatch()).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::Rejected));
}

/// The robot of a Feishu group: the time in seconds of the last hour, the signature in the body.
fn feishu(got: &Got) -> Reply {
    let answer =
        |code: i64, words: &str| Reply::json(&json!({ "code": code, "msg": words, "data": {} }));
    if got.path != "/open-apis/bot/v2/hook/robot-hook" {
        return answer(19_001, "param invalid: incoming webhook access token invalid");
    }
    let body = got.json();
    let stamp = body["timestamp"].as_str().unwrap_or_default();
    let fresh = stamp.parse().is_ok_and(|at: i64| (1_767_225_660 - at).abs() <= 3600);
    if !fresh || body["sign"] != hmac_base64(&format!("{stamp}\nfeishu-sign"), "") {
        return answer(
            19_021,
            "sign match fail or timestamp is not within one hour from current time",
        );
    }
    let post = &body["content"]["post"]["zh_cn"];
    if body["msg_type"] != "post" || !post["content"].is_array() {
        return answer(9499, "Bad Request");
    }
    match post["title"].as_str() {
        Some("busy") => answer(11_232, "frequency limited"),
        Some("secret") => answer(19_024, "Key Words Not Found"),
        _ => Reply::json(&json!({ "StatusCode": 0, "StatusMessage": "success", "code": 0,
                                  "data": {}, "msg": "success" })),
    }
}

#[tokio::test]
async fn feishu_takes_what_is_signed() {
    let vendor = Vendor::start(feishu).await;
    let origin = "https://open.feishu.cn";
    let channel = local(FEISHU, origin, &vendor);
    let mut message = dispatch();
    assert_eq!(channel.send(&message).await, Outcome::ACCEPTED);
    let post = &vendor.only().json()["content"]["post"]["zh_cn"];
    assert_eq!(post["title"], "订单已发货");
    assert_eq!(post["content"][0][1]["href"], "https://push.example/r/0123");
    message.outgoing.content.title = "busy".to_owned();
    assert_eq!(
        channel.send(&message).await,
        Outcome::later(Reason::Throttled, "the provider answered 200: 11232: frequency limited")
    );
    message.outgoing.content.title = "secret".to_owned();
    assert!(matches!(channel.send(&message).await, Outcome::Failed(_)));
    let wrong_key = local(&FEISHU.replace("\"feishu-sign\"", "\"other\""), origin, &vendor);
    assert_eq!(reason(&wrong_key.send(&dispatch()).await), Reason::Credentials);
    let stranger = local(&FEISHU.replace("\"robot-hook\"", "\"other\""), origin, &vendor);
    assert_eq!(reason(&stranger.send(&dispatch()).await), Reason::Credentials);
    let wrong_type = local(&FEISHU.replace("\"post\",", "\"port\","), origin, &vendor);
    let outcome = wrong_type.send(&dispatch()).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.detail.contains("9499: Bad Request")));
    let mut late = dispatch();
    late.at.0 += 4_000_000;
    assert_eq!(reason(&channel.send(&late).await), Reason::Credentials);
}

/// Toutiao: a token that dies when a new one is given, and codes by open id.
fn toutiao() -> impl Fn(&Got) -> Reply {
    let given = Mutex::new(0);
    move |got| {
        let body = got.json();
        if got.path == "/api/apps/v2/token" {
            if body["appid"] != "tt0000000000000000" || body["secret"] != "app-secret" {
                return Reply::json(&json!({ "err_no": 40_017, "err_tips": "bad secret" }));
            }
            assert_eq!(body["grant_type"], "client_credential");
            let mut given = given.lock().unwrap();
            *given += 1;
            let data = json!({ "access_token": format!("token-{given}"), "expires_in": 7200 });
            return Reply::json(&json!({ "err_no": 0, "err_tips": "success", "data": data }));
        }
        assert_eq!(got.path, "/api/apps/subscribe_notification/developer/v1/notify");
        let valid = format!("token-{}", given.lock().unwrap());
        let answer =
            |code: i64, words: &str| Reply::json(&json!({ "err_no": code, "err_tips": words }));
        if body["access_token"] != valid {
            return answer(28_001_003, "access_token invalid");
        }
        assert_eq!(
            (body["app_id"].as_str(), body["tpl_id"].as_str()),
            (Some("tt0000000000000000"), Some("MSG0000"))
        );
        match body["open_id"].as_str().unwrap() {
            "format" => answer(1000, "param error"),
            "violates" => answer(1008, "content violation"),
            "banned" => answer(1009, "banned"),
            "often" => answer(1010, "too frequent"),
            "internal" => answer(2000, "internal error"),
            "limit" => answer(28_006_003, "qps limit"),
            "muted" => answer(28_014_043, "not subscribed"),
            _ => answer(0, ""),
        }
    }
}

#[tokio::test]
async fn toutiao_takes_messages_for_subscribers() {
    let vendor = Vendor::start(toutiao()).await;
    let channel = local(TOUTIAO, "https://developer.toutiao.com", &vendor);
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    let body = vendor.got().pop().unwrap().json();
    assert_eq!(body["data"], json!({ "标题": "订单已发货", "内容": "It is on its way." }));
    assert_eq!(body["page"], "pages/message/index?link=https%3A%2F%2Fpush.example%2Fr%2F0123");
    for (open_id, expected) in [
        (
            "format",
            Outcome::failed(Reason::Rejected, "the provider answered 200: 1000: param error"),
        ),
        (
            "violates",
            Outcome::failed(Reason::Rejected, "the provider answered 200: 1008: content violation"),
        ),
        ("banned", Outcome::later(Reason::Credentials, "the provider answered 200: 1009: …")),
        (
            "often",
            Outcome::later(Reason::Throttled, "the provider answered 200: 1010: too frequent"),
        ),
        ("internal", Outcome::later(Reason::Throttled, "the provider answered 200: 2000: … error")),
        ("limit", Outcome::later(Reason::Throttled, "the provider answered 200: 28006003: qps …")),
        (
            "muted",
            Outcome::gone(
                Reason::Unsubscribed,
                "the provider answered 200: 28014043: not subscribed",
            ),
        ),
    ] {
        let mut message = dispatch();
        message.outgoing.address = Some(open_id.into());
        assert_eq!(channel.send(&message).await, expected, "{open_id}");
    }
    assert_eq!(vendor.count("/token"), 1);
    // Somebody else fetches a token, and ours is dead.
    let other = local(TOUTIAO, "https://developer.toutiao.com", &vendor);
    assert_eq!(other.send(&dispatch()).await, Outcome::ACCEPTED);
    assert_eq!(vendor.count("/token"), 2);
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    assert_eq!(vendor.count("/token"), 3);
}

#[tokio::test]
async fn toutiao_gives_no_token_to_strangers() {
    let vendor = Vendor::start(toutiao()).await;
    let stranger = TOUTIAO.replace("\"app-secret\"", "\"other\"");
    let channel = local(&stranger, "https://developer.toutiao.com", &vendor);
    let outcome = channel.send(&dispatch()).await;
    let detail = "the provider gives no access token";
    assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
}
