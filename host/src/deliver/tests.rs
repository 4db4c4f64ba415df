use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::State;
use super::pace::{Limits, Rate};
use super::{Dispatcher, Settings, Waiting};
use crate::channel::{Outcome, Reason, Trouble};
use crate::engine::event::{Instant, Millis};
use crate::store::TenantId;

mod simulation;

const NOW: Instant = Instant(1_700_000_000_000);

fn waiting(pairs: &[(u32, &str)]) -> Vec<Waiting> {
    pairs.iter().map(|&(tenant, channel)| (TenantId(tenant), channel.into(), NOW)).collect()
}

fn settings(overall: usize, per_tenant: usize, at_once: usize) -> Settings {
    let limits = Limits { rate: None, at_once };
    Settings { overall, per_tenant, limits, ..Settings::default() }
}

fn later(millis: u64) -> Instant {
    NOW.plus(Millis(millis))
}

fn allowed(dispatcher: &mut Dispatcher, now: Instant, pairs: &[(u32, &str)]) -> Vec<usize> {
    let allowed = dispatcher.allow(now, &waiting(pairs));
    let found = |&(tenant, channel): &(u32, &str)| {
        let this = |(t, c, _): &&(TenantId, Arc<str>, usize)| t.0 == tenant && **c == *channel;
        allowed.iter().find(this).map_or(0, |(.., n)| *n)
    };
    pairs.iter().map(found).collect()
}

fn took(dispatcher: &mut Dispatcher, tenant: u32, channel: &str, attempts: usize) {
    dispatcher.took(TenantId(tenant), &channel.into(), attempts);
}

fn trouble(dispatcher: &mut Dispatcher, now: Instant, tenant: u32, channel: &str, times: usize) {
    for _ in 0..times {
        took(dispatcher, tenant, channel, 1);
        let outcome = Outcome::later(Reason::Timeout, "");
        dispatcher.done(now, TenantId(tenant), channel, &outcome);
    }
}

#[test]
fn what_is_due_goes_out_and_no_more_than_may() {
    let mut d = Dispatcher::new(settings(100, 60, 20));
    assert_eq!(d.allow(NOW, &[]), []);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [20]);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (1, "b"), (1, "c"), (1, "d")]), [15; 4]);
    assert_eq!(allowed(&mut d, Instant(NOW.0 - 1), &[(1, "a")]), [0], "not yet due");
    let soon = [(TenantId(1), Arc::from("a"), later(1))];
    assert_eq!(d.allow(NOW, &soon), []);
    assert_eq!(d.next(NOW, &soon), Some(later(1)));
    assert_eq!(d.allow(later(1), &soon).len(), 1);
    // Nothing was reserved.
    assert_eq!(d.view(), []);
    took(&mut d, 1, "a", 20);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [0]);
    d.done(NOW, TenantId(1), "a", &Outcome::ACCEPTED);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [1]);
    d.returned(TenantId(1), "a", 5);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [6]);
}

#[test]
fn a_pair_named_twice_counts_once() {
    let mut d = Dispatcher::new(settings(100, 60, 20));
    let twice = waiting(&[(1, "a"), (2, "a"), (1, "a")]);
    let allowed = d.allow(NOW, &twice);
    assert_eq!(allowed, [(TenantId(1), "a".into(), 20), (TenantId(2), "a".into(), 20)]);
}

#[test]
fn tenants_share_fairly() {
    let mut d = Dispatcher::new(settings(10, 10, 10));
    let three = [(1, "a"), (2, "a"), (3, "a")];
    // What does not go round goes round.
    assert_eq!(allowed(&mut d, NOW, &three), [4, 3, 3]);
    assert_eq!(allowed(&mut d, NOW, &three), [3, 4, 3]);
    assert_eq!(allowed(&mut d, NOW, &three), [3, 3, 4]);
    assert_eq!(allowed(&mut d, NOW, &three), [4, 3, 3]);
    // Many channels are no more than one.
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (1, "b"), (1, "c"), (2, "a")]), [2, 2, 1, 5]);
    assert_eq!(
        allowed(&mut d, NOW, &[(1, "a"), (1, "b"), (1, "c"), (2, "a")]).iter().sum::<usize>(),
        10
    );
    // Who has some waits for the others.
    took(&mut d, 1, "a", 6);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (2, "a")]), [0, 4]);
    took(&mut d, 2, "a", 4);
    assert_eq!(allowed(&mut d, NOW, &three), [0, 0, 0]);
    d.done(NOW, TenantId(1), "a", &Outcome::ACCEPTED);
    assert_eq!(allowed(&mut d, NOW, &three), [0, 0, 1]);
}

#[test]
fn channels_of_a_tenant_share_fairly() {
    let mut d = Dispatcher::new(settings(100, 9, 100));
    took(&mut d, 1, "slow", 6);
    assert_eq!(allowed(&mut d, NOW, &[(1, "slow"), (1, "fast")]), [0, 3]);
    d.returned(TenantId(1), "slow", 6);
    let mut sums = [0, 0];
    for _ in 0..10 {
        let now = allowed(&mut d, NOW, &[(1, "a"), (1, "b")]);
        assert_eq!(now.iter().sum::<usize>(), 9);
        sums = [sums[0] + now[0], sums[1] + now[1]];
    }
    assert_eq!(sums, [45, 45]);
}

#[test]
fn a_rate_is_kept() {
    let mut d = Dispatcher::new(settings(100, 100, 100));
    let slow = Limits { rate: Some(Rate { per_second: 2.0, burst: 3 }), at_once: 100 };
    d.set_limits(TenantId(1), &"a".into(), slow);
    let one = waiting(&[(1, "a")]);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [3]);
    took(&mut d, 1, "a", 3);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (1, "b")]), [0, 97]);
    assert_eq!(d.next(NOW, &one), Some(later(500)));
    assert_eq!(d.next(NOW, &waiting(&[(1, "a"), (1, "b")])), Some(NOW));
    assert_eq!(allowed(&mut d, later(499), &[(1, "a")]), [0]);
    assert_eq!(allowed(&mut d, later(500), &[(1, "a")]), [1]);
    // What was not made gives its token back.
    d.returned(TenantId(1), "a", 2);
    assert_eq!(allowed(&mut d, later(500), &[(1, "a")]), [3]);
    // A rate that is set while attempts are under way holds from now on.
    took(&mut d, 1, "b", 50);
    d.set_limits(TenantId(1), &"b".into(), Limits { at_once: 51, ..slow });
    assert_eq!(allowed(&mut d, later(500), &[(1, "b")]), [1]);
}

#[test]
fn a_breaker_holds_one_pair_only() {
    let mut d = Dispatcher::new(settings(100, 100, 100));
    trouble(&mut d, NOW, 1, "a", 10);
    let all = [(1, "a"), (1, "b"), (2, "a")];
    assert_eq!(allowed(&mut d, NOW, &all), [0, 50, 50]);
    let one = waiting(&[(1, "a")]);
    assert_eq!(d.next(NOW, &one), Some(later(10_000)));
    assert_eq!(allowed(&mut d, later(9_999), &all), [0, 50, 50]);
    // Half open: one, and while it is under way none.
    assert_eq!(d.next(later(10_000), &one), Some(NOW), "now");
    assert_eq!(allowed(&mut d, later(10_000), &all), [1, 49, 50]);
    took(&mut d, 1, "a", 1);
    assert_eq!(allowed(&mut d, later(20_000), &[(1, "a")]), [0]);
    assert_eq!(d.next(later(20_000), &one), None, "it is for the one to say");
    let view = d.view();
    assert_eq!((view[0].state, view[0].in_flight, view[0].until), (State::HalfOpen, 1, None));
    d.done(later(20_000), TenantId(1), "a", &Outcome::later(Reason::Timeout, ""));
    assert_eq!(d.next(later(20_000), &one), Some(later(40_000)));
    let view = d.view();
    assert_eq!((view[0].state, view[0].until), (State::Open, Some(later(40_000))));
    // The one was not made: another is.
    assert_eq!(allowed(&mut d, later(40_000), &[(1, "a")]), [1]);
    took(&mut d, 1, "a", 1);
    d.returned(TenantId(1), "a", 1);
    assert_eq!(allowed(&mut d, later(40_000), &[(1, "a")]), [1]);
    took(&mut d, 1, "a", 1);
    d.done(later(40_000), TenantId(1), "a", &Outcome::ACCEPTED);
    assert_eq!(allowed(&mut d, later(40_000), &[(1, "a")]), [100]);
    assert_eq!(d.view()[0].state, State::Closed);
}

#[test]
fn a_channel_set_up_anew_is_tried_anew() {
    let mut d = Dispatcher::new(settings(100, 100, 100));
    took(&mut d, 1, "a", 3);
    for _ in 0..3 {
        d.done(NOW, TenantId(1), "a", &Outcome::failed(Reason::Credentials, ""));
    }
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [0]);
    d.set_limits(TenantId(1), &"a".into(), Limits { rate: None, at_once: 7 });
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [0], "limits are not what was wrong");
    d.reset(TenantId(1), "a");
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [7]);
    d.reset(TenantId(1), "b");
    d.reset(TenantId(2), "a");
}

#[test]
fn a_provider_is_left_alone() {
    let mut d = Dispatcher::new(settings(100, 100, 100));
    took(&mut d, 1, "a", 2);
    let outcome = Outcome::Later {
        trouble: Trouble::new(Reason::Throttled, ""),
        after: Some(Duration::from_secs(7)),
    };
    d.done(NOW, TenantId(1), "a", &outcome);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (2, "a")]), [0, 99]);
    assert_eq!(d.next(NOW, &waiting(&[(1, "a")])), Some(later(7_000)));
    assert_eq!(allowed(&mut d, later(7_000), &[(1, "a")]), [99]);
}

#[test]
fn next_is_the_earliest_that_may_be() {
    let mut d = Dispatcher::new(settings(10, 5, 3));
    assert_eq!(d.next(NOW, &[]), None);
    trouble(&mut d, NOW, 1, "a", 10);
    let at = |tenant, channel: &str, at| (TenantId(tenant), Arc::from(channel), at);
    // Due before its provider is asked again, and after.
    assert_eq!(d.next(NOW, &[at(1, "a", later(5))]), Some(later(10_000)));
    assert_eq!(d.next(NOW, &[at(1, "a", later(10_005))]), Some(later(10_005)));
    assert_eq!(d.next(NOW, &[at(1, "a", NOW), at(3, "x", later(77))]), Some(later(77)));
    took(&mut d, 2, "a", 3);
    assert_eq!(d.next(NOW, &[at(2, "a", NOW)]), None, "the pair is full");
    assert_eq!(d.next(NOW, &[at(2, "b", NOW)]), Some(NOW));
    took(&mut d, 2, "b", 2);
    assert_eq!(d.next(NOW, &[at(2, "c", NOW)]), None, "the tenant is full");
    took(&mut d, 3, "a", 3);
    took(&mut d, 4, "a", 2);
    assert_eq!(d.next(NOW, &[at(5, "a", NOW)]), None, "all is full");
    assert_eq!(d.allow(NOW, &[at(5, "a", NOW)]), []);
    d.done(NOW, TenantId(4), "a", &Outcome::ACCEPTED);
    assert_eq!(d.next(NOW, &[at(5, "a", NOW)]), Some(NOW));
}

#[test]
fn a_forgotten_tenant_leaves_when_nothing_is_under_way() {
    let mut d = Dispatcher::new(settings(10, 10, 3));
    d.set_limits(TenantId(1), &"a".into(), Limits { rate: None, at_once: 9 });
    d.set_limits(TenantId(1), &"b".into(), Limits { rate: None, at_once: 9 });
    took(&mut d, 1, "a", 2);
    d.forget(TenantId(1));
    assert_eq!(d.view().len(), 1);
    assert_eq!(allowed(&mut d, NOW, &[(2, "a"), (3, "a"), (4, "a")]).iter().sum::<usize>(), 8);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [1], "as if it were new");
    d.done(NOW, TenantId(1), "a", &Outcome::ACCEPTED);
    d.returned(TenantId(1), "a", 1);
    assert_eq!(d.view(), []);
    d.done(NOW, TenantId(1), "a", &Outcome::ACCEPTED);
    d.returned(TenantId(1), "a", 1);
    d.forget(TenantId(1));
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [3]);
    // One that comes back is not dropped.
    took(&mut d, 5, "a", 1);
    d.forget(TenantId(5));
    d.set_limits(TenantId(5), &"a".into(), Limits { rate: None, at_once: 2 });
    d.done(NOW, TenantId(5), "a", &Outcome::ACCEPTED);
    assert_eq!(allowed(&mut d, NOW, &[(5, "a")]), [2]);
}

#[test]
fn what_never_went_out_does_not_come_back() {
    let mut d = Dispatcher::new(settings(10, 10, 3));
    took(&mut d, 1, "a", 1);
    d.returned(TenantId(1), "a", 100);
    d.returned(TenantId(1), "b", 1);
    d.done(NOW, TenantId(2), "a", &Outcome::ACCEPTED);
    took(&mut d, 1, "c", 0);
    for _ in 0..20 {
        d.done(NOW, TenantId(1), "a", &Outcome::later(Reason::Timeout, ""));
    }
    assert_eq!(allowed(&mut d, NOW, &[(1, "a")]), [3]);
    assert_eq!(d.view().len(), 1);
    // More went out than was allowed: none may until enough is back.
    took(&mut d, 1, "a", usize::MAX);
    took(&mut d, 1, "a", usize::MAX);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (2, "a")]), [0, 0]);
}

#[test]
fn channels_that_nobody_set_up_are_not_kept_for_ever() {
    let mut d = Dispatcher::new(settings(10, 10, 3));
    let slow = Limits { rate: None, at_once: 1 };
    d.set_limits(TenantId(1), &"kept".into(), slow);
    trouble(&mut d, NOW, 1, "troubled", 1);
    for i in 0..10_000 {
        let name = i.to_string();
        took(&mut d, 1, &name, 1);
        d.done(NOW, TenantId(1), &name, &Outcome::failed(Reason::NoChannel, ""));
        assert!(d.view().len() <= 64);
    }
    let names: Vec<Arc<str>> = d.view().into_iter().map(|pair| pair.channel).collect();
    assert!(names.contains(&"kept".into()) && names.contains(&"troubled".into()));
}

#[test]
fn a_clock_set_back_stops_nothing() {
    let mut d = Dispatcher::new(settings(100, 100, 100));
    let slow = Limits { rate: Some(Rate { per_second: 1.0, burst: 1 }), at_once: 100 };
    d.set_limits(TenantId(1), &"a".into(), slow);
    let future = later(1_000_000_000_000);
    assert_eq!(allowed(&mut d, future, &[(1, "a")]), [1]);
    took(&mut d, 1, "a", 1);
    trouble(&mut d, future, 1, "b", 10);
    assert_eq!(allowed(&mut d, NOW, &[(1, "a"), (1, "b")]), [0, 0]);
    assert_eq!(d.next(NOW, &waiting(&[(1, "a")])), Some(later(1_000)));
    assert_eq!(allowed(&mut d, later(600_000), &[(1, "a"), (1, "b")]), [1, 1]);
}

#[test]
fn moments_at_the_ends_of_time() {
    let mut d = Dispatcher::new(Settings::default());
    let mut random = fastrand::Rng::with_seed(11);
    let moments = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    for _ in 0..5_000 {
        let now = Instant(moments[random.usize(0..7)]);
        let due = Instant(moments[random.usize(0..7)]);
        let pair = [(TenantId(1), Arc::from("a"), due)];
        let _ = (d.allow(now, &pair), d.next(now, &pair), d.view());
        let rate = Rate { per_second: random.f64() * 10.0, burst: random.u32(..) };
        match random.u8(0..5) {
            0 => took(&mut d, 1, "a", random.usize(..)),
            1 => d.returned(TenantId(1), "a", random.usize(..)),
            2 => d.done(now, TenantId(1), "a", &Outcome::later(Reason::Timeout, "")),
            3 => d.set_limits(TenantId(1), &"a".into(), Limits { rate: Some(rate), at_once: 0 }),
            _ => d.forget(TenantId(1)),
        }
    }
}

/// Called for each round: what it costs must not grow faster than what it is asked.
#[test]
fn many_pairs_at_once() {
    let mut d = Dispatcher::new(Settings { overall: 10_000, ..Settings::default() });
    let names: Vec<Arc<str>> = (0..5).map(|i| format!("channel-{i}").into()).collect();
    let all: Vec<Waiting> =
        (0..200).flat_map(|t| names.iter().map(move |c| (TenantId(t), c.clone(), NOW))).collect();
    let mut sums = BTreeMap::new();
    for (tenant, channel, n) in d.allow(NOW, &all) {
        d.took(tenant, &channel, n);
        *sums.entry(tenant).or_insert(0) += n;
    }
    assert!(sums.len() == 200 && sums.values().all(|sum| *sum == 50), "{sums:?}");
}
