use std::time::Duration;

use super::{Schedule, next};
use crate::engine::event::Millis;

#[test]
fn waits_as_the_schedule_says() {
    let schedule = Schedule::default();
    let delays = [5_000, 60_000, 300_000, 1_800_000, 7_200_000, 18_000_000];
    for (tries, delay) in (1_u32..).zip(delays) {
        let (mut least, mut most) = (u64::MAX, 0);
        for seed in 0..2_000 {
            let Millis(wait) = next(&schedule, tries, None, seed).unwrap();
            assert!((delay..=delay + delay / 5).contains(&wait), "{tries} {seed} {wait}");
            (least, most) = (least.min(wait), most.max(wait));
        }
        assert!(least < delay + delay / 50 && most > delay + delay * 9 / 50, "{least} {most}");
    }
    assert_eq!(next(&schedule, 7, None, 1), None);
    assert_eq!(next(&schedule, 7, Some(Duration::from_secs(60)), 1), None);
    assert_eq!(next(&schedule, u32::MAX, None, 1), None);
    assert_eq!(next(&schedule, 0, None, 1), next(&schedule, 1, None, 1));
}

#[test]
fn is_the_same_for_the_same_seed() {
    let schedule = Schedule::default();
    assert_eq!(next(&schedule, 3, None, 42), next(&schedule, 3, None, 42));
    assert_ne!(next(&schedule, 3, None, 42), next(&schedule, 3, None, 43));
}

#[test]
fn a_provider_may_ask_for_more_but_not_for_ever() {
    let schedule = Schedule::default();
    let ask = |seconds| next(&schedule, 1, Some(Duration::from_secs(seconds)), 9);
    assert_eq!(ask(0), next(&schedule, 1, None, 9));
    assert_eq!(ask(4), next(&schedule, 1, None, 9));
    assert_eq!(ask(120), Some(Millis(120_000)));
    assert_eq!(ask(86_400), Some(Millis(86_400_000)));
    assert_eq!(ask(86_401), Some(Millis(86_400_000)));
    assert_eq!(ask(u64::MAX), Some(Millis(86_400_000)));
    assert_eq!(next(&schedule, 1, Some(Duration::MAX), 9), Some(Millis(86_400_000)));
    // The clamp is for what the provider says; the schedule is the operator's own.
    let long = Schedule { delays: vec![Millis(200_000_000)], ..schedule };
    assert!(next(&long, 1, Some(Duration::MAX), 9) >= Some(Millis(200_000_000)));
}

#[test]
fn odd_schedules() {
    let none = Schedule { delays: Vec::new(), most_after: Millis(0) };
    assert_eq!(next(&none, 1, None, 1), None);
    let odd = Schedule { delays: vec![Millis(0), Millis(u64::MAX)], most_after: Millis(u64::MAX) };
    assert_eq!(next(&odd, 1, None, 1), Some(Millis(0)));
    assert_eq!(next(&odd, 2, None, 1), Some(Millis(u64::MAX)));
}
