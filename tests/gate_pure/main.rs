//! Both sides of every edge of a gate: form, time, keys, alternatives, bounds.

#![expect(clippy::unwrap_used, clippy::type_complexity, reason = "a test fails by panicking")]

mod choice;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, SchemeProblem, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys, NamePart};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

const NOW: i64 = 1_760_000_000;
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };
const PARTNER: &str = include_str!("../grammar/partner-x.yaml");

fn key(id: &str, until: Option<i64>) -> Key {
    let secret = Secret::new(format!("secret of {id}").into_bytes());
    let verify = Window { from: None, until: until.map(Moment::from_secs) };
    let (id, principal): (Arc<str>, Arc<str>) = (id.into(), format!("owner of {id}").into());
    Key { id, principal, secret, sign: Window::default(), verify, created: None, observe: false }
}

fn ring(ids: &[&str]) -> Arc<Keyring> {
    Arc::new(Keyring::new("ring", ids.iter().map(|id| key(id, None)).collect()).unwrap())
}

fn load(name: &str, yaml: &str, overrides: Overrides) -> Result<Alternative, Vec<SchemeProblem>> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    let scheme = Arc::new(compile(name, &declaration.with(overrides))?);
    Ok(Alternative { scheme, keys: Keys::Ring(ring(&["k1"])) })
}

fn gate(yaml: &str, keys: Keys) -> Gate {
    let Alternative { scheme, .. } = load("test", yaml, Overrides::default()).unwrap();
    Gate::new(vec![Alternative { scheme, keys }])
}

fn request(headers: &[(&str, &str)]) -> Head {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    let target = Bytes::from("/p?q=1");
    Head { method: Method::POST, target, authority: Bytes::from("h"), secure: true, fields }
}

fn judge(gate: &Gate, head: &Head, body: &[u8], now: Moment, macs: usize) -> Result<Permit, Rejection> {
    let mut check = gate.open(head, SITE, now, macs)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    check.feed(body);
    check.close(None)
}

fn code(result: Result<Permit, Rejection>) -> Option<Code> {
    result.err().map(|rejection| rejection.code())
}

fn mac(id: &str, message: &str) -> String {
    let mut mac = Mac::keyed(Algorithm::Sha256, format!("secret of {id}").as_bytes());
    mac.update(message.as_bytes());
    Encoding::Hex.encode(&mac.finish())
}

fn timestamp_body() -> Gate {
    gate(builtin("timestamp-body").unwrap(), Keys::Ring(ring(&["k1"])))
}

#[test]
fn presence_is_judged_before_time_time_before_spelling_and_spelling_before_truth() {
    let gate = timestamp_body();
    let (stamp, stale) = (NOW.to_string(), (NOW - 61).to_string());
    let good = mac("k1", &format!("{stamp}.body"));
    let (upper, zeros) = (good.to_ascii_uppercase(), "0".repeat(64));
    let table: [(&[(&str, &str)], Option<Code>); 19] = [
        (&[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &good)], None),
        (&[("x-hmac-timestamp", &stamp)], Some(Code::SignatureMissing)),
        (&[("x-hmac-signature", &good)], Some(Code::SignatureMissing)),
        (&[], Some(Code::SignatureMissing)),
        (
            &[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &good), ("x-hmac-signature", &good)],
            Some(Code::SignatureRepeated),
        ),
        (
            &[("x-hmac-timestamp", &stamp), ("x-hmac-timestamp", &stamp), ("x-hmac-signature", &good)],
            Some(Code::SignatureRepeated),
        ),
        (&[("x-hmac-timestamp", &stamp), ("x-hmac-signature", "")], Some(Code::SignatureMissing)),
        (&[("x-hmac-timestamp", ""), ("x-hmac-signature", &good)], Some(Code::SignatureMissing)),
        (&[("x-hmac-timestamp", ""), ("x-hmac-signature", "zz")], Some(Code::SignatureMissing)),
        (
            &[("x-hmac-timestamp", &stamp), ("x-hmac-signature", ""), ("x-hmac-signature", &good)],
            Some(Code::SignatureRepeated),
        ),
        (&[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &upper)], Some(Code::SignatureMalformed)),
        (&[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &good[..62])], Some(Code::SignatureMalformed)),
        (&[("x-hmac-timestamp", &stamp), ("x-hmac-signature", &zeros)], Some(Code::SignatureInvalid)),
        (&[("x-hmac-timestamp", "soon"), ("x-hmac-signature", &zeros)], Some(Code::TimestampInvalid)),
        (&[("x-hmac-timestamp", "01760000000"), ("x-hmac-signature", &zeros)], Some(Code::TimestampInvalid)),
        (&[("x-hmac-timestamp", "+1760000000"), ("x-hmac-signature", &zeros)], Some(Code::TimestampInvalid)),
        (&[("x-hmac-timestamp", &stale), ("x-hmac-signature", "zz")], Some(Code::TimestampOutsideWindow)),
        (&[("x-hmac-timestamp", "soon"), ("x-hmac-signature", "zz")], Some(Code::TimestampInvalid)),
        (&[("x-hmac-timestamp", &stale), ("x-hmac-signature", &zeros)], Some(Code::TimestampOutsideWindow)),
    ];
    for (headers, expected) in table {
        let verdict = judge(&gate, &request(headers), b"body", Moment::from_secs(NOW), 8);
        assert_eq!(code(verdict), expected, "{headers:?}");
    }
}

#[test]
fn sixty_seconds_pass_and_sixty_one_do_not_whatever_the_millisecond() {
    let gate = timestamp_body();
    let good = mac("k1", &format!("{NOW}."));
    let head = request(&[("x-hmac-timestamp", &NOW.to_string()), ("x-hmac-signature", &good)]);
    for (millis, passes) in [
        ((NOW - 60) * 1000, true),
        ((NOW - 60) * 1000 - 1, false),
        ((NOW + 60) * 1000 + 999, true),
        ((NOW + 61) * 1000, false),
    ] {
        let verdict = judge(&gate, &head, b"", Moment::from_millis(millis), 8);
        assert_eq!(code(verdict), (!passes).then_some(Code::TimestampOutsideWindow), "{millis}");
    }
}

#[test]
fn a_permit_says_who_when_and_until_when() {
    let gate = timestamp_body();
    let good = mac("k1", &format!("{NOW}."));
    let head = request(&[("x-hmac-timestamp", &NOW.to_string()), ("x-hmac-signature", &good)]);
    let permit = judge(&gate, &head, b"", Moment::from_secs(NOW), 8).ok().unwrap();
    assert_eq!((&*permit.key().principal, &**permit.scheme()), ("owner of k1", "test"));
    assert_eq!(permit.stamp(), Some(Moment::from_secs(NOW)));
    assert_eq!(permit.fresh_until(), Some(Moment::from_secs(NOW + 61)));
    assert_eq!((permit.nonce(), permit.macs().len()), (None, 1));
    assert_eq!(Encoding::Hex.encode(&permit.macs()[0]), good);
}

#[test]
fn what_is_not_covered_is_in_no_permit() {
    let gate = gate(PARTNER, Keys::Ring(ring(&["k1"])));
    let signature = format!("v1={}", mac("k1", &format!("{NOW}.b")));
    let stamp = NOW.to_string();
    let headers = [("x-signature", &*signature), ("x-timestamp", &*stamp), ("x-nonce", "n"), ("x-key-id", "k1")];
    let permit = judge(&gate, &request(&headers), b"b", Moment::from_secs(NOW), 8).ok().unwrap();
    assert_eq!(permit.nonce(), None);
    assert_eq!(permit.stamp(), Some(Moment::from_secs(NOW)));
}

#[test]
fn an_unknown_an_expired_and_a_wrong_key_answer_alike() {
    let keys = vec![key("k1", None), key("old", Some(NOW))];
    let gate = gate(PARTNER, Keys::Ring(Arc::new(Keyring::new("ring", keys).unwrap())));
    let stamp = NOW.to_string();
    for (id, signer, expected) in [
        ("k1", "k1", None),
        ("k1", "old", Some(Code::SignatureInvalid)),
        ("old", "old", Some(Code::SignatureInvalid)),
        ("nobody", "k1", Some(Code::SignatureInvalid)),
    ] {
        let signature = format!("v1={}", mac(signer, &format!("{NOW}.b")));
        let headers = [("x-signature", &*signature), ("x-timestamp", &*stamp), ("x-nonce", "n"), ("x-key-id", id)];
        let verdict = judge(&gate, &request(&headers), b"b", Moment::from_secs(NOW), 8);
        assert_eq!(verdict.as_ref().err().and_then(Rejection::note), None, "{id}");
        assert_eq!(code(verdict), expected, "{id}");
    }
}

#[test]
fn a_ring_without_a_usable_key_fails_closed_with_its_own_code() {
    let gone = Keyring::new("ring", vec![key("k1", Some(NOW))]).unwrap();
    let gate = gate(builtin("github").unwrap(), Keys::Ring(Arc::new(gone)));
    let head = request(&[("x-hub-signature-256", &format!("sha256={}", mac("k1", "")))]);
    assert_eq!(code(judge(&gate, &head, b"", Moment::from_secs(NOW - 1), 8)), None);
    assert_eq!(code(judge(&gate, &head, b"", Moment::from_secs(NOW), 8)), Some(Code::KeyringEmpty));
}

#[test]
fn no_more_macs_are_computed_than_allowed_and_the_newest_keys_come_first() {
    let ids: Vec<String> = (0..10).map(|place| format!("k{place}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = gate(builtin("github").unwrap(), Keys::Ring(ring(&ids)));
    for (id, macs, passes) in [("k9", 8, true), ("k2", 8, true), ("k1", 8, false), ("k1", 10, true), ("k9", 0, true)] {
        let head = request(&[("x-hub-signature-256", &format!("sha256={}", mac(id, "")))]);
        let verdict = judge(&gate, &head, b"", Moment::from_secs(NOW), macs);
        assert!(verdict.as_ref().is_ok_and(|permit| permit.macs().len() <= macs.max(1)) || !passes, "{id} {macs}");
        assert_eq!(code(verdict), (!passes).then_some(Code::SignatureInvalid), "{id} {macs}");
    }
}

#[test]
fn a_gate_knows_how_many_macs_try_everything() {
    let two = "{algorithm: sha256, signature: {header: S, encoding: hex}, message: ['{body}', '{path}']}";
    let named = "{algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: '{body}'}";
    let optional = named.replace("K}", "K, optional: true}");
    for (yaml, macs) in [(builtin("github").unwrap(), 3), (two, 6), (named, 1), (&optional, 3)] {
        assert_eq!(gate(yaml, Keys::Ring(ring(&["a", "b", "c"]))).macs(), macs, "{yaml}");
    }
}

#[test]
fn sixteen_candidates_are_looked_at_and_eight_kibibytes() {
    let yaml = "{algorithm: sha256, signature: {header: S, list: ',', encoding: hex}, message: '{body}'}";
    let gate = gate(yaml, Keys::Ring(ring(&["k1"])));
    let good = mac("k1", "");
    for (junk, expected) in [(0, None), (15, None), (16, Some(Code::SignatureMalformed))] {
        let list = format!("{}{good}", "x,".repeat(junk));
        assert_eq!(code(judge(&gate, &request(&[("s", &list)]), b"", Moment::from_secs(NOW), 8)), expected, "{junk}");
    }
    for (length, expected) in [(8192, None), (8193, Some(Code::SignatureMalformed))] {
        let list = format!("{good},{}", "x".repeat(length - good.len() - 1));
        assert_eq!(code(judge(&gate, &request(&[("s", &list)]), b"", Moment::from_secs(NOW), 8)), expected, "{length}");
    }
    for (empty, expected) in [
        ("", Code::SignatureMissing),
        (",", Code::SignatureMalformed),
        (",,", Code::SignatureMalformed),
        ("x,y", Code::SignatureMalformed),
    ] {
        let verdict = judge(&gate, &request(&[("s", empty)]), b"", Moment::from_secs(NOW), 8);
        assert_eq!(code(verdict), Some(expected), "{empty:?}");
    }
}

#[test]
fn a_nonce_has_one_to_256_visible_characters() {
    let gate = gate(PARTNER, Keys::Ring(ring(&["k1"])));
    let (signature, stamp) = (format!("v1={}", mac("k1", &format!("{NOW}.b"))), NOW.to_string());
    let (longest, longer) = ("n".repeat(256), "n".repeat(257));
    for (nonce, passes) in
        [("n", true), (&*longest, true), (&*longer, false), ("", false), ("a b", false), ("é", false)]
    {
        let headers = [("x-signature", &*signature), ("x-timestamp", &*stamp), ("x-nonce", nonce), ("x-key-id", "k1")];
        let verdict = judge(&gate, &request(&headers), b"b", Moment::from_secs(NOW), 8);
        assert_eq!(code(verdict), (!passes).then_some(Code::NonceInvalid), "{nonce:?}");
    }
}

#[test]
fn a_covered_header_is_there_exactly_once() {
    let yaml =
        "{algorithm: sha256, signature: {header: S, encoding: hex}, message: '{header:X-A}|{header:X-B?}|{body}'}";
    let gate = gate(yaml, Keys::Ring(ring(&["k1"])));
    let (bare, empty) = (mac("k1", "1||b"), mac("k1", "||b"));
    let table: [(&[(&str, &str)], Option<Code>); 5] = [
        (&[("s", &bare), ("x-a", "1")], None),
        (&[("s", &empty), ("x-a", "")], None),
        (&[("s", &empty)], Some(Code::CoveredFieldMissing)),
        (&[("s", &bare), ("x-a", "1"), ("x-a", "1")], Some(Code::CoveredFieldMissing)),
        (&[("s", &bare), ("x-a", "1"), ("x-b", "2"), ("x-b", "2")], Some(Code::CoveredFieldMissing)),
    ];
    for (headers, expected) in table {
        let verdict = judge(&gate, &request(headers), b"b", Moment::from_secs(NOW), 8);
        assert_eq!(code(verdict), expected, "{headers:?}");
    }
}
