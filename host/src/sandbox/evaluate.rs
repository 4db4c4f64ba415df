//! One instance, one question: made fresh, configured, asked, dropped. Here a trap becomes the fault
//! that it was.

use wasmtime::component::Instance;
use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::exports::nudge::policy::{
    audience, journey, personalise, policy as wire, route, tests,
};
use super::bindings::nudge::policy::{log, types};
use super::error::{AdmitError, HostError};
use super::limits::{self, Exceeded, Guest, Limits};
use super::{Compiled, Inner, Manifest};
use crate::engine::policy::{Failure, Fault};

/// An instance in its store.
pub(super) struct Live<'a> {
    limits: &'a Limits,
    pub(super) store: Store<Guest>,
    pub(super) instance: Instance,
    policy: wire::Guest,
}

impl<'a> Live<'a> {
    /// A fresh instance, with the fuel of `configure`.
    pub(super) fn new(inner: &'a Inner, compiled: &Compiled) -> Result<Live<'a>, Failure> {
        let (mut store, instance) = instantiate(inner, compiled)?;
        // Admission has seen that it has the right type.
        let policy = wire::GuestIndices::new(&compiled.instance)
            .and_then(|indices| indices.load(&mut store, &instance))
            .map_err(host)?;
        Ok(Live { limits: &inner.limits, store, instance, policy })
    }

    /// The policy's own answer to `configure`.
    pub(super) fn configure(
        &mut self,
        settings: &str,
    ) -> Result<Result<wire::Setup, Vec<types::Issue>>, Failure> {
        let answer = self.policy.call_configure(&mut self.store, settings);
        self.or_fault(self.limits.configure_fuel, answer)
    }

    /// How much of `given` fuel is gone.
    pub(super) fn used(&self, given: u64) -> u64 {
        given.saturating_sub(self.store.get_fuel().unwrap_or_default())
    }

    /// Fills up the fuel for the question to come.
    pub(super) fn refuel(&mut self) -> Result<(), Failure> {
        self.store.set_fuel(self.limits.fuel).map_err(host)
    }

    /// The answer, or the fault that it is.
    pub(super) fn or_fault<T>(&self, fuel: u64, answer: wasmtime::Result<T>) -> Result<T, Failure> {
        answer.map_err(|error| fault(&self.store, self.limits, fuel, &error).into())
    }

    /// Writes the lines that the policy logged to the host's own log.
    pub(super) fn note(&self, policy: &str) {
        for (level, line) in &self.store.data().lines {
            match level {
                log::Level::Debug => tracing::debug!(policy, "{line}"),
                log::Level::Info => tracing::info!(policy, "{line}"),
                log::Level::Warn => tracing::warn!(policy, "{line}"),
                // A panic's last words are in the fault, where they belong.
                log::Level::Error => tracing::debug!(policy, "{line}"),
            }
        }
    }
}

fn host(error: wasmtime::Error) -> Failure {
    Failure::Host(format!("{error:#}"))
}

fn instantiate(inner: &Inner, compiled: &Compiled) -> Result<(Store<Guest>, Instance), Failure> {
    let limits = &inner.limits;
    let mut store = limits::store(&inner.engine, limits).map_err(host)?;
    match compiled.instance.instantiate(&mut store) {
        Ok(instance) => Ok((store, instance)),
        // What has a backtrace went wrong while the policy was running: in its own start function, or
        // in what that called.
        Err(error)
            if error.is::<Trap>()
                || error.is::<WasmBacktrace>()
                || store.data().exceeded.is_some() =>
        {
            Err(fault(&store, limits, limits.configure_fuel, &error).into())
        }
        Err(error) => Err(host(error)),
    }
}

/// Whether everything that the policy exports has the contract's types.
fn keeps_contract(
    compiled: &Compiled,
    mut store: Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<()> {
    let kinds = compiled.kinds;
    wire::GuestIndices::new(&compiled.instance)?.load(&mut store, instance)?;
    macro_rules! check {
        ($($kind:ident),*) => {$(
            if kinds.$kind {
                $kind::GuestIndices::new(&compiled.instance)?.load(&mut store, instance)?;
            }
        )*};
    }
    check!(journey, audience, personalise, route);
    if compiled.tests {
        tests::GuestIndices::new(&compiled.instance)?.load(&mut store, instance)?;
    }
    Ok(())
}

/// What kind of fault an error is.
fn fault(store: &Store<Guest>, limits: &Limits, fuel: u64, error: &wasmtime::Error) -> Fault {
    let guest = store.data();
    match &guest.exceeded {
        Some(Exceeded::Memory(what)) => return Fault::Memory(what.clone()),
        Some(Exceeded::Log(what)) => return Fault::Output(format!("more than {what}")),
        None => {}
    }
    let last_words = guest.lines.last().filter(|(level, _)| *level == log::Level::Error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::Fuel(fuel),
        Some(Trap::Interrupt) => Fault::Deadline(limits.deadline.as_millis() as u64),
        Some(Trap::StackOverflow) => Fault::Stack(limits.stack_bytes as u64),
        Some(Trap::UnreachableCodeReached) if last_words.is_some() => {
            Fault::Panic(last_words.map(|(_, line)| line.clone()).unwrap_or_default())
        }
        Some(trap) => Fault::Trap(trap.to_string()),
        // What is no trap was found when the answer was read.
        None => Fault::Output(error.root_cause().to_string()),
    }
}

/// Asks who the policy is. What it says is not checked here.
pub(super) fn describe(inner: &Inner, compiled: &Compiled) -> Result<Manifest, AdmitError> {
    const DURING: &str = "describe";
    let (store, instance) =
        instantiate(inner, compiled).map_err(|failure| refused(DURING, failure))?;
    keeps_contract(compiled, store, &instance)
        .map_err(|error| AdmitError::Contract(format!("{error:#}")))?;
    let mut live = Live::new(inner, compiled).map_err(|failure| refused(DURING, failure))?;
    let answer = live.policy.call_describe(&mut live.store);
    let manifest =
        live.or_fault(inner.limits.configure_fuel, answer).map_err(|f| refused(DURING, f))?;
    Ok(Manifest {
        name: manifest.name,
        version: manifest.version,
        title: manifest.title,
        settings_schema: manifest.settings_schema,
    })
}

/// A failure while a policy is being admitted.
pub(super) fn refused(during: &'static str, failure: Failure) -> AdmitError {
    match failure {
        Failure::Fault(fault) => AdmitError::Fault { during, fault },
        Failure::Host(reason) => AdmitError::Host(HostError::new(reason)),
    }
}
