//! countersign: an HMAC gateway. Only signed requests get in; everything that leaves is signed.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod explain;
pub mod keys;
pub mod policy;
#[cfg(test)]
mod printed;
pub mod proxy;
pub mod rate;
pub mod reject;
pub mod replay;
pub mod sig;
pub mod telemetry;
