//! Two strategies over the same past: who gets something else, exactly.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::commands::{Folder, nudge};

fn strategy(threshold: &str, channels: &str, text: &str) -> String {
    format!(
        r#"
        name = "s"
        [[policy]]
        use = "dwell"
        [policy.settings]
        nodes.a = {{ threshold = "{threshold}", pending = "b" }}
        nodes.b = {{ threshold = "2h", pending = "c", behaviour = "go" }}
        nodes.c = {{ behaviour = "go" }}
        behaviours.go = {{ message = "go" }}
        [[policy]]
        use = "cascade"
        settings.strategies.default = {{ channels = {channels}, wait = "30m" }}
        [[channel]]
        name = "app"
        [[channel]]
        name = "sms"
        cost = 0.05
        [messages.go.default]
        title = "{text}"
        body = "."
        "#
    )
}

/// Three who stay at `a` for one, three and five hours, and one who stays nowhere.
const LOG: &str = "user,node,time
ann,a,2026-03-02T10:00:00Z
ann,b,2026-03-02T11:00:00Z
ann,c,2026-03-02T12:00:00Z
ben,a,2026-03-02T10:00:00Z
ben,b,2026-03-02T13:00:00Z
ben,c,2026-03-02T14:00:00Z
<i>cem</i>,a,2026-03-02T10:00:00Z
<i>cem</i>,b,2026-03-02T15:00:00Z
<i>cem</i>,c,2026-03-02T18:00:00Z
dan,c,2026-03-02T10:00:00Z
";

/// The messages of a replay, each as user, node and the times and channels of its attempts.
pub(crate) fn messages(folder: &Folder, log: &str, strategy: &str) -> BTreeMap<String, String> {
    let ended = nudge(folder, &["replay", log, "--strategy", strategy, "--out", "out.ndjson"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let mut about: BTreeMap<String, String> = BTreeMap::new();
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    let mut entered = BTreeMap::new();
    for line in std::fs::read_to_string(folder.path("out.ndjson")).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        match &*text("decision") {
            "stalled" => {
                entered.insert(text("user"), record["entered"].clone());
            }
            "drafted" => {
                let since = &entered[&text("user")];
                about.insert(text("message"), format!("{} {} {since}", text("user"), text("node")));
            }
            "sent" => {
                let content = &record["content"];
                let attempt = format!("{} {} {content}; ", record["at"], text("channel"));
                sent.entry(about[&text("message")].clone()).or_default().push_str(&attempt);
            }
            _ => {}
        }
    }
    sent
}

/// What a backtest says must be what two replays say.
pub(crate) fn is_the_difference_of_two_replays(folder: &Folder, log: &str) -> Value {
    let (old, new) = (messages(folder, log, "old.toml"), messages(folder, log, "new.toml"));
    let gained = new.keys().filter(|about| !old.contains_key(*about)).count();
    let lost = old.keys().filter(|about| !new.contains_key(*about)).count();
    let both = old.iter().filter_map(|(about, sent)| Some((sent, new.get(about)?)));
    let (same, changed): (Vec<_>, Vec<_>) = both.partition(|(old, new)| old == new);
    let arguments = [
        "backtest",
        log,
        "--old",
        "old.toml",
        "--new",
        "new.toml",
        "--json",
        "--out",
        "diff.ndjson",
    ];
    let found = nudge(folder, &arguments).json();
    let messages = &found["difference"]["messages"];
    let expected = serde_json::json!({
        "gained": gained, "lost": lost, "changed": changed.len(), "same": same.len(),
    });
    assert_eq!(messages, &expected);
    assert_eq!(found["old"]["messages"], old.len());
    assert_eq!(found["new"]["messages"], new.len());
    let lines = std::fs::read_to_string(folder.path("diff.ndjson")).unwrap();
    let of = |way: &str| {
        let way = format!("\"change\":\"{way}\"");
        lines.lines().filter(|line| line.contains(&way)).count()
    };
    assert_eq!([of("gained"), of("lost"), of("changed")], [gained, lost, changed.len()]);
    // Each replay alone decides the same as within the backtest.
    for side in ["old", "new"] {
        let strategy = format!("{side}.toml");
        let alone = nudge(folder, &["replay", log, "--strategy", &strategy, "--json"]).json();
        assert_eq!(alone["digest"], found[side]["digest"]);
        assert_eq!(alone["nodes"], found[side]["nodes"]);
    }
    let users = &found["difference"]["users"];
    let all: u64 = ["gain", "lose", "change", "same", "none"]
        .iter()
        .map(|class| users[class].as_u64().unwrap())
        .sum();
    assert_eq!(found["users"], all, "everybody is in one class");
    found
}

#[test]
fn a_longer_threshold_loses_exactly_those_in_between() {
    let folder = Folder::new();
    folder.put("log.csv", LOG);
    folder.put("old.toml", strategy("2h", r#"["app", "sms"]"#, "Go on"));
    folder.put("new.toml", strategy("4h", r#"["app", "sms"]"#, "Go on"));
    let found = is_the_difference_of_two_replays(&folder, "log.csv");
    let difference = &found["difference"];
    // Ben's three hours are no longer too long; Cem's five are, two hours later; what Cem gets at b
    // stays.
    assert_eq!(
        difference["messages"],
        serde_json::json!({ "gained": 0, "lost": 1, "changed": 1, "same": 1 })
    );
    assert_eq!(
        difference["users"],
        serde_json::json!({ "gain": 0, "lose": 1, "change": 1, "same": 0, "none": 2 })
    );
    let people = difference["sample"].as_array().unwrap();
    let ben = people.iter().find(|person| person["user"] == "ben").unwrap();
    assert_eq!(ben["change"], "loses a message at a");
    let under = |which: &str| {
        let moments = ben["moments"].as_array().unwrap().iter();
        moments.filter(|moment| moment["under"] == which).count()
    };
    assert!(under("both") >= 3 && under("old") >= 2 && under("new") == 0, "{ben:#}");
}

#[test]
fn other_channels_texts_and_costs_are_shown() {
    let folder = Folder::new();
    folder.put("log.csv", LOG);
    folder.put("old.toml", strategy("2h", r#"["app", "sms"]"#, "Go on"));
    folder.put("new.toml", strategy("2h", r#"["sms"]"#, "Come back"));
    let found = is_the_difference_of_two_replays(&folder, "log.csv");
    assert_eq!(found["difference"]["messages"]["changed"], 3);
    assert_eq!(found["new"]["channels"].as_object().unwrap().keys().collect::<Vec<_>>(), ["sms"]);
    let lines = std::fs::read_to_string(folder.path("diff.ndjson")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["old"]["attempts"][0]["channel"], "app");
    assert_eq!(first["new"]["attempts"][0]["title"], "Come back");
    assert_eq!(first["new"]["attempts"][0]["at"], first["old"]["attempts"][0]["at"]);
}

#[test]
fn the_same_strategy_twice_changes_nothing_for_anybody() {
    let folder = Folder::new();
    folder.put("log.csv", LOG);
    for side in ["old.toml", "new.toml"] {
        folder.put(side, strategy("2h", r#"["app"]"#, "Go on"));
    }
    let found = is_the_difference_of_two_replays(&folder, "log.csv");
    assert_eq!(found["difference"]["sample"], serde_json::json!([]));
    assert_eq!(found["difference"]["users"]["same"], 2);
}

#[test]
fn the_pages_are_whole_and_nothing_of_a_log_becomes_markup() {
    let folder = Folder::new();
    folder.put("log.csv", LOG);
    folder.put("old.toml", strategy("2h", r#"["app", "sms"]"#, "<script>alert(1)</script>"));
    folder.put("new.toml", strategy("4h", r#"["app", "sms"]"#, "Go on"));
    let both = ["backtest", "log.csv", "--old", "old.toml", "--new", "new.toml"];
    let one = ["replay", "log.csv", "--strategy", "old.toml"];
    for (arguments, maps) in [(&both[..], 2), (&one[..], 1)] {
        let ended = nudge(&folder, &[arguments, &["--html", "page.html"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(ended.out.contains("page.html"), "{}", ended.out);
        let page = std::fs::read_to_string(folder.path("page.html")).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
        assert_eq!(page.matches("<svg class=\"map").count(), maps);
        for never in ["<script", "<i>cem", "http://", "https://", "javascript:"] {
            assert!(!page.contains(never), "{never}");
        }
        assert!(
            page.replace("&nbsp;", " ").replace(['\u{a0}', '\u{202f}'], " ").contains("2 h"),
            "the threshold"
        );
        let again = nudge(&folder, &[arguments, &["--html", "again.html"]].concat());
        assert_eq!(again.code, 0);
        assert_eq!(page, std::fs::read_to_string(folder.path("again.html")).unwrap());
    }
}

#[test]
fn what_it_needs_is_said_and_what_is_wrong_is_named() {
    let folder = Folder::new();
    folder.put("log.csv", LOG);
    folder.put("old.toml", strategy("2h", r#"["app"]"#, "Go on"));
    folder.put("new.toml", strategy("soon", r#"["app"]"#, "Go on"));
    let both = ["backtest", "log.csv", "--old", "old.toml", "--new", "new.toml"];
    let refused = nudge(&folder, &both);
    assert_eq!(refused.code, 2);
    for part in ["new.toml", "/nodes/a/threshold", "\"soon\" is not a length of time"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    let none = nudge(&folder, &["backtest", "log.csv", "--old", "old.toml", "--new", "none.toml"]);
    assert!(none.refusal().starts_with("none.toml:"), "{}", none.err);
}
