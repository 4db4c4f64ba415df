//! What senders say: heard once, understood in each format, of whomever it is, and no more than may be.

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::tenant::{Tenant, strategy};

fn marked(user: &str, mark: &str, id: &str) -> Value {
    json!({ "type": "track", "userId": user, "event": "go", "messageId": id,
        "properties": { "node": "shelf", "mark": mark } })
}

#[tokio::test]
async fn what_is_sent_again_is_heard_once() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let other = stage.tenant("other").await;
    let call = marked("ada", "one", "id-1");
    for path in ["/v1/track", "/v1/t", "/v1/track"] {
        tenant.take(path, &call).await;
    }
    let twice =
        json!({ "batch": [marked("ada", "two", "id-2"), marked("ada", "two", "id-2"), call] });
    tenant.take("/v1/batch", &twice).await;
    stage.kill();
    stage.start();
    tenant.take("/v1/track", &call).await;
    tenant.take("/v1/batch", &twice).await;
    // It is the id that counts, not what is said.
    tenant.take("/v1/track", &marked("ada", "three", "id-2")).await;
    let marks = tenant.marks("ada").await;
    assert_eq!(Vec::from_iter(marks), [("one".to_owned(), 1), ("two".to_owned(), 1)]);
    // Ids are a tenant's own, and who sends none is heard each time.
    other.take("/v1/track", &call).await;
    assert_eq!(other.marks("ada").await["one"], 1);
    let bare = json!({ "userId": "ben", "event": "go", "properties": { "mark": "bare" } });
    for _ in 0..3 {
        tenant.take("/v1/track", &bare).await;
    }
    assert_eq!(tenant.marks("ben").await["bare"], 3);
}

#[tokio::test]
async fn cloudevents_are_heard_in_each_of_their_forms_and_once() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let event = |id: &str| {
        json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": "go",
            "subject": "ada", "data": { "node": "shelf", "mark": id } })
    };
    let post = || stage.server.post("/v1/events").by(&tenant.ingest);
    for _ in 0..2 {
        let one = post().body("application/cloudevents+json", event("e1").to_string());
        one.send().await.is(200);
        let batch = json!([event("e1"), event("e2"), event("e3")]).to_string();
        post().body("application/cloudevents-batch+json", batch).send().await.is(200);
        let binary = post().json(&json!({ "node": "cart", "mark": "e4" }));
        let binary = binary.header("ce-specversion", "1.0").header("ce-id", "e4");
        let binary = binary.header("ce-source", "/shop").header("ce-type", "go");
        binary.header("ce-subject", "ada").send().await.is(200);
    }
    let marks = tenant.marks("ada").await;
    let once = |id: &str| (id.to_owned(), 1);
    assert_eq!(Vec::from_iter(marks), ["e1", "e2", "e3", "e4"].map(once));
    assert!(tenant.user("ada").await["due"].is_i64(), "at the cart, by the last of them");
}

#[tokio::test]
async fn the_key_may_stand_where_segments_libraries_put_it() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let mut call = marked("ada", "in-body", "id-1");
    call["writeKey"] = tenant.ingest.clone().into();
    stage.server.post("/v1/track").body("text/plain", call.to_string()).send().await.is(200);
    call["writeKey"] = "nk_wrong".into();
    stage.server.post("/v1/track").json(&call).send().await.is(401);
    assert_eq!(tenant.marks("ada").await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_left_out_or_with_strictness_refused_as_a_whole() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    let batch = |first: &str| {
        json!({ "batch": [
            marked("ada", first, first),
            { "type": "track", "event": "nobody's" },
            { "type": "dance", "userId": "ada" },
            marked("ada", "last", "last"),
        ] })
    };
    let got = tenant.send("/v1/batch", &batch("first")).await.is(200).json();
    let lines: Vec<&Value> =
        got["refused"].as_array().unwrap().iter().map(|refused| &refused["line"]).collect();
    assert_eq!(lines, [1, 2]);
    assert_eq!(tenant.marks("ada").await.len(), 2);
    let strict = stage.server.post("/v1/batch").by(&tenant.ingest).header("nudge-strict", "true");
    let refused = strict.json(&batch("strict")).send().await.is(400);
    assert!(refused.text().contains("/batch/1"), "{}", refused.text());
    assert_eq!(tenant.marks("ada").await.len(), 2);
    for (path, body) in [
        ("/v1/track", json!({ "userId": "ada" })),
        ("/v1/track", json!({ "userId": "anon:ada", "event": "e" })),
        ("/v1/alias", json!({ "userId": "ada" })),
        ("/v1/track", json!([])),
    ] {
        tenant.send(path, &body).await.is(400);
    }
    let broken = stage.server.post("/v1/track").by(&tenant.ingest).body("application/json", "{");
    broken.send().await.is(400);
    let large = marked("ada", &"x".repeat(40_000), "large");
    tenant.send("/v1/track", &large).await.is(400);
}

#[tokio::test]
async fn an_anonymous_user_who_says_who_they_are_is_that_user() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let went = |node: &str, mark: &str| json!({ "anonymousId": "a-1", "event": "go", "properties": { "node": node, "mark": mark } });
    tenant.take("/v1/track", &went("shelf", "before")).await;
    tenant.take("/v1/track", &went("cart", "cart")).await;
    assert!(tenant.user("anon:a-1").await["due"].is_i64());
    let who = json!({ "userId": "ada", "anonymousId": "a-1", "traits": { "plan": "pro" } });
    tenant.take("/v1/identify", &who).await;
    // What they waited for they wait for on, under their name.
    let user = tenant.user("ada").await;
    assert!(user["due"].is_i64(), "{user:#}");
    assert_eq!(tenant.user("anon:a-1").await, user, "the other name is hers");
    tenant.activate(&strategy("1s")).await;
    let letter = tenant.letters("ada", 1).await.remove(0);
    assert_eq!(tenant.attempts(None).await[0]["user"], "ada");
    assert_eq!(tenant.inbox("anon:a-1").await, [letter]);
    // What comes without a name, of the same browser, is hers as well, also after a restart.
    stage.kill();
    stage.start();
    tenant.take("/v1/track", &went("done", "after")).await;
    assert_eq!(tenant.marks("ada").await["after"], 1);
    // A second person at the same browser does not take over what was the first one's.
    let other = json!({ "userId": "ben", "anonymousId": "a-1", "traits": {} });
    tenant.take("/v1/identify", &other).await;
    tenant.take("/v1/track", &went("shelf", "shared")).await;
    assert_eq!(tenant.marks("ada").await["shared"], 1);
    assert_eq!(tenant.attempts(None).await.len(), 1);
}

#[tokio::test]
async fn letters_and_receipts_go_along_with_who_has_turned_out_to_be_whom() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let at =
        |node: &str| json!({ "anonymousId": "a-1", "event": "go", "properties": { "node": node } });
    tenant.take("/v1/track", &at("cart")).await;
    let letter = tenant.letters("anon:a-1", 1).await.remove(0);
    let old = tenant.token("anon:a-1").await;
    tenant.take("/v1/identify", &json!({ "userId": "ada", "anonymousId": "a-1" })).await;
    assert_eq!(tenant.inbox("ada").await, std::slice::from_ref(&letter));
    // The token that the page has had since before.
    let path = format!("/v1/inbox/{}/confirm", letter["id"]);
    stage.server.post(&path).by(&old).send().await.is(200);
    assert!(tenant.inbox("ada").await[0]["confirmed"].is_i64());
    let decided = tenant.decided("ada").await;
    assert_eq!(decided.iter().filter(|word| *word == "ended").count(), 1, "{decided:?}");
    assert_eq!(tenant.user("ada").await["due"], Value::Null);
    tenant.only("witness", &["ada"]).await;
}

#[tokio::test]
async fn an_alias_makes_two_users_one() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    tenant.at("old", "cart").await;
    tenant.at("new", "shelf").await;
    tenant.take("/v1/alias", &json!({ "userId": "new", "previousId": "old" })).await;
    assert_eq!(tenant.user("old").await["user"], "new");
    let mark = json!({ "userId": "old", "event": "go", "properties": { "mark": "by-old" } });
    tenant.take("/v1/track", &mark).await;
    assert_eq!(tenant.marks("new").await["by-old"], 1);
    // Round in a circle: it is one user still.
    tenant.take("/v1/alias", &json!({ "userId": "old", "previousId": "new" })).await;
    tenant.at("old", "shelf").await;
    tenant.at("new", "shelf").await;
    assert_eq!(tenant.user("old").await, tenant.user("new").await);
}

#[tokio::test]
async fn who_sends_too_much_is_told_when_to_come_back() {
    let stage = Stage::with("[ingest]\nrate = 1\nburst = 3\n");
    let (tenant, other) = (stage.tenant("shop").await, stage.tenant("other").await);
    let batch = |mark: &str, many: usize| {
        let calls =
            (0..many).map(|n| marked("ada", &format!("{mark}-{n}"), &format!("{mark}-{n}")));
        json!({ "batch": Vec::from_iter(calls) })
    };
    // More than it may ever send at once is taken on credit, and paid for.
    tenant.take("/v1/batch", &batch("first", 40)).await;
    let refused = tenant.send("/v1/batch", &batch("second", 2)).await.is(429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=40).contains(&wait), "{wait}");
    assert_eq!(refused.json()["retry_after"], wait);
    assert_eq!(tenant.marks("ada").await.len(), 40, "nothing of what was refused is taken");
    other.take("/v1/batch", &batch("theirs", 3)).await;
    // An import is not hurried, and not turned away either.
    let line =
        json!({ "user": "ada", "time": "2026-01-01T00:00:00Z", "event": "e", "mark": "old" });
    let import = tenant.post("/v1/import").body("application/x-ndjson", line.to_string());
    assert_eq!(import.send().await.is(200).json()["taken"], 1);
}

#[tokio::test]
async fn who_comes_back_in_time_is_heard() {
    let stage = Stage::with("[ingest]\nrate = 2\nburst = 1\n");
    let tenant: Tenant = stage.tenant("shop").await;
    for n in 0..4 {
        let call = marked("ada", &format!("m{n}"), &format!("m{n}"));
        eventually("it is taken", || async {
            let got = tenant.send("/v1/track", &call).await;
            (got.status == 200).then_some(()).or_else(|| {
                assert_eq!(got.header("retry-after"), "1", "{}", got.text());
                None
            })
        })
        .await;
    }
    assert!(tenant.marks("ada").await.values().all(|many| *many == 1));
}

#[tokio::test]
async fn who_is_whom_may_turn_out_in_the_middle_of_a_batch() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1h")).await;
    let did = |who: &str, id: &str, mark: &str| json!({ "type": "track", who: id, "event": "go", "properties": { "mark": mark } });
    let is = |user: &str, anonymous: &str| json!({ "type": "identify", "userId": user, "anonymousId": anonymous });
    let batch = json!({ "batch": [
        did("anonymousId", "phone", "one"),
        did("anonymousId", "laptop", "two"),
        did("userId", "ada", "three"),
        is("ada", "phone"),
        is("ada", "laptop"),
        did("anonymousId", "phone", "four"),
        did("userId", "ada", "five"),
        { "type": "alias", "userId": "lovelace", "previousId": "ada" },
        did("anonymousId", "laptop", "six"),
        did("userId", "ada", "seven"),
        { "type": "alias", "userId": "countess", "previousId": "lovelace" },
        did("userId", "countess", "eight"),
    ] });
    tenant.take("/v1/batch", &batch).await;
    let known = tenant.user("countess").await;
    for name in ["ada", "lovelace", "anon:phone", "anon:laptop"] {
        assert_eq!(tenant.user(name).await, known, "{name}");
    }
    let marks = tenant.marks("countess").await;
    assert_eq!(marks.len(), 8, "{marks:?}");
    assert!(marks.values().all(|many| *many == 1), "{marks:?}");
}
