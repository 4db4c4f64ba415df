//! A step whose wait is over: what the route policy makes of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::engine::event::{Grade, Instant};
use crate::engine::policy::{Importance, Origin, Question, Shape, Verdict};

fn judged(verdict: impl Fn(u32) -> Verdict + Send + Sync + 'static) -> Live {
    let route = Native::route(plan([("app", 50), ("mail", 50)]))
        .judging(move |overdue, _| verdict(overdue.step));
    let mut ann = world(Native::journey([rule("A", 100)])).with("route", route).live();
    ann.does(op(0, "A")).until(101).told();
    ann
}

#[test]
fn c5_not_received_takes_the_next_step() {
    let mut ann = judged(|_| Verdict::NotReceived);
    let want = ["152 judged 0 NotReceived", "152 sent mail 1 Go on!"];
    assert_eq!(ann.until(152).told(), want);
}

#[test]
fn c6_received_by_another_route_ends_the_push() {
    let mut ann = judged(|_| Verdict::Received);
    assert_eq!(ann.until(10_000).told(), ["152 judged 0 Received", "152 ended Received 1"]);
    assert_eq!(ann.due, None);
    assert_eq!(ann.state.messages[0].evidence, None, "there is none for it");
}

#[test]
fn c6_the_wait_begins_again_at_most_three_times_a_step() {
    let mut ann = judged(|_| Verdict::WaitLonger);
    // 51 each: the wait, and the millisecond by which it is over.
    let want = [
        "152 judged 0 WaitLonger",
        "203 judged 0 WaitLonger",
        "254 judged 0 WaitLonger",
        "305 judged 0 WaitLonger",
        "305 sent mail 1 Go on!",
        "356 judged 1 WaitLonger",
        "407 judged 1 WaitLonger",
        "458 judged 1 WaitLonger",
        "509 judged 1 WaitLonger",
        "509 ended Unreceived 2",
    ];
    assert_eq!(ann.until(10_000).told(), want);
}

#[test]
fn c6_a_longer_wait_may_end_otherwise() {
    let times = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&times);
    let mut ann = judged(move |_| match seen.fetch_add(1, Ordering::Relaxed) {
        0 => Verdict::WaitLonger,
        _ => Verdict::Received,
    });
    ann.until(152);
    assert_eq!(ann.due, Some(Instant(203)));
    let want = ["152 judged 0 WaitLonger", "203 judged 0 Received", "203 ended Received 1"];
    assert_eq!(ann.until(10_000).told(), want);
    assert_eq!(times.load(Ordering::Relaxed), 2);
}

#[test]
fn c6_a_judge_without_an_answer_counts_as_not_received() {
    let route = Native::route(plan([("app", 50), ("mail", 50)]))
        .judging(|_, _| Verdict::Received)
        .failing(|question, _| trap(question == Question::Judge));
    let mut ann = world(Native::journey([rule("A", 100)])).with("route", route).live();
    ann.does(op(0, "A")).until(101).told();
    let want = [
        "152 fault route Judge trapped: here",
        "152 judged 0 NotReceived",
        "152 sent mail 1 Go on!",
        "203 fault route Judge trapped: here",
        "203 judged 1 NotReceived",
        "203 ended Unreceived 2",
    ];
    assert_eq!(ann.until(10_000).told(), want);
}

#[test]
fn c6_the_judge_sees_the_step_its_evidence_and_the_users_history() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let asked = &[Question::Judge];
    let route = Native::route(plan([("app", 50), ("mail", 50)]))
        .needs(Origin::Counter, "visits", Shape::Integer, asked)
        .needs(Origin::Event, "last-seen", Shape::Text, asked)
        .counts("visits", "step", 1_000)
        .judging(move |overdue, row| {
            assert_eq!((overdue.message, overdue.importance), ("nudge", Importance::Normal));
            let history = (row.integer(1), row.text(2).map(str::to_owned));
            let step = (overdue.step, overdue.evidence, overdue.since, row.at());
            notes.lock().unwrap().push((step, history));
            Verdict::NotReceived
        });
    let mut ann = world(Native::journey([rule("A", 100)])).with("route", route).live();
    ann.does(op(0, "A")).until(101);
    ann.shows(120, 0, Grade::MachineOpened);
    ann.does(named(160, "step", [("last-seen", text("shop"))])).until(500);
    let first = Instant(101);
    let want = [
        ((0, Some(Grade::MachineOpened), first, Instant(152)), (Some(1), None)),
        ((1, Some(Grade::MachineOpened), first, Instant(203)), (Some(2), Some("shop".to_owned()))),
    ];
    assert_eq!(*seen.lock().unwrap(), want);
}

#[test]
fn c6_only_a_step_whose_wait_is_over_is_judged() {
    let route = Native::route(plan([("app", 50)]));
    let asked = route.asked();
    let mut ann = world(Native::journey([rule("A", 100), quiet("B")])).with("route", route).live();
    ann.does(op(0, "A")).until(151);
    ann.shows(151, 0, Grade::Opened).until(10_000);
    let asked: Vec<Question> =
        asked.lock().unwrap().iter().map(|(question, _)| *question).collect();
    assert_eq!(asked, [Question::Plan]);
}
