//! RFC 9421 through the pure core: published verdicts, what we sign we accept, and what the options change.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod ahead;
mod answers;
mod bounds;
mod options;
mod reading;
mod signing;
mod vectors;

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::native::rfc9421::base::{Asked, Authority, Message, base, last_line};
use countersign::sig::native::rfc9421::components::Component;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Answering, Need, Site};
use proptest::prelude::*;
use serde_json::Value;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const BODY: &[u8] = b"{\"hello\": \"world\"}";
const LABEL: &str = "sig1";

fn scheme(options: &str) -> Arc<Scheme> {
    let yaml = format!("rfc9421: {{{options}}}");
    let declaration: Declaration = serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    Arc::new(compile("rfc9421", &declaration).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}")))
}

fn mistakes(options: &str) -> Vec<String> {
    let declaration: Declaration = serde_yaml::from_str(options).unwrap_or_else(|error| panic!("{options}: {error}"));
    let problems = compile("rfc9421", &declaration).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.path).collect()
}

fn ring(keys: &[(&str, Vec<u8>)]) -> Arc<Keyring> {
    let key = |(id, secret): &(&str, Vec<u8>)| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        secret: Secret::new(secret.clone()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", keys.iter().map(key).collect()).unwrap())
}

fn named(ids: &[&str]) -> Arc<Keyring> {
    ring(&ids.iter().map(|id| (*id, format!("the secret of {id}").into_bytes())).collect::<Vec<_>>())
}

fn judge(
    (scheme, ring): (&Arc<Scheme>, Arc<Keyring>),
    head: &Head,
    body: &[u8],
    (public_url, now): (Option<&str>, Moment),
) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring) }]);
    assert_eq!(gate.misfits(), []);
    let mut check = gate.open(head, Site { public_url, captures: &[] }, now, 8)?;
    assert_eq!(check.need(), Need::Head);
    body.chunks(7).for_each(|chunk| check.feed(chunk));
    check.close(None)
}

fn verify(scheme: &Arc<Scheme>, head: &Head, body: &[u8]) -> Result<Permit, Rejection> {
    judge((scheme, named(&["k1"])), head, body, (None, NOW))
}

fn code(result: Result<Permit, Rejection>) -> Option<Code> {
    result.err().map(|rejection| rejection.code())
}

fn head() -> Head {
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    fields.append("x-dict", "a=1,   b=(x   y);z");
    fields.append("x-list", "one, two");
    fields.append("x-list", "three");
    Head {
        method: Method::POST,
        target: Bytes::from("/v1/things?b=2&a=%201"),
        authority: Bytes::from("API.example.com"),
        secure: true,
        fields,
    }
}

fn sign(scheme: &Arc<Scheme>, ids: &[&str], body: &[u8]) -> Head {
    let seal = Seal::new(Arc::clone(scheme), named(ids), With::All);
    let mut head = head();
    let mut signing = seal.start(&mut head, Site::default(), NOW, [7; 16]).unwrap();
    body.chunks(3).for_each(|chunk| signing.feed(chunk));
    signing.finish(&mut head, None).unwrap();
    head
}

fn text(head: &Head, name: &str) -> String {
    String::from_utf8(head.fields.one(name).unwrap().unwrap().to_vec()).unwrap()
}

/// A head with a signature over `lines` made here, not by the scheme.
fn forge(lines: &str, input: &str) -> Head {
    let mut mac = Mac::keyed(Algorithm::Sha256, b"the secret of k1");
    mac.update(lines.as_bytes());
    mac.update(format!("\"@signature-params\": {input}").as_bytes());
    let mut head = head();
    head.fields.append("signature-input", format!("{LABEL}={input}"));
    head.fields.append("signature", format!("{LABEL}=:{}:", Encoding::Base64.encode(&mac.finish())));
    head
}

proptest! {
    #[test]
    fn a_flipped_bit_of_anything_covered_is_refused(place in any::<proptest::sample::Index>(), bit in 0_u8..7, what in 0..5) {
        let scheme = scheme("components: [\"@method\", \"@authority\", \"@path\", \"@query\", content-type, content-digest]");
        let signed = sign(&scheme, &["k1"], BODY);
        let mut body = BODY.to_vec();
        let mut head = signed.clone();
        let flip = |bytes: &[u8]| {
            let mut changed = bytes.to_vec();
            let place = place.index(changed.len());
            changed[place] ^= 1 << bit;
            changed
        };
        match what {
            0 => body = flip(&body),
            1 => head.target = flip(&head.target).into(),
            2 => head.authority = flip(&head.authority).into(),
            3 => head.fields.set("content-type", flip(b"application/json")),
            _ => head.fields.set("content-digest", flip(&head.fields.one("content-digest").unwrap().unwrap().clone())),
        }
        let same_authority = head.authority.eq_ignore_ascii_case(&signed.authority);
        prop_assert!(what == 2 && same_authority || verify(&scheme, &head, &body).is_err(), "{:?}", head);
        let mac = signed.fields.one("signature").unwrap().unwrap().clone();
        head = signed.clone();
        head.fields.set("signature", flip(&mac));
        prop_assert!(verify(&scheme, &head, BODY).is_err());
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_permit(input in "[ -~]{0,60}", mac in "[ -~]{0,40}") {
        let mut head = head();
        head.fields.append("signature-input", format!("a=({input}"));
        head.fields.append("signature", format!("a={mac}"));
        prop_assert!(verify(&scheme("require: []"), &head, b"").is_err());
    }
}
