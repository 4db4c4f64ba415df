//! Secrets of channels: never shown, never in the clear on the disk or in what the service says, and worth
//! nothing without the operator's key.

use std::path::Path;

use serde_json::{Value, json};

use super::scene::{Plan, Scene, config, key};
use super::sink::{Reply, Sink};
use super::sms::{self, TOKEN};
use crate::service::http::eventually;

/// Files of a directory in which a text occurs, as it is or in base64.
fn with(folder: &Path, text: &str) -> Vec<String> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let encoded = &encoded[..encoded.len() / 4 * 4 - 4];
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        if file.is_dir() {
            found.extend(with(&file, text));
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        if has(text) || has(encoded) {
            found.push(file.display().to_string());
        }
    }
    found
}

fn channel(sink: &Sink) -> Value {
    json!({ "kind": "sms", "settings": sms::settings(sink) })
}

/// Has a user with a number written to.
async fn tell(scene: &Scene, user: &str) {
    scene.tenant.identify(user, json!({ "phone": "+4915112345678" })).await;
    scene.tenant.tell(user).await;
}

fn plan() -> Plan {
    Plan::on(&[("sms", "phone")])
}

#[tokio::test]
async fn a_secret_is_never_seen_again_but_by_whom_it_is_for() {
    let sink = sms::twilio();
    let mut scene = Scene::new().await;
    scene.stage.stop();
    let mut command = scene.stage.command();
    scene.stage.start_by(command.env("NUDGE_LOG", "trace"));
    let tenant = &scene.tenant;
    let put = tenant.put("sms", &channel(&sink)).send().await.is(201);
    let mut shown = channel(&sink)["settings"].clone();
    shown["auth_token"] = json!("***");
    assert_eq!(put.json()["settings"], shown);
    assert_eq!(tenant.channel("sms").await["settings"], shown);
    for path in ["/v1/channels", "/v1/channels/sms"] {
        assert!(!tenant.get(path).send().await.is(200).text().contains(TOKEN));
    }
    tenant.activate(&plan().toml()).await;
    let login = |nth: usize| sink.seen()[nth].header("authorization").to_owned();
    tell(&scene, "ann").await;
    tenant.ends("ann", "accepted").await;

    // Sent back as it was shown, with something else changed, it stays.
    let mut changed = json!({ "kind": "sms", "settings": shown });
    changed["settings"]["from"] = json!("+15550002222");
    tenant.put("sms", &changed).send().await.is(200);
    tell(&scene, "bob").await;
    tenant.ends("bob", "accepted").await;
    assert_eq!(sink.seen()[1].form()["From"], "+15550002222");
    assert_eq!(login(0), login(1));

    // A failure, a refused setting and a forged callback do not tell it either.
    sink.answers(|_, _| Reply::json(400, &json!({ "code": 21212, "message": TOKEN })));
    tell(&scene, "cyd").await;
    eventually("a try in vain", || async {
        tenant.attempts(Some("cyd")).await.into_iter().find(|one| one["tries"].as_u64() >= Some(1))
    })
    .await;
    let mut wrong = channel(&sink);
    wrong["settings"]["from"] = json!("");
    let got = tenant.put("sms", &wrong).send().await.is(400);
    assert!(!got.text().contains(TOKEN), "{}", got.text());
    let mut wrong = channel(&sink);
    wrong["settings"]["auth_token"] = json!([TOKEN]);
    let got = tenant.put("sms", &wrong).send().await.is(400);
    assert!(!got.text().contains(TOKEN), "{}", got.text());
    assert!(!tenant.attempts(None).await.iter().any(|one| one.to_string().contains(TOKEN)));

    assert_eq!(with(scene.stage.data(), TOKEN), Vec::<String>::new());
    let said = scene.stage.stop();
    assert_eq!(with(scene.stage.data(), TOKEN), Vec::<String>::new());
    assert!(!with(scene.stage.data(), "phone").is_empty(), "what is there is found");
    let login = sink.seen()[0].header("authorization").to_owned();
    for secret in [TOKEN, login.trim_start_matches("Basic "), "4915112345678"] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn hidden_secrets_of_nothing_are_none() {
    let sink = sms::twilio();
    let scene = Scene::new().await;
    let mut hidden = channel(&sink);
    hidden["settings"]["auth_token"] = json!("***");
    // There is none that it could stand for: neither before, nor of another channel or kind.
    let put = scene.tenant.put("sms", &hidden).send().await.is(400);
    assert_eq!(put.pointers(), ["/settings/auth_token"]);
    scene.tenant.put("sms", &channel(&sink)).send().await.is(201);
    scene.tenant.put("other", &hidden).send().await.is(400);
    scene.tenant.put("sms", &hidden).send().await.is(200);
}

#[tokio::test]
async fn without_a_key_no_channel_has_secrets() {
    let sink = Sink::good();
    let config = config("", Path::new(""));
    let scene = Scene::configured(&config).await;
    let tenant = &scene.tenant;
    let got = tenant.put("sms", &channel(&sink)).send().await.is(409);
    let detail = got.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("secrets.key_file") && detail.contains("operator"), "{detail}");
    tenant.get("/v1/channels/sms").send().await.is(404);
    // One that has none can be set up all the same.
    let open = json!({ "url": sink.url("/in"), "body": { "text": "{{title}}" } });
    tenant.has("open", "http", open).await;
    tenant.activate(&Plan::on(&[("open", "")]).toml()).await;
    tenant.tell("ann").await;
    tenant.ends("ann", "accepted").await;
    assert_eq!(sink.only().json(), json!({ "text": "You are at cart" }));
}

#[tokio::test]
async fn with_a_wrong_key_messages_wait_and_with_the_right_one_they_go_out() {
    let sink = sms::twilio();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nudge.key");
    std::fs::write(&file, key(1)).unwrap();
    let mut scene = Scene::configured(&config("retries = \"1s 1s 1s 1h\"", &file)).await;
    let tenant = scene.tenant.clone();
    tenant.put("sms", &channel(&sink)).send().await.is(201);
    tenant.activate(&plan().toml()).await;

    scene.stage.stop();
    std::fs::write(&file, key(2)).unwrap();
    scene.stage.start();
    tell(&scene, "ann").await;
    let waiting = eventually("a try in vain", || async {
        tenant.attempts(Some("ann")).await.into_iter().find(|one| one["tries"].as_u64() >= Some(1))
    });
    let waiting = waiting.await;
    let reason = waiting["reason"].as_str().unwrap();
    assert!(reason.starts_with("settings: ") && reason.contains("key_file"), "{reason}");
    assert!(waiting.get("outcome").is_none(), "{waiting:#}");
    // It is shown, and what is hidden cannot be kept.
    let mut hidden = channel(&sink);
    hidden["settings"]["auth_token"] =
        tenant.channel("sms").await["settings"]["auth_token"].clone();
    assert_eq!(hidden["settings"]["auth_token"], "***");
    let got = tenant.put("sms", &hidden).send().await.is(503);
    assert!(got.text().contains("key_file"), "{}", got.text());
    assert!(sink.seen().is_empty());

    // A new key on top, the old one below: everything works, and what is set up anew is under the new one.
    scene.stage.stop();
    std::fs::write(&file, format!("# keys\n{}{}", key(3), key(1))).unwrap();
    scene.stage.start();
    tenant.ends("ann", "accepted").await;
    tenant.put("sms", &hidden).send().await.is(200);
    scene.stage.stop();
    std::fs::write(&file, key(3)).unwrap();
    scene.stage.start();
    tell(&scene, "bob").await;
    tenant.ends("bob", "accepted").await;
    assert_eq!(sink.seen().len(), 2);

    // What is no key file stops the service at once, with a word on it.
    scene.stage.stop();
    std::fs::write(&file, "nonsense\n").unwrap();
    let ended = crate::service::stage::run(&mut scene.stage.command());
    assert_ne!(ended.code, 0);
    assert!(ended.err.contains("key_file"), "{}", ended.err);
}
