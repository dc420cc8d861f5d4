//! Schemes that are data: what a declaration means, verifying and signing.

pub(in crate::sig) mod analysis;
pub(in crate::sig) mod check;
pub(in crate::sig) mod claims;
mod doubts;
pub(in crate::sig) mod envelope;
mod facts;
mod faults;
pub(in crate::sig) mod lanes;
mod manner;
pub mod parts;
pub(in crate::sig) mod scope;
pub(in crate::sig) mod signing;
pub mod trace;
pub mod vary;
mod verified;
