//! Schemes that look into the body or the query, and what a route changes of a scheme.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

const NOW: i64 = 1_760_000_000;
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };
const CAVAGE: &str = "(request-target) date";

fn scheme(yaml: &str, overrides: Overrides) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    Arc::new(compile("test", &declaration.with(overrides)).unwrap_or_else(|problems| panic!("{problems:?}")))
}

fn gate(scheme: Arc<Scheme>) -> Gate {
    let id: Arc<str> = "k1".into();
    let (secret, sign, verify) = (Secret::new(b"secret".to_vec()), Window::default(), Window::default());
    let key = Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false };
    let ring = Arc::new(Keyring::new("ring", vec![key]).unwrap());
    Gate::new(vec![Alternative { scheme, keys: Keys::Ring(ring) }])
}

fn built_in(name: &str) -> Gate {
    gate(scheme(builtin(name).unwrap(), Overrides::default()))
}

fn judge(gate: &Gate, headers: &[(&str, String)], body: &[u8]) -> Result<Permit, Rejection> {
    judge_at("/p?q=1", gate, headers, body)
}

fn judge_at(target: &str, gate: &Gate, headers: &[(&str, String)], body: &[u8]) -> Result<Permit, Rejection> {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), value.clone());
    }
    let target = Bytes::from(target.to_owned());
    let head = Head { method: Method::POST, target, authority: Bytes::from("h"), secure: true, fields };
    let mut check = gate.open(&head, SITE, Moment::from_secs(NOW), 8)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    check.feed(body);
    check.close(None)
}

fn code(result: Result<Permit, Rejection>) -> Option<Code> {
    result.err().map(|rejection| rejection.code())
}

fn mac(message: &[u8]) -> Vec<u8> {
    let mut mac = Mac::keyed(Algorithm::Sha256, b"secret");
    mac.update(message);
    mac.finish()
}

#[test]
fn a_stamp_inside_the_signed_json_is_judged_and_covered() {
    let gate = built_in("linear");
    let millis = NOW * 1000;
    for (body, expected) in [
        (format!("{{\"webhookTimestamp\": {millis}}}"), None),
        (format!("{{\"webhookTimestamp\": {}}}", millis - 60_000), None),
        (format!("{{\"webhookTimestamp\": {}}}", millis - 60_001), Some(Code::TimestampOutsideWindow)),
        (format!("{{\"webhookTimestamp\": {}}}", millis + 60_001), Some(Code::TimestampOutsideWindow)),
        (format!("{{\"webhookTimestamp\": {millis}.0}}"), Some(Code::TimestampInvalid)),
        (format!("{{\"webhookTimestamp\": {millis}, \"webhookTimestamp\": {millis}}}"), Some(Code::SignatureMissing)),
        ("{}".to_owned(), Some(Code::SignatureMissing)),
        ("not json".to_owned(), Some(Code::SignatureMissing)),
    ] {
        let signature = Encoding::Hex.encode(&mac(body.as_bytes()));
        let verdict = judge(&gate, &[("linear-signature", signature)], body.as_bytes());
        let stamp = verdict.as_ref().ok().map(Permit::stamp);
        assert!(stamp.is_none_or(|stamp| stamp.is_some()), "{body}");
        assert_eq!(code(verdict), expected, "{body}");
    }
}

#[test]
fn a_body_needs_a_digest_that_is_right_and_signed() {
    let gate = built_in("cavage");
    let date = "Thu, 09 Oct 2025 08:53:20 GMT".to_owned();
    let digest = |body: &[u8]| format!("SHA-256={}", Encoding::Base64.encode(&Algorithm::Sha256.digest(body)));
    let signed = |list: &str, digest: &str| {
        let mut lines = format!("(request-target): post /p?q=1\ndate: {date}");
        if list.ends_with("digest") {
            lines = format!("{lines}\ndigest: {digest}");
        }
        let signature = Encoding::Base64.encode(&mac(lines.as_bytes()));
        format!("Signature keyId=\"k1\",headers=\"{list}\",signature=\"{signature}\"")
    };
    let with = format!("{CAVAGE} digest");
    for (list, claimed, body, expected) in [
        (&*with, digest(b"body"), &b"body"[..], None),
        (&with, digest(b"body"), b"bodx", Some(Code::DigestInvalid)),
        (&with, digest(b"body"), b"", Some(Code::DigestInvalid)),
        (&with, "SHA-256=AAAA".to_owned(), b"body", Some(Code::DigestInvalid)),
        (&with, "MD5=AAAA".to_owned(), b"body", Some(Code::DigestInvalid)),
        (CAVAGE, digest(b"body"), b"body", Some(Code::DigestInvalid)),
        (CAVAGE, digest(b""), b"", None),
        ("date", digest(b""), b"", Some(Code::RequirementUnmet)),
        ("(request-target) date date", digest(b""), b"", Some(Code::CoveredFieldMissing)),
        ("(request-target) date x-absent", digest(b""), b"", Some(Code::CoveredFieldMissing)),
    ] {
        let headers = [("date", date.clone()), ("digest", claimed.clone()), ("authorization", signed(list, &claimed))];
        assert_eq!(code(judge(&gate, &headers, body)), expected, "{list} {claimed} {body:?}");
    }
}

#[test]
fn a_wrong_head_signature_is_refused_before_the_body() {
    let gate = built_in("cavage");
    let parameters =
        format!("Signature keyId=\"k1\",headers=\"{CAVAGE}\",signature=\"{}\"", Encoding::Base64.encode(&[0; 32]));
    let mut fields = Fields::default();
    fields.append("date", "Thu, 09 Oct 2025 08:53:20 GMT");
    fields.append("authorization", parameters);
    let head =
        Head { method: Method::GET, target: Bytes::from("/"), authority: Bytes::from("h"), secure: true, fields };
    let opened = gate.open(&head, Site::default(), Moment::from_secs(NOW), 8);
    assert_eq!(opened.err().map(|rejection| rejection.code()), Some(Code::SignatureInvalid));
}

#[test]
fn a_plain_digest_holds_the_key_where_the_message_says() {
    let yaml = "{algorithm: sha256, mac: hash, signature: {header: S, encoding: hex}, message: '{key}{body}{key}'}";
    let gate = gate(scheme(yaml, Overrides::default()));
    let signature = |text: &[u8]| vec![("s", Encoding::Hex.encode(&Algorithm::Sha256.digest(text)))];
    assert_eq!(code(judge(&gate, &signature(b"secretbsecret"), b"b")), None);
    assert_eq!(code(judge(&gate, &signature(b"secretb"), b"b")), Some(Code::SignatureInvalid));
}

#[test]
fn one_of_several_messages_is_enough_and_the_body_may_come_sorted() {
    let gate = gate(scheme(include_str!("grammar/twilio.yaml"), Overrides::default()));
    let signed = |message: &[u8]| {
        let mut mac = Mac::keyed(Algorithm::Sha1, b"secret");
        mac.update(message);
        vec![("x-twilio-signature", Encoding::Base64.encode(&mac.finish()))]
    };
    for (message, expected) in [
        (&b"https://hooks.example.com:443/p?q=1AxBy z"[..], None),
        (b"https://hooks.example.com/p?q=1AxBy z", None),
        (b"https://hooks.example.com/p?q=1By zAx", Some(Code::SignatureInvalid)),
        (b"https://hooks.example.com/pAxBy z", Some(Code::SignatureInvalid)),
    ] {
        assert_eq!(code(judge(&gate, &signed(message), b"B=y+z&A=x&A=x")), expected, "{message:?}");
    }
}

#[test]
fn a_route_changes_window_and_header_names_without_copying_the_scheme() {
    let headers = [("x-hmac-signature".to_owned(), "X-Acme-Sig".to_owned())].into();
    let overrides = Overrides { past: Some(Duration::from_secs(5)), headers, ..Overrides::default() };
    let gate = gate(scheme(builtin("timestamp-body").unwrap(), overrides));
    assert_eq!(gate.challenge(), "HMAC scheme=\"test\", headers=\"X-HMAC-Timestamp X-Acme-Sig\"");
    assert_eq!(gate.window(), Some((Duration::from_secs(5), Duration::from_mins(1))));
    for (age, name, expected) in [
        (5, "x-acme-sig", None),
        (6, "x-acme-sig", Some(Code::TimestampOutsideWindow)),
        (5, "x-hmac-signature", Some(Code::SignatureMissing)),
    ] {
        let signature = Encoding::Hex.encode(&mac(format!("{}.b", NOW - age).as_bytes()));
        let headers = [("x-hmac-timestamp", (NOW - age).to_string()), (name, signature)];
        assert_eq!(code(judge(&gate, &headers, b"b")), expected, "{age} {name}");
    }
}

#[test]
fn a_gate_tells_which_headers_are_not_to_be_touched() {
    let names = |list: &[Bytes]| list.iter().map(|name| String::from_utf8(name.to_vec()).unwrap()).collect::<Vec<_>>();
    let gate = built_in("cavage");
    assert_eq!(names(gate.carriers()), ["authorization"]);
    assert_eq!(names(gate.protected()), ["authorization", "date", "digest", "host"]);
    let gate = built_in("timestamp-body");
    assert_eq!(names(gate.protected()), ["x-hmac-signature", "x-hmac-timestamp"]);
    assert_eq!(gate.challenge(), "HMAC scheme=\"test\", headers=\"X-HMAC-Timestamp X-HMAC-Signature\"");
}

#[test]
fn schemes_say_what_they_cover() {
    let facts = |name: &str| {
        let scheme = scheme(builtin(name).unwrap(), Overrides::default());
        [
            scheme.facts().covers.body,
            scheme.facts().covers.timestamp,
            scheme.facts().covers.nonce,
            scheme.facts().covers.path,
            scheme.facts().covers.query,
        ]
    };
    assert_eq!(facts("timestamp-body"), [true, true, false, false, false]);
    assert_eq!(facts("github"), [true, false, false, false, false]);
    assert_eq!(facts("standard-webhooks"), [true, true, true, false, false]);
    assert_eq!(facts("cavage"), [true, true, false, true, true]);
    assert_eq!(facts("linear"), [true, true, false, false, false]);
}

#[test]
fn a_link_is_good_until_its_expiry_wherever_its_signature_stands() {
    let yaml = include_str!("grammar/signed-link.yaml").replace("sha3-256", "sha256");
    let gate = gate(scheme(&yaml, Overrides::default()));
    let link = |expires: i64| Encoding::Base64Url.encode(&mac(format!("POST\n/p?expires={expires}").as_bytes()));
    for (expires, expected) in [
        (NOW, None),
        (NOW - 1, Some(Code::TimestampOutsideWindow)),
        (NOW + 86_400, None),
        (NOW + 86_401, Some(Code::TimestampOutsideWindow)),
    ] {
        let signature = link(expires);
        for target in [format!("/p?expires={expires}&sig={signature}"), format!("/p?sig={signature}&expires={expires}")]
        {
            assert_eq!(code(judge_at(&target, &gate, &[], b"")), expected, "{target}");
        }
    }
    let signature = link(NOW);
    for (target, expected) in [
        (format!("/p?expires={NOW}&sig={signature}&x=1"), Code::SignatureInvalid),
        (format!("/p?expires={NOW}&sig={signature}&sig={signature}"), Code::SignatureRepeated),
        (format!("/p?expires={NOW}&sig={signature}&%73ig=x"), Code::SignatureRepeated),
        (format!("/q?expires={NOW}&sig={signature}"), Code::SignatureInvalid),
    ] {
        assert_eq!(code(judge_at(&target, &gate, &[], b"")), Some(expected), "{target}");
    }
}
