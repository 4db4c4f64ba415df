//! WeChat, WeCom, browsers, and providers by templates: what each gets over its wire, and what one of its
//! documented errors leads to.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{self, ECDSA_P256_SHA256_FIXED};
use serde_json::{Value, json};

use super::scene::{HOME, Plan, Scene};
use super::sink::{Reply, Seen, Sink, form};
use crate::service::stage::{nudge, run};
use crate::service::tenant::now;

/// A scene with one channel of this kind, to which users have an address.
async fn scene(kind: &str, settings: Value) -> Scene {
    let scene = Scene::with("retries = \"10ms 10ms 1h\"").await;
    scene.tenant.has("way", kind, settings).await;
    let plan = Plan::on(&[("way", "address")]).leads("https://shop.example/cart");
    scene.tenant.activate(&plan.toml()).await;
    scene
}

async fn tell(scene: &Scene, user: &str, address: &str) {
    scene.tenant.identify(user, json!({ "address": address })).await;
    scene.tenant.tell(user).await;
}

/// A service of Tencent's: gives tokens, and answers to messages by these codes, the last one from then on.
fn tencent(path: &'static str, mut codes: Vec<Value>) -> Sink {
    let mut tokens = 0;
    Sink::new(move |seen: &Seen, _| {
        if seen.method == "GET" {
            tokens += 1;
            let token = json!({ "errcode": 0, "access_token": format!("token-{tokens}"),
                "expires_in": 7200 });
            return Reply::json(200, &token);
        }
        assert!(seen.path.starts_with(path), "{}", seen.path);
        let code = if codes.len() > 1 { codes.remove(0) } else { codes[0].clone() };
        Reply::json(200, &code)
    })
}

fn posts(sink: &Sink) -> Vec<Seen> {
    sink.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

#[tokio::test]
async fn wechat_gets_a_template_message_and_tells_what_became_of_it() {
    let good = json!({ "errcode": 0, "errmsg": "ok", "msgid": 200_228_332 });
    let refused = json!({ "errcode": 42001, "errmsg": "access_token expired" });
    let blocked = json!({ "errcode": 43004, "errmsg": "require subscribe open-id-2" });
    let path = "/cgi-bin/message/template/send?access_token=";
    let sink = tencent(path, vec![refused, good, blocked]);
    let settings = json!({ "base_url": sink.base(), "app_id": "wx0123", "secret": "a secret&",
        "template_id": "tm-1", "callback_token": "callback-token",
        "fields": { "thing1": "{{title}}", "thing2": "{{body}}" } });
    let scene = scene("wechat", settings).await;
    tell(&scene, "ann", "open-id-1").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!((&attempt["tries"], &attempt["reference"]), (&json!(0), &json!("200228332")));
    let seen = sink.seen();
    let fetched = seen[0].path.split_once('?').unwrap();
    assert_eq!(fetched.0, "/cgi-bin/token");
    let asked = form(fetched.1);
    assert_eq!((asked["appid"].as_str(), asked["secret"].as_str()), ("wx0123", "a secret&"));
    // The token that no longer held was fetched anew, within the same try.
    let sent = posts(&sink);
    assert_eq!(sent.len(), 2);
    assert!(sent[0].path.ends_with("token-1") && sent[1].path.ends_with("token-2"));
    let body = sent[1].json();
    assert_eq!((&body["touser"], &body["template_id"]), (&json!("open-id-1"), &json!("tm-1")));
    assert_eq!(body["data"]["thing1"]["value"], "You are at cart");
    assert!(body["url"].as_str().unwrap().starts_with(&format!("{HOME}/r/")));

    // Its report, signed and not.
    let report = |nonce: &str| {
        let at = (now() / 1000).to_string();
        let mut parts = ["callback-token", &at, nonce];
        parts.sort_unstable();
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes());
        let hash: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        format!("/v1/callbacks/shop/way?signature={hash}&timestamp={at}&nonce={nonce}")
    };
    let letter = "<xml><FromUserName><![CDATA[open-id-1]]></FromUserName><MsgType>event</MsgType>\
                  <Event>TEMPLATESENDJOBFINISH</Event><MsgID>200228332</MsgID>\
                  <Status>success</Status></xml>";
    let forged = report("7").replace("signature=", "signature=0");
    scene.stage.server.post(&forged).body("text/xml", letter).send().await.is(403);
    assert_eq!(scene.tenant.evidence("ann").await, ["accepted"]);
    let got = scene.stage.server.post(&report("7")).body("text/xml", letter).send().await;
    assert_eq!((got.status, got.text().as_str()), (200, "success"));
    assert_eq!(scene.tenant.evidence("ann").await, ["accepted", "delivered"]);
    let echo = report("8") + "&echostr=hello";
    assert_eq!(scene.stage.server.get(&echo).send().await.text(), "hello");

    // Who does not follow the account is not written to again.
    tell(&scene, "bob", "open-id-2").await;
    let attempt = scene.tenant.ends("bob", "failed").await;
    assert_eq!(attempt["reason"], "unsubscribed: errcode 43004: require subscribe …");
    tell(&scene, "cyd", "open-id-2").await;
    assert_eq!(scene.tenant.ends("cyd", "refused").await["reason"], "suppressed");
}

#[tokio::test]
async fn wecom_gets_a_message_for_one_member() {
    let good = json!({ "errcode": 0, "errmsg": "ok", "msgid": "m-1" });
    let nobody = json!({ "errcode": 0, "errmsg": "ok", "invaliduser": "nobody" });
    let sink = tencent("/cgi-bin/message/send?access_token=token-1", vec![good, nobody]);
    let settings = json!({ "base_url": sink.base(), "corp_id": "ww01", "secret": "s",
        "agent_id": 1_000_002, "msgtype": "textcard" });
    let scene = scene("wecom", settings).await;
    tell(&scene, "ann", "AnnChen").await;
    scene.tenant.ends("ann", "accepted").await;
    assert_eq!(sink.seen()[0].path, "/cgi-bin/gettoken?corpid=ww01&corpsecret=s");
    let body = posts(&sink)[0].json();
    assert_eq!((&body["touser"], &body["agentid"]), (&json!("AnnChen"), &json!(1_000_002)));
    assert_eq!(
        (&body["msgtype"], &body["enable_duplicate_check"]),
        (&json!("textcard"), &json!(1))
    );
    assert_eq!(body["textcard"]["title"], "You are at cart");
    // The provider says "ok" and means nobody.
    tell(&scene, "bob", "Nobody").await;
    let reason = scene.tenant.ends("bob", "failed").await["reason"].clone();
    assert!(reason.as_str().unwrap().starts_with("invalid-address: "), "{reason}");
    // One address is one member, never everybody.
    for (user, address) in [("eve", "@all"), ("fay", "AnnChen|BobLi"), ("gil", "nobody\"}")] {
        tell(&scene, user, address).await;
        scene.tenant.ends(user, "failed").await;
    }
    assert_eq!(posts(&sink).len(), 2);
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(key: &Prk, info: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    key.expand(&[info], Bytes(N)).unwrap().fill(&mut bytes).unwrap();
    bytes
}

/// What a browser makes of a push message (RFC 8188, RFC 8291).
fn decrypted(own: EphemeralPrivateKey, public: &[u8], auth: &[u8], body: &[u8]) -> Value {
    let (salt, rest) = body.split_at(16);
    let (_, rest) = rest.split_at(4);
    let (theirs, sealed) = rest[1..].split_at(usize::from(rest[0]));
    let sender = UnparsedPublicKey::new(&ECDH_P256, theirs);
    let mut text = agree_ephemeral(own, &sender, |secret| {
        let shared = Salt::new(HKDF_SHA256, auth).extract(secret);
        let material: [u8; 32] = expand(&shared, &[b"WebPush: info\0", public, theirs].concat());
        let salted = Salt::new(HKDF_SHA256, salt).extract(&material);
        let key: [u8; 16] = expand(&salted, b"Content-Encoding: aes128gcm\0");
        let nonce: [u8; 12] = expand(&salted, b"Content-Encoding: nonce\0");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap().to_vec()
    })
    .unwrap();
    while text.pop().unwrap() != 2 {}
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn a_browser_gets_what_only_it_can_read() {
    let keys = run(&mut nudge(&["secrets", "vapid"])).out;
    let key = |name: &str| {
        let line = keys.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_matches([' ', '=', '"']).to_owned()
    };
    let (public, private) = (key("public_key"), key("private_key"));
    let rng = SystemRandom::new();
    let browser = EphemeralPrivateKey::generate(&ECDH_P256, &rng).unwrap();
    let point = browser.compute_public_key().unwrap();
    let auth = [5; 16];
    let sink = Sink::new(|_, nth| match nth {
        0 => Reply::status(201).header("location", "/m/1"),
        _ => Reply::status(410),
    });
    let settings = json!({ "subject": "mailto:push@shop.example", "public_key": public,
        "private_key": private });
    let scene = scene("web-push", settings).await;
    let address = json!({ "endpoint": sink.url("/push/1"), "expirationTime": null,
        "keys": { "p256dh": URL_SAFE_NO_PAD.encode(&point), "auth": URL_SAFE_NO_PAD.encode(auth) } });
    let address = address.to_string();
    tell(&scene, "ann", &address).await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["reference"], "/m/1");
    let seen = sink.only();
    assert_eq!((seen.header("content-encoding"), seen.header("urgency")), ("aes128gcm", "normal"));
    assert!(seen.header("ttl").parse::<u32>().unwrap() > 0);
    // RFC 8292: who sends is signed for this push service.
    let (token, k) = seen.header("authorization").split_once(", k=").unwrap();
    assert_eq!(k, public);
    let (signed, mark) = token.strip_prefix("vapid t=").unwrap().rsplit_once('.').unwrap();
    let key = URL_SAFE_NO_PAD.decode(k).unwrap();
    let key = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(mark).unwrap()).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&json!(sink.base()), &json!("mailto:push@shop.example"))
    );
    let said = decrypted(browser, point.as_ref(), &auth, &seen.body);
    assert_eq!(
        (&said["title"], &said["tracking"]),
        (&json!("You are at cart"), &attempt["tracking"])
    );

    // The browser is gone, and is not asked again.
    tell(&scene, "bob", &address).await;
    let reason = scene.tenant.ends("bob", "failed").await["reason"].clone();
    assert_eq!(reason, "unsubscribed: the push service answered 410");
    tell(&scene, "cyd", &address).await;
    assert_eq!(scene.tenant.ends("cyd", "refused").await["reason"], "suppressed");
    // What is no subscription is none.
    for (user, wrong) in [("dan", "{}"), ("eve", "nonsense"), ("fay", "{\"endpoint\":1}")] {
        tell(&scene, user, wrong).await;
        scene.tenant.ends(user, "failed").await;
    }
    assert_eq!(sink.seen().len(), 2);
}

#[tokio::test]
async fn a_robot_of_dingtalk_gets_signed_links() {
    let sink = Sink::new(|_, nth| {
        let limited = json!({ "errcode": 130_101, "errmsg": "send too fast, token-of-robot" });
        let banned = json!({ "errcode": 310_000, "errmsg": "keywords not in content" });
        let good = json!({ "errcode": 0, "errmsg": "ok" });
        Reply::json(200, [&limited, &good, &banned][nth.min(2)])
    });
    let url =
        "/robot/send?access_token={{secret.access_token}}&timestamp={{timestamp}}&sign={{sign}}";
    let settings = json!({
        "url": sink.url(url),
        "body": { "msgtype": "link", "link": { "title": "{{title}}", "text": "{{body}}",
            "messageUrl": "{{read}}", "picUrl": "" } },
        "secrets": { "access_token": "token-of-robot", "sign": "SEC0000" },
        "sign": { "kind": "dingtalk", "secret": "sign" },
        "ok": { "status": [200], "path": "/errcode", "equals": [0] },
        "denied": { "path": "/errcode", "equals": [300_001, 310_000] },
        "retry": { "path": "/errcode", "equals": [-1, 130_101] },
        "detail": "/errmsg",
    });
    let scene = scene("http", settings).await;
    let shown = scene.tenant.channel("way").await;
    assert_eq!(shown["settings"]["secrets"], json!({ "access_token": "***", "sign": "***" }));
    tell(&scene, "ann", "a").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["tries"], 1, "200 is not always good");
    let seen = sink.seen();
    for one in &seen {
        let query = form(one.path.split_once('?').unwrap().1);
        assert_eq!(query["access_token"], "token-of-robot");
        let at: i64 = query["timestamp"].parse().unwrap();
        assert!((at - now()).abs() < 300_000, "in milliseconds");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"SEC0000");
        let signed = format!("{at}\nSEC0000");
        assert_eq!(query["sign"], STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
        let body = one.json();
        assert_eq!(body["link"]["title"], "You are at cart");
        assert!(body["link"]["messageUrl"].as_str().unwrap().starts_with(HOME));
    }
    tell(&scene, "bob", "b").await;
    scene.stage.server.get("/healthz").send().await;
    let waiting = crate::service::http::eventually("a try in vain", || async {
        scene
            .tenant
            .attempts(Some("bob"))
            .await
            .into_iter()
            .find(|one| one["tries"].as_u64() >= Some(1))
    });
    let reason = waiting.await["reason"].clone();
    assert_eq!(reason, "credentials: the provider answered 200: 310000: keywords not in content");
}

#[tokio::test]
async fn a_robot_of_feishu_gets_its_kind_of_signature_and_hostile_text_stays_text() {
    let sink = Sink::new(|_, nth| match nth {
        0 => Reply::json(200, &json!({ "code": 0, "msg": "success" })),
        _ => Reply::json(200, &json!({ "code": 19024, "msg": "Key Words Not Found" })),
    });
    let settings = json!({
        "url": sink.url("/open-apis/bot/v2/hook/{{secret.hook}}"),
        "body": { "timestamp": "{{timestamp}}", "sign": "{{sign}}", "msg_type": "text",
            "content": { "text": "{{title}}: {{body}} {{address}}" } },
        "secrets": { "hook": "robot-hook", "sign": "feishu-sign" },
        "sign": { "kind": "feishu", "secret": "sign" },
        "ok": { "path": "/code", "equals": [0] },
        "detail": "/msg",
    });
    let scene = scene("http", settings).await;
    let hostile = "\"},\"x\":\"{{secret.sign}}\\";
    tell(&scene, "ann", hostile).await;
    scene.tenant.ends("ann", "accepted").await;
    let seen = sink.only();
    assert_eq!(seen.path, "/open-apis/bot/v2/hook/robot-hook");
    let body = seen.json();
    let at = body["timestamp"].as_str().unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{at}\nfeishu-sign").as_bytes());
    assert_eq!(body["sign"], STANDARD.encode(hmac::sign(&key, b"")));
    let text = body["content"]["text"].as_str().unwrap();
    assert_eq!(text, format!("You are at cart: Come back. {hostile}"));
    assert_eq!(body.as_object().unwrap().len(), 4);
    tell(&scene, "bob", "b").await;
    let reason = scene.tenant.ends("bob", "failed").await["reason"].clone();
    assert_eq!(reason, "rejected: the provider answered 200: 19024: Key Words Not Found");
}
