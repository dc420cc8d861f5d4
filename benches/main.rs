//! What single parts cost: `cargo bench`, or `cargo bench -- gate` for one of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by panicking")]

mod common;
mod gate;
mod head;
mod keys;
mod replay;

fn main() {
    divan::main();
}
