//! The process is killed, at any moment: what was acknowledged is there afterwards, once, and so is what
//! was decided about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::http::eventually;
use super::load::Load;
use super::stage::{Stage, run};
use super::tenant::{now, strategy};

const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_under_load_it_loses_nothing_and_doubles_nothing() {
    // What was on its way when it was killed is sent again when the lease is over.
    let mut stage = Stage::with("[delivery]\nlease = \"1s\"\n");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let load = Load::start(&tenant, 4, true);
    for round in 0..ROUNDS {
        // Every other time it is killed while it is still finding its feet.
        if round % 2 == 0 {
            let before = load.acknowledged();
            eventually("something is acknowledged", || async {
                (load.acknowledged() > before + 2).then_some(())
            })
            .await;
        }
        // No waiting for anything: the moment is to be a random one.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..500))).await;
        stage.kill();
        let printed = stage.start();
        assert!(!printed.iter().any(|line| line.contains("key")), "round {round}: {printed:?}");
    }
    let sent = load.end().await;
    assert!(sent.unsure.is_empty());
    sent.is_there(&tenant).await;
    assert!(sent.stalled.len() > 20, "too little to tell: {}", sent.stalled.len());

    // Everybody who has stalled is written to, once.
    let expected: BTreeSet<&String> = sent.stalled.iter().collect();
    let attempts = eventually("everybody is written to", || async {
        let attempts = tenant.attempts(None).await;
        let found: BTreeSet<&str> = attempts.iter().map(|a| a["user"].as_str().unwrap()).collect();
        let settled = attempts.iter().all(|attempt| attempt["outcome"] == "accepted");
        (found.len() >= expected.len() && settled).then_some(attempts)
    })
    .await;
    let mut of: BTreeMap<&str, u32> = BTreeMap::new();
    for attempt in &attempts {
        *of.entry(attempt["user"].as_str().unwrap()).or_default() += 1;
    }
    let twice: Vec<_> = of.iter().filter(|(_, many)| **many != 1).collect();
    assert!(twice.is_empty(), "written to more than once: {twice:?}");
    assert!(of.keys().all(|user| expected.contains(&(*user).to_owned())), "{of:?}");
    let ids = |member: &str| -> BTreeSet<String> {
        attempts.iter().map(|attempt| attempt[member].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("tracking").len(), attempts.len());
    assert_eq!(ids("message").len(), attempts.len());
    for user in sent.stalled.iter().step_by(7) {
        assert_eq!(tenant.letters(user, 1).await.len(), 1);
    }

    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.out.contains("the data are sound"), "{checked:?}");
}

#[tokio::test]
async fn a_timer_that_comes_due_while_it_is_down_fires_when_it_is_back() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("3s")).await;
    tenant.at("ada", "cart").await;
    let state = tenant.user("ada").await["state"].clone();
    let due = state["visits"].as_object().unwrap().values().next().unwrap()["entered"].as_i64();
    let due = due.unwrap() + 3_000;
    stage.kill();
    let down = now();
    while now() < due + 50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let back = now();
    stage.start();
    tenant.letters("ada", 1).await;
    let user = tenant.user("ada").await;
    let stalled = |turn: &&Value| {
        let mut records = turn["trace"].as_array().into_iter().flatten();
        records.any(|record| record["decision"] == "stalled")
    };
    let turn = user["turns"].as_array().unwrap().iter().find(stalled).unwrap();
    // A machine may be so slow that it has happened before; then there is less to be seen.
    if down < due {
        assert!(turn["at"].as_i64().unwrap() >= back, "{turn}");
    }
    // What is late counts from when it was due.
    let at = tenant.attempts(Some("ada")).await[0]["at"].as_i64().unwrap();
    assert!((due..due + 100).contains(&at), "{at} where {due} was due");
}

#[tokio::test]
async fn keys_tokens_letters_and_receipts_outlive_a_crash() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    let id = tenant.letters("ada", 1).await[0]["id"].clone();
    let token = tenant.token("ada").await;
    let path = format!("/v1/inbox/{id}/seen");
    stage.server.post(&path).by(&token).send().await.is(200);
    let before = tenant.inbox("ada").await;
    let user = tenant.user("ada").await;
    stage.kill();
    stage.start();
    let after = stage.server.get("/v1/inbox").by(&token).send().await.is(200).json();
    assert_eq!(after["items"], Value::from(before));
    assert_eq!(tenant.user("ada").await, user);
    let release = tenant.get("/v1/releases/1").send().await.is(200).json();
    assert_eq!(release["status"], "active");
    stage.server.get("/v1/tenants").by(&stage.admin).send().await.is(200);
}
