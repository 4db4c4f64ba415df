//! Answers of segment criteria, and tests that a component brings along: what has the form of one is
//! believed, and nothing else.

use nudge::engine::batch::Batch;
use nudge::engine::policy::Policy as _;
use nudge::engine::policy::{Failure, Fault};
use nudge::sandbox::{AdmitError, Configured, Tested};

use super::Room;
use super::policies::{CONTRACT, componentise, resolved, words};

/// Where the answers lie in memory.
const GROUPS: u32 = 0x400;
const MEMBERSHIPS: u32 = 0x600;
const QUALIFIED: u32 = 0x800;
const NAMES: u32 = 0x900;
/// Room for lists.
const LIST: u32 = 0x1000;
const OTHER: u32 = 0x1100;

/// Two groups, `node` and `other`; two tests of the same names. `run` is what a test does.
fn component(run: &str, more: &str) -> Vec<u8> {
    let world = "package nudge:hostile;
        world hostile {
            import nudge:policy/log@0.1.0;
            export nudge:policy/policy@0.1.0;
            export nudge:policy/audience@0.1.0;
            export nudge:policy/tests@0.1.0;
        }";
    let (resolve, world) = resolved(CONTRACT, world);
    let text = format!(
        r#"(module
            (import "nudge:policy/log@0.1.0" "line" (func $log (param i32 i32 i32)))
            (memory (export "memory") 4)
            (global $heap (mut i32) (i32.const 0x10000))
            (func (export "nudge:policy/policy@0.1.0#describe") (result i32) i32.const 0x100)
            (func (export "nudge:policy/policy@0.1.0#configure") (param i32 i32) (result i32)
                i32.const 0x200)
            (func (export "nudge:policy/audience@0.1.0#groups") (result i32) i32.const 0x400)
            (func (export "nudge:policy/audience@0.1.0#classify")
                (param i32 i32 i32 i32 i32) (result i32) i32.const 0x600)
            (func (export "nudge:policy/audience@0.1.0#compose") (param i32 i32) (result i32)
                unreachable)
            (func (export "nudge:policy/audience@0.1.0#qualify")
                (param i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 0x800)
            (func (export "nudge:policy/tests@0.1.0#names") (result i32) i32.const 0x900)
            (func (export "nudge:policy/tests@0.1.0#run") (param $test i32) (result i32) {run})
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                global.get $heap
                (global.set $heap (i32.add (global.get $heap)
                    (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -8)))))
            (data (i32.const 0x100) (i32 0xa00 7 0xa10 5 0xa20 7 0xa30 2))
            (data (i32.const 0x200) (i32 0 0x300 0 0x300 0))
            (data (i32.const 0x400) (i32 0x500 2))
            (data (i32.const 0x500) (i32 0xa40 4 0xa50 5))
            (data (i32.const 0x900) (i32 0x500 2))
            (data (i32.const 0xa00) "hostile")
            (data (i32.const 0xa10) "1.0.0")
            (data (i32.const 0xa20) "Hostile")
            (data (i32.const 0xa30) "{{}}")
            (data (i32.const 0xa40) "node")
            (data (i32.const 0xa50) "other")
            {more})"#
    );
    let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    componentise(module, &resolve, world)
}

fn asked<T>(more: &str, ask: impl FnOnce(&Configured, &Batch) -> T) -> T {
    Room::usual().visit(|sandbox| {
        let policy = sandbox.admit(&component("unreachable", more)).expect("admitted");
        let policy = policy.configure("{}").expect("configured");
        ask(&policy, &Batch { at: vec![0, 0], columns: Vec::new() })
    })
}

/// What `classify` comes to with these pairs, for two rows.
fn classified(rows: &[u32], groups: &[u32]) -> Result<Vec<Vec<u32>>, Failure> {
    let lists = [LIST, rows.len() as u32, OTHER, groups.len() as u32];
    let more = words(MEMBERSHIPS, &lists) + &words(LIST, rows) + &words(OTHER, groups);
    asked(&more, |policy, batch| policy.classify(batch))
}

fn output<T>(reason: &str) -> Result<T, Failure> {
    Err(Failure::Fault(Fault::Output(reason.to_owned())))
}

#[test]
fn pairs_of_rows_and_groups() {
    assert_eq!(classified(&[0, 0, 1], &[0, 1, 1]), Ok(vec![vec![0, 1], vec![1]]));
    assert_eq!(classified(&[], &[]), Ok(vec![vec![], vec![]]));
    let uneven = output("there is not one group for each row of a pair");
    assert_eq!(classified(&[0], &[0, 1]), uneven);
    assert_eq!(classified(&[0], &[2]), output("there is no group 2"));
    assert_eq!(classified(&[0], &[u32::MAX]), output("there is no group 4294967295"));
    let elsewhere = output("there is a group for a row that was not asked about");
    assert_eq!(classified(&[2], &[0]), elsewhere);
    let unordered = output("the groups of a row are not in order, each once");
    assert_eq!(classified(&[0, 0], &[1, 0]), unordered);
    assert_eq!(classified(&[0, 0], &[1, 1]), unordered);
}

#[test]
fn rows_that_qualify() {
    let qualified = |rows: &[u32]| {
        let more = words(QUALIFIED, &[LIST, rows.len() as u32]) + &words(LIST, rows);
        asked(&more, |policy, batch| policy.qualify("any", batch))
    };
    assert_eq!(qualified(&[1]), Ok(vec![false, true]));
    assert_eq!(qualified(&[0, 1]), Ok(vec![true, true]));
    assert_eq!(qualified(&[1, 1]), output("a row is named twice"));
    assert_eq!(qualified(&[2]), output("a row is named that was not asked about"));
}

#[test]
fn groups_beyond_all_bounds() {
    let more = words(GROUPS, &[0x3_0000, 4_097]);
    let refusal = Room::usual().visit(|sandbox| {
        let policy = sandbox.admit(&component("unreachable", &more)).expect("admitted");
        policy.configure("{}").expect_err("refused")
    });
    let reason = "4097 groups, and at most 4096 are allowed".to_owned();
    assert_eq!(refusal, AdmitError::Answer { during: "groups", reason });
}

/// How the second test ends, given what tests do.
fn tested(run: &str, more: &str) -> Tested {
    Room::usual().visit(|sandbox| {
        let policy = sandbox.admit(&component(run, more)).expect("admitted");
        assert_eq!(policy.tests().expect("it says so"), ["node", "other"]);
        policy.run_test(1).expect("it was run")
    })
}

#[test]
fn tests_pass_fail_or_come_to_grief() {
    // At 0x980 lies a result without an error.
    let passed = tested("i32.const 0x980", "");
    assert_eq!(passed.failure, None);
    assert!(passed.fuel > 0 && passed.memory_bytes == 4 << 16, "{passed:?}");

    let failure = words(0x980, &[1, 0xa40, 4, 0xa50, 5]);
    let failed = tested("i32.const 0x980", &failure).failure.expect("it failed");
    assert_eq!((&*failed.message, &*failed.place), ("node", "other"));

    let trapped = tested("unreachable", "").failure.expect("it trapped");
    assert!(trapped.message.starts_with("it trapped"), "{trapped:?}");

    let endless = tested("(loop $again (br $again)) unreachable", "").failure.expect("no end");
    assert_eq!(endless.message, "it used up its fuel of 50000000");

    let words = "(call $log (i32.const 3) (i32.const 0xa20) (i32.const 7)) unreachable";
    let said = tested(words, "");
    assert_eq!(said.lines, ["Hostile"]);
    assert_eq!(said.failure.expect("it trapped").message, "it panicked: Hostile");
}

#[test]
fn names_of_tests_that_are_none() {
    let refusal = |more: &str| {
        Room::usual().visit(|sandbox| {
            let policy = sandbox.admit(&component("unreachable", more)).expect("admitted");
            policy.tests().expect_err("refused")
        })
    };
    let twice = words(0x500, &[0xa40, 4, 0xa40, 4]);
    let reason = "two tests are called \"node\"".to_owned();
    assert_eq!(refusal(&twice), AdmitError::Answer { during: "tests", reason });
    let many = refusal(&words(NAMES, &[0x3_0000, 1_025]));
    let reason = "1025 tests, and at most 1024 are allowed".to_owned();
    assert_eq!(many, AdmitError::Answer { during: "tests", reason });
}
