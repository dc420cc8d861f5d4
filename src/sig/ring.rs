//! Keys made ready for one scheme: decoded, derived, and with their keyed state computed once.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::declared::parts::KeyForm;
use super::key::Key;
use super::key_use::key_bytes;
pub use super::key_use::{KeyUse, Primitive};
use super::keyring::Keyring;
use super::mac::{Algorithm, Mac};
use super::message::Head;
pub use super::nobody::Nobody;
use super::public::PublicKey;
use super::scheme::Scheme;
use super::secret::Secret;
use super::time::Moment;
use crate::reject::{Code, Rejection};

/// A key that cannot be used with a scheme, and why. Never holds the secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("key `{key}` of keyring `{ring}` does not fit scheme `{scheme}`: {why}")]
pub struct Misfit {
    /// The ring it is in.
    pub ring: Arc<str>,
    /// Its id.
    pub key: Arc<str>,
    /// The scheme that cannot use it.
    pub scheme: Arc<str>,
    /// What is wrong with its form.
    pub why: String,
}

/// A key made ready for one scheme.
pub(crate) struct Prepared {
    /// `None` for the dummy that stands for an unknown key.
    pub(in crate::sig) key: Option<Arc<Key>>,
    /// The keyed state. Of a public key: the state of the digest that stands for a signature in the replay memory.
    pub(in crate::sig) mac: Mac,
    /// The key bytes, where more than the keyed state is needed of them.
    pub(in crate::sig) bytes: Option<Secret>,
    pub(in crate::sig) public: Option<PublicKey>,
}

/// The keys to try; nearly always one.
pub(in crate::sig) type Trials = SmallVec<[Arc<Prepared>; 1]>;

/// A ring made ready for one scheme.
pub struct PreparedRing {
    ring: Arc<Keyring>,
    key_use: Arc<KeyUse>,
    nobody: Arc<Nobody>,
    /// What was computed before anybody asked, in the order of the ring; `None` where a key does not fit.
    ahead: Option<Vec<Option<Arc<Prepared>>>>,
}

impl Prepared {
    fn new(key_use: &KeyUse, key: &Arc<Key>) -> Result<Arc<Self>, String> {
        let (form, secret, owner) = (&key_use.form, key.secret.expose(), Some(Arc::clone(key)));
        Ok(Arc::new(match key_use.primitive {
            Primitive::Public(algorithm) => Self::public(owner, PublicKey::read(algorithm, form, secret)?),
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Token => {
                Self::secret(key_use.primitive, owner, key_bytes(form, secret)?)
            }
        }))
    }

    pub(in crate::sig) fn secret(primitive: Primitive, key: Option<Arc<Key>>, bytes: Secret) -> Self {
        let algorithm = primitive.algorithm();
        match primitive {
            Primitive::Hmac(_) => Self { key, mac: Mac::keyed(algorithm, bytes.expose()), bytes: None, public: None },
            Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Public(_) | Primitive::Token => {
                Self { key, mac: Mac::plain(algorithm), bytes: Some(bytes), public: None }
            }
        }
    }

    pub(in crate::sig) fn public(key: Option<Arc<Key>>, public: PublicKey) -> Self {
        let mut mac = Mac::plain(Algorithm::Sha256);
        mac.update(public.bytes());
        Self { key, mac, bytes: None, public: Some(public) }
    }
}

/// Whose keys a request is checked with.
#[derive(Clone)]
pub enum Candidates {
    /// Those of a ring.
    Ring(Arc<PreparedRing>),
    /// Nobody has the captured ring's name, which answers like an unknown key.
    Nobody(Arc<Nobody>),
}

impl Candidates {
    /// The keys to try: the named one, or every usable one, newest first, at most `most`; and stand-ins, so that nobody costs less than somebody.
    pub(in crate::sig) fn trials(&self, id: Option<&[u8]>, now: Moment, most: usize) -> Result<Trials, Rejection> {
        let (mut keys, nobody) = match self {
            Self::Ring(ring) => (ring.candidates(id, now, most)?, &ring.nobody),
            Self::Nobody(nobody) => (Trials::new(), nobody),
        };
        nobody.fill(&mut keys, if id.is_some() { 1 } else { most });
        Ok(keys)
    }

    /// The key with this id, if it may verify now.
    pub(in crate::sig) fn usable(&self, id: &[u8], now: Moment) -> Option<&Arc<Key>> {
        match self {
            Self::Ring(ring) => ring.usable(id, now),
            Self::Nobody(_) => None,
        }
    }
}

impl PreparedRing {
    /// Above this many keys nothing is computed ahead: tenants are looked up, not tried.
    pub const MOST: usize = 4096;

    /// A ring whose keys are made ready when they are asked for: a tenant among many, who is silent most of the time.
    pub(crate) fn lazy(scheme: &Scheme, ring: Arc<Keyring>, nobody: Arc<Nobody>) -> Self {
        Self { ring, key_use: Arc::clone(scheme.key_use()), nobody, ahead: None }
    }

    /// Every key of `ring` made ready for `scheme`. Keys that do not fit are never used: see [`PreparedRing::misfits`].
    pub fn new(scheme: &Scheme, ring: Arc<Keyring>) -> Self {
        let nobody = Arc::new(Nobody::like(scheme.key_use(), &ring));
        let lazy = Self::lazy(scheme, ring, nobody);
        if lazy.ring.keys().len() > Self::MOST {
            return lazy;
        }
        let keys = lazy.ring.keys().iter().map(|key| Prepared::new(&lazy.key_use, key).ok()).collect();
        Self { ahead: Some(keys), ..lazy }
    }

    /// The ring itself.
    pub fn ring(&self) -> &Arc<Keyring> {
        &self.ring
    }

    /// The key with this id, if it may verify now.
    pub(in crate::sig) fn usable(&self, id: &[u8], now: Moment) -> Option<&Arc<Key>> {
        let key = std::str::from_utf8(id).ok().and_then(|id| self.ring.by_id(id));
        key.filter(|key| key.verify.contains(now))
    }

    /// Whether the request names a usable key of this ring that only observes. One that has expired forgives nothing any more.
    pub(crate) fn observes(&self, scheme: &Scheme, head: &Head, now: Moment) -> bool {
        scheme.claimed_key_id(head).is_some_and(|id| self.usable(&id, now).is_some_and(|key| key.observe))
    }

    /// Keys that cannot be used with `scheme`.
    pub fn misfits(&self, scheme: &Scheme) -> Vec<Misfit> {
        let why = |key: &Arc<Key>| Prepared::new(&scheme.facts().key_use, key).err();
        let misfit = |key: &Arc<Key>, why| Misfit {
            ring: Arc::clone(self.ring.name()),
            key: Arc::clone(&key.id),
            scheme: Arc::clone(scheme.name()),
            why,
        };
        self.ring.keys().iter().filter_map(|key| why(key).map(|why| misfit(key, why))).collect()
    }

    /// The keys to try: the named one, or every usable one, newest first, at most `most`. An unknown or unusable id gives the dummy.
    pub(in crate::sig) fn candidates(&self, id: Option<&[u8]>, now: Moment, most: usize) -> Result<Trials, Rejection> {
        if self.ring.usable(now).next().is_none() {
            return Err(Rejection::from(Code::KeyringEmpty).because(format!("keyring {}", self.ring.name())));
        }
        if let Some(id) = id {
            let known = std::str::from_utf8(id).ok().and_then(|id| self.ring.place(id));
            let ready = known.and_then(|place| self.usable_at(place, now));
            return Ok(smallvec![ready.unwrap_or_else(|| self.nobody.prepared())]);
        }
        let places = (0..self.ring.keys().len()).rev();
        Ok(places.filter_map(|place| self.usable_at(place, now)).take(most).collect())
    }

    fn usable_at(&self, place: usize, now: Moment) -> Option<Arc<Prepared>> {
        let key = self.ring.keys().get(place).filter(|key| key.verify.contains(now))?;
        self.at(place, key)
    }

    fn at(&self, place: usize, key: &Arc<Key>) -> Option<Arc<Prepared>> {
        match &self.ahead {
            Some(ahead) => ahead.get(place).cloned().flatten(),
            None => Prepared::new(&self.key_use, key).ok(),
        }
    }

    /// The keys that sign at `now`, newest first.
    pub(crate) fn signers(&self, now: Moment) -> Vec<Arc<Prepared>> {
        let keys = self.ring.signers(now).into_iter();
        keys.filter_map(|key| self.ring.place(&key.id).and_then(|place| self.at(place, key))).collect()
    }
}

/// Each key of `ring` with the bytes that `scheme` decodes its secret into, before any derivation; nothing where the secret is taken as it stands.
pub fn decoded<'a>(scheme: &'a Scheme, ring: &'a Keyring) -> impl Iterator<Item = (&'a Arc<Key>, Secret)> {
    let form = Some(KeyForm { derive: None, ..scheme.facts().key_use.form.clone() });
    let form = form.filter(|form| form.encoding.is_some());
    ring.keys().iter().filter_map(move |key| Some((key, key_bytes(form.as_ref()?, key.secret.expose()).ok()?)))
}

/// An HMAC under `key`, nothing fed; `None` where the scheme makes something else of it.
pub(in crate::sig) fn keyed(key_use: &KeyUse, key: &Key) -> Option<Mac> {
    let Primitive::Hmac(algorithm) = key_use.primitive else { return None };
    key_bytes(&key_use.form, key.secret.expose()).ok().map(|bytes| Mac::keyed(algorithm, bytes.expose()))
}
