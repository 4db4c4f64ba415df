//! Text messages, by a server that speaks as Twilio does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::scene::{HOME, Plan, Scene, path};
use super::sink::{Reply, Seen, Sink};
use crate::service::http::Got;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "the-token-of-the-account";

/// Takes every message, and calls each by another name.
pub fn twilio() -> Sink {
    Sink::new(|_, nth| {
        Reply::json(201, &json!({ "sid": format!("SM{nth:032x}"), "status": "queued" }))
    })
}

pub fn settings(sink: &Sink) -> Value {
    json!({ "base_url": sink.base(), "account_sid": ACCOUNT, "auth_token": TOKEN,
        "from": "+15550001111" })
}

/// Users with a number who are written to by text message, and then by webhook.
async fn scene(sink: &Sink, hook: &Sink, wait: &str) -> Scene {
    let scene = Scene::with("retries = \"10ms 1h\"").await;
    scene.tenant.has("sms", "sms", settings(sink)).await;
    scene.tenant.hook("hook", &hook.url("/in")).await;
    let plan = Plan::on(&[("sms", "phone"), ("hook", "")]).waits(wait);
    scene.tenant.activate(&plan.toml()).await;
    scene
}

async fn tell(scene: &Scene, user: &str, phone: &str) {
    scene.tenant.identify(user, json!({ "phone": phone })).await;
    scene.tenant.tell(user).await;
}

/// What Twilio signs, and how.
pub fn signature(url: &str, form: &[(&str, &str)], token: &str) -> String {
    let fields: BTreeMap<&str, &str> = form.iter().copied().collect();
    let fields: String = fields.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, (url.to_owned() + &fields).as_bytes()))
}

fn encoded(form: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        let byte = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Calls back, signed with this token.
async fn calls_back(scene: &Scene, url: &str, form: &[(&str, &str)], token: &str) -> Got {
    let ask = scene.stage.server.post(path(url)).header("user-agent", "TwilioProxy/1.1");
    let ask = ask.header("x-twilio-signature", &signature(url, form, token));
    ask.body("application/x-www-form-urlencoded", encoded(form)).send().await
}

fn callback(seen: &Seen) -> String {
    seen.form()["StatusCallback"].clone()
}

#[tokio::test]
async fn a_text_message_is_sent_as_twilio_wants_it() {
    let (sink, hook) = (twilio(), Sink::good());
    let scene = scene(&sink, &hook, "1h").await;
    tell(&scene, "ann", "+4915112345678").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    let seen = sink.only();
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    let login = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    assert_eq!(seen.header("authorization"), format!("Basic {login}"));
    let form = seen.form();
    assert_eq!(form["To"], "+4915112345678");
    assert_eq!(form["From"], "+15550001111");
    let tracking = attempt["tracking"].as_str().unwrap();
    let mut lines = form["Body"].lines();
    assert_eq!((lines.next(), lines.next()), (Some("You are at cart"), Some("Come back.")));
    assert!(lines.next().unwrap().starts_with(&format!("{HOME}/r/")));
    assert_eq!(callback(&seen), format!("{HOME}/v1/callbacks/shop/sms?t={tracking}"));
    assert_eq!(attempt["reference"], format!("SM{:032x}", 0));
    assert!(hook.seen().is_empty());
}

#[tokio::test]
async fn reports_that_twilio_signed_are_believed_and_no_others() {
    let (sink, hook) = (twilio(), Sink::good());
    let scene = scene(&sink, &hook, "1h").await;
    tell(&scene, "ann", "+4915112345678").await;
    scene.tenant.ends("ann", "accepted").await;
    let url = callback(&sink.only());
    let sid = format!("SM{:032x}", 0);
    let form = [("MessageSid", sid.as_str()), ("MessageStatus", "delivered"), ("To", "+49 x&=")];
    let before = scene.tenant.user("ann").await;
    // Forged ones: another key, none, another URL, another form, another way.
    calls_back(&scene, &url, &form, "another token").await.is(403);
    calls_back(&scene, &url, &form, "").await.is(403);
    let plain = "application/x-www-form-urlencoded";
    let unsigned = scene.stage.server.post(path(&url)).body(plain, encoded(&form));
    unsigned.send().await.is(403);
    let good = signature(&url, &form, TOKEN);
    let more = encoded(&[form[0], ("MessageStatus", "undelivered"), ("ErrorCode", "30005")]);
    for (target, body) in
        [(url.clone() + "&x=1", encoded(&form)), (url.clone(), more), (url.clone(), String::new())]
    {
        let ask = scene.stage.server.post(path(&target)).header("x-twilio-signature", &good);
        ask.body(plain, body).send().await.is(403);
    }
    let got = scene.stage.server.get(path(&url)).header("x-twilio-signature", &good).send().await;
    got.is(403);
    assert_eq!(scene.tenant.user("ann").await, before);
    assert!(scene.tenant.get("/v1/suppressions").send().await.text().contains("\"items\":[]"));

    let got = calls_back(&scene, &url, &form, TOKEN).await;
    assert!(got.status < 300, "{}", got.text());
    assert_eq!(scene.tenant.evidence("ann").await, ["accepted", "delivered"]);
    // By its own name, where the tracking id is not in the URL; and one of which nothing is known.
    let bare = url.split_once('?').unwrap().0;
    let read = [("MessageSid", sid.as_str()), ("MessageStatus", "read")];
    assert!(calls_back(&scene, bare, &read, TOKEN).await.status < 300);
    assert_eq!(scene.tenant.evidence("ann").await, ["accepted", "delivered", "opened"]);
    let unknown = [("MessageSid", "SMffff"), ("MessageStatus", "failed")];
    assert!(calls_back(&scene, bare, &unknown, TOKEN).await.status < 300);
    // What is none of it.
    let nonsense = [("Nonsense", "1")];
    calls_back(&scene, bare, &nonsense, TOKEN).await.is(400);
    for nowhere in ["shop/none", "none/sms", "shop/hook", "shop/app", "shop/log"] {
        let url = format!("{HOME}/v1/callbacks/{nowhere}");
        calls_back(&scene, &url, &form, TOKEN).await.is(404);
    }
}

#[tokio::test]
async fn a_number_that_is_dead_is_not_written_to_again_and_the_next_channel_is() {
    let (sink, hook) = (twilio(), Sink::good());
    let scene = scene(&sink, &hook, "1h").await;
    let tenant = &scene.tenant;
    tell(&scene, "ann", "+4915112345678").await;
    tenant.ends("ann", "accepted").await;
    let url = callback(&sink.only());
    let dead = [("MessageStatus", "undelivered"), ("ErrorCode", "30005")];
    assert!(calls_back(&scene, &url, &dead, TOKEN).await.status < 300);
    // The message goes on by the next channel.
    hook.saw(1).await;
    let listed = tenant.get("/v1/suppressions").send().await.is(200).json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(
        (&items[0]["channel"], &items[0]["reason"]),
        (&json!("sms"), &json!("invalid-address"))
    );
    assert!(!listed.to_string().contains("4915112345678"), "only a hash is kept");
    // So does the next message, also to somebody else with this number.
    for (many, user) in [(2, "ann"), (3, "bob")] {
        tenant.identify(user, json!({ "phone": " +4915112345678 " })).await;
        tenant.was_at(user, "desk", 30_000).await;
        hook.saw(many).await;
        let refused = tenant.that_are("refused").await;
        assert_eq!(refused.len(), many - 1);
        assert_eq!(refused[0]["reason"], "suppressed");
        assert_eq!((&refused[0]["user"], &refused[0]["channel"]), (&json!(user), &json!("sms")));
        assert_eq!(tenant.recorded(user, "withheld").await["why"], "suppressed");
    }
    assert_eq!(sink.seen().len(), 1);

    // Off the list it is written to again.
    let address = json!({ "channel": "sms", "address": "+4915112345678" });
    let off = tenant.post("/v1/suppressions/removals").json(&address).send().await;
    assert_eq!(off.status, 204);
    tenant.post("/v1/suppressions/removals").json(&address).send().await.is(404);
    let refused = tenant.that_are("refused").await.remove(0);
    tenant.resend(&refused).await.is(200);
    assert_eq!(sink.saw(2).await[1].form()["To"].trim(), "+4915112345678");
}

#[tokio::test]
async fn a_number_that_twilio_refuses_at_once_is_suppressed_as_well() {
    let sink = Sink::new(|_, _| {
        Reply::json(400, &json!({ "code": 21211, "message": "Invalid 'To' +4915112345678" }))
    });
    let hook = Sink::good();
    let scene = scene(&sink, &hook, "1h").await;
    tell(&scene, "ann", "+4915112345678").await;
    hook.saw(1).await;
    let dead = scene.tenant.that_are("failed").await.remove(0);
    let reason = dead["reason"].as_str().unwrap();
    assert!(reason.starts_with("invalid-address: ") && reason.contains("21211"), "{reason}");
    assert!(!reason.contains("4915112345678"), "no address in a reason: {reason}");
    let listed = scene.tenant.get("/v1/suppressions").send().await.is(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_replies_stop_gets_no_more_text_messages() {
    let (sink, hook) = (twilio(), Sink::good());
    let scene = scene(&sink, &hook, "1h").await;
    let tenant = &scene.tenant;
    tell(&scene, "ann", "+4915112345678").await;
    tenant.ends("ann", "accepted").await;
    let url = format!("{HOME}/v1/callbacks/shop/sms");
    let reply = |body: &'static str| [("From", "+4915112345678"), ("Body", body)];
    calls_back(&scene, &url, &reply("STOP"), "another").await.is(403);
    let got = calls_back(&scene, &url, &reply(" Stop. "), TOKEN).await;
    assert_eq!((got.status, got.header("content-type")), (200, "text/xml"));
    assert_eq!(got.text(), "<Response/>");
    let said = tenant.recorded("ann", "consented").await;
    assert_eq!((&said["channel"], &said["allowed"]), (&json!("sms"), &json!(false)));
    tenant.was_at("ann", "desk", 30_000).await;
    let seen = hook.saw(1).await;
    assert!(seen.iter().all(|one| one.json()["data"]["user"] == "ann"));
    assert_eq!(sink.seen().len(), 1);
    // And again, if they want to.
    assert_eq!(calls_back(&scene, &url, &reply("START"), TOKEN).await.status, 200);
    tenant.was_at("ann", "cart", 20_000).await;
    sink.saw(2).await;
    // An answer confirms the message.
    assert_eq!(calls_back(&scene, &url, &reply("Thank you!"), TOKEN).await.status, 200);
    assert_eq!(tenant.evidence("ann").await.last().unwrap(), "confirmed");
    // Nobody's number is nobody's word.
    let nobody = [("From", "+4915199999999"), ("Body", "STOP")];
    assert_eq!(calls_back(&scene, &url, &nobody, TOKEN).await.status, 200);
}
