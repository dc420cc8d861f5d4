//! Whoever names a key that nobody has waits as long as who names one that somebody has, and gets nothing for it.

use super::*;
use crate::sig::key::Window;
use crate::sig::keyring::Spelling;
use crate::sig::mac::KEYED;

const KEY_USE: KeyUse = KeyUse {
    form: KeyForm { encoding: None, strip_prefix: None, derive: None, pair: None },
    primitive: Primitive::Hmac(Algorithm::Sha256),
};

const NOW: Moment = Moment::from_secs(100);

/// Every fourth key has expired.
fn key(number: usize) -> Key {
    Key {
        id: format!("k{number}").into(),
        principal: "p".into(),
        secret: Secret::new(format!("secret of {number}").into_bytes()),
        sign: Window::default(),
        verify: Window { from: None, until: number.is_multiple_of(4).then_some(NOW) },
        created: None,
        observe: false,
    }
}

fn lazy(keys: usize) -> PreparedRing {
    let ring = Arc::new(Keyring::new("ring", (1..=keys).map(key).collect()).unwrap());
    let nobody = Arc::new(Nobody::like_one_of(&KEY_USE, &ring));
    PreparedRing { ring, key_use: Arc::new(KEY_USE), nobody, ahead: None }
}

fn ahead(keys: usize) -> PreparedRing {
    let PreparedRing { ring, key_use, .. } = lazy(keys);
    let ahead = Some(ring.keys().map(|key| Prepared::new(&KEY_USE, &key).ok()).collect());
    PreparedRing { nobody: Arc::new(Nobody::like(&KEY_USE, &ring)), ring, key_use, ahead }
}

/// Keyed states made, keys to try, and how many of them are somebody's.
fn work(candidates: &Candidates, id: Option<&[u8]>, most: usize) -> (usize, usize, usize) {
    KEYED.set(0);
    let trials = candidates.trials(id, NOW, most).unwrap();
    (KEYED.get(), trials.len(), trials.iter().filter(|trial| trial.key.is_some()).count())
}

#[test]
fn an_unknown_or_expired_id_costs_as_many_states_as_a_known_one() {
    for (ring, states) in
        [(ahead(1), 0), (ahead(8), 0), (ahead(300), 0), (lazy(1), 1), (lazy(9), 1), (lazy(300), 1), (lazy(5000), 1)]
    {
        let last = format!("k{}", ring.ring().len());
        let candidates = Candidates::Ring(Arc::new(ring));
        for known in ["k1", &last].into_iter().filter(|id| *id != "k8" && *id != "k300" && *id != "k5000") {
            assert_eq!(work(&candidates, Some(known.as_bytes()), 8), (states, 1, 1), "{known}");
        }
        for unknown in [&b"k4"[..], b"", b"k0", b"nobody", b"\xff\xfe", b"k1\0"] {
            let spent = work(&candidates, Some(unknown), 8);
            assert_eq!(spent, (states, 1, 0), "{last} {}", unknown.escape_ascii());
        }
    }
}

#[test]
fn a_tenant_that_nobody_is_costs_as_many_states_as_one_that_somebody_is() {
    let rings = [lazy(1), lazy(3)];
    let nobody = Arc::new(Nobody::among(&KEY_USE, rings.iter().map(|ring| &**ring.ring())));
    let known = rings.map(|ring| Candidates::Ring(Arc::new(PreparedRing { nobody: Arc::clone(&nobody), ..ring })));
    let unknown = Candidates::Nobody(nobody);
    for (id, most, states) in [(Some(&b"k1"[..]), 8, 1), (Some(b"none"), 8, 1), (None, 8, 3), (None, 2, 2)] {
        for candidates in known.iter().chain([&unknown]) {
            let (made, tried, _) = work(candidates, id, most);
            assert_eq!((made, tried), (states, states), "{id:?} {most}");
        }
    }
}

#[test]
fn of_many_keys_without_an_id_the_newest_are_tried_and_no_more() {
    for ring in [ahead(300), lazy(5000)] {
        let (last, candidates) = (ring.ring().len(), Candidates::Ring(Arc::new(ring)));
        let ids = |most| -> Vec<String> {
            let trials = candidates.trials(None, NOW, most).unwrap();
            trials.iter().filter_map(|trial| Some(trial.key.as_ref()?.id.to_string())).collect()
        };
        let named = |numbers: [usize; 4]| numbers.map(|number| format!("k{number}")).to_vec();
        assert_eq!(ids(4), named([last - 1, last - 2, last - 3, last - 5]), "the last has expired");
        assert_eq!((ids(0).len(), ids(8).len()), (0, 8));
    }
}

#[test]
fn a_revoked_id_costs_the_same_derivations_and_wins_nothing() {
    for masters in 1..=3 {
        let PreparedRing { ring, key_use, nobody, .. } = lazy(masters);
        let revoked = std::iter::once("lost".into()).collect();
        let ring = Arc::new(Keyring::clone(&ring).derived(revoked, Spelling::default()).unwrap());
        let candidates = Candidates::Ring(Arc::new(PreparedRing { ring, key_use, nobody, ahead: None }));
        assert_eq!(work(&candidates, Some(b"device"), 8), (masters, masters, masters));
        for nobody in [&b"lost"[..], b"", b"a b", b"\xff\xfe"] {
            assert_eq!(work(&candidates, Some(nobody), 8), (masters, masters, 0), "{}", nobody.escape_ascii());
        }
        assert_eq!(work(&candidates, Some(b"device"), 1).1, 1);
    }
}
