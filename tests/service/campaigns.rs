//! Groups and campaigns over the interface and the command line: previewed, launched, watched, killed in the
//! middle; and all systems in one tenant.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::{Stage, run};
use super::tenant::{Tenant, quiet};

const HOUR: i64 = 3_600_000;

const STRATEGY: &str = r#"
[[policy]]
use = "audience"
[policy.settings]
type_field = "type"
groups = { loan = {}, saving = {} }
[policy.settings.standards]
large = [{ field = "amount", at_least = 10 }]
[[channel]]
name = "app"
cost = 0.5
[messages.spring.default]
title = "Spring"
body = "A better rate."
"#;

/// So many users, each with a loan of the amount of their number.
async fn loans(tenant: &Tenant, many: usize) {
    for some in (0..many).collect::<Vec<_>>().chunks(500) {
        let calls: Vec<Value> = some
            .iter()
            .map(|n| {
                json!({ "type": "track", "userId": format!("user-{n}"), "event": "record",
                    "messageId": format!("m-{n}"), "properties": { "type": "loan", "amount": n } })
            })
            .collect();
        tenant.take("/v1/batch", &json!({ "batch": calls })).await;
    }
}

fn spring(more: &Value) -> Value {
    let mut campaign = json!({ "policy": "audience", "parameters": { "name": "spring",
        "type": "loan", "message": "spring" } });
    for (name, value) in more.as_object().unwrap() {
        campaign[name] = value.clone();
    }
    campaign
}

async fn campaign(tenant: &Tenant, number: u64) -> Value {
    tenant.get(&format!("/v1/campaigns/{number}")).send().await.is(200).json()
}

#[tokio::test]
async fn b4_b5_b6_b7_from_a_file_to_letters_by_the_command_line() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(STRATEGY).await;
    loans(&tenant, 30).await;
    let groups = tenant.command(&["campaign", "groups", "--tenant", "shop"]);
    assert_eq!(groups.code, 0, "{groups:?}");
    assert!(
        groups.out.lines().any(|l| l.trim().starts_with("audience loan") && l.ends_with("30")),
        "{groups:?}"
    );
    let file = stage.path("spring.toml");
    let text = "policy = \"audience\"\nhold_out = 20\n[parameters]\nname = \"spring\"\n\
        type = \"loan\"\nmessage = \"spring\"\nstandard = \"large\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let preview = tenant.command(&["campaign", "preview", file, "--tenant", "shop"]);
    assert_eq!(preview.code, 0, "{preview:?}");
    assert!(preview.out.contains("initial group") && preview.out.contains("Nobody was messaged"));
    assert!(tenant.attempts(None).await.is_empty());
    let launched = tenant.command(&["campaign", "launch", file, "--tenant", "shop", "--json"]);
    assert_eq!(launched.code, 0, "{launched:?}");
    let done: Value = serde_json::from_str(&launched.out).unwrap();
    assert_eq!((&done["status"], &done["processed"]), (&json!("done"), &json!(30)));
    let target = done["target"].as_u64().unwrap();
    assert_eq!(target + done["held_out"].as_u64().unwrap(), 20);
    assert_eq!(done["missed"], json!({ "unqualified": 10 }));
    let attempts = eventually("all are written to", || async {
        let attempts = tenant.attempts(None).await;
        (attempts.len() as u64 == target).then_some(attempts)
    });
    for attempt in attempts.await {
        let number: u64 = attempt["user"].as_str().unwrap()[5..].parse().unwrap();
        assert!(number >= 10, "{attempt}");
    }
    let shown = tenant.command(&["campaign", "show", "1", "--tenant", "shop"]);
    assert!(
        shown.out.contains("campaign 1 is done") && shown.out.contains("held out"),
        "{shown:?}"
    );
    let costs = tenant.command(&["campaign", "costs", "--tenant", "shop"]);
    assert!(costs.out.contains(&format!("{:.2}", target as f64 * 0.5)), "{costs:?}");
    // What is wrong is said with its place.
    std::fs::write(file, text.replace("\"loan\"", "\"lone\"")).unwrap();
    let wrong = tenant.command(&["campaign", "launch", file, "--tenant", "shop"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.err.contains("/parameters/type") && wrong.err.contains("lone"), "{wrong:?}");
    std::fs::write(file, text.replace("hold_out", "holdout")).unwrap();
    let wrong = tenant.command(&["campaign", "preview", file, "--tenant", "shop"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.err.contains("holdout"), "{wrong:?}");
    let none = tenant.command(&["campaign", "show", "77", "--tenant", "shop"]);
    assert_eq!(none.code, 1, "{none:?}");
    let known = tenant.command(&["explain", "--tenant", "shop", "--user", "user-20"]);
    assert!(known.out.contains("the same came out, byte for byte"), "{known:?}");
    assert!(known.out.contains("joined") || known.out.contains("belongs to audience's group loan"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_it_goes_on_and_reaches_everybody_once() {
    const USERS: u64 = 3_000;
    let mut stage = Stage::with("[delivery]\nlease = \"1s\"\n[engine]\nbatch = 50\n");
    let tenant = stage.tenant("shop").await;
    tenant.activate(STRATEGY).await;
    loans(&tenant, USERS as usize).await;
    let new = tenant.post("/v1/campaigns").json(&spring(&json!({ "per_second": 2_000 })));
    let number = new.send().await.is(201).json()["number"].as_u64().unwrap();
    tenant.post(&format!("/v1/campaigns/{number}/launch")).send().await.is(200);
    let mut halted = Vec::new();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..300))).await;
        stage.kill();
        stage.start();
        halted.push(campaign(&tenant, number).await["processed"].as_u64().unwrap());
    }
    let done = eventually("it is done", || async {
        let campaign = campaign(&tenant, number).await;
        (campaign["status"] == "done").then_some(campaign)
    })
    .await;
    assert!(halted.is_sorted(), "what was reached stays reached: {halted:?}");
    assert!(
        halted.iter().any(|many| *many < USERS),
        "too quick to be killed in the middle: {halted:?}"
    );
    assert_eq!((&done["processed"], &done["target"]), (&json!(USERS), &json!(USERS)));
    let attempts = eventually("everybody is written to", || async {
        let attempts = tenant.attempts(None).await;
        (attempts.len() as u64 >= USERS).then_some(attempts)
    })
    .await;
    assert_eq!(attempts.len() as u64, USERS, "nobody twice");
    stage.stop();
    let checked = run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[tokio::test]
async fn it_is_paused_resumed_and_cancelled() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(STRATEGY).await;
    loans(&tenant, 300).await;
    let new = tenant.post("/v1/campaigns").json(&spring(&json!({ "per_second": 50 })));
    let number = new.send().await.is(201).json()["number"].as_u64().unwrap();
    let path = |what: &str| format!("/v1/campaigns/{number}/{what}");
    tenant.post(&path("pause")).send().await.is(409);
    tenant.post(&path("launch")).send().await.is(200);
    eventually("some are reached", || async {
        (campaign(&tenant, number).await["processed"].as_u64() > Some(5)).then_some(())
    })
    .await;
    tenant.post(&path("pause")).send().await.is(200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let at = campaign(&tenant, number).await["processed"].clone();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(campaign(&tenant, number).await["processed"], at, "it stands still");
    assert!(at.as_u64() < Some(300), "{at}");
    tenant.post(&path("launch")).send().await.is(200);
    eventually("it goes on", || async {
        (campaign(&tenant, number).await["processed"].as_u64() > at.as_u64()).then_some(())
    })
    .await;
    let cancelled = tenant.post(&path("cancel")).send().await.is(200).json();
    assert_eq!(cancelled["status"], "cancelled");
    tenant.post(&path("launch")).send().await.is(409);
    let gone = stage.server.ask("DELETE", &format!("/v1/campaigns/{number}")).by(&tenant.manage);
    assert_eq!(gone.send().await.status, 204);
}

/// All standard policies in one strategy: who is stuck, in a group, new, or lapsed.
const ALL: &str = r#"
[[policy]]
use = "dwell"
[policy.settings]
nodes.cart = { threshold = "1s", pending = "done" }
nodes.done = { behaviour = "thank" }
behaviours.thank = { message = "thank" }

[[policy]]
use = "audience"
settings = { type_field = "type", groups = { loan = {} } }

[[policy]]
use = "lapsed"
settings = { period = "2s" }

[[policy]]
use = "cascade"
settings = { strategies = { default = { channels = ["log", "app"], wait = "1h" } } }

[[policy]]
use = "reading"
routes = ["spring"]
settings = { channels = ["app", "log"], established_at = 5, k1 = 1, k2 = 1 }

[[campaign]]
policy = "lapsed"
parameters = { name = "come-back", message = "come-back", without_account = true }

[[channel]]
name = "log"
[[channel]]
name = "app"

[messages.thank.default]
body = "Come back."
[messages.spring.default]
body = "A better rate."
[messages.come-back.default]
body = "We miss you."
"#;

#[tokio::test]
async fn all_systems_in_one_tenant_keep_to_its_rails_and_several_tenants_to_themselves() {
    let stage = Stage::new();
    let capped = format!("{ALL}\n[[guard.cap]]\nmost = 2\nwithin = \"1h\"\n");
    let (shop, bank) = (stage.tenant("shop").await, stage.tenant("bank").await);
    let inn = stage.tenant("inn").await;
    shop.activate(&capped).await;
    bank.activate(ALL).await;
    inn.activate(&format!("{ALL}\n{}", quiet(2 * HOUR, 2 * HOUR, ""))).await;
    for tenant in [&shop, &bank, &inn] {
        let call = json!({ "userId": "ada", "event": "go",
            "properties": { "node": "cart", "type": "loan" } });
        tenant.take("/v1/track", &call).await;
        let new = tenant.post("/v1/campaigns").json(&spring(&json!({ "late_joiners": true })));
        tenant.post("/v1/campaigns/launch-none/launch").send().await.is(400);
        let number = new.send().await.is(201).json()["number"].as_u64().unwrap();
        tenant.post(&format!("/v1/campaigns/{number}/launch")).send().await.is(200);
    }
    let said = |attempts: &[Value]| {
        let mut keys: Vec<String> =
            attempts.iter().map(|a| format!("{} {}", a["message"], a["channel"])).collect();
        keys.sort();
        keys
    };
    // D: a new account everywhere at once; A and C: one channel first; E: nobody had to do anything.
    let bank_attempts = bank.attempted("ada", 4).await;
    let decided = bank.decided("ada").await;
    assert_eq!(
        decided.iter().filter(|word| *word == "sent").count(),
        4,
        "{:?}",
        said(&bank_attempts)
    );
    assert_eq!(decided.iter().filter(|word| *word == "drafted").count(), 3);
    // Each message goes out once on each of its channels, whoever wrote it.
    let sent: BTreeSet<String> = said(&bank_attempts).into_iter().collect();
    assert_eq!(sent.len(), 4, "{sent:?}");
    // The cap counts messages of all systems together: two of the three, the campaign's on two channels.
    eventually("the third is one too many", || async {
        shop.decided("ada").await.contains(&"capped".to_owned()).then_some(())
    })
    .await;
    let drafted = shop.decided("ada").await.iter().filter(|word| *word == "drafted").count();
    assert_eq!(drafted, 3);
    let messages: BTreeSet<String> =
        shop.attempts(Some("ada")).await.iter().map(|a| a["message"].to_string()).collect();
    assert_eq!(messages.len(), 2);
    // At night all three wait, whoever wrote them.
    eventually("all wait for the morning", || async {
        let decided = inn.decided("ada").await;
        let many = |word: &str| decided.iter().filter(|one| *one == word).count();
        (many("drafted") == 3 && many("held") >= 3).then_some(())
    })
    .await;
    assert_eq!(inn.recorded("ada", "held").await["why"], "quiet-hours");
    assert!(inn.attempts(Some("ada")).await.is_empty(), "nobody is woken");
    for (tenant, of) in [("shop", &shop), ("bank", &bank), ("inn", &inn)] {
        let known = of.command(&["explain", "--tenant", tenant, "--user", "ada"]);
        assert!(known.out.contains("the same came out, byte for byte"), "{known:?}");
    }
}
