//! Which scheme, which keys: the part of a route that signs.

use std::sync::Arc;

use crate::reject::Rejection;
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::scheme::Scheme;
use crate::sig::signing::Signing;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

/// A scheme and the ring that signs with it.
pub struct Seal(Arc<Scheme>, Arc<Keyring>, With);

/// Which keys sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// The newest.
    Newest,
    /// Every one.
    All,
}

/// Randomness for nonces, drawn by the shell.
pub type Entropy = [u8; 16];

impl Seal {
    /// Signs with this scheme and ring.
    pub fn new(scheme: Arc<Scheme>, ring: Arc<Keyring>, with: With) -> Self {
        Self(scheme, ring, with)
    }

    /// What the signer needs of the body.
    pub fn need(&self) -> Need {
        self.0.need
    }

    /// Starts a signature over the outgoing head, after every edit. Call it anew for every attempt, with a fresh `now` and fresh entropy.
    /// Signature headers that the client sent are removed from `head` here.
    pub fn start(
        &self,
        _head: &mut Head,
        _site: Site<'_>,
        _now: Moment,
        _entropy: Entropy,
    ) -> Result<Signing, Rejection> {
        todo!()
    }
}
