//! A verification under way: opened on the head, fed with the body, closed with a permit or a refusal.

use super::Need;
use super::permit::Permit;
use crate::reject::Rejection;

/// Evidence was read and found well-formed and fresh; whether it is true shows at [`Check::close`].
pub struct Check {}

impl Check {
    /// What is needed of the body.
    pub fn need(&self) -> Need {
        todo!()
    }

    /// The next bytes of the body, in order. Under [`Need::Head`] they only reach a covered digest; under [`Need::Whole`] nothing is fed.
    pub fn feed(&mut self, _chunk: &[u8]) {
        todo!()
    }

    /// The verdict, in constant time over all candidate keys. `whole` is the contiguous body under [`Need::Whole`], else `None`.
    pub fn close(self, _whole: Option<&[u8]>) -> Result<Permit, Rejection> {
        todo!()
    }
}
