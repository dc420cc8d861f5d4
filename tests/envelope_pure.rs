//! JSON bodies that carry their own signature: unwrapped, made, and refused where somebody could read them otherwise.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, SchemeProblem, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use proptest::prelude::*;
use serde_json::Value;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SECRET: &str = "sSutf3pTlc4oZWRxlbP1LQeGrYMmAqy9";

/// With a stamp and a nonce inside the payload and the key's id beside it.
const STAMPED: &str = r#"
algorithm: sha256
signature: {json: /signature, encoding: hex}
timestamp: {json: /payload/timestamp, format: unix, past: 60s, future: 60s}
nonce: {json: /payload/meta/nonce}
key_id: {json: /key}
message: "{json:/payload|pyjson}"
"#;

fn try_scheme(yaml: &str) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    compile("test", &declaration).map(Arc::new)
}

fn scheme(yaml: &str) -> Arc<Scheme> {
    try_scheme(yaml).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}"))
}

fn python() -> Arc<Scheme> {
    scheme(builtin("json-envelope").unwrap())
}

fn ring(secret: &str) -> Arc<Keyring> {
    let key = Key {
        id: "k1".into(),
        principal: "p".into(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", vec![key]).unwrap())
}

fn head() -> Head {
    let (target, authority) = (Bytes::from("/envelope"), Bytes::from("api.example.com"));
    Head { method: Method::POST, target, authority, secure: true, fields: Fields::default() }
}

fn sign(scheme: &Arc<Scheme>, secret: &str, body: &[u8]) -> Result<Bytes, Rejection> {
    let seal = Seal::new(Arc::clone(scheme), ring(secret), With::All);
    let mut head = head();
    head.fields.append("content-digest", "sha-256=:of the plain body:");
    let signing = seal.start(&mut head, Site::default(), NOW, [7; 16])?;
    assert_eq!(signing.need(), Need::Whole);
    let wrapped = signing.finish(&mut head, Some(body))?;
    assert_eq!(head.fields, Fields::default(), "nothing is written into the head, and no digest of another body stays");
    Ok(wrapped.unwrap())
}

fn verify(scheme: &Arc<Scheme>, secret: &str, body: &[u8], now: Moment) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(secret)) }]);
    let mut check = gate.open(&head(), Site::default(), now, 8)?;
    check.keep_payload();
    check.close(Some(body))
}

fn refusal(scheme: &Arc<Scheme>, body: &str) -> Option<Code> {
    verify(scheme, SECRET, body.as_bytes(), NOW).err().map(|rejection| rejection.code())
}

/// Body of every case that is right, with its key.
fn published(file: &str) -> Vec<(Value, String)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let cases = std::fs::read_to_string(path).unwrap();
    let cases = cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let right = cases.filter(|case| case["level"] == "must" && case["valid"] == true);
    let body = |case: Value| {
        let text = |place: &str| case.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let body = data_encoding::BASE64.decode(text("/body_b64").as_bytes()).unwrap();
        (serde_json::from_slice(&body).unwrap(), text("/keys/0/secret").to_owned())
    };
    // In the case of a rotation the first key is not the one that signed.
    right.filter(|case| case["keys"].as_array().unwrap().len() == 1).map(body).collect()
}

#[test]
fn signing_makes_the_signatures_that_were_published() {
    for (name, file) in [("json-envelope", "json-envelope.jsonl"), ("json-envelope-jcs", "json-envelope-jcs.jsonl")] {
        let (scheme, cases) = (scheme(builtin(name).unwrap()), published(file));
        assert!(cases.len() > 15, "{file}");
        for (body, secret) in cases {
            let plain = body["payload"].to_string();
            let wrapped: Value = serde_json::from_slice(&sign(&scheme, &secret, plain.as_bytes()).unwrap()).unwrap();
            assert_eq!(wrapped["signature"], body["signature"], "{name} {plain}");
            assert_eq!(wrapped.as_object().unwrap().len(), 2);
        }
    }
}

#[test]
fn the_payload_is_what_was_signed_byte_for_byte() {
    for (name, payload) in [
        ("json-envelope", r#"{"a": "\u00e9", "b": [1.0, 10000000000]}"#),
        ("json-envelope-jcs", r#"{"a":"é","b":[1,10000000000]}"#),
    ] {
        let scheme = scheme(builtin(name).unwrap());
        let wrapped = sign(&scheme, SECRET, " {\"b\":[1.0, 10000000000],\t\"a\":\"\\u00E9\"}\n".as_bytes()).unwrap();
        let permit = verify(&scheme, SECRET, &wrapped, NOW).unwrap();
        assert_eq!(permit.payload(), Some(&Bytes::from(payload)), "{name}");
        assert!(String::from_utf8(wrapped.to_vec()).unwrap().contains(payload), "{name}");
    }
}

#[test]
fn evidence_in_the_payload_is_inserted_over_what_the_client_sent() {
    let scheme = scheme(STAMPED);
    let wrapped = sign(&scheme, SECRET, br#"{"order": 7, "timestamp": "forged"}"#).unwrap();
    let nonce = "07".repeat(16);
    let payload = format!(r#"{{"meta": {{"nonce": "{nonce}"}}, "order": 7, "timestamp": 1760000000}}"#);
    let text = String::from_utf8(wrapped.to_vec()).unwrap();
    assert!(text.starts_with(&format!(r#"{{"key": "k1", "payload": {payload}, "signature": ""#)), "{text}");
    let permit = verify(&scheme, SECRET, &wrapped, NOW).unwrap();
    assert_eq!(permit.payload(), Some(&Bytes::from(payload)));
    assert_eq!((permit.stamp(), permit.nonce()), (Some(NOW), Some(&Bytes::from(nonce))));
    assert!(scheme.facts().covers.timestamp && scheme.facts().covers.nonce && !scheme.facts().covers.key_id);
}

#[test]
fn a_stamp_in_the_payload_is_windowed_and_must_be_there() {
    let stamped = scheme(STAMPED);
    let wrapped = sign(&stamped, SECRET, b"{}").unwrap();
    for (at, code) in [(60, None), (61, Some(Code::TimestampOutsideWindow)), (-61, Some(Code::TimestampOutsideWindow))]
    {
        let verdict = verify(&stamped, SECRET, &wrapped, Moment::from_secs(1_760_000_000 + at));
        assert_eq!(verdict.err().map(|rejection| rejection.code()), code, "{at} s later");
    }
    let without = sign(&python(), SECRET, b"{}").unwrap();
    assert_eq!(refusal(&stamped, std::str::from_utf8(&without).unwrap()), Some(Code::SignatureMissing));
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_refused() {
    let signature = "111fce0aea2351afe1f93ec887d955cffb893ef19614f9fbd09a2546d714e58a";
    let right = format!(r#"{{"payload":{{}},"signature":"{signature}"}}"#);
    assert_eq!(refusal(&python(), &right), None);
    let nested = "[".repeat(200);
    for (body, code) in [
        (format!(r#"{{"payload":{{}},"payload":{{}},"signature":"{signature}"}}"#), Code::SignatureMissing),
        (format!(r#"{{"payload":{{}},"signature":"{signature}","signature":"{signature}"}}"#), Code::SignatureMissing),
        (format!(r#"{{"payload":{{}},"x":{{"a":1,"a":1}},"signature":"{signature}"}}"#), Code::SignatureMissing),
        (format!("{right}{right}"), Code::SignatureMissing),
        (format!("\u{feff}{right}"), Code::SignatureMissing),
        (right.replace("{}", &nested), Code::SignatureMissing),
        (right.replace("payload", "Payload"), Code::CoveredFieldMissing),
        (right.replace("{}", "1e999"), Code::CoveredFieldMissing),
        (right.replace("{}", r#"{"a":0}"#), Code::SignatureInvalid),
    ] {
        assert_eq!(refusal(&python(), &body), Some(code), "{body}");
    }
}

/// Else a body with a name twice would pass as one that does not have it.
#[test]
fn what_may_be_absent_is_not_absent_in_a_body_that_cannot_be_read() {
    let scheme = scheme(
        "{algorithm: sha256, signature: {header: X-Sig, encoding: hex}, message: \"{json:/a?}.{json:/b?|jcs}\"}",
    );
    let mut head = head();
    let seal = Seal::new(Arc::clone(&scheme), ring(SECRET), With::All);
    let made = seal.start(&mut head, Site::default(), NOW, [0; 16]).unwrap().finish(&mut head, Some(b"{}"));
    assert_eq!(made, Ok(None));
    let verify = |body: &[u8]| {
        let gate = Gate::new(vec![Alternative { scheme: Arc::clone(&scheme), keys: Keys::Ring(ring(SECRET)) }]);
        gate.open(&head, Site::default(), NOW, 8).unwrap().close(Some(body)).err().map(|rejection| rejection.code())
    };
    assert_eq!((verify(b"{}"), verify(b"{\"c\":1}")), (None, None));
    for body in [r#"{"a":1,"a":2}"#, r#"{"b":1,"b":2}"#, "{a:1}"] {
        assert_eq!(verify(body.as_bytes()), Some(Code::SignatureMissing), "{body}");
    }
}

#[test]
fn only_json_is_put_into_an_envelope() {
    for (scheme, body) in [
        (python(), &b""[..]),
        (python(), b"a=b"),
        (python(), br#"{"a":1,"a":2}"#),
        (scheme(STAMPED), b"[1]"),
        (scheme(STAMPED), b"\"text\""),
        (scheme(STAMPED), br#"{"meta": 1}"#),
    ] {
        let rejection = sign(&scheme, SECRET, body).err().unwrap();
        assert_eq!(rejection.code(), Code::BadRequest, "{body:?}");
    }
}

#[test]
fn a_scheme_signs_into_the_body_only_where_all_of_it_is_known() {
    let with = |line: &str| scheme(&format!("{}{line}\n", builtin("json-envelope").unwrap()));
    for (line, signs) in [
        ("timestamp: {json: /timestamp}", true),
        ("timestamp: {header: X-Time}", true),
        ("timestamp: {json: /payload/a/b}", true),
        ("timestamp: {json: /signature/at}", false),
        ("timestamp: {json: /payload}", false),
        ("nonce: {form: nonce}", false),
        ("require: [{value: \"{json:/version}\", equals: \"1\"}]", false),
    ] {
        assert_eq!(with(line).facts().can_sign.is_ok(), signs, "{line}");
    }
    assert!(scheme(builtin("mailgun").unwrap()).facts().can_sign.is_err());
    assert!(!scheme(builtin("mailgun").unwrap()).has_payload());
}

#[test]
fn a_signature_within_what_it_signs_is_refused_at_load() {
    for (signature, message) in [
        ("/payload/signature", "{json:/payload|pyjson}"),
        ("/payload", "{json:/payload|jcs}"),
        ("/signature", "{body|jcs}"),
        ("/signature", "{body}"),
    ] {
        let yaml =
            format!("{{algorithm: sha256, signature: {{json: {signature}, encoding: hex}}, message: \"{message}\"}}");
        let problems = try_scheme(&yaml).err().unwrap_or_default();
        assert!(
            problems.iter().any(|problem| problem.message.contains("part of what it signs")),
            "{yaml}: {problems:?}"
        );
    }
}

#[test]
fn settings_stand_in_words_places_and_separators() {
    let yaml = builtin("itsdangerous").unwrap();
    for (from, to) in [
        ("sha1", "sha999"),
        ("query:token", "token"),
        ("query:token", "planet:token"),
        ("\".\"", "\"\""),
        ("{setting:separator}\", names", "{setting:gone}\", names"),
        ("{setting:separator}\", names", "{method}\", names"),
    ] {
        assert!(yaml.contains(from), "{from}");
        assert!(try_scheme(&yaml.replace(from, to)).is_err(), "{from} as {to}");
    }
}

proptest! {
    #[test]
    fn a_changed_envelope_is_refused_or_says_the_same(place in 0_usize..200, byte in any::<u8>()) {
        let plain = r#"{"amount": 1250.50, "to": "Zoë", "ids": [1, 2, {"x": null}]}"#;
        let wrapped = sign(&python(), SECRET, plain.as_bytes()).unwrap();
        let mut changed = wrapped.to_vec();
        let place = place.checked_rem(changed.len()).unwrap();
        changed[place] = byte;
        if let Ok(permit) = verify(&python(), SECRET, &changed, NOW) {
            let first = verify(&python(), SECRET, &wrapped, NOW).unwrap();
            prop_assert_eq!((permit.payload(), permit.macs()), (first.payload(), first.macs()));
        }
    }
}
