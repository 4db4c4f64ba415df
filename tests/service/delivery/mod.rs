//! Messages on their way out, and what comes back: the binary, and on the other side servers that are no
//! more than the wire formats of those that it talks to. Nothing here looks inside.
//!
//! `sink` is the other side, `scene` a tenant with channels and a strategy; the others are the tests.

mod breaker;
mod email;
mod kills;
mod links;
mod pages;
mod rails;
mod retries;
mod scene;
mod sdk;
mod secrets;
mod sink;
mod sms;
mod strangers;
mod vendors;
mod webhook;
