//! The ordered set of keys that a route accepts or signs with.

mod arena;
mod derived;
mod packed;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use self::derived::{Derivation, Spelling};
use self::packed::{Packed, Packing, Refused};
use super::held::HeldKey;
use super::key::{Key, Window};
use super::time::Moment;

/// Keys in the order they were declared, unique by id. May be empty only through the passing of time, never as loaded.
#[derive(Clone)]
pub struct Keyring {
    name: Arc<str>,
    keys: Keys,
    derivation: Option<Arc<Derivation>>,
}

#[derive(Clone)]
enum Keys {
    /// Each key whole, shared with whoever asks.
    Few {
        keys: Vec<Arc<Key>>,
        /// Places by id, where looking through the keys would take longer.
        index: Option<HashMap<Arc<str>, usize>>,
    },
    /// Each key made whole for whoever asks.
    Many(Arc<Packed>),
}

/// Up to this many keys are looked through. Most rings are of a tenant with one key: an index would be most of their memory.
const LOOKED_THROUGH: usize = 8;

/// Why a set of keys is not a keyring.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyringError {
    /// A ring without a key could verify nothing.
    #[error("keyring `{0}` has no key")]
    Empty(Arc<str>),
    /// Two keys with one id.
    #[error("key id `{0}` occurs twice")]
    Duplicate(Arc<str>),
    /// HMAC with an empty key proves nothing.
    #[error("key `{0}` has an empty secret")]
    EmptySecret(Arc<str>),
    /// More than [`Keyring::MOST`] keys.
    #[error("keyring `{0}` has more than {most} keys", most = Keyring::MOST)]
    TooMany(Arc<str>),
    /// More than [`Keyring::MASTERS`] masters.
    #[error("keyring `{0}` has more than {most} masters", most = Keyring::MASTERS)]
    TooManyMasters(Arc<str>),
}

/// A keyring that is being put together, key by key: what is packed needs no room of its own any more.
#[derive(Default)]
pub struct Draft {
    few: Vec<Key>,
    many: Option<Packing>,
    wrong: Option<Wrong>,
}

enum Wrong {
    Said(KeyringError),
    TooMany,
}

impl Draft {
    /// The next key of the ring.
    pub fn push(&mut self, key: Key) {
        if self.wrong.is_some() {
            return;
        }
        if key.secret.is_empty() {
            self.wrong = Some(Wrong::Said(KeyringError::EmptySecret(key.id)));
            return;
        }
        if self.many.is_some() {
            return self.pack(&key);
        }
        self.few.push(key);
        if self.few.len() > Keyring::FEW {
            self.many = Some(Packing::default());
            for key in std::mem::take(&mut self.few) {
                self.pack(&key);
            }
        }
    }

    fn pack(&mut self, key: &Key) {
        let Some(many) = self.many.as_mut().filter(|_| self.wrong.is_none()) else { return };
        let refused = if many.len() < Keyring::MOST { many.push(key).err() } else { Some(Refused::TooMuch) };
        self.wrong = refused.map(|refused| match refused {
            Refused::Duplicate => Wrong::Said(KeyringError::Duplicate(Arc::clone(&key.id))),
            Refused::TooMuch => Wrong::TooMany,
        });
    }

    /// The ring, or the first thing that is wrong with it.
    pub fn finish(self, name: impl Into<Arc<str>>) -> Result<Keyring, KeyringError> {
        let name = name.into();
        let keys = match (self.wrong, self.many) {
            (Some(Wrong::Said(error)), _) => return Err(error),
            (Some(Wrong::TooMany), _) => return Err(KeyringError::TooMany(name)),
            (None, Some(many)) => Keys::Many(Arc::new(many.finish())),
            (None, None) if self.few.is_empty() => return Err(KeyringError::Empty(name)),
            (None, None) => few(self.few)?,
        };
        Ok(Keyring { name, keys, derivation: None })
    }
}

fn few(keys: Vec<Key>) -> Result<Keys, KeyringError> {
    let mut ids = HashSet::with_capacity(keys.len());
    if let Some(key) = keys.iter().find(|key| !ids.insert(&key.id)) {
        return Err(KeyringError::Duplicate(Arc::clone(&key.id)));
    }
    let places = keys.iter().enumerate().map(|(place, key)| (Arc::clone(&key.id), place));
    let index = (keys.len() > LOOKED_THROUGH).then(|| places.collect());
    // Collecting would keep the room that the keys had.
    let mut whole = Vec::with_capacity(keys.len());
    whole.extend(keys.into_iter().map(Arc::new));
    Ok(Keys::Few { keys: whole, index })
}

impl Keyring {
    /// Up to this many keys are held whole; of more of them a key is made when it is asked for.
    pub const FEW: usize = 256;
    /// More keys than this are a mistake.
    pub const MOST: usize = 10_000_000;

    /// A ring of at least one key, each with a secret and an id of its own.
    pub fn new(name: impl Into<Arc<str>>, keys: Vec<Key>) -> Result<Self, KeyringError> {
        let mut draft = Draft::default();
        for key in keys {
            draft.push(key);
        }
        draft.finish(name)
    }

    /// The name it has in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many keys there are, whatever their state.
    #[expect(clippy::len_without_is_empty, reason = "a ring is never empty")]
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Few { keys, .. } => keys.len(),
            Keys::Many(many) => many.len(),
        }
    }

    /// Whether its keys are more than are held whole.
    pub fn is_large(&self) -> bool {
        matches!(self.keys, Keys::Many(_))
    }

    /// Every key in order, whatever its state. Of a large ring each is made for this: ask for what is needed of them where that will do.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = Arc<Key>> {
        (0..self.len()).filter_map(|place| self.at(place))
    }

    /// The key at this place.
    pub fn at(&self, place: usize) -> Option<Arc<Key>> {
        match &self.keys {
            Keys::Few { keys, .. } => keys.get(place).cloned(),
            Keys::Many(many) => many.at(place),
        }
    }

    /// The key with this id, whatever its state; of a derived ring the one under the newest master.
    pub fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        if self.derives() {
            return self.derive(self.len().saturating_sub(1), id.as_bytes()).filter(|_| self.admits(id));
        }
        self.place(id).and_then(|place| self.at(place))
    }

    /// Whether `key` is a key of this ring, with this secret, that may verify at `now`.
    pub fn holds(&self, key: &Key, now: Moment) -> bool {
        let same = |known: &Key| known.secret.expose() == key.secret.expose() && known.verify.contains(now);
        if self.derives() {
            let mut keys = self.masters(now).filter_map(|place| self.derive(place, key.id.as_bytes()));
            return self.admits(&key.id) && keys.any(|known| same(&known));
        }
        self.by_id(&key.id).is_some_and(|known| same(&known))
    }

    /// The place of the key with this id; of a derived ring that of a master.
    pub fn place(&self, id: &str) -> Option<usize> {
        match &self.keys {
            Keys::Few { index: Some(index), .. } => index.get(id).copied(),
            Keys::Few { keys, index: None } => keys.iter().position(|key| *key.id == *id),
            Keys::Many(many) => many.place(id),
        }
    }

    /// The place of a key that stands for an id which nobody has: always the same for one id, and hard to foretell where there are many.
    pub(in crate::sig) fn place_of_nobody(&self, id: &[u8]) -> usize {
        match &self.keys {
            Keys::Few { .. } => 0,
            Keys::Many(many) => many.place_of_nobody(id),
        }
    }

    /// The configured secret of the key at this place. Every caller is a place to review.
    pub(crate) fn secret(&self, place: usize) -> Option<&[u8]> {
        match &self.keys {
            Keys::Few { keys, .. } => keys.get(place).map(|key| key.secret.expose()),
            Keys::Many(many) => many.secret(place),
        }
    }

    /// Who holds the key at this place, where that is not us.
    pub(in crate::sig) fn holder(&self, place: usize) -> Option<&Arc<dyn HeldKey>> {
        match &self.keys {
            Keys::Few { keys, .. } => keys.get(place)?.secret.holder(),
            Keys::Many(_) => None,
        }
    }

    /// Whether a key of it is one that somebody else holds. Only rings of few keys have such.
    pub fn is_held(&self) -> bool {
        (0..if self.is_large() { 0 } else { self.len() }).any(|place| self.holder(place).is_some())
    }

    /// Whether the key at this place may verify at `now`.
    pub fn verifies(&self, place: usize, now: Moment) -> bool {
        let window = match &self.keys {
            Keys::Few { keys, .. } => keys.get(place).map(|key| key.verify),
            Keys::Many(many) => many.verify(place),
        };
        window.is_some_and(|window| window.contains(now))
    }

    /// Whether the verdicts of the key at this place are only counted.
    pub fn observes(&self, place: usize) -> bool {
        match &self.keys {
            Keys::Few { keys, .. } => keys.get(place).is_some_and(|key| key.observe),
            Keys::Many(many) => many.observes(place),
        }
    }

    /// Whether any key may verify at `now`. If none: fail closed, with a code of its own.
    pub fn is_live(&self, now: Moment) -> bool {
        match &self.keys {
            Keys::Few { keys, .. } => keys.iter().any(|key| key.verify.contains(now)),
            Keys::Many(many) => many.is_live(now),
        }
    }

    /// How many keys may verify or sign at `now`.
    pub fn count_usable(&self, now: Moment) -> usize {
        let usable = |sign: Window, verify: Window| sign.contains(now) || verify.contains(now);
        match &self.keys {
            Keys::Few { keys, .. } => keys.iter().filter(|key| usable(key.sign, key.verify)).count(),
            Keys::Many(many) => many.count(usable),
        }
    }

    /// Places of the keys that were made before `moment`, in order.
    pub fn made_before(&self, moment: Moment) -> impl Iterator<Item = usize> {
        let created = |place: &usize| match &self.keys {
            Keys::Few { keys, .. } => keys.get(*place).and_then(|key| key.created),
            Keys::Many(many) => many.created(*place),
        };
        (0..self.len()).filter(move |place| created(place).is_some_and(|created| created < moment))
    }

    /// Places of at most `most` keys that may sign at `now`, newest (latest `sign.from`, then last declared) first.
    pub fn signers(&self, now: Moment, most: usize) -> Vec<usize> {
        if let (Keys::Many(many), 1) = (&self.keys, most) {
            return many.newest_signer(now).into_iter().collect();
        }
        let mut found: Vec<(usize, Option<Moment>)> = match &self.keys {
            Keys::Few { keys, .. } => {
                let signing = keys.iter().enumerate().filter(|(_, key)| key.sign.contains(now));
                signing.map(|(place, key)| (place, key.sign.from)).rev().collect()
            }
            Keys::Many(many) => many.signers(now).rev().collect(),
        };
        found.sort_by_key(|(_, from)| std::cmp::Reverse(*from));
        found.into_iter().take(most).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests;
