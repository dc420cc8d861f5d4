//! The shell around a request: accept, the journey, the upstream.

pub mod accept;
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
mod http1;
pub mod journey;
pub mod pace;
pub mod page;
pub mod pieces;
#[doc(hidden)]
pub mod plain;
pub mod preflight;
mod ration;
pub mod request_id;
pub mod respond;
pub mod server;
pub mod signed;
pub mod stint;
pub mod stream;
pub mod tls;
pub mod told;
pub mod tunnel;
pub mod upstream;
pub mod verdict;
pub mod verified;
pub mod visit;
mod witness;
pub mod worker;
