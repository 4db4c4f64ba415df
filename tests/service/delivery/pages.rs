//! Pages on which users say what they want: unsubscribing, preferences, and that nothing hostile gets in.

use serde_json::{Value, json};

use super::links::{Links, told};
use super::scene::{BROWSER, Plan, Scene, path};
use super::sink::{Reply, Sink};
use crate::service::http::{Got, eventually};

const TOPICS: &str = r#"
[topic.offers]
title = "Offers & <more>"
messages = ["thank"]
[topic.orders]
messages = ["shipped"]
consent = "required"
"#;

fn plan() -> Plan {
    Plan::on(&[("hook", "")]).with(TOPICS)
}

/// Nothing reaches the user any more, though the witness is reached.
async fn is_left_alone(scene: &Scene, sink: &Sink, user: &str) {
    let before = sink.seen().len();
    scene.tenant.was_at(user, "desk", 30_000).await;
    scene.tenant.tell("witness").await;
    scene.tenant.ends("witness", "accepted").await;
    let after = sink.seen().split_off(before);
    let users: Vec<Value> = after.iter().map(|one| one.json()["data"]["user"].clone()).collect();
    assert_eq!(users, ["witness"]);
}

async fn consents(scene: &Scene) -> Vec<Value> {
    let said = scene.tenant.records("ann", "consented").await;
    said.iter()
        .map(|said| json!([said.get("topic"), said.get("channel"), said["allowed"]]))
        .collect()
}

#[tokio::test]
async fn one_click_unsubscribes_in_either_encoding() {
    let multipart = "--b0\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n\
                     One-Click\r\n--b0--\r\n";
    for (media, body) in [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
        ("multipart/form-data; boundary=b0", multipart),
    ] {
        let (scene, sink, links) = told(&plan()).await;
        // A mail program's server is no browser, and may well be taken for a machine.
        let ask = scene.stage.server.post(path(&links.unsubscribe)).body(media, body);
        assert_eq!(ask.send().await.status, 200, "{media}");
        assert_eq!(consents(&scene).await, [json!(["offers", null, false])]);
        let ended = scene.tenant.records("ann", "ended").await;
        assert_eq!(ended.len(), 1, "the message is over: {ended:#?}");
        is_left_alone(&scene, &sink, "ann").await;
    }
}

#[tokio::test]
async fn looking_at_the_page_does_not_unsubscribe_and_its_button_does() {
    let (scene, sink, links) = told(&plan()).await;
    for _ in 0..3 {
        let page = scene.visit("GET", &links.unsubscribe).send().await;
        assert_eq!(page.status, 200);
        let html = page.text();
        assert!(html.contains("Offers &amp; &lt;more&gt;"), "{html}");
        assert!(html.contains("name=\"List-Unsubscribe\" value=\"One-Click\""), "{html}");
        assert!(html.contains(&format!("action=\"{}\"", path(&links.unsubscribe))));
    }
    scene.visit("HEAD", &links.unsubscribe).send().await;
    // What is no such form does nothing.
    for form in ["", "List-Unsubscribe=No", "list-unsubscribe=one-click", "undo=2", "a=b&=", "%"] {
        scene.post(&links.unsubscribe, form).send().await.is(400);
    }
    let long = format!("List-Unsubscribe=One-Click&{}", "a".repeat(70_000));
    assert_eq!(scene.post(&links.unsubscribe, &long).send().await.status, 413);
    assert!(consents(&scene).await.is_empty());
    assert!(scene.tenant.records("ann", "ended").await.is_empty());

    let done = scene.post(&links.unsubscribe, "List-Unsubscribe=One-Click").send().await;
    assert_eq!(done.status, 200);
    assert!(done.text().contains("name=\"undo\" value=\"1\""), "{}", done.text());
    assert_eq!(consents(&scene).await, [json!(["offers", null, false])]);
    is_left_alone(&scene, &sink, "ann").await;

    // They change their mind.
    assert_eq!(scene.post(&links.unsubscribe, "undo=1").send().await.status, 200);
    assert_eq!(consents(&scene).await.pop(), Some(json!(["offers", null, true])));
    let before = sink.seen().len();
    scene.tenant.was_at("ann", "cart", 20_000).await;
    let seen = sink.saw(before + 1).await;
    assert_eq!(seen.last().unwrap().json()["data"]["user"], "ann");
}

#[tokio::test]
async fn without_a_topic_it_is_the_channel_that_is_unsubscribed_from() {
    let (scene, sink, links) = told(&Plan::on(&[("hook", "")])).await;
    let form = "List-Unsubscribe=One-Click";
    assert_eq!(scene.post(&links.unsubscribe, form).send().await.status, 200);
    assert_eq!(consents(&scene).await, [json!([null, "hook", false])]);
    is_left_alone(&scene, &sink, "ann").await;
}

#[tokio::test]
async fn what_waits_is_called_off_when_its_user_unsubscribes() {
    let sink = Sink::good();
    let scene = Scene::hooked("retries = \"1h\"", &sink, &plan()).await;
    let tenant = &scene.tenant;
    tenant.tell("ann").await;
    tenant.ends("ann", "accepted").await;
    let links = Links::of(&sink.only().json());
    sink.answers(|_, _| Reply::status(503));
    tenant.was_at("ann", "desk", 30_000).await;
    let waiting = eventually("a message waits", || async {
        let found = tenant.attempts(Some("ann")).await;
        found.into_iter().find(|attempt| attempt["tries"].as_u64() >= Some(1))
    });
    let waiting = waiting.await;
    assert!(waiting.get("outcome").is_none(), "{waiting:#}");
    let form = "List-Unsubscribe=One-Click";
    assert_eq!(scene.post(&links.unsubscribe, form).send().await.status, 200);
    let called_off = tenant.that_are("called-off").await;
    assert_eq!(called_off.len(), 1);
    assert_eq!(called_off[0]["tracking"], waiting["tracking"]);
    assert_eq!(sink.seen().len(), 2);
    // The same by the tenant's own word on a user's behalf.
    tenant.tell("bob").await;
    eventually("another waits", || async {
        let found = tenant.attempts(Some("bob")).await;
        found.into_iter().find(|attempt| attempt["tries"].as_u64() >= Some(1))
    })
    .await;
    let word = json!({ "consents": [{ "topic": "offers", "allowed": false }] });
    let say = scene.stage.server.post("/v1/users/bob/consents").by(&tenant.ingest).json(&word);
    assert_eq!(say.send().await.status, 204);
    assert_eq!(tenant.that_are("called-off").await.len(), 2);
}

/// Cells of the preferences page, and whether they are ticked.
fn ticked(page: &Got) -> Vec<(String, bool)> {
    let html = page.text();
    let boxes = html.split("name=\"allowed\" value=\"").skip(1);
    boxes
        .map(|rest| {
            let (cell, rest) = rest.split_once('"').unwrap();
            let attributes = rest.split_once('>').unwrap().0;
            (cell.to_owned(), attributes.contains("checked"))
        })
        .collect()
}

fn cells(page: &[(&str, bool)]) -> Vec<(String, bool)> {
    page.iter().map(|(cell, on)| ((*cell).to_owned(), *on)).collect()
}

#[tokio::test]
async fn preferences_are_saved_and_shown_again() {
    let sink = Sink::good();
    let scene = Scene::with("").await;
    let tenant = &scene.tenant;
    for name in ["hook", "other"] {
        tenant.hook(name, &sink.url(&format!("/{name}"))).await;
    }
    let plan = Plan::on(&[("hook", ""), ("other", "")]).with(TOPICS);
    tenant.activate(&plan.toml()).await;
    tenant.tell("ann").await;
    let links = Links::of(&sink.saw(1).await[0].json());
    let shown = scene.visit("GET", &links.preferences).send().await;
    assert_eq!(shown.status, 200);
    let both = cells(&[("offers/hook", true), ("offers/other", true)]);
    assert_eq!(ticked(&shown), both, "{}", shown.text());
    assert!(shown.text().contains("orders"), "what is required is told");

    let form = "asked=offers/hook&asked=offers/other&allowed=offers/other";
    let saved = scene.post(&links.preferences, form).send().await;
    assert!(saved.text().contains("role=\"status\""), "it says that it is saved");
    let changed = cells(&[("offers/hook", false), ("offers/other", true)]);
    for page in [saved, scene.visit("GET", &links.preferences).send().await] {
        assert_eq!(ticked(&page), changed);
    }
    // The next message takes the other way.
    tenant.was_at("ann", "desk", 30_000).await;
    let seen = sink.saw(2).await;
    assert_eq!(seen[1].path, "/other");

    // Nothing at all; what is required cannot be refused.
    scene.post(&links.preferences, "everything=off").send().await;
    let page = scene.visit("GET", &links.preferences).send().await;
    assert_eq!(ticked(&page), cells(&[("offers/hook", false), ("offers/other", false)]));
    tenant.was_at("ann", "cart", 20_000).await;
    tenant.tell("witness").await;
    let seen = sink.saw(3).await;
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].json()["data"]["user"], "witness");
    for form in ["", "asked=nonsense", "asked=%ff", "allowed=offers/hook"] {
        scene.post(&links.preferences, form).send().await.is(400);
    }
    let page = scene.visit("GET", &links.preferences).send().await;
    assert_eq!(ticked(&page), cells(&[("offers/hook", false), ("offers/other", false)]));
}

#[tokio::test]
async fn pages_are_told_to_browsers_as_harmless_and_hostile_text_stays_text() {
    let sink = Sink::good();
    let title = "<script>alert(1)</script>\" onload=\"x' & more";
    let body = "</p></article><img src=x onerror=alert(1)>\u{202e}\nend";
    let topics = TOPICS.replace("Offers & <more>", "</title><script>alert(2)</script>");
    let hostile = Plan::on(&[("hook", "")]).says(title, body).leads("javascript:alert(1)");
    let scene = Scene::hooked("", &sink, &hostile.with(&topics)).await;
    scene.tenant.tell("eve").await;
    scene.tenant.ends("eve", "accepted").await;
    let links = Links::of(&sink.only().json());
    let token = path(&links.read).strip_prefix("/r/").unwrap();
    for door in ["r", "u", "p"] {
        let page = scene.visit("GET", &format!("/{door}/{token}")).send().await;
        assert_eq!(page.status, 200, "{door}: {:?}", page.headers);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("cache-control").contains("no-store"), "{:?}", page.headers);
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.contains(rule), "{rule}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text();
        for raw in ["<script", "<img", "javascript:", "onload=\"x", "</title><s"] {
            assert!(!html.contains(raw), "{door}: {raw} in {html}");
        }
        if door == "r" {
            assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
        }
    }
    // Hostile headers are not reflected either.
    let ask = scene.stage.server.get(&format!("/r/{token}")).header("user-agent", BROWSER);
    let page = ask.header("accept-language", "\"><script>").send().await;
    assert!(!page.text().contains("<script"));
}
