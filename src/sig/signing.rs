//! A signature under way: started on the outgoing head, fed with the body, finished as headers.

use super::Need;
use super::message::Head;
use crate::reject::Rejection;

/// A signature whose head part is computed.
pub struct Signing {}

impl Signing {
    /// What is needed of the body.
    pub fn need(&self) -> Need {
        todo!()
    }

    /// The next bytes of the outgoing body, in order.
    pub fn feed(&mut self, _chunk: &[u8]) {
        todo!()
    }

    /// Writes the signature into the head, replacing what the client sent. `whole` as in [`super::check::Check::close`].
    pub fn finish(self, _head: &mut Head, _whole: Option<&[u8]>) -> Result<(), Rejection> {
        todo!()
    }
}
