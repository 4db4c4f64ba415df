//! Told to stop, it ends in good order.

use super::http::eventually;
use super::load::Load;
use super::stage::{Stage, run};
use super::stream::Stream;
use super::tenant::strategy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_under_load_it_ends_well_and_has_all_that_it_acknowledged() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let load = Load::start(&tenant, 4, false);
    eventually("it is busy", || async { (load.acknowledged() > 40).then_some(()) }).await;
    stage.terminate();
    let sent = load.end().await;
    assert_eq!(stage.ended(), Some(0));
    let printed = stage.start();
    assert!(!printed.iter().any(|line| line.contains("key")), "{printed:?}");
    assert_eq!(printed.len(), 1, "{printed:?}");
    sent.is_there(&tenant).await;
    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[tokio::test]
async fn a_stop_ends_streams_and_does_not_wait_for_their_readers() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let token = tenant.token("ada").await;
    let stream = Stream::open(stage.server.get("/v1/inbox/stream").by(&token)).await;
    stage.terminate();
    stream.end().await;
    assert_eq!(stage.ended(), Some(0));
}

#[tokio::test]
async fn a_lost_admin_key_is_replaced() {
    let mut stage = Stage::new();
    stage.stop();
    let mut command = stage.command();
    let printed = stage.start_by(command.arg("--new-admin-key"));
    let key = printed.iter().find_map(|line| line.strip_prefix("admin key ")).expect("a key");
    let key = key.rsplit(' ').next().unwrap();
    assert_ne!(key, stage.admin);
    for key in [key, &stage.admin] {
        stage.server.get("/v1/tenants").by(key).send().await.is(200);
    }
}

#[tokio::test]
async fn told_to_stop_as_soon_as_it_listens_it_ends_well() {
    let mut stage = Stage::new();
    for _ in 0..10 {
        stage.stop();
        stage.start();
    }
}
