//! Builds the standard policies to WebAssembly components, so that the binary carries them inside.
//! Each folder under `policies/` with a `Cargo.toml` is one, and each has cases.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "cargo and people read it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[path = "src/cargo.rs"]
mod cargo;

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in ["policies", "guest/src", "guest/Cargo.toml", "wit", "Cargo.toml", "Cargo.lock"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-changed=src/cargo.rs");
    let names = policies(&root)?;
    let packages: Vec<String> = names.iter().map(|name| format!("nudge-{name}")).collect();
    let target = out.join("policies");
    let modules = cargo::Build {
        folder: &root,
        packages: &packages,
        profile: "policy",
        features: &[],
        arguments: &["--locked"],
        target_dir: Some(&target),
        called: &[],
    }
    .run(cargo::Said::Kept)
    .map_err(|error| format!("the standard policies: {error}"))?;
    let mut table = String::from("&[\n");
    for (name, package) in names.iter().zip(&packages) {
        let module = modules.iter().find(|(made, _)| made == package);
        let (_, module) = module.ok_or_else(|| format!("cargo made no module of {package}"))?;
        let component = out.join(format!("{name}.wasm"));
        fs::write(&component, cargo::component(module)?)?;
        table +=
            &format!("    ({name:?}, include_bytes!({:?})),\n", component.display().to_string());
    }
    table += "]\n";
    fs::write(out.join("standard.rs"), table)?;
    Ok(())
}

/// The names of the standard policies, in order.
fn policies(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("policies"))? {
        let folder = entry?.path();
        if !folder.join("Cargo.toml").is_file() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cases = fs::read_dir(folder.join("cases")).into_iter().flatten().flatten();
        if !cases.into_iter().any(|case| case.path().extension().is_some_and(|e| e == "toml")) {
            return Err(format!(
                "the standard policy {name:?} has no cases: write some in {}",
                folder.join("cases").display()
            )
            .into());
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}
