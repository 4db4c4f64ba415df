use super::{Bucket, Rate};
use crate::engine::event::{Instant, Millis};

const NOW: Instant = Instant(1_700_000_000_000);

fn later(millis: u64) -> Instant {
    NOW.plus(Millis(millis))
}

fn bucket(per_second: f64, burst: u32) -> Bucket {
    Bucket::new(Some(Rate { per_second, burst }), NOW)
}

#[test]
fn tokens_come_with_time() {
    let mut bucket = bucket(2.0, 5);
    assert_eq!((bucket.tokens(NOW), bucket.refilled(NOW)), (5, None));
    assert!(bucket.is_full(NOW));
    bucket.take(NOW, 5);
    assert_eq!((bucket.tokens(NOW), bucket.refilled(NOW)), (0, Some(later(500))));
    assert_eq!((bucket.tokens(later(499)), bucket.tokens(later(500))), (0, 1));
    assert_eq!(bucket.refilled(later(499)), Some(later(500)));
    assert_eq!(bucket.refilled(later(500)), None);
    assert_eq!(bucket.tokens(later(2_499)), 4);
    assert!(!bucket.is_full(later(2_499)) && bucket.is_full(later(2_500)));
    assert_eq!(bucket.tokens(later(u64::MAX)), 5);
}

#[test]
fn parts_of_tokens_are_not_lost() {
    let mut bucket = bucket(0.3, 1);
    let mut taken = 0;
    for milli in 0..100_000 {
        let tokens = bucket.tokens(later(milli));
        bucket.take(later(milli), tokens);
        taken += tokens;
    }
    assert_eq!(taken, 30);
    // One a minute is one a minute, for a year.
    let mut slow = Bucket::new(Some(Rate { per_second: 1.0 / 60.0, burst: 1 }), NOW);
    let mut now = NOW;
    for _ in 0..525_600 {
        slow.take(now, 1);
        now = slow.refilled(now).unwrap();
    }
    let year = 525_600 * 60_000;
    assert!((year..year + year / 10_000).contains(&now.since(NOW).0), "{}", now.since(NOW).0);
}

#[test]
fn without_a_rate_there_is_no_end() {
    let mut bucket = Bucket::new(None, NOW);
    bucket.take(NOW, usize::MAX);
    assert_eq!((bucket.tokens(NOW), bucket.refilled(NOW)), (usize::MAX, None));
    assert!(bucket.is_full(NOW));
}

#[test]
fn what_went_out_beyond_is_owed() {
    let mut bucket = bucket(1.0, 2);
    bucket.take(NOW, 5);
    assert_eq!((bucket.tokens(NOW), bucket.refilled(NOW)), (0, Some(later(4_000))));
    bucket.give(NOW, 4);
    assert_eq!(bucket.tokens(NOW), 1);
    bucket.give(NOW, 100);
    assert_eq!(bucket.tokens(NOW), 2, "no more than the burst");
    bucket.take(NOW, usize::MAX);
    assert!(bucket.refilled(NOW) > Some(NOW));
    bucket.give(NOW, usize::MAX);
    let _ = bucket.refilled(NOW);
}

#[test]
fn a_new_rate_gives_nothing_away() {
    let mut bucket = bucket(1.0, 10);
    bucket.take(NOW, 9);
    bucket.set(Some(Rate { per_second: 5.0, burst: 100 }), NOW);
    assert_eq!(bucket.tokens(NOW), 1);
    assert_eq!(bucket.tokens(later(1_000)), 6);
    bucket.set(Some(Rate { per_second: 5.0, burst: 2 }), later(1_000));
    assert_eq!(bucket.tokens(later(1_000)), 2);
    bucket.set(None, later(1_000));
    assert_eq!(bucket.tokens(later(1_000)), usize::MAX);
    bucket.set(Some(Rate { per_second: 5.0, burst: 3 }), later(1_000));
    assert_eq!(bucket.tokens(later(1_000)), 3);
}

#[test]
fn odd_rates_count_as_the_nearest() {
    for (per_second, burst, wait) in [
        (0.0, 0, 1_000_000),
        (-5.0, 1, 1_000_000),
        (f64::NAN, 1, 1_000_000),
        (f64::NEG_INFINITY, 1, 1_000_000),
        (1e-9, 1, 1_000_000),
        (f64::INFINITY, 1, 1),
        (1e300, 1, 1),
        (1_000_000.0, 1, 1),
    ] {
        let mut bucket = bucket(per_second, burst);
        bucket.take(NOW, 1);
        assert_eq!(bucket.refilled(NOW), Some(later(wait)), "{per_second}");
    }
    let mut most = bucket(1e9, u32::MAX);
    most.take(NOW, usize::MAX);
    assert_eq!(most.tokens(NOW), 0);
}

#[test]
fn a_moment_before_the_last_changes_nothing() {
    let mut bucket = bucket(1.0, 3);
    bucket.take(later(10_000), 3);
    bucket.take(NOW, 0);
    assert_eq!(bucket.tokens(NOW), 0);
    assert_eq!(bucket.tokens(later(11_000)), 1);
    bucket.set_back(NOW);
    assert_eq!(bucket.tokens(later(1_000)), 1);
}

/// In any time, no more than the burst and what comes in that time.
#[test]
fn never_faster_than_the_rate() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..200 {
        let rate = Rate {
            per_second: [0.2, 1.0, 7.5, 333.0][random.usize(0..4)],
            burst: random.u32(1..20),
        };
        let mut bucket = Bucket::new(Some(rate), NOW);
        let (mut now, mut taken) = (0, Vec::new());
        while now < 60_000 {
            let tokens = bucket.tokens(later(now));
            let take = if random.bool() { tokens } else { random.usize(0..=tokens) };
            bucket.take(later(now), take);
            taken.push((now, take));
            now += random.u64(0..2_000);
        }
        for (first, (from, _)) in taken.iter().enumerate() {
            let mut sum = 0.0;
            for (to, n) in &taken[first..] {
                sum += f64::from(u32::try_from(*n).unwrap());
                let seconds = f64::from(u32::try_from(to - from).unwrap()) / 1_000.0;
                let most = f64::from(rate.burst) + rate.per_second * seconds;
                assert!(sum <= most + 1e-6, "{sum} {most} {rate:?}");
            }
        }
    }
}
