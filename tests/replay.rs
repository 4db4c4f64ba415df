//! `nudge replay`: the main job.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::commands::{Folder, nudge, root};
use crate::logs::{Made, gzip};

const STRATEGY: &str = r#"
name = "test"

[[policy]]
use = "dwell"
[policy.settings.nodes]
form = { threshold = "24h", pending = "offer" }
offer = { threshold = "10h", pending = "end", behaviour = "read" }
end = { behaviour = "sign" }
[policy.settings.behaviours]
read = { message = "m" }
sign = { message = "m" }
[policy.settings.features]
amount = { field = "amount_req", format = "grouped", default = "?" }

[[policy]]
use = "cascade"
[policy.settings.strategies.default]
channels = ["app", "sms"]
wait = "6h"

[[channel]]
name = "app"
[[channel]]
name = "sms"
cost = 0.05

[messages.m.default]
title = "{amount}"
body = "{days} days at {node}, next is {pending}"
"#;

fn thresholds() -> BTreeMap<&'static str, u64> {
    [("form", 24 * 3_600_000), ("offer", 10 * 3_600_000)].into()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.put("s.toml", STRATEGY);
    folder
}

#[test]
fn a5_visits_and_stalls_are_those_that_plain_loops_count() {
    let folder = folder();
    for seed in 1..=3 {
        let made = Made::new(seed, 400);
        folder.put("log", made.csv());
        let sum = nudge(&folder, &["replay", "log", "--strategy", "s.toml", "--json"]).json();
        assert_eq!(sum["events"], made.0.len());
        assert_eq!(sum["users"], 400);
        let counts = made.counts(&thresholds());
        assert_eq!(counts.len(), 4);
        assert!(counts["form"].1 > 50 && counts["offer"].1 > 50, "{counts:?}");
        for (node, (visits, stalled)) in counts {
            assert_eq!(sum["nodes"][&node]["visits"], visits, "{node}");
            assert_eq!(sum["nodes"][&node]["stalled"], stalled, "{node}");
        }
    }
}

#[test]
fn the_digest_is_the_same_whatever_the_threads_the_batches_and_the_format() {
    let folder = folder();
    let made = Made::new(7, 300);
    folder.put("log.csv", made.csv());
    folder.put("packed", gzip(&made.csv()));
    folder.put("log.ndjson", made.ndjson());
    folder.put("log.xes", gzip(&made.xes()));
    let of = |log: &str, more: &[&str]| {
        let arguments = [&["replay", log, "--strategy", "s.toml", "--json"], more].concat();
        nudge(&folder, &arguments).json()["digest"].as_str().unwrap().to_owned()
    };
    let digest = of("log.csv", &["--threads", "1"]);
    assert_eq!(digest.len(), 64);
    assert_eq!(of("log.csv", &["--threads", "1"]), digest, "in every run");
    assert_eq!(of("log.csv", &["--threads", "3"]), digest, "on any number of threads");
    assert_eq!(of("log.csv", &["--batch", "1"]), digest, "whatever the batch size");
    assert_eq!(of("log.csv", &["--batch", "5", "--threads", "2"]), digest);
    assert_eq!(of("packed", &[]), digest, "packed");
    assert_eq!(of("log.ndjson", &[]), digest, "as NDJSON");
    assert_eq!(of("log.xes", &[]), digest, "as XES");
    folder.put("other.csv", made.csv().replace("u17,", "u17x,"));
    assert_ne!(of("other.csv", &[]), digest, "of another log");
}

#[test]
fn the_digest_is_the_hash_of_the_decisions() {
    let folder = folder();
    folder.put("log", Made::new(3, 100).csv());
    let arguments = ["replay", "log", "--strategy", "s.toml", "--json", "--out", "decisions"];
    let sum = nudge(&folder, &arguments).json();
    let lines = std::fs::read(folder.path("decisions")).unwrap();
    let hash: String = Sha256::digest(&lines).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sum["digest"], hash.as_str());
    let lines = String::from_utf8(lines).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |decision: &str| lines.iter().filter(|l| l["decision"] == decision).collect::<Vec<_>>();
    assert_eq!(sum["sends"], of("sent").len());
    let stalled = of("stalled");
    assert!(!stalled.is_empty());
    for line in stalled {
        // a4: strictly greater, and noticed at the first moment that is.
        let dwell = line["dwell"].as_u64().unwrap();
        assert_eq!(dwell, line["threshold"].as_u64().unwrap() + 1);
    }
    // a6, a8: message data and a feature of the process information are in the text.
    let sent = of("sent");
    let content = &sent[0]["content"];
    let body = content["body"].as_str().unwrap();
    assert!(body.contains(" days at ") && body.contains("next is "), "{body}");
    assert_eq!(content["title"], content["features"]["amount"]);
    // c3: each attempt has a tracking id of its own.
    let mut ids: Vec<&str> = sent.iter().map(|line| line["tracking"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), sent.len());
}

#[test]
fn a4_a_visit_that_is_open_when_the_log_ends_stalls_if_it_is_longer() {
    let folder = folder();
    let log = |last: &str| {
        folder.put("log", format!("user,node,time\na,form,2026-01-01T00:00:00Z\nb,x,{last}\n"));
        let sum = nudge(&folder, &["replay", "log", "--strategy", "s.toml", "--json"]).json();
        sum["nodes"]["form"]["stalled"].as_u64().unwrap()
    };
    assert_eq!(log("2026-01-02T00:00:00.000Z"), 0, "as long as the threshold");
    assert_eq!(log("2026-01-02T00:00:00.001Z"), 1, "a millisecond longer");
}

#[test]
fn a3_page_stay_is_measured_apart_from_interruption() {
    let folder = folder();
    let stay =
        STRATEGY.replace(r#"threshold = "24h""#, r#"threshold = "10m", basis = "page-stay""#);
    folder.put("s.toml", stay);
    // Shown for eight minutes, hidden for hours, shown again: 10 minutes are full at 12:02.
    folder.put(
        "log",
        "user,node,time,what\n\
         a,form,2026-01-01 08:00,page\n\
         a,,2026-01-01 08:08,hidden\n\
         a,form,2026-01-01 12:00,page\n\
         a,,2026-01-01 12:05,hidden\n\
         b,form,2026-01-01 08:00,page\n\
         b,,2026-01-01 08:10,hidden\n\
         b,form,2026-01-03 08:00,operation\n",
    );
    let arguments =
        ["replay", "log", "--strategy", "s.toml", "--kind-field", "what", "--out", "d", "--json"];
    let sum = nudge(&folder, &arguments).json();
    assert_eq!(sum["nodes"]["form"]["stalled"], 1);
    let decisions = std::fs::read_to_string(folder.path("d")).unwrap();
    let stalled = decisions.lines().find(|line| line.contains("\"stalled\"")).unwrap();
    let stalled: serde_json::Value = serde_json::from_str(stalled).unwrap();
    assert_eq!(stalled["user"], "a");
    // 2026-01-01T12:02:00.001Z
    assert_eq!(stalled["at"], 1_767_268_920_001_u64);
}

#[test]
fn the_same_strategy_as_json_is_the_same_strategy() {
    let folder = folder();
    folder.put("log", Made::new(5, 60).csv());
    let document: serde_json::Value = toml_edit::de::from_str(STRATEGY).unwrap();
    folder.put("s.json", document.to_string());
    let digest = |file: &str| {
        nudge(&folder, &["replay", "log", "--strategy", file, "--json"]).json()["digest"].clone()
    };
    assert_eq!(digest("s.json"), digest("s.toml"));
}

#[test]
fn the_table_has_a_row_for_each_node() {
    let folder = folder();
    folder.put("log", Made::new(5, 60).csv());
    let ended = nudge(&folder, &["replay", "log", "--strategy", "s.toml"]);
    assert_eq!(ended.code, 0);
    for word in [
        "node",
        "visits",
        "stalled",
        "messages",
        "converted",
        "start",
        "form",
        "offer",
        "end",
        "digest",
    ] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "no colours in a pipe");
    assert!(ended.err.contains("user is \"case_id\" (guessed)"), "{}", ended.err);
}

#[test]
fn broken_rows_are_reported_counted_and_passed_over() {
    let folder = folder();
    let log = "user,node,time\na,form,2026-01-01\na,form\nb,form,yesterday\nb,offer,2026-02-01\n";
    folder.put("log.csv", log);
    let ended = nudge(&folder, &["replay", "log.csv", "--strategy", "s.toml", "--json"]);
    assert_eq!(ended.code, 1, "it ran and found something wrong");
    let sum: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&sum["events"], &sum["bad_rows"]), (&2.into(), &2.into()));
    assert!(ended.err.contains("log.csv:3: "), "{}", ended.err);
    assert!(ended.err.contains("log.csv:4: ") && ended.err.contains("yesterday"), "{}", ended.err);
    let strict = nudge(&folder, &["replay", "log.csv", "--strategy", "s.toml", "--strict"]);
    assert!(strict.refusal().starts_with("log.csv:3: "), "{}", strict.err);
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let folder = folder();
    folder.put("empty", "");
    folder.put("header", "user,node,time\n");
    folder.put("log", "user,node,time\na,form,2026-01-01\n");
    folder.put("noise", [0u8, 159, 146, 150, 1, 2, 3]);
    folder.put("cut.gz", &gzip(&Made::new(1, 200).csv())[..2_000]);
    let refusal = |arguments: &[&str]| {
        let ended = nudge(&folder, &[&["replay", "--strategy", "s.toml"], arguments].concat());
        ended.refusal().to_owned()
    };
    assert!(refusal(&["nowhere"]).contains("nowhere"));
    assert!(refusal(&["empty"]).contains("empty"));
    assert!(refusal(&["header"]).contains("header"));
    folder.put("rubbish", "user,node,time\na,form,soon\n,,\n");
    let rubbish = refusal(&["rubbish"]);
    assert!(rubbish.contains("not one of its 2 rows") && rubbish.contains("soon"), "{rubbish}");
    assert!(refusal(&["noise"]).contains("noise"));
    assert!(refusal(&["cut.gz"]).contains("cut.gz"));
    let unknown = refusal(&["log", "--node-field", "stage"]);
    assert!(unknown.contains("stage") && unknown.contains("node"), "{unknown}");
    assert!(refusal(&["log", "--batch", "0"]).contains("--batch"));
    assert!(refusal(&["log", "--out", "no/such/folder"]).contains("no/such/folder"));
}

#[test]
fn what_is_no_strategy_is_said_with_its_place() {
    let folder = folder();
    folder.put("log", "user,node,time\na,form,2026-01-01\n");
    let refusal = |strategy: &str| {
        folder.put("t.toml", strategy);
        let ended = nudge(&folder, &["replay", "log", "--strategy", "t.toml"]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        ended.err
    };
    let soon = refusal(&STRATEGY.replace("\"24h\"", "\"soon\""));
    assert!(soon.contains("/nodes/form/threshold: \"soon\" is not a length of time"), "{soon}");
    let pending = refusal(&STRATEGY.replace("pending = \"end\"", "pending = \"nowhere\""));
    assert!(pending.contains("/nodes/offer/pending: "), "{pending}");
    let unknown = refusal(&STRATEGY.replace("settings.features", "settings.feature"));
    assert!(unknown.contains("feature") && unknown.contains("features"), "{unknown}");
    let policy = refusal(&STRATEGY.replace("\"cascade\"", "\"cascades\""));
    assert!(policy.contains("cascades") && policy.contains("cascade, dwell"), "{policy}");
    let twice = refusal(&STRATEGY.replace("\"cascade\"", "\"dwell\""));
    assert!(twice.contains("dwell"), "{twice}");
    let file = refusal(&STRATEGY.replace("\"cascade\"", "\"mine.wasm\""));
    assert!(file.contains("mine.wasm"), "{file}");
    folder.put("mine.wasm", "no component");
    let file = refusal(&STRATEGY.replace("\"cascade\"", "\"mine.wasm\""));
    assert!(file.contains("not WebAssembly"), "{file}");
    let cost = refusal(&STRATEGY.replace("cost = 0.05", "cost = -1"));
    assert!(cost.contains("sms") && cost.contains("cost"), "{cost}");
    let toml = refusal("[[policy]\n");
    assert!(toml.contains("t.toml") && toml.contains("line 1"), "{toml}");
    let none = refusal("policy = []\n");
    assert!(none.contains("node policy"), "{none}");
}

#[test]
fn c7_a_message_that_nobody_answers_stops_at_the_number_of_pushes() {
    let folder = folder();
    folder.put("s.toml", STRATEGY.replace("wait = \"6h\"", "wait = \"1h\"\npushes = 3"));
    folder.put("log", "user,node,time\na,form,2026-01-01\nb,x,2026-03-01\n");
    let sum = nudge(&folder, &["replay", "log", "--strategy", "s.toml", "--json"]).json();
    assert_eq!(sum["messages"], 1);
    assert_eq!(sum["sends"], 3);
    assert_eq!(sum["channels"]["app"]["sends"], 2, "app, sms, and app again");
    assert_eq!(sum["cost"], 0.05);
    assert_eq!(sum["ended"]["unreceived"], 1);
}

#[test]
fn the_examples_load_and_run() {
    let folder = Folder::new();
    let mut log = String::new();
    // Some with an offer and some with a bill, who do nothing more; so many that not all are held out.
    for (user, node) in (0..8).map(|n| (n, if n % 2 == 0 { "O_SENT" } else { "BILLED" })) {
        log += &format!(
            r#"{{"user": "u{user}", "time": "2026-01-01T00:00:00Z", "kind": "profile", "phone": "+1", "openid": "o", "wecom": "w"}}
{{"user": "u{user}", "time": "2026-01-02T00:00:00Z", "kind": "event", "node": "{node}", "amount": 100}}
"#
        );
    }
    log += r#"{"user": "z", "time": "2026-03-01T00:00:00Z", "kind": "event", "node": "OTHER"}"#;
    folder.put("log.ndjson", log);
    let mut systems = Vec::new();
    for policy in std::fs::read_dir(root().join("policies")).unwrap() {
        let policy = policy.unwrap().path();
        for example in std::fs::read_dir(policy.join("examples")).unwrap() {
            let example = example.unwrap().path();
            let example = example.to_str().unwrap();
            let arguments =
                ["replay", "log.ndjson", "--kind-field", "kind", "--json", "--strategy"];
            let sum = nudge(&folder, &[&arguments[..], &[example]].concat()).json();
            let messages = sum["messages"].as_u64().unwrap();
            assert!((1..=8).contains(&messages), "{example}: {sum}");
            assert_eq!(sum["faults"], serde_json::json!({}), "{example}");
            systems.push(policy.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    systems.sort();
    assert_eq!(systems, ["audience", "cascade", "dwell", "lapsed", "reading"]);
}

/// What is known of a user comes in rows of its own: addresses, their own channels, features. All of it
/// counts, whether or not an event has a field of that name.
#[test]
fn profile_rows_say_who_can_be_reached_and_how_they_are_called() {
    let folder = Folder::new();
    folder.put(
        "s.toml",
        r#"
        [[policy]]
        use = "dwell"
        [policy.settings]
        nodes.a = { threshold = "1h", pending = "b" }
        nodes.b = { behaviour = "go" }
        behaviours.go = { message = "go" }
        features.who = { field = "first", origin = "profile" }
        [[channel]]
        name = "sms"
        address = "phone"
        [messages.go.default]
        title = "{who}, go on"
        body = "."
        "#,
    );
    folder.put(
        "log.ndjson",
        r#"{"user": "ann", "time": "2026-03-02T09:00:00Z", "kind": "profile", "phone": "+1", "first": "Ann"}
{"user": "ann", "time": "2026-03-02T10:00:00Z", "kind": "event", "node": "a"}
{"user": "ben", "time": "2026-03-02T09:00:00Z", "kind": "profile", "first": "Ben"}
{"user": "ben", "time": "2026-03-02T10:00:00Z", "kind": "event", "node": "a"}
{"user": "ben", "time": "2026-03-02T18:00:00Z", "kind": "event", "node": "b"}
"#,
    );
    let arguments = ["replay", "log.ndjson", "--strategy", "s.toml", "--kind-field", "kind"];
    let sum = nudge(&folder, &[&arguments[..], &["--json", "--out", "out.ndjson"]].concat()).json();
    assert_eq!((&sum["nodes"]["a"]["stalled"], &sum["messages"]), (&2.into(), &1.into()));
    assert_eq!(sum["refused"], serde_json::json!({ "no-channel": 1 }), "nobody knows ben's number");
    let out = std::fs::read_to_string(folder.path("out.ndjson")).unwrap();
    assert!(out.contains("Ann, go on"), "{out}");
}
