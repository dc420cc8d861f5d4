//! The only place, beside the upstream, that speaks hyper: its requests become our exchanges, our answers its responses.

mod authority;
mod framing;
mod inbound;
mod outbound;
mod raw;
mod receiving;
mod screened;

pub(in crate::proxy) use inbound::{Bounds, exchange};
pub(in crate::proxy) use outbound::{Outbound, response};
pub(in crate::proxy) use screened::{Screened, TakenOver};
