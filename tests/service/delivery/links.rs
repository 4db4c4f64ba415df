//! Links in messages: who follows them, and what that shows.

use serde_json::Value;

use super::scene::{HOME, Plan, Scene, a_person_takes_time, path};
use super::sink::Sink;
use crate::service::http::eventually;
use crate::service::tenant::Tenant;

/// The links of the only message that arrived.
pub struct Links {
    pub read: String,
    pub open: String,
    pub unsubscribe: String,
    pub preferences: String,
    pub tracking: String,
}

impl Links {
    /// Of a webhook's body.
    pub fn of(body: &Value) -> Links {
        let data = &body["data"];
        let link = |name: &str| data["links"][name].as_str().expect("a link").to_owned();
        let unsubscribe = link("unsubscribe");
        let preferences = unsubscribe.replace("/u/", "/p/");
        let tracking = data["tracking"].as_str().unwrap().to_owned();
        let (read, open) = (link("read"), link("open"));
        Links { read, open, unsubscribe, preferences, tracking }
    }
}

/// A scene in which ann was written to, a while ago.
pub async fn told(plan: &Plan) -> (Scene, Sink, Links) {
    let sink = Sink::good();
    let scene = Scene::hooked("", &sink, plan).await;
    scene.tenant.tell("ann").await;
    scene.tenant.ends("ann", "accepted").await;
    let links = Links::of(&sink.only().json());
    a_person_takes_time().await;
    (scene, sink, links)
}

fn plan() -> Plan {
    Plan::on(&[("hook", "")])
}

/// All that is known of ann but when something last happened.
async fn state(tenant: &Tenant) -> Value {
    let mut state = tenant.user("ann").await["state"].take();
    state["clock"].take();
    state
}

#[tokio::test]
async fn who_follows_the_link_gets_there_and_has_confirmed_the_message() {
    let target = "https://shop.example/cart?a=1&b=%20x#top";
    let (scene, sink, links) = told(&plan().leads(target)).await;
    let tenant = &scene.tenant;
    assert!(links.read.starts_with(&format!("{HOME}/r/")));
    let got = scene.visit("GET", &links.read).send().await;
    assert_eq!((got.status, got.header("location")), (303, target));
    assert_eq!(got.header("referrer-policy"), "no-referrer");
    assert_eq!(tenant.evidence("ann").await, ["accepted", "confirmed"]);
    let ended = tenant.records("ann", "ended").await;
    assert_eq!(ended.len(), 1, "{ended:#?}");

    // Once more, and weaker evidence: they get there, and nothing changes.
    let before = state(tenant).await;
    for _ in 0..3 {
        assert_eq!(scene.visit("GET", &links.read).send().await.status, 303);
        assert_eq!(scene.visit("GET", &links.open).send().await.status, 200);
    }
    assert_eq!(state(tenant).await, before);
    assert_eq!(tenant.records("ann", "ended").await.len(), 1);
    assert_eq!(sink.seen().len(), 1);
}

#[tokio::test]
async fn a_picture_that_is_fetched_shows_that_the_message_was_opened() {
    let (scene, _sink, links) = told(&plan().until("opened")).await;
    let got = scene.visit("GET", &links.open).send().await;
    assert_eq!((got.status, got.header("content-type")), (200, "image/gif"));
    assert_eq!(got.header("cache-control"), "no-store");
    assert!(got.body.starts_with(b"GIF89a") && got.body.len() == 43);
    assert_eq!(scene.tenant.evidence("ann").await, ["accepted", "opened"]);
    assert_eq!(scene.tenant.records("ann", "ended").await.len(), 1);
    // Whoever asks for what there is not gets the same picture.
    for link in ["/o/1.nothing", "/o/nonsense", "/o/99.abc"] {
        assert_eq!(scene.visit("GET", link).send().await.body, got.body);
    }
}

#[tokio::test]
async fn a_message_that_leads_nowhere_has_a_page_with_a_button() {
    let (scene, _sink, links) = told(&plan().says("A title", "A text.")).await;
    let tenant = &scene.tenant;
    let page = scene.visit("GET", &links.read).send().await;
    assert_eq!(page.status, 200);
    let html = page.text();
    assert!(html.contains("A title") && html.contains("A text.") && html.contains("shop"));
    assert!(html.contains(&format!("action=\"{}\"", path(&links.read))), "{html}");
    assert_eq!(tenant.evidence("ann").await, ["accepted", "opened"], "looked at, not confirmed");
    assert!(tenant.records("ann", "ended").await.is_empty());
    let thanks = scene.post(&links.read, "read=1").send().await;
    assert_eq!(thanks.status, 200);
    assert!(!thanks.text().contains("<form"), "{}", thanks.text());
    assert_eq!(tenant.evidence("ann").await, ["accepted", "opened", "confirmed"]);
    assert_eq!(tenant.records("ann", "ended").await.len(), 1);
}

#[tokio::test]
async fn a_scanner_opens_nothing_for_anybody() {
    let (scene, _sink, links) = told(&plan().leads("https://shop.example/").until("opened")).await;
    let tenant = &scene.tenant;
    let agents = [
        "",
        "Mozilla/5.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Barracuda Sentinel (EE)",
        "python-requests/2.32",
        "curl/8.5.0",
        "Mozilla/5.0 (Windows NT 10.0) SafeLinks HeadlessChrome/126.0",
    ];
    for agent in agents {
        let ask = scene.stage.server.get(path(&links.read)).header("user-agent", agent);
        let got = ask.send().await;
        assert_eq!(got.status, 303, "{agent}: it gets there all the same");
        let ask = scene.stage.server.get(path(&links.open)).header("user-agent", agent);
        assert_eq!(ask.send().await.status, 200);
    }
    for (name, value) in [("sec-purpose", "prefetch;prerender"), ("x-moz", "prefetch")] {
        scene.visit("GET", &links.read).header(name, value).send().await;
    }
    assert_eq!(scene.visit("HEAD", &links.read).send().await.status, 303);
    let evidence = tenant.evidence("ann").await;
    assert!(evidence.iter().all(|grade| grade == "accepted" || grade == "machine-opened"));
    assert!(evidence.contains(&"machine-opened".to_owned()), "{evidence:?}");
    assert!(tenant.records("ann", "ended").await.is_empty(), "the message goes on");
    assert_eq!(scene.visit("GET", &links.read).send().await.status, 303);
    assert_eq!(tenant.evidence("ann").await.last().unwrap(), "confirmed");
    assert_eq!(tenant.records("ann", "ended").await.len(), 1);
}

#[tokio::test]
async fn who_is_too_quick_is_no_person() {
    let sink = Sink::good();
    let plan = plan().leads("https://shop.example/").until("opened");
    let scene = Scene::hooked("", &sink, &plan).await;
    scene.tenant.tell("ann").await;
    let links = Links::of(&sink.saw(1).await[0].json());
    assert_eq!(scene.visit("GET", &links.read).send().await.status, 303);
    let evidence = eventually("the visit is taken down", || async {
        let evidence = scene.tenant.evidence("ann").await;
        evidence.iter().any(|grade| grade != "accepted").then_some(evidence)
    });
    assert!(evidence.await.contains(&"machine-opened".to_owned()));
}

#[tokio::test]
async fn a_link_that_is_none_says_nothing_about_anybody() {
    let (scene, _sink, links) = told(&plan().says("A title", "A text.")).await;
    let other = scene.stage.tenant("other").await;
    let before = scene.tenant.user("ann").await;
    let (number, tracking) = (path(&links.read), &links.tracking);
    let number = number.strip_prefix("/r/").unwrap().split_once('.').unwrap().0;
    let altered: String = tracking.chars().rev().collect();
    assert_ne!(&altered, tracking);
    let long = "a".repeat(4_000);
    let tokens = [
        format!("{number}.{altered}"),
        format!("{number}.{}", &tracking[1..]),
        format!("{number}.{tracking}x"),
        format!("{number}.%27%20OR%201=1--"),
        format!("{number}.{}", tracking.to_uppercase()),
        format!("{number}."),
        format!("0.{tracking}"),
        format!("-1.{tracking}"),
        format!("999999999999999999999999.{tracking}"),
        format!("{}.{tracking}", number.parse::<u64>().unwrap() + 1),
        tracking.clone(),
        "nonsense".to_owned(),
        "%00".to_owned(),
        "%ff%fe".to_owned(),
        "%E6%9C%AA".to_owned(),
        format!("{number}.{long}"),
        long,
    ];
    let mut pages = std::collections::BTreeSet::new();
    for token in &tokens {
        for (method, door) in
            [("GET", "r"), ("POST", "r"), ("GET", "u"), ("POST", "u"), ("GET", "p"), ("POST", "p")]
        {
            let link = format!("/{door}/{token}");
            let got = match (method, door) {
                ("POST", "u") => scene.post(&link, "List-Unsubscribe=One-Click").send().await,
                ("POST", "p") => scene.post(&link, "everything=off").send().await,
                ("POST", _) => scene.post(&link, "read=1").send().await,
                _ => scene.visit(method, &link).send().await,
            };
            assert_eq!(got.status, 404, "{method} {link}: {}", got.text());
            pages.insert(got.text());
        }
    }
    assert_eq!(pages.len(), 1, "all alike: {pages:#?}");
    let page = pages.first().unwrap();
    assert!(page.starts_with("<!doctype html>"), "{page}");
    for word in ["ann", "shop", "A title", "other", tracking.as_str()] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    assert_eq!(scene.tenant.user("ann").await, before);
    // Of another tenant's number there is nothing either.
    let attempts = other.attempts(None).await;
    assert!(attempts.is_empty());
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(scene.visit(method, &links.read).send().await.status, 405);
    }
}
