//! AWS Signature Version 4 in the pure core: the published cases, what we sign, and every way to say no.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod options;
mod published;
mod refused;
mod required;
mod signed;

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::Site;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;

/// 2025-10-09T08:53:20Z
const NOW: Moment = Moment::from_secs(1_760_000_000);

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", SECRET);

const API: &str = "region: us-east-1, service: execute-api";

const S3: &str = "region: us-east-1, service: s3";

/// The scheme with these options, as YAML between braces.
fn scheme(options: &str) -> Arc<Scheme> {
    let yaml = format!("aws_sigv4: {{{options}}}");
    let declaration: Declaration = serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    Arc::new(compile("aws", &declaration).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}")))
}

fn ring(keys: &[(&str, &str)]) -> Arc<Keyring> {
    let key = |(id, secret): &(&str, &str)| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        secret: Secret::new(secret.as_bytes().to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", keys.iter().map(key).collect()).unwrap())
}

fn head(method: &str, target: &str, host: &str, fields: &[(&str, &str)]) -> Head {
    let mut head = Head {
        method: Method::new(method),
        target: Bytes::copy_from_slice(target.as_bytes()),
        authority: Bytes::copy_from_slice(host.as_bytes()),
        secure: true,
        fields: Fields::default(),
    };
    for (name, value) in fields {
        head.fields.append(name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned());
    }
    head
}

/// A request that is ready to be signed.
fn post() -> Head {
    head(
        "POST",
        "/v1/caf%C3%A9?b=2&a=%201",
        "api.example.com",
        &[("Content-Type", "text/plain"), ("X-Amz-Meta-A", "a  b")],
    )
}

fn verify(
    options: &str,
    keys: &[(&str, &str)],
    (head, body): (&Head, &[u8]),
    now: Moment,
) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: scheme(options), keys: Keys::Ring(ring(keys)) }]);
    let mut check = gate.open(head, Site::default(), now, 8)?;
    body.chunks(1000).for_each(|chunk| check.feed(chunk));
    check.close(None)
}

/// The code with which `head` and `body` are refused at [`NOW`].
fn refused(options: &str, head: &Head, body: &[u8]) -> Option<Code> {
    verify(options, &[KEY], (head, body), NOW).err().map(|rejection| rejection.code())
}

fn sign(options: &str, key: (&str, &str), (mut head, body): (Head, &[u8]), now: Moment) -> Result<Head, Rejection> {
    let seal = Seal::new(scheme(options), ring(&[key]), With::Newest);
    let mut signing = seal.start(&mut head, Site::default(), now, [7; 16])?;
    body.chunks(3).for_each(|chunk| signing.feed(chunk));
    signing.finish(&mut head, None)?;
    Ok(head)
}

/// The one value of a header.
fn value(head: &Head, name: &str) -> String {
    String::from_utf8(head.fields.one(name).unwrap().unwrap().to_vec()).unwrap()
}

/// The same request with one header changed.
fn with(head: &Head, name: &'static str, value: &str) -> Head {
    let mut head = head.clone();
    head.fields.set(name, value.to_owned());
    head
}
