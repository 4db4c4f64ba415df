//! What wakes a thread of the store. Touches nothing else.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes one thread, or stops it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    stopped: bool,
}

impl Bell {
    /// Wakes the thread, now or when it waits next.
    pub(super) fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rung = true;
        self.rung.notify_one();
    }

    /// Ends every wait from now on.
    pub(super) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.rung.notify_all();
    }

    /// True if the thread is to end.
    pub(super) fn stopped(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped
    }

    /// Waits for the bell, but not longer than `most`; false if the thread is to end.
    pub(super) fn wait(&self, most: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |state: &mut State| !state.rung && !state.stopped;
        let waited = self.rung.wait_timeout_while(state, most, quiet);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.rung = false;
        !state.stopped
    }
}
