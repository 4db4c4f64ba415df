//! The decision trace as it is written and read again.

use std::collections::BTreeMap;

use super::random::{life, wild};
use super::*;
use crate::engine::event::{Grade, Instant, Millis, Receipt, Shows, Value, What};
use crate::engine::policy::{Fault, Question};
use crate::engine::{Decision, Outgoing, Record};

#[test]
fn every_record_reads_back_as_it_was_written() {
    let mut kinds = BTreeMap::<String, usize>::new();
    for seed in 0..30 {
        let live = life(wild(seed, true), seed, 60).live;
        for record in &live.trace {
            let written = serde_json::to_string(record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&written).unwrap(), *record, "{written}");
            let kind = line(record).split(' ').nth(1).unwrap().to_owned();
            *kinds.entry(kind).or_default() += 1;
        }
        for outgoing in &live.outbox {
            let written = serde_json::to_string(outgoing).unwrap();
            assert_eq!(serde_json::from_str::<Outgoing>(&written).unwrap(), *outgoing);
        }
    }
    assert_eq!(kinds.len(), 16, "every kind of decision was seen: {kinds:?}");
}

#[test]
fn every_fault_reads_back_as_it_was_written() {
    let faults = [
        Fault::Panic("p".to_owned()),
        Fault::Trap("t".to_owned()),
        Fault::Fuel(u64::MAX),
        Fault::Deadline(5),
        Fault::Memory("m".to_owned()),
        Fault::Stack(1),
        Fault::Output("o".to_owned()),
    ];
    for fault in faults {
        let decision =
            Decision::Fault { policy: "journey".into(), question: Question::Locate, fault };
        let record = Record { at: Instant(5), user: "ann".into(), decision };
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&written).unwrap(), record, "{written}");
    }
}

#[test]
fn a_record_is_flat_and_says_what_was_decided_first() {
    let stalled = Decision::Entered { policy: "journey".into(), node: "A".into(), previous: None };
    let record = Record { at: Instant(-5), user: "ann".into(), decision: stalled };
    let want = r#"{"at":-5,"user":"ann","decision":"entered","policy":"journey","node":"A"}"#;
    assert_eq!(serde_json::to_string(&record).unwrap(), want);
    let fault = Fault::Fuel(7);
    let fault = Decision::Fault { policy: "route".into(), question: Question::Plan, fault };
    let record = Record { at: Instant(5), user: "ann".into(), decision: fault };
    let want = concat!(
        r#"{"at":5,"user":"ann","decision":"fault","policy":"route","question":"plan","#,
        r#""fault":"fuel","message":7}"#
    );
    assert_eq!(serde_json::to_string(&record).unwrap(), want);
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    let fields = || {
        fields([
            ("flag", Value::Flag(true)),
            ("integer", Value::Integer(i64::MIN)),
            ("number", Value::Number(0.1)),
            ("whole", Value::Number(3.0)),
            ("text", text("5")),
        ])
    };
    let receipt = |shows| What::Receipt(Receipt { tracking: "id".into(), shows });
    let whats = [
        What::Operation { name: "step".into(), fields: fields() },
        What::Page { name: "page".into(), fields: fields() },
        What::Hidden,
        What::Heartbeat,
        What::Profile { fields: fields() },
        receipt(Shows::Grade(Grade::MachineOpened)),
        receipt(Shows::Failed),
    ];
    for what in whats {
        let event = event(i64::MIN, what);
        let written = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event, "{written}");
    }
    assert_eq!(serde_json::to_string(&Millis(u64::MAX)).unwrap(), u64::MAX.to_string());
}

#[test]
fn every_number_reads_back_as_it_was_written() {
    let mut chance = Chance::new(1);
    let numbers = (0..20_000).map(|n| match n % 3 {
        0 => f64::from_bits(chance.next()),
        1 => chance.below(1 << 53) as f64 / 1e3,
        _ => chance.next() as f64 * 1e-19,
    });
    for number in numbers.filter(|number| number.is_finite()) {
        let value = Value::Number(number);
        let written = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value, "{written}");
    }
}
