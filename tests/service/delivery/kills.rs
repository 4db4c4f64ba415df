//! The service is killed while it sends: nothing is lost, and nothing is sent twice but what was under way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::breaker::tell_all;
use super::scene::{Plan, Scene};
use super::sink::{Reply, Seen, Sink};
use crate::service::http::eventually;

/// Messages under way at once.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn killed_while_it_sends_it_loses_nothing_and_doubles_only_what_was_under_way() {
    // Answers come at all times, so that the kills hit sending, settling and writing alike.
    killed_while_it_sends(400, &[3, 17, 8, 25, 12], &[40, 120, 200, 330]).await;
}

#[tokio::test]
async fn what_was_accepted_and_is_not_yet_written_down_counts_as_under_way() {
    // Whoever answers at once is quicker than the disk.
    killed_while_it_sends(1_500, &[0], &[140, 420, 700, 930]).await;
}

/// So many users are written to by way of one who takes so long to answer, in milliseconds, in turns; the
/// service is killed after so many requests.
async fn killed_while_it_sends(users: usize, pauses: &'static [u64], kills: &[usize]) {
    let pause = |nth: usize| Duration::from_millis(pauses[nth % pauses.len()]);
    let sink = Sink::new(move |_, nth| Reply::status(200).after(pause(nth)));
    let config = format!(
        "concurrency = {AT_ONCE}\nper_tenant = {AT_ONCE}\nper_channel = {AT_ONCE}\n\
         lease = \"2s\"\ntimeout = \"1s\"\nretries = \"100ms 100ms 1h\""
    );
    let plan = Plan::on(&[("hook", "")]);
    let mut scene = Scene::hooked(&config, &sink, &plan).await;
    tell_all(&scene, "user", users).await;

    for after in kills {
        sink.saw(*after).await;
        scene.stage.kill();
        scene.stage.start();
    }
    let tenant = &scene.tenant;
    let attempts = eventually("every attempt is settled", || async {
        let found = tenant.attempts(None).await;
        let open = found.iter().any(|attempt| attempt.get("outcome").is_none());
        (found.len() >= users && !open).then_some(found)
    });
    let attempts = attempts.await;
    assert_eq!(attempts.len(), users);
    assert!(attempts.iter().all(|attempt| attempt["outcome"] == "accepted"), "{attempts:#?}");

    let mut often: BTreeMap<String, usize> = BTreeMap::new();
    for tracking in sink.seen().iter().map(Seen::tracking) {
        *often.entry(tracking).or_default() += 1;
    }
    assert_eq!(often.len(), users, "each of them arrived, and nothing else");
    for attempt in &attempts {
        assert!(often.contains_key(attempt["tracking"].as_str().unwrap()), "{attempt:#}");
    }
    let doubles: usize = often.values().map(|times| times - 1).sum();
    let most = kills.len() * AT_ONCE;
    assert!(doubles <= most, "{doubles} doubles, and {most} were under way at most");
    assert!(doubles > 0, "nothing was under way: the test shows nothing");

    // What was in doubt is settled once and for all, also for the users themselves.
    for n in [0, users / 2, users - 1] {
        let user = format!("user-{n}");
        assert_eq!(tenant.evidence(&user).await, ["accepted"], "{user}");
    }
    // The next start finds nothing to be done.
    let requests = sink.seen().len();
    scene.stage.stop();
    scene.stage.start();
    scene.tenant.tell("witness").await;
    scene.tenant.ends("witness", "accepted").await;
    assert_eq!(sink.seen().len(), requests + 1);
}

#[tokio::test]
async fn what_waits_for_another_try_survives_a_kill() {
    let sink = Sink::new(|_, _| Reply::status(503));
    let plan = Plan::on(&[("hook", "")]);
    let mut scene = Scene::hooked("retries = \"2s 1h\"", &sink, &plan).await;
    scene.tenant.tell("ann").await;
    let waiting = eventually("a try in vain", || async {
        let found = scene.tenant.attempts(Some("ann")).await;
        found.into_iter().find(|attempt| attempt["tries"].as_u64() >= Some(1))
    });
    let waiting = waiting.await;
    sink.answers(|_, _| Reply::status(200));
    scene.stage.kill();
    scene.stage.start();
    let again = scene.tenant.attempts(Some("ann")).await.remove(0);
    if again.get("outcome").is_none() {
        assert_eq!((&again["due"], &again["tries"]), (&waiting["due"], &waiting["tries"]));
    }
    let attempt = scene.tenant.ends("ann", "accepted").await;
    assert_eq!(attempt["tries"], 1);
    let seen = sink.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at >= waiting["due"].as_i64().unwrap());
}

#[tokio::test]
async fn told_to_stop_it_waits_for_what_is_under_way() {
    let sink = Sink::new(|_, _| Reply::status(200).after(Duration::from_millis(700)));
    let plan = Plan::on(&[("hook", "")]);
    let mut scene = Scene::hooked("", &sink, &plan).await;
    scene.tenant.tell("ann").await;
    sink.saw(1).await;
    scene.stage.stop();
    scene.stage.start();
    scene.tenant.ends("ann", "accepted").await;
    scene.tenant.tell("witness").await;
    scene.tenant.ends("witness", "accepted").await;
    assert_eq!(sink.seen().len(), 2, "ann is written to once");
}
