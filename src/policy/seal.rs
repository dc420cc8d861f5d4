//! Which scheme, which keys: the part of a route that signs.

use std::sync::Arc;

use crate::reject::Rejection;
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::ring::{Misfit, PreparedRing};
use crate::sig::scheme::Scheme;
use crate::sig::signing::{Signing, Terms};
use crate::sig::time::Moment;
use crate::sig::{Answering, Need, Site};

/// Which of the signing keys sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// The newest.
    Newest,
    /// Every active one, where the scheme carries a list; the newest elsewhere.
    All,
}

/// A scheme and the ring that signs with it.
pub struct Seal {
    scheme: Arc<Scheme>,
    ring: PreparedRing,
    with: With,
}

/// Randomness for nonces, drawn by the shell.
pub type Entropy = [u8; 16];

impl Seal {
    /// Makes the ring ready. Of a scheme with `any_of` the first member signs. Ask [`crate::sig::scheme::Facts::can_sign`] first.
    pub fn new(scheme: Arc<Scheme>, ring: Arc<Keyring>, with: With) -> Self {
        let scheme = scheme.alternatives().first().cloned().unwrap_or(scheme);
        let ring = PreparedRing::new(&scheme, ring);
        Self { scheme, ring, with }
    }

    /// The scheme it signs with.
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.scheme
    }

    /// The ring it signs with.
    pub fn ring(&self) -> &Arc<Keyring> {
        self.ring.ring()
    }

    /// Keys that do not fit the scheme and never sign; the configuration refuses them.
    pub fn misfits(&self) -> Vec<Misfit> {
        self.ring.misfits(&self.scheme)
    }

    /// What the signer needs of the body.
    #[expect(clippy::misnamed_getters, reason = "what a seal needs is what its scheme needs to sign")]
    pub fn need(&self) -> Need {
        self.scheme.facts().signing_need
    }

    /// Starts a signature over the outgoing head, after every edit. Call it anew for every attempt, with a fresh `now` and fresh entropy.
    /// Signature headers that the client sent are removed from `head` here.
    pub fn start(&self, head: &mut Head, site: Site<'_>, now: Moment, entropy: Entropy) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: None, expires: None })
    }

    /// The same for a link that is good until `expires`. Ask [`Scheme::can_issue`] first.
    pub fn issue(
        &self,
        head: &mut Head,
        expires: Moment,
        (site, now, entropy): (Site<'_>, Moment, Entropy),
    ) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: None, expires: Some(expires) })
    }

    /// The same for the head of an answer, as in [`super::gate::Gate::open_answer`].
    pub fn start_answer(
        &self,
        head: &mut Head,
        answering: Answering<'_>,
        (site, now, entropy): (Site<'_>, Moment, Entropy),
    ) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: Some(answering), expires: None })
    }

    fn begin(&self, head: &mut Head, terms: Terms<'_>) -> Result<Signing, Rejection> {
        let most = if self.with == With::All && self.scheme.facts().carries_list { usize::MAX } else { 1 };
        let mut keys = self.ring.signers(terms.now);
        keys.truncate(most);
        Signing::start(&self.scheme, keys, head, terms)
    }
}
