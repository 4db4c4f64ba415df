//! A service at work: the binary on a free port over data of its own, killed, stopped and started again.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::{PATIENCE, Server};
use super::tenant::{Tenant, strategy};

/// The program under test.
pub fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_nudge").into()
}

/// The program, with nothing of the tester's own settings.
pub fn nudge(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("NUDGE_")) {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A service that runs.
struct Process {
    child: Child,
    /// Whatever it has said on standard error, once it is over.
    said: Option<JoinHandle<String>>,
    /// All lines of standard output.
    lines: Receiver<String>,
}

impl Process {
    /// Starts it; what it printed until it listened, and the address.
    fn start(command: &mut Command) -> (Process, Vec<String>, String) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = child.stderr.take().unwrap();
        let said = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut process = Process { child, said: Some(said), lines };
        let mut printed = Vec::new();
        loop {
            let Ok(line) = process.lines.recv_timeout(PATIENCE) else {
                let _ = process.child.kill();
                let _ = process.child.wait();
                panic!("it does not listen: {printed:?} {}", process.said());
            };
            let at = line.strip_prefix("listening on ").map(|rest| rest.split(',').next().unwrap());
            let at = at.map(str::to_owned);
            printed.push(line);
            if let Some(at) = at {
                return (process, printed, at);
            }
        }
    }

    /// All that it said on standard error; it must be over.
    fn said(&mut self) -> String {
        self.said.take().map_or_else(String::new, |said| said.join().unwrap())
    }

    fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if started.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("it does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Data of a service that has compiled the standard policies, and has no tenant.
struct Compiled {
    files: Vec<(OsString, Vec<u8>)>,
    admin: String,
}

fn compiled() -> Compiled {
    let make = async || {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut stage = Stage::on(folder, data, "");
        let tenant = stage.tenant("passing").await;
        tenant.activate(&strategy("1h")).await;
        let path = "/v1/tenants/passing";
        let gone = stage.server.ask("DELETE", path).by(&stage.admin).send().await;
        assert_eq!(gone.status, 204);
        stage.stop();
        let files = std::fs::read_dir(stage.data()).unwrap().map(Result::unwrap);
        let files = files.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap()));
        Compiled { files: files.collect(), admin: stage.admin.clone() }
    };
    // Not on the runtime of the test that happens to be the first.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(make())).join().unwrap()
}

/// A service and all that it has.
pub struct Stage {
    process: Option<Process>,
    folder: TempDir,
    data: PathBuf,
    pub server: Server,
    pub admin: String,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with("")
    }

    /// With this configuration.
    pub fn with(config: &str) -> Stage {
        // The standard policies are compiled once for all tests.
        static COMPILED: LazyLock<Compiled> = LazyLock::new(compiled);
        let Compiled { files, admin } = &*COMPILED;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        for (name, bytes) in files {
            std::fs::write(data.join(name), bytes).unwrap();
        }
        Stage::continued(folder, data, config, admin)
    }

    /// Over data in this directory, which has none yet.
    pub fn on(folder: TempDir, data: PathBuf, config: &str) -> Stage {
        let mut stage = Stage::prepared(folder, data, config, "");
        let printed = stage.start();
        let key = printed.iter().find_map(|line| line.strip_prefix("admin key ")).expect("a key");
        stage.admin = key.rsplit(' ').next().unwrap().to_owned();
        assert!(stage.admin.starts_with("nk_"), "{printed:?}");
        stage
    }

    /// The service of somebody else's data: a backup, say.
    pub fn over(data: &Path, admin: &str) -> Stage {
        Stage::continued(tempfile::tempdir().unwrap(), data.to_owned(), "", admin)
    }

    fn continued(folder: TempDir, data: PathBuf, config: &str, admin: &str) -> Stage {
        let mut stage = Stage::prepared(folder, data, config, admin);
        stage.start();
        stage
    }

    fn prepared(folder: TempDir, data: PathBuf, config: &str, admin: &str) -> Stage {
        std::fs::write(folder.path().join("nudge.toml"), config).unwrap();
        let (server, admin) = (Server::new(), admin.to_owned());
        Stage { process: None, folder, data, server, admin }
    }

    /// Starts it on its data; what it printed.
    pub fn start(&mut self) -> Vec<String> {
        self.start_by(&mut self.command())
    }

    /// The same by a command of one's own.
    pub fn start_by(&mut self, command: &mut Command) -> Vec<String> {
        assert!(self.process.is_none(), "it runs");
        let (process, printed, at) = Process::start(command);
        self.process = Some(process);
        self.server.moved(&at);
        printed
    }

    /// What starts it.
    pub fn command(&self) -> Command {
        let mut command = nudge(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(&self.data);
        command.arg("--config").arg(self.path("nudge.toml"));
        command
    }

    /// Kills it, as the system does when there is no memory.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.child.kill().unwrap();
        let status = process.wait();
        assert_eq!(status.code(), None, "it ended before it was killed: {status}");
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(killed.success());
    }

    /// How it ended, after it was told to stop.
    pub fn ended(&mut self) -> Option<i32> {
        let mut process = self.process.take().expect("it runs");
        process.wait().code()
    }

    /// Stops it in good order; all that it has said on standard error.
    pub fn stop(&mut self) -> String {
        self.terminate();
        let mut process = self.process.take().expect("it runs");
        let status = process.wait();
        let said = process.said();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").child.id()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Something beside the data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command about its data.
    pub fn about(&self, command: &str) -> Command {
        let mut command = nudge(&[command, "--data"]);
        command.arg(&self.data);
        command
    }

    /// A new tenant.
    pub async fn tenant(&self, name: &str) -> Tenant {
        Tenant::new(&self.server, &self.admin, name).await
    }
}
