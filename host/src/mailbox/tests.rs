//! Sessions by script, mails of all kinds, and whatever else somebody may send.

mod double;
mod mails;
mod server;
mod sessions;
mod smuggling;
