//! The author's kit, used as an author uses it: in an empty folder, with nothing but the commands.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::commands::{Ended, Folder, nudge_with, root};

/// What is built is shared between tests, and nothing is fetched.
fn kit(folder: &Folder, arguments: &[&str]) -> Ended {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
    nudge_with(
        folder,
        arguments,
        &[("CARGO_TARGET_DIR", target.to_str().unwrap()), ("CARGO_NET_OFFLINE", "true")],
    )
}

/// A new policy, with the versions of this repository.
fn new(folder: &Folder, name: &str, kind: &str) -> PathBuf {
    let made = kit(folder, &["policy", "new", name, "--kind", kind]);
    assert_eq!(made.code, 0, "{}", made.err);
    std::fs::copy(root().join("Cargo.lock"), folder.path(name).join("Cargo.lock")).unwrap();
    folder.path(name)
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", path.display());
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// The names of those that failed.
fn failed(document: &Value) -> Vec<&str> {
    let results = document["results"].as_array().unwrap();
    let failed = results.iter().filter(|result| result["passed"] == false);
    failed.map(|result| result["name"].as_str().unwrap()).collect()
}

#[test]
fn a_new_policy_of_each_kind_builds_and_passes_its_tests_in_all_rings() {
    let folder = Folder::new();
    for kind in ["journey", "audience", "personalise", "route"] {
        let name = format!("try-{kind}");
        let at = new(&folder, &name, kind);
        let ended = kit(&folder, &["policy", "test", &name, "--json"]);
        let tested = ended.json();
        assert_eq!(tested["policy"], name);
        let of = |ring: &str| {
            let results = tested["results"].as_array().unwrap();
            results.iter().filter(|result| result["ring"] == ring).count()
        };
        assert!(of("case") >= 3 && of("test") >= 2, "{tested:#}");
        assert!(tested["fuel"]["most"].as_u64().unwrap() > 0, "{tested:#}");
        assert!(tested["memory_bytes"]["most"].as_u64().unwrap() > 0, "{tested:#}");

        // The same functions; once is enough to see that they are ordinary tests.
        if kind == "journey" {
            is_tested_natively(&at, of("test"));
        }
        let out = folder.path(&format!("{name}.wasm"));
        let built = kit(&folder, &["policy", "build", &name, "--out", out.to_str().unwrap()]);
        assert_eq!(built.code, 0, "{}", built.err);
        assert!(built.out.contains("4,194,304"), "beside the limit: {}", built.out);
        let bytes = std::fs::read(&out).unwrap();
        let machine = root().canonicalize().unwrap();
        let path = machine.to_str().unwrap().as_bytes();
        assert!(!bytes.windows(path.len()).any(|window| window == path), "a path of this machine");
        let looked = kit(&folder, &["policy", "inspect", out.to_str().unwrap(), "--json"]).json();
        assert_eq!(looked["kinds"], kind);
        assert_eq!(looked["metadata"][0], serde_json::json!(["name", name]));
        assert_eq!(looked["tests"], false, "what is uploaded has no tests in it");
        let schema: Value =
            serde_json::from_str(looked["settings_schema"].as_str().unwrap()).unwrap();
        assert_eq!(schema["type"], "object");
        let checked = kit(&folder, &["policy", "check", out.to_str().unwrap(), "--settings", "{}"]);
        assert_eq!(checked.code, 0, "{}", checked.out);
    }
}

fn is_tested_natively(at: &Path, tests: usize) {
    let native = Command::new(env!("CARGO"))
        .args(["test", "--release", "--offline", "--quiet"])
        .current_dir(at)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&native.stdout);
    assert!(native.status.success(), "{}", String::from_utf8_lossy(&native.stderr));
    assert!(said.contains(&format!("{tests} passed")), "the same tests: {said}");
}

#[test]
fn a_mistake_is_caught_in_both_rings_and_says_where() {
    let folder = Folder::new();
    let at = new(&folder, "trolley", "journey");
    replace(&at.join("src/lib.rs"), "total >= self.settings.least", "total > self.settings.least");
    let ended = kit(&folder, &["policy", "test", "trolley", "--junit", "junit.xml"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.out.contains("src/tests.rs:"), "where: {}", ended.out);
    assert!(ended.out.contains("it is worth a message"), "why: {}", ended.out);
    assert!(ended.out.contains("1 FAILED"), "{}", ended.out);
    let junit = std::fs::read_to_string(folder.path("junit.xml")).unwrap();
    assert!(
        junit.contains("failures=\"1\"") && junit.contains("small_carts_are_let_be"),
        "{junit}"
    );

    replace(&at.join("src/lib.rs"), "longer_than: self.settings.patience.0", "longer_than: 0");
    let ended = kit(&folder, &["policy", "test", "trolley", "--json"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let tested: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(failed(&tested).iter().any(|name| name.contains("full-cart")), "{tested:#}");
}

/// Mistakes that are easily made in the standard policies, each caught by their cases alone.
#[test]
fn mutated_standard_policies_fail_their_cases() {
    let mutants = [
        // The threshold compared with "at least" instead of "longer than".
        (
            "dwell",
            "src/settings.rs",
            "longer_than: threshold.0,",
            "longer_than: threshold.0.saturating_sub(1),",
        ),
        // The wrong measure of dwell.
        (
            "dwell",
            "src/settings.rs",
            "Measure::PageStay => Basis::PageStay",
            "Measure::PageStay => Basis::Interruption",
        ),
        // The order of channels reversed.
        ("cascade", "src/lib.rs", ".cycle()", ".rev().cycle()"),
        // The number of pushes ignored.
        ("cascade", "src/lib.rs", "pushes as usize })", "16 })"),
    ];
    let folder = Folder::new();
    for (at, (policy, file, from, to)) in mutants.into_iter().enumerate() {
        let name = format!("mutant-{at}");
        let here = folder.path(&name);
        copy(&root().join("policies").join(policy), &here);
        let guest = root().join("guest").canonicalize().unwrap();
        let manifest = format!(
            "[package]\nname = \"nudge-{policy}\"\ndescription = \"\"\nversion = \"0.1.0\"\n\
             edition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
             [dependencies]\nnudge-guest = {{ path = {guest:?} }}\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n[workspace]\n"
        );
        std::fs::write(here.join("Cargo.toml"), manifest).unwrap();
        std::fs::copy(root().join("Cargo.lock"), here.join("Cargo.lock")).unwrap();
        replace(&here.join(file), from, to);
        let ended = kit(&folder, &["policy", "test", &name, "--json"]);
        assert_eq!(ended.code, 1, "{policy}: {from} -> {to}: {}{}", ended.out, ended.err);
        let tested: Value = serde_json::from_str(&ended.out).unwrap();
        let cases = failed(&tested);
        assert!(cases.iter().any(|name| name.contains("::")), "{policy}: {to}: {cases:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

const CASES: &str = r#"# What the author says stays as it is.
[settings]
nodes.a = { threshold = "1h", pending = "b" }
nodes.b = { behaviour = "go" }
behaviours.go = { message = "go" }

[messages.go.default] # so does this
body = "Go on, {hours} hours."

[[case]]
name = "one"

[[case.step]]
event = { node = "a" }
expect = [{ decision = "entered" }] # enough as it is

[[case.step]]
after = "2h"
expect = [{ decision = "stalled", node = "elsewhere" }]

[[case]]
name = "two"
step = [{ ask = { question = "locate", event = { node = "b" } } }, { ask = { question = "locate" } }]

[[case]]
name = "three"
settings = { nodes = { a = { threshold = "soon" } } }
"#;

#[test]
fn blessing_fills_in_what_is_found_and_keeps_what_the_author_wrote() {
    let folder = Folder::new();
    folder.put("c.toml", CASES);
    let test = ["policy", "test", "dwell", "--cases", "c.toml"];
    let before = kit(&folder, &test);
    assert_eq!(before.code, 1);
    for part in ["it expects nothing", "expected { decision = \"stalled\", node = \"elsewhere\" }"]
    {
        assert!(before.out.contains(part), "{part}: {}", before.out);
    }
    let blessed = kit(&folder, &[&test[..], &["--bless"]].concat());
    assert_eq!(blessed.code, 0, "{}{}", blessed.out, blessed.err);
    let text = std::fs::read_to_string(folder.path("c.toml")).unwrap();
    for part in [
        "# What the author says stays as it is.",
        "# so does this",
        "expect = [{ decision = \"entered\" }] # enough as it is",
        "body = \"Go on, 1 hours.\"",
        "answer = { node = \"b\", rule = 1 }",
        "answer = \"none\"",
        "refused = [",
        "/nodes/a/threshold",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let again = kit(&folder, &[&test[..], &["--bless"]].concat());
    assert_eq!((again.code, std::fs::read_to_string(folder.path("c.toml")).unwrap()), (0, text));
}

#[test]
fn what_is_wrong_with_cases_is_said_with_its_place() {
    let folder = Folder::new();
    let case = |case: &str| {
        folder.put("c.toml", format!("[settings]\nnodes.a = {{}}\n[[case]]\nname = \"x\"\n{case}"));
        kit(&folder, &["policy", "test", "dwell", "--cases", "c.toml"])
    };
    for (text, part) in [
        ("[[case.step]]\nevnt = {}", "unknown field `evnt`"),
        ("[[case.step]]\nevent = {}\nhidden = true\nexpect = []", "step 1: it says more than one"),
        ("[[case.step]]\nat = 0\nafter = \"1s\"\nexpect = []", "step 1: it says both"),
        ("[[case.step]]\nafter = \"1 year\"\nexpect = []", "is not a length of time"),
        (
            "[[case.step]]\nreceipt = { channel = \"sms\", shows = \"seen twice\" }\nexpect = []",
            "or `failed`",
        ),
        ("[[case.step]]\nask.question = \"plan\"\nanswer = \"none\"", "it is journey, personalise"),
        (
            "[[case.step]]\nask.question = \"stalled\"\nask.request = { role = 1 }\nanswer = 1",
            "unknown field `role`",
        ),
        ("[[case]]\nname = \"x\"", "two cases are called \"x\""),
    ] {
        let ended = case(text);
        assert_eq!(ended.code, 2, "{text}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains("c.toml") && ended.err.contains(part), "{text}: {}", ended.err);
    }
    let none = kit(&folder, &["policy", "test", "dwell", "--cases", "none"]);
    assert_eq!(none.code, 2);
    let early =
        case("[[case.step]]\nreceipt = { channel = \"sms\", shows = \"seen\" }\nexpect = []");
    assert!(early.code == 1 && early.out.contains("no attempt on \"sms\""), "{}", early.out);
    let over = case("fuel = 10\n[[case.step]]\nevent = { node = \"a\" }");
    assert!(over.code == 1 && over.out.contains("and 10 was the most"), "{}", over.out);
}

#[test]
fn a_recorded_user_becomes_a_case_with_one_command() {
    let folder = Folder::new();
    folder.put(
        "log.csv",
        "user,node,time,amount,secret\nann,a,2026-03-02T10:00:00Z,5,x\n\
        ben,a,2026-03-02T10:30:00Z,7,y\nann,b,2026-03-02T13:00:00Z,5,z\n",
    );
    folder.put(
        "s.toml",
        r#"
        [[policy]]
        use = "cascade"
        settings.strategies.default = { channels = ["log"], wait = "30m" }
        [[policy]]
        use = "dwell"
        [policy.settings]
        nodes.a = { threshold = "1h", pending = "b" }
        nodes.b = { behaviour = "go" }
        behaviours.go = { message = "go" }
        features.amount = { field = "amount" }
        [messages.go.default]
        body = "{amount} are waiting."
    "#,
    );
    let make = ["policy", "case", "log.csv", "--strategy", "s.toml", "--user", "ann"];
    let made = kit(&folder, &[&make[..], &["--policy", "dwell", "--out", "ann.toml"]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    let text = std::fs::read_to_string(folder.path("ann.toml")).unwrap();
    for part in [
        "2026-03-02T10:00:00Z",
        "after = \"3h\"",
        "5 are waiting.",
        "converted = true",
        "use = \"cascade\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("\"ann\"") && !text.contains("secret"), "{text}");
    let ran = kit(&folder, &["policy", "test", "dwell", "--cases", "ann.toml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // It can fail: another text is found.
    replace(&folder.path("ann.toml"), "{amount} are waiting", "{amount} wait");
    assert_eq!(kit(&folder, &["policy", "test", "dwell", "--cases", "ann.toml"]).code, 1);

    let again = kit(&folder, &[&make[..], &["--out", "ann.toml"]].concat());
    assert!(again.refusal().contains("there already"), "{}", again.err);
    let nobody =
        kit(&folder, &["policy", "case", "log.csv", "--strategy", "s.toml", "--user", "eve"]);
    assert!(nobody.refusal().contains("no event of the user \"eve\""), "{}", nobody.err);
    let other = kit(&folder, &[&make[..], &["--policy", "none"]].concat());
    assert!(other.refusal().contains("there are cascade, dwell"), "{}", other.err);
}

#[test]
fn a_question_is_answered_or_the_fault_is_shown() {
    let folder = Folder::new();
    folder.put(
        "s.json",
        r#"{"nodes": {"a": {"threshold": "1h", "pending": "b"}, "b": {"behaviour": "go"}},
        "behaviours": {"go": {"message": "go", "importance": "high"}}}"#,
    );
    folder.put(
        "q.json",
        r#"{"question": "stalled", "request": {"rule": 0},
        "visit": {"interruption": 7200000}}"#,
    );
    let run = ["policy", "run", "dwell", "--settings", "s.json", "--input", "q.json"];
    let ended = kit(&folder, &run);
    let answer = ended.json();
    assert_eq!((&answer["message"], &answer["data"]["hours"]), (&"go".into(), &2.into()));
    assert!(ended.err.contains("fuel ") && ended.err.contains("10,000,000"), "{}", ended.err);

    folder.put("q.json", r#"{"question": "judge"}"#);
    assert!(kit(&folder, &run).refusal().contains("not for a policy of this kind"));
    folder.put("q.json", r#"{"question": "locate", "evnt": {}}"#);
    assert!(kit(&folder, &run).refusal().contains("unknown field `evnt`"));
    folder.put("s.json", r#"{"nodes": {"a": {"threshold": "soon"}}}"#);
    folder.put("q.json", r#"{"question": "locate"}"#);
    assert!(kit(&folder, &run).refusal().contains("/nodes/a/threshold"));
}

#[test]
fn every_reason_against_a_component_is_said_at_once() {
    let folder = Folder::new();
    let wat = r#"(component
        (import "wasi:cli/environment@0.2.0" (instance))
        (import "wasi:clocks/wall-clock@0.2.0" (instance))
        (core module (memory 2000) (table 30000 funcref)))"#;
    folder.put("bad.wasm", wat::parse_str(wat).unwrap());
    let checked = kit(&folder, &["policy", "check", "bad.wasm", "--json"]);
    assert_eq!(checked.code, 1, "{}", checked.err);
    let found: Value = serde_json::from_str(&checked.out).unwrap();
    let problems: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    for part in
        ["wasi:cli", "wasi:clocks", "bytes of memory", "table elements", "nudge:policy/policy"]
    {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
    // The look at it runs nothing, so it has nothing against it.
    let looked = kit(&folder, &["policy", "inspect", "bad.wasm"]);
    assert!(looked.code == 0 && looked.out.contains("wasi:clocks"), "{}", looked.out);

    folder.put("text.wasm", "not at all");
    let checked = kit(&folder, &["policy", "check", "text.wasm"]);
    assert!(checked.code == 1 && checked.out.contains("not WebAssembly at all"), "{}", checked.out);
    let checked =
        kit(&folder, &["policy", "check", "dwell", "--settings", r#"{"nodes": {}, "x": 1}"#]);
    assert!(checked.code == 1 && checked.out.contains("/x"), "{}", checked.out);
    let none = kit(&folder, &["policy", "check", "nothing"]);
    assert!(none.refusal().contains("neither a folder nor a file"), "{}", none.err);
}

#[test]
fn what_a_question_costs_is_measured_beside_native_code_and_the_limits() {
    let folder = Folder::new();
    let at = new(&folder, "quick", "journey");
    let ended = kit(&folder, &["policy", "bench", at.to_str().unwrap(), "--json"]);
    let cost = ended.json();
    let batches = cost["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 4, "{cost:#}");
    for batch in batches {
        let nanos = |key: &str| batch[key].as_f64().unwrap();
        assert!(nanos("nanos") > 0.0 && nanos("native_nanos") > 0.0, "{cost:#}");
        assert!(batch["fuel"].as_u64().unwrap() > 0, "{cost:#}");
    }
    assert_eq!(cost["limits"]["fuel"], 10_000_000);
}
