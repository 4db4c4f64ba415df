//! `nudge serve` as those see it who run it, send to it and read from it: the binary, its HTTP interface
//! and its data directory. Nothing here looks inside.
//!
//! `stage` runs the binary, `http` asks it, `tenant` is one who uses it; the others are the tests. What
//! has to come about is waited for with a long deadline; what must not is shown by something that comes
//! about after it would have.

mod backup;
mod campaigns;
mod config;
mod crashes;
mod delivery;
mod erase;
mod explain;
mod feeds;
mod full;
mod history;
mod http;
mod inbox;
mod ingest;
mod isolation;
mod life;
mod load;
mod mailbox;
mod policies;
mod privacy;
mod sdk;
mod stage;
mod stopping;
mod stream;
mod tenant;
mod tenants;
mod verify;
mod versions;
