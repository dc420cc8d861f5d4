//! The command.

use std::process::ExitCode;

/// Gives memory back to the system after a peak; the C library keeps what lies between two requests that live on.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}
