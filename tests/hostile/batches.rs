//! Isolation: one user's row, or one tenant's policy, costs nobody else an answer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nudge::engine::event::{Event, Instant, Value, What};
use nudge::engine::policy::{Fault, Policy as _, Question};
use nudge::engine::{
    Advance, BATCH, Channel, Contents, Decision, Engine, Part, State, Strategy, TrackingKey, Turn,
};
use nudge::sandbox::{Configured, Limits, Sandbox};

use super::policies::Guest;
use super::{Room, configured, events, limits};

const LAST_WORDS: &str = "
    (call $log (i32.const 3) (i32.const 0xa00) (i32.const 7))
    unreachable";
const FLOOD: &str = "
    (loop $again
        (call $log (i32.const 1) (i32.const 0x10000) (i32.const 1000))
        (br $again))";
const RULE: &str = "
    (i32.store
        (i32.add (i32.const 0x1000) (i32.shl (local.get $row) (i32.const 2)))
        (i32.const 7))";

/// More than the fuel of a question, and not for ever.
const LONG: &str = "
    (global.set $left (i32.const 3000000))
    (loop $again
        (global.set $left (i32.sub (global.get $left) (i32.const 1)))
        (br_if $again (global.get $left)))";

/// Letters, what they make a policy do, and what comes of it.
fn crimes() -> [(char, &'static str, Fault); 9] {
    let output = |reason: &str| Fault::Output(reason.to_owned());
    let trap = "wasm trap: wasm `unreachable` instruction executed".to_owned();
    let memory = "64 MiB of memory".to_owned();
    let Limits { fuel, stack_bytes, .. } = Limits::default();
    [
        ('t', "unreachable", Fault::Trap(trap)),
        ('p', LAST_WORDS, Fault::Panic("hostile".to_owned())),
        ('f', "(loop $again (br $again))", Fault::Fuel(fuel)),
        ('h', LONG, Fault::Fuel(fuel)),
        ('m', "(drop (memory.grow (i32.const 2000)))", Fault::Memory(memory)),
        ('s', "(call $deep)", Fault::Stack(stack_bytes as u64)),
        ('l', "(global.set $more (i32.const 1))", output("there is not one answer for each row")),
        ('r', RULE, output("there is no rule 7")),
        ('g', FLOOD, output("more than 1024 KiB of log lines")),
    ]
}

/// A policy that looks at the first letter of every row's node and does what it stands for, if it
/// stands for something.
fn moody(sandbox: &Sandbox) -> Configured {
    // The column of texts: values at 12, their ends at 20.
    let locate = "
        (local $row i32) (local $start i32) (local $end i32)
        (loop $next
            (local.set $end (i32.load (i32.add
                (i32.load offset=20 (local.get $columns))
                (i32.shl (local.get $row) (i32.const 2)))))
            (call $commit (local.get $row) (i32.load8_u (i32.add
                (i32.load offset=12 (local.get $columns))
                (local.get $start))))
            (local.set $start (local.get $end))
            (local.set $row (i32.add (local.get $row) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
        (i32.store (i32.const 0x604) (i32.add (local.get $rows) (global.get $more)))
        i32.const 0x600";
    let mut more = "
        (global $more (mut i32) (i32.const 0))
        (global $left (mut i32) (i32.const 0))
        (func $deep (call $deep) (call $deep))
        (func $commit (param $row i32) (param $letter i32)"
        .to_owned();
    for (letter, crime, _) in crimes() {
        let letter = u32::from(letter);
        more += &format!("(if (i32.eq (local.get $letter) (i32.const {letter})) (then {crime}))");
    }
    more += ")";
    configured(sandbox, &Guest { locate, more: &more, ..Guest::default() })
}

fn strategy(policy: &Configured) -> Strategy {
    let part = Part::new("moody", Arc::new(policy.clone()));
    let channel = Channel { name: "sms".into(), cost: 0.0, address: None };
    let key = TrackingKey::new(b"a secret");
    Strategy::new("tenant", key, vec![part], Contents::new(), vec![channel]).unwrap()
}

/// A turn for each node: a user of that name who goes there.
fn turns(nodes: &[String]) -> Vec<Turn> {
    let turn = |node: &String| {
        let user: Arc<str> = node.as_str().into();
        let fields = [("node".into(), Value::Text(user.clone()))].into_iter().collect();
        let what = What::Operation { name: "click".into(), fields };
        let event = Event { user: user.clone(), at: Instant(1), what };
        Turn { user, state: State::default(), inputs: vec![event], history: false }
    };
    nodes.iter().map(turn).collect()
}

fn decisions(advances: Vec<Advance>) -> Vec<Vec<Decision>> {
    let decisions = |a: Advance| a.trace.into_iter().map(|record| record.decision).collect();
    advances.into_iter().map(decisions).collect()
}

fn entered(node: &str) -> Decision {
    Decision::Entered { policy: "moody".into(), node: node.into(), previous: None }
}

fn faulted(fault: &Fault) -> Decision {
    Decision::Fault { policy: "moody".into(), question: Question::Locate, fault: fault.clone() }
}

#[test]
fn a_row_at_fault_costs_nobody_else_an_answer() {
    let crimes = crimes();
    let nodes: Vec<String> = crimes
        .iter()
        .enumerate()
        .flat_map(|(at, (letter, ..))| {
            let innocent = (0..at % 4).map(move |n| format!("INNOCENT-{at}-{n}"));
            innocent.chain([format!("{letter}-guilty")])
        })
        .collect();
    let expected: Vec<Vec<Decision>> = nodes
        .iter()
        .map(|node| match crimes.iter().find(|(letter, ..)| node.starts_with(*letter)) {
            Some((.., fault)) => vec![faulted(fault)],
            None => vec![entered(node)],
        })
        .collect();
    Room::usual().visit(|sandbox| {
        let policy = moody(sandbox);
        for rows in [1, 2, 3, 7, 256, 1_024] {
            let engine = Engine::new(strategy(&policy)).batches_of(rows);
            let advances = engine.step(turns(&nodes), Instant(2)).unwrap();
            assert_eq!(decisions(advances), expected, "in batches of {rows}");
        }
    });
}

/// A batch has no more fuel for having more rows, or a row would get from its company what it does not get alone.
#[test]
fn a_large_batch_is_no_refuge_for_a_row_that_takes_too_long() {
    let mut nodes: Vec<String> = (0..BATCH).map(|n| format!("INNOCENT-{n}")).collect();
    nodes[300] = "h-guilty".to_owned();
    Room::usual().visit(|sandbox| {
        let advances =
            Engine::new(strategy(&moody(sandbox))).step(turns(&nodes), Instant(2)).unwrap();
        let fault = faulted(&Fault::Fuel(Limits::default().fuel));
        let expected = nodes.iter().enumerate().map(|(at, node)| match at {
            300 => vec![fault.clone()],
            _ => vec![entered(node)],
        });
        assert_eq!(decisions(advances), expected.collect::<Vec<_>>());
    });
}

/// Being late says more about the machine than about a row: nobody is asked again.
#[test]
fn a_deadline_costs_the_batch_and_no_more() {
    let deadline = Duration::from_secs(1);
    let room = Room::new(Limits { fuel: u64::MAX >> 1, deadline, ..limits() });
    let nodes = ["INNOCENT", "f-guilty", "BYSTANDER"].map(str::to_owned);
    room.visit(|sandbox| {
        let engine = Engine::new(strategy(&moody(sandbox))).batches_of(2);
        let advances = engine.step(turns(&nodes), Instant(2)).unwrap();
        let late = faulted(&Fault::Deadline(1_000));
        let expected = [vec![late.clone()], vec![late], vec![entered("BYSTANDER")]];
        assert_eq!(decisions(advances), expected);
    });
}

/// Far more faults than there are places, one after the other and at once: every place is free
/// again.
#[test]
fn faults_leave_every_place_free() {
    let room = Room::new(Limits { instances: 4, fuel: 200_000, ..limits() });
    room.visit(|sandbox| {
        let policy = moody(sandbox);
        let crimes = crimes();
        let fault = |at: usize| {
            let (letter, _, fault) = &crimes[at % crimes.len()];
            let answer = policy.locate(&events(&policy, &[&format!("{letter}-guilty")]));
            let fuel = matches!(fault, Fault::Fuel(_));
            let fault = if fuel { Fault::Fuel(200_000) } else { fault.clone() };
            assert_eq!(answer, Err(fault.into()));
        };
        (0..200).for_each(fault);
        thread::scope(|scope| {
            for first in 0..4 {
                let (fault, room, policy) = (&fault, &room, &policy);
                scope.spawn(move || {
                    for at in 0..50 {
                        fault(first + at);
                        room.is_in_peace();
                        let answer = policy.locate(&events(policy, &["INNOCENT"]));
                        assert_eq!(answer, Ok(vec![Some(0)]));
                    }
                });
            }
        });
    });
}
