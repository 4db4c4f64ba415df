//! The watched folder and the service together.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use super::stage::{Stage, csv, once};
use crate::service::END;
use crate::service::words::TenantChange;

fn entries(path: impl AsRef<std::path::Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_files_are_read_once_whatever_they_are_called() {
    let mut stage = Stage::new("").await;
    let ndjson = "{\"user\":\"ada\",\"node\":\"a\",\"time\":0,\"mark\":\"n\"}\n";
    let xes = "<log><trace><string key=\"concept:name\" value=\"ada\"/><event>\
        <string key=\"concept:name\" value=\"a\"/><string key=\"mark\" value=\"x\"/>\
        <date key=\"time:timestamp\" value=\"2026-03-02T10:00:00Z\"/></event></trace></log>";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(csv(["gz"]).as_bytes()).unwrap();
    stage.put("1.csv", csv(["c1", "c2"]));
    stage.put("2.ndjson", ndjson);
    stage.put("3.xes", xes);
    stage.put("4.csv.gz", packed.finish().unwrap());
    stage.there("done/4.csv.gz").await;
    let all = once(["c1", "c2", "n", "x", "gz"]);
    assert_eq!(stage.marks(), all);
    assert_eq!(stage.offsets(), [END; 4]);
    // The same content by another name, and by its own.
    stage.put("copy.csv", csv(["c1", "c2"]));
    stage.there("done/copy.csv").await;
    stage.put("2.ndjson", ndjson);
    stage.there("done/2.ndjson.1").await;
    assert_eq!(stage.marks(), all);
    assert_eq!(entries(stage.path("")), ["done"]);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_bad_rows_and_bad_files_are_put_aside_with_the_reason() {
    let stage = Stage::new("").await;
    stage.put("bad.csv", "user,node,time,mark\nada,a,never,1\nada,a,2026-03-02,2\n");
    stage.put("empty.csv", "");
    stage.put("cut.csv.gz", b"\x1f\x8b\x08\0\0\0");
    stage.put("odd.csv", "who,what\n1,2\n");
    stage.put("then.csv", csv(["then"]));
    stage.there("done/then.csv").await;
    assert_eq!(stage.marks(), once(["2", "then"]));
    let rejects = [
        "bad.csv.ndjson",
        "cut.csv.gz",
        "cut.csv.gz.reason",
        "empty.csv",
        "empty.csv.reason",
        "odd.csv",
        "odd.csv.reason",
    ];
    assert_eq!(entries(stage.path("rejects")), rejects);
    let read = |name: &str| fs::read_to_string(stage.path("rejects").join(name)).unwrap();
    assert!(
        read("bad.csv.ndjson").starts_with("{\"row\":1,\"line\":2,\"reason\":\"time \\\"never")
    );
    assert!(read("odd.csv.reason").contains("no column of odd.csv has a usual name"));
    assert!(read("empty.csv.reason").contains("empty.csv is empty"));
    let metrics = stage.service.metrics();
    for line in [
        "nudge_feed_records_total{source=\"folder\",outcome=\"taken\"} 2",
        "nudge_feed_records_total{source=\"folder\",outcome=\"refused\"} 4",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_what_is_no_plain_file_of_the_folder_is_not_followed() {
    let stage = Stage::new("").await;
    let outside = stage.folder.path().join("outside.csv");
    fs::write(&outside, csv(["outside"])).unwrap();
    std::os::unix::fs::symlink(&outside, stage.path("link.csv")).unwrap();
    fs::create_dir(stage.path("folder.csv")).unwrap();
    fs::write(stage.path("folder.csv/in.csv"), csv(["within"])).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        stage.path("pipe.csv"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    for name in [".hidden.csv", "a.csv.part", "b.tmp", "c.crdownload"] {
        fs::write(stage.path(name), csv([name])).unwrap();
    }
    // A whole folder that is a link is nobody's.
    let others = stage.folder.path().join("others");
    fs::create_dir(&others).unwrap();
    fs::write(others.join("a.csv"), csv(["linked"])).unwrap();
    std::os::unix::fs::symlink(&others, stage.folder.path().join("in/linked")).unwrap();
    fs::create_dir(stage.folder.path().join("in/nobody")).unwrap();
    fs::write(stage.folder.path().join("in/nobody/a.csv"), csv(["nobody"])).unwrap();
    fs::write(stage.folder.path().join("in/a.csv"), csv(["root"])).unwrap();
    for name in [&b"\xff\xfe.csv"[..], b"new\nline.csv", b"../a.csv", b" .csv", &[b'x'; 251]] {
        let name = OsStr::from_bytes(name);
        // No file has a slash in its name: that one cannot be made.
        let hidden = stage.path(".coming");
        fs::write(&hidden, csv([name.to_string_lossy()])).unwrap();
        let _ = fs::rename(hidden, stage.path("").join(name));
    }
    stage.put("z.csv", csv(["z"]));
    stage.there("done/z.csv").await;
    let long = "x".repeat(251);
    stage.there(&format!("done/{long}")).await;
    // By name it comes last of all.
    let last = "\u{fffd}\u{fffd}.csv";
    stage.until(last, || stage.marks().contains_key(last)).await;
    let marks = stage.marks();
    for mark in ["outside", "within", "linked", "nobody", "root", ".hidden.csv", "a.csv.part"] {
        assert!(!marks.contains_key(mark), "{mark}");
    }
    for mark in [last, ".csv", "z", &long] {
        assert_eq!(marks.get(mark), Some(&1), "{mark}: {marks:?}");
    }
    assert!(outside.exists() && stage.path("link.csv").is_symlink());
    assert!(stage.path("pipe.csv").exists() && stage.path("folder.csv/in.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_where_files_go_is_no_link_out_of_the_folder() {
    let stage = Stage::new("").await;
    let outside = stage.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, stage.path("done")).unwrap();
    stage.put("a.csv", csv(["a"]));
    stage.until("it is read", || stage.offsets() == [END]).await;
    stage.put("b.csv", csv(["b"]));
    stage.until("the next one is, too", || stage.offsets() == [END; 2]).await;
    assert_eq!(stage.marks(), once(["a", "b"]));
    assert_eq!(entries(&outside), Vec::<String>::new());
    assert!(stage.path("a.csv").exists(), "it stays, and is not read again");
    // As soon as there is a place, it is as good as any other: somebody touches it.
    fs::remove_file(stage.path("done")).unwrap();
    let a = fs::read(stage.path("a.csv")).unwrap();
    stage.put("a.csv", a);
    stage.there("done/a.csv").await;
    assert_eq!(stage.marks(), once(["a", "b"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_folder_that_vanishes_is_waited_for() {
    let stage = Stage::new("").await;
    let (root, away) = (stage.folder.path().join("in"), stage.folder.path().join("away"));
    stage.put("a.csv", csv(["a"]));
    stage.there("done/a.csv").await;
    fs::rename(&root, &away).unwrap();
    fs::write(away.join("shop/b.csv"), csv(["b"])).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(stage.marks(), once(["a"]));
    fs::rename(&away, &root).unwrap();
    stage.there("done/b.csv").await;
    assert_eq!(stage.marks(), once(["a", "b"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_tenants_own_words_on_its_columns_count_and_wrong_ones_hold_its_files() {
    let stage = Stage::new("").await;
    fs::write(stage.path("feed.toml"), "user_felid = \"who\"\n").unwrap();
    stage.put("a.csv", "who,where,when,mark\nada,x,2026-03-02,m\n");
    fs::create_dir(stage.folder.path().join("in/other")).unwrap();
    let new = crate::service::words::NewTenant { name: "other".to_owned() };
    stage.service.create_tenant(new).await.unwrap();
    stage.put("../other/a.csv", csv(["theirs"]));
    stage.there("../other/done/a.csv").await;
    assert!(stage.path("a.csv").exists());
    let text = "user_field = \"who\"\nnode_field = \"where\"\ntime_field = \"when\"\n";
    stage.put("feed.toml", text);
    stage.there("done/a.csv").await;
    assert_eq!(stage.marks(), once(["m"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_suspended_tenants_files_wait() {
    let stage = Stage::new("").await;
    let suspend = |suspended| TenantChange { suspended: Some(suspended), daily_quota: None };
    stage.service.change_tenant("shop", suspend(true)).await.unwrap();
    stage.put("a.csv", csv(["a"]));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(stage.path("a.csv").exists() && stage.marks().is_empty());
    stage.service.change_tenant("shop", suspend(false)).await.unwrap();
    stage.there("done/a.csv").await;
    assert_eq!(stage.marks(), once(["a"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_file_that_was_finished_and_not_moved_gets_its_rejects_once() {
    let stage = Stage::new("").await;
    let text = "user,node,time\nada,a,never\n";
    stage.put("a.csv", text);
    stage.there("done/a.csv").await;
    // As it is if the process ends right before.
    let rejects = stage.path("rejects/a.csv.ndjson");
    use sha2::{Digest as _, Sha256};
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::rename(&rejects, stage.path("rejects").join(format!(".{digest}.tmp"))).unwrap();
    fs::rename(stage.path("done/a.csv"), stage.path("a.csv")).unwrap();
    stage.there("rejects/a.csv.ndjson").await;
    stage.there("done/a.csv").await;
    assert_eq!(entries(stage.path("rejects")), ["a.csv.ndjson"]);
}
