//! The inbox of a user's device: tokens, streams, and users whatever they are called.

use serde_json::{Value, json};

use super::http::eventually;
use super::stage::Stage;
use super::stream::Stream;
use super::tenant::strategy;

#[tokio::test]
async fn a_token_ends() {
    let stage = Stage::with("[inbox]\ntoken_life = \"1m\"\n");
    let tenant = stage.tenant("shop").await;
    let before = super::tenant::now();
    let got = tenant.post("/v1/users/ada/tokens").send().await.is(201).json();
    let life = got["expires"].as_i64().unwrap() - before;
    assert!((60_000..60_000 + 90_000).contains(&life), "{got}");
    // One that somebody has made longer, or somebody else's, is none.
    let token = got["token"].as_str().unwrap();
    for (at, _) in token.char_indices().step_by(5) {
        let mut forged = token.to_owned();
        let other = if &forged[at..=at] == "A" { "B" } else { "A" };
        forged.replace_range(at..=at, other);
        stage.server.get("/v1/inbox").by(&forged).send().await.is(401);
    }
    stage.server.get("/v1/inbox").by(token).send().await.is(200);
}

#[tokio::test]
async fn only_so_many_streams_are_open_and_one_that_ends_makes_room() {
    let stage = Stage::with("[inbox]\nmost_streams = 2\n");
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let token = tenant.token("ada").await;
    let open = || stage.server.get("/v1/inbox/stream").by(&token);
    let first = Stream::open(open()).await;
    let mut second = Stream::open(open()).await;
    let refused = open().send().await.is(429);
    assert!(!refused.header("retry-after").is_empty());
    drop(first);
    let mut third = eventually("there is room", || async {
        let response = open().open().await;
        (response.status().as_u16() == 200).then(|| Stream::of(response))
    })
    .await;
    tenant.was_at("ada", "cart", 60_000).await;
    assert_eq!(second.next().await, third.next().await);
}

#[tokio::test]
async fn users_may_be_called_anything() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    let names = ["ada@example.com", "a/b/../c", "a b?c&d=e#f", "Ünïcödé 用户 🦀", "%41", "{id}"];
    for name in names {
        tenant.was_at(name, "cart", 60_000).await;
    }
    for name in names {
        let path: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let user = eventually("there is a letter", || async {
            let letters = tenant.inbox(&path).await;
            (letters.len() == 1).then_some(letters)
        });
        user.await;
        assert_eq!(tenant.user(&path).await["user"], name);
        let attempts = tenant.attempts(Some(&path)).await;
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0]["user"], name);
    }
    tenant.get("/v1/users/%FF").send().await.is(400);
}

#[tokio::test]
async fn a_letter_is_found_page_by_page() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    for many in 1..=5 {
        tenant.was_at("ada", "shelf", 90_000 - many * 2_000).await;
        tenant.was_at("ada", "cart", 89_000 - many * 2_000).await;
        tenant.letters("ada", many as usize).await;
    }
    let token = tenant.token("ada").await;
    let read = async |query: &str| {
        let got = stage.server.get(&format!("/v1/inbox?{query}")).by(&token).send().await;
        got.is(200).json()
    };
    let all = read("limit=200").await["items"].as_array().unwrap().clone();
    let ids: Vec<u64> = all.iter().map(|letter| letter["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let mut found: Vec<Value> = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = read(&format!("limit=2&after={after}")).await;
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(found, all);
    let other = tenant.token("ben").await;
    let path = format!("/v1/inbox/{}/seen", ids[0]);
    stage.server.post(&path).by(&other).send().await.is(404);
    assert_eq!(read("limit=200").await["items"], json!(all));
}
