//! One master secret, and a key for every id: HKDF-SHA256 (RFC 5869) over the key id.
//!
//! **Invariant:** salt, info and length are what devices compute, too: a change of any of them is a change of every key.

use std::collections::HashSet;
use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Keyring, KeyringError, Keys};
use crate::sig::encoding::Encoding;
use crate::sig::key::Key;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;

/// The salt of the extraction.
const SALT: &[u8] = b"countersign derived key 1";

/// Bytes of a derived key.
const LENGTH: usize = 32;

/// How the 32 bytes of a derived key become its secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Spelling {
    /// Text of 43 characters, base64 in the URL alphabet without padding, as `countersign keygen` makes it.
    #[default]
    Base64Url,
    /// Text of 44 characters, base64 with padding.
    Base64,
    /// Text of 64 lower-case hex digits.
    Hex,
    /// The bytes themselves.
    Raw,
}

/// How keys come from masters, and which never do.
pub struct Derivation {
    /// The extracted state of every master, in the order of the ring.
    masters: Vec<Hkdf<Sha256>>,
    revoked: HashSet<Box<str>>,
    spelling: Spelling,
}

impl Keyring {
    /// More masters than these would make every request dear: each that may verify is tried.
    pub const MASTERS: usize = 4;

    /// The same ring, whose keys are masters from now on. Ids in `revoked` have no key.
    pub fn derived(self, revoked: HashSet<Box<str>>, spelling: Spelling) -> Result<Self, KeyringError> {
        if self.len() > Self::MASTERS {
            return Err(KeyringError::TooManyMasters(self.name));
        }
        let masters =
            (0..self.len()).filter_map(|place| self.secret(place)).map(|secret| Hkdf::new(Some(SALT), secret));
        let derivation = Derivation { masters: masters.collect(), revoked, spelling };
        Ok(Self { derivation: Some(Arc::new(derivation)), ..self })
    }

    /// Whether its keys are masters, of which others are derived.
    pub fn derives(&self) -> bool {
        self.derivation.is_some()
    }

    /// How many ids are revoked.
    pub fn revoked(&self) -> usize {
        self.derivation.as_ref().map_or(0, |derivation| derivation.revoked.len())
    }

    /// Whether a derived ring gives this id a key: it is one, and was not revoked.
    pub fn admits(&self, id: &str) -> bool {
        let plain = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        self.derivation.as_ref().is_some_and(|derivation| !derivation.revoked.contains(id)) && plain
    }

    /// The key of `id` under the master at `place`, whether it is revoked or not; it lives as long as its master and speaks for itself.
    pub fn derive(&self, place: usize, id: &[u8]) -> Option<Arc<Key>> {
        let derivation = self.derivation.as_ref()?;
        let secret = derivation.secret(place, id)?;
        let Keys::Few { keys, .. } = &self.keys else { return None };
        let master = keys.get(place)?;
        let id: Arc<str> = String::from_utf8_lossy(id).into();
        Some(Arc::new(Key { principal: Arc::clone(&id), id, secret, ..Key::clone(master) }))
    }

    /// Places of the masters that may verify at `now`, newest first.
    pub(in crate::sig) fn masters(&self, now: Moment) -> impl Iterator<Item = usize> {
        let all = self.derivation.as_ref().map_or(0, |derivation| derivation.masters.len());
        (0..all).rev().filter(move |place| self.verifies(*place, now))
    }

    /// The id of the master that `key` was derived of.
    pub(in crate::sig) fn master_of(&self, key: &Key) -> Option<Arc<str>> {
        let derivation = self.derivation.as_ref()?;
        let is_of = |place: &usize| {
            let secret = derivation.secret(*place, key.id.as_bytes());
            secret.is_some_and(|secret| secret.expose().ct_eq(key.secret.expose()).into())
        };
        (0..self.len()).find(is_of).and_then(|place| self.at(place)).map(|master| Arc::clone(&master.id))
    }
}

impl Derivation {
    fn secret(&self, master: usize, id: &[u8]) -> Option<Secret> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        self.masters.get(master)?.expand(id, bytes.as_mut_slice()).ok()?;
        let text = match self.spelling {
            Spelling::Base64Url => Encoding::Base64Url.encode(bytes.as_slice()),
            Spelling::Base64 => Encoding::Base64.encode(bytes.as_slice()),
            Spelling::Hex => Encoding::Hex.encode(bytes.as_slice()),
            Spelling::Raw => return Some(Secret::new(bytes.to_vec())),
        };
        Some(Secret::new(text.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::key::Window;

    const MASTER: &str = "0123456789abcdefghijklmnopqrstuv";

    fn ring(masters: &[&str], revoked: &[&str], spelling: Spelling) -> Result<Keyring, KeyringError> {
        let key = |(place, secret): (usize, &&str)| Key {
            id: format!("m{place}").into(),
            principal: "m".into(),
            secret: Secret::new(secret.as_bytes().to_vec()),
            sign: Window::default(),
            verify: Window {
                from: None,
                until: Some(Moment::from_secs(i64::try_from(place).unwrap().saturating_add(10))),
            },
            created: None,
            observe: false,
        };
        let ring = Keyring::new("devices", masters.iter().enumerate().map(key).collect()).unwrap();
        ring.derived(revoked.iter().map(|id| (*id).into()).collect(), spelling)
    }

    #[test]
    fn the_keys_are_those_that_python_computes() {
        for (id, spelling, secret) in [
            ("device-000001", Spelling::Base64Url, "uJmU-TgfYZr20ws-7Sp_fhqvXiy2TKLgCfgSOMcnp1o"),
            ("device-000001", Spelling::Base64, "uJmU+TgfYZr20ws+7Sp/fhqvXiy2TKLgCfgSOMcnp1o="),
            ("device-000001", Spelling::Hex, "b89994f9381f619af6d30b3eed2a7f7e1aaf5e2cb64ca2e009f81238c727a75a"),
            (&"a".repeat(128), Spelling::Base64Url, "Ur3Igg7Z02y1e7HnzYOFHsftbpuMVOWupE7_denDIOY"),
        ] {
            let key = ring(&[MASTER], &[], spelling).unwrap().derive(0, id.as_bytes()).unwrap();
            assert_eq!((key.secret.expose(), &*key.id, &*key.principal), (secret.as_bytes(), id, id));
        }
        let raw = ring(&[MASTER], &[], Spelling::Raw).unwrap().derive(0, b"device-000001").unwrap();
        assert_eq!(raw.secret.expose()[..4], [0xb8, 0x99, 0x94, 0xf9]);
    }

    #[test]
    fn an_id_is_admitted_unless_it_is_revoked_or_none() {
        let ring = ring(&[MASTER], &["lost"], Spelling::default()).unwrap();
        let long = "a".repeat(129);
        for (id, admitted) in [
            ("a", true),
            ("lost", false),
            ("lost2", true),
            ("", false),
            ("a b", false),
            (&long, false),
            (&long[1..], true),
        ] {
            assert_eq!(ring.admits(id), admitted, "{id}");
        }
    }

    #[test]
    fn a_key_lives_as_long_as_its_master_and_is_known_by_it() {
        let ring = ring(&[MASTER, "another-master-secret-0123456789"], &[], Spelling::default()).unwrap();
        for (now, masters) in [(9, vec![1, 0]), (10, vec![1]), (11, vec![])] {
            assert_eq!(ring.masters(Moment::from_secs(now)).collect::<Vec<_>>(), masters, "{now}");
        }
        for place in [0, 1] {
            let key = ring.derive(place, b"device").unwrap();
            assert_eq!(ring.master_of(&key).as_deref(), Some(&*format!("m{place}")));
        }
        assert!(ring.derive(2, b"device").is_none());
    }

    #[test]
    fn masters_are_few() {
        assert!(ring(&[MASTER; 4], &[], Spelling::Raw).is_ok());
        let five = ring(&[MASTER; 5], &[], Spelling::Raw);
        assert_eq!(five.err(), Some(KeyringError::TooManyMasters("devices".into())));
    }
}
