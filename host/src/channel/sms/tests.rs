use std::sync::Mutex;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::*;
use crate::channel::email::tests::{dispatch as common, wire};

mod callbacks;

const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SERVICE: &str = "MGbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const MESSAGE: &str = "SMcccccccccccccccccccccccccccccccc";
const TOKEN: &str = "12345";

/// Twilio, as its documents say: what it was asked, and what it answers next.
#[derive(Default)]
struct Twilio {
    asked: Mutex<Vec<Asked>>,
    answer: Mutex<Option<(u16, Value)>>,
}

struct Asked {
    headers: HeaderMap,
    form: Vec<(String, String)>,
}

impl Asked {
    fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.form.iter().filter(|(other, _)| other == name);
        let value = all.next().map(|(_, value)| value.as_str());
        assert_eq!(all.next(), None, "{name} twice");
        value
    }
}

async fn messages(
    State(twilio): State<Arc<Twilio>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error = |status: u16, code: u32, message: &str| {
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body =
            json!({"code": code, "message": message, "more_info": more_info, "status": status});
        (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
    };
    let login = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    if headers["authorization"] != *login || account != ACCOUNT {
        return error(401, 20003, "Authenticate");
    }
    if headers["content-type"] != "application/x-www-form-urlencoded" {
        return error(400, 21602, "Message body is required");
    }
    let form = form::read(&body);
    twilio.asked.lock().unwrap().push(Asked { headers, form });
    match twilio.answer.lock().unwrap().clone() {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), Json(body)).into_response(),
        None => {
            let body = json!({"sid": MESSAGE, "status": "queued", "num_segments": "1", "error_code": null});
            (StatusCode::CREATED, Json(body)).into_response()
        }
    }
}

async fn twilio() -> (Arc<Twilio>, String) {
    let twilio = Arc::new(Twilio::default());
    let router = Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(messages))
        .with_state(twilio.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (twilio, base)
}

fn settings(base: &str) -> Value {
    json!({"base_url": base, "account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15550001111"})
}

fn built(settings: &Value) -> Sms {
    Sms::build("sms", settings, &wire()).unwrap()
}

fn dispatch() -> Dispatch {
    let mut dispatch = common();
    dispatch.outgoing.address = Some("+8613800138000".into());
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
async fn a_message_is_asked_for() {
    let (twilio, base) = twilio().await;
    let mut settings = settings(&format!("{base}/"));
    settings["validity"] = json!(3600);
    let channel = built(&settings);
    assert_eq!(channel.name(), "sms");
    let mut dispatch = dispatch();
    dispatch.outgoing.content.title = "您的订单 & mehr=100%+".into();
    dispatch.links.read = Some("https://nudge.example/r/trk-1?a=b&c=d".into());
    dispatch.links.callback = Some("https://nudge.example/c/sms?t=trk-1".into());
    assert_eq!(
        channel.send(&dispatch).await,
        Outcome::Accepted { reference: Some(MESSAGE.into()) }
    );
    let asked = twilio.asked.lock().unwrap();
    let expected = [
        ("To", "+8613800138000"),
        ("From", "+15550001111"),
        ("Body", "您的订单 & mehr=100%+\nIt is on its way.\nhttps://nudge.example/r/trk-1?a=b&c=d"),
        ("StatusCallback", "https://nudge.example/c/sms?t=trk-1"),
        ("ValidityPeriod", "3600"),
    ];
    assert_eq!(asked[0].form.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(asked[0].field(name), Some(value));
    }
    assert_eq!(asked[0].headers["accept"], "application/json");
}

#[tokio::test]
async fn a_service_sends_to_whatsapp() {
    let (twilio, base) = twilio().await;
    let mut settings = settings(&base);
    settings.as_object_mut().unwrap().remove("from");
    settings["messaging_service_sid"] = json!(SERVICE);
    let mut dispatch = dispatch();
    dispatch.outgoing.address = Some(" whatsapp:+8613800138000 ".into());
    dispatch.outgoing.content.title = " ".into();
    dispatch.outgoing.content.link = None;
    assert!(matches!(built(&settings).send(&dispatch).await, Outcome::Accepted { .. }));
    let asked = twilio.asked.lock().unwrap();
    assert_eq!(asked[0].field("To"), Some("whatsapp:+8613800138000"));
    assert_eq!(asked[0].field("MessagingServiceSid"), Some(SERVICE));
    assert_eq!(asked[0].field("Body"), Some("It is on its way."));
    assert_eq!(asked[0].form.len(), 3);
}

#[tokio::test]
async fn who_has_no_number_is_not_asked_for() {
    let (twilio, base) = twilio().await;
    let channel = built(&settings(&base));
    let mut dispatch = dispatch();
    for none in [None, Some("".into()), Some(" ".into())] {
        dispatch.outgoing.address = none;
        let outcome = channel.send(&dispatch).await;
        assert!(matches!(outcome, Outcome::Failed(_)));
        assert_eq!(trouble(&outcome).reason, Reason::NoAddress);
    }
    for bad in [
        "13800138000",
        "+1234567",
        "+1234567890123456",
        "+0123456789",
        "+1 555 000 1111",
        "+1555000111a",
        "+１５５５０００１１１１",
        "+15550001111,+15550002222",
        "+15550001111\r\nx",
        "whatsapp:15550001111",
        "whatsapp:whatsapp:+15550001111",
        "sms:+15550001111",
        "ada@example.com",
    ] {
        dispatch.outgoing.address = Some(bad.into());
        let outcome = channel.send(&dispatch).await;
        assert!(matches!(outcome, Outcome::Gone(_)), "{bad}");
        assert_eq!(trouble(&outcome).reason, Reason::InvalidAddress);
    }
    assert!(twilio.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn texts_have_an_end() {
    let (twilio, base) = twilio().await;
    let channel = built(&settings(&base));
    let mut dispatch = dispatch();
    dispatch.outgoing.content.title.clear();
    dispatch.outgoing.content.link = None;
    dispatch.outgoing.content.body = "字".repeat(1598) + "😀";
    assert!(matches!(channel.send(&dispatch).await, Outcome::Accepted { .. }));
    dispatch.outgoing.content.body.push('x');
    let outcome = channel.send(&dispatch).await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(trouble(&outcome).reason, Reason::TooLong);
    dispatch.outgoing.content.body = " \n".into();
    assert_eq!(trouble(&channel.send(&dispatch).await).reason, Reason::Content);
    assert_eq!(twilio.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let (_, base) = twilio().await;
    let mut settings = settings(&base);
    settings["auth_token"] = json!("geheim");
    let outcome = built(&settings).send(&dispatch()).await;
    assert!(matches!(outcome, Outcome::Later { .. }));
    assert_eq!(trouble(&outcome).reason, Reason::Credentials);
    assert_eq!(trouble(&outcome).detail, "account or token is refused: status 401, code 20003");
    assert!(!format!("{outcome:?}").contains("geheim"));
}

#[tokio::test]
async fn every_documented_error() {
    use Reason::{
        Content, Credentials, InvalidAddress, Provider, Rejected, Settings, Throttled, TooLong,
        Unsubscribed,
    };
    let cases: &[(&str, Reason, u16, &[u32])] = &[
        ("gone", InvalidAddress, 400, &[21211, 21214, 21217, 21265, 21614, 21635, 63003, 63024]),
        ("gone", Unsubscribed, 400, &[21610]),
        ("later", Credentials, 401, &[20003, 20005, 20006, 20008, 10001]),
        ("later", Throttled, 429, &[20429, 429, 14107, 21611, 30001, 63017, 63018]),
        ("later", Provider, 500, &[20500, 20503, 503]),
        ("later", Settings, 400, &[21212, 21601, 21603, 21606, 21616, 21659, 21660, 21661]),
        ("later", Settings, 400, &[21408, 21608, 21609, 21624, 21701, 21703, 21910, 63007, 90007]),
        ("later", Settings, 404, &[20404]),
        ("failed", TooLong, 400, &[21605, 21617, 21658]),
        ("failed", Content, 400, &[21602, 21619]),
        ("failed", Rejected, 400, &[21612, 63016]),
        // Unknown ones go by the status.
        ("failed", Rejected, 400, &[0, 99999]),
        ("later", Credentials, 401, &[99999]),
        ("later", Credentials, 403, &[99999]),
        ("later", Settings, 404, &[99999]),
        ("later", Throttled, 429, &[99999]),
        ("later", Provider, 503, &[99999]),
        ("failed", Rejected, 302, &[99999]),
    ];
    let (twilio, base) = twilio().await;
    let channel = built(&settings(&base));
    for (fate, reason, status, codes) in cases {
        for code in *codes {
            let message = "The 'To' number +8613800138000 is not what it should be.";
            let body = json!({"code": code, "message": message, "status": status,
                "more_info": format!("https://www.twilio.com/docs/errors/{code}")});
            *twilio.answer.lock().unwrap() = Some((*status, body));
            let outcome = channel.send(&dispatch()).await;
            let became = match &outcome {
                Outcome::Later { .. } => "later",
                Outcome::Failed(_) => "failed",
                Outcome::Gone(_) => "gone",
                Outcome::Accepted { .. } => "accepted",
            };
            let trouble = trouble(&outcome);
            assert_eq!((became, trouble.reason), (*fate, *reason), "{status} {code}");
            assert!(!trouble.detail.contains("138"));
            assert!(trouble.detail.ends_with(&format!("status {status}, code {code}")));
        }
    }
}

#[tokio::test]
async fn answers_that_make_no_sense() {
    let (twilio, base) = twilio().await;
    let channel = built(&settings(&base));
    let outcomes = [
        (500, json!("broken"), Some(Reason::Provider)),
        (400, json!({"code": "21211"}), Some(Reason::Rejected)),
        (400, json!({"code": -1}), Some(Reason::Rejected)),
        (400, json!([]), Some(Reason::Rejected)),
        (201, json!({"sid": "../x"}), None),
        (201, json!(null), None),
    ];
    for (status, body, reason) in outcomes {
        *twilio.answer.lock().unwrap() = Some((status, body));
        let outcome = channel.send(&dispatch()).await;
        match reason {
            Some(reason) => assert_eq!(trouble(&outcome).reason, reason),
            None => assert_eq!(outcome, Outcome::ACCEPTED),
        }
    }

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = built(&settings(&base)).send(&dispatch()).await;
    assert!(matches!(outcome, Outcome::Later { .. }));
    assert_eq!(trouble(&outcome).reason, Reason::Unreachable);
}

#[test]
fn what_the_wire_refuses_is_not_tried_again() {
    for reason in [Reason::Forbidden, Reason::Settings] {
        assert!(matches!(Outcome::unsent(Trouble::new(reason, "")), Outcome::Failed(_)));
    }
    assert!(matches!(Outcome::unsent(Trouble::new(Reason::Timeout, "")), Outcome::Later { .. }));
}

#[test]
fn settings_are_checked() {
    let wrongs = |settings: &Value| -> Vec<String> {
        let wrongs = Sms::build("sms", settings, &wire()).err().unwrap_or_default();
        wrongs.into_iter().map(|wrong| wrong.path).collect()
    };
    let mut least = settings("x");
    least.as_object_mut().unwrap().remove("base_url");
    let channel = built(&least);
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    assert_eq!(channel.url, url);
    for from in ["+15550001111", "whatsapp:+15550001111", "12345", "Nudge Shop"] {
        least["from"] = json!(from);
        assert_eq!(wrongs(&least), [""; 0], "{from}");
    }
    for from in ["", "nobody@example.com", "12", "whatsapp:x", "A name too long", " Shop", "+1-555"]
    {
        least["from"] = json!(from);
        assert_eq!(wrongs(&least), ["/from"], "{from}");
    }
    let bad = json!({"base_url": "ftp://x", "account_sid": "AC1/../2", "auth_token": "",
        "messaging_service_sid": "MG", "validity": 0});
    let all = ["/base_url", "/account_sid", "/auth_token", "/messaging_service_sid", "/validity"];
    assert_eq!(wrongs(&bad), all);
    for base in ["https://u:p@x.example", "https://x.example?q", "https://x.example#f", "x"] {
        assert_eq!(wrongs(&settings(base)), ["/base_url"], "{base}");
    }
    let mut both = settings("https://x.example");
    both["messaging_service_sid"] = json!(SERVICE);
    assert_eq!(wrongs(&both), ["/from"]);
    both.as_object_mut().unwrap().retain(|name, _| !name.contains("s") || name.contains("_url"));
    both["account_sid"] = json!(ACCOUNT);
    both.as_object_mut().unwrap().remove("from");
    assert_eq!(wrongs(&both), ["/from"]);
    let mut long = settings("https://x.example");
    long["validity"] = json!(36_001);
    assert_eq!(wrongs(&long), ["/validity"]);
    long["colour"] = json!("red");
    assert_eq!(wrongs(&long), [""]);
    assert_eq!(SECRETS, ["/auth_token"]);
}

#[test]
fn forms_go_both_ways() {
    let pairs = [("a", "b c"), ("ü&=+%", "日本\r\n😀"), ("", "*-._~"), ("x", "")];
    let form = form::write(&pairs);
    assert_eq!(form, "a=b+c&%C3%BC%26%3D%2B%25=%E6%97%A5%E6%9C%AC%0D%0A%F0%9F%98%80&=*-._%7E&x=");
    let read = form::read(form.as_bytes());
    assert_eq!(read.iter().map(|(a, b)| (&**a, &**b)).collect::<Vec<_>>(), pairs);
    let odd = form::read(b"&&a&=&%&%4&%zz=%C3&%+1=%41");
    let odd: Vec<_> = odd.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(
        odd,
        [("a", ""), ("", ""), ("%", ""), ("%4", ""), ("%zz", "\u{fffd}"), ("% 1", "A")]
    );
}
