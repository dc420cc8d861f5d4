//! Keys around the block of their hash are padded or hashed as RFC 2104 says, where requests are verified and where they are signed.
//!
//! `tests/padding/padding.py` made the values with OpenSSL and Python's hmac, and has those of RFC 4231.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::Code;
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use serde_json::Value;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: None, captures: &[] };

struct Case {
    name: String,
    algorithm: String,
    key: Vec<u8>,
    body: Vec<u8>,
    signature: String,
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/padding/padding.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line.get(name).and_then(|value| value.as_str()).unwrap().to_owned();
        let bytes = |name: &str| Encoding::Base64.decode(text(name).as_bytes(), false).unwrap();
        let (key, body) = (bytes("key_b64"), bytes("body_b64"));
        assert_eq!(line.get("key_bytes").and_then(Value::as_u64), u64::try_from(key.len()).ok());
        Case { name: text("case"), algorithm: text("algorithm"), key, body, signature: text("signature") }
    };
    text.lines().map(case).collect()
}

fn scheme(algorithm: &str) -> Arc<Scheme> {
    let yaml =
        format!("{{algorithm: {algorithm}, signature: {{header: X-Signature, encoding: hex}}, message: \"{{body}}\"}}");
    let declaration: Declaration = serde_yaml::from_str(&yaml).unwrap();
    Arc::new(compile("padding", &declaration).unwrap_or_else(|problems| panic!("{problems:?}")))
}

fn ring(secret: &[u8]) -> Arc<Keyring> {
    let id: Arc<str> = "one".into();
    let (sign, verify) = (Window::default(), Window::default());
    let secret = Secret::new(secret.to_vec());
    let key = Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false };
    Arc::new(Keyring::new("ring", vec![key]).unwrap())
}

fn head() -> Head {
    Head {
        method: Method::POST,
        target: Bytes::from("/"),
        authority: Bytes::from("api.example.com"),
        secure: true,
        fields: Fields::default(),
    }
}

/// Why the gate refuses this signature under this key, if it does.
fn refused(scheme: &Arc<Scheme>, key: &[u8], body: &[u8], signature: &str) -> Option<Code> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(key)) }]);
    let mut head = head();
    head.fields.append("x-signature", signature.to_owned());
    let mut check = gate.open(&head, SITE, NOW, 8).unwrap();
    body.chunks(5).for_each(|chunk| check.feed(chunk));
    check.close(None).err().map(|rejection| rejection.code())
}

fn signed(scheme: &Arc<Scheme>, key: &[u8], body: &[u8]) -> Vec<u8> {
    let seal = Seal::new(Arc::clone(scheme), ring(key), With::Newest);
    let mut head = head();
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    body.chunks(3).for_each(|chunk| signing.feed(chunk));
    signing.finish(&mut head, None).unwrap();
    head.fields.all("x-signature").next().unwrap().to_vec()
}

#[test]
fn the_gate_takes_what_others_sign_at_both_sides_of_a_block() {
    for Case { name, algorithm, key, body, signature } in cases() {
        let scheme = scheme(&algorithm);
        assert_eq!(refused(&scheme, &key, &body, &signature), None, "{name}");
        let shorter = key.split_last().unwrap().1;
        assert_eq!(refused(&scheme, shorter, &body, &signature), Some(Code::SignatureInvalid), "{name}");
    }
}

#[test]
fn what_is_signed_is_what_others_sign_at_both_sides_of_a_block() {
    for Case { name, algorithm, key, body, signature } in cases() {
        assert_eq!(signed(&scheme(&algorithm), &key, &body), signature.as_bytes(), "{name}");
    }
}

#[test]
fn only_a_key_longer_than_a_block_is_its_own_hash() {
    for Case { name, algorithm, key, body, signature } in cases() {
        let hash = Algorithm::by_name(&algorithm).unwrap();
        let block = if ["sha1", "sha256"].contains(&algorithm.as_str()) { 64 } else { 128 };
        let same = refused(&scheme(&algorithm), &hash.digest(&key), &body, &signature).is_none();
        assert_eq!(same, key.len() > block, "{name}");
    }
}

#[test]
fn zeros_behind_a_key_that_fits_a_block_change_nothing_and_beyond_it_everything() {
    for (length, algorithm) in [(64, "sha1"), (64, "sha256"), (128, "sha384"), (128, "sha512")] {
        let made = |key: &[u8]| {
            let mut mac = Mac::keyed(Algorithm::by_name(algorithm).unwrap(), key);
            mac.update(b"body");
            Encoding::Hex.encode(&mac.finish())
        };
        let (short, mut key) = (vec![7; 20], vec![7; 20]);
        key.resize(length, 0);
        assert_eq!(made(&short), made(&key), "{algorithm}");
        key.push(0);
        assert_ne!(made(&short), made(&key), "{algorithm}");
    }
}

#[test]
fn the_file_has_every_edge() {
    let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    for algorithm in ["sha1", "sha256", "sha384", "sha512"] {
        for length in [64, 65, 128, 129] {
            assert!(names.contains(&format!("{algorithm}-{length}")), "{algorithm} {length}");
        }
    }
    for case in ["rfc4231-6-sha256", "rfc4231-7-sha512"] {
        assert!(names.iter().any(|name| name == case), "{case}");
    }
}
