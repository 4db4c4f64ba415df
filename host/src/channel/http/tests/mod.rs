mod vendors;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::channel::tests::vendor::{Reply, Vendor};
use crate::channel::tests::{dispatch, wire};

fn channel(settings: &Value) -> Http {
    build("tpl", settings, &wire()).unwrap()
}

fn reason(outcome: &Outcome) -> Reason {
    match outcome {
        Outcome::Later { trouble, .. } | Outcome::Failed(trouble) | Outcome::Gone(trouble) => {
            trouble.reason
        }
        Outcome::Accepted { .. } => panic!("it was accepted"),
    }
}

#[tokio::test]
async fn a_request_is_filled_in() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let settings = json!({
        "url": format!("{}/send/{{{{user}}}}?to={{{{address}}}}&l={{{{link}}}}", vendor.url),
        "method": "PUT",
        "headers": { "x-locale": "{{locale}}", "authorization": "Bearer {{secret.key}}" },
        "body": { "t": "{{title}}", "n": [1, "{{feature.count}}"], "at": "{{timestamp}}" },
        "secrets": { "key": "word" },
    });
    let channel = channel(&settings);
    assert_eq!(channel.name(), "tpl");
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    let got = vendor.only();
    assert_eq!((got.method.as_str(), got.path.as_str()), ("PUT", "/send/u-1"));
    assert_eq!(got.param("to"), Some("the-address"));
    assert_eq!(got.param("l"), Some("https://shop.example/o/7?a=1&b=2"));
    assert_eq!(got.header("x-locale"), Some("zh-CN"));
    assert_eq!(got.header("authorization"), Some("Bearer word"));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.json(), json!({ "t": "订单已发货", "n": [1, "3"], "at": "1767225660" }));
    let shown = format!("{channel:?}");
    assert!(!shown.contains("word") && !shown.contains(&vendor.url), "{shown}");
}

#[tokio::test]
async fn bodies_are_what_their_type_says() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let mut dispatch = dispatch();
    dispatch.outgoing.content.body = "a&b=\"<c>\" d\n".to_owned();
    for (content_type, body, expected) in [
        (
            "application/json; charset=utf-8",
            "{ \"b\": \"{{body}}\" }",
            r#"{"b":"a&b=\"<c>\" d\n"}"#,
        ),
        ("application/x-www-form-urlencoded", "b={{body}}&c=1", "b=a%26b%3D%22%3Cc%3E%22+d%0A&c=1"),
        ("text/xml", "<b>{{body}}</b>", "<b>a&amp;b=&quot;&lt;c&gt;&quot; d\n</b>"),
        ("application/soap+xml", "<b>{{body}}</b>", "<b>a&amp;b=&quot;&lt;c&gt;&quot; d\n</b>"),
        (
            "text/plain",
            "{{body}}|{{html body}}",
            "a&b=\"<c>\" d\n|a&amp;b=&quot;&lt;c&gt;&quot; d\n",
        ),
    ] {
        let settings = json!({ "url": vendor.url, "body": body, "content_type": content_type });
        assert_eq!(channel(&settings).send(&dispatch).await, Outcome::ACCEPTED);
        let got = vendor.got().pop().unwrap();
        assert_eq!((got.text(), got.header("content-type")), (expected, Some(content_type)));
    }
    channel(&json!({ "url": vendor.url })).send(&dispatch).await;
    let got = vendor.got().pop().unwrap();
    assert_eq!((got.text(), got.header("content-type")), ("", None));
}

#[tokio::test]
async fn hostile_users_change_nothing_but_their_values() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let settings = json!({
        "url": format!("{}/u/{{{{user}}}}/send?k={{{{secret.key}}}}&t={{{{title}}}}", vendor.url),
        "headers": { "x-title": "{{title}}" },
        "body": { "text": "{{title}}", "admin": false },
        "secrets": { "key": "word" },
    });
    let channel = channel(&settings);
    for hostile in [
        "{{secret.key}}",
        "\",\"admin\":true,\"x\":\"",
        "a\r\nx-evil: 1\r\n\r\n",
        "&k=other#",
        "../../admin",
        "%2e%2e/%2f",
        "@evil.example/",
        "\u{0}\u{7f}\u{202e}日本",
        "\\..\\",
    ] {
        let mut dispatch = dispatch();
        dispatch.outgoing.user = hostile.into();
        dispatch.outgoing.content.title = hostile.to_owned();
        assert_eq!(channel.send(&dispatch).await, Outcome::ACCEPTED, "{hostile:?}");
        let got = vendor.got().pop().unwrap();
        assert!(got.path.starts_with("/u/") && got.path.ends_with("/send"), "{}", got.path);
        assert_eq!(got.path.split('/').count(), 4, "{}", got.path);
        let names: Vec<_> = got.query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["k", "t"]);
        assert_eq!((got.param("k"), got.param("t")), (Some("word"), Some(hostile)));
        assert_eq!(got.json(), json!({ "text": hostile, "admin": false }));
        assert!(got.header("x-evil").is_none());
        assert!(!String::from_utf8_lossy(got.headers["x-title"].as_bytes()).contains("word"));
    }
    let asked = vendor.got().len();
    for dots in [".", ".."] {
        let mut dispatch = dispatch();
        dispatch.outgoing.user = dots.into();
        assert_eq!(reason(&channel.send(&dispatch).await), Reason::Content);
    }
    assert_eq!(vendor.got().len(), asked, "nothing was sent");
}

#[test]
fn dots_climb_however_they_are_written() {
    for url in
        ["https://x/..", "https://x/a/./b", "https://x/%2e%2E/a", "https://x/.%2e?q", "/%2e#"]
    {
        assert!(climbs(url), "{url}");
    }
    for url in ["https://x/", "https://x/...", "https://x/a..b", "https://x/a?/../", "/%252e"] {
        assert!(!climbs(url), "{url}");
    }
}

#[tokio::test]
async fn who_has_no_address_is_not_asked_for() {
    let vendor = Vendor::always(Reply::status(200)).await;
    let settings = json!({ "url": vendor.url, "body": { "to": "{{address}}" } });
    let mut dispatch = dispatch();
    dispatch.outgoing.address = None;
    let outcome = channel(&settings).send(&dispatch).await;
    assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::NoAddress));
    assert!(vendor.got().is_empty());
}

fn ruled(url: &str) -> Value {
    json!({
        "url": url,
        "body": { "to": "{{address}}", "t": "{{title}}" },
        "secrets": { "key": "word" },
        "ok": { "status": [200, 202], "path": "/code", "equals": [0, "ok", true] },
        "gone": { "status": [404] },
        "unsubscribed": { "path": "/code", "equals": [5] },
        "denied": { "path": "/code", "equals": [6, "denied"] },
        "retry": { "status": [200], "path": "/code", "equals": [7] },
        "reference": "/data/id",
        "detail": "/msg",
    })
}

#[tokio::test]
async fn rules_say_what_answers_mean() {
    let vendor = Vendor::start(|got| {
        let status = got.param("status").unwrap().parse().unwrap();
        Reply::status(status).body(got.param("answer").unwrap()).header("retry-after", "9")
    })
    .await;
    let ask = async |status: u16, answer: &str| {
        let mut url = reqwest::Url::parse(&vendor.url).unwrap();
        url.query_pairs_mut()
            .append_pair("status", &status.to_string())
            .append_pair("answer", answer);
        channel(&ruled(url.as_str())).send(&dispatch()).await
    };
    let after = Some(Duration::from_secs(9));
    let later =
        |reason, detail: &str| Outcome::Later { trouble: Trouble::new(reason, detail), after };
    let accepted = |reference: &str| Outcome::Accepted { reference: Some(reference.into()) };
    assert_eq!(ask(200, r#"{"code":0,"data":{"id":"m7"}}"#).await, accepted("m7"));
    assert_eq!(
        ask(202, r#"{"code":"ok","data":{"id":900719925474099312}}"#).await,
        accepted("900719925474099312")
    );
    assert_eq!(ask(200, r#"{"code":true,"data":{"id":{}}}"#).await, Outcome::ACCEPTED);
    assert_eq!(
        ask(404, "no json").await,
        Outcome::gone(Reason::InvalidAddress, "the provider answered 404")
    );
    assert_eq!(
        ask(200, r#"{"code":5,"msg":"muted"}"#).await,
        Outcome::gone(Reason::Unsubscribed, "the provider answered 200: 5: muted")
    );
    assert_eq!(
        ask(400, r#"{"code":"denied"}"#).await,
        later(Reason::Credentials, "the provider answered 400: denied")
    );
    assert_eq!(
        ask(200, r#"{"code":7}"#).await,
        later(Reason::Throttled, "the provider answered 200: 7")
    );
    // Not this one: its rule wants another status.
    assert_eq!(reason(&ask(201, r#"{"code":7}"#).await), Reason::Rejected);
    // A word that looks like the number is not the number.
    for answer in [r#"{"code":"0"}"#, r#"{"code":1}"#, "{}", "[]", "null"] {
        let outcome = ask(200, answer).await;
        assert!(matches!(&outcome, Outcome::Failed(t) if t.reason == Reason::Rejected), "{answer}");
    }
    for answer in ["", "<html>", "{\"code\":0"] {
        assert_eq!(ask(200, answer).await, later(Reason::Provider, "the answer cannot be read"));
    }
    assert_eq!(ask(503, "busy").await, later(Reason::Provider, "the provider answered 503"));
    assert_eq!(reason(&ask(429, "").await), Reason::Throttled);
    assert_eq!(reason(&ask(403, "").await), Reason::Credentials);
    assert_eq!(reason(&ask(400, r#"{"code":1}"#).await), Reason::Rejected);
    assert_eq!(reason(&ask(302, "").await), Reason::Settings);
}

#[tokio::test]
async fn words_of_the_provider_are_masked() {
    let vendor = Vendor::start(|got| {
        let text = got.text().to_owned();
        let echo = format!("key word, to the-address or the%2Daddress: {text} for u-1");
        Reply::json(&json!({ "code": 1, "msg": echo }))
    })
    .await;
    let Outcome::Failed(trouble) = channel(&ruled(&vendor.url)).send(&dispatch()).await else {
        panic!("it is refused");
    };
    assert_eq!(
        trouble.detail,
        "the provider answered 200: 1: key …, to … or the%2Daddress: {\"t\":\"…\",\"to\":\"…\"} for u-1"
    );
}

#[test]
fn masks_find_every_spelling() {
    let mut dispatch = dispatch();
    dispatch.outgoing.address = Some("a b\"c&d".into());
    let filling = Filling { token: "tok", ..Filling::of(&dispatch) };
    let secrets = [Secret::from("word"), Secret::from("word-and-more"), Secret::from("")];
    let mask = |words: &str| masked(words, &filling, &secrets);
    assert_eq!(mask("word-and-more word tok"), "… … …");
    assert_eq!(
        mask("a b\"c&d | a%20b%22c%26d | a+b%22c%26d | a b\\\"c&d | a b&quot;c&amp;d"),
        "… | … | … | … | …"
    );
    assert_eq!(mask("订单已发货 A 7 3 https://push.example/r/0123"), "… A 7 3 …");
    assert_eq!(mask(""), "");
}

fn with_token(url: &str) -> Value {
    json!({
        "url": format!("{url}/send"),
        "headers": { "authorization": "Bearer {{token}}" },
        "body": {},
        "secrets": { "id": "app&1", "key": "word" },
        "token": {
            "url": format!("{url}/token?id={{{{secret.id}}}}"),
            "method": "GET",
            "headers": { "x-key": "{{secret.key}}" },
            "path": "/access_token",
            "expires_path": "/expires_in",
        },
        "ok": { "path": "/code", "equals": [0] },
        "detail": "/msg",
    })
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_refused() {
    let vendor = Vendor::start({
        let (given, dead) = (std::sync::Mutex::new(0), std::sync::Mutex::new(0));
        move |got| match got.path.as_str() {
            "/token" => {
                *given.lock().unwrap() += 1;
                let token = format!("t{}", given.lock().unwrap());
                Reply::json(&json!({ "access_token": token, "expires_in": "7200" }))
            }
            "/kill" => {
                *dead.lock().unwrap() = *given.lock().unwrap();
                Reply::status(200)
            }
            _ => {
                let number: i32 =
                    got.header("authorization").unwrap()["Bearer t".len()..].parse().unwrap();
                if number <= *dead.lock().unwrap() {
                    return Reply::status(401).body(r#"{"msg":"no"}"#);
                }
                Reply::json(&json!({ "code": 0 }))
            }
        }
    })
    .await;
    let channel = channel(&with_token(&vendor.url));
    for _ in 0..3 {
        assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED);
    }
    assert_eq!(vendor.count("/token"), 1);
    let asked = &vendor.got()[0];
    assert_eq!((asked.method.as_str(), asked.param("id")), ("GET", Some("app&1")));
    assert_eq!(asked.header("x-key"), Some("word"));
    let kill = format!("{}/kill", vendor.url);
    let request = crate::channel::wire::Request {
        method: "GET",
        url: &kill,
        headers: Vec::new(),
        body: Vec::new(),
    };
    wire().send(request).await.unwrap();
    assert_eq!(channel.send(&dispatch()).await, Outcome::ACCEPTED, "at once, with a new one");
    assert_eq!((vendor.count("/token"), vendor.count("/send")), (2, 5));
}

#[tokio::test]
async fn a_token_that_is_refused_twice_waits_for_the_tenant() {
    let vendor = Vendor::start(|got| match got.path.as_str() {
        "/token" => Reply::json(&json!({ "access_token": "secret-token" })),
        _ => Reply::status(401).body(r#"{"msg":"secret-token is none"}"#),
    })
    .await;
    let outcome = channel(&with_token(&vendor.url)).send(&dispatch()).await;
    let detail = "the provider answered 401: … is none";
    assert_eq!(outcome, Outcome::later(Reason::Credentials, detail));
    assert_eq!((vendor.count("/token"), vendor.count("/send")), (2, 2));
}

#[tokio::test]
async fn no_token_no_message() {
    for (reply, expected) in [
        (Reply::status(200).body("no json"), Reason::Credentials),
        (Reply::json(&json!({ "errcode": 40125, "errmsg": "word" })), Reason::Credentials),
        (Reply::json(&json!({ "access_token": "" })), Reason::Credentials),
        (Reply::json(&json!({ "access_token": 7 })), Reason::Credentials),
        (Reply::status(403), Reason::Credentials),
        (Reply::status(400), Reason::Credentials),
        (Reply::status(302), Reason::Credentials),
        (Reply::status(429), Reason::Throttled),
        (Reply::status(500), Reason::Provider),
    ] {
        let vendor = Vendor::always(reply.clone()).await;
        let outcome = channel(&with_token(&vendor.url)).send(&dispatch()).await;
        assert!(matches!(outcome, Outcome::Later { .. }), "{reply:?}");
        assert_eq!(reason(&outcome), expected, "{reply:?}");
        assert_eq!(vendor.count("/send"), 0);
    }
}

fn wrongs(settings: &Value) -> Vec<String> {
    let wrongs = build("tpl", settings, &wire()).unwrap_err();
    assert!(wrongs.iter().all(|wrong| !wrong.message.contains("word")), "{wrongs:?}");
    let mut paths: Vec<_> = wrongs.into_iter().map(|wrong| wrong.path).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn everything_wrong_is_said_at_once() {
    let settings = json!({
        "url": "https://v.example/{{nobody}}",
        "headers": {
            "Host": "x",
            "x-a": "{{secret.none}}",
            "content-type": "text/plain",
            "x-b": "a\u{0}b",
            "x b": "",
        },
        "body": { "a": ["{{title}}", "{{what}}"], "b": "{{sign}}" },
        "secrets": { "key": "word", "empty": "" },
        "sign": { "kind": "feishu", "secret": "none" },
        "token": {
            "url": "https://v.example/{{title}}",
            "headers": { "x-t": "{{user}}" },
            "body": { "k": "{{secret.none}}" },
            "path": "token",
            "refused": {},
        },
        "ok": { "path": "/code" },
        "gone": { "equals": [1] },
        "retry": { "path": "code", "equals": [1] },
        "denied": {},
        "reference": "id",
        "detail": "msg",
    });
    assert_eq!(
        wrongs(&settings),
        [
            "/body/a/1",
            "/denied",
            "/detail",
            "/gone",
            "/headers/Host",
            "/headers/content-type",
            "/headers/x b",
            "/headers/x-a",
            "/headers/x-b",
            "/ok",
            "/reference",
            "/retry/path",
            "/secrets/empty",
            "/sign/secret",
            "/token/body/k",
            "/token/headers/x-t",
            "/token/path",
            "/token/refused",
            "/token/url",
            "/url",
        ]
    );
}

#[test]
fn what_would_not_do_is_refused() {
    let with = |name: &str, value: Value| {
        let mut settings = json!({ "url": "https://v.example/" });
        settings[name] = value;
        wrongs(&settings)
    };
    // The host is not for values.
    for url in [
        "https://{{feature.host}}/x",
        "https://v.example{{user}}",
        "https://{{user}}.v.example/",
        "https://v.example:{{user}}/",
        "https://u:{{user}}@v.example/",
        "https://v.example\\{{user}}",
        "https://v.example/a\\{{user}}",
        "{{link}}",
        "{{secret.none}}://x/{{user}}",
        "ftp://v.example/{{user}}",
        "http://10.0.0.1/{{user}}",
        "http://169.254.169.254/latest",
        "no url",
        "",
    ] {
        assert_eq!(with("url", json!(url)), ["/url"], "{url}");
    }
    // A value outside of a string would be more than a value.
    for body in ["{\"a\":{{title}}}", "{{body}}", "[\"a\",{{feature.x}}]", "{\"a\":\"b\"", ""] {
        assert_eq!(with("body", json!(body)), ["/body"], "{body}");
    }
    assert_eq!(with("body", json!("a".repeat(40_000))), ["/body", "/body"]);
    let form = json!({ "url": "https://v.example/", "body": {}, "content_type": "text/plain" });
    assert_eq!(wrongs(&form), ["/body"]);
    assert_eq!(with("content_type", json!("a\nb")), ["/content_type"]);
    assert_eq!(with("sign", json!({ "kind": "feishu", "secret": "s" })), ["/sign", "/sign/secret"]);
    let token = json!({ "url": "https://v.example/", "path": "/t" });
    assert_eq!(with("token", token), ["/token"]);
    for (name, value) in [
        ("method", json!("GET")),
        ("method", json!("put")),
        ("headers", json!([])),
        ("ok", json!({ "paths": "/a" })),
        ("sign", json!({ "kind": "other", "secret": "s" })),
        ("token", json!({ "path": "/a" })),
        ("secrets", json!({ "a": 1 })),
        ("extra", json!(1)),
    ] {
        assert_eq!(with(name, value.clone()), [""], "{name} {value}");
    }
}
