//! The author's kit: what `nudge policy` does. It writes a new policy's crate, builds it, runs its cases
//! and its own tests in the sandbox, measures it, and makes cases of what really happened. It touches the
//! files that it is given, and calls cargo.

pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod bless;
pub(crate) mod case;
pub(crate) mod junit;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod scaffold;
pub(crate) mod when;
