//! What one tenant has is nothing to another: channels, attempts, callbacks, what users say, and addresses.

use serde_json::json;

use super::links::Links;
use super::scene::{Plan, Scene, path};
use super::sink::{Reply, Sink};
use super::sms::{self, signature};
use crate::service::tenant::Tenant;

/// Two tenants with channels of the same names, each with a sink of its own.
struct Two {
    scene: Scene,
    a: Tenant,
    b: Tenant,
    to_a: Sink,
    to_b: Sink,
}

async fn two() -> Two {
    let (to_a, to_b) = (Sink::good(), Sink::good());
    let scene = Scene::with("retries = \"10ms\"").await;
    let (a, b) = (scene.tenant.clone(), scene.stage.tenant("other").await);
    for (tenant, sink) in [(&a, &to_a), (&b, &to_b)] {
        tenant.hook("hook", &sink.url("/of")).await;
        tenant.activate(&Plan::on(&[("hook", "")]).toml()).await;
    }
    Two { scene, a, b, to_a, to_b }
}

#[tokio::test]
async fn channels_and_dead_letters_of_another_are_none() {
    let Two { scene: _scene, a, b, to_a, to_b } = two().await;
    to_a.answers(|_, _| Reply::status(400));
    a.tell("ann").await;
    let dead = a.ends("ann", "failed").await;
    to_a.answers(|_, _| Reply::status(200));
    let of_nobody = b.resend(&json!({ "tracking": "0".repeat(32) })).await.is(404).json();
    let of_a = b.resend(&dead).await.is(404).json();
    assert_eq!(of_nobody, of_a);
    assert!(b.attempts(None).await.is_empty() && b.that_are("failed").await.is_empty());
    // The same name is another channel; to remove it leaves the other.
    a.hook("more", &to_a.url("/more")).await;
    b.get("/v1/channels/more").send().await.is(404);
    for name in ["hook", "more"] {
        let gone = b.server.ask("DELETE", &format!("/v1/channels/{name}")).by(&b.manage);
        assert_eq!(gone.send().await.status, if name == "hook" { 204 } else { 404 });
    }
    assert_eq!(a.channel("hook").await["settings"]["url"], to_a.url("/of"));
    let settings = json!({ "url": to_b.url("/steals"), "secrets": ["***"] });
    let steal = json!({ "kind": "webhook", "settings": settings });
    b.put("hook", &steal).send().await.is(400);
    a.resend(&dead).await.is(200);
    a.ends("ann", "accepted").await;
    assert!(to_b.seen().is_empty());
}

#[tokio::test]
async fn a_callback_to_one_is_no_evidence_for_the_other() {
    let sinks = [sms::twilio(), sms::twilio()];
    let scene = Scene::new().await;
    let (a, b) = (scene.tenant.clone(), scene.stage.tenant("other").await);
    for (tenant, sink) in [(&a, &sinks[0]), (&b, &sinks[1])] {
        let mut settings = sms::settings(sink);
        settings["auth_token"] = json!(format!("token of {}", tenant.name));
        tenant.has("sms", "sms", settings).await;
        tenant.activate(&Plan::on(&[("sms", "phone")]).toml()).await;
        tenant.identify("ann", json!({ "phone": "+4915112345678" })).await;
    }
    a.tell("ann").await;
    let attempt = a.ends("ann", "accepted").await;
    let of_a = sinks[0].only().form()["StatusCallback"].clone();
    let of_b = of_a.replace("/shop/", "/other/");
    let sid = attempt["reference"].as_str().unwrap();
    let before = a.user("ann").await;
    let calls = [
        (&of_b, "token of other", 204),
        (&of_a, "token of other", 403),
        (&of_b, "token of shop", 403),
    ];
    let dead = [("ErrorCode", "30005"), ("MessageSid", sid), ("MessageStatus", "undelivered")];
    let stop = [("Body", "STOP"), ("From", "+4915112345678")];
    for form in [&dead[..], &stop[..]] {
        for (url, token, status) in calls {
            let pairs: Vec<String> = form
                .iter()
                .map(|(name, value)| format!("{name}={}", value.replace('+', "%2B")))
                .collect();
            let ask = scene.stage.server.post(path(url));
            let ask = ask.header("x-twilio-signature", &signature(url, form, token));
            let body = pairs.join("&");
            let got = ask.body("application/x-www-form-urlencoded", body).send().await;
            let fits = got.status == status || (status == 204 && got.status == 200);
            assert!(fits, "{url} {token}: {} {}", got.status, got.text());
        }
    }
    assert_eq!(a.user("ann").await, before);
    for tenant in [&a, &b] {
        let listed = tenant.get("/v1/suppressions").send().await.is(200).json();
        assert_eq!(listed["items"], json!([]));
    }
    assert!(b.records("ann", "consented").await.is_empty());
}

#[tokio::test]
async fn a_users_word_and_a_dead_address_count_for_one_tenant() {
    let Two { scene, a, b, to_a, to_b } = two().await;
    for tenant in [&a, &b] {
        tenant.activate(&Plan::on(&[("hook", "email")]).toml()).await;
        for user in ["ann", "bob"] {
            tenant.identify(user, json!({ "email": format!("{user}@example.com") })).await;
        }
    }
    let dead = json!({ "channel": "hook", "address": "bob@example.com", "reason": "complaint" });
    let dead = b.post("/v1/suppressions").json(&json!({ "suppressions": [dead] })).send().await;
    assert_eq!(dead.status, 204);
    let listed = a.get("/v1/suppressions").send().await.is(200).json();
    assert_eq!(listed["items"], json!([]));
    b.tell("ann").await;
    b.ends("ann", "accepted").await;
    let links = Links::of(&to_b.only().json());
    let form = "List-Unsubscribe=One-Click";
    assert_eq!(scene.post(&links.unsubscribe, form).send().await.status, 200);
    for user in ["ann", "bob"] {
        a.tell(user).await;
        a.ends(user, "accepted").await;
        b.was_at(user, "desk", 30_000).await;
    }
    assert_eq!(b.ends("bob", "refused").await["reason"], "suppressed");
    assert_eq!((to_a.seen().len(), to_b.seen().len()), (2, 1));

    // A link of the one, with the number of the other, leads nowhere.
    let numbers = |sink: &Sink| {
        let links = Links::of(&sink.seen()[0].json());
        let token = path(&links.read).strip_prefix("/r/").unwrap().to_owned();
        let (number, tracking) = token.split_once('.').unwrap();
        (number.to_owned(), tracking.to_owned())
    };
    let ((of_a, tracking_a), (of_b, tracking_b)) = (numbers(&to_a), numbers(&to_b));
    for token in [format!("{of_a}.{tracking_b}"), format!("{of_b}.{tracking_a}")] {
        for door in ["r", "u", "p"] {
            let page = scene.visit("GET", &format!("/{door}/{token}")).send().await;
            assert_eq!(page.status, 404, "{door}/{token}");
        }
    }
}
