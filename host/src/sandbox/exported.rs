//! Tests that a component brings along: each runs in an instance of its own, under the limits of
//! production.

use super::Policy;
use super::bindings::exports::nudge::policy::tests;
use super::error::{AdmitError, HostError};
use super::evaluate::{Live, refused};
use crate::engine::policy::{Failure, Fault};

const MOST_TESTS: usize = 1_024;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Why it failed; none if it passed.
    pub failure: Option<TestFailure>,
    /// What it logged.
    pub lines: Vec<String>,
    /// Fuel that it took.
    pub fuel: u64,
    /// Memory that it had, in bytes.
    pub memory_bytes: usize,
}

/// Why a test failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFailure {
    /// What was expected and what was found instead.
    pub message: String,
    /// Where, such as `src/tests.rs:12:5`; empty if nobody can tell.
    pub place: String,
}

impl Policy {
    /// The names of the tests that the component brings along.
    ///
    /// # Errors
    ///
    /// If it cannot be asked, or answers what the contract does not allow.
    pub fn tests(&self) -> Result<Vec<String>, AdmitError> {
        const DURING: &str = "tests";
        if !self.compiled.tests {
            return Ok(Vec::new());
        }
        let (mut live, guest) = self.tester().map_err(|failure| refused(DURING, failure))?;
        let answer = guest.call_names(&mut live.store);
        let names = live
            .or_fault(self.sandbox.limits().configure_fuel, answer)
            .map_err(|failure| refused(DURING, failure))?;
        let refuse = |reason: String| AdmitError::Answer { during: DURING, reason };
        if names.len() > MOST_TESTS {
            let reason = format!("{} tests, and at most {MOST_TESTS} are allowed", names.len());
            return Err(refuse(reason));
        }
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|before| before == name) {
                return Err(refuse(format!("two tests are called {name:?}")));
            }
        }
        Ok(names)
    }

    /// Runs one of them, by its index.
    ///
    /// # Errors
    ///
    /// If the host could not run it.
    pub fn run_test(&self, test: u32) -> Result<Tested, HostError> {
        let failed = |failure| match failure {
            Failure::Host(reason) => Err(HostError::new(reason)),
            Failure::Fault(fault) => Ok(TestFailure::of(&fault)),
        };
        let (mut live, guest) = match self.tester() {
            Ok(live) => live,
            Err(failure) => {
                let failure = Some(failed(failure)?);
                return Ok(Tested { failure, lines: Vec::new(), fuel: 0, memory_bytes: 0 });
            }
        };
        let fuel = self.sandbox.limits().configure_fuel;
        let answer = guest.call_run(&mut live.store, test);
        let failure = match live.or_fault(fuel, answer) {
            Ok(Ok(())) => None,
            Ok(Err(tests::Failure { message, place })) => Some(TestFailure { message, place }),
            Err(failure) => Some(failed(failure)?),
        };
        let guest = live.store.data();
        Ok(Tested {
            failure,
            lines: guest.lines.iter().map(|(_, line)| line.clone()).collect(),
            fuel: live.used(fuel),
            memory_bytes: guest.memory,
        })
    }

    fn tester(&self) -> Result<(Live<'_>, tests::Guest), Failure> {
        let mut live = Live::new(&self.sandbox.0, &self.compiled)?;
        let guest = tests::GuestIndices::new(&self.compiled.instance)
            .and_then(|indices| indices.load(&mut live.store, &live.instance))
            .map_err(|error| Failure::Host(format!("{error:#}")))?;
        Ok((live, guest))
    }
}

impl TestFailure {
    /// A panic says where and why: `panicked at src/tests.rs:12:5:`, and in the next line the message.
    fn of(fault: &Fault) -> TestFailure {
        if let Fault::Panic(words) = fault
            && let Some((place, message)) =
                words.strip_prefix("panicked at ").and_then(|rest| rest.split_once(":\n"))
        {
            return TestFailure { message: message.to_owned(), place: place.to_owned() };
        }
        TestFailure { message: format!("it {fault}"), place: String::new() }
    }
}
