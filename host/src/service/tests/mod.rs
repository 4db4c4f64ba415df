//! The service by hand: a core without threads over a store that fails when it is told to, step by step.

#[path = "../../../../tests/hostile/policies.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod policies;
mod stand;

mod campaigns;
mod delivery;
mod duplicates;
mod explain;
mod failures;
mod faults;
mod forget;
mod history;
mod lanes;
mod limits;
mod mailboxes;
mod people;
mod releases;
mod sources;
mod tenants;
mod verify;
