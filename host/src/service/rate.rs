//! A token bucket: so many a second in the long run, so many at once after a pause. Pure: the time is
//! given.

/// Parts of a token. A token a second is a part a millisecond, so no arithmetic ever rounds.
use crate::engine::event::Millis;

const PARTS: i64 = 1_000;

/// How far back, in milliseconds, the time may go before it counts as another time. Less is threads that
/// overtake each other between looking at the clock and coming here.
const DISORDER: i64 = 1_000;

/// A bucket of tokens, full at first.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// Tokens a second, which is parts a millisecond.
    rate: i64,
    /// Parts when it is full.
    full: i64,
    /// Parts now; less than none is a debt.
    level: i64,
    /// When `level` was right, in milliseconds.
    at: i64,
}

impl Bucket {
    /// A full bucket with so many tokens, filled up by so many a second. Of either there is at least one:
    /// a bucket that never has anything is a way of refusing that deserves a reason of its own.
    #[must_use]
    pub(super) fn new(rate: u64, burst: u64) -> Bucket {
        let full = parts(burst.max(1));
        let rate = i64::try_from(rate.max(1)).unwrap_or(i64::MAX);
        Bucket { rate, full, level: full, at: i64::MIN }
    }

    /// Takes `n` tokens at an instant in milliseconds.
    ///
    /// More than the bucket holds are given when it is full: it goes into debt, and what comes after
    /// waits until that is paid. Otherwise a large batch would be refused for ever.
    ///
    /// # Errors
    ///
    /// If there are too few, how long it takes until there are enough, if nobody else takes any. Nothing
    /// is taken then.
    pub(super) fn take(&mut self, n: u64, now: i64) -> Result<(), Millis> {
        self.fill(now);
        let price = parts(n);
        let lacking = price.min(self.full).saturating_sub(self.level);
        if lacking <= 0 || n == 0 {
            self.level = self.level.saturating_sub(price);
            return Ok(());
        }
        let (lacking, rate) = (lacking.unsigned_abs(), self.rate.unsigned_abs());
        // Who was overtaken has that to wait for first.
        let behind = self.at.saturating_sub(now).max(0).unsigned_abs();
        Err(Millis(lacking.div_ceil(rate).saturating_add(behind)))
    }

    fn fill(&mut self, now: i64) {
        let passed = now.saturating_sub(self.at);
        if passed < 0 {
            // A clock that was set back: nothing is given for it, and nobody waits until it is as late
            // again. After mere disorder the later time stands, or each overtaking would give its time twice.
            if passed < -DISORDER {
                self.at = now;
            }
            return;
        }
        let given = passed.saturating_mul(self.rate);
        self.level = self.level.saturating_add(given).min(self.full);
        self.at = now;
    }
}

fn parts(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(10, 5);
        for _ in 0..5 {
            assert_eq!(bucket.take(1, 0), Ok(()));
        }
        assert_eq!(bucket.take(1, 0), Err(Millis(100)));
        assert_eq!(bucket.take(1, 99), Err(Millis(1)));
        assert_eq!(bucket.take(1, 100), Ok(()));
        assert_eq!(bucket.take(3, 150), Err(Millis(250)));
        assert_eq!(bucket.take(3, 400), Ok(()));
    }

    #[test]
    fn it_holds_no_more_than_the_burst() {
        let mut bucket = Bucket::new(1_000, 5);
        assert_eq!(bucket.take(5, 0), Ok(()));
        assert_eq!(bucket.take(5, 1_000_000), Ok(()));
        assert_eq!(bucket.take(1, 1_000_000), Err(Millis(1)));
    }

    #[test]
    fn the_wait_is_exact() {
        let mut bucket = Bucket::new(3, 7);
        assert_eq!(bucket.take(7, 0), Ok(()));
        let mut now = 0;
        for n in [1, 2, 7, 3, 20, 1] {
            let Err(Millis(wait)) = bucket.take(n, now) else { panic!("there is some") };
            let wait = i64::try_from(wait).unwrap();
            assert!(bucket.take(n, now + wait - 1).is_err());
            now += wait;
            assert_eq!(bucket.take(n, now), Ok(()));
        }
    }

    #[test]
    fn in_the_long_run_it_gives_the_rate() {
        let mut bucket = Bucket::new(7, 3);
        let given = (0..=100_000).filter(|now| bucket.take(1, *now).is_ok()).count();
        assert_eq!(given, 700 + 3);
    }

    #[test]
    fn more_than_the_burst_goes_into_debt() {
        let mut bucket = Bucket::new(10, 5);
        assert_eq!(bucket.take(25, 0), Ok(()));
        // 20 of debt and one more.
        assert_eq!(bucket.take(1, 0), Err(Millis(2_100)));
        assert_eq!(bucket.take(1, 2_100), Ok(()));
        // Not full: it has to wait until it is.
        assert_eq!(bucket.take(25, 2_100), Err(Millis(500)));
        assert_eq!(bucket.take(25, 2_600), Ok(()));
    }

    #[test]
    fn nothing_is_always_there() {
        let mut bucket = Bucket::new(1, 1);
        assert_eq!(bucket.take(100, 0), Ok(()));
        assert_eq!(bucket.take(0, 0), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_hurt() {
        let mut bucket = Bucket::new(10, 5);
        assert_eq!(bucket.take(5, 3_600_000), Ok(()));
        // Nothing is given for going back, and time counts at once from there.
        assert_eq!(bucket.take(1, 0), Err(Millis(100)));
        assert_eq!(bucket.take(1, 100), Ok(()));
        // Forward again: a jump, but never more than the burst.
        assert_eq!(bucket.take(5, 3_600_000), Ok(()));
        assert_eq!(bucket.take(1, 3_600_000), Err(Millis(100)));
    }

    #[test]
    fn overtaking_threads_gain_nothing() {
        let mut bucket = Bucket::new(10, 5);
        assert_eq!(bucket.take(5, 1_000), Ok(()));
        for _ in 0..1_000 {
            assert_eq!(bucket.take(1, 950), Err(Millis(150)));
            assert_eq!(bucket.take(1, 1_000), Err(Millis(100)));
        }
        assert_eq!(bucket.take(1, 1_100), Ok(()));
    }

    #[test]
    fn nothing_overflows() {
        for (rate, burst) in [(0, 0), (u64::MAX, u64::MAX), (1, u64::MAX), (u64::MAX, 1)] {
            let mut bucket = Bucket::new(rate, burst);
            for now in [0, i64::MAX, i64::MIN, -1, 1, i64::MAX] {
                for n in [0, 1, u64::MAX, u64::MAX] {
                    let _ = bucket.take(n, now);
                }
            }
        }
        assert_eq!(Bucket::new(0, 0).take(1, i64::MIN), Ok(()));
    }
}
