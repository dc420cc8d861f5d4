//! Keys made ready for one scheme: decoded, derived, and with their keyed state computed once.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::declared::parts::KeyForm;
use super::held::HeldKey;
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
        Self::owned(key_use, key, Some(Arc::clone(key)))
    }

    /// The same work with the same secret, and nobody's: whatever it makes, no permit comes of it.
    pub(in crate::sig) fn of_nobody(key_use: &KeyUse, key: &Key) -> Result<Arc<Self>, String> {
        Self::owned(key_use, key, None)
    }

    fn owned(key_use: &KeyUse, key: &Key, owner: Option<Arc<Key>>) -> Result<Arc<Self>, String> {
        if let Some(holder) = key.secret.holder() {
            return Self::held(key_use, holder, owner).map(Arc::new);
        }
        let (form, secret) = (&key_use.form, key.secret.expose());
        Ok(Arc::new(match key_use.primitive {
            Primitive::Public(algorithm) => Self::public(owner, PublicKey::read(algorithm, form, secret)?),
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Token => {
                Self::secret(key_use.primitive, owner, key_bytes(form, secret)?)
            }
        }))
    }

    /// The same with a key that somebody else holds, as bytes: however a secret would be spelled, it is not here.
    fn held(key_use: &KeyUse, holder: &Arc<dyn HeldKey>, key: Option<Arc<Key>>) -> Result<Self, String> {
        let (algorithm, form) = (key_use.primitive.algorithm(), &key_use.form);
        let plain = matches!(key_use.primitive, Primitive::Hmac(_)) && form.derive.is_none() && form.pair.is_none();
        if !plain {
            return Err("the scheme needs the secret itself, and this one never leaves its token".to_owned());
        }
        if !holder.makes(algorithm) {
            return Err(format!("its token makes no HMAC with {} of it", algorithm.name()));
        }
        Ok(Self { key, mac: Mac::held(algorithm, Arc::clone(holder)), bytes: None, public: None })
    }

    /// Why `secret` cannot be used so, if it cannot.
    fn misfit(key_use: &KeyUse, secret: &[u8]) -> Option<String> {
        match key_use.primitive {
            Primitive::Public(algorithm) => PublicKey::read(algorithm, &key_use.form, secret).err(),
            Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Token => {
                key_bytes(&key_use.form, secret).err()
            }
        }
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

    /// The ring that has a key with this id which may verify now, and the place of the key.
    pub(in crate::sig) fn usable(&self, id: &[u8], now: Moment) -> Option<(&Keyring, usize)> {
        match self {
            Self::Ring(ring) => ring.usable(id, now).map(|place| (&*ring.ring, place)),
            Self::Nobody(_) => None,
        }
    }
}

impl PreparedRing {
    /// Above this many keys nothing is computed ahead: there are too many to be tried.
    pub const MOST: usize = 4096;

    /// Keys of a master that are looked at to know what all of them are like.
    const SAMPLES: u8 = 64;

    /// More keys than these that do not fit are not told.
    const TOLD: usize = 100;

    /// A ring whose keys are made ready when they are asked for: a tenant among many, who is silent most of the time.
    pub(crate) fn lazy(scheme: &Scheme, ring: Arc<Keyring>, nobody: Arc<Nobody>) -> Self {
        Self { ring, key_use: Arc::clone(scheme.key_use()), nobody, ahead: None }
    }

    /// Every key of `ring` made ready for `scheme`, or of very many each when it is named. Keys that do not fit are never used: see
    /// [`PreparedRing::misfits`].
    pub fn new(scheme: &Scheme, ring: Arc<Keyring>) -> Self {
        let key_use = scheme.key_use();
        if ring.derives() {
            let nobody = Arc::new(Nobody::like(key_use, &ring));
            return Self::lazy(scheme, ring, nobody);
        }
        if (ring.is_large() && scheme.facts().key_named) || ring.len() > Self::MOST {
            let nobody = Arc::new(Nobody::like_one_of(key_use, &ring));
            return Self::lazy(scheme, ring, nobody);
        }
        let nobody = Arc::new(Nobody::like(key_use, &ring));
        let keys = ring.keys().map(|key| Prepared::new(key_use, &key).ok()).collect();
        Self { ahead: Some(keys), ..Self::lazy(scheme, ring, nobody) }
    }

    /// The ring itself.
    pub fn ring(&self) -> &Arc<Keyring> {
        &self.ring
    }

    /// The place of the key with this id, if it may verify now.
    pub(in crate::sig) fn usable(&self, id: &[u8], now: Moment) -> Option<usize> {
        let id = std::str::from_utf8(id).ok();
        if self.ring.derives() {
            return id.filter(|id| self.ring.admits(id)).and_then(|_| self.ring.masters(now).next());
        }
        let place = id.and_then(|id| self.ring.place(id));
        place.filter(|place| self.ring.verifies(*place, now))
    }

    /// Whether the request names a usable key of this ring that only observes. One that has expired forgives nothing any more.
    pub(crate) fn observes(&self, scheme: &Scheme, head: &Head, now: Moment) -> bool {
        let id = scheme.claimed_key_id(head);
        id.and_then(|id| self.usable(&id, now)).is_some_and(|place| self.ring.observes(place))
    }

    /// Keys that cannot be used with `scheme`, the first of them.
    pub fn misfits(&self, scheme: &Scheme) -> Vec<Misfit> {
        let unfit = |secret: &[u8]| Prepared::misfit(&scheme.facts().key_use, secret);
        let misfit = |place: usize| {
            // Some keys of a spelling fit by chance: so many of them do not.
            let samples = (0..Self::SAMPLES).map_while(|number| self.ring.derive(place, &number.to_be_bytes()));
            let why = if let Some(holder) = self.ring.holder(place) {
                Prepared::held(&self.key_use, holder, None).err()?
            } else if self.ring.derives() {
                samples.into_iter().find_map(|key| unfit(key.secret.expose()))?
            } else {
                unfit(self.ring.secret(place)?)?
            };
            let (ring, scheme) = (Arc::clone(self.ring.name()), Arc::clone(scheme.name()));
            Some(Misfit { ring, key: Arc::clone(&self.ring.at(place)?.id), scheme, why })
        };
        (0..self.ring.len()).filter_map(misfit).take(Self::TOLD).collect()
    }

    /// The keys to try: the named one, or every usable one, newest first, at most `most`. An unknown or unusable id gives the dummy.
    pub(in crate::sig) fn candidates(&self, id: Option<&[u8]>, now: Moment, most: usize) -> Result<Trials, Rejection> {
        if !self.ring.is_live(now) {
            return Err(Rejection::from(Code::KeyringEmpty).because(format!("keyring {}", self.ring.name())));
        }
        if self.ring.derives() {
            return Ok(self.derived(id.unwrap_or_default(), now, most));
        }
        if let Some(id) = id {
            return Ok(smallvec![self.named(id, now)]);
        }
        let usable = (0..self.ring.len()).rev().filter(|place| self.ring.verifies(*place, now));
        Ok(usable.filter_map(|place| self.at(place)).take(most).collect())
    }

    /// The key with this id, or what stands for it where nobody has it.
    ///
    /// **Threat:** where nothing is computed ahead, a known key costs a look into cold memory and the making of its state. Who names an unknown one
    /// has to wait as long: another key of the ring is fetched and made ready in its place, the same one for each id, and it can win nothing.
    fn named(&self, id: &[u8], now: Moment) -> Arc<Prepared> {
        let known = self.usable(id, now);
        if self.ahead.is_some() || matches!(self.key_use.primitive, Primitive::Public(_)) {
            return known.and_then(|place| self.at(place)).unwrap_or_else(|| self.nobody.stand_in());
        }
        let instead = self.ring.place_of_nobody(id);
        let key = self.ring.at(known.unwrap_or(instead));
        let ready = key.and_then(|key| match known {
            Some(_) => Prepared::new(&self.key_use, &key).ok(),
            None => Prepared::of_nobody(&self.key_use, &key).ok(),
        });
        ready.unwrap_or_else(|| self.nobody.stand_in())
    }

    /// The key of this id under every master that may verify now.
    ///
    /// **Threat:** an id that was revoked, or is none, costs the same derivations; whatever they make, no permit comes of it.
    fn derived(&self, id: &[u8], now: Moment, most: usize) -> Trials {
        let admitted = std::str::from_utf8(id).is_ok_and(|id| self.ring.admits(id));
        let keys = self.ring.masters(now).take(most.max(1)).filter_map(|place| self.ring.derive(place, id));
        let ready = keys.map(|key| {
            if admitted { Prepared::new(&self.key_use, &key) } else { Prepared::of_nobody(&self.key_use, &key) }
        });
        ready.map(|ready| ready.unwrap_or_else(|_| self.nobody.stand_in())).collect()
    }

    fn at(&self, place: usize) -> Option<Arc<Prepared>> {
        match &self.ahead {
            Some(ahead) => ahead.get(place).cloned().flatten(),
            None => Prepared::new(&self.key_use, &self.ring.at(place)?).ok(),
        }
    }

    /// At most `most` keys that sign at `now`, newest first.
    pub(crate) fn signers(&self, now: Moment, most: usize) -> Vec<Arc<Prepared>> {
        self.ring.signers(now, most).into_iter().filter_map(|place| self.at(place)).collect()
    }
}

/// Places of the keys of `ring`, each with the bytes that `scheme` decodes its secret into, before any derivation; nothing where the secret is taken as it
/// stands.
pub fn decoded<'a>(scheme: &'a Scheme, ring: &'a Keyring) -> impl Iterator<Item = (usize, Secret)> {
    let form = Some(KeyForm { derive: None, ..scheme.facts().key_use.form.clone() });
    let form = form.filter(|form| form.encoding.is_some());
    let places = if form.is_some() && !ring.derives() && !ring.is_held() { ring.len() } else { 0 };
    (0..places).filter_map(move |place| Some((place, key_bytes(form.as_ref()?, ring.secret(place)?).ok()?)))
}

/// An HMAC under `key`, nothing fed; `None` where the scheme makes something else of it.
pub(in crate::sig) fn keyed(key_use: &KeyUse, key: &Key) -> Option<Mac> {
    let Primitive::Hmac(algorithm) = key_use.primitive else { return None };
    if let Some(holder) = key.secret.holder() {
        return Prepared::held(key_use, holder, None).ok().map(|ready| ready.mac);
    }
    key_bytes(&key_use.form, key.secret.expose()).ok().map(|bytes| Mac::keyed(algorithm, bytes.expose()))
}

#[cfg(test)]
mod tests;
