//! The ordered set of keys that a route accepts or signs with.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::key::Key;
use super::time::Moment;

/// Keys in the order they were declared, unique by id. May be empty only through the passing of time, never as loaded.
#[derive(Clone)]
pub struct Keyring {
    name: Arc<str>,
    keys: Vec<Arc<Key>>,
    /// Places by id, where looking through the keys would take longer.
    index: Option<HashMap<Arc<str>, usize>>,
}

/// Up to this many keys are looked through. Most rings are of a tenant with one key: an index would be most of their memory.
const FEW: usize = 8;

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
}

impl Keyring {
    /// A ring of at least one key, each with a secret and an id of its own.
    pub fn new(name: impl Into<Arc<str>>, keys: Vec<Key>) -> Result<Self, KeyringError> {
        let name = name.into();
        if keys.is_empty() {
            return Err(KeyringError::Empty(name));
        }
        let mut ids = HashSet::with_capacity(keys.len());
        for key in &keys {
            if key.secret.is_empty() {
                return Err(KeyringError::EmptySecret(Arc::clone(&key.id)));
            }
            if !ids.insert(&key.id) {
                return Err(KeyringError::Duplicate(Arc::clone(&key.id)));
            }
        }
        let places = keys.iter().enumerate().map(|(place, key)| (Arc::clone(&key.id), place));
        let index = (keys.len() > FEW).then(|| places.collect());
        Ok(Self { name, keys: keys.into_iter().map(Arc::new).collect(), index })
    }

    /// The name it has in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Every key, whatever its state.
    pub fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }

    /// The key with this id, whatever its state.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Key>> {
        self.place(id).and_then(|place| self.keys.get(place))
    }

    /// Where in [`Keyring::keys`] the key with this id is.
    pub fn place(&self, id: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(id).copied(),
            None => self.keys.iter().position(|key| *key.id == *id),
        }
    }

    /// Keys that may verify at `now`. Empty means: fail closed, with a code of its own.
    pub fn usable(&self, now: Moment) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().filter(move |key| key.verify.contains(now))
    }

    /// Keys that may sign at `now`, newest (last declared, then latest `sign.from`) first.
    pub fn signers(&self, now: Moment) -> Vec<&Arc<Key>> {
        let mut keys: Vec<_> = self.keys.iter().filter(|key| key.sign.contains(now)).rev().collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.sign.from));
        keys
    }
}
