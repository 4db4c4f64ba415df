//! Builds the standard policies to WebAssembly components, so that the binary carries them inside.
//! Each folder under `policies/` with a `Cargo.toml` is one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "cargo and people read it")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";

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
    need_target(&root)?;
    let names = policies(&root)?;
    let modules = compile(&root, &out, &names)?;
    let mut table = String::from("&[\n");
    for (name, module) in names.iter().zip(modules) {
        let component = out.join(format!("{name}.wasm"));
        fs::write(&component, componentise(&module)?)?;
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
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The toolchain's WebAssembly target, added if it is missing.
fn need_target(root: &Path) -> Result<(), Box<dyn Error>> {
    let installed = || -> Result<bool, Box<dyn Error>> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let shown = Command::new(rustc)
            .args(["--print", "target-libdir", "--target", TARGET])
            .current_dir(root)
            .output()?;
        Ok(Path::new(String::from_utf8(shown.stdout)?.trim()).is_dir())
    };
    if installed()? {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).output();
    if added.is_ok_and(|added| added.status.success()) && installed()? {
        return Ok(());
    }
    Err(format!("the policies need the target {TARGET}: type `rustup target add {TARGET}` here")
        .into())
}

/// Compiles the policies; their core modules, in order.
fn compile(root: &Path, out: &Path, names: &[String]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let target = out.join("policies");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--locked", "--profile", "policy", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target);
    for name in names {
        cargo.args(["--package", &format!("nudge-{name}")]);
    }
    // What the outer build is told, flags and wrappers such as clippy's included, is not meant for
    // this one.
    for (key, _) in env::vars_os() {
        let name = key.to_string_lossy();
        let outer = ["RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];
        if outer.contains(&&*name)
            || name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CLIPPY_")
        {
            cargo.env_remove(&key);
        }
    }
    // A small stack makes fresh instances cheaper; it lies first, so that an overflow traps.
    cargo.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-Clink-arg=-zstack-size=65536 -Clink-arg=--stack-first",
    );
    let built = cargo.output()?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        return Err(format!("the standard policies could not be built:\n{said}").into());
    }
    let folder = target.join(TARGET).join("policy");
    let module = |name: &String| {
        fs::read(folder.join(format!("nudge_{}.wasm", name.replace('-', "_")))).map_err(Into::into)
    };
    names.iter().map(module).collect()
}

fn componentise(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = wit_component::ComponentEncoder::default().validate(true).module(module)?;
    Ok(encoder.encode()?)
}
