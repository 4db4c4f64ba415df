//! Lanes take turns.

use std::sync::Arc;

use super::stand::{Stand, acme, at};
use crate::engine::event::{Instant, Millis};
use crate::service::TenantName;
use crate::service::lane::Lane;
use crate::service::ticket::Ticket;
use crate::service::words::NewTenant;

/// A service with the tenants `acme` and `bolt`, and their lanes.
fn two() -> (Stand, Arc<Lane>, Arc<Lane>) {
    let stand = Stand::with("batch = 4\n");
    stand.core().create_tenant(&NewTenant { name: "bolt".to_owned() }).unwrap();
    let lanes = (stand.lane(), stand.core().lane(&TenantName::known("bolt")).unwrap());
    (stand, lanes.0, lanes.1)
}

fn fill(lane: &Lane, now: Instant, many: usize) {
    let (ticket, _) = Ticket::new(many);
    let items = (0..many).map(|n| (at(&format!("u{n}"), "cart", now), 1)).collect();
    lane.offer(items, |_| false, &ticket, now, false).unwrap();
}

/// Whose batch is next; it takes so long, and goes to the store.
fn turn(stand: &Stand, micros: u64, faults: usize) -> String {
    let (lane, inputs) = stand.core().next_batch().unwrap();
    assert!(!inputs.is_empty());
    stand.core().evaluated();
    lane.evaluated(micros, faults, stand.now());
    lane.committed(true, &[]);
    lane.name.to_string()
}

#[test]
fn who_has_used_much_waits_behind_who_has_used_little() {
    let (stand, acme, bolt) = two();
    fill(&acme, stand.now(), 100);
    fill(&bolt, stand.now(), 100);
    let mut used = [0, 0];
    for _ in 0..40 {
        // Each batch of acme takes ten times as long.
        let (lane, _) = stand.core().next_batch().unwrap();
        let which = usize::from(lane.name.as_str() == "bolt");
        let micros = [1_000, 100][which];
        used[which] += micros;
        stand.core().evaluated();
        lane.evaluated(micros, 0, stand.now());
        lane.committed(true, &[]);
        if lane.is_idle() {
            break;
        }
    }
    assert!(used[0].abs_diff(used[1]) <= 1_100, "{used:?}");
}

#[test]
fn who_was_idle_gets_no_credit_for_it() {
    let (stand, acme, bolt) = two();
    fill(&acme, stand.now(), 80);
    for _ in 0..10 {
        assert_eq!(turn(&stand, 1_000, 0), "acme");
    }
    fill(&bolt, stand.now(), 80);
    let turns: Vec<String> = (0..8).map(|_| turn(&stand, 1_000, 0)).collect();
    let of_bolt = turns.iter().filter(|name| *name == "bolt").count();
    assert!((4..=5).contains(&of_bolt), "{turns:?}");
}

#[test]
fn a_lane_that_faulted_rests() {
    let (stand, acme, _) = two();
    fill(&acme, stand.now(), 80);
    turn(&stand, 2_000, 1);
    for _ in 0..6 {
        assert!(stand.core().next_batch().is_none());
        stand.clock.advance(Millis(1));
    }
    turn(&stand, 2_000, 0);
    turn(&stand, 2_000, 0);
    // No rest is long, whatever the clock says.
    turn(&stand, 60_000_000, 1);
    assert!(acme.wants(stand.now()).is_some());
    turn(&stand, 1_000_000, 1);
    assert!(acme.wants(stand.now()).is_none());
    stand.clock.set(Instant(stand.now().0 - 3_600_000));
    assert!(acme.wants(stand.now()).is_some(), "a clock that was set back lets nobody wait");
}

#[test]
fn while_one_rests_another_goes_on() {
    let (stand, acme, bolt) = two();
    fill(&acme, stand.now(), 80);
    fill(&bolt, stand.now(), 80);
    assert_eq!(turn(&stand, 1, 1), "acme");
    assert_eq!(turn(&stand, 30_000, 0), "bolt");
    assert_eq!(turn(&stand, 30_000, 0), "bolt");
}

#[test]
fn a_slow_lane_rests_as_long_as_it_took_and_takes_less_at_once() {
    let (stand, acme, bolt) = two();
    fill(&acme, stand.now(), 80);
    let core = stand.core();
    let (_, first) = core.next_batch().unwrap();
    acme.evaluated(100_000, 0, stand.now());
    acme.committed(true, &[]);
    assert!(core.next_batch().is_none(), "it rests, though nobody else wants a turn");
    assert!(acme.wants(stand.now().plus(Millis(99))).is_none());
    assert!(acme.wants(stand.now().plus(Millis(100))).is_some());
    let next = acme.take(0).unwrap();
    assert_eq!(next.len() * 2, first.len());
    drop(bolt);
}

#[test]
fn one_batch_of_a_lane_is_evaluated_at_a_time_and_two_may_wait_for_the_disk() {
    let (stand, acme, _) = two();
    fill(&acme, stand.now(), 80);
    let core = stand.core();
    core.next_batch().unwrap();
    assert!(core.next_batch().is_none());
    acme.evaluated(1, 0, stand.now());
    core.next_batch().unwrap();
    acme.evaluated(1, 0, stand.now());
    assert!(core.next_batch().is_none(), "two are on their way");
    acme.committed(true, &[]);
    core.next_batch().unwrap();
    // What is in mind was forgotten: nothing is evaluated until all that was is stored or is not.
    acme.not_evaluated();
    assert!(core.next_batch().is_none());
    acme.committed(true, &[]);
    core.next_batch().unwrap();
}

#[test]
fn a_user_is_woken_once() {
    let stand = Stand::new();
    let lane = stand.core().lane(&acme()).unwrap();
    assert!(lane.wake(&"ann".into()));
    assert!(!lane.wake(&"ann".into()));
    assert_eq!(lane.wakes(), 1);
    lane.unwake(&["ann".into()]);
    assert!(lane.wake(&"ann".into()));
}

#[test]
fn the_batches_of_a_new_release_begin_small_and_grow() {
    let stand = Stand::with("batch = 100\n");
    let lane = stand.lane();
    fill(&lane, stand.now(), 500);
    let mut sizes = Vec::new();
    for (faults, renewed) in [(0, false), (0, false), (0, false), (1, false), (0, true), (0, false)]
    {
        stand.clock.advance(Millis(10));
        let (_, inputs) = stand.core().next_batch().unwrap();
        sizes.push(inputs.len());
        lane.evaluated(1, faults, stand.now());
        lane.committed(true, &[]);
        if renewed {
            lane.set_live(None);
        }
    }
    assert_eq!(sizes, [32, 64, 100, 100, 32, 32]);
}
