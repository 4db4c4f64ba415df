//! Segment's own libraries for Node and Python, as they are published, against the service: every call of
//! theirs arrives, once. `NUDGE_SDKS` names a folder where both are installed (see `tests/sdk`).
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::stage::Stage;
use super::tenant::{Tenant, strategy};

/// Runs a script; how many calls each user has had.
async fn ran(mut command: Command, stage: &Stage, tenant: &Tenant) -> Value {
    command.env("SDK_URL", stage.server.base()).env("SDK_WRITE_KEY", &tenant.ingest);
    // The service answers while the library asks.
    let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}{err}");
    let told: Value = serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap();
    told["calls"].clone()
}

async fn arrived(tenant: &Tenant, calls: &Value) {
    let calls = calls.as_object().unwrap();
    assert!(calls.len() > 20);
    for (user, many) in calls {
        let known = tenant.user(user).await;
        let turns = known["turns"].as_array().unwrap();
        let of = |turn: &Value| {
            let all = turn["events"].as_array().into_iter().flatten();
            all.filter(|event| event["what"]["kind"] != "receipt").count() as u64
        };
        // An alias is no event.
        let aliases = u64::from(user.ends_with("-ada"));
        let events: u64 = turns.iter().map(of).sum();
        assert_eq!(events + aliases, many.as_u64().unwrap(), "{user}");
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sdk")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_published_libraries_send_arrives_once() {
    let Some(installed) = std::env::var_os("NUDGE_SDKS").map(PathBuf::from) else {
        eprintln!("SKIPPED: NUDGE_SDKS names no folder with Segment's libraries");
        return;
    };
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;

    // Node looks for the library beside the script.
    let script = installed.join("segment.mjs");
    std::fs::copy(scripts().join("segment.mjs"), &script).unwrap();
    let mut node = Command::new("node");
    node.arg(script);
    let calls = ran(node, &stage, &tenant).await;
    arrived(&tenant, &calls).await;

    for gzip in ["0", "1"] {
        let mut python = Command::new(installed.join("venv/bin/python"));
        python.arg(scripts().join("segment.py")).env("SDK_GZIP", gzip);
        python.env("SDK_PREFIX", format!("python{gzip}"));
        let calls = ran(python, &stage, &tenant).await;
        arrived(&tenant, &calls).await;
    }
    stage.stop();
}
