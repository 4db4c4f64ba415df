//! Users' own rights: all that is kept about somebody in one document, and nothing of it any more.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::http::eventually;
use super::stage::{Stage, nudge, run};
use super::tenant::strategy;

/// A row of any table of the data that has the word in it.
fn row_with(data: &Path, word: &str) -> Option<String> {
    let has = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    for file in ["control.db", "log.db", "state.db"] {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(data.join(file), flags).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let mut tables =
            connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let tables: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for table in tables {
            let mut all = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = all.column_count();
            let mut rows = all.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) =
                        row.get_ref(column).unwrap()
                        && table != "blob"
                        && has(bytes)
                    {
                        return Some(format!("{file} {table}: {}", String::from_utf8_lossy(bytes)));
                    }
                }
            }
        }
    }
    None
}

#[tokio::test]
async fn of_who_is_erased_nothing_is_left() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let device =
        json!({ "anonymousId": "device-7f", "event": "go", "properties": { "node": "shelf" } });
    tenant.take("/v1/track", &device).await;
    let traits = json!({ "email": "ada.love@example.org", "phone": "+49 30 5550199" });
    let call = json!({ "userId": "ada-love", "anonymousId": "device-7f", "traits": traits });
    tenant.take("/v1/identify", &call).await;
    let traits = json!({ "userId": "ben", "traits": { "email": "ben@example.org" } });
    tenant.take("/v1/identify", &traits).await;
    for user in ["ada-love", "ben"] {
        tenant.was_at(user, "cart", 60_000).await;
        tenant.letters(user, 1).await;
    }
    let words = ["ada-love", "device-7f", "ada.love@example.org", "+49 30 5550199"];
    for word in words {
        assert!(row_with(stage.data(), word).is_some(), "{word}");
    }

    let of = |command: &'static str| ["user", command, "--tenant", "shop", "--user", "ada-love"];
    let exported = tenant.command(&of("export"));
    assert_eq!(exported.code, 0, "{exported:?}");
    let document: Value = serde_json::from_str(&exported.out).unwrap();
    assert_eq!(document["user"], "ada-love");
    assert_eq!(document["names"], json!(["anon:device-7f"]));
    assert_eq!(document["state"]["profile"]["phone"], "+49 30 5550199");
    assert_eq!(document["letters"].as_array().unwrap().len(), 1);
    assert_eq!(document["attempts"][0]["outcome"], "accepted");
    assert!(document["turns"].as_array().unwrap().len() >= 3);

    let unasked = tenant.command(&of("erase"));
    assert_eq!(unasked.code, 2, "nobody is there to be asked: {unasked:?}");
    assert!(unasked.err.contains("--yes"), "{unasked:?}");
    assert!(tenant.known("ada-love").await.is_some());
    let erased = tenant.command(&[&of("erase")[..], &["--yes"]].concat());
    assert_eq!(erased.code, 0, "{erased:?}");
    assert!(tenant.known("ada-love").await.is_none());
    tenant.server.ask("DELETE", "/v1/users/ada-love").by(&tenant.manage).send().await.is(404);
    assert_eq!(tenant.command(&[&of("erase")[..], &["--yes"]].concat()).code, 1);
    assert_eq!(tenant.command(&of("export")).code, 1);
    // Rows of the journal go a moment later.
    for word in words {
        eventually(&format!("{word} is gone"), || async {
            row_with(stage.data(), word).is_none().then_some(())
        })
        .await;
    }
    let proof = tenant.get("/v1/log/proof").send().await.is(200).json();
    assert_eq!(proof["sound"], true, "{proof:#}");
    assert!(proof["erased"].as_u64().unwrap() >= 3, "{proof:#}");
    // Nothing has happened to anybody else, and whoever comes again is somebody new.
    assert_eq!(tenant.letters("ben", 1).await.len(), 1);
    tenant.at("ada-love", "shelf").await;
    assert_eq!(tenant.user("ada-love").await["turns"].as_array().unwrap().len(), 1);
    let copy = stage.path("copy");
    assert_eq!(run(stage.about("backup").arg(&copy)).code, 0);
    stage.stop();
    for data in [stage.data(), &copy] {
        for command in ["check", "verify"] {
            let found = run(nudge(&[command, "--data"]).arg(data));
            assert_eq!(found.code, 0, "{command}: {found:?}");
        }
    }
    assert_eq!(row_with(&copy, "ada.love@example.org"), None);
}

#[tokio::test]
async fn an_erasure_outlives_a_crash() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    for n in 0..20 {
        let traits = json!({ "email": format!("ada{n}@example.org") });
        tenant
            .take("/v1/identify", &json!({ "userId": format!("ada{n}"), "traits": traits }))
            .await;
    }
    let erase = |n: u32| {
        let path = format!("/v1/users/ada{n}");
        tenant.server.ask("DELETE", &path).by(&tenant.manage).try_send()
    };
    let ended = tokio::join!(erase(0), erase(1), async {
        tokio::time::sleep(std::time::Duration::from_millis(8)).await;
        stage.kill();
    });
    drop(ended);
    stage.start();
    // Whatever had begun is over after a while, and whatever had not is as it was.
    for n in [0, 1] {
        let mail = format!("\"ada{n}@example.org\"");
        eventually("it is all or nothing", || async {
            let known = tenant.known(&format!("ada{n}")).await.is_some();
            let there = row_with(stage.data(), &mail).is_some();
            (known == there).then_some(())
        })
        .await;
    }
    assert_eq!(tenant.get("/v1/log/proof").send().await.is(200).json()["sound"], true);
}
