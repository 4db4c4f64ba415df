//! Answers that are none. Whatever lies in a policy's memory, the host believes what has the form
//! of an answer and nothing else.

use nudge::engine::batch::{Batch, Column};
use nudge::engine::policy::{Draft, Failure, Fault, Importance, Policy as _};

use super::policies::{Guest, at, words};
use super::{Room, configured};

fn output(reason: &str) -> Fault {
    Fault::Output(reason.to_owned())
}

/// The fault of a policy that answers `locate` with the list at [`at::LOCATED`], for one row.
fn located(list: &[u32], more: &str) -> Fault {
    let more = words(at::LOCATED, list) + more;
    let memory = "200";
    let locate = "i32.const 0x600";
    Room::usual().fault(&Guest { memory, locate, more: &more, ..Guest::default() })
}

/// What a policy answers to `stalled`, for two rows, with these bytes over its own.
fn drafted(more: &str) -> Result<Vec<Option<Draft>>, Failure> {
    Room::usual().visit(|sandbox| {
        let policy = configured(sandbox, &Guest { memory: "200", more, ..Guest::default() });
        let visits = Batch { at: vec![0, 0], columns: vec![Column::default()] };
        policy.stalled(&[0, 0], &visits)
    })
}

fn fault_of_draft(more: &str) -> Fault {
    match drafted(more) {
        Err(Failure::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// One draft, with these words from its beginning on.
fn draft(fields: &[u32]) -> String {
    words(at::DRAFTS, &[at::DRAFT, 1]) + &words(at::DRAFT, fields)
}

#[test]
fn a_list_that_ends_beyond_memory() {
    let beyond = output("list pointer/length out of bounds of memory");
    for (place, length) in [(0, u32::MAX), (0, u32::MAX / 4), (0xc7_fffc, 2), (u32::MAX - 3, 1)] {
        assert_eq!(located(&[place, length], ""), beyond);
    }
}

#[test]
fn a_list_where_none_can_be() {
    assert_eq!(located(&[at::ROWS + 1, 1], ""), output("list pointer is not aligned"));
    let nowhere = |locate| Room::usual().fault(&Guest { locate, ..Guest::default() });
    assert_eq!(nowhere("i32.const 0x601"), output("return pointer not aligned"));
    assert_eq!(nowhere("i32.const -16"), output("pointer out of bounds of memory"));
}

#[test]
fn a_list_that_is_larger_than_an_answer_may_be() {
    let Fault::Output(reason) = located(&[at::ROWS, 2 << 20], "") else { panic!("another fault") };
    assert!(reason.starts_with("too much data is being copied"), "{reason}");
}

#[test]
fn an_answer_of_the_wrong_length() {
    for length in [0, 2, 1000] {
        let fault = located(&[at::ROWS, length], "");
        assert_eq!(fault, output("there is not one answer for each row"));
    }
}

#[test]
fn a_rule_that_there_is_not() {
    for rule in [1, 4_096, u32::MAX - 1] {
        let fault = located(&[at::ROWS, 1], &words(at::ROWS, &[rule]));
        assert_eq!(fault, output(&format!("there is no rule {rule}")));
    }
}

#[test]
fn no_rule_is_an_answer() {
    let more = words(at::ROWS, &[u32::MAX]);
    let answer = Room::usual().located(&Guest { more: &more, ..Guest::default() });
    assert_eq!(answer, Ok(vec![None]));
}

#[test]
fn a_draft_is_an_answer() {
    let node = 0xa40;
    let drafts = drafted(&draft(&[1, node, 4, 3])).unwrap();
    let draft = Draft {
        message: "node".into(),
        importance: Importance::Urgent,
        pending: None,
        data: [].into_iter().collect(),
    };
    assert_eq!(drafts, [None, Some(draft)]);
}

#[test]
fn two_drafts_for_one_row() {
    let two = words(at::DRAFTS, &[at::DRAFT, 2]);
    assert_eq!(fault_of_draft(&two), output("there are two answers for one row"));
}

#[test]
fn a_draft_for_a_row_that_was_not_asked_about() {
    for row in [2, 1_000_000, u32::MAX] {
        let fault = fault_of_draft(&draft(&[row]));
        assert_eq!(fault, output("there is an answer for a row that was not asked about"));
    }
}

#[test]
fn a_text_that_ends_beyond_memory() {
    for (place, length) in [(0, u32::MAX), (0xc8_0000, 1), (u32::MAX, 1)] {
        let fault = fault_of_draft(&draft(&[0, place, length]));
        assert_eq!(fault, output("string pointer/length out of bounds of memory"));
    }
}

#[test]
fn a_text_that_is_larger_than_an_answer_may_be() {
    let fault = fault_of_draft(&draft(&[0, 0x1_0000, 5 << 20]));
    let Fault::Output(reason) = fault else { panic!("another fault") };
    assert!(reason.starts_with("too much data is being copied"), "{reason}");
}

/// Each draft for itself is small; that all point to the same text makes them no smaller.
#[test]
fn many_texts_that_are_one() {
    let drafts = words(at::DRAFTS, &[0x4_0000, 1_000]);
    let all: String =
        (0..1_000).map(|at| words(0x4_0000 + 36 * at, &[at, 0x2_0000, 1 << 16])).collect();
    let Fault::Output(reason) = fault_of_draft(&(drafts + &all)) else { panic!("another fault") };
    assert!(reason.starts_with("too much data is being copied"), "{reason}");
}

#[test]
fn a_text_that_is_none() {
    let more = draft(&[0, 0x2000, 3]) + r#"(data (i32.const 0x2000) "a\ffb")"#;
    let Fault::Output(reason) = fault_of_draft(&more) else { panic!("another fault") };
    assert!(reason.starts_with("invalid utf-8"), "{reason}");
}

#[test]
fn a_case_that_there_is_not() {
    let importance = draft(&[0, 0xa40, 4, 4]);
    assert_eq!(fault_of_draft(&importance), output("unexpected discriminant: 4"));
    let pending = draft(&[0, 0xa40, 4, 1, 2]);
    assert_eq!(fault_of_draft(&pending), output("invalid option discriminant"));
}

#[test]
fn a_number_that_is_none() {
    for number in ["nan", "inf", "-inf"] {
        let more = draft(&[0, 0xa40, 4, 1, 0, 0, 0, at::FIELD, 1])
            + &words(at::FIELD, &[0xa40, 4, 2, 0])
            + &format!("(data (i32.const {}) (f64 {number}))", at::FIELD + 16);
        assert_eq!(fault_of_draft(&more), output(r#"the number "node" is not finite"#));
    }
}

/// A fault is kept for each row, so a policy must not choose how long it is.
#[test]
fn a_fault_is_short_however_long_the_name_of_its_field() {
    let more = draft(&[0, 0xa40, 4, 1, 0, 0, 0, at::FIELD, 1])
        + &words(at::FIELD, &[0x1_0000, 1 << 20, 2, 0])
        + &format!("(data (i32.const {}) (f64 nan))", at::FIELD + 16);
    let fault = fault_of_draft(&more);
    assert!(matches!(&fault, Fault::Output(reason) if reason.len() < 1_000));
}

#[test]
fn a_trap_that_says_nothing() {
    let trapped =
        |code: &str| match Room::usual().fault(&Guest { locate: code, ..Guest::default() }) {
            Fault::Trap(reason) => reason,
            other => panic!("another fault: {other:?}"),
        };
    assert!(trapped("unreachable").contains("unreachable"));
    assert!(trapped("(i32.div_u (i32.const 1) (i32.const 0))").contains("divide by zero"));
    assert!(trapped("(i32.load (i32.const -8))").contains("out of bounds memory access"));
}

#[test]
fn last_words_before_a_trap() {
    let locate = "(call $log (i32.const 3) (i32.const 0xa00) (i32.const 7)) unreachable";
    let fault = Room::usual().fault(&Guest { locate, ..Guest::default() });
    assert_eq!(fault, Fault::Panic("hostile".to_owned()));
}

/// The host asks for room to write its question to, and gets an answer that is none.
#[test]
fn room_for_the_question_where_there_is_none() {
    // The settings may be written down, the batch may not.
    let realloc = "
        (if (i32.gt_u (local.get $size) (i32.const 2)) (then (return (i32.const -8))))
        i32.const 0x10000";
    let fault = Room::usual().fault(&Guest { realloc, ..Guest::default() });
    assert_eq!(fault, output("realloc return: beyond end of memory"));
    let realloc = "
        (if (i32.gt_u (local.get $size) (i32.const 2)) (then (return (i32.const 0x10001))))
        i32.const 0x10000";
    let fault = Room::usual().fault(&Guest { realloc, ..Guest::default() });
    assert_eq!(fault, output("realloc return: result not aligned"));
}

/// Making room is no occasion to call the host back.
#[test]
fn a_call_out_of_a_call_in() {
    let realloc = "
        (if (i32.gt_u (local.get $size) (i32.const 2))
            (then (call $log (i32.const 1) (i32.const 0) (i32.const 1))))
        i32.const 0x10000";
    let fault = Room::usual().fault(&Guest { realloc, ..Guest::default() });
    assert_eq!(fault, Fault::Trap("wasm trap: cannot leave component instance".to_owned()));
}
