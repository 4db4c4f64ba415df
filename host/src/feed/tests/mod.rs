//! A folder and a queue, and a service behind them that runs in this process.

mod files;
mod folders;
mod queues;
mod stage;
