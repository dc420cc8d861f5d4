//! The keyed digest, fed part by part; its keyed state is computed once per key and cloned per request.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac as _, SimpleHmac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_384, Sha3_512};

use super::held::{HeldKey, Unanswered};

/// A hash function. It comes from the scheme, never from the request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// SHA-1; legacy, linted.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Algorithm {
    /// Every algorithm by the name it has in a scheme.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
        ("sha3-256", Self::Sha3_256),
        ("sha3-384", Self::Sha3_384),
        ("sha3-512", Self::Sha3_512),
    ];

    /// The algorithm of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// The name it has in a scheme.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Bytes of its output.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The digest of one piece of text.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let mut hash = Mac::plain(self);
        hash.update(bytes);
        hash.finish()
    }
}

macro_rules! states {
    ($($keyed:ident $plain:ident: $hash:ty, $mac:ty;)+) => {
        /// A digest under way, keyed or plain.
        #[derive(Clone)]
        pub struct Mac(State);

        #[derive(Clone)]
        enum State {
            $($keyed($mac), $plain($hash),)+
            /// What is fed is kept until whoever holds the key is asked.
            Held(Arc<dyn HeldKey>, Algorithm, Vec<u8>),
        }

        impl Mac {
            /// A digest without a key.
            pub fn plain(algorithm: Algorithm) -> Self {
                Self(match algorithm {
                    $(Algorithm::$plain => State::$plain(<$hash>::default()),)+
                })
            }

            /// HMAC (RFC 2104) with a key of any length.
            pub fn keyed(algorithm: Algorithm, key: &[u8]) -> Self {
                #[cfg(test)]
                KEYED.set(KEYED.get().saturating_add(1));
                Self(match algorithm {
                    $(Algorithm::$plain => State::$keyed(keyed::<$mac>(key)),)+
                })
            }

            /// HMAC with a key that somebody else holds.
            pub(in crate::sig) fn held(algorithm: Algorithm, by: Arc<dyn HeldKey>) -> Self {
                Self(State::Held(by, algorithm, Vec::new()))
            }

            /// The next bytes.
            pub fn update(&mut self, bytes: &[u8]) {
                match &mut self.0 {
                    $(State::$keyed(mac) => mac.update(bytes),
                      State::$plain(hash) => hash.update(bytes),)+
                    State::Held(_, _, message) => message.extend_from_slice(bytes),
                }
            }

            /// The raw output of what was made without a key, or with one of ours. Of a key that somebody else holds there is none, which equals no MAC.
            pub fn finish(self) -> Vec<u8> {
                match self.0 {
                    $(State::$keyed(mac) => mac.finalize().into_bytes().to_vec(),
                      State::$plain(hash) => hash.finalize().to_vec(),)+
                    State::Held(..) => Vec::new(),
                }
            }

            /// The raw output with whatever key, which may take asking who holds it.
            pub fn tag(self) -> Result<Vec<u8>, Unanswered> {
                match self.0 {
                    State::Held(key, algorithm, message) => {
                        key.mac(algorithm, &message).and_then(|mac| if mac.len() == algorithm.size() { Ok(mac) } else { Err(Unanswered) })
                    }
                    state => Ok(Self(state).finish()),
                }
            }
        }
    };
}

states! {
    HmacSha1 Sha1: Sha1, Hmac<Sha1>;
    HmacSha256 Sha256: Sha256, Hmac<Sha256>;
    HmacSha384 Sha384: Sha384, Hmac<Sha384>;
    HmacSha512 Sha512: Sha512, Hmac<Sha512>;
    HmacSha3_256 Sha3_256: Sha3_256, SimpleHmac<Sha3_256>;
    HmacSha3_384 Sha3_384: Sha3_384, SimpleHmac<Sha3_384>;
    HmacSha3_512 Sha3_512: Sha3_512, SimpleHmac<Sha3_512>;
}

#[cfg(test)]
thread_local! {
    /// How many keyed states this thread has made.
    pub(in crate::sig) static KEYED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_has_the_size_it_says() {
        for (name, algorithm) in Algorithm::NAMES {
            assert_eq!(Mac::keyed(algorithm, b"k").finish().len(), algorithm.size(), "{name}");
            assert_eq!(algorithm.digest(b"").len(), algorithm.size(), "{name}");
            assert_eq!(Algorithm::by_name(name), Some(algorithm));
        }
        assert_eq!(Algorithm::by_name("md5"), None);
    }

    #[test]
    fn pieces_and_a_clone_give_the_same_mac_as_the_whole() {
        let prepared = Mac::keyed(Algorithm::Sha256, b"key");
        let (mut whole, mut pieces) = (prepared.clone(), prepared);
        whole.update(b"1.body");
        for piece in [&b"1"[..], b".", b"bo", b"dy"] {
            pieces.update(piece);
        }
        assert_eq!(whole.finish(), pieces.finish());
    }
}
