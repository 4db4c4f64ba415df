//! Validation and compilation: the most dangerous things to do with a tenant's bytes, as compilers are
//! large and bytes can be chosen to make them slow. So the usual place for it is a child process with
//! bounded time and memory; code made there is the host's own and may be loaded.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::Digest;
use super::admit::validate;
use super::error::{AdmitError, HostError};
use super::limits::{self, Limits};

/// Where components are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// In this process. For tests, and for policies that one trusts.
    Here,
    /// In a child process: this program of the same build, called with these arguments, which answers
    /// with [`compile_here`].
    Child {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// Where compiled code is kept between runs. It is trusted: whoever can write to it can run anything
/// as the host.
pub trait CodeCache: Send + Sync {
    /// The code that was kept under this name.
    fn get(&self, name: &str) -> Option<Vec<u8>>;
    /// Keeps code under a name. That it cannot be is no reason to stop.
    fn put(&self, name: &str, code: &[u8]);
}

/// What the child's answer begins with: code follows, or why there is none.
const CODE: u8 = 1;
const INVALID: u8 = 2;
const NOT_COMPILED: u8 = 3;

/// The variables by which a child is told its bounds.
const MEMORY: &str = "NUDGE_COMPILE_MEMORY";
const SECONDS: &str = "NUDGE_COMPILE_SECONDS";
const NICENESS: &str = "NUDGE_COMPILE_NICENESS";

/// No compiled component has more bytes than this many for each of its own.
const MOST_GROWTH: usize = 64;

/// Compiles a component, or takes its code from the cache.
pub(super) fn compile(
    compiler: &Compiler,
    cache: Option<&dyn CodeCache>,
    engine: &Engine,
    limits: &Limits,
    digest: Digest,
    bytes: &[u8],
) -> Result<Component, AdmitError> {
    let name = format!("code/{}/{digest}", compatibility(engine));
    // Code that does not load, of another machine for one, is as good as none.
    let kept = cache.and_then(|cache| cache.get(&name));
    if let Some(component) = kept.and_then(|code| load(engine, limits, &code).ok()) {
        return Ok(component);
    }
    let code = compiler.code(engine, limits, bytes)?;
    let component = load(engine, limits, &code)?;
    if let Some(cache) = cache {
        cache.put(&name, &code);
    }
    Ok(component)
}

/// A name for what code must have been made for to run here: this build's compiler, its settings, this
/// kind of processor.
fn compatibility(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hash = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hash);
    format!("{:016x}", hash.finish())
}

impl Compiler {
    fn code(&self, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<Vec<u8>, AdmitError> {
        match self {
            Compiler::Here => code(engine, bytes),
            Compiler::Child { program, arguments } => {
                let answer = child(program, arguments, limits, bytes)?;
                let (tag, rest) = answer.split_first().unwrap_or((&0, &[]));
                let reason = || String::from_utf8_lossy(rest).into_owned();
                match *tag {
                    CODE => Ok(rest.to_vec()),
                    INVALID => Err(AdmitError::Invalid(reason())),
                    NOT_COMPILED => Err(AdmitError::Compile(reason())),
                    _ => Err(AdmitError::Host(HostError::new("the compiler gave no answer"))),
                }
            }
        }
    }
}

fn code(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, AdmitError> {
    validate(bytes)?;
    let code = engine.precompile_component(bytes);
    code.map_err(|error| AdmitError::Compile(format!("{error:#}")))
}

fn load(engine: &Engine, limits: &Limits, code: &[u8]) -> Result<Component, AdmitError> {
    // SAFETY: loading code means trusting it. This was made a moment ago by our own compiler, here or
    // in our own child process, from bytes that were validated, and reached us through a pipe that
    // nobody else holds; or it was so made before, and kept where only the host writes. wasmtime checks
    // version and settings.
    #[allow(unsafe_code)]
    let loaded = |engine: &Engine| unsafe { Component::deserialize(engine, code) };
    loaded(engine).map_err(|error| {
        // What can be loaded where nothing is limited asks for more than the pool has. To count that
        // before compilation would mean to follow every instantiation of every nested component.
        let unlimited = Engine::new(&limits::config(limits));
        if unlimited.is_ok_and(|engine| loaded(&engine).is_ok()) {
            AdmitError::Resources(format!("more than there is: {error:#}"))
        } else {
            AdmitError::Host(HostError::new(error))
        }
    })
}

/// What the child process does: bounds itself as its parent says in environment variables, reads a
/// component and writes its code, or why it has none.
///
/// # Errors
///
/// What kept it from doing so; the parent shows it to the tenant.
pub fn compile_here(
    mut input: impl Read,
    mut output: impl Write,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), HostError> {
    let mut limits = Limits::default();
    let told = |name: &str| variable(name).and_then(|value| value.parse::<u64>().ok());
    if let Some(bytes) = told(MEMORY) {
        limits.compile_memory_bytes = bytes;
    }
    if let Some(seconds) = told(SECONDS) {
        limits.compile_time = Duration::from_secs(seconds);
    }
    if let Some(niceness) = told(NICENESS).and_then(|niceness| niceness.try_into().ok()) {
        limits.compile_niceness = niceness;
    }
    bound(&limits).map_err(HostError::new)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(HostError::new)?;
    let engine = Engine::new(&limits::config(&limits)).map_err(HostError::new)?;
    let (tag, answer) = match code(&engine, &bytes) {
        Ok(code) => (CODE, code),
        Err(AdmitError::Invalid(reason)) => (INVALID, reason.into_bytes()),
        Err(AdmitError::Compile(reason)) => (NOT_COMPILED, reason.into_bytes()),
        Err(other) => return Err(HostError::new(other)),
    };
    let written = output.write_all(&[tag]).and_then(|()| output.write_all(&answer));
    written.and_then(|()| output.flush()).map_err(HostError::new)
}

#[cfg(unix)]
fn bound(limits: &Limits) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let at_most = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let seconds = limits.compile_time.as_secs().max(1);
    setrlimit(Resource::As, at_most(limits.compile_memory_bytes))?;
    // Processor time of all threads; the parent watches the clock on the wall.
    setrlimit(Resource::Cpu, at_most(seconds * 4))?;
    setrlimit(Resource::Core, at_most(0))?;
    rustix::process::nice(i32::from(limits.compile_niceness))?;
    Ok(())
}

#[cfg(not(unix))]
fn bound(_: &Limits) -> std::io::Result<()> {
    Ok(())
}

fn child(
    program: &Path,
    arguments: &[String],
    limits: &Limits,
    bytes: &[u8],
) -> Result<Vec<u8>, AdmitError> {
    let host = |error: std::io::Error| {
        AdmitError::Host(HostError::new(format!("{}: {error}", program.display())))
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(MEMORY, limits.compile_memory_bytes.to_string())
        .env(SECONDS, limits.compile_time.as_secs().max(1).to_string())
        .env(NICENESS, limits.compile_niceness.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(host)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let most = bytes.len().saturating_mul(MOST_GROWTH).saturating_add(1 << 20) as u64;
    let (code, said, ended) = std::thread::scope(|scope| {
        // A child that dies early closes its end; what it says then matters, not that we could not
        // finish writing.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(bytes)));
        let code = scope.spawn(move || read(stdout, most));
        let said = scope.spawn(move || read(stderr, 4 << 10));
        let ended = wait(&mut child, limits.compile_time);
        (code.join().unwrap_or_default(), said.join().unwrap_or_default(), ended)
    });
    match ended.map_err(host)? {
        Some(status) if status.success() => Ok(code),
        Some(status) => {
            let said = String::from_utf8_lossy(&said);
            let said = said.lines().last().map(str::trim).unwrap_or_default();
            Err(AdmitError::Compile(format!("the compiler stopped ({status}): {said}")))
        }
        None => Err(AdmitError::Compile(format!("it took longer than {:?}", limits.compile_time))),
    }
}

fn read(from: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could be read before the end is what there is.
        let _ = from.take(most).read_to_end(&mut bytes);
    }
    bytes
}

/// Waits for the child; none if it was not done in time, and has been stopped.
fn wait(
    child: &mut std::process::Child,
    time: Duration,
) -> std::io::Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
