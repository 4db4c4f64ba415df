//! When an attempt that did not go through is made again.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::engine::event::Millis;

/// How long to wait from try to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The wait after each try; there is one try more than waits.
    pub delays: Vec<Millis>,
    /// The longest wait that a provider may ask for.
    pub most_after: Millis,
}

/// 5 s, 1 min, 5 min, 30 min, 2 h and 5 h; a provider may ask for a day.
impl Default for Schedule {
    fn default() -> Schedule {
        let seconds = [5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600];
        Schedule {
            delays: seconds.into_iter().map(|s| Millis(s * 1000)).collect(),
            most_after: Millis(24 * 3600 * 1000),
        }
    }
}

/// The wait before the next try, when `tries` were made and the provider wants to be left alone for `after`;
/// nothing if there is to be none. It is up to a fifth longer than the schedule says, by the seed, so that what
/// failed together does not come back together. A provider's own word counts if it is longer.
#[must_use]
pub fn next(settings: &Schedule, tries: u32, after: Option<Duration>, seed: u64) -> Option<Millis> {
    let made = usize::try_from(tries.max(1)).ok()?;
    let delay = settings.delays.get(made - 1)?.0;
    let spread = fastrand::Rng::with_seed(seed).u64(0..=delay / 5);
    let wanted = after.map_or(0, millis).min(settings.most_after.0);
    Some(Millis(delay.saturating_add(spread).max(wanted)))
}

/// A length of time; the longest if it is too long to be counted.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
