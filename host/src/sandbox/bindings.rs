//! What wasmtime makes of the contract. Private to the sandbox.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::restriction)]

wasmtime::component::bindgen!({
    path: "../wit/0.1.0",
    world: "everything",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
});
