//! A ring is the same whether its keys are held whole or packed.

use super::*;
use crate::sig::secret::Secret;

fn key(number: usize) -> Key {
    Key {
        id: format!("k{number}").into(),
        principal: if number.is_multiple_of(3) { "p".into() } else { format!("k{number}").into() },
        secret: Secret::new(format!("secret of {number}").into_bytes()),
        sign: Window { from: Some(second(number % 5)), until: None },
        verify: Window { from: None, until: number.is_multiple_of(2).then(|| Moment::from_secs(100)) },
        created: number.is_multiple_of(7).then(|| second(number)),
        observe: number.is_multiple_of(4),
    }
}

fn second(number: usize) -> Moment {
    Moment::from_secs(number.try_into().unwrap())
}

fn ring(size: usize) -> Keyring {
    Keyring::new("ring", (0..size).map(key).collect()).unwrap()
}

fn same(one: &Key, other: &Key) -> bool {
    let names = |key: &Key| (Arc::clone(&key.id), Arc::clone(&key.principal), key.secret.expose().to_vec());
    let rest = |key: &Key| (key.sign, key.verify, key.created, key.observe);
    (names(one), rest(one)) == (names(other), rest(other))
}

const SIZES: [usize; 7] = [1, 8, 9, Keyring::FEW - 1, Keyring::FEW, Keyring::FEW + 1, 3000];

#[test]
fn every_key_is_given_back_as_it_was_in_its_order_and_by_its_id() {
    for size in SIZES {
        let ring = ring(size);
        assert_eq!((ring.len(), ring.is_large()), (size, size > Keyring::FEW));
        assert!(ring.keys().enumerate().all(|(place, given)| same(&given, &key(place))), "{size}");
        assert_eq!(ring.keys().count(), size);
        for place in 0..size {
            let expected = key(place);
            assert_eq!(ring.place(&expected.id), Some(place));
            assert!(ring.by_id(&expected.id).is_some_and(|given| same(&given, &expected)));
            assert_eq!(ring.secret(place), Some(expected.secret.expose()));
            assert_eq!(ring.observes(place), expected.observe);
        }
        for id in ["", "k", "K0", &format!("k{size}"), "k0 ", "k00"] {
            assert_eq!((ring.place(id), ring.by_id(id).is_none()), (None, true), "{id}");
        }
        assert!(ring.at(size).is_none() && ring.secret(size).is_none() && !ring.observes(size));
    }
}

#[test]
fn what_is_asked_of_all_keys_is_what_each_would_say() {
    for size in SIZES {
        let ring = ring(size);
        for now in [-1, 0, 1, 3, 4, 99, 100, 101].map(Moment::from_secs) {
            let all = || ring.keys().enumerate();
            let usable = |key: &Key| key.sign.contains(now) || key.verify.contains(now);
            assert_eq!(ring.count_usable(now), all().filter(|(_, key)| usable(key)).count());
            assert_eq!(ring.is_live(now), all().any(|(_, key)| key.verify.contains(now)));
            assert!(all().all(|(place, key)| ring.verifies(place, now) == key.verify.contains(now)));
            let old: Vec<_> = all().filter(|(_, key)| key.created.is_some_and(|made| made < now)).collect();
            assert!(ring.made_before(now).eq(old.iter().map(|(place, _)| *place)));
            let mut signing: Vec<_> = all().filter(|(_, key)| key.sign.contains(now)).collect();
            signing.sort_by_key(|(place, key)| std::cmp::Reverse((key.sign.from, *place)));
            let signing: Vec<_> = signing.iter().map(|(place, _)| *place).collect();
            assert_eq!(ring.signers(now, usize::MAX), signing);
            assert_eq!(ring.signers(now, 1), signing.get(..1).unwrap_or_default());
        }
    }
}

#[test]
fn a_ring_is_refused_for_the_first_thing_that_is_wrong_with_it() {
    let refused = |keys: Vec<Key>| Keyring::new("ring", keys).err().unwrap();
    assert_eq!(refused(Vec::new()), KeyringError::Empty("ring".into()));
    for size in SIZES {
        let keys = || (0..size).map(key).collect::<Vec<_>>();
        let again = Key { id: "k0".into(), ..key(size) };
        let empty = Key { secret: Secret::new(Vec::new()), ..key(size) };
        let with = |more: [&Key; 2]| keys().into_iter().chain(more.map(Key::clone)).collect();
        assert_eq!(refused(with([&again, &key(size)])), KeyringError::Duplicate("k0".into()), "{size}");
        assert_eq!(refused(with([&empty, &key(size)])), KeyringError::EmptySecret(format!("k{size}").into()), "{size}");
    }
}

#[test]
fn an_id_that_nobody_has_leads_to_one_key_and_another_to_another() {
    let ring = ring(3000);
    let places: Vec<_> = (0..1000).map(|number| ring.place_of_nobody(format!("n{number}").as_bytes())).collect();
    let again = (0..1000).map(|number| ring.place_of_nobody(format!("n{number}").as_bytes()));
    assert!(again.eq(places.iter().copied()) && places.iter().all(|place| *place < 3000));
    assert!(places.iter().collect::<HashSet<_>>().len() > 500, "spread over the ring");
}
