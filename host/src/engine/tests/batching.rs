//! Many users side by side: what a batch holds, and how it is cut, changes nothing about an answer.

use super::native::Asked;
use super::random::{Life, assert_same, bytes, life, wild};
use super::*;
use crate::engine::event::Instant;
use crate::engine::policy::{Failure, Fault, Origin, Question, Shape};
use crate::engine::{Advance, BATCH, Engine, State, Turn};

fn turn(user: usize, events: Vec<Event>) -> Turn {
    Turn {
        user: format!("user {user}").into(),
        state: State::default(),
        inputs: events,
        history: false,
    }
}

fn all_bytes(advances: &[Advance]) -> Vec<String> {
    advances.iter().map(|a| bytes(&a.trace, &a.outbox, &a.state)).collect()
}

/// Lives in one world, of many users.
fn lives(seed: u64, faults: bool) -> (Vec<Turn>, i64) {
    let lives: Vec<Life> =
        (0..24).map(|n| life(wild(seed, faults), 1_000 * seed + n, 12)).collect();
    let end = lives.iter().map(|life| life.end).max().unwrap();
    (lives.into_iter().enumerate().map(|(n, life)| turn(n, life.events)).collect(), end)
}

fn stepped(engine: &Engine, turns: &[Turn], end: i64) -> Vec<Advance> {
    engine.step(turns.to_vec(), Instant(end)).unwrap()
}

#[test]
fn however_batches_are_cut_the_same_is_decided() {
    for seed in 0..4 {
        let (turns, end) = lives(seed, seed % 2 == 0);
        let advances =
            |rows| stepped(&wild(seed, seed % 2 == 0).engine().batches_of(rows), &turns, end);
        let whole = advances(BATCH);
        let want = all_bytes(&whole).concat();
        for rows in [0, 1, 3, 7] {
            let some = advances(rows);
            assert_same(&all_bytes(&some).concat(), &want, &format!("seed {seed}, by {rows}"));
            let dues = |all: &[Advance]| all.iter().map(|a| a.due).collect::<Vec<_>>();
            assert_eq!(dues(&some), dues(&whole));
        }
    }
}

#[test]
fn the_order_of_users_and_who_else_is_there_change_nothing() {
    for seed in 0..4 {
        let (turns, end) = lives(seed, true);
        let engine = wild(seed, true).engine();
        let whole = stepped(&engine, &turns, end);
        let mut order: Vec<usize> = (0..turns.len()).collect();
        Chance::new(seed).shuffle(&mut order);
        let shuffled: Vec<Turn> = order.iter().map(|at| turns[*at].clone()).collect();
        let again = stepped(&engine, &shuffled, end);
        assert!(again.iter().zip(&shuffled).all(|(advance, turn)| advance.user == turn.user));
        let alone = order.iter().map(|at| stepped(&engine, &turns[*at..=*at], end).remove(0));
        let alone: Vec<Advance> = alone.collect();
        let want: Vec<Advance> = order.iter().map(|at| whole[*at].clone()).collect();
        let want = all_bytes(&want).concat();
        assert_same(&all_bytes(&again).concat(), &want, "in another order");
        assert_same(&all_bytes(&alone).concat(), &want, "alone");
    }
}

#[test]
fn questions_of_many_users_are_put_together() {
    let journey = Native::journey([rule("A", 100)]);
    let asked = journey.asked();
    let engine = world(journey).engine();
    let turns: Vec<Turn> = (0..BATCH + 10).map(|n| turn(n, vec![op(0, "A")])).collect();
    let advances = stepped(&engine, &turns, 101);
    assert_eq!(advances.iter().map(|a| a.outbox.len()).sum::<usize>(), BATCH + 10);
    let want = [Question::Locate, Question::Stalled].map(|q| [(q, BATCH), (q, 10)]);
    assert_eq!(*asked.lock().unwrap(), want.concat());
    asked.lock().unwrap().clear();
    stepped(&engine.batches_of(400), &turns, 0);
    let rows: Vec<usize> = asked.lock().unwrap().iter().map(|(_, rows)| *rows).collect();
    assert_eq!(rows, [400, 400, BATCH - 790]);
}

fn of_the_bad(failure: fn() -> Failure) -> (World, Asked) {
    let journey = Native::journey([rule("A", 100)])
        .needs(Origin::Profile, "bad", Shape::Text, &[Question::Locate])
        .failing(move |_, row| row.text(1).map(|_| failure()));
    let asked = journey.asked();
    (world(journey), asked)
}

fn one_is_bad(rows: usize, bad: usize) -> Vec<Turn> {
    (0..rows)
        .map(|n| {
            let mut events = vec![op(0, "A")];
            if n == bad {
                events.insert(0, profile(0, [("bad", text("yes"))]));
            }
            turn(n, events)
        })
        .collect()
}

#[test]
fn a_row_at_fault_costs_nobody_else_their_answer() {
    for bad in 0..8 {
        let (world, asked) = of_the_bad(|| Failure::Fault(Fault::Fuel(7)));
        let advances = stepped(&world.engine(), &one_is_bad(8, bad), 0);
        for (n, advance) in advances.iter().enumerate() {
            let fault = ["0 fault journey Locate used up its fuel of 7"];
            assert_eq!(told(advance), if n == bad { fault } else { ["0 entered A"] });
        }
        // Halving: 8, then each time the half with the row and the one without.
        assert_eq!(asked.lock().unwrap().len(), 7);
    }
}

#[test]
fn a_deadline_is_not_asked_about_again() {
    let (world, asked) = of_the_bad(|| Failure::Fault(Fault::Deadline(500)));
    let advances = stepped(&world.engine(), &one_is_bad(8, 3), 0);
    let fault = ["0 fault journey Locate was still running after 500 ms"];
    assert!(advances.iter().all(|advance| told(advance) == fault));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn a_policy_that_does_not_answer_for_every_row_is_at_fault() {
    let why = "gave an answer that is none: there is not one answer for each row";
    let engine = world(Native::journey([rule("A", 100)]).losing(Question::Locate)).engine();
    for advance in stepped(&engine, &one_is_bad(3, 3), 0) {
        assert_eq!(told(&advance), [format!("0 fault journey Locate {why}")]);
    }
    // A message without a plan would be on its way for ever.
    let route = Native::route(plan([("app", 50)])).losing(Question::Plan);
    let engine = world(Native::journey([rule("A", 100)])).with("route", route).engine();
    for advance in stepped(&engine, &one_is_bad(3, 3), 101) {
        let lines = of(&told(&advance), &["fault", "refused"]);
        assert_eq!(lines, [format!("101 fault route Plan {why}"), "101 refused Fault".to_owned()]);
        assert!(advance.state.messages.is_empty());
    }
}

#[test]
fn nothing_comes_of_a_step_in_which_the_host_fails() {
    let (world, _) = of_the_bad(|| Failure::Host("no memory".to_owned()));
    let failure = world.engine().step(one_is_bad(8, 3), Instant(0)).unwrap_err();
    assert_eq!(failure.to_string(), "the host could not evaluate a policy: no memory");
}
