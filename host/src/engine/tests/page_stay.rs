//! Page stay: what is shown, how long it lasts without a sign of life, and what ends it.

use super::*;
use crate::engine::event::{Instant, Millis};
use crate::engine::policy::Basis;

const GRACE: i64 = 60_000;

fn shown(longer_than: u64) -> Live {
    world(Native::journey([watching("A", Basis::PageStay, longer_than), quiet("B")])).live()
}

fn stay(ann: &Live, at: i64) -> u64 {
    ann.state.visits["journey"].page_stay(Instant(at)).0
}

#[test]
fn a3_page_stay_adds_up_over_several_showings() {
    let mut ann = shown(100);
    ann.does(page(0, "A")).does(hidden(40)).does(page(1_000, "A")).does(hidden(1_060));
    assert_eq!((stay(&ann, 1_060), stay(&ann, 50_000)), (100, 100));
    assert_eq!(ann.due, None, "it grows no more");
    ann.does(page(2_000, "A"));
    assert_eq!(ann.due, Some(Instant(2_001)));
    assert_eq!(ann.until(3_000).told_of(&["stalled"]), ["2001 stalled A 101>100"]);
}

#[test]
fn a3_a_page_that_follows_a_page_goes_on_from_it() {
    let mut ann = shown(100);
    ann.does(page(0, "A")).does(page(30, "A")).does(page(60, "A"));
    assert_eq!(ann.due, Some(Instant(101)));
}

#[test]
fn a3_a_page_of_no_node_takes_the_place_of_the_one_shown() {
    let mut ann = shown(100);
    ann.does(page(0, "A")).does(page(30, "help"));
    assert_eq!((stay(&ann, 500), ann.due), (30, None));
    // An operation without a node says nothing about what is shown.
    ann.does(page(1_000, "A")).does(op(1_010, "help"));
    assert_eq!(stay(&ann, 1_050), 80);
}

#[test]
fn a3_a_page_of_one_policys_node_takes_the_place_of_anothers() {
    let other = Native::journey([quiet("X")]);
    let mut ann = world(Native::journey([quiet("A")])).with("other", other).live();
    ann.does(page(0, "A")).does(page(40, "X"));
    let stay = |label: &str| ann.state.visits[label].page_stay(Instant(100)).0;
    assert_eq!((stay("journey"), stay("other")), (40, 60));
}

#[test]
fn a3_leaving_the_node_ends_its_page_stay() {
    let mut ann = shown(100);
    ann.does(page(0, "A")).does(op(50, "B"));
    assert_eq!(ann.told_of(&["left"]), ["50 left A after 50 and 50"]);
    // The page of A is not one of B.
    assert_eq!(stay(&ann, 500), 0);
    ann.does(op(600, "A"));
    assert_eq!((stay(&ann, 900), ann.due), (0, None));
}

#[test]
fn a3_hiding_twice_or_what_is_not_shown_changes_nothing() {
    let mut ann = shown(100);
    ann.does(hidden(0)).does(op(10, "A")).does(hidden(20)).does(page(30, "A"));
    ann.does(hidden(50)).does(hidden(90));
    assert_eq!(stay(&ann, 500), 20);
}

#[test]
fn a3_a_page_without_heartbeats_is_shown_until_something_else_is() {
    let mut ann = shown(1_000_000);
    ann.does(page(0, "A"));
    assert_eq!(stay(&ann, 10 * GRACE), 600_000);
    assert_eq!(ann.due, Some(Instant(1_000_001)));
}

#[test]
fn a3_a_page_with_heartbeats_is_shown_for_a_while_after_the_last() {
    let mut ann = shown(100_000);
    ann.does(page(0, "A")).does(beat(30_000));
    assert_eq!(stay(&ann, 30_000 + GRACE), 90_000);
    assert_eq!(stay(&ann, 30_001 + GRACE), 90_000, "and no longer");
    assert_eq!(ann.due, None, "90 seconds at most, unless there is another");
    ann.does(beat(60_000));
    assert_eq!(ann.due, Some(Instant(100_001)));
    ann.until(500_000);
    assert_eq!(ann.told_of(&["stalled"]), ["100001 stalled A 100001>100000"]);
    assert_eq!(stay(&ann, 500_000), 120_000);
}

#[test]
fn a3_a_heartbeat_at_the_very_end_of_the_grace_is_in_time() {
    let mut ann = shown(1_000_000);
    ann.does(page(0, "A")).does(beat(10)).does(beat(10 + GRACE));
    assert_eq!(stay(&ann, 10 + GRACE + 5), 60_015);
    // A millisecond later the page counts as gone in between, and as shown again from here.
    let mut ann = shown(1_000_000);
    ann.does(page(0, "A")).does(beat(10)).does(beat(100_000));
    assert_eq!(stay(&ann, 100_000), 60_010);
    assert_eq!(stay(&ann, 100_007), 60_017);
}

#[test]
fn a3_a_page_that_falls_silent_and_comes_back_goes_on_from_where_it_was() {
    let mut ann = shown(100_000);
    ann.does(page(0, "A")).does(beat(10)).does(beat(200_000));
    // 60,010 before the silence; the rest from here, within the grace of this heartbeat.
    assert_eq!(ann.due, Some(Instant(239_991)));
    assert_eq!(ann.until(500_000).told_of(&["stalled"]), ["239991 stalled A 100001>100000"]);
}

#[test]
fn a3_a_heartbeat_without_a_page_shows_none() {
    let mut ann = shown(100);
    ann.does(op(0, "A")).does(beat(10)).does(page(20, "A")).does(hidden(30)).does(beat(40));
    assert_eq!(stay(&ann, 10_000), 10);
}

#[test]
fn a3_a_new_page_gives_no_signs_of_life_yet() {
    let mut ann = shown(1_000_000);
    ann.does(page(0, "A")).does(beat(10)).does(page(20, "A"));
    assert_eq!(stay(&ann, 5 * GRACE), 300_000);
}

#[test]
fn a3_the_sum_of_both_at_the_end_of_a_grace() {
    // At 60,010 the page is gone: both have grown up to there, and interruption alone grows on.
    let journey = |most| Native::journey([watching("A", Basis::Sum, most)]);
    for (most, due) in [(120_019, 60_010), (120_020, 60_011), (120_021, 60_012)] {
        let mut ann = world(journey(most)).live();
        ann.does(page(0, "A")).does(beat(10));
        assert_eq!(ann.due, Some(Instant(due)), "{most}");
    }
}

#[test]
fn a3_dwell_never_falls_while_nothing_happens() {
    let mut ann = shown(1_000_000);
    ann.does(page(0, "A")).does(op(5, "A")).does(beat(7));
    let visit = &ann.state.visits["journey"];
    for basis in [Basis::Interruption, Basis::PageStay, Basis::Sum, Basis::Either] {
        let dwell = (0..200_000).step_by(997).map(|at| visit.dwell(basis, Instant(at)));
        let dwell: Vec<Millis> = dwell.collect();
        assert!(dwell.is_sorted(), "{basis:?}");
    }
}
