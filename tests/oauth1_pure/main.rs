//! OAuth 1.0a: the published examples, oauthlib's verdicts, and what oauthlib would have written.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod early;
#[path = "../pure/mod.rs"]
mod pure;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, SchemeProblem, builtin, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::message::Head;
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use proptest::prelude::*;
use pure::ring;
use serde_json::Value;

const NOW: i64 = 1_760_000_000;
const BASE: &str = "https://api.example.com";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("dpf43f3p2l4k3l03", "kd94hf93k423kf44");

fn load(yaml: &str) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    pure::load("oauth1", yaml)
}

fn scheme(options: &str) -> Arc<Scheme> {
    load(&format!("oauth1: {{algorithm: HMAC-SHA1{options}}}"))
        .unwrap_or_else(|problems| panic!("{options}: {problems:?}"))
}

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Head {
    pure::head(method, ("inside", target), headers)
}

fn gate(scheme: &Arc<Scheme>, key: (&str, &str)) -> Gate {
    let gate = pure::gate(scheme, ring(&[key]));
    assert_eq!(gate.misfits(), []);
    gate
}

fn judge(gate: &Gate, base: &str, head: &Head, body: &[u8], now: i64) -> Result<Permit, Code> {
    let site = Site { public_url: Some(base), captures: &[] };
    pure::judge(gate, head, body, (site, Moment::from_secs(now))).map_err(|rejection| rejection.code())
}

fn sign(scheme: &Arc<Scheme>, key: (&str, &str), mut head: Head, body: &[u8]) -> Result<Head, Code> {
    let code = |rejection: Rejection| rejection.code();
    let seal = Seal::new(Arc::clone(scheme), ring(&[key]), With::Newest);
    let site = Site { public_url: Some(BASE), captures: &[] };
    let mut signing = seal.start(&mut head, site, Moment::from_secs(NOW), [7; 16]).map_err(code)?;
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        body.chunks(7).for_each(|chunk| signing.feed(chunk));
    }
    signing.finish(&mut head, whole).map_err(code)?;
    Ok(head)
}

fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/oauth1.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn published(case: &Value) -> Result<Permit, Code> {
    let config = case["config"].as_object().unwrap().iter();
    let options: Vec<String> = config.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())).collect();
    let scheme = load(&format!("oauth1: {{{}}}", options.join(", "))).unwrap();
    let lines = case["headers"].as_array().unwrap().iter();
    let lines: Vec<_> =
        lines.map(|line| (line[0].as_str().unwrap().to_ascii_lowercase(), line[1].as_str().unwrap())).collect();
    let lines: Vec<_> =
        lines.iter().filter(|(name, _)| name != "host").map(|(name, value)| (name.as_str(), *value)).collect();
    let head = head(case["method"].as_str().unwrap(), case["target"].as_str().unwrap(), &lines);
    let key = (case["keys"][0]["id"].as_str().unwrap(), case["keys"][0]["secret"].as_str().unwrap());
    let body = Encoding::Base64.decode(case["body_b64"].as_str().unwrap().as_bytes(), false).unwrap();
    judge(&gate(&scheme, key), case["base_url"].as_str().unwrap(), &head, &body, case["now"].as_i64().unwrap())
}

#[test]
fn requests_are_judged_as_oauthlib_judges_them() {
    let cases = vectors();
    for case in &cases {
        let verdict = published(case).err();
        assert_eq!(verdict.is_none(), case["valid"].as_bool().unwrap(), "{}: {verdict:?}", case["case"]);
    }
    assert!(cases.len() > 70, "{}", cases.len());
}

/// RFC 5849 §1.2, and the worked example of Twitter's documentation.
#[test]
fn the_published_examples_hold() {
    let in_key = scheme(", token_secret: in_key");
    let twitter = "xvz1evFS4wEEPTGEFPHBog&370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb";
    let secrets = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw&LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE";
    let initiated = r#"OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D""#;
    let photos = r#"OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D""#;
    let tweet = r#"OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", oauth_signature="tnnArxj06cWHq44gCs1OSKk%2FjLY%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", oauth_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", oauth_version="1.0""#;
    let status = "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21";
    for (key, base, request, own, body, now) in [
        (
            ("dpf43f3p2l4k3l03&hh5s93j4hdidpola", "kd94hf93k423kf44&hdhd0244k9j7ao03"),
            "https://photos.example.net",
            ("POST", "/token"),
            initiated,
            "",
            137_131_201,
        ),
        (
            ("dpf43f3p2l4k3l03&nnch734d00sl2jdk", "kd94hf93k423kf44&pfkkdhi9sl3r4s00"),
            "http://photos.example.net",
            ("GET", "/photos?file=vacation.jpg&size=original"),
            photos,
            "",
            137_131_202,
        ),
        (
            (twitter, secrets),
            "https://api.twitter.com",
            ("POST", "/1/statuses/update.json?include_entities=true"),
            tweet,
            status,
            1_318_622_958,
        ),
    ] {
        let head = head(request.0, request.1, &[("authorization", own), FORM]);
        let permit = judge(&gate(&in_key, key), base, &head, body.as_bytes(), now)
            .unwrap_or_else(|code| panic!("{own}: {code:?}"));
        assert_eq!(&*permit.key().id, key.0);
        assert_eq!(
            judge(&gate(&in_key, key), "https://evil.example", &head, body.as_bytes(), now).err(),
            Some(Code::SignatureInvalid)
        );
    }
}

#[test]
fn we_write_what_oauthlib_writes() {
    let target = "/v1/j?b=2&a=%201";
    for (line, body, signature) in [
        (FORM, &b"b=2&a=+1"[..], "S6yv3%2BDh6Qks3IcKn6nm%2BjZAbKw%3D"),
        (JSON, br#"{"a": 1}"#, "5OWOWJNl3jikxQIVGcUXe7OJ%2B0s%3D"),
    ] {
        let head = sign(&scheme(""), KEY, head("POST", target, &[line]), body).unwrap();
        let own = String::from_utf8(head.fields.one("authorization").unwrap().unwrap().to_vec()).unwrap();
        assert!(own.starts_with("OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\", "), "{own}");
        assert!(own.ends_with(&format!("oauth_signature=\"{signature}\"")), "{own}");
    }
}

#[test]
fn what_we_sign_we_accept_and_nothing_that_the_client_put_there() {
    let pair = ("c%26k&to%2Bk", "s%26&t%20");
    for (options, key, line, body) in [
        ("", KEY, FORM, "a=1&b=%20+"),
        ("", KEY, JSON, "{}"),
        (", body: hash", KEY, JSON, "{}"),
        (", body: form, realm: Photos", KEY, FORM, "a=1"),
        (", body: none", KEY, JSON, "{}"),
        (", carrier: query", KEY, JSON, "{}"),
        (", token_secret: in_key", pair, JSON, "{}"),
        (", token_secret: in_key, carrier: query", ("alone&", "secret&"), FORM, "a=1"),
    ] {
        let (scheme, target) = (scheme(options), "/v1/j?oauth_nonce=forged&b=2&%6fauth_signature=forged");
        let lines = [line, ("authorization", "OAuth forged=\"1\"")];
        let head = sign(&scheme, key, head("POST", target, &lines), body.as_bytes()).unwrap();
        let (gate, body) = (gate(&scheme, key), body.as_bytes());
        let verdict = |seconds| judge(&gate, BASE, &head, body, NOW + seconds).err();
        assert_eq!(verdict(0), None, "{options} {head:?}");
        let over = Some(Code::TimestampOutsideWindow);
        assert_eq!([verdict(-61), verdict(-60), verdict(300), verdict(301)], [over, None, None, over], "{options}");
        assert!(!head.target.windows(6).any(|window| window == b"forged"), "{head:?}");
        let changed = judge(&gate, BASE, &head, b"a=2", NOW).err();
        assert_eq!(changed.is_some(), scheme.facts().covers.body, "{options}");
    }
}

/// The head of a request that holds, as text, with `from` replaced.
fn altered(options: &str, from: &str, to: &str) -> Option<Code> {
    let scheme = scheme(options);
    let signed = sign(&scheme, KEY, head("GET", "/v1?a=1", &[]), b"").unwrap();
    let own = String::from_utf8(signed.fields.one("authorization").unwrap().unwrap().to_vec()).unwrap();
    assert!(own.contains(from), "{own} has no {from}");
    let mut head = signed;
    head.fields.set("authorization", own.replacen(from, to, 1));
    judge(&gate(&scheme, KEY), BASE, &head, b"", NOW).err()
}

#[test]
fn each_parameter_is_there_once_and_in_one_spelling() {
    for (from, to, refusal) in [
        ("OAuth ", "oauth ", None),
        ("OAuth ", "Bearer ", Some(Code::SignatureMissing)),
        ("oauth_consumer_key=\"dpf43f3p2l4k3l03\", ", "", Some(Code::SignatureMissing)),
        ("oauth_consumer_key=\"dpf43f3p2l4k3l03\"", "oauth_consumer_key=\"\"", Some(Code::SignatureMissing)),
        ("oauth_consumer_key=\"dpf43f3p2l4k3l03\"", "oauth_consumer_key=\"nobody\"", Some(Code::SignatureInvalid)),
        ("oauth_signature_method=\"HMAC-SHA1\", ", "", Some(Code::SignatureMissing)),
        ("HMAC-SHA1", "PLAINTEXT", Some(Code::SignatureMalformed)),
        ("HMAC-SHA1", "HMAC-SHA256", Some(Code::SignatureMalformed)),
        ("HMAC-SHA1", "hmac-sha1", Some(Code::SignatureMalformed)),
        ("oauth_nonce=", "oauth_nonce=\"x\", oauth_nonce=", Some(Code::SignatureRepeated)),
        ("oauth_nonce=", "oauth%5Fnonce=\"x\", oauth_nonce=", Some(Code::SignatureRepeated)),
        ("oauth_nonce=\"07", "oauth_nonce=\"%20", Some(Code::NonceInvalid)),
        ("oauth_nonce=\"", "unknown=\"", Some(Code::NonceInvalid)),
        ("oauth_timestamp=\"1", "oauth_timestamp=\"01", Some(Code::TimestampInvalid)),
        ("oauth_timestamp=\"17", "oauth_timestamp=\"16", Some(Code::TimestampOutsideWindow)),
        ("oauth_version=\"1.0\"", "oauth_version=\"2.0\"", Some(Code::RequirementUnmet)),
        ("oauth_version=", "oauth_token=\"t\", oauth_version=", Some(Code::RequirementUnmet)),
        ("oauth_version=", "oauth_token=\"\", oauth_version=", Some(Code::SignatureInvalid)),
        ("oauth_version=", "oauth_body_hash=\"x\", oauth_version=", Some(Code::DigestInvalid)),
        ("oauth_signature=\"", "oauth_signature=\"%", Some(Code::SignatureMalformed)),
        ("%3D\"", "\"", Some(Code::SignatureMalformed)),
    ] {
        assert_eq!(altered("", from, to), refusal, "{from} -> {to}");
    }
}

#[test]
fn a_parameter_of_the_protocol_has_no_second_place() {
    let scheme = scheme("");
    let signed = sign(&scheme, KEY, head("POST", "/v1?a=1", &[FORM]), b"b=1").unwrap();
    let verdict = |target: &str, body: &[u8]| {
        let head = Head { target: Bytes::from(target.to_owned()), ..signed.clone() };
        judge(&gate(&scheme, KEY), BASE, &head, body, NOW).err()
    };
    assert_eq!(verdict("/v1?a=1", b"b=1"), None);
    assert_eq!(verdict("/v1?a=1&oauth_token=x", b"b=1"), Some(Code::SignatureRepeated));
    assert_eq!(verdict("/v1?a=1", b"b=1&oauth%5ftoken=x"), Some(Code::SignatureRepeated));
    assert_eq!(verdict("/v1?a=%zz", b"b=1"), Some(Code::SignatureMalformed));
    let lines = [FORM, ("content-type", "text/plain"), ("authorization", "OAuth oauth_signature=\"x\"")];
    assert_eq!(
        judge(&gate(&scheme, KEY), BASE, &head("POST", "/", &lines), b"", NOW).err(),
        Some(Code::CoveredFieldMissing)
    );
}

#[test]
fn a_body_is_covered_as_the_option_says_or_refused() {
    let invalid = Some(Code::DigestInvalid);
    for (mode, json, form) in
        [("form", invalid, None), ("hash", invalid, invalid), ("either", invalid, None), ("none", None, None)]
    {
        let scheme = scheme(&format!(", body: {mode}"));
        for (line, unhashed, body) in [(JSON, json, "{}"), (FORM, form, "")] {
            let signed = sign(&scheme, KEY, head("POST", "/v1", &[line]), b"").unwrap();
            assert_eq!(judge(&gate(&scheme, KEY), BASE, &signed, b"", NOW).err(), None, "{mode}: no body");
            let later = judge(&gate(&scheme, KEY), BASE, &signed, b"{}", NOW).err();
            let refused = if body.is_empty() && form.is_none() && mode != "none" {
                Some(Code::SignatureInvalid)
            } else {
                unhashed
            };
            assert_eq!(later, refused, "{mode} {line:?}");
        }
    }
    for (mode, line) in [("form", JSON), ("hash", FORM)] {
        let made = sign(&scheme(&format!(", body: {mode}")), KEY, head("POST", "/v1", &[line]), b"a=1");
        assert_eq!(made.err(), Some(Code::SigningFailed), "{mode}");
    }
    let named = sign(&scheme(""), KEY, head("POST", "/v1", &[FORM]), b"oauth_nonce=x");
    assert_eq!(named.err(), Some(Code::SigningFailed));
}

#[test]
fn a_scheme_says_what_it_covers() {
    let facts = |options: &str| scheme(options).facts().clone();
    let covers = facts("").covers;
    assert_eq!(
        [covers.body, covers.timestamp, covers.nonce, covers.key_id, covers.method, covers.path, covers.query],
        [true; 7]
    );
    assert!(!facts(", body: none").covers.body);
    let needs: Vec<Need> =
        ["form", "either", "hash", "none"].iter().map(|mode| facts(&format!(", body: {mode}")).need).collect();
    assert_eq!(needs, [Need::Whole, Need::Whole, Need::Head, Need::Head]);
    assert!(facts("").needs_public_url);
    let (gate, key) = (gate(&scheme(""), KEY), KEY);
    let head = sign(&scheme(""), key, head("GET", "/", &[]), b"").unwrap();
    let opened = gate.open(&head, Site::default(), Moment::from_secs(NOW), 8).and_then(|check| check.close(Some(b"")));
    assert_eq!(opened.err().map(|rejection| rejection.code()), Some(Code::RequirementUnmet), "no public_url");
}

#[test]
fn what_cannot_work_is_said_with_its_place() {
    for (yaml, path) in [
        ("oauth1: {}", "oauth1.algorithm"),
        ("oauth1: {algorithm: PLAINTEXT}", "oauth1.algorithm"),
        ("oauth1: {algorithm: HMAC-SHA1, carrier: body}", "oauth1.carrier"),
        ("oauth1: {algorithm: HMAC-SHA1, body: all}", "oauth1.body"),
        ("oauth1: {algorithm: HMAC-SHA1, token_secret: \"yes\"}", "oauth1.token_secret"),
        ("oauth1: {algorithm: HMAC-SHA1, past: soon}", "oauth1.past"),
        ("oauth1: {algorithm: HMAC-SHA1, realm: 'a\"b'}", "oauth1.realm"),
        ("oauth1: {algorithm: HMAC-SHA1}\nkey: {encoding: hex}", "key"),
        ("oauth1: {algorithm: HMAC-SHA1}\nmessage: x", "message"),
        ("oauth1: {algorithm: HMAC-SHA1}\njwt: {algorithm: HS256}", "oauth1"),
    ] {
        let problems = load(yaml).expect_err(yaml);
        assert_eq!(problems[0].path, path, "{yaml}: {problems:?}");
    }
    let gate = |secret| {
        Gate::new(vec![Alternative {
            scheme: scheme(", token_secret: in_key"),
            keys: Keys::Ring(ring(&[("a&b", secret)])),
        }])
    };
    for (secret, fits) in [
        ("a&b", true),
        ("a&", true),
        ("a%2B&b", true),
        ("a%2b&b", false),
        ("a+&b", false),
        ("ab", false),
        ("a&b&c", false),
        ("&b", false),
    ] {
        assert_eq!(gate(secret).misfits().is_empty(), fits, "{secret}");
    }
}

#[test]
fn a_route_may_change_the_window() {
    let declaration: Declaration = serde_yaml::from_str(builtin("oauth1").unwrap()).unwrap();
    let past = Some(std::time::Duration::from_secs(10));
    let short = Arc::new(compile("oauth1", &declaration.with(Overrides { past, ..Overrides::default() })).unwrap());
    let head = sign(&short, KEY, head("GET", "/", &[]), b"").unwrap();
    let verdict = |seconds| judge(&gate(&short, KEY), BASE, &head, b"", NOW + seconds).err();
    assert_eq!((verdict(10), verdict(11)), (None, Some(Code::TimestampOutsideWindow)));
}

proptest! {
    #[test]
    fn a_flipped_bit_is_refused_or_changes_nothing(place in any::<proptest::sample::Index>(), bit in 0_u8..8, part in 0..3) {
        let scheme = scheme("");
        let signed = sign(&scheme, KEY, head("POST", "/v1/a%20b?x=1&y=%2B", &[FORM]), b"c=3&d=%20").unwrap();
        let mut own = signed.fields.one("authorization").unwrap().unwrap().to_vec();
        let (mut head, mut target, mut body) = (signed.clone(), signed.target.to_vec(), b"c=3&d=%20".to_vec());
        let bytes = match part { 0 => &mut own, 1 => &mut target, _ => &mut body };
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        head.fields.set("authorization", own);
        head.target = target.into();
        let before = judge(&gate(&scheme, KEY), BASE, &signed, b"c=3&d=%20", NOW).unwrap();
        if let Ok(after) = judge(&gate(&scheme, KEY), BASE, &head, &body, NOW) {
            prop_assert_eq!(after.macs(), before.macs(), "another spelling of the same parameters");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_permit(own in "[ -~]{0,80}", target in "[!-~]{0,40}", body in proptest::collection::vec(any::<u8>(), 0..80)) {
        for options in ["", ", carrier: query", ", token_secret: in_key", ", body: none"] {
            let scheme = scheme(options);
            let key = if options.contains("in_key") { ("a&b", "a&b") } else { KEY };
            let own = format!("OAuth oauth_signature=\"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\",{own}");
            let head = head("POST", &format!("/?oauth_signature=x&{target}"), &[FORM, ("authorization", &own)]);
            prop_assert!(judge(&gate(&scheme, key), BASE, &head, &body, NOW).is_err());
        }
    }
}
