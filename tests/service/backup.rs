//! The data directory: one process at a time, copied while it is used, checked while it is not.

use std::path::Path;

use serde_json::{Value, json};

use super::http::eventually;
use super::load::Load;
use super::stage::{Ended, Stage, nudge, run};
use super::tenant::strategy;

fn check(data: &Path) -> Ended {
    run(nudge(&["check", "--data"]).arg(data))
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let second = run(&mut stage.command());
    assert_eq!(second.code, 2, "{second:?}");
    assert_eq!(second.out, "", "{second:?}");
    assert!(second.err.contains("nudge: "), "{second:?}");
    assert!(second.err.contains(stage.data().to_str().unwrap()), "{second:?}");
    assert!(second.err.contains(&stage.pid().to_string()), "whose it is: {second:?}");
    // The first one does not even notice.
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
}

#[tokio::test]
async fn a_backup_of_a_running_service_is_one_to_go_on_from() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    let letters = tenant.letters("ada", 1).await;
    let token = tenant.token("ada").await;
    let user = tenant.user("ada").await;
    let copy = stage.path("copy");
    let backup = run(stage.about("backup").arg(&copy));
    assert_eq!(backup.code, 0, "{backup:?}");
    // What comes after the copy is not in it.
    tenant.at("late", "shelf").await;

    let checked = check(&copy);
    assert_eq!(checked.code, 0, "{checked:?}");
    let other = Stage::over(&copy, &stage.admin);
    let there = stage_tenant(&other, &tenant);
    assert_eq!(there.user("ada").await, user);
    assert_eq!(there.known("late").await, None);
    let inbox = other.server.get("/v1/inbox").by(&token).send().await.is(200).json();
    assert_eq!(inbox["items"], Value::from(letters));
    // Both go their own way from there.
    there.was_at("ben", "cart", 60_000).await;
    there.letters("ben", 1).await;
    assert_eq!(tenant.known("ben").await, None);
    drop(other);
    // Nothing is written over.
    let again = run(stage.about("backup").arg(&copy));
    assert_eq!(again.code, 2, "{again:?}");
    stage.stop();
    assert_eq!(check(stage.data()).code, 0);
}

/// The same tenant, where another service has it.
fn stage_tenant(stage: &Stage, tenant: &super::tenant::Tenant) -> super::tenant::Tenant {
    super::tenant::Tenant { server: stage.server.clone(), ..tenant.clone() }
}

#[tokio::test]
async fn a_check_is_not_for_data_in_use_and_counts_what_there_is() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
    let refused = run(&mut stage.about("check"));
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
    assert!(refused.err.contains(&stage.pid().to_string()), "{refused:?}");
    stage.stop();
    let found = run(stage.about("check").arg("--json"));
    assert_eq!(found.code, 0, "{found:?}");
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["sound"], true);
    assert_eq!(found["findings"], json!([]));
    // The call, and the receipt of the attempt.
    for (what, many) in
        [("tenants", 1), ("users", 1), ("attempts", 1), ("letters", 1), ("events", 2)]
    {
        assert_eq!(found[what], many, "{what}: {found:#}");
    }
    let none = run(nudge(&["check", "--data"]).arg(stage.path("nothing")));
    assert_eq!(none.code, 2, "{none:?}");
}

#[tokio::test]
async fn a_check_finds_what_was_damaged() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let track = |user: String, mark: &str| {
        json!({ "type": "track", "userId": user, "event": "go",
            "properties": { "node": "cart", "mark": mark, "filling": "x".repeat(600) } })
    };
    for group in 0..8 {
        let mark = format!("-MARK-{group}-");
        let batch: Vec<Value> =
            (0..40).map(|n| track(format!("user-{group}-{n}"), &mark)).collect();
        tenant.take("/v1/batch", &json!({ "batch": batch })).await;
    }
    stage.stop();
    let log = std::fs::read(stage.data().join("log.db")).unwrap();
    // Wherever something stands that was said in the middle of it all, be it the log or the journal.
    let places: Vec<usize> = log
        .windows(8)
        .enumerate()
        .filter(|(_, bytes)| *bytes == b"-MARK-4-")
        .map(|(at, _)| at)
        .collect();
    assert!(places.len() >= 40, "{}", places.len());
    for (n, at) in places.iter().step_by(places.len() / 6).enumerate() {
        let copy = stage.path(&format!("damaged-{n}"));
        copied(stage.data(), &copy);
        let mut damaged = log.clone();
        // A letter of the mark: the line is as good JSON as before.
        damaged[at + 1] ^= 1;
        std::fs::write(copy.join("log.db"), damaged).unwrap();
        let found = check(&copy);
        assert_eq!(found.code, 1, "at {at}: {found:?}");
        assert!(found.out.contains("the data are damaged"), "{found:?}");
        assert!(found.out.contains("log.db"), "{found:?}");
    }
    // A whole page in the middle, as a disk loses it.
    let copy = stage.path("page");
    copied(stage.data(), &copy);
    let mut damaged = log.clone();
    let middle = places[places.len() / 2] / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0);
    std::fs::write(copy.join("log.db"), damaged).unwrap();
    assert_eq!(check(&copy).code, 1);
    // And the end cut off.
    std::fs::write(copy.join("log.db"), &log[..log.len() / 2]).unwrap();
    assert_eq!(check(&copy).code, 1);
    assert_eq!(check(stage.data()).code, 0, "the original is as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_all_that_was_acknowledged_before_it() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let first = Load::start(&tenant, 2, true);
    eventually("it is busy", || async { (first.acknowledged() > 30).then_some(()) }).await;
    let before = first.end().await;
    // Others go on meanwhile.
    let during = Load::start(&tenant.clone(), 3, true);
    for round in 0..3 {
        let so_far = during.acknowledged();
        eventually("it is busy", || async { (during.acknowledged() > so_far).then_some(()) }).await;
        let copy = stage.path(&format!("copy-{round}"));
        let backup = run(stage.about("backup").arg(&copy));
        assert_eq!(backup.code, 0, "{backup:?}");
        let checked = check(&copy);
        assert_eq!(checked.code, 0, "{checked:?}");
        let other = Stage::over(&copy, &stage.admin);
        let there = stage_tenant(&other, &tenant);
        before.is_there(&there).await;
    }
    let during = during.end().await;
    during.is_there(&tenant).await;
    stage.stop();
    assert_eq!(check(stage.data()).code, 0);
}

#[tokio::test]
async fn data_with_a_file_missing_are_refused() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
    stage.stop();
    for file in ["control.db", "log.db", "state.db"] {
        let copy = stage.path(&format!("without-{file}"));
        copied(stage.data(), &copy);
        std::fs::remove_file(copy.join(file)).unwrap();
        let checked = check(&copy);
        assert_eq!(checked.code, 2, "{checked:?}");
        refused(&copy, file);
    }
}

#[tokio::test]
async fn data_that_cannot_be_read_are_refused_with_the_files_name() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    tenant.at("ada", "cart").await;
    stage.stop();
    for file in ["control.db", "log.db", "state.db"] {
        for what in ["garbage", "newer", "another's"] {
            let copy = stage.path(&format!("{what}-{file}"));
            copied(stage.data(), &copy);
            let mut bytes = std::fs::read(copy.join(file)).unwrap();
            match what {
                "garbage" => bytes = b"garbage ".repeat(2_000),
                // SQLite's user version and application id, as they stand in its header.
                "newer" => bytes[60..64].copy_from_slice(&[0, 0, 0, 99]),
                _ => bytes[68..72].copy_from_slice(&[1, 2, 3, 4]),
            }
            std::fs::write(copy.join(file), &bytes).unwrap();
            refused(&copy, file);
            assert_eq!(std::fs::read(copy.join(file)).unwrap(), bytes, "it is left as it was");
        }
    }
}

/// A start on these data comes to nothing, and names the file.
fn refused(data: &Path, file: &str) {
    let mut child = nudge(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > super::http::PATIENCE {
            // What starts nevertheless goes on until it is told to stop.
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout), String::from_utf8(ended.stderr));
    let (out, err) = (out.unwrap(), err.unwrap());
    assert_eq!(ended.status.code(), Some(2), "{file} was not missed: {out}{err}");
    assert!(err.contains(file), "{err}");
    assert_eq!(out, "", "{err}");
}
