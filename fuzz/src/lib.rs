//! What the targets share: one key, one clock, and a gate for any scheme.

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

/// Text, hex and base64 at once, so that it fits every scheme.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The time of every request.
pub const NOW: Moment = Moment::from_secs(1_760_000_000);

const SITE: Site<'_> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };

/// The scheme that a declaration says; one that does not compile is a mistake of the target.
pub fn scheme(yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).expect("a declaration");
    Arc::new(compile("fuzzed", &declaration).expect("a scheme"))
}

/// A gate with one key, `k1`.
pub fn gate(scheme: Arc<Scheme>) -> Gate {
    gate_of(scheme, "k1", SECRET)
}

/// A gate with this one key.
pub fn gate_of(scheme: Arc<Scheme>, id: &str, secret: &[u8]) -> Gate {
    Gate::new(vec![Alternative { scheme, keys: Keys::Ring(ring(id, secret)) }])
}

/// What signs for [`gate`]; `None` where the scheme cannot sign, or makes nothing of the key.
pub fn seal(scheme: &Arc<Scheme>) -> Option<Seal> {
    let signs = scheme.facts().can_sign.is_ok();
    let seal = signs.then(|| Seal::new(Arc::clone(scheme), ring("k1", SECRET), With::Newest));
    seal.filter(|seal| seal.misfits().is_empty())
}

fn ring(id: &str, secret: &[u8]) -> Arc<Keyring> {
    let key = Key {
        id: id.into(),
        principal: id.into(),
        secret: Secret::new(secret.to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", vec![key]).expect("a ring"))
}

/// The verdict on a request; `None`: refused.
pub fn judge(gate: &Gate, head: &Head, body: &[u8]) -> Option<Permit> {
    let mut check = gate.open(head, SITE, NOW, 8).ok()?;
    if check.need() == Need::Whole {
        check.keep_payload();
        return check.close(Some(body)).ok();
    }
    body.chunks(7).for_each(|chunk| check.feed(chunk));
    check.close(None).ok()
}

/// Head and body of the request as they leave, signed; `None`: they cannot be.
pub fn signed(seal: &Seal, head: &Head, body: &[u8]) -> Option<(Head, Bytes)> {
    let mut head = head.clone();
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).ok()?;
    if signing.need() == Need::Whole {
        let instead = signing.finish(&mut head, Some(body)).ok()?;
        return Some((head, instead.unwrap_or_else(|| Bytes::copy_from_slice(body))));
    }
    body.chunks(5).for_each(|chunk| signing.feed(chunk));
    signing.finish(&mut head, None).ok()?;
    Some((head, Bytes::copy_from_slice(body)))
}

/// A request with these lines.
pub fn head(target: &[u8], lines: &[(&[u8], &[u8])]) -> Head {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.append(name.to_vec(), value.to_vec());
    }
    let target = Bytes::from([b"/", target].concat());
    Head { method: Method::POST, target, authority: Bytes::from("api.example.com"), secure: true, fields }
}

/// Cuts what the fuzzer gives at its zero bytes: `N` texts, absent ones empty.
pub fn texts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
