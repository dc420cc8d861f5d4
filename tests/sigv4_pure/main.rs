//! AWS Signature Version 4 in the pure core: the published cases, what we sign, and every way to say no.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod options;
mod published;
#[path = "../pure/mod.rs"]
mod pure;
mod refused;
mod required;
mod signed;

use std::sync::Arc;

use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::Site;
use countersign::sig::message::Head;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::time::Moment;
use pure::ring;

/// 2025-10-09T08:53:20Z
const NOW: Moment = Moment::from_secs(1_760_000_000);

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", SECRET);

const API: &str = "region: us-east-1, service: execute-api";

const S3: &str = "region: us-east-1, service: s3";

/// The scheme with these options, as YAML between braces.
fn scheme(options: &str) -> Arc<Scheme> {
    pure::load("aws", &format!("aws_sigv4: {{{options}}}")).unwrap_or_else(|problems| panic!("{options}: {problems:?}"))
}

fn head(method: &str, target: &str, host: &str, fields: &[(&str, &str)]) -> Head {
    let lower: Vec<_> =
        fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']))).collect();
    let fields: Vec<_> = lower.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    pure::head(method, (host, target), &fields)
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
    let gate = pure::gate(&scheme(options), ring(keys));
    pure::judge(&gate, head, body, (Site::default(), now))
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
