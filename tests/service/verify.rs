//! `nudge verify`: whatever is done to the log of a data directory is found.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use super::stage::{Ended, Stage, nudge, run};
use super::tenant::strategy;

fn verify(data: &Path, more: &[&str]) -> Ended {
    run(nudge(&["verify", "--data"]).arg(data).args(more))
}

/// Data of a tenant `shop` with some chunks in its log.
async fn filled() -> Stage {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    for n in 0..6 {
        tenant.at(&format!("u{n}"), "cart").await;
    }
    stage.stop();
    stage
}

fn copied(stage: &Stage, name: &str) -> PathBuf {
    let to = stage.path(name);
    std::fs::create_dir(&to).unwrap();
    for file in std::fs::read_dir(stage.data()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    to
}

#[tokio::test]
async fn c8_every_alteration_is_found() {
    let stage = filled().await;
    let sound = verify(stage.data(), &[]);
    assert_eq!(sound.code, 0, "{sound:?}");
    assert!(sound.out.contains("the log is what was written"), "{sound:?}");
    assert_eq!(sound.err, "", "there is no terminal to show progress on");
    let third = "(SELECT seq FROM chunk WHERE tenant = (SELECT max(tenant) FROM chunk) \
                 ORDER BY seq LIMIT 1 OFFSET 2)";
    let last = "(SELECT max(seq) FROM chunk)";
    for (what, sql, said) in [
        (
            "altered",
            format!(
                "UPDATE chunk SET lines = CAST(replace(CAST(lines AS TEXT), 'cart', 'cord') AS BLOB) \
          WHERE seq = {third}"
            ),
            "altered",
        ),
        ("missing", format!("DELETE FROM chunk WHERE seq = {third}"), "does not follow"),
        ("cut", format!("DELETE FROM chunk WHERE seq = {last}"), "the end is missing"),
        (
            "added",
            format!(
                "INSERT INTO chunk SELECT {last} + 9, tenant, at, events, sum, ids, lines, \
          chain FROM chunk WHERE seq = {third}"
            ),
            "",
        ),
        ("moved", format!("UPDATE chunk SET seq = {last} + 1 WHERE seq = {third}"), ""),
        ("unchained", format!("UPDATE chunk SET chain = NULL WHERE seq = {third}"), "altered"),
        ("headless", "UPDATE head SET head = zeroblob(32)".to_owned(), "the end is missing"),
        ("beheaded", "DELETE FROM head".to_owned(), "no head was noted"),
    ] {
        let data = copied(&stage, what);
        let log = Connection::open(data.join("log.db")).unwrap();
        let changed = log.execute(&sql, []).unwrap();
        assert!(changed > 0, "{what}");
        drop(log);
        let found = verify(&data, &["--json"]);
        assert_eq!(found.code, 1, "{what}: {found:?}");
        let proofs: Value = serde_json::from_str(&found.out).unwrap();
        let shop = &proofs["tenants"][0];
        assert_eq!((&shop["tenant"], &shop["sound"]), (&Value::from("shop"), &Value::from(false)));
        let findings = shop["findings"].to_string();
        assert!(findings.contains(said), "{what}: {findings}");
        let text = verify(&data, &["--tenant", "shop"]);
        assert!(text.out.contains("the log is not what was written"), "{what}: {text:?}");
    }
}

#[tokio::test]
async fn c8_a_head_that_was_noted_finds_a_log_that_was_cut_and_mended() {
    let stage = filled().await;
    let all = verify(stage.data(), &["--json"]);
    let all: Value = serde_json::from_str(&all.out).unwrap();
    let head = all["tenants"][0]["head"].as_str().unwrap().to_owned();
    let expect = ["--tenant", "shop", "--expect", &head];
    assert_eq!(verify(stage.data(), &expect).code, 0);
    // Whoever can write everything cuts the log and notes the head before.
    let data = copied(&stage, "mended");
    let log = Connection::open(data.join("log.db")).unwrap();
    log.execute("DELETE FROM chunk WHERE seq = (SELECT max(seq) FROM chunk)", []).unwrap();
    log.execute(
        "UPDATE head SET (seq, head) = (SELECT seq, substr(chain, 33) FROM chunk \
         WHERE chain IS NOT NULL ORDER BY seq DESC LIMIT 1)",
        [],
    )
    .unwrap();
    drop(log);
    assert_eq!(verify(&data, &[]).code, 0, "nothing in the data says so");
    let found = verify(&data, &expect);
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.out.contains("noted earlier"), "{found:?}");
    for wrong in
        [&["--expect", &*head][..], &["--tenant", "shop", "--expect", "zz"], &["--tenant", "none"]]
    {
        assert_eq!(verify(stage.data(), wrong).code, 2, "{wrong:?}");
    }
    let nowhere = stage.path("nowhere");
    assert_eq!(verify(&nowhere, &[]).code, 2);
    assert!(!nowhere.exists(), "nothing was made");
}
