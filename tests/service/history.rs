//! The past, told late: it says where users are, and what it shows to have stalled by then is not
//! written about.

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::tenant::{Tenant, iso, now, strategy};

const HOUR: i64 = 3_600_000;

async fn import(tenant: &Tenant, lines: &[Value]) -> Value {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ask = tenant.post("/v1/import").body("application/x-ndjson", text);
    ask.send().await.is(200).json()
}

#[tokio::test]
async fn what_happened_long_ago_fires_nothing() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    // Live, but of the day before yesterday.
    tenant.was_at("ada", "cart", 49 * HOUR).await;
    let user = tenant.user("ada").await;
    assert_eq!(user["turns"][0]["history"].as_array().unwrap().len(), 1, "{user:#}");
    let lines = [
        json!({ "user": "ben", "time": iso(now() - 2 * HOUR), "node": "cart" }),
        json!({ "type": "track", "userId": "cem", "event": "go", "timestamp": iso(now() - 100 * HOUR),
            "properties": { "node": "cart" } }),
    ];
    assert_eq!(import(&tenant, &lines).await["taken"], 2);
    for user in ["ada", "ben", "cem"] {
        let state = tenant.user(user).await["state"].to_string();
        assert!(state.contains("cart"), "{user} is known to be there: {state}");
    }
    tenant.only("witness", &[]).await;
    // Another release does not bring it up, nor does a restart.
    tenant.activate(&strategy("2s")).await;
    tenant.only("another", &["witness"]).await;
}

#[tokio::test]
async fn a_deadline_that_is_still_to_come_fires_for_whom_history_put_there() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    // Soon enough to wait for, late enough to be still to come when it is taken.
    let mut margin = 1_000;
    let user = loop {
        let user = format!("user-{margin}");
        let time = iso(now() - HOUR + margin);
        import(&tenant, &[json!({ "user": user, "time": time, "node": "cart" })]).await;
        if tenant.user(&user).await["due"].is_i64() {
            break user;
        }
        margin *= 2;
        assert!(margin < 100_000, "it is never still to come");
    };
    tenant.letters(&user, 1).await;
}

#[tokio::test]
async fn an_import_says_what_it_did_not_take_and_takes_the_rest() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let text = format!(
        "{}\nnonsense\n\n{}\n{}\n{}",
        json!({ "user": "ada", "time": "2026-01-01T00:00:00Z", "node": "shelf", "mark": "one" }),
        json!({ "user": "ada", "node": "shelf" }),
        json!({ "time": "2026-01-01T00:00:00Z", "node": "shelf" }),
        json!({ "user": "ada", "time": "2026-01-02T00:00:00Z", "event": "go", "mark": "two" }),
    );
    let ask = tenant.post("/v1/import").body("application/x-ndjson", text);
    let got = ask.send().await.is(200).json();
    assert_eq!((&got["taken"], &got["refused"]), (&json!(2), &json!(3)), "{got}");
    let errors = got["errors"].as_array().unwrap();
    let places: Vec<(u64, &str)> = errors
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["at"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [(2, ""), (4, "/time"), (5, "/user")], "{errors:?}");
    assert_eq!(tenant.marks("ada").await.len(), 2);
}

#[tokio::test]
async fn a_large_import_is_taken_whole_and_again_by_its_ids_not_at_all() {
    const LINES: usize = 12_000;
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let lines: Vec<Value> = (0..LINES)
        .map(|n| {
            json!({ "user": format!("user-{}", n % 300), "node": (["shelf", "cart"][n % 2]),
                "time": iso(now() - 200 * HOUR + n as i64 * 1_000), "messageId": format!("id-{n}"),
                "mark": format!("m-{n}") })
        })
        .collect();
    assert_eq!(import(&tenant, &lines).await["taken"], LINES);
    assert_eq!(import(&tenant, &lines).await["taken"], LINES, "known ones among them");
    let marks = eventually("all is there", || async {
        let marks = tenant.marks("user-7").await;
        (marks.len() == LINES / 300).then_some(marks)
    })
    .await;
    assert!(marks.values().all(|many| *many == 1), "{marks:?}");
    tenant.only("witness", &[]).await;
    stage.stop();
    let checked = super::stage::run(&mut stage.about("check"));
    assert_eq!(checked.code, 0, "{checked:?}");
}
