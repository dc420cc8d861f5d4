//! Headers between hops.
use crate::reject::Rejection;
use crate::sig::message::Fields;
use bytes::Bytes;

/// What the hop-by-hop headers asked for.
pub struct Hop {}
impl Hop {
    /// Puts back what the next hop must know (`te: trailers`).
    pub fn restore(&self, _fields: &mut Fields) {
        todo!()
    }
}

/// Removes hop-by-hop fields.
pub fn strip_request(_fields: &mut Fields, _protected: &[Bytes]) -> Result<Hop, Rejection> {
    todo!()
}
