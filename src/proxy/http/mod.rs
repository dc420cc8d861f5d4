//! The only place, beside the upstream, that speaks hyper: its requests become our exchanges, our answers its responses.

mod authority;
mod framing;
mod inbound;
mod outbound;
mod receiving;

pub(in crate::proxy) use inbound::{Bounds, exchange};
pub(in crate::proxy) use outbound::{Outbound, response};
