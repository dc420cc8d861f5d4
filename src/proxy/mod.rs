//! The shell around a request: accept, the journey, the upstream.

pub mod answer;
pub mod bodies;
pub mod body;
pub mod budget;
pub mod challenge;
pub mod client;
pub mod exchange;
pub mod forward;
pub mod guard;
pub mod held;
pub mod hop;
pub mod http;
pub mod journey;
pub mod preflight;
pub mod request_id;
pub mod respond;
pub mod server;
pub mod signed;
pub mod stream;
pub mod tls;
pub mod told;
pub mod tunnel;
pub mod upstream;
pub mod verdict;
pub mod visit;
pub mod worker;
