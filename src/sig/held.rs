//! Keys that never leave where they are held, such as a hardware module: who holds the key makes the MAC.

use std::sync::Arc;

use super::Need;
use super::declared::parts::Declared;
use super::keyring::Keyring;
use super::mac::Algorithm;
use super::scheme::{Facts, Kind, Scheme};
use crate::reject::{Code, Rejection};

/// A key that somebody else holds, and makes MACs with when asked.
pub trait HeldKey: Send + Sync {
    /// The HMAC (RFC 2104) of the whole `message`. Blocks until it is there, or until its holder is given up; that has to be soon.
    fn mac(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unanswered>;

    /// Whether its holder makes MACs of this kind with it.
    fn makes(&self, algorithm: Algorithm) -> bool;
}

/// Who holds the key did not make the MAC, or not in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the key store does not answer")]
pub struct Unanswered;

impl From<Unanswered> for Rejection {
    fn from(_: Unanswered) -> Self {
        Code::KeyStoreAway.into()
    }
}

impl Scheme {
    /// The same as it works with `rings`. A body cannot go bit by bit to who holds a key: it is there whole before anybody is asked.
    #[must_use]
    pub fn with_rings<'a>(self: Arc<Self>, mut rings: impl Iterator<Item = &'a Arc<Keyring>>) -> Arc<Self> {
        let Kind::Declared(declared) = &self.kind else { return self };
        if declared.need != Need::Feed || !rings.any(|ring| ring.is_held()) {
            return self;
        }
        let declared = Declared { need: Need::Whole, keeps_head: true, ..Declared::clone(declared) };
        let facts = Facts { need: Need::Whole, signing_need: Need::Whole, ..self.facts().clone() };
        let whole = Self::of(facts, Kind::Declared(Arc::new(declared)));
        Arc::new(match self.challenge() {
            Some(challenge) => whole.with_challenge(challenge.clone()),
            None => whole,
        })
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod fake {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::sig::mac::Mac;
    use crate::sig::secret::Secret;

    /// A holder whose key the tests know. It makes no SHA-1.
    pub(crate) struct Fake {
        key: Vec<u8>,
        pub(crate) away: AtomicBool,
        pub(crate) asked: AtomicUsize,
    }

    impl Fake {
        pub(crate) fn new(key: &[u8]) -> Arc<Self> {
            Arc::new(Self { key: key.to_vec(), away: AtomicBool::new(false), asked: AtomicUsize::new(0) })
        }

        pub(crate) fn secret(self: &Arc<Self>) -> Secret {
            let held: Arc<dyn HeldKey> = Arc::<Self>::clone(self);
            Secret::held(held, [7; 32])
        }
    }

    impl HeldKey for Fake {
        fn mac(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Unanswered> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let mut mac = Mac::keyed(algorithm, &self.key);
            mac.update(message);
            if self.away.load(Ordering::SeqCst) { Err(Unanswered) } else { mac.tag() }
        }

        fn makes(&self, algorithm: Algorithm) -> bool {
            algorithm != Algorithm::Sha1
        }
    }
}
