//! Channels in trouble, and how fast they may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{Plan, SECRET, Scene};
use super::sink::{Reply, Sink};
use crate::service::http::eventually;
use crate::service::tenant::{iso, now};

/// Has so many users written to at once.
pub async fn tell_all(scene: &Scene, prefix: &str, many: usize) {
    let at = iso(now() - 60_000);
    let call = |n| {
        json!({ "type": "track", "userId": format!("{prefix}-{n}"), "event": "go",
            "properties": { "node": "cart" }, "timestamp": at })
    };
    let calls: Vec<Value> = (0..many).map(call).collect();
    scene.tenant.take("/v1/batch", &json!({ "batch": calls })).await;
}

async fn all_accepted(scene: &Scene, many: usize) {
    let what = format!("{many} attempts are accepted");
    eventually(&what, || async {
        let found = scene.tenant.attempts(None).await;
        assert!(found.len() <= many, "{}", found.len());
        let accepted = found.iter().filter(|attempt| attempt["outcome"] == "accepted").count();
        (accepted == many).then_some(())
    })
    .await;
}

fn hook(sink: &Sink, limits: &Value) -> Value {
    let mut new = json!({ "kind": "webhook",
        "settings": { "url": sink.url("/in"), "secrets": [SECRET] } });
    for (name, value) in limits.as_object().unwrap() {
        new[name] = value.clone();
    }
    new
}

#[tokio::test]
async fn a_channel_in_trouble_rests_and_comes_back_by_itself() {
    let sink = Sink::new(|_, _| Reply::status(500));
    let plan = Plan::on(&[("hook", "")]);
    let scene = Scene::hooked("retries = \"1s 1s 1s 1s 1s 1s 1h\"", &sink, &plan).await;
    let tenant = &scene.tenant;
    assert_eq!(tenant.channel("hook").await["breaker"], "closed");
    // One at a time, so that it is known how many go out.
    let slow = hook(&sink, &json!({ "at_once": 1 }));
    tenant.put("hook", &slow).send().await.is(200);
    tell_all(&scene, "user", 30).await;
    let open = eventually("the breaker opens", || async {
        let shown = tenant.channel("hook").await;
        (shown["breaker"] == "open").then_some(shown)
    });
    let open = open.await;
    let until = open["until"].as_i64().unwrap();
    assert!(until > now() && until < now() + 60_000, "{open:#}");
    let troubles = sink.seen().len();
    assert!(troubles == 10, "{troubles}");
    assert!(tenant.that_are("failed").await.is_empty(), "nothing is given up");

    sink.answers(|_, _| Reply::status(200));
    all_accepted(&scene, 30).await;
    assert!(sink.seen()[troubles].at >= until, "it was left alone until then");
    assert_eq!(sink.seen().len(), troubles + 30);
    let shown = tenant.channel("hook").await;
    assert_eq!((&shown["breaker"], shown.get("until")), (&json!("closed"), None));
}

#[tokio::test]
async fn settings_that_are_wrong_stop_a_channel_soon_and_mended_ones_start_it_at_once() {
    let sink = Sink::new(|_, _| Reply::status(401));
    let plan = Plan::on(&[("hook", "")]);
    let scene = Scene::hooked("retries = \"100ms 100ms 1h\"", &sink, &plan).await;
    let tenant = &scene.tenant;
    let slow = hook(&sink, &json!({ "at_once": 1 }));
    tenant.put("hook", &slow).send().await.is(200);
    tell_all(&scene, "user", 20).await;
    let open = eventually("the breaker opens", || async {
        let shown = tenant.channel("hook").await;
        (shown["breaker"] == "open").then_some(())
    });
    open.await;
    assert_eq!(sink.seen().len(), 3);
    let good = Sink::good();
    let shown = tenant.put("hook", &hook(&good, &json!({}))).send().await.is(200).json();
    assert_eq!(shown["breaker"], "closed");
    all_accepted(&scene, 20).await;
    assert_eq!((sink.seen().len(), good.seen().len()), (3, 20));
}

#[tokio::test]
async fn a_channel_goes_no_faster_than_it_may() {
    let sink = Sink::good();
    let plan = Plan::on(&[("hook", "")]);
    let scene = Scene::hooked("", &sink, &plan).await;
    let tenant = &scene.tenant;
    let limited = hook(&sink, &json!({ "per_second": 10, "burst": 2 }));
    let shown = tenant.put("hook", &limited).send().await.is(200).json();
    assert_eq!((&shown["per_second"], &shown["burst"]), (&json!(10.0), &json!(2)));
    tell_all(&scene, "user", 22).await;
    all_accepted(&scene, 22).await;
    let seen = sink.seen();
    let took = seen.iter().map(|one| one.at).max().unwrap() - seen[0].at;
    assert!(took >= 1_500, "22 within {took} ms, at 10 a second after the first 2");

    for (limits, at) in [
        (json!({ "per_second": 0 }), "/per_second"),
        (json!({ "per_second": -1 }), "/per_second"),
        (json!({ "burst": 3 }), "/burst"),
        (json!({ "per_second": 1, "burst": 0 }), "/burst"),
        (json!({ "at_once": 0 }), "/at_once"),
    ] {
        let got = tenant.put("hook", &hook(&sink, &limits)).send().await.is(400);
        assert_eq!(got.pointers(), [at]);
    }
}

#[tokio::test]
async fn no_more_are_under_way_at_once_than_may_be() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (under_way, highest) = (Arc::clone(&now), Arc::clone(&most));
    let sink = Sink::new(move |_, _| {
        let many = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(many, Ordering::SeqCst);
        let under_way = Arc::clone(&under_way);
        Reply::status(200).after(Duration::from_millis(30)).then(move || {
            under_way.fetch_sub(1, Ordering::SeqCst);
        })
    });
    let plan = Plan::on(&[("hook", "")]);
    let scene = Scene::hooked("", &sink, &plan).await;
    let narrow = hook(&sink, &json!({ "at_once": 3 }));
    scene.tenant.put("hook", &narrow).send().await.is(200);
    tell_all(&scene, "user", 40).await;
    all_accepted(&scene, 40).await;
    assert_eq!(sink.seen().len(), 40);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
