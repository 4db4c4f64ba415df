//! The README, taken at its word: the first policy is built and run as it says there.

use std::path::Path;
use std::process::Command;

use crate::commands::{Folder, nudge, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The code block that follows the words.
fn block<'a>(readme: &'a str, words: &str) -> &'a str {
    let (_, after) = readme.split_once(words).unwrap_or_else(|| panic!("{words:?} is not there"));
    let (_, after) = after.split_once("```").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    after.split_once("```").unwrap().0
}

#[test]
fn a_first_policy_as_the_readme_has_it_builds_and_runs() {
    let readme = readme();
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("src")).unwrap();
    // The clone is wherever it is.
    let clone = root().canonicalize().unwrap();
    let manifest = block(&readme, "`Cargo.toml`:").replace("../nudge", clone.to_str().unwrap());
    folder.put("Cargo.toml", manifest);
    let source = block(&readme, "`src/lib.rs`:");
    folder.put("src/lib.rs", source);
    folder.put("strategy.toml", block(&readme, "`strategy.toml`:"));
    folder.put("events.csv", block(&readme, "`events.csv`:"));
    // The same versions as here, so that nothing has to be fetched.
    std::fs::copy(clone.join("Cargo.lock"), folder.path("Cargo.lock")).unwrap();
    build(&folder.path(""));
    let sum =
        nudge(&folder, &["replay", "events.csv", "--strategy", "strategy.toml", "--json"]).json();
    assert_eq!(sum["nodes"]["cart"]["visits"], 3);
    assert_eq!(sum["nodes"]["cart"]["stalled"], 2, "ada's and ben's");
    assert_eq!(sum["messages"], 1, "ada's was worth one");
    assert_eq!(sum["nodes"]["checkout"]["visits"], 2);

    // A newcomer's mistake: reading a field that this question did not ask for. The panic is the fault,
    // in words that say where; the visits are counted all the same.
    let wrong = source.replace("visit.get(self.total)? >= 20.0", "visit.get(self.node).is_some()");
    assert_ne!(wrong, source);
    folder.put("src/lib.rs", wrong);
    build(&folder.path(""));
    let ended = nudge(&folder, &["replay", "events.csv", "--strategy", "strategy.toml", "--json"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let sum: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&sum["nodes"]["cart"]["stalled"], &sum["messages"]), (&2.into(), &0.into()));
    let (fault, number) = sum["faults"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(number, 2);
    assert!(fault.starts_with("cart: panicked: ") && fault.contains("not asked for"), "{fault}");
}

fn build(folder: &Path) {
    let arguments = ["build", "--release", "--target", "wasm32-unknown-unknown", "--offline"];
    // What other tests have built already need not be built again; the module then goes to where it
    // would have been.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
    let built = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let made = Path::new("wasm32-unknown-unknown/release/cart.wasm");
    let here = folder.join("target").join(made);
    std::fs::create_dir_all(here.parent().unwrap()).unwrap();
    std::fs::copy(target.join(made), here).unwrap();
}

#[test]
fn every_link_into_the_repository_leads_somewhere() {
    let readme = readme();
    let links = readme.split("](").skip(1).filter_map(|after| after.split_once(')'));
    let inside: Vec<&str> =
        links.map(|(link, _)| link).filter(|link| !link.starts_with("http")).collect();
    assert!(inside.len() > 5, "{inside:?}");
    for link in inside {
        assert!(root().join(link).exists(), "{link}");
    }
}
