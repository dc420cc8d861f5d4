//! Keys made ready for one scheme: decoded, derived, and with their keyed state computed once.

use std::sync::Arc;

use super::declared::parts::KeyForm;
use super::key::Key;
use super::keyring::Keyring;
use super::mac::{Algorithm, Mac};
use super::message::Head;
use super::scheme::Scheme;
use super::secret::Secret;
use super::template::{Input, Part, Template};
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
    pub why: &'static str,
}

/// What a scheme makes of a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// How the configured secret becomes key bytes.
    pub form: KeyForm,
    /// What is done with them.
    pub primitive: Primitive,
}

/// What proves that somebody has the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// HMAC (RFC 2104).
    Hmac(Algorithm),
    /// A plain digest with the key inside the message.
    Hash(Algorithm),
    /// HMAC with a key that is derived from the secret for each request.
    Derived(Algorithm),
}

impl Primitive {
    /// The hash function below it.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hmac(algorithm) | Self::Hash(algorithm) | Self::Derived(algorithm) => algorithm,
        }
    }
}

/// A key made ready for one scheme.
pub(crate) struct Prepared {
    /// `None` for the dummy that stands for an unknown key.
    pub(in crate::sig) key: Option<Arc<Key>>,
    pub(in crate::sig) mac: Mac,
    /// The key bytes, where more than the keyed state is needed of them.
    pub(in crate::sig) bytes: Option<Secret>,
}

/// A ring made ready for one scheme.
pub struct PreparedRing {
    ring: Arc<Keyring>,
    key_use: KeyUse,
    dummy: Dummy,
    ready: Vec<Option<Arc<Prepared>>>,
}

impl Prepared {
    fn new(key_use: &KeyUse, key: &Arc<Key>) -> Result<Arc<Self>, &'static str> {
        let bytes = key_bytes(&key_use.form, key.secret.expose())?;
        Ok(Arc::new(Self::of(key_use, Some(Arc::clone(key)), bytes)))
    }

    fn of(key_use: &KeyUse, key: Option<Arc<Key>>, bytes: Secret) -> Self {
        match key_use.primitive {
            Primitive::Hmac(algorithm) => Self { key, mac: Mac::keyed(algorithm, bytes.expose()), bytes: None },
            Primitive::Hash(algorithm) | Primitive::Derived(algorithm) => {
                Self { key, mac: Mac::plain(algorithm), bytes: Some(bytes) }
            }
        }
    }
}

/// Stands for a key that nobody has: fed the same bytes, it makes an unknown key id cost what a wrong signature costs.
#[derive(Clone)]
pub(in crate::sig) struct Dummy(Arc<Prepared>);

impl Dummy {
    pub(in crate::sig) fn new(key_use: &KeyUse) -> Self {
        let bytes = Secret::new(b"no key has this id, yet it takes as long".to_vec());
        Self(Arc::new(Prepared::of(key_use, None, bytes)))
    }

    pub(in crate::sig) fn prepared(&self) -> Arc<Prepared> {
        Arc::clone(&self.0)
    }
}

impl std::fmt::Debug for Dummy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dummy")
    }
}

impl PreparedRing {
    /// Above this many keys nothing is computed ahead: tenants are looked up, not tried.
    pub const MOST: usize = 4096;

    /// A ring whose keys are made ready when they are asked for.
    pub fn lazy(scheme: &Scheme, ring: Arc<Keyring>) -> Self {
        let key_use = scheme.facts().key_use.clone();
        Self { ring, dummy: Dummy::new(&key_use), key_use, ready: Vec::new() }
    }

    /// Every key of `ring` made ready for `scheme`. Keys that do not fit are never used: see [`PreparedRing::misfits`].
    pub fn new(scheme: &Scheme, ring: Arc<Keyring>) -> Self {
        let lazy = Self::lazy(scheme, ring);
        let few = lazy.ring.keys().len() <= Self::MOST;
        let keys = if few { lazy.ring.keys() } else { &[] };
        let ready = keys.iter().map(|key| Prepared::new(&lazy.key_use, key).ok()).collect();
        Self { ready, ..lazy }
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
        let why = |key: &Arc<Key>| key_bytes(&scheme.facts().key_use.form, key.secret.expose()).err();
        let misfit = |key: &Arc<Key>, why| Misfit {
            ring: Arc::clone(self.ring.name()),
            key: Arc::clone(&key.id),
            scheme: Arc::clone(scheme.name()),
            why,
        };
        self.ring.keys().iter().filter_map(|key| why(key).map(|why| misfit(key, why))).collect()
    }

    /// The keys to try: the named one, or every usable one, newest first, at most `most`. An unknown or unusable id gives the dummy.
    pub(in crate::sig) fn candidates(
        &self,
        id: Option<&[u8]>,
        now: Moment,
        most: usize,
    ) -> Result<Vec<Arc<Prepared>>, Rejection> {
        if self.ring.usable(now).next().is_none() {
            return Err(Rejection::from(Code::KeyringEmpty).because(format!("keyring {}", self.ring.name())));
        }
        if let Some(id) = id {
            let known = std::str::from_utf8(id).ok().and_then(|id| self.ring.place(id));
            let ready = known.and_then(|place| self.usable_at(place, now));
            return Ok(vec![ready.unwrap_or_else(|| self.dummy.prepared())]);
        }
        let places = (0..self.ring.keys().len()).rev();
        Ok(places.filter_map(|place| self.usable_at(place, now)).take(most).collect())
    }

    fn usable_at(&self, place: usize, now: Moment) -> Option<Arc<Prepared>> {
        let key = self.ring.keys().get(place).filter(|key| key.verify.contains(now))?;
        self.at(place, key)
    }

    fn at(&self, place: usize, key: &Arc<Key>) -> Option<Arc<Prepared>> {
        match self.ready.get(place) {
            Some(ready) => ready.clone(),
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

/// How the configured secret becomes key bytes.
fn key_bytes(form: &KeyForm, secret: &[u8]) -> Result<Secret, &'static str> {
    let prefix = form.strip_prefix.as_deref().unwrap_or_default().as_bytes();
    let text = secret.strip_prefix(prefix).unwrap_or(secret);
    let bytes = match form.encoding {
        None => Secret::new(text.to_vec()),
        Some(encoding) => {
            Secret::new(encoding.decode_secret(text).ok_or("its secret is not in the scheme's encoding")?)
        }
    };
    if bytes.is_empty() {
        return Err("its secret is empty after decoding");
    }
    Ok(match &form.derive {
        None => bytes,
        Some((algorithm, template)) => derive(*algorithm, template, &bytes),
    })
}

fn derive(algorithm: Algorithm, template: &Template, key: &Secret) -> Secret {
    let mut hash = Mac::plain(algorithm);
    for part in &template.0 {
        match part {
            Part::Literal(text) => hash.update(text),
            Part::Value(value) if value.input == Input::Key => hash.update(key.expose()),
            Part::Value(_) => {}
        }
    }
    Secret::new(hash.finish())
}
