//! `nudge explain` and its route: why somebody got a message, or did not.

use serde_json::Value;

use super::http::eventually;
use super::stage::{Stage, nudge, run};
use super::tenant::{Tenant, strategy};

/// What the command says of a user, from the service.
fn told(tenant: &Tenant, user: &str, more: &[&str]) -> (i32, String, String) {
    let base = ["explain", "--tenant", &tenant.name, "--user", user];
    let ended = tenant.command(&[&base[..], more].concat());
    (ended.code, ended.out, ended.err)
}

#[tokio::test]
async fn why_a_user_got_a_message() {
    let mut stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    tenant.activate(&strategy("1s")).await;
    tenant.was_at("ada", "cart", 60_000).await;
    tenant.letters("ada", 1).await;
    let all = tenant.get("/v1/users/ada/explanation").send().await.is(200).json();
    let message = all["messages"][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(all["differs"], 0);
    assert!(
        all["lines"].as_array().unwrap().iter().all(|line| line["verdict"] == "same"),
        "{all:#}"
    );
    let path = format!("/v1/users/ada/explanation?message={message}");
    let one = tenant.get(&path).send().await.is(200).json();
    assert!(one["messages"].as_array().unwrap().len() == 1 && one["never"] == Value::Array(vec![]));
    tenant.get("/v1/users/ada/explanation?message=zz").send().await.is(404);
    tenant.get("/v1/users/ada/explanation?massage=zz").send().await.is(400);

    let (code, out, err) = told(&tenant, "ada", &[]);
    assert_eq!(code, 0, "{out}{err}");
    for words in [
        "ada at 2",
        "stalled at cart",
        "dwell drafts \"thank\"",
        "handed over to app",
        "byte for byte",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let (code, out, _) = told(&tenant, "ada", &["--message", &message, "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["messages"][0]["message"]), (0, &Value::from(message)));
    let (code, out, err) = told(&tenant, "nobody", &[]);
    assert_eq!((code, &*out), (1, ""), "{err}");
    assert!(err.contains("nobody"), "{err}");
    let keyless = run(nudge(&["explain", "--tenant", "shop", "--user", "ada"])
        .env("NUDGE_SERVER", tenant.server.base()));
    assert_eq!(keyless.code, 2, "{keyless:?}");
    assert!(keyless.err.contains("NUDGE_KEY"), "{keyless:?}");

    // The same from the data alone.
    let of_data = |data: &std::path::Path, user: &str| {
        let mut command = nudge(&["explain", "--tenant", "shop", "--user", user, "--data"]);
        run(command.arg(data))
    };
    let busy = of_data(stage.data(), "ada");
    assert_eq!(busy.code, 2, "the service runs: {busy:?}");
    stage.stop();
    let offline = of_data(stage.data(), "ada");
    assert_eq!(offline.code, 0, "{offline:?}");
    assert!(offline.out.contains("byte for byte"), "{offline:?}");
    assert_eq!(of_data(stage.data(), "nobody").code, 1);
    let nowhere = stage.path("nowhere");
    assert_eq!(of_data(&nowhere, "ada").code, 2);
    assert!(!nowhere.exists(), "nothing was made");
}

#[tokio::test]
async fn why_a_user_got_none() {
    let stage = Stage::new();
    let tenant = stage.tenant("shop").await;
    // At every hour but one it is quiet.
    let rails = "\n[guard.quiet]\nfrom = \"00:00\"\nto = \"23:59\"\nthen = \"drop\"\n\
                 [[guard.cap]]\nmost = 3\nwithin = \"7d\"\n";
    tenant.activate(&format!("{}{rails}", strategy("1s"))).await;
    tenant.was_at("ada", "cart", 60_000).await;
    let found = eventually("it is stopped", || async {
        let got = tenant.get("/v1/users/ada/explanation").send().await;
        let stop = (got.status == 200).then(|| got.json()["messages"][0]["stopped_by"].clone());
        stop.filter(|stop| !stop.is_null())
    });
    let stop = found.await;
    assert_eq!(stop["rule"], "quiet-hours", "{stop}");
    let (code, out, _) = told(&tenant, "ada", &[]);
    assert_eq!(code, 0);
    assert!(out.contains("stopped by quiet-hours") && out.contains("00:00-23:59"), "{out}");
}
