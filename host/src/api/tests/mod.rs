//! The interface from outside: requests go through the whole router, and every answer is held against the
//! document.

mod bodies;
mod connections;
mod document;
mod isolation;
mod refusals;
mod routes;
mod stage;
