//! Compilation in a process of its own: what it gives, and what becomes of one that fails or hangs.
#![cfg(unix)]

use std::path::PathBuf;
use std::time::Duration;

use nudge::engine::policy::{Fault, Policy as _};
use nudge::sandbox::{AdmitError, Compiler, Limits, Sandbox};

use super::policies::Guest;
use super::{NEIGHBOUR, Room, configured, events};

fn child(program: &str, arguments: &[&str]) -> Compiler {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Compiler::Child { program: PathBuf::from(program), arguments }
}

fn own() -> Compiler {
    child(env!("CARGO_BIN_EXE_nudge"), &["compile"])
}

/// Why a good policy is not admitted.
fn refusal(compiler: Compiler, limits: Limits) -> AdmitError {
    let sandbox = Sandbox::new(limits, compiler).unwrap();
    sandbox.admit(&Guest::default().component()).expect_err("refused")
}

#[test]
fn a_policy_that_was_compiled_elsewhere_is_none_the_worse() {
    let sandbox = Sandbox::new(Limits::default(), own()).unwrap();
    let dwell = sandbox.admit(nudge::standard::policy("dwell").unwrap()).unwrap();
    let neighbour = dwell.configure(NEIGHBOUR).unwrap();
    let room = Room { sandbox, neighbour };
    assert_eq!(room.located(&Guest::default()), Ok(vec![Some(0)]));
    let forever = Guest { locate: "(loop $again (br $again)) unreachable", ..Guest::default() };
    assert_eq!(room.fault(&forever), Fault::Fuel(Limits::default().fuel));
}

/// That it needs more than there is shows when its code is loaded; it is no failure of the host's.
#[test]
fn what_multiplies_beyond_what_there_is_is_refused_here_too() {
    let component = r#"(component
        (core module $m (memory 1))
        (core instance (instantiate $m))
        (core instance (instantiate $m))
        (instance $nothing)
        (export "nudge:policy/policy@0.1.0" (instance $nothing))
        (export "nudge:policy/journey@0.1.0" (instance $nothing)))"#;
    let sandbox = Sandbox::new(Limits::default(), own()).unwrap();
    let refusal = sandbox.admit(&wat::parse_str(component).unwrap()).unwrap_err();
    assert!(matches!(refusal, AdmitError::Resources(_)), "{refusal:?}");
}

#[test]
fn what_is_not_valid_is_called_so_here_too() {
    let guest = Guest { locate: "i64.const 1", ..Guest::default() };
    let sandbox = Sandbox::new(Limits::default(), own()).unwrap();
    let refusal = sandbox.admit(&guest.component()).unwrap_err();
    let AdmitError::Invalid(reason) = refusal else { panic!("another refusal: {refusal:?}") };
    assert!(reason.contains("type mismatch: expected i32, found i64"), "{reason}");
}

/// Validation alone can take gigabytes and minutes for a few hundred kilobytes, so it is bounded as
/// compilation is: that this component is not valid is never found out.
#[test]
fn a_component_that_swells_while_it_is_validated() {
    let exports: String = (0..20_000).map(|n| format!("(export \"r{n}\" (type $r))")).collect();
    let instances = "(instance (instantiate $c))".repeat(900);
    let component = format!(
        r#"(component
            (component $c (type $r (resource (rep i32))) {exports})
            {instances}
            (instance $nothing)
            (export "nudge:policy/policy@0.1.0" (instance $nothing))
            (export "nudge:policy/journey@0.1.0" (instance $nothing))
            (core module (func (result i32))))"#
    );
    let component = wat::parse_str(component).unwrap();
    assert!(component.len() < 250_000);
    let limits = Limits { compile_time: Duration::from_millis(100), ..Limits::default() };
    let sandbox = Sandbox::new(limits, own()).unwrap();
    let refusal = sandbox.admit(&component).unwrap_err();
    assert_eq!(refusal, AdmitError::Compile("it took longer than 100ms".to_owned()));
}

#[test]
fn a_compiler_that_fails() {
    let AdmitError::Compile(reason) = refusal(child("/bin/false", &[]), Limits::default()) else {
        panic!("another refusal")
    };
    assert!(reason.starts_with("the compiler stopped"), "{reason}");
}

#[test]
fn a_compiler_that_fails_and_says_why() {
    let says = "cat > /dev/null; echo first >&2; echo last >&2; exit 3";
    let refusal = refusal(child("/bin/sh", &["-c", says]), Limits::default());
    let reason = "the compiler stopped (exit status: 3): last".to_owned();
    assert_eq!(refusal, AdmitError::Compile(reason));
}

#[test]
fn a_compiler_that_hangs() {
    let limits = Limits { compile_time: Duration::from_millis(200), ..Limits::default() };
    let late = AdmitError::Compile("it took longer than 200ms".to_owned());
    assert_eq!(refusal(child("/bin/sleep", &["60"]), limits), late);
}

#[test]
fn a_compiler_that_writes_without_an_end() {
    let AdmitError::Compile(reason) = refusal(child("/bin/cat", &["/dev/zero"]), Limits::default())
    else {
        panic!("another refusal")
    };
    assert!(reason.starts_with("the compiler stopped"), "{reason}");
}

#[test]
fn a_compiler_that_is_too_slow() {
    let limits = Limits { compile_time: Duration::from_millis(1), ..Limits::default() };
    let sandbox = Sandbox::new(limits, own()).unwrap();
    let refusal = sandbox.admit(nudge::standard::policy("dwell").unwrap()).unwrap_err();
    assert_eq!(refusal, AdmitError::Compile("it took longer than 1ms".to_owned()));
}

#[test]
fn a_compiler_that_gives_no_code_is_the_hosts_trouble() {
    for compiler in [child("/bin/true", &[]), child("/bin/echo", &["code"])] {
        let refusal = refusal(compiler, Limits::default());
        assert!(matches!(refusal, AdmitError::Host(_)), "{refusal:?}");
    }
}

#[test]
fn a_compiler_that_there_is_not_is_the_hosts_trouble() {
    let refusal = refusal(child("/nowhere/nudge", &["compile"]), Limits::default());
    assert!(matches!(refusal, AdmitError::Host(_)), "{refusal:?}");
}

#[test]
fn identical_bytes_are_compiled_once_whoever_brings_them() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    // Notes that it was called, then does what it is for.
    let script = r#"echo called >> "$0"; exec "$1" compile"#;
    let arguments = ["-c", script, count.to_str().unwrap(), env!("CARGO_BIN_EXE_nudge")];
    let sandbox = Sandbox::new(Limits::default(), child("/bin/sh", &arguments)).unwrap();
    let calls = || std::fs::read_to_string(&count).unwrap().lines().count();
    let component = Guest::default().component();
    let policies: Vec<_> = std::thread::scope(|scope| {
        let admit = || sandbox.admit(&component).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(admit)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(calls(), 1);
    let policy = configured(&sandbox, &Guest::default());
    drop(policies);
    assert_eq!(calls(), 1);
    assert_eq!(policy.locate(&events(&policy, &["here"])), Ok(vec![Some(0)]));
    // Code that nobody uses any more is not kept.
    drop(policy);
    sandbox.admit(&component).unwrap();
    assert_eq!(calls(), 2);
    sandbox.admit(&Guest { memory: "9", ..Guest::default() }.component()).unwrap();
    assert_eq!(calls(), 3);
}
