//! What can go wrong, by whose doing it is.

use std::fmt;

use crate::engine::policy::Fault;

/// Why a component is not admitted, or settings are not: the tenant's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// More bytes than a component may have.
    #[error("the component has {bytes} bytes, and at most {most} are allowed")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        most: usize,
    },
    /// The bytes are no WebAssembly component.
    #[error("this is {0}, and a policy is a WebAssembly component")]
    NotAComponent(&'static str),
    /// The bytes are not valid, or use a proposal that is switched off.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// It imports something else than the contract gives.
    #[error(
        "the component imports {0:?}, and a policy may import nothing but nudge:policy/log@0.1.0: \
         build it for wasm32-unknown-unknown, so that it needs no WASI"
    )]
    Import(String),
    /// It exports less than a policy must.
    #[error("the component {0}")]
    Export(String),
    /// Something has the right name and the wrong type.
    #[error("the component does not keep the contract: {0}")]
    Contract(String),
    /// It needs more to begin with than it could ever have.
    #[error("the component needs {0}")]
    Resources(String),
    /// Its compilation took too long or too much memory, or failed.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// A call that admission makes failed.
    #[error("the policy failed in `{during}`: it {fault}")]
    Fault {
        /// The function.
        during: &'static str,
        /// What happened.
        fault: Fault,
    },
    /// It answered, but not what the contract allows.
    #[error("the policy's answer to `{during}` cannot be used: {reason}")]
    Answer {
        /// The function.
        during: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings are wrong.
    #[error("{}", list(.0))]
    Settings(Vec<Issue>),
    /// Not the tenant's doing.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Something wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where: a JSON pointer, empty for the whole document.
    pub path: String,
    /// What.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

fn list(issues: &[Issue]) -> String {
    issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("\n")
}

/// The host's own trouble; says nothing about a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox failed: {0}")]
pub struct HostError(pub(super) String);

impl HostError {
    pub(super) fn new(error: impl fmt::Display) -> HostError {
        HostError(format!("{error:#}"))
    }
}
