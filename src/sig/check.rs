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

    /// The scheme that is being checked.
    pub fn scheme(&self) -> &std::sync::Arc<str> {
        todo!()
    }

    /// The stamp that the request claims; covered or not, it is inside the window.
    pub fn stamp(&self) -> Option<super::time::Moment> {
        todo!()
    }

    /// No key can make this hold (unknown key id): it is fed and closed like any other, but nothing needs to be kept for it.
    pub fn is_hopeless(&self) -> bool {
        todo!()
    }

    /// Whether the request names a key that we have; also true where the scheme has no key ids.
    pub fn names_known_key(&self) -> bool {
        !self.is_hopeless()
    }

    /// Whether every candidate key only observes.
    pub fn observes(&self) -> bool {
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
