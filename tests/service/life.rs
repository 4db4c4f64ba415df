//! The life of a message: from the events that lead to it to the receipt that ends it.

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::stream::Stream;
use super::tenant::{Tenant, document, strategy};

/// A tenant with a strategy at work.
async fn shop(stage: &Stage, threshold: &str) -> Tenant {
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy(threshold)).await;
    tenant
}

/// The receipts among a user's events, oldest first.
async fn evidence(tenant: &Tenant, user: &str) -> Vec<Value> {
    let known = tenant.user(user).await;
    let mut turns = known["turns"].as_array().unwrap().clone();
    turns.reverse();
    let events =
        turns.iter().flat_map(|turn| turn["events"].as_array().cloned().unwrap_or_default());
    events.map(|event| event["what"].clone()).filter(|what| what["kind"] == "receipt").collect()
}

#[tokio::test]
async fn a_strategy_is_pushed_by_the_command_line_and_a_message_comes_of_it() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let file = stage.path("strategy.toml");
    std::fs::write(&file, strategy("1s")).unwrap();
    let pushed = tenant.command(&["policy", "push", file.to_str().unwrap(), "--activate"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert!(pushed.out.contains("release 1: active"), "{pushed:?}");
    let release = tenant.get("/v1/releases/1").send().await.is(200).json();
    assert_eq!(release["status"], "active");

    let token = tenant.token("ada").await;
    let mut stream = Stream::open(stage.server.get("/v1/inbox/stream").by(&token)).await;
    tenant.at("ada", "shelf").await;
    tenant.at("ada", "cart").await;
    let told = stream.next().await.expect("a letter");
    assert_eq!(told.event, "letter");
    assert_eq!(told.data["title"], "You are at cart");
    let letters = tenant.letters("ada", 1).await;
    assert_eq!(letters[0], told.data);
    assert_eq!(told.id, told.data["id"].to_string());

    let attempts = tenant.attempts(Some("ada")).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["channel"], "app");
    assert_eq!(attempts[0]["outcome"], "accepted");
    assert_eq!(attempts[0]["tracking"], told.data["tracking"]);

    // A command line with a key that may not is told so.
    let key = Tenant { manage: tenant.ingest.clone(), ..tenant.clone() };
    let refused = key.command(&["policy", "push", file.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("manage"), "{refused:?}");
}

#[tokio::test]
async fn what_the_reader_does_comes_back_as_receipts_and_ends_the_push() {
    let stage = Stage::new();
    let tenant = shop(&stage, "1s").await;
    tenant.was_at("ada", "cart", 60_000).await;
    let letter = tenant.letters("ada", 1).await.remove(0);
    assert_eq!((&letter["seen"], &letter["confirmed"]), (&Value::Null, &Value::Null));
    let token = tenant.token("ada").await;
    let path = format!("/v1/inbox/{}", letter["id"]);
    let mark = async |what: &str| {
        let ask = stage.server.post(&format!("{path}/{what}")).by(&token);
        ask.send().await.is(200).json()
    };
    let seen = mark("seen").await;
    assert!(seen["seen"].is_i64(), "{seen}");
    // Seen is not enough for this strategy.
    assert!(!tenant.decided("ada").await.contains(&"ended".to_owned()));
    assert_eq!(mark("seen").await, seen, "once is enough");
    let confirmed = mark("confirm").await;
    assert_eq!(confirmed["seen"], seen["seen"]);
    assert!(confirmed["confirmed"].is_i64(), "{confirmed}");
    assert_eq!(mark("confirm").await, confirmed);

    let shows: Vec<Value> =
        evidence(&tenant, "ada").await.iter().map(|what| what["shows"].clone()).collect();
    assert_eq!(shows.len(), 3, "accepted, seen, confirmed: {shows:?}");
    let decided = tenant.decided("ada").await;
    assert_eq!(decided.iter().filter(|word| *word == "ended").count(), 1, "{decided:?}");
    let user = tenant.user("ada").await;
    assert_eq!(user["due"], Value::Null, "nothing more is waited for: {user}");
    assert_eq!(tenant.attempts(Some("ada")).await.len(), 1);
    let inbox = tenant.inbox("ada").await;
    assert_eq!(inbox, [confirmed]);
}

#[tokio::test]
async fn what_is_not_received_goes_to_the_next_channel() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let cart = r#"cart = { threshold = "1s", pending = "done" }"#;
    tenant.activate(&document(cart, "1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    let attempts = tenant.attempted("ada", 2).await;
    let channels: Vec<&Value> = attempts.iter().map(|attempt| &attempt["channel"]).collect();
    assert_eq!(channels, ["log", "app"], "newest first");
    assert_eq!(attempts[0]["message"], attempts[1]["message"]);
    eventually("an end, as no channel is left", || async {
        tenant.decided("ada").await.contains(&"ended".to_owned()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn receipts_of_a_provider_count_as_the_readers_own() {
    let stage = Stage::new();
    let tenant = shop(&stage, "1s").await;
    tenant.was_at("ada", "cart", 60_000).await;
    let tracking = tenant.letters("ada", 1).await[0]["tracking"].clone();
    let receipts = json!({ "receipts": [{ "tracking": tracking, "shows": "confirmed" }] });
    tenant.send("/v1/receipts", &receipts).await.is(204);
    assert!(tenant.decided("ada").await.contains(&"ended".to_owned()));
    assert!(tenant.inbox("ada").await[0]["confirmed"].is_i64());
    // All or none, and each place is named.
    let wrong = json!({ "receipts": [
        { "tracking": tracking, "shows": "seen" },
        { "tracking": tracking, "shows": "smelled" },
        { "tracking": "nonsense", "shows": "seen" },
    ] });
    let got = tenant.send("/v1/receipts", &wrong).await.is(400);
    assert_eq!(got.pointers(), ["/receipts/1/shows", "/receipts/2/tracking"]);
    assert_eq!(tenant.inbox("ada").await[0]["seen"], Value::Null);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_letter_that_arrived() {
    let mut stage = Stage::new();
    let tenant = shop(&stage, "1s").await;
    for many in 1..=3 {
        // Away and back: another visit.
        tenant.was_at("ada", "shelf", 90_000 - many * 10_000).await;
        tenant.was_at("ada", "cart", 89_000 - many * 10_000).await;
        tenant.letters("ada", many as usize).await;
    }
    let letters = tenant.inbox("ada").await;
    let ids: Vec<String> = letters.iter().map(|letter| letter["id"].to_string()).collect();
    let token = tenant.token("ada").await;
    let read = async |ask, from: usize| {
        let mut stream = Stream::open(ask).await;
        for id in &ids[from..] {
            assert_eq!(&stream.next().await.unwrap().id, id);
        }
        stream
    };
    let server = stage.server.clone();
    let path = "/v1/inbox/stream";
    let mut streams = vec![
        read(server.get(path).by(&token), 0).await,
        read(server.get(path).by(&token).header("last-event-id", &ids[0]), 1).await,
        read(server.get(&format!("{path}?token={token}&after={}", ids[1])), 2).await,
        // What the browser says is newer than what the page's address said at first.
        read(
            server.get(&format!("{path}?token={token}&after=0")).header("last-event-id", &ids[2]),
            3,
        )
        .await,
    ];
    tenant.at("ada", "shelf").await;
    tenant.at("ada", "cart").await;
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().data["title"], "You are at cart");
    }
    stage.terminate();
    for stream in streams {
        stream.end().await;
    }
    assert_eq!(stage.ended(), Some(0));
}

#[tokio::test]
async fn who_goes_on_before_the_deadline_gets_no_message() {
    let stage = Stage::new();
    let tenant = shop(&stage, "1s").await;
    let went = |user: &str, node: &str| json!({ "type": "track", "userId": user, "event": "go", "properties": { "node": node } });
    let calls = [went("ada", "cart"), went("ben", "cart"), went("ada", "done")];
    tenant.take("/v1/batch", &json!({ "batch": calls })).await;
    tenant.only("witness", &["ben"]).await;
    let decided = tenant.decided("ada").await;
    assert!(
        !decided.iter().any(|word| ["stalled", "drafted", "sent"].contains(&word.as_str())),
        "{decided:?}"
    );
}

#[tokio::test]
async fn the_turns_of_a_user_tell_events_and_decisions() {
    let stage = Stage::new();
    let tenant = shop(&stage, "1s").await;
    tenant.take("/v1/identify", &json!({ "userId": "ada", "traits": { "plan": "pro" } })).await;
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
    let user = tenant.user("ada").await;
    assert_eq!(user["user"], "ada");
    assert_eq!(user["state"]["profile"]["plan"], "pro");
    let turns = user["turns"].as_array().unwrap();
    // Newest first, and each names the one before it.
    let ats: Vec<i64> = turns.iter().map(|turn| turn["at"].as_i64().unwrap()).collect();
    assert!(ats.is_sorted_by(|a, b| a >= b), "{ats:?}");
    assert!(turns.iter().all(|turn| turn["release"] == 1), "{turns:#?}");
    assert_eq!(turns.last().unwrap()["events"][0]["what"]["kind"], "profile");
    let words = tenant.decided("ada").await;
    assert_eq!(words, ["entered", "stalled", "drafted", "planned", "sent", "evidence"]);
    // Fewer if fewer are asked for.
    let few = tenant.get("/v1/users/ada?turns=1").send().await.is(200).json();
    assert_eq!(few["turns"].as_array().unwrap()[..], turns[..1]);
    tenant.get("/v1/users/ada?turns=201").send().await.is(400);
    tenant.get("/v1/users/nobody").send().await.is(404);
}
