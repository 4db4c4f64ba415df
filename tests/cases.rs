//! The rings of the standard policies' tests that run in the sandbox, each as a test of its own name: their
//! cases, and what they export. The command that authors have is what runs them. The example in C is
//! built and run in the same way, where there is a compiler for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut trials = Vec::new();
    for name in nudge::standard::names() {
        let folder = root.join("policies").join(name);
        let profile = ["--profile", "policy"];
        trials.extend(ran(name, &[&[folder.to_str().unwrap()], &profile[..]].concat(), 1, 1));
    }
    match c_example(&root.join("examples/c")) {
        Ok(policy) => {
            let cases = root.join("examples/c/cases");
            let arguments = [policy.to_str().unwrap(), "--cases", cases.to_str().unwrap()];
            trials.extend(ran("c-example", &arguments, 1, 1));
        }
        // Whoever has the compiler can say that these tests must run.
        Err(why) if std::env::var_os("NUDGE_C").is_some() => panic!("{why}"),
        Err(why) => eprintln!("left out: the tests of the policy in C: {why}"),
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Runs a policy's tests, of which there must be so many cases and tests at the least.
fn ran(policy: &str, arguments: &[&str], cases: usize, tests: usize) -> Vec<Trial> {
    let output = Command::new(env!("CARGO_BIN_EXE_nudge"))
        .args(["policy", "test", "--json"])
        .args(arguments)
        // What the build script has built already need not be built again.
        .env("CARGO_TARGET_DIR", Path::new(env!("OUT_DIR")).join("policies"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let document: Value = match serde_json::from_slice(&output.stdout) {
        Ok(document) => document,
        Err(_) => panic!("{policy}: {said}"),
    };
    let results = document["results"].as_array().unwrap();
    let of = |ring: &str| results.iter().filter(|result| result["ring"] == ring).count();
    assert!(of("case") >= cases && of("test") >= tests, "{policy}: {document:#}");
    assert_eq!(output.status.code() == Some(0), document["failed"] == 0, "{policy}: {said}");
    let trial = |result: &Value| {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let name = format!("{policy}::{}::{}", text("ring"), text("name"));
        let (passed, failure) = (result["passed"] == true, text("failure"));
        Trial::test(name, move || if passed { Ok(()) } else { Err(Failed::from(failure)) })
    };
    results.iter().map(trial).collect()
}

/// Builds the policy in C, or says what is missing. What is there and fails is a failure.
fn c_example(folder: &Path) -> Result<PathBuf, String> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-example");
    // An example of this package, so cargo has built it before it runs its tests.
    let nudge = Path::new(env!("CARGO_BIN_EXE_nudge"));
    let bindgen = nudge.parent().unwrap().join("examples").join("c_bindings");
    let built = Command::new(folder.join("build"))
        .env("OUT", &out)
        .env("NUDGE", nudge)
        .env("WIT_BINDGEN", bindgen)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&built.stderr);
    match built.status.code() {
        Some(0) => Ok(out.join("cheapest.wasm")),
        // Its own word for a missing tool.
        Some(2) => Err(said.trim().replace('\n', " ")),
        _ => panic!("examples/c/build: {said}"),
    }
}
