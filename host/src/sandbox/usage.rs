//! What evaluations use: fuel and memory, to be shown beside the limits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::bindings::nudge::policy::log;

/// What the evaluations of a configured policy have used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Questions.
    pub calls: u64,
    /// Rows of all questions.
    pub rows: u64,
    /// Fuel of all questions, without what it took to configure their instances.
    pub fuel: u64,
    /// The most fuel that one question took.
    pub most_fuel: u64,
    /// The most fuel that it took to configure an instance.
    pub configure_fuel: u64,
    /// The most memory that an instance had, in bytes.
    pub memory_bytes: u64,
}

/// Keeps count, for all threads that evaluate.
#[derive(Debug, Default)]
pub(super) struct Meter {
    calls: AtomicU64,
    rows: AtomicU64,
    fuel: AtomicU64,
    most_fuel: AtomicU64,
    configure_fuel: AtomicU64,
    memory_bytes: AtomicU64,
    /// What the policy logged, where somebody wants to know.
    heard: Mutex<Option<Vec<String>>>,
}

impl Meter {
    pub(super) fn configured(&self, fuel: u64) {
        self.configure_fuel.fetch_max(fuel, Ordering::Relaxed);
    }

    pub(super) fn asked(&self, rows: usize, fuel: u64, memory_bytes: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.fuel.fetch_add(fuel, Ordering::Relaxed);
        self.most_fuel.fetch_max(fuel, Ordering::Relaxed);
        self.memory_bytes.fetch_max(memory_bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn usage(&self) -> Usage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage {
            calls: read(&self.calls),
            rows: read(&self.rows),
            fuel: read(&self.fuel),
            most_fuel: read(&self.most_fuel),
            configure_fuel: read(&self.configure_fuel),
            memory_bytes: read(&self.memory_bytes),
        }
    }

    /// What was logged since the last time, and from now on.
    pub(super) fn listen(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.replace(Vec::new()).unwrap_or_default()
    }

    pub(super) fn hear(&self, lines: &[(log::Level, String)]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = heard.as_mut() {
            heard.extend(lines.iter().map(|(level, line)| format!("{}: {line}", word(*level))));
        }
    }
}

fn word(level: log::Level) -> &'static str {
    match level {
        log::Level::Debug => "debug",
        log::Level::Info => "info",
        log::Level::Warn => "warn",
        log::Level::Error => "error",
    }
}
