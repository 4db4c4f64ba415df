//! The disk is full: the service says so, loses nothing that it acknowledged, and goes on when there is
//! room again. Needs root, for a small file system of its own.

#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::eventually;
use super::stage::{Stage, run};
use super::tenant::strategy;

/// A file system of a few megabytes, until it is dropped.
struct Disk(TempDir);

impl Disk {
    /// None, and a word about it, if this system gives none to who asks.
    fn mount(size: &str) -> Option<Disk> {
        let at = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at.path()).output();
        if !mounted.is_ok_and(|ended| ended.status.success()) {
            eprintln!("SKIPPED: this test needs to mount a file system, which takes root");
            return None;
        }
        Some(Disk(at))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever is still open must not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_nothing_acknowledged_is_lost() {
    let Some(disk) = Disk::mount("16m") else { return };
    let ballast = disk.path("ballast");
    std::fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let mut stage = Stage::on(tempfile::tempdir().unwrap(), disk.path("data"), "");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    stage.server.get("/readyz").send().await.is(200);

    let batch = |number: usize| {
        let call = |n: usize| {
            json!({ "type": "track", "userId": format!("user-{}", n % 4), "event": "go",
                "messageId": format!("id-{number}-{n}"),
                "properties": { "node": "cart", "mark": format!("m-{number}-{n}"),
                    "filling": "x".repeat(5_000) } })
        };
        json!({ "batch": Vec::from_iter((0..8).map(call)) })
    };
    let mut taken = 0;
    let refused = loop {
        let got = tenant.send("/v1/batch", &batch(taken)).await;
        if got.status != 200 {
            break got;
        }
        taken += 1;
        assert!(taken < 400, "the disk is never full");
    };
    assert!(taken > 3, "it was full from the beginning");
    let refused = refused.is(507);
    assert_eq!(refused.json()["type"], "/problems/storage-full");
    assert!(!refused.header("retry-after").is_empty());
    // It says so to whoever asks, lives, and answers what needs no room.
    let ready = eventually("it is not ready", || async {
        let got = stage.server.get("/readyz").send().await;
        (got.status != 200).then_some(got)
    });
    let ready = ready.await.is(503).json();
    let detail = ready["detail"].as_str().unwrap();
    assert!(detail.contains("full") || detail.contains("space"), "{ready}");
    stage.server.get("/healthz").send().await.is(200);
    let user = tenant.user("user-0").await;
    assert_eq!(user["turns"][0]["release"], 1);
    for _ in 0..3 {
        tenant.send("/v1/batch", &batch(taken)).await.is(507);
    }
    // Other changes are refused in the same way, and leave nothing half done.
    let other = json!({ "name": "other" });
    let got = stage.server.post("/v1/tenants").by(&stage.admin).json(&other).send().await;
    assert!([201, 507].contains(&got.status), "{}", got.text());

    // Killed on a full disk, it comes back with all that it said it had.
    stage.kill();
    let all_there = async |taken: usize| {
        for user in 0..4 {
            let marks = tenant.marks(&format!("user-{user}")).await;
            for number in 0..taken {
                for n in [user, user + 4] {
                    assert_eq!(marks.get(&format!("m-{number}-{n}")), Some(&1), "of {number}");
                }
            }
        }
    };
    stage.start();
    all_there(taken).await;

    std::fs::remove_file(&ballast).unwrap();
    eventually("it takes events again", || async {
        (tenant.send("/v1/batch", &batch(taken)).await.status == 200).then_some(())
    })
    .await;
    taken += 1;
    eventually("it is ready", || async {
        (stage.server.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    all_there(taken).await;
    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[tokio::test]
async fn room_that_is_made_is_noticed_without_a_restart() {
    let Some(disk) = Disk::mount("16m") else { return };
    let ballast = disk.path("ballast");
    let stage = Stage::on(tempfile::tempdir().unwrap(), disk.path("data"), "");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    tenant.was_at("ada", "cart", 600_000).await;
    // All the room there is, to the last byte.
    let mut file = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write(&mut file, &[1; 4096]).is_ok_and(|written| written > 0) {}
    let big = |mark: &str| {
        let filling = "x".repeat(8_000);
        json!({ "userId": "ben", "event": "go", "messageId": mark,
            "properties": { "mark": mark, "a": filling, "b": filling, "c": filling } })
    };
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let mark = format!("m-{n}");
        let got = tenant.send("/v1/track", &big(&mark)).await;
        if got.status != 200 {
            got.is(507);
            break;
        }
        acknowledged.push(mark);
        assert!(n < 150, "the disk is never full");
    }
    eventually("it is not ready", || async {
        (stage.server.get("/readyz").send().await.status == 503).then_some(())
    })
    .await;
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    // Nobody sends anything: it finds out by itself.
    eventually("it is ready", || async {
        (stage.server.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    tenant.take("/v1/track", &big("after")).await;
    let marks = tenant.marks("ben").await;
    for mark in acknowledged {
        assert_eq!(marks[&mark], 1);
    }
    tenant.activate(&strategy("1s")).await;
    assert_eq!(tenant.letters("ada", 1).await.len(), 1);
    assert_eq!(tenant.inbox("ben").await, [] as [Value; 0]);
}
