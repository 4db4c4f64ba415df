//! What a question costs: time and fuel a row in the sandbox, and beside it the same policy as native
//! code where its source is at hand.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::ask::Ask;
use crate::sandbox::Configured;

/// The sizes of batches that are tried.
pub(crate) const BATCHES: [usize; 4] = [1, 16, 256, crate::engine::BATCH];

/// How long each size is run.
const MEASURED: std::time::Duration = std::time::Duration::from_millis(400);

/// What batches of one size cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    /// Rows of a batch.
    pub(crate) rows: usize,
    /// Time of a batch, in nanoseconds: the median.
    pub(crate) nanos: f64,
    /// Fuel of a batch.
    pub(crate) fuel: u64,
    /// Time of a batch as native code, in nanoseconds, if it was built.
    pub(crate) native_nanos: Option<f64>,
}

/// Asks one question over and over.
///
/// # Errors
///
/// If it cannot be put, or the policy fails.
pub(crate) fn sandboxed(policy: &Configured, ask: &Ask) -> anyhow::Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for rows in BATCHES {
        let before = policy.usage();
        ask.put_rows(policy, rows)?;
        let fuel = policy.usage().fuel - before.fuel;
        let mut spans = Vec::new();
        let started = Instant::now();
        while spans.len() < 16 || (started.elapsed() < MEASURED && spans.len() < 20_000) {
            let begun = Instant::now();
            ask.put_rows(policy, rows)?;
            spans.push(begun.elapsed().as_nanos() as f64);
        }
        spans.sort_by(f64::total_cmp);
        let nanos = spans.get(spans.len() / 2).copied().unwrap_or_default();
        costs.push(Cost { rows, nanos, fuel, native_nanos: None });
    }
    Ok(costs)
}

/// The same as native code: a program that is nothing but the policy's crate, built and asked.
///
/// # Errors
///
/// Why there is none.
pub(crate) fn native(
    folder: &Path,
    settings: &str,
    ask: &Ask,
    costs: &mut [Cost],
) -> anyhow::Result<()> {
    let package = package(folder)?;
    let target = package.target.join("nudge").join("bench");
    std::fs::create_dir_all(target.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"nudge-bench-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\npolicy = {{ package = {name:?}, path = {path:?} }}\n\n\
         [workspace]\n",
        name = package.name,
        path = package.folder,
    );
    write(&target.join("Cargo.toml"), &manifest)?;
    write(
        &target.join("src").join("main.rs"),
        "fn main() -> std::process::ExitCode {\n    policy::__nudge_bench()\n}\n",
    )?;
    // The policy's own versions, so that nothing has to be looked for.
    if let Some(lock) = &package.lock {
        std::fs::copy(lock, target.join("Cargo.lock"))?;
    }
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release"])
        .current_dir(&target)
        // What the policy was built with serves here, too.
        .env("CARGO_TARGET_DIR", &package.target)
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let settings: Json = serde_json::from_str(settings)?;
    let rows: Vec<usize> = costs.iter().map(|cost| cost.rows).collect();
    let input = json!({ "settings": settings, "ask": ask.plain()?, "batches": rows });
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not build, nobody reads it, and why is on its standard error.
        let _ = stdin.write_all(input.to_string().as_bytes());
    }
    let ended = child.wait_with_output()?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        let line = said.lines().find(|line| line.starts_with("error")).unwrap_or("it failed");
        anyhow::bail!(
            "{line} (the crate has to be a library, too: crate-type = [\"cdylib\", \"rlib\"])"
        );
    }
    let found: Vec<f64> = serde_json::from_slice(&ended.stdout)?;
    for (cost, nanos) in costs.iter_mut().zip(found) {
        cost.native_nanos = Some(nanos);
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // Left as it is if it is right, so that cargo has nothing to do.
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::write(path, text)
}

/// A policy's crate, as cargo knows it.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: String,
    /// Where cargo puts what it makes.
    pub(crate) target: std::path::PathBuf,
    /// Whether it has a feature `tests`.
    pub(crate) has_tests: bool,
    /// Its `Cargo.lock`.
    lock: Option<std::path::PathBuf>,
}

/// Asks cargo about the crate in a folder.
///
/// # Errors
///
/// If there is none.
pub(crate) fn package(folder: &Path) -> anyhow::Result<Package> {
    let told = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(folder)
        .output()?;
    if !told.status.success() {
        let said = String::from_utf8_lossy(&told.stderr);
        anyhow::bail!("{}: {}", folder.display(), said.trim_end());
    }
    let told: Json = serde_json::from_slice(&told.stdout)?;
    let here = folder.canonicalize()?.join("Cargo.toml");
    let packages = told.get("packages").and_then(Json::as_array);
    let text = |of: &Json, key: &str| of.get(key).and_then(Json::as_str).map(str::to_owned);
    let package = packages.into_iter().flatten().find(|package| {
        let manifest = text(package, "manifest_path").map(std::path::PathBuf::from);
        manifest.and_then(|manifest| manifest.canonicalize().ok()).is_some_and(|m| m == here)
    });
    let found = package.and_then(|package| {
        let root = text(&told, "workspace_root").map(std::path::PathBuf::from);
        let lock = root.map(|root| root.join("Cargo.lock")).filter(|lock| lock.is_file());
        Some(Package {
            name: text(package, "name")?,
            folder: folder.canonicalize().ok()?.to_str()?.to_owned(),
            target: text(&told, "target_directory")?.into(),
            has_tests: package.get("features").is_some_and(|f| f.get("tests").is_some()),
            lock,
        })
    });
    found.ok_or_else(|| anyhow::anyhow!("{}: there is no crate in it", folder.display()))
}
