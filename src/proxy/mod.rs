//! The shell around a request: accept, the journey, the upstream.

pub mod exchange;
pub mod held;
pub mod http;
pub mod journey;
pub mod server;
pub mod tls;
pub mod upstream;
pub mod worker;
