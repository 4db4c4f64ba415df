//! Running `nudge` as a user does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder that goes when the test ends, with what was put in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file in it.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// What a command said and how it ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().expect("ended by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The one JSON document it printed, if all was well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The one sentence it ended with when it could not run.
    pub fn refusal(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        self.err.lines().rev().find_map(|line| line.strip_prefix("nudge: ")).expect("a sentence")
    }
}

/// Runs `nudge` in `folder`.
pub fn nudge(folder: &Folder, arguments: &[&str]) -> Ended {
    nudge_with(folder, arguments, &[])
}

/// The same with further variables in its environment.
pub fn nudge_with(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_nudge"))
        .args(arguments)
        .current_dir(folder.0.path())
        .env_remove("NUDGE_LOG")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ended::of(output)
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
