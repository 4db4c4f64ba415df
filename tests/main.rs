//! End to end: the commands as a user types them, the sandbox against hostile policies, the contract
//! against its released text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod author;
mod backtest;
mod commands;
mod contract;
mod demo;
mod embed;
mod hostile;
mod logs;
mod readme;
mod real;
mod replay;
mod service;
