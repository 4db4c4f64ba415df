//! Policies that want too much: of time, memory, stack or log. Each is stopped at the limit that it
//! hit.

use std::time::Duration;

use nudge::engine::policy::{Failure, Fault, Policy as _};
use nudge::sandbox::{AdmitError, Limits};

use super::policies::Guest;
use super::{Room, configured, events, limits};

const FOREVER: &str = "(loop $again (br $again)) unreachable";

fn fuel() -> Fault {
    Fault::Fuel(Limits::default().fuel)
}

fn fuel_of_configure(during: &'static str) -> AdmitError {
    AdmitError::Fault { during, fault: Fault::Fuel(Limits::default().configure_fuel) }
}

fn memory() -> Fault {
    Fault::Memory("64 MiB of memory".to_owned())
}

fn table() -> Fault {
    Fault::Memory("20000 elements of a table".to_owned())
}

fn output(reason: &str) -> Fault {
    Fault::Output(reason.to_owned())
}

#[test]
fn an_endless_loop_in_a_question() {
    let room = Room::usual();
    assert_eq!(room.fault(&Guest { locate: FOREVER, ..Guest::default() }), fuel());
    assert_eq!(room.fault(&Guest { after_locate: FOREVER, ..Guest::default() }), fuel());
}

#[test]
fn an_endless_loop_in_admission() {
    let room = Room::usual();
    let starts = "(func $start (loop $again (br $again))) (start $start)";
    for guest in [
        Guest { more: starts, ..Guest::default() },
        Guest { describe: FOREVER, ..Guest::default() },
    ] {
        assert_eq!(room.refusal(&guest.component()), fuel_of_configure("describe"));
    }
    for (guest, during) in [
        (Guest { configure: FOREVER, ..Guest::default() }, "configure"),
        (Guest { rules: FOREVER, ..Guest::default() }, "rules"),
    ] {
        assert_eq!(room.refusal_of_settings(&guest), fuel_of_configure(during));
    }
}

/// `configure` and `rules` have one budget, so that the two together cannot take twice as much.
#[test]
fn half_a_budget_twice_is_no_more_than_one() {
    let half = format!(
        "(local $left i32)
        (local.set $left (i32.const {}))
        (loop $again
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))",
        // An iteration takes four.
        Limits::default().configure_fuel / 4 * 6 / 10
    );
    let (configure, rules) = (format!("{half} i32.const 0x200"), format!("{half} i32.const 0x400"));
    let room = Room::usual();
    for harmless in [
        Guest { configure: &configure, ..Guest::default() },
        Guest { rules: &rules, ..Guest::default() },
    ] {
        room.visit(|sandbox| configured(sandbox, &harmless));
    }
    let both = Guest { configure: &configure, rules: &rules, ..Guest::default() };
    assert_eq!(room.refusal_of_settings(&both), fuel_of_configure("rules"));
}

#[test]
fn recursion_that_takes_for_ever() {
    let fibonacci = "(func $fibonacci (param $n i32) (result i32)
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
            (then (local.get $n))
            (else (i32.add
                (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
                (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))))";
    let at_work = "(call $fibonacci (i32.const 60))";
    let room = Room::usual();
    let locate = Guest { locate: at_work, more: fibonacci, ..Guest::default() };
    assert_eq!(room.fault(&locate), fuel());
    // Called by the host itself, to make room for the settings.
    let realloc = Guest { realloc: at_work, more: fibonacci, ..Guest::default() };
    assert_eq!(room.refusal_of_settings(&realloc), fuel_of_configure("configure"));
}

/// One instruction, much work: it is paid for by the byte.
#[test]
fn a_loop_of_large_fills() {
    for (fill, more) in [
        ("(memory.fill (i32.const 0x10000) (i32.const 7) (i32.const 0x3e00000))", ""),
        ("(memory.copy (i32.const 0x10000) (i32.const 0x20000) (i32.const 0x3d00000))", ""),
        (
            "(table.fill $t (i32.const 0) (ref.null func) (i32.const 20000))",
            "(table $t 20000 funcref)",
        ),
    ] {
        let locate = format!("(loop $again {fill} (br $again)) unreachable");
        let guest = Guest { memory: "1000", locate: &locate, more, ..Guest::default() };
        assert_eq!(Room::usual().fault(&guest), fuel());
    }
}

/// What fuel does not stop, the clock does.
#[test]
fn an_endless_loop_with_endless_fuel() {
    let deadline = Duration::from_secs(1);
    let room = Room::new(Limits { fuel: u64::MAX >> 1, deadline, ..limits() });
    assert_eq!(room.fault(&Guest { locate: FOREVER, ..Guest::default() }), Fault::Deadline(1_000));
}

#[test]
fn a_memory_bomb() {
    let room = Room::usual();
    for pages in ["1", "16", "1024", "65535", "-1"] {
        let locate = format!(
            "(loop $again (drop (memory.grow (i32.const {pages}))) (br $again)) unreachable"
        );
        assert_eq!(room.fault(&Guest { locate: &locate, ..Guest::default() }), memory());
    }
    let starts = "(func $start (drop (memory.grow (i32.const 2000)))) (start $start)";
    let refusal = room.refusal(&Guest { more: starts, ..Guest::default() }.component());
    assert_eq!(refusal, AdmitError::Fault { during: "describe", fault: memory() });
}

#[test]
fn a_table_bomb() {
    // What is asked for is paid for, so that the largest wish fails before it is heard.
    for (elements, fault) in [("1000", table()), ("20000", table()), ("-1", fuel())] {
        let locate = format!(
            "(loop $again
                (drop (table.grow $t (ref.null func) (i32.const {elements})))
                (br $again))
            unreachable"
        );
        let more = "(table $t 1 funcref)";
        let guest = Guest { locate: &locate, more, ..Guest::default() };
        assert_eq!(Room::usual().fault(&guest), fault);
    }
}

#[test]
fn recursion_without_an_end() {
    let stack = Fault::Stack(Limits::default().stack_bytes as u64);
    let room = Room::usual();
    let deep = "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))";
    let guest = Guest { locate: "call $deep", more: deep, ..Guest::default() };
    assert_eq!(room.fault(&guest), stack);
    let through_table = "
        (table funcref (elem $deep))
        (func $deep (result i32) (i32.add
            (call_indirect (result i32) (i32.const 0))
            (i32.const 1)))";
    let guest = Guest { describe: "call $deep", more: through_table, ..Guest::default() };
    let refusal = room.refusal(&guest.component());
    assert_eq!(refusal, AdmitError::Fault { during: "describe", fault: stack });
}

#[test]
fn a_flood_of_log_lines() {
    let stopped = output("more than 1024 KiB of log lines");
    for bytes in ["0", "1", "1000", "100000", "3000000"] {
        let locate = format!(
            "(loop $again
                (call $log (i32.const 1) (i32.const 0x10000) (i32.const {bytes}))
                (br $again))
            unreachable"
        );
        let guest = Guest { memory: "100", locate: &locate, ..Guest::default() };
        assert_eq!(Room::usual().fault(&guest), stopped);
    }
    let endless = "(call $log (i32.const 1) (i32.const 0) (i32.const -1)) unreachable";
    let beyond = output("string pointer/length out of bounds of memory");
    assert_eq!(Room::usual().fault(&Guest { locate: endless, ..Guest::default() }), beyond);
}

/// The last words of a policy are kept, whatever it said before, but not all of a long one.
#[test]
fn last_words_are_cut() {
    // 2,000 three-byte characters, after many other lines.
    let locate = "
        (local $left i32)
        (local.set $left (i32.const 6000))
        (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 3)))
            (memory.copy (i32.add (i32.const 0x20000) (local.get $left))
                (i32.const 0x2000) (i32.const 3))
            (br_if $again (local.get $left)))
        (local.set $left (i32.const 100))
        (loop $again
            (call $log (i32.const 2) (i32.const 0x2000) (i32.const 3))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $log (i32.const 3) (i32.const 0x20000) (i32.const 6000))
        unreachable";
    let more = r#"(data (i32.const 0x2000) "\e2\82\ac")"#;
    let fault = Room::usual().fault(&Guest { locate, more, ..Guest::default() });
    assert_eq!(fault, Fault::Panic("€".repeat(1024 / 3)));
}

/// A limit of the whole batch is not one of the row: the engine halves, and nobody loses an answer.
#[test]
fn a_batch_that_wants_too_much_wants_it_in_one_piece() {
    // 1,000 rows are too many for this one, and 10 are not.
    let locate = "
        (local $left i32)
        (local.set $left (i32.mul (local.get $rows) (i32.const 10000)))
        (loop $again
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i32.store (i32.const 0x604) (local.get $rows))
        i32.const 0x600";
    Room::usual().visit(|sandbox| {
        let policy = configured(sandbox, &Guest { locate, ..Guest::default() });
        let asked = |rows: usize| policy.locate(&events(&policy, &vec!["x"; rows]));
        assert_eq!(asked(1_000), Err(Failure::Fault(fuel())));
        assert_eq!(asked(10), Ok(vec![Some(0); 10]));
    });
}
