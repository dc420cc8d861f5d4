//! Thousands of keys on one route: each passes under its own id, and an id that nobody has opens no door, whoever signs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;

const KEYS: usize = 6_000;
const NAMED: &str = "algorithm: sha256\nsignature: {header: X-Signature, encoding: hex}\nkey_id: {header: X-Key}\nmessage: \"{body}\"\n";
const UNNAMED: &str = "algorithm: sha256\nsignature: {header: X-Signature, encoding: hex}\nmessage: \"{body}\"\n";
const NOW: Moment = Moment::from_secs(1000);
const SITE: Site<'static> = Site { public_url: None, captures: &[] };
const BODY: &[u8] = b"{}";

fn secret(number: usize) -> String {
    format!("the secret of number {number}")
}

/// Every tenth has expired, and every tenth other only observes.
fn key(number: usize) -> Key {
    Key {
        id: format!("k{number}").into(),
        principal: format!("client {number}").into(),
        secret: Secret::new(secret(number).into_bytes()),
        sign: Window { from: Some(Moment::from_secs(i64::try_from(number % 100).unwrap())), until: None },
        verify: Window { from: None, until: (number % 10 == 9).then_some(NOW) },
        created: None,
        observe: number % 10 == 5,
    }
}

fn ring(keys: usize) -> Arc<Keyring> {
    Arc::new(Keyring::new("partners", (0..keys).map(key).collect()).unwrap())
}

fn scheme(yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    Arc::new(compile("own", &declaration).ok().unwrap())
}

fn gate(yaml: &str, keys: usize) -> Gate {
    Gate::new(vec![Alternative { scheme: scheme(yaml), keys: Keys::Ring(ring(keys)) }])
}

static MANY: LazyLock<Gate> = LazyLock::new(|| gate(NAMED, KEYS));

fn signed(id: &str, signer: &str) -> Head {
    let mut mac = Mac::keyed(Algorithm::Sha256, signer.as_bytes());
    mac.update(BODY);
    let mut fields = Fields::default();
    fields.append("x-signature", Encoding::Hex.encode(&mac.finish()));
    fields.append("x-key", id.to_owned());
    let (target, authority) = (Bytes::from("/"), Bytes::from("h"));
    Head { method: Method::POST, target, authority, secure: true, fields }
}

fn judge(gate: &Gate, id: &str, signer: &str, macs: usize) -> Result<Permit, Rejection> {
    let mut check = gate.open(&signed(id, signer), SITE, NOW, macs)?;
    check.feed(BODY);
    check.close(None)
}

#[test]
fn each_of_thousands_passes_under_its_own_id_and_no_other() {
    for number in 0..KEYS {
        let id = format!("k{number}");
        let verdict = judge(&MANY, &id, &secret(number), 8);
        if number % 10 == 9 {
            assert_eq!(verdict.err().unwrap().code(), Code::SignatureInvalid, "{id} has expired");
        } else {
            let permit = verdict.unwrap();
            let key = permit.key();
            assert_eq!((&*key.id, &*key.principal), (&*id, &*format!("client {number}")));
            assert_eq!((key.observe, permit.macs().len()), (number % 10 == 5, 1));
        }
        let other = judge(&MANY, &id, &secret((number + 1) % KEYS), 8).err().unwrap();
        assert_eq!(other.code(), Code::SignatureInvalid, "{id}");
    }
}

/// Among them is the key that is made ready in the place of the unknown one.
#[test]
fn under_an_unknown_id_nobodys_signature_passes() {
    let wrong = judge(&MANY, "k1", "a stranger", 8).err();
    for id in ["nobody", "k9", "k6000"] {
        for number in 0..KEYS {
            assert_eq!(judge(&MANY, id, &secret(number), 8).err(), wrong, "{id} {number}");
        }
    }
}

#[test]
fn a_key_that_only_observes_is_known_as_one_among_thousands() {
    let observes = |id: &str| {
        let head = signed(id, "a stranger");
        let check = MANY.open(&head, SITE, NOW, 8).unwrap();
        (check.observes(), MANY.observes(&head, SITE, NOW), check.names_known_key())
    };
    for (id, observed, known) in
        [("k5", true, true), ("k15", true, true), ("k4", false, true), ("k9", false, false), ("k", false, false)]
    {
        assert_eq!(observes(id), (observed, observed, known), "{id}");
    }
}

/// However many there are, a request costs no more than `macs` of them; the newest are tried.
#[test]
fn of_thousands_of_keys_without_an_id_as_many_are_tried_as_are_allowed() {
    for keys in [300, KEYS] {
        let gate = gate(UNNAMED, keys);
        assert_eq!(gate.macs(), keys, "the linter says that not all are tried");
        let tried = |macs: usize| -> Vec<usize> {
            (keys - 20..keys).rev().filter(|number| judge(&gate, "", &secret(*number), macs).is_ok()).collect()
        };
        let usable: Vec<_> = (keys - 20..keys).rev().filter(|number| number % 10 != 9).collect();
        for macs in [1, 2, 8] {
            assert_eq!(tried(macs), usable[..macs], "{keys} {macs}");
        }
        assert_eq!(judge(&gate, "", &secret(0), 8).err().unwrap().code(), Code::SignatureInvalid);
    }
}

#[test]
fn the_newest_of_thousands_signs() {
    let seal = Seal::new(scheme(NAMED), ring(KEYS), With::Newest);
    let mut head = signed("", "");
    head.fields = Fields::default();
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    signing.feed(BODY);
    signing.finish(&mut head, None).unwrap();
    let id = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"x-key")).unwrap();
    assert_eq!(&*id.value, b"k5999", "it may sign since second 99, and no other was declared later");
}

#[test]
fn once_the_last_key_has_expired_the_ring_is_empty() {
    let until =
        |number: usize| Window { from: None, until: Some(Moment::from_secs(if number == 7 { 1001 } else { 1 })) };
    let keys = (0..KEYS).map(|number| Key { verify: until(number), ..key(number) }).collect();
    let ring = Arc::new(Keyring::new("partners", keys).unwrap());
    let gate = Gate::new(vec![Alternative { scheme: scheme(NAMED), keys: Keys::Ring(ring) }]);
    assert!(judge(&gate, "k7", &secret(7), 8).is_ok());
    let later = gate.open(&signed("k7", &secret(7)), SITE, Moment::from_secs(1001), 8).err().unwrap();
    assert_eq!(later.code(), Code::KeyringEmpty);
}
