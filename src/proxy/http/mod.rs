//! From what arrives to our exchange, and from our answer to what leaves: the only place, beside the upstream, that speaks hyper.

mod authority;
mod captured;
mod framing;
mod inbound;
mod outbound;
mod receiving;

pub(crate) use captured::captured;
pub(in crate::proxy) use captured::nowhere;
pub(in crate::proxy) use framing::nominates;
pub(in crate::proxy) use inbound::{Bounds, Handover, arrived, exchange, refused};
pub(in crate::proxy) use outbound::{Sent, response};
