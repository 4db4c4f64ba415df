//! Proposals that are switched off: what a policy does not need, nobody has to trust.

use nudge::sandbox::AdmitError;
use wasmparser::{Validator, WasmFeatures};

use super::Room;

fn is_refused(proposal: &str, fields: &str) {
    let text = format!(
        r#"(component {fields}
            (instance $nothing)
            (export "nudge:policy/policy@0.1.0" (instance $nothing))
            (export "nudge:policy/journey@0.1.0" (instance $nothing)))"#
    );
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{proposal}: {error}"));
    // Otherwise a mistake in the text would pass for a refusal.
    let mut everything = Validator::new_with_features(WasmFeatures::all());
    everything.validate_all(&bytes).unwrap_or_else(|error| panic!("{proposal}: {error}"));
    let refusal = Room::usual().refusal(&bytes);
    assert!(matches!(refusal, AdmitError::Invalid(_)), "{proposal}: {refusal:?}");
}

#[test]
fn proposals_of_core_webassembly() {
    for (proposal, module) in [
        ("simd", "(func (drop (v128.const i64x2 0 0)))"),
        (
            "relaxed simd",
            "(func (param v128) (result v128)
            (i32x4.relaxed_trunc_f32x4_s (local.get 0)))",
        ),
        ("threads: memory", "(memory 1 1 shared)"),
        ("threads: fences", "(func atomic.fence)"),
        ("memory64", "(memory i64 1)"),
        ("table64", "(table i64 1 funcref)"),
        ("pages of another size", "(memory 1 (pagesize 1))"),
        ("tail calls", "(func $again (return_call $again))"),
        ("exceptions", "(tag)"),
        (
            "typed function references",
            "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
        ),
        ("garbage collection", "(type (struct (field i32)))"),
        ("garbage collection: i31", "(func (drop (ref.i31 (i32.const 1))))"),
        (
            "wide arithmetic",
            "(func (param i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 1)))",
        ),
        ("stack switching", "(type $f (func)) (type (cont $f))"),
    ] {
        is_refused(proposal, &format!("(core module {module})"));
    }
}

#[test]
fn proposals_of_the_component_model() {
    for (proposal, fields) in [
        ("futures", "(type (future u8))"),
        ("streams", "(type (stream u8))"),
        ("tasks", "(core func (canon backpressure.inc))"),
        ("threads", "(core func (canon thread.index))"),
        ("error contexts", "(type (tuple error-context))"),
        ("maps", "(type (map string u8))"),
        ("lists of fixed length", "(type (list u8 4))"),
    ] {
        is_refused(proposal, fields);
    }
}
