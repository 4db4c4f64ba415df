//! What the service says about itself tells nothing about those who use it: logs, numbers, files.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::stream::Stream;
use super::tenant::strategy;

#[tokio::test]
async fn logs_hold_no_keys_no_tokens_and_nothing_about_users() {
    for level in ["debug", "trace"] {
        let mut stage = Stage::with(&format!("[log]\nlevel = {level:?}\nformat = \"json\"\n"));
        let tenant = stage.tenant("shop-of-secrets").await;
        tenant.activate(&strategy("1s")).await;
        let traits = json!({ "userId": "ada-secret", "traits": { "email": "ada@secret.example" } });
        tenant.take("/v1/identify", &traits).await;
        tenant.was_at("ada-secret", "cart", 60_000).await;
        let letter = tenant.letters("ada-secret", 1).await.remove(0);
        let token = tenant.token("ada-secret").await;
        let path = format!("/v1/inbox/stream?token={token}");
        Stream::open(stage.server.get(&path)).await.next().await.unwrap();
        let path = format!("/v1/inbox/{}/confirm?token={token}", letter["id"]);
        stage.server.post(&path).send().await.is(200);
        // What is wrong is not repeated, either.
        let wrong = json!({ "userId": "ada-secret", "writeKey": tenant.ingest, "event": 7 });
        stage.server.post("/v1/track").json(&wrong).send().await.is(400);
        stage.server.get("/v1/inbox?token=nu_secret").send().await.is(401);
        tenant.get("/v1/users/ben-secret").send().await.is(404);
        let said = stage.stop();
        let secret = |key: &str| key.rsplit('_').next().unwrap().to_owned();
        for hidden in [
            secret(&stage.admin),
            secret(&tenant.manage),
            secret(&tenant.ingest),
            secret(&token),
            "nu_secret".to_owned(),
            "ada-secret".to_owned(),
            "ben-secret".to_owned(),
            "secret.example".to_owned(),
            "Come back".to_owned(),
        ] {
            let line = said.lines().find(|line| line.contains(&hidden));
            assert_eq!(line, None, "it tells {hidden}");
        }
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() > 5, "{said}");
        for line in lines {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        }
    }
}

#[tokio::test]
async fn numbers_are_right_and_name_nobody() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop-of-secrets").await;
    tenant.activate(&strategy("1s")).await;
    let call = json!({ "type": "track", "userId": "ada", "event": "go", "messageId": "id-1",
        "properties": { "node": "shelf" } });
    for _ in 0..3 {
        tenant.take("/v1/batch", &json!({ "batch": [call, call] })).await;
    }
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
    let read = async || stage.server.get("/metrics").by(&stage.admin).send().await.is(200);
    let number = |text: &str, name: &str| -> Option<f64> {
        let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    // Two calls and the receipt of the attempt.
    let text = eventually("all is counted", || async {
        let text = read().await.text();
        (number(&text, "nudge_events_total") == Some(3.0)).then_some(text)
    })
    .await;
    for (name, value) in [
        ("nudge_duplicates_total", 5.0),
        ("nudge_attempts_total", 1.0),
        ("nudge_tenants", 1.0),
        ("nudge_outbox_attempts", 0.0),
        ("nudge_policy_faults_total", 0.0),
        ("nudge_commits_failed_total", 0.0),
    ] {
        assert_eq!(number(&text, name), Some(value), "{name}\n{text}");
    }
    assert!(text.contains("route=\"/v1/batch\",status=\"200\""), "{text}");
    for hidden in ["shop-of-secrets", "ada"] {
        assert!(!text.contains(&format!("\"{hidden}")), "{hidden}\n{text}");
    }
    let text = stage.server.get("/v1/nothing/secret-path").by(&tenant.manage).send().await;
    text.is(404);
    assert!(!read().await.text().contains("secret-path"));
}

#[tokio::test]
async fn the_data_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/new/data");
    let stage = Stage::on(folder, data, "");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(stage.data()), 0o700);
    for file in std::fs::read_dir(stage.data()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let copy = stage.path("copy");
    let backup = super::stage::run(stage.about("backup").arg(&copy));
    assert_eq!(backup.code, 0, "{backup:?}");
    assert_eq!(mode(&copy), 0o700);
    for file in std::fs::read_dir(&copy).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let nothing = stage.path("nothing");
    let none = super::stage::run(
        super::stage::nudge(&["backup", "--data"]).arg(&nothing).arg(stage.path("to")),
    );
    assert_eq!(none.code, 2, "{none:?}");
    assert!(!nothing.exists() && !stage.path("to").exists(), "nothing was made");
}
