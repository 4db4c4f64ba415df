//! The released contract is a promise: a policy that was written for it runs on every later host of
//! its version. This fails when the text at work breaks the text that was released.
//!
//! Two looks are taken. wit-component builds a policy of the released text and type-checks it where
//! one of the present text is wanted. That does not see functions that have gone, as a policy may
//! have more of them than are wanted, so names and types are compared as well.

use std::collections::BTreeMap;

use nudge::engine::policy::Fault;
use nudge::sandbox::{AdmitError, Compiler, Limits, Sandbox};
use wit_component::semver_check;
use wit_parser::{InterfaceId, PackageId, Resolve, Type, TypeDefKind, WorldItem};

use crate::hostile::policies::trap;

const RELEASED: &str = include_str!("../wit/released/0.1.0.wit");
const PRESENT: &str = include_str!("../wit/0.1.0/policy.wit");
const PACKAGE: &str = "package nudge:policy@0.1.0;";

#[test]
fn the_present_text_keeps_what_was_released() {
    assert_eq!(breaches(RELEASED, PRESENT), [""; 0]);
}

#[test]
fn every_kind_of_breach_is_found() {
    for (breach, from, to) in [
        (
            "types: field was \"record { name: string, value: value }\", and is \
             \"record { name: string, value: value, unit: string }\"",
            "record field { name: string, value: value }",
            "record field { name: string, value: value, unit: string }",
        ),
        (
            "types: issue was \"record { path: string, message: string }\", and is \
             \"record { message: string, path: string }\"",
            "record issue { path: string, message: string }",
            "record issue { message: string, path: string }",
        ),
        (
            "types: importance was \"enum { low, normal, high, urgent }\", and is \
             \"enum { low, normal, high, urgent, critical }\"",
            "enum importance { low, normal, high, urgent }",
            "enum importance { low, normal, high, urgent, critical }",
        ),
        (
            "types: value was \"variant { text(string), integer(s64), number(f64), flag(bool) }\", \
             and is \"variant { text(string), integer(s64), number(f32), flag(bool) }\"",
            "integer(s64), number(f64), flag(bool) }",
            "integer(s64), number(f32), flag(bool) }",
        ),
        ("types: millis was \"u64\", and is \"u32\"", "type millis = u64;", "type millis = u32;"),
        (
            "policy: questions was \
             \"flags { locate, stalled, classify, qualify, render, plan, judge }\", and is \
             \"flags { locate, stalled, classify, qualify, render, plan }\"",
            "render, plan, judge }",
            "render, plan }",
        ),
        (
            "policy: describe was \"func() -> manifest\", and is \
             \"func(locale: string) -> manifest\"",
            "describe: func() -> manifest;",
            "describe: func(locale: string) -> manifest;",
        ),
        (
            "journey: locate was \"func(events: batch) -> list<u32>\", and is \
             \"func(events: batch) -> list<option<u32>>\"",
            "locate: func(events: batch) -> list<u32>;",
            "locate: func(events: batch) -> list<option<u32>>;",
        ),
        (
            "audience: groups was \"func() -> list<string>\", and is gone",
            "groups: func() -> list<string>;",
            "",
        ),
        (
            "audience: ungroup is new, and no released policy has it",
            "groups: func() -> list<string>;",
            "groups: func() -> list<string>; ungroup: func();",
        ),
        (
            "log: line was \"func(level: level, text: string)\", and is gone",
            "line: func(level: level, text: string);",
            "",
        ),
        ("everything: exports no longer route", "export route;", ""),
        ("everything: imports no longer log", "import log;", ""),
        ("everything: is gone", "world everything {", "world all {"),
    ] {
        let breaches = breaches(RELEASED, &changed(from, to));
        assert!(breaches.iter().any(|b| b == breach), "{breach:?} is not among {breaches:#?}");
    }
}

#[test]
fn an_interface_that_is_gone_is_found() {
    let start = RELEASED.find("interface audience {").unwrap();
    let end = start + RELEASED[start..].find("\n}\n").unwrap() + "\n}\n".len();
    let mut text = RELEASED.replace("export audience;", "");
    text.replace_range(start..end, "");
    assert!(breaches(RELEASED, &text).contains(&"audience: is gone".to_owned()));
}

#[test]
fn what_breaks_no_promise_is_let_through() {
    for (from, to) in [
        // A further kind: hosts look which ones a policy has.
        ("export tests;", "export tests; export survey;\n}\ninterface survey { ask: func(); "),
        // More that a policy may call, and need not.
        ("line: func(level", "flush: func(); line: func(level"),
        ("type millis = u64;", "type millis = u64; type seconds = u64;"),
        ("/// What every policy exports.", "/// Other words about the same."),
        ("world everything {", "world nothing {}\nworld everything {"),
    ] {
        assert_eq!(breaches(RELEASED, &changed(from, to)), [""; 0], "{to}");
    }
}

/// The host itself takes what was written for the released text, whichever kind it is, and goes on
/// to ask it who it is.
#[test]
fn a_released_policy_is_admitted() {
    let sandbox = Sandbox::new(Limits::default(), Compiler::Here).unwrap();
    for kind in ["journey", "audience", "personalise", "route"] {
        let refusal = sandbox.admit(&trap(RELEASED, kind)).unwrap_err();
        let asked =
            matches!(refusal, AdmitError::Fault { during: "describe", fault: Fault::Trap(_) });
        assert!(asked, "{kind}: {refusal}");
    }
}

/// The type-checker's view alone: what it finds, and what it cannot.
#[test]
fn a_released_policy_is_type_checked() {
    let fits = |from, to| fits(RELEASED, &changed(from, to)).is_ok();
    assert!(fits("describe: func() -> manifest;", "describe: func() -> manifest;"));
    for (from, to) in [
        ("record field { name: string,", "record field { name: string, unit: string,"),
        ("describe: func() -> manifest;", "describe: func(locale: string) -> manifest;"),
        ("groups: func() -> list<string>;", "groups: func() -> list<string>; ungroup: func();"),
        ("enum importance { low,", "enum importance { lowest, low,"),
        ("line: func(level: level, text: string);", ""),
    ] {
        assert!(!fits(from, to), "{to}");
    }
    assert!(fits("groups: func() -> list<string>;", ""));
}

/// The released text with one change.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(RELEASED.matches(from).count(), 1, "{from:?} should be there once");
    RELEASED.replace(from, to)
}

/// Every way in which `present` breaks what `released` promised.
fn breaches(released: &str, present: &str) -> Vec<String> {
    let mut breaches = differences(&Package::parse(released), &Package::parse(present));
    if breaches.is_empty()
        && let Err(error) = fits(released, present)
    {
        breaches.push(error);
    }
    breaches
}

fn differences(released: &Package, present: &Package) -> Vec<String> {
    let mut found = Vec::new();
    for (name, was) in &released.interfaces {
        let Some(is) = present.interfaces.get(name) else {
            found.push(format!("{name}: is gone"));
            continue;
        };
        for (item, was) in was {
            match is.get(item) {
                Some(is) if is == was => {}
                Some(is) => found.push(format!("{name}: {item} was {was:?}, and is {is:?}")),
                None => found.push(format!("{name}: {item} was {was:?}, and is gone")),
            }
        }
        let exported = released.worlds.values().any(|world| world.exports.contains(name));
        for (item, _) in is
            .iter()
            .filter(|(item, text)| exported && text.starts_with("func") && !was.contains_key(*item))
        {
            found.push(format!("{name}: {item} is new, and no released policy has it"));
        }
    }
    for (name, was) in &released.worlds {
        let Some(is) = present.worlds.get(name) else {
            found.push(format!("{name}: is gone"));
            continue;
        };
        for import in was.imports.iter().filter(|import| !is.imports.contains(import)) {
            found.push(format!("{name}: imports no longer {import}"));
        }
        for export in was.exports.iter().filter(|export| !is.exports.contains(export)) {
            found.push(format!("{name}: exports no longer {export}"));
        }
    }
    found
}

/// Whether a policy of each kind of the released text is one of the present text. One world a kind,
/// as no real policy is of all kinds and a new kind is no breach.
fn fits(released: &str, present: &str) -> Result<(), String> {
    let kinds: Vec<String> =
        Package::parse(released).worlds.into_values().flat_map(|world| world.exports).collect();
    for kind in kinds {
        let world = format!("\nworld one {{ import log; export {kind}; }}\n");
        let mut resolve = Resolve::default();
        let mut world = |text: &str, version: &str| {
            let text = text.replacen(PACKAGE, &format!("package nudge:policy@{version};"), 1);
            let package = resolve.push_str("policy.wit", &(text + &world)).map_err(shown)?;
            resolve.select_world(&[package], Some("one")).map_err(shown)
        };
        let was = world(released, "0.1.0-released")?;
        let is = world(present, "0.1.0-present")?;
        semver_check(resolve, was, is).map_err(|error| format!("{kind}: {}", shown(error)))?;
    }
    Ok(())
}

fn shown(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

/// The contract's names and what they stand for, without its comments.
struct Package {
    /// By name: types and functions.
    interfaces: BTreeMap<String, BTreeMap<String, String>>,
    worlds: BTreeMap<String, World>,
}

#[derive(Default)]
struct World {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Package {
    fn parse(text: &str) -> Package {
        let mut resolve = Resolve::default();
        let package: PackageId = resolve.push_str("policy.wit", text).unwrap();
        let package = &resolve.packages[package];
        let interfaces = package.interfaces.iter();
        let worlds = package.worlds.iter().map(|(name, world)| {
            let world = &resolve.worlds[*world];
            let names = |items: Vec<&WorldItem>| items.iter().map(|i| item(&resolve, i)).collect();
            let imports = names(world.imports.values().collect());
            (name.clone(), World { imports, exports: names(world.exports.values().collect()) })
        });
        Package {
            worlds: worlds.collect(),
            interfaces: interfaces.map(|(n, id)| (n.clone(), interface(&resolve, *id))).collect(),
        }
    }
}

fn item(resolve: &Resolve, item: &WorldItem) -> String {
    match item {
        WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().unwrap(),
        other => panic!("the contract's worlds hold interfaces only, not {other:?}"),
    }
}

fn interface(resolve: &Resolve, id: InterfaceId) -> BTreeMap<String, String> {
    let interface = &resolve.interfaces[id];
    let types = interface.types.iter().map(|(name, id)| {
        let own = &resolve.types[*id].kind;
        (name.clone(), definition(resolve, own))
    });
    let functions = interface.functions.iter().map(|(name, function)| {
        let params = function.params.iter();
        let params = params.map(|p| format!("{}: {}", p.name, reference(resolve, &p.ty)));
        let result = function.result.map(|ty| format!(" -> {}", reference(resolve, &ty)));
        (name.clone(), format!("func({}){}", joined(params), result.unwrap_or_default()))
    });
    types.chain(functions).collect()
}

/// A type where it is used: by its name if it has one.
fn reference(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => definition(resolve, &resolve.types[*id].kind),
        },
        plain => format!("{plain:?}").to_lowercase(),
    }
}

/// A type where it is defined.
fn definition(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let of = |ty: &Type| reference(resolve, ty);
    let or_none = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), of);
    match kind {
        TypeDefKind::Type(ty) => of(ty),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::Result(r) => format!("result<{}, {}>", or_none(&r.ok), or_none(&r.err)),
        TypeDefKind::Tuple(t) => format!("tuple<{}>", joined(t.types.iter().map(of))),
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter().map(|f| format!("{}: {}", f.name, of(&f.ty)));
            format!("record {{ {} }}", joined(fields))
        }
        TypeDefKind::Enum(e) => {
            format!("enum {{ {} }}", joined(e.cases.iter().map(|case| case.name.clone())))
        }
        TypeDefKind::Flags(flags) => {
            format!("flags {{ {} }}", joined(flags.flags.iter().map(|flag| flag.name.clone())))
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, of(ty)),
                None => case.name.clone(),
            });
            format!("variant {{ {} }}", joined(cases))
        }
        other => panic!("the contract has no {} so far: say here what it is", other.as_str()),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
