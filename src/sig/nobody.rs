//! What a name or key id costs that nobody has: as much as the dearest that somebody has.

use std::sync::Arc;

use super::key::Key;
use super::keyring::Keyring;
use super::public::PublicKey;
use super::ring::{KeyUse, Prepared, Primitive, Trials};
use super::secret::Secret;

/// Stands for keys that nobody has: fed the same bytes, it makes an unknown key id, or an unknown ring, cost what a wrong signature costs.
#[derive(Clone)]
pub struct Nobody {
    prepared: Arc<Prepared>,
    keys: usize,
    /// Made ready anew each time, where everybody's keys are.
    anew: Option<(KeyUse, Arc<Key>)>,
}

impl Nobody {
    /// In the place of one key of `ring`.
    pub(crate) fn like(key_use: &KeyUse, ring: &Keyring) -> Self {
        Self { prepared: dummy(key_use, std::iter::once(ring)), keys: 1, anew: None }
    }

    /// In the place of any of `rings`, whose keys are made ready when they are asked for: where every key is tried, as many as the largest of them has.
    /// Smaller ones are filled up to that, or the time would tell which names there are.
    pub(crate) fn among<'a>(key_use: &KeyUse, rings: impl Iterator<Item = &'a Keyring> + Clone) -> Self {
        let keys = rings.clone().map(Keyring::len).max().unwrap_or(1);
        let anew = model(key_use, rings.clone()).map(|model| (key_use.clone(), model));
        Self { prepared: dummy(key_use, rings), keys, anew }
    }

    /// In the place of one key of `ring`, whose keys are made ready when they are asked for.
    pub(crate) fn like_one_of(key_use: &KeyUse, ring: &Keyring) -> Self {
        Self { keys: 1, ..Self::among(key_use, std::iter::once(ring)) }
    }

    /// The stand-in for one key.
    pub(in crate::sig) fn stand_in(&self) -> Arc<Prepared> {
        let anew = self.anew.as_ref().and_then(|(key_use, model)| Prepared::of_nobody(key_use, model).ok());
        anew.unwrap_or_else(|| Arc::clone(&self.prepared))
    }

    /// Fills `tried` up to what everybody costs who names no key, within `most`.
    pub(in crate::sig) fn fill(&self, tried: &mut Trials, most: usize) {
        let all = self.keys.min(most).max(1);
        if tried.len() < all {
            tried.resize_with(all, || self.stand_in());
        }
    }
}

/// A key that costs as much as any: with RSA the largest.
fn model<'a>(key_use: &KeyUse, mut rings: impl Iterator<Item = &'a Keyring>) -> Option<Arc<Key>> {
    let Primitive::Public(algorithm) = key_use.primitive else { return rings.find_map(|ring| ring.at(0)) };
    let size =
        |ring: &Keyring, place| Some(PublicKey::read(algorithm, &key_use.form, ring.secret(place)?).ok()?.size());
    let keys = rings.flat_map(|ring| (0..ring.len()).map(move |place| (ring, place)));
    let (ring, place) = keys.max_by_key(|(ring, place)| size(ring, *place))?;
    ring.at(place)
}

/// **Threat:** with RSA the time grows with the key, and a signature of another length is refused at once: the stand-in has the size of the largest.
fn dummy<'a>(key_use: &KeyUse, rings: impl Iterator<Item = &'a Keyring>) -> Arc<Prepared> {
    let bytes = Secret::new(b"no key has this id, yet it takes as long".to_vec());
    Arc::new(match key_use.primitive {
        Primitive::Public(algorithm) => {
            let read = |ring: &'a Keyring| {
                let secrets = (0..ring.len()).filter_map(|place| ring.secret(place));
                secrets.filter_map(|secret| PublicKey::read(algorithm, &key_use.form, secret).ok())
            };
            let largest = rings.flat_map(read).map(|key| key.size()).max().unwrap_or_default();
            match PublicKey::of_nobody(algorithm, largest) {
                Some(public) => Prepared::public(None, public),
                None => Prepared::secret(key_use.primitive, None, bytes),
            }
        }
        Primitive::Hmac(_) | Primitive::Hash(_) | Primitive::Derived(_) | Primitive::Token => {
            // Who holds the keys of a ring is asked for nobody, too.
            let held = rings.filter(|ring| ring.is_held()).find_map(|ring| ring.at(0));
            let ready = held.and_then(|key| Prepared::of_nobody(key_use, &key).ok());
            return ready.unwrap_or_else(|| Arc::new(Prepared::secret(key_use.primitive, None, bytes)));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::declared::parts::KeyForm;
    use crate::sig::encoding::Encoding;
    use crate::sig::key::Window;
    use crate::sig::mac::Algorithm;
    use crate::sig::public::{PublicAlgorithm, rsa_of_nobody};

    fn ring(secrets: &[Vec<u8>]) -> Keyring {
        let key = |(place, secret): (usize, &Vec<u8>)| Key {
            id: format!("k{place}").into(),
            principal: "p".into(),
            secret: Secret::new(secret.clone()),
            sign: Window::default(),
            verify: Window::default(),
            created: None,
            observe: false,
        };
        Keyring::new("ring", secrets.iter().enumerate().map(key).collect()).unwrap()
    }

    fn key_use(primitive: Primitive) -> KeyUse {
        let form = KeyForm { encoding: Some(Encoding::Base64), ..KeyForm::default() };
        KeyUse { form, primitive }
    }

    fn rsa(bytes: usize) -> Vec<u8> {
        Encoding::Base64.encode(&rsa_of_nobody(bytes).unwrap()).into_bytes()
    }

    fn size(nobody: &Nobody) -> Option<usize> {
        nobody.prepared.public.as_ref().map(PublicKey::size)
    }

    #[test]
    fn nobodys_rsa_key_is_as_large_as_the_largest_of_the_ring() {
        let own = key_use(Primitive::Public(PublicAlgorithm::RsaPssSha512));
        for (sizes, expected) in
            [(&[256][..], 256), (&[384], 384), (&[512, 256], 512), (&[256, 1024], 1024), (&[], 256)]
        {
            let mut secrets: Vec<_> = sizes.iter().map(|bytes| rsa(*bytes)).collect();
            secrets.push(b"no key at all".to_vec());
            assert_eq!(size(&Nobody::like(&own, &ring(&secrets))), Some(expected), "{sizes:?}");
        }
        let rings = [ring(&[rsa(256)]), ring(&[rsa(512)])];
        assert_eq!(size(&Nobody::among(&own, rings.iter())), Some(512));
    }

    #[test]
    fn nobody_costs_as_many_keys_as_the_largest_ring_within_the_bound() {
        let rings = [ring(&[vec![1; 32]]), ring(&[vec![1; 32], vec![2; 32], vec![3; 32]])];
        let own = key_use(Primitive::Hmac(Algorithm::Sha256));
        for (nobody, most, cost) in [
            (Nobody::like(&own, &rings[1]), 8, 1),
            (Nobody::among(&own, rings.iter()), 8, 3),
            (Nobody::among(&own, rings.iter()), 2, 2),
            (Nobody::among(&own, rings.iter()), 0, 1),
            (Nobody::among(&own, rings[..0].iter()), 8, 1),
        ] {
            let mut tried = Trials::new();
            nobody.fill(&mut tried, most);
            assert_eq!((tried.len(), tried.iter().all(|key| key.key.is_none())), (cost, true));
        }
    }
}
