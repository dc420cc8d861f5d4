//! Proof that a request's claim holds. Only `sig` can make one.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::key::Key;
use super::time::Moment;

/// Raw MACs; nearly always one.
pub(in crate::sig) type Macs = SmallVec<[Bytes; 1]>;

/// Proof that a signature was checked against the body it covers and found right.
///
/// **Invariant:** there is no public constructor; a permit comes from [`super::check::Check::close`] or it does not exist.
pub struct Permit {
    pub(in crate::sig) key: Arc<Key>,
    /// The ring of the key; set where the check is closed, which knows it.
    pub(in crate::sig) ring: Option<Arc<str>>,
    /// The master that the key was derived of; set there, too.
    pub(in crate::sig) master: Option<Arc<str>>,
    pub(in crate::sig) scheme: Arc<str>,
    pub(in crate::sig) stamp: Option<Moment>,
    pub(in crate::sig) fresh_until: Option<Moment>,
    pub(in crate::sig) nonce: Option<Bytes>,
    pub(in crate::sig) macs: Macs,
    pub(in crate::sig) sets: Vec<(Bytes, Bytes)>,
    pub(in crate::sig) payload: Option<Bytes>,
}

impl Permit {
    /// The key that matched.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The name of the ring that the key is in.
    pub fn ring(&self) -> &str {
        self.ring.as_deref().unwrap_or_default()
    }

    /// The id of the key that stands in the ring: the one that matched, or the master that it was derived of.
    pub fn kept(&self) -> &str {
        self.master.as_ref().unwrap_or(&self.key.id)
    }

    /// The id of the master that the key was derived of, where it was.
    pub fn master(&self) -> Option<&Arc<str>> {
        self.master.as_ref()
    }

    /// The scheme that was checked.
    pub fn scheme(&self) -> &Arc<str> {
        &self.scheme
    }

    /// The covered timestamp; `None` where the scheme covers none.
    pub fn stamp(&self) -> Option<Moment> {
        self.stamp
    }

    /// The first moment at which the covered timestamp is surely outside the window; `None` where the scheme covers none.
    pub fn fresh_until(&self) -> Option<Moment> {
        self.fresh_until
    }

    /// The covered nonce or message id; `None` where the scheme covers none.
    pub fn nonce(&self) -> Option<&Bytes> {
        self.nonce.as_ref()
    }

    /// The raw MAC of the covered bytes under **every** key that was tried, so that a double-signed
    /// request cannot be replayed by dropping one of its signatures.
    pub fn macs(&self) -> &[Bytes] {
        &self.macs
    }

    /// Headers for the upstream that the signature vouches for: lower-case names and values.
    pub fn sets(&self) -> &[(Bytes, Bytes)] {
        &self.sets
    }

    /// The signed JSON in its one spelling, where [`super::check::Check::keep_payload`] asked for it.
    pub fn payload(&self) -> Option<&Bytes> {
        self.payload.as_ref()
    }

    /// A permit out of thin air, for tests of what comes after the proof.
    #[cfg(test)]
    pub(crate) fn for_test(
        key: Arc<Key>,
        stamp: Option<Moment>,
        fresh_until: Option<Moment>,
        macs: Vec<Bytes>,
    ) -> Self {
        let macs = macs.into();
        Self {
            key,
            ring: None,
            master: None,
            scheme: "test".into(),
            stamp,
            fresh_until,
            nonce: None,
            macs,
            sets: Vec::new(),
            payload: None,
        }
    }

    /// The same with a nonce.
    #[cfg(test)]
    pub(crate) fn with_nonce(self, nonce: impl Into<Bytes>) -> Self {
        Self { nonce: Some(nonce.into()), ..self }
    }
}
