//! What a policy leaves behind: nothing. Every question is asked of an instance that cannot be told
//! from a fresh one, even though all take turns in the same memory.

use nudge::engine::policy::Policy as _;
use nudge::sandbox::Limits;

use super::policies::Guest;
use super::{Room, configured, events, limits};

/// A sandbox with place for one, so that everybody comes to where everybody else was.
fn cell() -> Room {
    Room::new(Limits { instances: 1, fuel: 1 << 30, ..limits() })
}

/// As much memory and as large a table as one can get.
const EVERYTHING: &str = "
    (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 19000)) (i32.const -1))
        (then unreachable))";

#[test]
fn a_policy_does_not_know_how_often_it_was_asked() {
    // Whatever it writes down the first time, it refuses its settings the second time.
    let configure = "
        (if (i32.or (i32.or (global.get $known) (i32.load (i32.const 0x7fff0)))
                (i32.eqz (ref.is_null (table.get $table (i32.const 5)))))
            (then
                (i32.store (i32.const 0x200) (i32.const 1))
                (return (i32.const 0x200))))
        (global.set $known (i32.const 1))
        (i32.store (i32.const 0x7fff0) (i32.const 1))
        (table.set $table (i32.const 5) (ref.func $rules))
        i32.const 0x200";
    let more = "
        (global $known (mut i32) (i32.const 0))
        (table $table 10 funcref)
        (elem declare func $rules)";
    cell().visit(|sandbox| {
        let policy = configured(sandbox, &Guest { configure, more, ..Guest::default() });
        for _ in 0..3 {
            let answer = policy.locate(&events(&policy, &["somewhere"]));
            assert_eq!(answer, Ok(vec![Some(0)]));
        }
    });
}

#[test]
fn nothing_of_one_tenant_is_left_for_the_next() {
    let secret = format!(
        "{EVERYTHING}
        (memory.fill (i32.const 0x20000) (i32.const 0xaa) (i32.const 0x3e00000))
        (table.fill $table (i32.const 0) (ref.func $rules) (i32.const 19001))
        (i32.store (i32.const 0x604) (local.get $rows))
        i32.const 0x600"
    );
    let snoop = format!(
        "(local $here i32)
        {EVERYTHING}
        (local.set $here (i32.const 0x20000))
        (loop $again
            (if (i64.ne (i64.load (local.get $here)) (i64.const 0)) (then unreachable))
            (local.set $here (i32.add (local.get $here) (i32.const 512)))
            (br_if $again (i32.lt_u (local.get $here) (i32.const 0x3e20000))))
        (local.set $here (i32.const 0))
        (loop $again
            (if (i32.eqz (ref.is_null (table.get $table (local.get $here)))) (then unreachable))
            (local.set $here (i32.add (local.get $here) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $here) (i32.const 19001))))
        (i32.store (i32.const 0x604) (local.get $rows))
        i32.const 0x600"
    );
    let more = "(table $table 1 funcref) (elem declare func $rules)";
    cell().visit(|sandbox| {
        let secret = configured(sandbox, &Guest { locate: &secret, more, ..Guest::default() });
        let snoop = configured(sandbox, &Guest { locate: &snoop, more, ..Guest::default() });
        for _ in 0..3 {
            for policy in [&secret, &snoop] {
                let answer = policy.locate(&events(policy, &["somewhere"]));
                assert_eq!(answer, Ok(vec![Some(0)]));
            }
        }
    });
}
