//! Guard rails: quiet hours, caps, consent, digests and quotas, whatever the policies want.

use serde_json::json;

use super::scene::{Plan, Scene};
use super::sink::Sink;
use crate::service::tenant::{Tenant, iso, now, quiet};

const HOUR: i64 = 3_600_000;

fn plan() -> Plan {
    Plan::on(&[("hook", "")])
}

/// Who was written to, in the order of arrival.
fn users(sink: &Sink) -> Vec<String> {
    let user = |body: serde_json::Value| body["data"]["user"].as_str().unwrap().to_owned();
    sink.seen().iter().map(|one| user(one.json())).collect()
}

/// A user whose clock is twelve hours off, so that their night is another.
async fn abroad(tenant: &Tenant, user: &str) {
    tenant.identify(user, json!({ "timezone": "Etc/GMT+12" })).await;
}

#[tokio::test]
async fn at_night_messages_wait_for_the_morning_of_their_user() {
    let sink = Sink::good();
    let scene = Scene::hooked("", &sink, &plan().with(&quiet(2 * HOUR, 2 * HOUR, ""))).await;
    let tenant = &scene.tenant;
    tenant.tell("ann").await;
    let held = tenant.recorded("ann", "held").await;
    assert_eq!(held["why"], "quiet-hours");
    let until = held["until"].as_i64().unwrap();
    assert!((now() + HOUR..=now() + 2 * HOUR).contains(&until), "{held:#}");
    let user = tenant.user("ann").await;
    assert!(user["due"].as_i64().unwrap() <= until, "somebody looks at them again: {user:#}");
    // Where it is day somebody is written to, with the same rules.
    abroad(tenant, "bob").await;
    tenant.tell("bob").await;
    tenant.ends("bob", "accepted").await;
    assert_eq!(users(&sink), ["bob"]);
    assert!(tenant.attempts(Some("ann")).await.is_empty());
    // A zone that is none is as none.
    tenant.identify("cyd", json!({ "timezone": "Nowhere/At_All" })).await;
    tenant.tell("cyd").await;
    assert_eq!(tenant.recorded("cyd", "held").await["why"], "quiet-hours");
}

#[tokio::test]
async fn what_waits_for_the_morning_goes_out_then() {
    let sink = Sink::good();
    // The hours end with the next whole minute, or the one after.
    let scene = Scene::hooked("", &sink, &plan().with(&quiet(2 * HOUR, 60_000, ""))).await;
    let tenant = &scene.tenant;
    tenant.tell("ann").await;
    let held = tenant.recorded("ann", "held").await;
    let until = held["until"].as_i64().unwrap();
    assert!(until - now() <= 60_000, "{held:#}");
    tenant.ends("ann", "accepted").await;
    assert!(sink.only().at >= until);
}

#[tokio::test]
async fn what_matters_goes_out_at_night_and_what_may_not_wait_is_dropped() {
    let sink = Sink::good();
    let night = |more: &str| quiet(2 * HOUR, 2 * HOUR, more);
    let urgent = plan().importance("high").with(&night("except = \"high\""));
    let scene = Scene::hooked("", &sink, &urgent).await;
    let tenant = &scene.tenant;
    tenant.tell("ann").await;
    tenant.ends("ann", "accepted").await;
    tenant.activate(&plan().with(&night("then = \"drop\"\nexcept = \"high\"")).toml()).await;
    tenant.tell("bob").await;
    let ended = tenant.recorded("bob", "ended").await;
    assert_eq!(ended["reason"], "quiet-hours", "{ended:#}");
    abroad(tenant, "witness").await;
    tenant.tell("witness").await;
    tenant.ends("witness", "accepted").await;
    assert_eq!(users(&sink), ["ann", "witness"]);
}

#[tokio::test]
async fn nobody_gets_more_than_the_cap() {
    let sink = Sink::good();
    let cap = "[[guard.cap]]\nmost = 2\nwithin = \"7d\"\n";
    let scene = Scene::hooked("", &sink, &plan().with(cap)).await;
    let tenant = &scene.tenant;
    for (many, node) in ["cart", "desk"].into_iter().enumerate() {
        tenant.was_at("ann", node, 60_000 - 10_000 * many as i64).await;
        sink.saw(many + 1).await;
    }
    tenant.was_at("ann", "cart", 20_000).await;
    let capped = tenant.recorded("ann", "capped").await;
    assert_eq!(capped["cap"], 0);
    tenant.tell("bob").await;
    sink.saw(3).await;
    assert_eq!(users(&sink), ["ann", "ann", "bob"]);
}

#[tokio::test]
async fn a_cap_on_a_channel_leaves_the_others() {
    let sink = Sink::good();
    let scene = Scene::new().await;
    let tenant = &scene.tenant;
    for name in ["dear", "cheap"] {
        tenant.hook(name, &sink.url(&format!("/{name}"))).await;
    }
    let plan = Plan::on(&[("dear", ""), ("cheap", "")]);
    let cap = "[[guard.cap]]\nmost = 1\nwithin = \"24h\"\nchannel = \"dear\"\n";
    tenant.activate(&plan.with(cap).toml()).await;
    tenant.tell("ann").await;
    sink.saw(1).await;
    tenant.was_at("ann", "desk", 30_000).await;
    let seen = sink.saw(2).await;
    assert_eq!([seen[0].path.as_str(), seen[1].path.as_str()], ["/dear", "/cheap"]);
}

#[tokio::test]
async fn who_has_to_be_asked_is_written_to_only_after_a_yes() {
    let sink = Sink::good();
    let topic = "[topic.offers]\nmessages = [\"thank\"]\nconsent = \"opt-in\"\n";
    let scene = Scene::hooked("", &sink, &plan().with(topic)).await;
    let tenant = &scene.tenant;
    let say = async |user: &str, word: serde_json::Value| {
        let ask = tenant.server.post(&format!("/v1/users/{user}/consents")).by(&tenant.ingest);
        let got = ask.json(&json!({ "consents": [word] })).send().await;
        assert_eq!(got.status, 204, "{}", got.text());
    };
    say("yes", json!({ "topic": "offers", "allowed": true })).await;
    say("here", json!({ "topic": "offers", "channel": "hook", "allowed": true })).await;
    say("there", json!({ "topic": "offers", "channel": "elsewhere", "allowed": true })).await;
    say("other", json!({ "topic": "news", "allowed": true })).await;
    say("not-here", json!({ "allowed": true })).await;
    say("not-here", json!({ "channel": "hook", "allowed": false })).await;
    say("no-more", json!({ "topic": "offers", "allowed": true })).await;
    say("no-more", json!({ "allowed": false })).await;
    let all = ["silent", "there", "other", "not-here", "no-more", "here", "yes"];
    for user in all {
        tenant.tell(user).await;
    }
    for user in ["here", "yes"] {
        tenant.ends(user, "accepted").await;
    }
    let mut users = users(&sink);
    users.sort();
    assert_eq!(users, ["here", "yes"]);
    for wrong in [
        json!({ "consents": [] }),
        json!({ "consents": [{ "topic": "", "allowed": true }] }),
        json!({ "consents": [{ "topic": "a\u{0}", "allowed": true }] }),
        json!({ "consents": [{ "topic": "a" }] }),
        json!({ "consents": [{ "topic": "a", "allowed": "yes" }] }),
    ] {
        let ask = tenant.server.post("/v1/users/ann/consents").by(&tenant.ingest);
        ask.json(&wrong).send().await.is(400);
    }
}

/// A second journey, through rooms, beside the one through nodes.
const ROOMS: &str = r#"
[[policy]]
use = "dwell"
as = "rooms"
[policy.settings]
node_field = "room"
[policy.settings.nodes]
hall = { threshold = "1s", pending = "out" }
out = { behaviour = "thank" }
[policy.settings.behaviours]
thank = { message = "thank", importance = "low" }
[guard.digest]
up_to = "low"
wait = "3s"
message = "digest"
[messages.digest.default]
title = "{count} messages"
body = "{items}"
"#;

#[tokio::test]
async fn messages_that_can_wait_become_one() {
    let sink = Sink::good();
    let plan = plan().importance("low").says("Back to {node}", "Come back.").with(ROOMS);
    let scene = Scene::hooked("", &sink, &plan).await;
    let tenant = &scene.tenant;
    let at = iso(now() - 60_000);
    let call = |field: &str, place: &str| {
        json!({ "type": "track", "userId": "ann", "event": "go", "timestamp": at,
            "properties": { field: place } })
    };
    let calls = json!({ "batch": [call("node", "cart"), call("room", "hall")] });
    tenant.take("/v1/batch", &calls).await;
    let gathered = tenant.recorded("ann", "gathered").await;
    assert_eq!(gathered["items"].as_array().unwrap().len(), 1, "{gathered:#}");
    assert_eq!(tenant.records("ann", "held").await.len(), 2);
    tenant.ends("ann", "accepted").await;
    let said = &sink.only().json()["data"];
    assert_eq!(said["title"], "2 messages");
    let items = said["body"].as_str().unwrap();
    assert!(items.contains("cart") && items.contains("hall"), "{items}");
}

#[tokio::test]
async fn a_tenant_sends_no_more_in_a_day_than_its_quota() {
    let sink = Sink::good();
    let mut scene = Scene::hooked("", &sink, &plan()).await;
    let quota = async |scene: &Scene, quota: u64| {
        let change = json!({ "daily_quota": quota });
        let ask = scene.stage.server.ask("PATCH", "/v1/tenants/shop").by(&scene.stage.admin);
        ask.json(&change).send().await.is(200)
    };
    assert_eq!(quota(&scene, 2).await.json()["daily_quota"], 2);
    for user in ["ann", "bob"] {
        scene.tenant.tell(user).await;
        scene.tenant.ends(user, "accepted").await;
    }
    scene.tenant.tell("cyd").await;
    let refused = scene.tenant.ends("cyd", "refused").await;
    assert_eq!(refused["reason"], "quota");
    assert_eq!(scene.tenant.recorded("cyd", "withheld").await["why"], "quota");
    // What was sent today counts after a restart as well.
    scene.stage.kill();
    scene.stage.start();
    scene.tenant.tell("dan").await;
    assert_eq!(scene.tenant.ends("dan", "refused").await["reason"], "quota");
    assert_eq!(users(&sink), ["ann", "bob"]);
    // Another tenant has its own.
    let other = scene.stage.tenant("other").await;
    other.hook("hook", &sink.url("/other")).await;
    other.activate(&plan().toml()).await;
    other.tell("eve").await;
    other.ends("eve", "accepted").await;

    quota(&scene, 3).await;
    scene.tenant.resend(&refused).await.is(200);
    sink.saw(4).await;
    scene.tenant.ends("cyd", "accepted").await;
    assert!(quota(&scene, 0).await.json().get("daily_quota").is_none());
    scene.tenant.tell("fay").await;
    scene.tenant.ends("fay", "accepted").await;
}
