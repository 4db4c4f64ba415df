//! What is tried again, what is not, and where nothing goes at all.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{Plan, SECRET, Scene};
use super::sink::{Reply, Sink};
use crate::service::http::eventually;

fn plan() -> Plan {
    Plan::on(&[("hook", "")])
}

/// Waits until so many tries to reach a user were in vain; the attempt.
async fn in_vain(scene: &Scene, user: &str, tries: u64) -> Value {
    let what = format!("{tries} tries in vain to reach {user}");
    eventually(&what, || async {
        let mut found = scene.tenant.attempts(Some(user)).await.into_iter();
        found.rfind(|attempt| attempt["tries"].as_u64() >= Some(tries))
    })
    .await
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_and_counted() {
    let sink = Sink::new(|_, nth| Reply::status(if nth < 2 { 503 } else { 200 }));
    let scene = Scene::hooked("retries = \"10ms 20ms 1h\"", &sink, &plan()).await;
    scene.tenant.tell("ann").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["tries"], 2, "two were in vain");
    assert_eq!((attempt.get("reason"), attempt.get("due")), (None, None), "{attempt:#}");
    let seen = sink.seen();
    assert_eq!(seen.len(), 3);
    for one in &seen {
        assert_eq!(one.tracking(), attempt["tracking"].as_str().unwrap(), "always the same");
        assert_eq!(one.body, seen[0].body);
    }
    let accepted = scene.tenant.records("ann", "evidence").await;
    assert_eq!(accepted.len(), 1, "{accepted:#?}");
}

#[tokio::test]
async fn a_provider_is_left_alone_for_as_long_as_it_says() {
    let sink = Sink::new(|_, nth| match nth {
        0 => Reply::status(503).header("retry-after", "2"),
        _ => Reply::status(200),
    });
    let scene = Scene::hooked("retries = \"10ms 1h\"", &sink, &plan()).await;
    scene.tenant.tell("ann").await;
    in_vain(&scene, "ann", 1).await;
    // Nobody else's message goes there meanwhile.
    scene.tenant.tell("bob").await;
    for user in ["ann", "bob"] {
        scene.tenant.ends(user, "accepted").await;
    }
    let seen = sink.seen();
    assert_eq!(seen.len(), 3);
    for later in &seen[1..] {
        let pause = later.at - seen[0].at;
        assert!(pause >= 1_950, "{pause} ms");
    }
}

#[tokio::test]
async fn a_longer_wait_of_ones_own_is_kept_to_as_well() {
    let sink = Sink::new(|_, nth| match nth {
        0 => Reply::status(429).header("retry-after", "0"),
        _ => Reply::status(200),
    });
    let scene = Scene::hooked("retries = \"1s 1h\"", &sink, &plan()).await;
    scene.tenant.tell("ann").await;
    let waiting = in_vain(&scene, "ann", 1).await;
    // Unless it is over by now.
    if waiting.get("outcome").is_none() {
        assert_eq!(waiting["reason"], "throttled: the provider answered 429");
        assert!(waiting["due"].as_i64().unwrap() >= sink.seen()[0].at + 950, "{waiting:#}");
    }
    scene.tenant.ends("ann", "accepted").await;
    let seen = sink.seen();
    assert!(seen[1].at - seen[0].at >= 950);
}

#[tokio::test]
async fn when_all_tries_are_used_up_it_is_a_dead_letter_that_can_be_sent_again() {
    let sink = Sink::new(|_, _| Reply::status(500));
    let scene = Scene::hooked("retries = \"10ms 10ms\"", &sink, &plan()).await;
    let tenant = &scene.tenant;
    tenant.tell("ann").await;
    let dead = tenant.ends("ann", "failed").await;
    assert_eq!(dead["reason"], "provider: the provider answered 500");
    assert_eq!(sink.seen().len(), 3, "one try more than waits");
    assert_eq!(tenant.that_are("failed").await, std::slice::from_ref(&dead));
    for other in ["accepted", "refused", "called-off"] {
        assert!(tenant.that_are(other).await.is_empty(), "{other}");
    }
    tenant.get("/v1/attempts?outcome=nonsense").send().await.is(400);
    assert_eq!(tenant.recorded("ann", "failed").await["channel"], "hook");

    // In vain again: all tries anew, and a dead letter again.
    tenant.resend(&dead).await.is(200);
    sink.saw(6).await;
    let dead = tenant.ends("ann", "failed").await;

    sink.answers(|_, _| Reply::status(200));
    let waits = tenant.resend(&dead).await.is(200).json();
    assert_eq!(waits["tracking"], dead["tracking"]);
    assert!(waits.get("settled").is_none(), "{waits:#}");
    let attempt = eventually("it is accepted", || async {
        let attempt = tenant.attempts(Some("ann")).await.remove(0);
        (attempt["outcome"] == "accepted").then_some(attempt)
    });
    let attempt = attempt.await;
    assert_eq!((&attempt["tracking"], attempt.get("reason")), (&dead["tracking"], None));
    assert!(tenant.that_are("failed").await.is_empty());
    assert_eq!(tenant.evidence("ann").await, ["accepted"]);
    let seen = sink.seen();
    assert_eq!(seen.len(), 7);
    assert!(seen.iter().all(|one| one.tracking() == seen[0].tracking()));

    // What arrived is not sent again, nor what there is not.
    tenant.resend(&attempt).await.is(409);
    for nobody in ["zz", "..", "%00", &"a".repeat(5_000)] {
        tenant.resend(&json!({ "tracking": nobody })).await.is(404);
    }
    assert_eq!(sink.seen().len(), 7);
}

#[tokio::test]
async fn what_can_never_succeed_is_not_tried_again() {
    let sink = Sink::good();
    let scene = Scene::hooked("retries = \"10ms 10ms\"", &sink, &plan()).await;
    let answers = [
        ("bad", 400, "rejected: the provider answered 400"),
        ("long", 413, "too-long: the provider answered 413"),
        ("odd", 422, "rejected: the provider answered 422"),
    ];
    for (many, (user, status, reason)) in answers.into_iter().enumerate() {
        sink.answers(move |_, _| Reply::status(status));
        scene.tenant.tell(user).await;
        let attempt = scene.tenant.ends(user, "failed").await;
        assert_eq!(attempt["reason"], reason);
        assert_eq!(sink.seen().len(), many + 1);
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = Sink::good();
    let sink = Sink::good();
    let scene = Scene::hooked("retries = \"10ms 10ms\"", &sink, &plan()).await;
    for (many, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let to = elsewhere.url("/secret");
        sink.answers(move |_, _| Reply::status(status).header("location", &to));
        let user = format!("user-{status}");
        scene.tenant.tell(&user).await;
        let attempt = scene.tenant.ends(&user, "failed").await;
        assert_eq!(attempt["reason"], "settings: redirects are not followed");
        assert_eq!(sink.seen().len(), many + 1);
        // Misfits open the breaker: new settings close it.
        scene.tenant.put("hook", &hook(&sink.url("/in"))).send().await.is(200);
    }
    assert!(elsewhere.seen().is_empty(), "{:#?}", elsewhere.seen());
}

fn hook(url: &str) -> Value {
    json!({ "kind": "webhook", "settings": { "url": url, "secrets": [SECRET] } })
}

#[tokio::test]
async fn without_leave_nothing_goes_to_this_machine_or_its_network() {
    let sink = Sink::good();
    let key_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key_file.path(), super::scene::key(1)).unwrap();
    let config = super::scene::config("retries = \"10ms\"", key_file.path());
    let config = config.replace("allow_networks = \"127.0.0.0/8\"", "");
    let scene = Scene::configured(&config).await;
    let tenant = &scene.tenant;
    let port = sink.base().rsplit_once(':').unwrap().1.to_owned();
    // An address in any spelling is refused at once.
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
    ] {
        let got = tenant.put("hook", &hook(&format!("http://{host}:{port}/in"))).send().await;
        let got = got.is(400);
        assert_eq!(got.pointers(), ["/settings/url"], "{host}");
        assert!(got.text().contains("inside the operator's own network"), "{}", got.text());
    }
    for url in ["ftp://example.com/", "file:///etc/passwd", "http://u:p@example.com/", "nonsense"] {
        tenant.put("hook", &hook(url)).send().await.is(400);
    }
    // A name is found out about when something is to be sent.
    tenant.hook("hook", &format!("http://localhost:{port}/in")).await;
    tenant.activate(&plan().toml()).await;
    tenant.tell("ann").await;
    let attempt = tenant.ends("ann", "failed").await;
    let reason = attempt["reason"].as_str().unwrap();
    assert!(reason.starts_with("forbidden: "), "{reason}");
    assert!(sink.seen().is_empty());
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_asked_again() {
    let sink = Sink::new(|_, nth| match nth {
        0 => Reply::status(200).after(Duration::from_secs(3)),
        _ => Reply::status(200),
    });
    let config = "timeout = \"300ms\"\nretries = \"10ms 1h\"";
    let scene = Scene::hooked(config, &sink, &plan()).await;
    scene.tenant.tell("ann").await;
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["tries"], 1);
    assert_eq!(sink.seen().len(), 2);

    // Nobody listens there any more.
    drop(sink);
    scene.tenant.tell("bob").await;
    let waiting = in_vain(&scene, "bob", 2).await;
    assert_eq!(waiting["reason"], "unreachable: no connection");
}

#[tokio::test]
async fn a_dead_letter_of_a_channel_that_is_gone_says_so() {
    let sink = Sink::good();
    let scene = Scene::hooked("retries = \"10ms\"", &sink, &plan()).await;
    let tenant = &scene.tenant;
    let gone = tenant.server.ask("DELETE", "/v1/channels/hook").by(&tenant.manage);
    assert_eq!(gone.send().await.status, 204);
    tenant.tell("ann").await;
    let dead = tenant.ends("ann", "failed").await;
    assert_eq!(dead["reason"], "no-channel: the tenant has no such channel");
    tenant.hook("hook", &sink.url("/in")).await;
    tenant.resend(&dead).await.is(200);
    sink.saw(1).await;
    let accepted = eventually("it is accepted", || async {
        Some(tenant.that_are("accepted").await).filter(|found| !found.is_empty())
    });
    assert_eq!(accepted.await[0]["tracking"], dead["tracking"]);
}
