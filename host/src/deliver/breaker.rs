//! The circuit breaker of one tenant's channel: when a provider is in trouble it is left alone for a while, and
//! then asked with one attempt whether it is well again.

#[cfg(test)]
mod tests;

use super::backoff::millis;
use crate::channel::{Outcome, Reason};
use crate::engine::event::{Instant, Millis};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Troubles in a row after which it opens.
    pub failures: u32,
    /// Troubles in a row after which it opens if they say that the channel is set up wrongly.
    pub misfits: u32,
    /// How long it is open the first time; twice as long each time that it opens again.
    pub shortest: Millis,
    /// How long it is open at most.
    pub longest: Millis,
    /// The longest time for which a provider may ask to be left alone.
    pub most_after: Millis,
}

/// 10 troubles or 3 misfits, from 10 s to 10 min; a provider may ask for an hour.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            failures: 10,
            misfits: 3,
            shortest: Millis(10_000),
            longest: Millis(10 * 60_000),
            most_after: Millis(60 * 60_000),
        }
    }
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Everything.
    Closed,
    /// One attempt, to see whether the provider is well again.
    HalfOpen,
    /// Nothing.
    Open,
}

/// A circuit breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    phase: Phase,
    /// Troubles in a row.
    troubles: u32,
    /// Of these, the latest in a row that say that the channel is set up wrongly.
    misfits: u32,
    /// How often it opened since it was last closed.
    opened: u32,
    /// Until when the provider wants to be left alone.
    held: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Closed,
    /// Open until then; from then on half open.
    Open(Instant),
    /// Half open, the one attempt under way.
    Probing,
}

/// What an outcome says about the channel, whatever it says about the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    Trouble,
    Misfit,
    /// Nothing: nobody was asked.
    Unknown,
}

fn health(outcome: &Outcome) -> Health {
    match outcome {
        Outcome::Accepted { .. } => Health::Well,
        Outcome::Later { trouble, .. } => match trouble.reason {
            Reason::Credentials | Reason::Settings => Health::Misfit,
            _ => Health::Trouble,
        },
        Outcome::Failed(trouble) | Outcome::Gone(trouble) => match trouble.reason {
            Reason::Credentials | Reason::Settings => Health::Misfit,
            Reason::NoAddress | Reason::NoChannel | Reason::Unreadable | Reason::Forbidden => {
                Health::Unknown
            }
            _ => Health::Well,
        },
    }
}

impl Breaker {
    /// How many attempts may go out when so many are under way. The one of a half-open breaker waits until the
    /// others are back, so that its outcome can be told from theirs.
    pub(super) fn room(&self, now: Instant, in_flight: usize) -> usize {
        match self.phase {
            _ if self.held.is_some_and(|until| now < until) => 0,
            Phase::Closed => usize::MAX,
            Phase::Open(until) if until <= now && in_flight == 0 => 1,
            Phase::Open(_) | Phase::Probing => 0,
        }
    }

    /// True if nothing goes out before something comes back.
    pub(super) fn waits(&self, in_flight: usize) -> bool {
        self.phase != Phase::Closed && in_flight > 0
    }

    /// Until when nothing goes out, whatever comes back meanwhile.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let open = match self.phase {
            Phase::Open(until) => Some(until),
            Phase::Closed | Phase::Probing => None,
        };
        self.held.max(open).filter(|until| now < *until)
    }

    /// What it lets through.
    pub(super) fn state(&self, now: Instant) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open(until) if now < until => State::Open,
            Phase::Open(_) | Phase::Probing => State::HalfOpen,
        }
    }

    /// True if nothing is known that would be missed.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.phase == Phase::Closed && self.troubles == 0 && self.until(now).is_none()
    }

    /// Attempts went out.
    pub(super) fn took(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open(until) if until <= now) {
            self.phase = Phase::Probing;
        }
    }

    /// Attempts that went out were not made after all.
    pub(super) fn returned(&mut self, now: Instant) {
        if self.phase == Phase::Probing {
            self.phase = Phase::Open(now);
        }
    }

    /// An attempt was made.
    pub(super) fn done(&mut self, settings: &Settings, now: Instant, outcome: &Outcome) {
        if let Outcome::Later { after: Some(after), .. } = outcome {
            let after = Millis(millis(*after).min(settings.most_after.0));
            self.held = self.held.max(Some(now.plus(after)));
        }
        match (health(outcome), self.phase) {
            // What was under way when it opened is no answer to what is asked since.
            (_, Phase::Open(_)) | (Health::Unknown, Phase::Closed) => {}
            (Health::Unknown, Phase::Probing) => self.phase = Phase::Open(now),
            (Health::Well, _) => *self = Breaker { held: self.held, ..Breaker::default() },
            (Health::Trouble | Health::Misfit, Phase::Probing) => self.open(settings, now),
            (Health::Trouble, Phase::Closed) => self.count(settings, now, 0),
            (Health::Misfit, Phase::Closed) => {
                self.count(settings, now, self.misfits.saturating_add(1))
            }
        }
    }

    fn count(&mut self, settings: &Settings, now: Instant, misfits: u32) {
        self.misfits = misfits;
        self.troubles = self.troubles.saturating_add(1);
        if self.troubles >= settings.failures || misfits >= settings.misfits {
            self.open(settings, now);
        }
    }

    fn open(&mut self, settings: &Settings, now: Instant) {
        let doubled = settings.shortest.0.saturating_mul(1 << self.opened.min(32));
        self.opened = self.opened.saturating_add(1);
        self.troubles = 0;
        self.misfits = 0;
        self.phase = Phase::Open(now.plus(Millis(doubled.min(settings.longest.0))));
    }

    /// The clock was set back to `now`: nothing lasts longer than it may from here on.
    pub(super) fn set_back(&mut self, settings: &Settings, now: Instant) {
        if let Phase::Open(until) = &mut self.phase {
            *until = (*until).min(now.plus(settings.longest));
        }
        self.held = self.held.map(|until| until.min(now.plus(settings.most_after)));
    }
}
