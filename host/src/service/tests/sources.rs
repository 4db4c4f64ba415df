//! What a source says is taken once, in order, with how far it was read in the same commit.

use super::stand::{Stand, acme, at, run, strategy};
use crate::service::feed::{END, Portion, Waiting};
use crate::service::simulate::faulty::Fate;
use crate::service::words::TenantChange;
use crate::service::{Error, Service};
use crate::store::Store as _;

const SOURCE: &str = "file:one";

fn stand() -> Stand {
    Stand::of(&strategy(&[("cart", "1h")]))
}

fn operations(stand: &Stand) -> u32 {
    stand.state("ann").map_or(0, |state| state.visits["dwell"].operations)
}

/// Gives rows of the source: those of these numbers, in a portion from `after` to `end`.
fn gives(stand: &Stand, after: u64, rows: &[u64], end: u64) -> Waiting {
    let now = stand.now();
    let items = rows.iter().map(|row| (*row, at("ann", "cart", now))).collect();
    let portion = Portion { source: SOURCE.into(), after, items, end };
    run(stand.service.feed(&acme(), portion)).unwrap()
}

fn read_to(stand: &Stand) -> u64 {
    stand.service.read_to(&acme(), SOURCE).unwrap()
}

#[test]
fn b1_rows_and_how_far_they_are_read_are_stored_together() {
    let mut stand = stand();
    let one = gives(&stand, 0, &[1, 2, 4], 5);
    let two = gives(&stand, 5, &[6], END);
    assert_eq!(read_to(&stand), 0);
    stand.works();
    run(one.stored()).unwrap();
    run(two.stored()).unwrap();
    assert_eq!((operations(&stand), read_to(&stand)), (4, END));
    let lane = stand.lane().id;
    let offsets = stand.store.offsets(lane, "file:").unwrap();
    assert_eq!(offsets.len(), 1, "{offsets:?}");
}

#[test]
fn b1_what_is_given_again_is_passed_over_and_answered_well() {
    let mut stand = stand();
    for _ in 0..2 {
        let waiting = gives(&stand, 0, &[1, 2, 3], 3);
        stand.works();
        run(waiting.stored()).unwrap();
        assert_eq!((operations(&stand), read_to(&stand)), (3, 3));
    }
    let mut stand = stand.restarts();
    // A reader that has another idea of portions.
    let waiting = gives(&stand, 0, &[1, 2, 3, 4], 4);
    stand.works();
    run(waiting.stored()).unwrap();
    assert_eq!((operations(&stand), read_to(&stand)), (4, 4));
}

#[test]
fn b1_what_does_not_follow_is_not_taken() {
    let mut stand = stand();
    let gap = gives(&stand, 3, &[4, 5], END);
    stand.works();
    assert!(run(gap.stored()).is_err());
    assert_eq!((operations(&stand), read_to(&stand)), (0, 0));
}

#[test]
fn b1_after_a_commit_that_failed_nothing_is_skipped() {
    for fate in [Fate::Refused, Fate::Full, Fate::Unheard] {
        let mut stand = stand();
        let one = gives(&stand, 0, &[1, 2], 2);
        assert!(stand.evaluates());
        // This one is evaluated upon the first, and that one waits while it fails.
        let two = gives(&stand, 2, &[3], 3);
        assert!(stand.evaluates());
        let three = gives(&stand, 3, &[4], END);
        stand.commits(fate);
        stand.works();
        let stored = [run(one.stored()), run(two.stored()), run(three.stored())].map(|r| r.is_ok());
        let known = read_to(&stand);
        match fate {
            Fate::Unheard => assert_eq!((stored, known), ([true; 3], END)),
            _ => assert_eq!((stored, known), ([false; 3], 0), "{fate:?}"),
        }
        // The reader goes on from there, and all is there once.
        if known < END {
            let again = gives(&stand, known, &[1, 2, 3, 4], END);
            stand.works();
            run(again.stored()).unwrap();
        }
        assert_eq!((operations(&stand), read_to(&stand)), (4, END), "{fate:?}");
    }
}

#[test]
fn b1_from_every_row_on_it_goes_on_where_it_was() {
    for after in 0..=5 {
        let mut stand = stand();
        let first: Vec<u64> = (1..=after).collect();
        gives(&stand, 0, &first, after);
        stand.works();
        let mut stand = stand.restarts();
        assert_eq!(read_to(&stand), after);
        let rest: Vec<u64> = (after + 1..=5).collect();
        let waiting = gives(&stand, after, &rest, END);
        stand.works();
        run(waiting.stored()).unwrap();
        assert_eq!((operations(&stand), read_to(&stand)), (5, END), "after {after}");
    }
}

#[test]
fn b1_sources_are_a_tenants_own_and_a_suspended_tenant_has_none() {
    let mut stand = stand();
    gives(&stand, 0, &[1], END);
    stand.works();
    let other = Portion { source: "file:two".into(), after: 0, items: Vec::new(), end: 9 };
    let waiting = run(stand.service.feed(&acme(), other)).unwrap();
    stand.works();
    run(waiting.stored()).unwrap();
    assert_eq!(stand.service.read_to(&acme(), "file:two").unwrap(), 9);
    assert!(matches!(stand.service.taker("nobody"), Err(Error::NotFound(_))));
    let suspended = TenantChange { suspended: Some(true), daily_quota: None };
    stand.core().change_tenant(&acme(), &suspended).unwrap();
    assert!(matches!(stand.service.taker("acme"), Err(Error::Forbidden(_))));
    let more = Portion { source: "file:two".into(), after: 9, items: Vec::new(), end: END };
    let refused = |service: &Service| run(service.feed(&acme(), more));
    assert!(matches!(refused(&stand.service), Err(Error::Forbidden(_))));
}

#[test]
fn b1_old_rows_are_history_and_new_ones_are_not() {
    let mut stand = stand();
    let old = at("ben", "cart", super::stand::before(stand.now(), 48 * super::stand::HOUR));
    let new = at("cem", "cart", super::stand::before(stand.now(), 2 * super::stand::HOUR));
    let items = vec![(1, old), (2, new)];
    let portion = Portion { source: SOURCE.into(), after: 0, items, end: END };
    run(stand.service.feed(&acme(), portion)).unwrap();
    stand.settles();
    assert_eq!(stand.letters("ben").len(), 0, "nobody is told now what was long ago");
    assert_eq!(stand.letters("cem").len(), 1);
}
