//! A captured request that is sent again, changed in everything the signature does not cover: gate and store together.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::route::{Replay, ReplayBy};
use countersign::reject::Code;
use countersign::replay::{Attempt, Departed, Memory, Store};
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;

const NOW: i64 = 1_760_000_000;
const SITE: Site<'static> = Site { public_url: None, captures: &[] };

type Headers<'a> = &'a [(&'a str, &'a str)];

fn gate(names: &[&str]) -> Gate {
    gate_of(names.iter().map(|name| (*name, builtin(name).unwrap())))
}

fn gate_of<'a>(schemes: impl Iterator<Item = (&'a str, &'a str)>) -> Gate {
    let key = |id: &str| Key {
        id: id.into(),
        principal: id.into(),
        secret: Secret::new(format!("secret of {id}").into_bytes()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    let ring = Arc::new(Keyring::new("ring", vec![key("k1"), key("k2")]).unwrap());
    let alternative = |(name, yaml): (&str, &str)| {
        let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
        let scheme = Arc::new(compile(name, &declaration).ok().unwrap());
        Alternative { scheme, keys: Keys::Ring(Arc::clone(&ring)) }
    };
    Gate::new(schemes.map(alternative).collect())
}

fn store() -> Store {
    Store::of(Memory::new(100, None))
}

fn mac(algorithm: Algorithm, id: &str, message: &str) -> String {
    let mut mac = Mac::keyed(algorithm, format!("secret of {id}").as_bytes());
    mac.update(message.as_bytes());
    Encoding::Hex.encode(&mac.finish())
}

fn head(method: &str, target: &str, headers: Headers<'_>) -> Head {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    let (target, authority) = (Bytes::from(target.to_owned()), Bytes::from("h"));
    Head { method: Method::new(method), target, authority, secure: true, fields }
}

/// Verifies, claims and completes; or why not.
fn send(gate: &Gate, store: &Store, head: &Head, now: i64) -> Result<(), Code> {
    send_by(ReplayBy::Signature, gate, store, (head, now))
}

fn send_by(by: ReplayBy, gate: &Gate, store: &Store, (head, now): (&Head, i64)) -> Result<(), Code> {
    let now = Moment::from_secs(now);
    let mut check = gate.open(head, SITE, now, 8).map_err(|rejection| rejection.code())?;
    check.feed(b"{}");
    let permit = check.close(None).map_err(|rejection| rejection.code())?;
    let attempt = Attempt { link: None, permit: &permit, method: &head.method, total: Duration::from_secs(10) };
    let rule = Replay {
        by,
        methods: Vec::new(),
        spares_head: false,
        keep: Some(Duration::from_hours(1)),
        beyond: Duration::ZERO,
        ahead: Duration::from_mins(5),
        duplicate: None,
        release_on: Vec::new(),
        open: false,
        chosen: true,
    };
    let departed = Departed::default();
    let claim = std::pin::pin!(store.claim(&attempt, &rule, now, &departed));
    let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = claim.poll(&mut waker) else { panic!("the memory answers at once") };
    outcome.map(|claim| claim.settle(200)).map_err(|rejection| rejection.code())
}

fn all_are_seen(gate: &Gate, first: Headers<'_>, again: &[(&str, &str, Headers<'_>, Code)]) {
    let store = store();
    assert_eq!(send(gate, &store, &head("POST", "/hook?a=1", first), NOW), Ok(()));
    for (method, target, headers, expected) in again {
        let outcome = send(gate, &store, &head(method, target, headers), NOW + 1);
        assert_eq!(outcome, Err(*expected), "{method} {target} {headers:?}");
    }
}

#[test]
fn timestamp_body() {
    let (stamp, good) = (NOW.to_string(), mac(Algorithm::Sha256, "k1", &format!("{NOW}.{{}}")));
    let (upper, zero_led) = (good.to_ascii_uppercase(), format!("0{stamp}"));
    let signed: Headers<'_> = &[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &good)];
    all_are_seen(
        &gate(&["timestamp-body"]),
        signed,
        &[
            ("POST", "/hook?a=1", signed, Code::Replayed),
            ("POST", "/hook?a=2", signed, Code::Replayed),
            ("POST", "/other", signed, Code::Replayed),
            ("PUT", "/hook?a=1", signed, Code::Replayed),
            ("POST", "/", &[signed[1], ("x-extra", "1"), signed[0]], Code::Replayed),
            ("POST", "/", &[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &upper)], Code::SignatureMalformed),
            ("POST", "/", &[("x-hmac-timestamp", &zero_led), ("x-hmac-signature", &good)], Code::TimestampInvalid),
        ],
    );
}

#[test]
fn github() {
    let good = format!("sha256={}", mac(Algorithm::Sha256, "k2", "{}"));
    let upper = format!("sha256={}", mac(Algorithm::Sha256, "k2", "{}").to_ascii_uppercase());
    let signed: Headers<'_> = &[("x-hub-signature-256", &good), ("x-github-delivery", "1")];
    all_are_seen(
        &gate(&["github"]),
        signed,
        &[
            ("POST", "/hook?a=2", signed, Code::Replayed),
            ("DELETE", "/other", signed, Code::Replayed),
            ("POST", "/", &[signed[0], ("x-github-delivery", "2")], Code::Replayed),
            ("POST", "/", &[("x-hub-signature-256", &upper)], Code::SignatureMalformed),
        ],
    );
}

#[test]
fn stripe_signed_twice() {
    let message = format!("{NOW}.{{}}");
    let (one, two) = (mac(Algorithm::Sha256, "k1", &message), mac(Algorithm::Sha256, "k2", &message));
    let list = |entries: &str| entries.replace("ONE", &one).replace("TWO", &two).replace("NOW", &NOW.to_string());
    let both = list("t=NOW,v1=ONE,v1=TWO");
    let again = ["t=NOW,v1=TWO,v1=ONE", "v1=ONE,t=NOW", "t=NOW,v1=TWO", "t=NOW,v0=x,v1=zz,v1=TWO", "x=y,t=NOW,v1=ONE"]
        .map(list);
    let signed: Vec<[(&str, &str); 1]> = again.iter().map(|value| [("stripe-signature", value.as_str())]).collect();
    let rows: Vec<_> = signed.iter().map(|headers| ("POST", "/x?y", headers.as_slice(), Code::Replayed)).collect();
    all_are_seen(&gate(&["stripe"]), &[("stripe-signature", &both)], &rows);
}

/// Old receivers and new: a sender that signs in both ways sends two proofs, and each of them is good once.
#[test]
fn a_request_with_signatures_of_two_alternatives_passes_once_for_each() {
    let strong = format!("sha256={}", mac(Algorithm::Sha256, "k1", "{}"));
    let weak = format!("sha1={}", mac(Algorithm::Sha1, "k1", "{}"));
    let (gate, store) = (gate(&["github", "github-legacy-sha1"]), store());
    let both = head("POST", "/", &[("x-hub-signature-256", &strong), ("x-hub-signature", &weak)]);
    assert_eq!(send(&gate, &store, &both, NOW), Ok(()));
    assert_eq!(send(&gate, &store, &head("POST", "/", &[("x-hub-signature-256", &strong)]), NOW), Err(Code::Replayed));
    let stripped = head("POST", "/", &[("x-hub-signature", &weak)]);
    for expected in [Ok(()), Err(Code::Replayed)] {
        assert_eq!(send(&gate, &store, &stripped, NOW), expected, "`check` warns of it");
    }
}

/// With one signature dropped another key, and so another principal, speaks; under an alias the scheme has another name.
#[test]
fn a_nonce_is_not_fresh_because_another_key_or_another_name_speaks_for_it() {
    let scheme = |header: &str| {
        format!(
            "{{algorithm: sha256, signature: {{header: {header}-Sig, list: \",\", encoding: hex}}, nonce: {{header: X-Nonce}}, timestamp: {{header: X-Time, format: unix}}, message: \"{{timestamp}}.{{nonce}}.{{body}}\"}}"
        )
    };
    let (one, two) = (scheme("A"), scheme("B"));
    let gate = gate_of([("one", one.as_str()), ("two", two.as_str())].into_iter());
    let message = format!("{NOW}.n1.{{}}");
    let (first, second) = (mac(Algorithm::Sha256, "k1", &message), mac(Algorithm::Sha256, "k2", &message));
    let (both, stamp, store) = (format!("{first},{second}"), NOW.to_string(), store());
    let sent = |name: &str, value: &str| {
        let head = head("POST", "/", &[(name, value), ("x-nonce", "n1"), ("x-time", &stamp)]);
        send_by(ReplayBy::Nonce, &gate, &store, (&head, NOW))
    };
    assert_eq!(sent("a-sig", &both), Ok(()));
    for (name, value) in
        [("a-sig", &both), ("a-sig", &first), ("a-sig", &second), ("b-sig", &first), ("b-sig", &second)]
    {
        assert_eq!(sent(name, value), Err(Code::Replayed), "{name}: {value}");
    }
}
