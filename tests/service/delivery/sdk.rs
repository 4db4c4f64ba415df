//! The library that is published for those who receive webhooks, against what they get from here.
//! `NUDGE_SDKS` names a folder where it is installed (see `tests/sdk`).
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::scene::{Plan, SECRET, Scene};
use super::sink::Sink;

#[tokio::test]
async fn the_published_library_takes_our_webhooks_and_no_forged_ones() {
    let Some(installed) = std::env::var_os("NUDGE_SDKS").map(PathBuf::from) else {
        eprintln!("SKIPPED: NUDGE_SDKS names no folder with the library for webhooks");
        return;
    };
    let second = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let sink = Sink::good();
    let plan = Plan::on(&[("hook", "")]).says("標題 “\u{1f680}”", "é\n\t\\ \"'<&>");
    let scene = Scene::hooked("", &sink, &plan).await;
    for (user, secrets) in [("ann", vec![SECRET]), ("bob", vec![second, SECRET])] {
        let settings = json!({ "url": sink.url("/in"), "secrets": secrets });
        let new = json!({ "kind": "webhook", "settings": settings });
        scene.tenant.put("hook", &new).send().await.is(200);
        scene.tenant.tell(user).await;
        scene.tenant.ends(user, "accepted").await;
    }
    let seen = sink.seen();
    let case = |nth: usize, secret: &str, change: &str| {
        let one = &seen[nth];
        json!({ "secret": secret, "headers": one.headers, "body": one.text() + change })
    };
    let cases = [
        (case(0, SECRET, ""), true),
        (case(0, second, ""), false),
        (case(0, SECRET, " "), false),
        (case(1, SECRET, ""), true),
        (case(1, second, ""), true),
    ];
    // Node looks for the library beside the script.
    let script = installed.join("webhook.mjs");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sdk/webhook.mjs");
    std::fs::copy(ours, &script).unwrap();
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let given: Vec<&Value> = cases.iter().map(|(case, _)| case).collect();
    let given = serde_json::to_vec(&given).unwrap();
    node.stdin.take().unwrap().write_all(&given).unwrap();
    let ended = node.wait_with_output().unwrap();
    assert!(ended.status.success());
    let told: Vec<Value> = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told.len(), cases.len());
    for ((case, good), told) in cases.iter().zip(&told) {
        assert_eq!(told["good"], *good, "{case:#} {told:#}");
        if *good {
            assert_eq!(told["payload"]["data"]["title"], "標題 “\u{1f680}”");
        }
    }
}
