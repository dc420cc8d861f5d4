//! What the benchmarks share: built-in schemes, rings, and requests signed by our own signer.

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

/// When everything is signed and judged.
pub(crate) const NOW: Moment = Moment::from_secs(1_760_000_000);

/// Where everything is sent.
pub(crate) const SITE: Site<'static> = Site { public_url: Some("https://api.example.com"), captures: &[] };

/// As bodies come from a socket.
pub(crate) const CHUNK: usize = 16 << 10;

/// A built-in scheme.
pub(crate) fn scheme(name: &str) -> Arc<Scheme> {
    named(name, builtin(name).unwrap())
}

/// A scheme of our own.
pub(crate) fn scheme_of(yaml: &str) -> Arc<Scheme> {
    named("own", yaml)
}

fn named(name: &str, yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    Arc::new(compile(name, &declaration).unwrap())
}

/// Verifies with this many keys.
pub(crate) fn gate(scheme: &Arc<Scheme>, keys: usize) -> Gate {
    Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(1..=keys)) }])
}

/// So many bytes of text.
pub(crate) fn body(bytes: usize) -> Vec<u8> {
    (0_u8..=u8::MAX).filter(u8::is_ascii_alphanumeric).cycle().take(bytes).collect()
}

/// The head of a request with this body, signed with the key of this number.
pub(crate) fn signed(scheme: &Arc<Scheme>, number: usize, body: &[u8]) -> Head {
    sealed(scheme, key(number), body)
}

/// The same, but by somebody who knows only the id of the key.
pub(crate) fn forged(scheme: &Arc<Scheme>, number: usize, body: &[u8]) -> Head {
    let Key { secret, .. } = key(usize::MAX);
    sealed(scheme, Key { secret, ..key(number) }, body)
}

fn sealed(scheme: &Arc<Scheme>, key: Key, body: &[u8]) -> Head {
    let ring = Arc::new(Keyring::new("ring", vec![key]).unwrap());
    let seal = Seal::new(Arc::clone(scheme), ring, With::Newest);
    let (target, authority) = (Bytes::from("/api/v1/orders?page=2"), Bytes::from("api.example.com"));
    let mut fields = Fields::default();
    for (name, value) in [("content-type", "application/json"), ("user-agent", "bench/1.0"), ("accept", "*/*")] {
        fields.append(name, value);
    }
    let mut head = Head { method: Method::POST, target, authority, secure: true, fields };
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        signing.feed(body);
    }
    signing.finish(&mut head, whole).unwrap();
    head
}

/// The keys of these numbers.
pub(crate) fn ring(keys: std::ops::RangeInclusive<usize>) -> Arc<Keyring> {
    Arc::new(Keyring::new("ring", keys.map(key).collect()).unwrap())
}

/// Text, hex and base64 at once, so that it fits every scheme.
fn key(number: usize) -> Key {
    let id: Arc<str> = format!("key-{number}").into();
    let secret = Secret::new(format!("{number:048x}").into_bytes());
    let (sign, verify) = (Window::default(), Window::default());
    Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false }
}
