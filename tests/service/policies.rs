//! Policies that a tenant brings along: what is not admitted and why, what becomes of one that does not
//! answer, and how one goes back.

use serde_json::{Value, json};

use super::http::{Got, eventually};
use super::stage::Stage;
use super::tenant::{Tenant, strategy};
use crate::hostile::policies::Guest;

async fn upload(tenant: &Tenant, bytes: &[u8]) -> Got {
    tenant.post("/v1/policies").body("application/wasm", bytes.to_vec()).send().await
}

/// Uploads a policy that is admitted; its digest.
async fn admitted(tenant: &Tenant, guest: &Guest<'_>) -> String {
    let got = upload(tenant, &guest.component()).await.is(201).json();
    got["digest"].as_str().unwrap().to_owned()
}

/// The usual strategy with this policy in the place of `dwell`.
fn led_by(digest: &str) -> String {
    let (_, rest) = strategy("1s").split_once("use = \"cascade\"").map(owned).unwrap();
    format!("[[policy]]\nuse = {digest:?}\nsettings = {{}}\n\n[[policy]]\nuse = \"cascade\"{rest}")
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

async fn release(tenant: &Tenant, number: u64) -> Value {
    tenant.get(&format!("/v1/releases/{number}")).send().await.is(200).json()
}

#[tokio::test]
async fn what_is_no_policy_is_refused_with_the_reason() {
    let stage = Stage::with("[policies]\ncomponent_bytes = \"512KiB\"\n");
    let tenant = stage.tenant("shop").await;
    let component = |text: &str| wat::parse_str(format!("(component {text})")).unwrap();
    for (bytes, reason) in [
        (b"garbage".to_vec(), "not-a-component"),
        (Vec::new(), "not-a-component"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "not-a-component"),
        (wat::parse_str("(module)").unwrap(), "not-a-component"),
        (component(r#"(import "wasi:io/poll@0.2.0" (instance))"#), "import"),
        (component(""), "export"),
        (Guest { describe: "unreachable", ..Guest::default() }.component(), "fault"),
        (Guest { describe: "(loop (br 0)) unreachable", ..Guest::default() }.component(), "fault"),
    ] {
        let got = upload(&tenant, &bytes).await.is(422).json();
        assert_eq!(got["reason"], reason, "{got}");
        assert_eq!(got["type"], "/problems/not-admitted");
        assert!(got["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{got}");
    }
    let wasi = component(r#"(import "wasi:sockets/tcp@0.2.0" (instance))"#);
    let got = upload(&tenant, &wasi).await.is(422).json();
    assert_eq!(got["import"], "wasi:sockets/tcp@0.2.0");
    assert!(got["detail"].as_str().unwrap().contains("wasi:sockets/tcp@0.2.0"), "{got}");
    // Cut off in the middle, and too large.
    let good = Guest::default().component();
    let half = upload(&tenant, &good[..good.len() / 2]).await.is(422).json();
    assert_eq!(half["reason"], "invalid", "{half}");
    upload(&tenant, &vec![0; (512 << 10) + 1]).await.is(413);
    let text = tenant.post("/v1/policies").body("text/plain", good.clone());
    text.send().await.is(415);

    let none = tenant.get("/v1/policies").send().await.is(200).json();
    assert_eq!(none["items"], json!([]));
    // Not one of them has done any harm.
    upload(&tenant, &good).await.is(201);
    let again = upload(&tenant, &good).await.is(200).json();
    assert_eq!(again["name"], "hostile");
}

#[tokio::test]
async fn a_release_whose_policy_keeps_faulting_makes_way_for_the_one_before() {
    let loops = "(loop (br 0)) unreachable";
    for (locate, word) in [("unreachable", "trap"), (loops, "fuel")] {
        let mut stage = Stage::with("[policies]\nfault_limit = 3\n");
        let tenant = stage.tenant("shop").await;
        tenant.activate(&strategy("1s")).await;
        let bad = admitted(&tenant, &Guest { locate, ..Guest::default() }).await;
        assert_eq!(tenant.activate(&led_by(&bad)).await, 2);
        eventually("it is switched off", || async {
            tenant.at("ada", "shelf").await;
            (release(&tenant, 2).await["status"] == "faulted").then_some(())
        })
        .await;
        let faulted = release(&tenant, 2).await;
        let reason = faulted["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("locate"), "{reason}");
        assert!(reason.contains(word), "{reason}");
        let all = tenant.get("/v1/releases").send().await.is(200).json();
        let states: Vec<(&Value, &Value)> =
            all["items"].as_array().unwrap().iter().map(|r| (&r["number"], &r["status"])).collect();
        assert_eq!(states, [(&json!(2), &json!("faulted")), (&json!(1), &json!("active"))]);
        // The one before decides, about what comes and what it did not see.
        tenant.at("ada", "cart").await;
        tenant.letters("ada", 1).await;
        let user = tenant.user("ada").await;
        assert_eq!(user["turns"][0]["release"], 1);
        assert!(tenant.decided("ada").await.iter().filter(|word| *word == "fault").count() >= 3);

        // It stays that way, and nobody is kept from trying again.
        stage.kill();
        stage.start();
        assert_eq!(release(&tenant, 2).await["reason"], json!(reason));
        assert_eq!(release(&tenant, 1).await["status"], "active");
        let again = tenant.post("/v1/releases/2/activate").send().await.is(200).json();
        assert_eq!((&again["status"], again.get("reason")), (&json!("active"), None));
    }
}

#[tokio::test]
async fn a_faulting_release_with_none_before_it_leaves_none_at_work() {
    let stage = Stage::with("[policies]\nfault_limit = 2\n");
    let tenant = stage.tenant("shop").await;
    let bad = admitted(&tenant, &Guest { locate: "unreachable", ..Guest::default() }).await;
    tenant.activate(&led_by(&bad)).await;
    eventually("it is switched off", || async {
        tenant.at("ada", "cart").await;
        (release(&tenant, 1).await["status"] == "faulted").then_some(())
    })
    .await;
    // Events are taken all the same.
    let mark = json!({ "userId": "ada", "event": "go", "properties": { "mark": "after" } });
    tenant.take("/v1/track", &mark).await;
    assert_eq!(tenant.marks("ada").await["after"], 1);
    tenant.post("/v1/releases/roll-back").send().await.is(409);
}

#[tokio::test]
async fn a_few_faults_cost_their_decisions_and_no_release() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let bad = admitted(&tenant, &Guest { locate: "unreachable", ..Guest::default() }).await;
    tenant.activate(&led_by(&bad)).await;
    for _ in 0..3 {
        tenant.at("ada", "cart").await;
    }
    // They are counted after the events are acknowledged.
    let uses = eventually("three faults are counted", || async {
        let uses = release(&tenant, 1).await["policies"].clone();
        (uses[0]["faults"] == 3).then_some(uses)
    })
    .await;
    assert_eq!(uses[0]["digest"], bad);
    assert_eq!(release(&tenant, 1).await["status"], "active");
}

#[tokio::test]
async fn releases_go_back_and_off_and_policies_in_use_stay() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.post("/v1/releases/roll-back").send().await.is(409);
    tenant.activate(&strategy("1h")).await;
    tenant.post("/v1/releases/roll-back").send().await.is(409);
    let used = admitted(&tenant, &Guest::default()).await;
    let unused = admitted(
        &tenant,
        &Guest { more: "(data (i32.const 0xa00) \"another\")", ..Guest::default() },
    )
    .await;
    tenant.activate(&led_by(&used)).await;
    let back = tenant.post("/v1/releases/roll-back").send().await.is(200).json();
    assert_eq!((&back["number"], &back["status"]), (&json!(1), &json!("active")));
    assert_eq!(release(&tenant, 2).await["status"], "retired");
    // A release that is not at work may be put to work again: what it needs stays.
    let delete = async |digest: &str| {
        let ask = tenant.server.ask("DELETE", &format!("/v1/policies/{digest}")).by(&tenant.manage);
        ask.send().await
    };
    let refused = delete(&used).await.is(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("release 2"), "{refused}");
    assert_eq!(delete(&unused).await.status, 204);
    delete(&unused).await.is(404);
    tenant.get(&format!("/v1/policies/{unused}")).send().await.is(404);
    tenant.post("/v1/releases/2/activate").send().await.is(200);
    tenant.post("/v1/releases/3/activate").send().await.is(404);

    tenant.post("/v1/releases/1/activate").send().await.is(200);
    assert_eq!(tenant.post("/v1/releases/off").send().await.status, 204);
    tenant.was_at("ada", "cart", 7_200_000).await;
    assert_eq!(tenant.user("ada").await["due"], Value::Null);
    let all = tenant.get("/v1/releases").send().await.is(200).text();
    assert!(!all.contains("\"active\""), "{all}");
    // What was sent meanwhile is known, and where somebody is shows with their next event.
    tenant.post("/v1/releases/1/activate").send().await.is(200);
    tenant.was_at("ada", "cart", 7_100_000).await;
    tenant.letters("ada", 1).await;
}

#[tokio::test]
async fn what_is_wrong_in_a_strategy_is_pointed_at() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let propose = async |text: String| {
        tenant.post("/v1/releases").body("application/toml", text).send().await
    };
    let good = strategy("1h");
    let soon =
        propose(good.replace("\"1h\", pending = \"done\"", "\"soon\", pending = \"dnoe\"")).await;
    let soon = soon.is(422);
    assert_eq!(soon.json()["reason"], "settings");
    let pointers = soon.pointers();
    let at = |place: &str| format!("/policy/0/settings/nodes/cart/{place}");
    assert!(pointers.contains(&at("threshold")), "{pointers:?}");
    let lost = propose(good.replace("pending = \"done\"", "pending = \"dnoe\"")).await.is(422);
    assert_eq!(lost.pointers(), [at("pending")], "{}", lost.text());
    let policy = propose(good.replace("use = \"cascade\"", "use = \"cascades\"")).await.is(400);
    assert_eq!(policy.pointers(), ["/policy/1/use"]);
    let channel = propose(good.replace("name = \"log\"", "name = \"pigeon\"")).await.is(400);
    assert_eq!(channel.pointers(), ["/channel/1/name"]);
    propose("name = ".to_owned()).await.is(400);
    propose(format!("{good}\n[unknown]\nx = 1\n")).await.is(400);
    // A policy that is admitted, and does not answer when it is given settings.
    let mute = admitted(&tenant, &Guest { configure: "unreachable", ..Guest::default() }).await;
    let got = propose(led_by(&mute)).await.is(422).json();
    assert_eq!(got["reason"], "fault", "{got}");
    let json = tenant.post("/v1/releases").json(&json!({ "policies": [] }));
    json.send().await.is(400);
    assert_eq!(tenant.get("/v1/releases").send().await.json()["items"], json!([]));

    let file = stage.path("strategy.toml");
    std::fs::write(&file, good.replace("\"1h\", pending", "\"soon\", pending")).unwrap();
    let pushed = tenant.command(&["policy", "push", file.to_str().unwrap()]);
    assert_eq!(pushed.code, 1, "{pushed:?}");
    assert!(pushed.out.contains(&at("threshold")), "{pushed:?}");
}

#[tokio::test]
async fn a_component_is_pushed_by_the_command_line() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let file = stage.path("hostile.wasm");
    std::fs::write(&file, Guest::default().component()).unwrap();
    let pushed = tenant.command(&["policy", "push", file.to_str().unwrap()]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    let all = tenant.get("/v1/policies").send().await.is(200).json();
    let digest = all["items"][0]["digest"].as_str().unwrap();
    assert!(pushed.out.contains(digest), "{pushed:?}");
    // A strategy file names it by its path; the release, by what it is.
    let text = led_by("hostile.wasm");
    std::fs::write(stage.path("strategy.toml"), text).unwrap();
    let strategy = stage.path("strategy.toml");
    let pushed = tenant.command(&["policy", "push", strategy.to_str().unwrap(), "--activate"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert_eq!(release(&tenant, 1).await["policies"][0]["digest"], digest);
    // Nobody answers there.
    let nowhere = super::stage::run(
        super::stage::nudge(&["policy", "push", file.to_str().unwrap()])
            .env("NUDGE_SERVER", "http://127.0.0.1:9")
            .env("NUDGE_KEY", "nk_x"),
    );
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
}
