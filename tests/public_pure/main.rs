//! Signatures under public keys, and tokens: what others signed holds, and nothing else does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod keys;
mod tokens;
mod vectors;
mod verdicts;

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, SchemeProblem, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Code;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

const NOW: i64 = 1_760_000_000;

/// Id and what the operator wrote.
type Ring<'a> = &'a [(&'a str, &'a str)];
type Headers<'a> = &'a [(&'a str, &'a str)];

fn declared(yaml: &str) -> Result<Scheme, Vec<SchemeProblem>> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    compile("test", &declaration)
}

fn scheme(yaml: &str) -> Arc<Scheme> {
    Arc::new(declared(yaml).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}")))
}

fn built_in(name: &str) -> Arc<Scheme> {
    scheme(builtin(name).unwrap_or_else(|| panic!("{name} is not built in")))
}

fn gate(scheme: &Arc<Scheme>, ring: Ring<'_>) -> Gate {
    let key = |(id, secret): &(&str, &str)| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        secret: Secret::new(secret.as_bytes().to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    let ring = Arc::new(Keyring::new("ring", ring.iter().map(key).collect()).unwrap());
    Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring) }])
}

fn head(headers: Headers<'_>) -> Head {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    let (target, authority) = (Bytes::from("/in"), Bytes::from("hooks.example.com"));
    Head { method: Method::POST, target, authority, secure: true, fields }
}

/// The verdict of at most eight verifications.
fn judge(gate: &Gate, headers: Headers<'_>, body: &[u8], now: i64) -> Result<Permit, Code> {
    let site = Site { public_url: None, captures: &[] };
    let refused = |rejection: countersign::reject::Rejection| rejection.code();
    let mut check = gate.open(&head(headers), site, Moment::from_secs(now), 8).map_err(refused)?;
    let whole = (check.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        check.feed(body);
    }
    check.close(whole).map_err(refused)
}
