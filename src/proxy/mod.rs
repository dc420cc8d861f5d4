//! The shell around a request: accept, the journey, the upstream.

pub mod exchange;
pub mod held;
pub mod hop;
pub mod upstream;
