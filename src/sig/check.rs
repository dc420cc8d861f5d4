//! A verification under way: opened on the head, fed with the body, closed with a permit or a refusal.

use std::sync::Arc;

use bytes::Bytes;

use super::message::{Fields, Head};
use super::permit::Permit;
use super::ring::Candidates;
use super::scheme::{Kind, Scheme};
use super::time::Moment;
use super::{Need, Site, declared, native};
use crate::reject::Rejection;

/// What a verification takes from outside the request.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Beside the head.
    pub site: Site<'a>,
    /// The request's one `now`.
    pub now: Moment,
    /// Most MACs: keys × messages.
    pub macs: usize,
    /// Set where the head is an answer's.
    pub answering: Option<super::Answering<'a>>,
    /// Whether the signature follows the body, in its trailers. Ask [`Scheme::verifies_behind`] first.
    pub behind: bool,
}

/// Evidence was read and found well-formed and fresh; whether it is true shows at [`Check::close`].
pub struct Check {
    scheme: Arc<Scheme>,
    keys: Candidates,
    now: Moment,
    key_id: Option<Bytes>,
    stamp: Option<Moment>,
    /// Whether the body is kept whatever the verdict will be.
    keeps: bool,
    inner: Inner,
}

/// Large, and moved about: each lies where it was made.
enum Inner {
    Declared(Box<declared::check::Check>),
    Native(Box<native::check::Check>),
}

impl Check {
    /// Reads the evidence; refuses what is missing, stale or misspelled, in that order, before any body byte.
    pub fn open(scheme: &Arc<Scheme>, keys: Candidates, head: &Head, terms: Terms<'_>) -> Result<Self, Rejection> {
        let (key_id, stamp, inner) = match &scheme.kind {
            Kind::Declared(own) => {
                let check = declared::check::Check::open(own, keys.clone(), head, terms)?;
                (check.key_id().cloned(), check.stamp(), Inner::Declared(check))
            }
            Kind::Native(own) => {
                let check = native::check::Check::open((own, scheme.facts()), &keys, head, terms)?;
                (check.key_id().cloned(), check.stamp(), Inner::Native(Box::new(check)))
            }
        };
        Ok(Self { scheme: Arc::clone(scheme), keys, now: terms.now, key_id, stamp, keeps: false, inner })
    }

    /// What is needed of the body.
    pub fn need(&self) -> Need {
        self.scheme.need()
    }

    /// The scheme that is being checked.
    pub fn scheme(&self) -> &Arc<str> {
        self.scheme.name()
    }

    /// The claimed stamp, where it was read already: for clock-skew figures only.
    pub fn stamp(&self) -> Option<Moment> {
        self.stamp
    }

    /// No key can make this hold (unknown or unusable key id), and nothing needs to be kept for it. Never true under [`Need::Whole`]: there the
    /// evidence in the body is read for every id alike, or the answer would tell which ids exist.
    pub fn is_hopeless(&self) -> bool {
        !self.keeps && self.need() != Need::Whole && !self.names_known_key()
    }

    /// The verdict will not decide whether the request is forwarded: from now on its body is to be kept.
    pub fn keep_body(&mut self) {
        self.keeps = true;
    }

    /// The permit is to hold the signed JSON in its one spelling, where the scheme has such a payload.
    pub fn keep_payload(&mut self) {
        match &mut self.inner {
            Inner::Declared(check) => check.keep_payload(),
            Inner::Native(_) => {}
        }
    }

    /// Whether the request names a key that we have and may use; also true where the scheme has no key ids.
    pub fn names_known_key(&self) -> bool {
        match (&self.keys, &self.key_id) {
            (Candidates::Nobody(_), _) => false,
            (Candidates::Ring(ring), Some(id)) => ring.usable(id, self.now).is_some(),
            (Candidates::Ring(_), None) => true,
        }
    }

    /// The name of the ring whose keys are asked; `None` where nobody has the captured ring's name.
    pub fn ring(&self) -> Option<&Arc<str>> {
        match &self.keys {
            Candidates::Ring(ring) => Some(ring.ring().name()),
            Candidates::Nobody(_) => None,
        }
    }

    /// Whether the request names a usable key that only observes.
    pub fn observes(&self) -> bool {
        let named = self.key_id.as_ref().and_then(|id| self.keys.usable(id, self.now));
        named.is_some_and(|(ring, place)| ring.observes(place))
    }

    /// The next bytes of the body, in order. Under [`Need::Head`] they only reach a covered digest; under [`Need::Whole`] nothing is fed.
    pub fn feed(&mut self, chunk: &[u8]) {
        match &mut self.inner {
            Inner::Declared(check) => check.feed(chunk),
            Inner::Native(check) => check.feed(chunk),
        }
    }

    /// The signature that followed the body, where it was opened for one: the last piece of evidence. Nothing else of the trailers is looked at.
    pub fn learn(&mut self, trailers: &Fields) -> Result<(), Rejection> {
        match &mut self.inner {
            Inner::Declared(check) => check.learn(trailers),
            Inner::Native(_) => Err(crate::reject::Code::SignatureMissing.into()),
        }
    }

    /// How many MACs are under way: what a verdict costs, for each byte of the body.
    pub(crate) fn cost(&self) -> usize {
        match &self.inner {
            Inner::Declared(check) => check.cost(),
            Inner::Native(check) => check.cost(),
        }
    }

    /// The verdict, in constant time over all candidate keys. `whole` is the contiguous body under [`Need::Whole`], else `None`.
    pub fn close(self, whole: Option<&[u8]>) -> Result<Permit, Rejection> {
        let ring = self.ring().cloned();
        let masters = match &self.keys {
            Candidates::Ring(ring) if ring.ring().derives() => Some(Arc::clone(ring)),
            Candidates::Ring(_) | Candidates::Nobody(_) => None,
        };
        let permit = match self.inner {
            Inner::Declared(check) => check.close(whole),
            Inner::Native(check) => check.close(&self.keys, whole),
        }?;
        let master = masters.and_then(|masters| masters.ring().master_of(&permit.key));
        Ok(Permit { ring, master, ..permit })
    }
}
