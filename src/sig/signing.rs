//! A signature under way: started on the outgoing head, fed with the body, finished as headers. The same declaration, backwards.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::key::Key;
use super::message::Head;
use super::ring::Prepared;
use super::scheme::{Kind, Scheme};
use super::time::Moment;
use super::{Need, Site, declared, native};
use crate::reject::{Code, Rejection};

/// A signature whose head part is computed.
pub struct Signing {
    need: Need,
    signers: SmallVec<[Arc<Key>; 1]>,
    inner: Inner,
}

enum Inner {
    Declared(declared::signing::Signing),
    Native(native::signing::Signing),
}

/// What signing takes from outside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// Beside the head.
    pub site: Site<'a>,
    /// The time to sign with.
    pub now: Moment,
    /// Randomness for a nonce.
    pub entropy: [u8; 16],
    /// Set where the head is an answer's.
    pub answering: Option<super::Answering<'a>>,
    /// Until when the signature is to hold, where the stamp is an expiry: only who makes a link knows.
    pub expires: Option<Moment>,
}

impl Signing {
    /// Removes what the client signed, writes a fresh stamp, nonce and key id, and starts the MACs.
    pub(crate) fn start(
        scheme: &Scheme,
        keys: Vec<Arc<Prepared>>,
        head: &mut Head,
        terms: Terms<'_>,
    ) -> Result<Self, Rejection> {
        if keys.is_empty() {
            return Err(Rejection::from(Code::SigningFailed).because("no key may sign now"));
        }
        let signers = keys.iter().filter_map(|key| key.key.clone()).collect();
        let inner = match &scheme.kind {
            Kind::Declared(own) => Inner::Declared(declared::signing::Signing::start(own, keys, head, terms)?),
            Kind::Native(own) => {
                let need = scheme.facts().signing_need;
                Inner::Native(native::signing::Signing::start((own, need), keys, head, terms))
            }
        };
        Ok(Self { need: scheme.facts().signing_need, signers, inner })
    }

    /// The keys that sign.
    pub fn signers(&self) -> &[Arc<Key>] {
        &self.signers
    }

    /// What is needed of the body.
    pub fn need(&self) -> Need {
        self.need
    }

    /// The next bytes of the outgoing body, in order.
    pub fn feed(&mut self, chunk: &[u8]) {
        match &mut self.inner {
            Inner::Declared(signing) => signing.feed(chunk),
            Inner::Native(signing) => signing.feed(chunk),
        }
    }

    /// Writes the signature into the head, replacing what the client sent. `whole` as in [`super::check::Check::close`]. Where the signature
    /// sits in the body, the body that is to leave instead is returned.
    pub fn finish(self, head: &mut Head, whole: Option<&[u8]>) -> Result<Option<Bytes>, Rejection> {
        match self.inner {
            Inner::Declared(signing) => signing.finish(head, whole),
            Inner::Native(signing) => signing.finish(head, whole).map(|()| None),
        }
    }
}
