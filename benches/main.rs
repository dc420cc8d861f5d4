//! What single parts cost: `cargo bench`, or `cargo bench -- gate` for one of them. `cargo test --bench parts -- probing` judges whether time tells which
//! key ids there are.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by panicking")]

mod common;
mod gate;
mod head;
mod keys;
mod probing;
mod replay;

fn main() {
    if std::env::args().any(|argument| argument == "probing") {
        probing::judge();
    } else {
        divan::main();
    }
}
