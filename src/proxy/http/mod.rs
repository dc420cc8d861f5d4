//! The only place, beside the upstream, that speaks hyper: its requests become our exchanges, our answers its responses.

mod authority;
mod captured;
mod framing;
mod head;
mod inbound;
mod outbound;
mod raw;
mod receiving;
mod screened;

pub(crate) use captured::captured;
pub(in crate::proxy) use inbound::{Bounds, exchange, instead};
pub(in crate::proxy) use outbound::{Outbound, response};
pub(in crate::proxy) use screened::{Screened, Seam};
