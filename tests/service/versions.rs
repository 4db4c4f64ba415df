//! Another release takes over while users wait: their deadlines are found anew, and nothing else changes
//! for them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::tenant::{Tenant, document, iso, now, strategy};

const MINUTE: i64 = 60_000;

/// The one visit of a user.
async fn visit(tenant: &Tenant, user: &str) -> Value {
    let state = tenant.user(user).await["state"].clone();
    let visits = state["visits"].as_object().unwrap();
    assert_eq!(visits.len(), 1, "{state:#}");
    visits.values().next().unwrap().clone()
}

/// Waits until a user is looked at again so long after they came to where they are.
async fn due_after(tenant: &Tenant, user: &str, span: i64) {
    let entered = visit(tenant, user).await["entered"].as_i64().unwrap();
    let due = entered + span..entered + span + 100;
    eventually(&format!("{user} is due {span} ms after {entered}"), || async {
        let found = tenant.user(user).await["due"].as_i64();
        found.is_some_and(|at| due.contains(&at)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_shorter_threshold_is_for_those_who_wait_already() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    tenant.was_at("ada", "cart", 10 * MINUTE).await;
    tenant.was_at("ben", "shelf", 10 * MINUTE).await;
    due_after(&tenant, "ada", 60 * MINUTE).await;
    assert_eq!(tenant.attempts(None).await, [] as [Value; 0]);
    tenant.activate(&strategy("1s")).await;
    tenant.letters("ada", 1).await;
    // Of one visit is spoken once, whatever release comes.
    tenant.activate(&strategy("2s")).await;
    tenant.only("witness", &["ada"]).await;
}

#[tokio::test]
async fn a_longer_threshold_makes_those_who_wait_wait_on() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("20m")).await;
    tenant.was_at("ada", "cart", 10 * MINUTE).await;
    due_after(&tenant, "ada", 20 * MINUTE).await;
    tenant.activate(&strategy("2h")).await;
    due_after(&tenant, "ada", 120 * MINUTE).await;
    // Back again, and where nobody is watched there is no deadline at all.
    tenant.post("/v1/releases/roll-back").send().await.is(200);
    due_after(&tenant, "ada", 20 * MINUTE).await;
    let elsewhere = r#"apple = { threshold = "1s", pending = "done" }"#;
    tenant.activate(&document(elsewhere, "1h")).await;
    eventually("nothing is due", || async {
        tenant.user("ada").await["due"].is_null().then_some(())
    })
    .await;
    assert_eq!(visit(&tenant, "ada").await["node"], "cart");
    assert_eq!(tenant.attempts(None).await, [] as [Value; 0]);
}

#[tokio::test]
async fn rules_in_another_order_keep_a_visit_at_its_node() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    tenant.was_at("ada", "cart", 10 * MINUTE).await;
    let before = visit(&tenant, "ada").await;
    // Rules are in the order of the nodes' names: what was the first is the third now, and whoever took
    // it for the first would write at once.
    let nodes = |cart: &str| {
        format!(
            "apple = {{ threshold = \"1s\", pending = \"done\" }}\n\
             bread = {{ threshold = \"1s\", pending = \"done\" }}\n\
             cart = {{ threshold = {cart:?}, pending = \"done\" }}"
        )
    };
    tenant.activate(&document(&nodes("3h"), "1h")).await;
    due_after(&tenant, "ada", 180 * MINUTE).await;
    let after = visit(&tenant, "ada").await;
    for same in ["node", "entered", "operated", "operations"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    // Who comes to an apple now stalls there, and ada does not.
    tenant.was_at("ben", "apple", MINUTE).await;
    tenant.letters("ben", 1).await;
    assert_eq!(tenant.attempts(Some("ada")).await, [] as [Value; 0]);
    tenant.activate(&document(&nodes("1m"), "1h")).await;
    assert_eq!(tenant.letters("ada", 1).await[0]["title"], "You are at cart");
    assert_eq!(visit(&tenant, "ada").await["entered"], before["entered"]);
}

#[tokio::test]
async fn a_message_under_way_keeps_its_plan() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", MINUTE).await;
    tenant.letters("ada", 1).await;
    let due = tenant.user("ada").await["due"].clone();
    assert!(due.is_i64(), "the next channel waits for an hour");
    let cart = r#"cart = { threshold = "1s", pending = "done" }"#;
    tenant.activate(&document(cart, "1s")).await;
    // Who comes now is written to on both channels before long.
    tenant.was_at("ben", "cart", MINUTE).await;
    tenant.attempted("ben", 2).await;
    assert_eq!(tenant.attempts(Some("ada")).await.len(), 1);
    assert_eq!(tenant.user("ada").await["due"], due);
}

#[tokio::test]
async fn deadlines_that_are_being_found_anew_outlive_a_crash() {
    const USERS: usize = 1_500;
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let at = iso(now() - 10 * MINUTE);
    let users: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    for some in users.chunks(500) {
        let call = |user| {
            json!({ "type": "track", "userId": user, "event": "go", "timestamp": at,
                "properties": { "node": "cart" } })
        };
        let batch: Vec<Value> = some.iter().map(call).collect();
        tenant.take("/v1/batch", &json!({ "batch": batch })).await;
    }
    tenant.activate(&strategy("1s")).await;
    stage.kill();
    stage.start();
    let attempts = eventually("everybody is written to", || async {
        let attempts = tenant.attempts(None).await;
        (attempts.len() >= USERS).then_some(attempts)
    })
    .await;
    let found: BTreeSet<&str> = attempts.iter().map(|a| a["user"].as_str().unwrap()).collect();
    assert_eq!((attempts.len(), found.len()), (USERS, USERS));
}

#[tokio::test]
async fn a_release_is_put_to_work_under_load_and_every_turn_is_of_one() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let load = super::load::Load::start(&tenant, 2, true);
    for round in 0..6 {
        let before = load.acknowledged();
        eventually("something is sent", || async {
            (load.acknowledged() > before + 3).then_some(())
        })
        .await;
        let number = 1 + (round + 1) % 2;
        if round == 0 {
            tenant.activate(&strategy("2h")).await;
        } else {
            let path = format!("/v1/releases/{number}/activate");
            tenant.post(&path).send().await.is(200);
        }
    }
    let sent = load.end().await;
    sent.is_there(&tenant).await;
    let (user, _) = sent.acknowledged.iter().find(|(user, _)| user.starts_with("walks")).unwrap();
    let known = tenant.user(user).await;
    let turns = known["turns"].as_array().unwrap();
    assert!(turns.iter().all(|turn| turn["release"] == 1 || turn["release"] == 2), "{turns:#?}");
    assert_eq!(tenant.attempts(None).await, [] as [Value; 0]);
}
