//! What is refused for what it is, before any of it runs.

use nudge::engine::policy::Fault;
use nudge::sandbox::{AdmitError, Limits};

use super::policies::{CONTRACT, Guest, trap};
use super::{Room, configured};

/// A component in the text format that exports what a policy must, as far as names go.
fn named_like_a_policy(rest: &str) -> Vec<u8> {
    component(&format!(
        r#"{rest}
        (instance $nothing)
        (export "nudge:policy/policy@0.1.0" (instance $nothing))
        (export "nudge:policy/journey@0.1.0" (instance $nothing))"#
    ))
}

fn component(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {fields})")).unwrap_or_else(|error| panic!("{error}"))
}

fn resources(reason: &str) -> AdmitError {
    AdmitError::Resources(reason.to_owned())
}

#[test]
fn a_harmless_policy_is_admitted_and_answers() {
    let room = Room::usual();
    assert_eq!(room.located(&Guest::default()), Ok(vec![Some(0)]));
    let manifest = room.visit(|sandbox| configured(sandbox, &Guest::default()).manifest().clone());
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("hostile", "1.0.0"));
}

#[test]
fn what_is_no_component_is_called_by_its_name() {
    let room = Room::usual();
    let module = wat::parse_str("(module)").unwrap();
    for (bytes, what) in [
        (&b""[..], "an empty file"),
        (b"\x7fELF\x02\x01\x01", "a native program"),
        (b"MZ\x90\x00", "not WebAssembly at all"),
        (b"{\"nodes\":{}}", "not WebAssembly at all"),
        (&module, "a core module"),
    ] {
        assert_eq!(room.refusal(bytes), AdmitError::NotAComponent(what));
    }
}

#[test]
fn a_component_that_is_too_large_is_not_even_looked_at() {
    let most = Limits::default().component_bytes;
    let bytes = vec![0; most + 1];
    assert_eq!(Room::usual().refusal(&bytes), AdmitError::TooLarge { bytes: most + 1, most });
}

#[test]
fn an_import_beyond_the_contract_is_named() {
    for (import, name) in [
        (r#"(import "wasi:io/poll@0.2.0" (instance))"#, "wasi:io/poll@0.2.0"),
        (r#"(import "wasi:clocks/wall-clock@0.2.6" (instance))"#, "wasi:clocks/wall-clock@0.2.6"),
        (r#"(import "somebody:elses/interface" (instance))"#, "somebody:elses/interface"),
        (r#"(import "nudge:policy/log@0.2.0" (instance))"#, "nudge:policy/log@0.2.0"),
        (r#"(import "nudge:policy/policy@0.1.0" (instance))"#, "nudge:policy/policy@0.1.0"),
        (r#"(import "launch" (func))"#, "launch"),
        (r#"(import "code" (core module))"#, "code"),
        (r#"(import "part" (component))"#, "part"),
        (r#"(import "unlocked-dep=<a:b@{>=1.0.0}>" (component))"#, "unlocked-dep=<a:b@{>=1.0.0}>"),
    ] {
        let refusal = Room::usual().refusal(&named_like_a_policy(import));
        assert_eq!(refusal, AdmitError::Import(name.to_owned()));
    }
}

#[test]
fn an_import_is_refused_even_where_another_is_given() {
    let imports = r#"
        (import "nudge:policy/log@0.1.0" (instance))
        (import "wasi:random/random@0.2.0" (instance))"#;
    let refusal = Room::usual().refusal(&named_like_a_policy(imports));
    assert_eq!(refusal, AdmitError::Import("wasi:random/random@0.2.0".to_owned()));
}

#[test]
fn a_given_import_has_the_type_that_the_contract_says() {
    for import in [
        r#"(import "nudge:policy/log@0.1.0" (instance (export "more" (func))))"#,
        r#"(import "nudge:policy/log@0.1.0" (instance (export "line" (func (param "text" string)))))"#,
    ] {
        let refusal = Room::usual().refusal(&named_like_a_policy(import));
        assert!(matches!(refusal, AdmitError::Contract(_)), "{refusal:?}");
    }
}

#[test]
fn another_version_of_the_contract_is_named_with_ones_own() {
    for other in ["0.0.9", "0.1.1", "0.2.0", "1.0.0"] {
        let exports =
            format!(r#"(instance $i) (export "nudge:policy/policy@{other}" (instance $i))"#);
        let reason =
            format!("is written for version {other} of the contract, and this host speaks 0.1.0");
        assert_eq!(Room::usual().refusal(&component(&exports)), AdmitError::Export(reason));
    }
}

#[test]
fn what_exports_no_policy_is_none() {
    let reason = "does not export nudge:policy/policy@0.1.0, so it is no policy".to_owned();
    for fields in [
        "",
        r#"(instance $i) (export "nudge:policy/journey@0.1.0" (instance $i))"#,
        r#"(component $c) (export "nudge:policy/policy@0.1.0" (component $c))"#,
    ] {
        let refusal = Room::usual().refusal(&component(fields));
        assert_eq!(refusal, AdmitError::Export(reason.clone()));
    }
}

#[test]
fn a_policy_of_no_kind_is_of_no_use() {
    let fields = r#"(instance $i) (export "nudge:policy/policy@0.1.0" (instance $i))"#;
    let reason = "exports none of the kinds: journey, audience, personalise, route".to_owned();
    assert_eq!(Room::usual().refusal(&component(fields)), AdmitError::Export(reason));
}

#[test]
fn an_export_without_its_functions_does_not_keep_the_contract() {
    let refusal = Room::usual().refusal(&named_like_a_policy(""));
    assert_eq!(
        refusal,
        AdmitError::Contract(
            "instance export `nudge:policy/policy@0.1.0` does not have export `describe`"
                .to_owned()
        )
    );
}

/// Every kind is looked at when it is admitted, not when it is first asked.
#[test]
fn an_export_of_another_type_does_not_keep_the_contract() {
    for (kind, function, other) in [
        ("journey", "rules: func() -> list<rule>;", "rules: func() -> list<u32>;"),
        ("journey", "stalled: func(rules: list<u32>,", "stalled: func(rules: list<u64>,"),
        ("audience", "groups: func() -> list<string>;", "groups: func() -> string;"),
        ("personalise", "users: batch) -> list<content>;", "users: batch) -> content;"),
        ("route", "enum verdict {", "enum verdict { maybe,"),
        ("route", "describe: func() -> manifest;", "describe: func();"),
    ] {
        assert_eq!(CONTRACT.matches(function).count(), 1, "{function}");
        let component = trap(&CONTRACT.replace(function, other), kind);
        let refusal = Room::usual().refusal(&component);
        assert!(matches!(refusal, AdmitError::Contract(_)), "{function}: {refusal:?}");
    }
}

#[test]
fn what_needs_more_than_there_is_to_begin_with_is_refused() {
    let memory = Guest { memory: "1025", ..Guest::default() };
    let table = Guest { more: "(table 20001 funcref)", ..Guest::default() };
    for (guest, reason) in [
        (memory, "67174400 bytes of memory to begin with, and at most 67108864 are allowed"),
        (table, "20001 table elements to begin with, and at most 20000 are allowed"),
    ] {
        assert_eq!(Room::usual().refusal(&guest.component()), resources(reason));
    }
}

#[test]
fn what_consists_of_more_than_there_is_is_refused() {
    let memories = "(core module (memory 1)) (core module (memory 1))".to_owned();
    let in_one_module = "(core module (memory 1) (memory 1))".to_owned();
    let tables = "(core module (table 1 funcref))".repeat(5);
    let instances = "(core instance (instantiate $m))".repeat(9);
    let instances = format!("(core module $m) {instances}");
    for (fields, reason) in [
        (memories, "2 memories, and at most 1 are allowed"),
        (in_one_module, "2 memories, and at most 1 are allowed"),
        (tables, "5 tables, and at most 4 are allowed"),
        (instances, "9 core instances, and at most 8 are allowed"),
    ] {
        assert_eq!(Room::usual().refusal(&named_like_a_policy(&fields)), resources(reason));
    }
}

/// The same where little is written down and much comes of it.
#[test]
fn what_multiplies_beyond_what_there_is_is_refused() {
    let twice = "(core instance (instantiate $m)) (core instance (instantiate $m))";
    let memories = format!("(core module $m (memory 1)) {twice}");
    let mut instances =
        "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for depth in 1..=10 {
        let inner = depth - 1;
        instances += &format!(
            "(component $c{depth} (alias outer 1 $c{inner} (component $c))
                (instance (instantiate $c)) (instance (instantiate $c)))"
        );
    }
    instances += "(instance (instantiate $c10))";
    for fields in [memories, instances] {
        let refusal = Room::usual().refusal(&named_like_a_policy(&fields));
        assert!(matches!(refusal, AdmitError::Resources(_)), "{refusal:?}");
    }
}

/// Which functions a component calls as it comes into being is its own choice, so what goes wrong
/// then is its own fault.
#[test]
fn a_wrong_call_of_the_host_on_the_way_into_being_is_a_fault() {
    let fields = r#"
        (type $log (instance
            (type $levels (enum "debug" "info" "warn" "error"))
            (export "level" (type $level (eq $levels)))
            (export "line" (func (param "level" $level) (param "text" string)))))
        (import "nudge:policy/log@0.1.0" (instance $log (type $log)))
        (core module $memory (memory (export "memory") 1))
        (core instance $memory (instantiate $memory))
        (core func $line (canon lower (func $log "line") (memory $memory "memory")))
        (core module $caller
            (import "log" "line" (func $line (param i32 i32 i32)))
            (func $call (call $line (i32.const 0) (i32.const 0xfff0) (i32.const 0x100)))
            (start $call))
        (core instance (instantiate $caller
            (with "log" (instance (export "line" (func $line))))))"#;
    let refusal = Room::usual().refusal(&named_like_a_policy(fields));
    let fault = Fault::Output("string pointer/length out of bounds of memory".to_owned());
    assert_eq!(refusal, AdmitError::Fault { during: "describe", fault });
}
