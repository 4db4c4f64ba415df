//! Policies written in Rust, built: cargo for the core module, wit-component for the component. The
//! build script builds the standard policies with this very file, so it names nothing else of the crate.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// What policies are compiled for: no operating system, so that there is nothing to ask for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A small stack makes fresh instances cheaper; it lies first, so that an overflow traps.
const FLAGS: &str = "-Clink-arg=-zstack-size=65536 -Clink-arg=--stack-first";

/// Something to build.
#[derive(Clone, Debug)]
pub(crate) struct Build<'a> {
    /// Where cargo is called.
    pub(crate) folder: &'a Path,
    /// The packages; none for the one in the folder.
    pub(crate) packages: &'a [String],
    /// The profile.
    pub(crate) profile: &'a str,
    /// Features to switch on.
    pub(crate) features: &'a [&'a str],
    /// Further arguments.
    pub(crate) arguments: &'a [&'a str],
    /// Where cargo puts what it makes; its own choice, if nothing is said.
    pub(crate) target_dir: Option<&'a Path>,
    /// Folders with sources, and what they are called in panic messages.
    pub(crate) called: &'a [(PathBuf, &'a str)],
}

/// Who reads what cargo says while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nobody, unless it fails.
    #[allow(dead_code, reason = "the commands show it")]
    Kept,
    /// Whoever is looking.
    #[allow(dead_code, reason = "the build script does not show it")]
    Shown,
}

impl Build<'_> {
    /// Compiles, and gives the core modules by package name.
    pub(crate) fn run(&self, said: Said) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
        need_target(self.folder)?;
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(self.folder);
        cargo.args(["build", "--profile", self.profile, "--target", TARGET, "--lib"]);
        // The modules' places are read from standard output; what is for people goes to standard error.
        cargo.arg("--message-format=json-render-diagnostics").args(self.arguments);
        if let Some(target) = self.target_dir {
            cargo.arg("--target-dir").arg(target);
        }
        for package in self.packages {
            cargo.args(["--package", package]);
        }
        if !self.features.is_empty() {
            cargo.args(["--features", &self.features.join(",")]);
        }
        // What an outer build is told, flags and wrappers such as clippy's included, is not meant for
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
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags(self.called));
        cargo.stdin(Stdio::null()).stdout(Stdio::piped());
        cargo.stderr(match said {
            Said::Kept => Stdio::piped(),
            Said::Shown => Stdio::inherit(),
        });
        let built = cargo.spawn().map_err(|e| format!("cargo: {e}"))?.wait_with_output()?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            return Err(format!("it could not be built\n{said}").trim_end().into());
        }
        Ok(modules(&String::from_utf8_lossy(&built.stdout)))
    }
}

/// The linker's flags, and the paths of this machine taken out of panic messages: the same source makes
/// the same bytes everywhere.
fn flags(called: &[(PathBuf, &str)]) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let home = home.map(|home| (home, "/cargo"));
    let mut flags = FLAGS.to_owned();
    for (folder, name) in home.iter().chain(called) {
        // Flags are cut at blanks, so a folder with one keeps its name.
        if let Some(folder) = folder.to_str().filter(|folder| !folder.contains(' ')) {
            flags += &format!(" --remap-path-prefix={folder}={name}");
        }
    }
    flags
}

/// The `.wasm` files that cargo says it made, by package name.
fn modules(said: &str) -> Vec<(String, PathBuf)> {
    // A whole reader of JSON is more than a build script should need.
    let text = |line: &str, key: &str| {
        let (_, after) = line.split_once(&format!("\"{key}\":\""))?;
        Some(after.split_once('"')?.0.to_owned())
    };
    let mut modules = Vec::new();
    for line in said.lines().filter(|line| line.contains("\"reason\":\"compiler-artifact\"")) {
        let Some((_, files)) = line.split_once("\"filenames\":[") else { continue };
        let files = files.split_once(']').map_or(files, |(files, _)| files);
        let wasm = files
            .split(',')
            .map(|file| file.trim_matches('"').replace("\\\\", "\\"))
            .find(|file| file.ends_with(".wasm"));
        let package = text(line, "package_id").map(|id| name(&id));
        if let (Some(package), Some(wasm)) = (package, wasm) {
            modules.push((package, PathBuf::from(wasm)));
        }
    }
    modules
}

/// The name in a package id: `path+file:///x/dwell#nudge-dwell@0.1.0` or, where the folder is called so,
/// `path+file:///x/dwell#0.1.0`.
fn name(id: &str) -> String {
    let (source, rest) = id.rsplit_once('#').unwrap_or(("", id));
    match rest.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => source.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// The toolchain's WebAssembly target, added if it is missing.
fn need_target(folder: &Path) -> Result<(), Box<dyn Error>> {
    let installed = || -> Result<bool, Box<dyn Error>> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let shown = Command::new(rustc)
            .args(["--print", "target-libdir", "--target", TARGET])
            .current_dir(folder)
            .output()
            .map_err(|error| format!("rustc: {error}; install Rust with rustup"))?;
        Ok(Path::new(String::from_utf8(shown.stdout)?.trim()).is_dir())
    };
    if installed()? {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(folder).output();
    if added.is_ok_and(|added| added.status.success()) && installed()? {
        return Ok(());
    }
    Err(format!("policies need the target {TARGET}: type `rustup target add {TARGET}` here").into())
}

/// A core module as a component; a component as it is.
pub(crate) fn componentise(bytes: &[u8]) -> Result<Vec<u8>, String> {
    // A component says so in the second half of its first eight bytes.
    if bytes.get(4..8) != Some(&[1, 0, 0, 0]) {
        return Ok(bytes.to_vec());
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| {
            format!(
                "a core module that cannot be made a component; was it built with nudge-guest, or \
                 with bindings of the contract? {error:#}"
            )
        })
}

/// A module that was built, made a component.
pub(crate) fn component(module: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let bytes = fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    componentise(&bytes).map_err(|error| format!("{}: {error}", module.display()).into())
}
