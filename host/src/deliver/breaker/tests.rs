use std::time::Duration;

use super::{Breaker, Settings, State};
use crate::channel::{Outcome, Reason, Trouble};
use crate::engine::event::{Instant, Millis};

const ALL: usize = usize::MAX;

const REASONS: [Reason; 16] = [
    Reason::Timeout,
    Reason::Unreachable,
    Reason::Forbidden,
    Reason::Throttled,
    Reason::Provider,
    Reason::Credentials,
    Reason::Quota,
    Reason::NoAddress,
    Reason::InvalidAddress,
    Reason::Unsubscribed,
    Reason::TooLong,
    Reason::Content,
    Reason::Rejected,
    Reason::Settings,
    Reason::NoChannel,
    Reason::Unreadable,
];

fn later(reason: Reason) -> Outcome {
    Outcome::later(reason, "")
}

fn after(seconds: u64) -> Outcome {
    let trouble = Trouble::new(Reason::Throttled, "");
    Outcome::Later { trouble, after: Some(Duration::from_secs(seconds)) }
}

/// A breaker with its clock.
struct Bench {
    breaker: Breaker,
    settings: Settings,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let now = Instant(1_700_000_000_000);
        Bench { breaker: Breaker::default(), settings: Settings::default(), now }
    }

    fn done(&mut self, outcome: &Outcome) {
        self.breaker.done(&self.settings, self.now, outcome);
    }

    fn room(&self) -> usize {
        self.breaker.room(self.now, 0)
    }

    fn state(&self) -> State {
        self.breaker.state(self.now)
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Millis(millis));
    }

    fn open(&mut self) {
        for _ in 0..10 {
            self.done(&later(Reason::Timeout));
        }
        assert_eq!(self.state(), State::Open);
    }

    /// Waits until it is half open, and lets the one attempt out.
    fn probe(&mut self) {
        if let Some(until) = self.breaker.until(self.now) {
            self.now = until;
        }
        assert_eq!((self.room(), self.state()), (1, State::HalfOpen));
        self.breaker.took(self.now);
        assert_eq!((self.room(), self.state()), (0, State::HalfOpen));
    }
}

#[test]
fn opens_after_ten_troubles_in_a_row() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.done(&later(Reason::Timeout));
        assert_eq!((bench.room(), bench.state()), (ALL, State::Closed));
    }
    bench.done(&Outcome::ACCEPTED);
    for _ in 0..9 {
        bench.done(&later(Reason::Provider));
        assert_eq!(bench.room(), ALL);
    }
    bench.done(&later(Reason::Unreachable));
    assert_eq!((bench.room(), bench.state()), (0, State::Open));
    assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(10_000))));
    bench.wait(9_999);
    assert_eq!((bench.room(), bench.state()), (0, State::Open));
    bench.wait(1);
    assert_eq!((bench.room(), bench.state()), (1, State::HalfOpen));
    assert_eq!(bench.breaker.until(bench.now), None);
}

#[test]
fn opens_at_once_when_set_up_wrongly() {
    for reason in [Reason::Credentials, Reason::Settings] {
        for outcome in [later(reason), Outcome::failed(reason, ""), Outcome::gone(reason, "")] {
            let mut bench = Bench::new();
            bench.done(&outcome);
            bench.done(&outcome);
            assert_eq!(bench.state(), State::Closed);
            bench.done(&outcome);
            assert_eq!(bench.state(), State::Open, "{outcome:?}");
        }
    }
    // Only in a row.
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.done(&later(Reason::Credentials));
        bench.done(&later(Reason::Credentials));
        bench.done(&later(Reason::Timeout));
    }
    assert_eq!(bench.state(), State::Closed);
    bench.done(&later(Reason::Credentials));
    assert_eq!(bench.state(), State::Open, "ten troubles of any kind");
}

#[test]
fn what_is_about_the_message_is_no_trouble_of_the_channel() {
    let nobody_asked =
        [Reason::NoAddress, Reason::NoChannel, Reason::Unreadable, Reason::Forbidden];
    for reason in REASONS {
        for outcome in [Outcome::failed(reason, ""), Outcome::gone(reason, "")] {
            let mut bench = Bench::new();
            for _ in 0..9 {
                bench.done(&later(Reason::Timeout));
            }
            if matches!(reason, Reason::Credentials | Reason::Settings) {
                continue;
            }
            for _ in 0..100 {
                bench.done(&outcome);
                assert_eq!(bench.state(), State::Closed, "{outcome:?}");
            }
            bench.done(&later(Reason::Timeout));
            let expected = if nobody_asked.contains(&reason) { State::Open } else { State::Closed };
            assert_eq!(bench.state(), expected, "{outcome:?}");
        }
    }
}

#[test]
fn one_attempt_asks_and_success_closes() {
    let well = [Outcome::ACCEPTED, Outcome::failed(Reason::Content, "")];
    for outcome in well.into_iter().chain([Outcome::gone(Reason::InvalidAddress, "")]) {
        let mut bench = Bench::new();
        bench.open();
        bench.probe();
        bench.wait(3_600_000);
        assert_eq!(bench.room(), 0, "one is one, however long it takes");
        bench.done(&outcome);
        assert_eq!((bench.room(), bench.state()), (ALL, State::Closed));
        bench.open();
        assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(10_000))));
    }
}

#[test]
fn trouble_opens_for_twice_as_long_up_to_ten_minutes() {
    let mut bench = Bench::new();
    bench.open();
    for seconds in [10, 20, 40, 80, 160, 320, 600, 600, 600] {
        assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(seconds * 1000))));
        bench.probe();
        bench.done(&later(Reason::Timeout));
    }
    for _ in 0..100 {
        bench.probe();
        bench.done(&Outcome::failed(Reason::Credentials, ""));
    }
    assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(600_000))));
}

#[test]
fn an_attempt_that_asked_nobody_leaves_it_to_another() {
    let mut bench = Bench::new();
    bench.open();
    bench.probe();
    bench.done(&Outcome::failed(Reason::NoAddress, ""));
    bench.probe();
    bench.breaker.returned(bench.now);
    bench.probe();
    bench.done(&Outcome::ACCEPTED);
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn what_was_under_way_when_it_opened_says_nothing() {
    let mut bench = Bench::new();
    bench.open();
    let opened = bench.breaker.clone();
    for outcome in [Outcome::ACCEPTED, later(Reason::Timeout), later(Reason::Credentials)] {
        bench.done(&outcome);
        assert_eq!(bench.breaker, opened);
    }
    bench.wait(10_000);
    assert_eq!(bench.breaker.room(bench.now, 1), 0, "waits for what is under way");
    assert!(bench.breaker.waits(1) && !bench.breaker.waits(0));
    assert_eq!(bench.room(), 1);
    // What goes out although it is open asks for nobody.
    let mut early = Bench::new();
    early.open();
    early.breaker.took(early.now);
    assert_eq!(early.state(), State::Open);
}

#[test]
fn a_provider_is_left_alone_as_long_as_it_wants() {
    let mut bench = Bench::new();
    bench.done(&after(30));
    assert_eq!((bench.room(), bench.state()), (0, State::Closed));
    let until = bench.now.plus(Millis(30_000));
    assert_eq!(bench.breaker.until(bench.now), Some(until));
    // A shorter word and a success do not take it back.
    bench.done(&after(1));
    bench.done(&Outcome::ACCEPTED);
    assert_eq!(bench.breaker.until(bench.now), Some(until));
    bench.wait(30_000);
    assert_eq!(bench.room(), ALL);
    // Nothing is nothing, and no end comes to an end.
    bench.done(&after(0));
    assert_eq!(bench.room(), ALL);
    bench.done(&after(u64::MAX));
    assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(3_600_000))));
    // The longer of the two counts.
    let mut bench = Bench::new();
    bench.open();
    bench.done(&after(60));
    assert_eq!(bench.breaker.until(bench.now), Some(bench.now.plus(Millis(60_000))));
    bench.wait(10_000);
    assert_eq!(bench.room(), 0);
    bench.wait(50_000);
    assert_eq!(bench.room(), 1);
}

#[test]
fn is_fresh_when_there_is_nothing_to_forget() {
    let mut bench = Bench::new();
    assert!(bench.breaker.is_fresh(bench.now));
    bench.done(&after(1));
    bench.done(&Outcome::ACCEPTED);
    assert!(!bench.breaker.is_fresh(bench.now));
    bench.wait(1_000);
    assert!(bench.breaker.is_fresh(bench.now));
    bench.done(&later(Reason::Timeout));
    assert!(!bench.breaker.is_fresh(bench.now));
}

#[test]
fn a_clock_set_back_keeps_nobody_waiting() {
    let mut bench = Bench::new();
    bench.open();
    bench.done(&after(3_600));
    bench.now = Instant(bench.now.0 - 1_000_000_000);
    bench.breaker.set_back(&bench.settings, bench.now);
    bench.wait(3_600_000);
    assert_eq!(bench.room(), 1);
}

#[test]
fn odd_settings_and_moments() {
    let zero = Millis(0);
    let settings =
        Settings { failures: 0, misfits: 0, shortest: zero, longest: zero, most_after: zero };
    let mut breaker = Breaker::default();
    for now in [Instant::MIN, Instant(0), Instant::MAX] {
        for outcome in [after(u64::MAX), later(Reason::Timeout), Outcome::ACCEPTED] {
            breaker.done(&settings, now, &outcome);
            breaker.took(now);
            let _ = (breaker.room(now, 0), breaker.until(now), breaker.state(now));
        }
    }
    let most = Millis(u64::MAX);
    let settings =
        Settings { failures: 1, misfits: 1, shortest: most, longest: most, most_after: most };
    let mut breaker = Breaker::default();
    breaker.done(&settings, Instant(0), &later(Reason::Timeout));
    assert_eq!(breaker.until(Instant(0)), Some(Instant::MAX));
}
