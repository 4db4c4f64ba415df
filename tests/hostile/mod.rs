//! Policies that mean harm, or might as well. Each is refused, or stopped within its limits, with
//! an error that says what it did; and the policy of another tenant in the same sandbox answers
//! before and after as if nothing had happened. Nothing here looks at a clock.

mod admission;
mod answers;
mod appetite;
mod audience;
mod batches;
mod compiler;
mod garbage;
pub mod policies;
mod proposals;
mod settings;
mod traces;

use std::sync::LazyLock;
use std::time::Duration;

use nudge::engine::batch::{Batch, Column, Values};
use nudge::engine::policy::{Failure, Fault, Policy as _, Question};
use nudge::sandbox::{AdmitError, Compiler, Configured, Limits, Sandbox};

use policies::Guest;

const NEIGHBOUR: &str = r#"{
    "nodes": { "A": { "threshold": "1h", "pending": "B" }, "B": { "behaviour": "b" } },
    "behaviours": { "b": { "message": "m" } }
}"#;

/// The usual limits, and time enough on the slowest machine: what stops a policy is its fuel.
fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(60), ..Limits::default() }
}

/// A sandbox and somebody who lives there in peace.
struct Room {
    sandbox: Sandbox,
    neighbour: Configured,
}

impl Room {
    fn new(limits: Limits) -> Room {
        let sandbox = Sandbox::new(limits, Compiler::Here).unwrap();
        let dwell = sandbox.admit(nudge::standard::policy("dwell").unwrap()).unwrap();
        let neighbour = dwell.configure(NEIGHBOUR).unwrap();
        Room { sandbox, neighbour }
    }

    /// The sandbox of all tests that can do with the usual limits.
    fn usual() -> &'static Room {
        static USUAL: LazyLock<Room> = LazyLock::new(|| Room::new(limits()));
        &USUAL
    }

    /// What comes of a visit to the sandbox: nothing, for the neighbour.
    fn visit<T>(&self, visit: impl FnOnce(&Sandbox) -> T) -> T {
        self.is_in_peace();
        let outcome = visit(&self.sandbox);
        self.is_in_peace();
        outcome
    }

    fn is_in_peace(&self) {
        let events = events(&self.neighbour, &["B", "elsewhere", "A"]);
        assert_eq!(self.neighbour.locate(&events), Ok(vec![Some(1), Some(2), Some(0)]));
    }

    /// Why the bytes are not admitted.
    fn refusal(&self, bytes: &[u8]) -> AdmitError {
        self.visit(|sandbox| sandbox.admit(bytes).expect_err("refused"))
    }

    /// Why the policy is not configured.
    fn refusal_of_settings(&self, guest: &Guest<'_>) -> AdmitError {
        self.visit(|sandbox| {
            let policy = sandbox.admit(&guest.component()).expect("admitted");
            policy.configure("{}").expect_err("refused")
        })
    }

    /// What the policy answers to `locate`, for one row.
    fn located(&self, guest: &Guest<'_>) -> Result<Vec<Option<u32>>, Failure> {
        self.visit(|sandbox| {
            let policy = configured(sandbox, guest);
            policy.locate(&events(&policy, &["somewhere"]))
        })
    }

    /// What the policy does instead of answering to `locate`.
    fn fault(&self, guest: &Guest<'_>) -> Fault {
        match self.located(guest) {
            Err(Failure::Fault(fault)) => fault,
            other => panic!("no fault: {other:?}"),
        }
    }
}

fn configured(sandbox: &Sandbox, guest: &Guest<'_>) -> Configured {
    sandbox.admit(&guest.component()).expect("admitted").configure("{}").expect("configured")
}

/// A batch for `locate`: one event a node, with the node in every text that the policy wants to
/// see.
fn events(policy: &Configured, nodes: &[&str]) -> Batch {
    let texts = || {
        let ends = nodes.iter().scan(0, |end, node| {
            *end += node.len() as u32;
            Some(*end)
        });
        Column {
            absent: Vec::new(),
            values: Values::Text { text: nodes.concat(), ends: ends.collect() },
        }
    };
    let needs = policy.setup().needs.iter();
    let columns = needs
        .map(|need| if need.asked.has(Question::Locate) { texts() } else { Column::default() });
    Batch { at: vec![0; nodes.len()], columns: columns.collect() }
}
