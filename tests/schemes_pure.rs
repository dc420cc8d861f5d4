//! The scheme language: what is written in it loads, signs what it verifies, and is refused where it cannot work.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtins, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::{Code, Rejection};
use countersign::sig::encoding::Encoding;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::ring::Primitive;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use proptest::prelude::*;

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };

fn grammar() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grammar");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let built_in = builtins().iter().map(|(name, yaml)| ((*name).to_owned(), (*yaml).to_owned()));
    files.map(read).chain(built_in).collect()
}

fn scheme(name: &str, yaml: &str) -> Arc<Scheme> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
    Arc::new(compile(name, &declaration).unwrap_or_else(|problems| panic!("{name}: {problems:?}")))
}

fn ring(ids: &[&str]) -> Arc<Keyring> {
    let key = |id: &&str| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        // Text, hex and base64 at once, so that it fits every scheme.
        secret: Secret::new(format!("{}{}", "0123456789abcdef".repeat(2), data(id)).into_bytes()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", ids.iter().map(key).collect()).unwrap())
}

fn data(id: &str) -> String {
    Encoding::Hex.encode(&Algorithm::Sha256.digest(id.as_bytes()))
}

fn head() -> Head {
    let mut fields = Fields::default();
    fields.append("content-type", "application/json");
    // Bybit signs it, and it is the sender's to choose.
    fields.append("x-bapi-recv-window", "5000");
    Head {
        method: Method::POST,
        target: Bytes::from("/v1/things?b=2&a=%201"),
        authority: Bytes::from("api.example.com"),
        secure: true,
        fields,
    }
}

fn sign(scheme: &Arc<Scheme>, ids: &[&str], with: With, body: &[u8]) -> Head {
    let seal = Seal::new(Arc::clone(scheme), ring(ids), with);
    assert_eq!(seal.misfits(), []);
    let mut head = head();
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        body.chunks(3).for_each(|chunk| signing.feed(chunk));
    }
    signing.finish(&mut head, whole).unwrap();
    head
}

fn verify(scheme: &Arc<Scheme>, ids: &[&str], head: &Head, body: &[u8], now: Moment) -> Result<Permit, Rejection> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(ids)) }]);
    let mut check = gate.open(head, SITE, now, 8)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    body.chunks(5).for_each(|chunk| check.feed(chunk));
    check.close(None)
}

fn refused(result: Result<Permit, Rejection>) -> Option<Code> {
    result.err().map(|rejection| rejection.code())
}

fn signable() -> Vec<Arc<Scheme>> {
    let all = grammar().into_iter().map(|(name, yaml)| scheme(&name, &yaml));
    // What signs into the body takes JSON only: tests/envelope_pure.rs.
    let signs = |scheme: &Arc<Scheme>| scheme.facts().can_sign.is_ok() && !scheme.wraps_body();
    all.filter(|scheme| signs(scheme) && scheme.alternatives().is_empty()).collect()
}

#[test]
fn everything_that_is_written_in_the_language_loads() {
    let names: Vec<String> =
        grammar().into_iter().map(|(name, yaml)| scheme(&name, &yaml).name().to_string()).collect();
    for wanted in ["stripe", "standard-webhooks", "linear", "cavage", "binance", "twilio", "partner-x"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted}");
    }
}

#[test]
fn each_need_of_the_body_is_found() {
    let need =
        |name: &str| grammar().iter().find(|(known, _)| known == name).map(|(name, yaml)| scheme(name, yaml).need());
    for (name, wanted) in [
        ("timestamp-body", Need::Feed),
        ("stripe", Need::Feed),
        ("exchange-with-secondary", Need::Feed),
        ("cavage", Need::Head),
        ("kong", Need::Head),
        ("signed-link", Need::Head),
        ("linear", Need::Whole),
        ("mailgun", Need::Whole),
    ] {
        assert_eq!(need(name), Some(wanted), "{name}");
    }
}

#[test]
fn what_we_sign_we_accept() {
    let schemes = signable();
    assert!(schemes.len() > 10, "{}", schemes.len());
    for scheme in schemes {
        for body in [&b""[..], b"{\"a\": 1}", b"\0\xff binary"] {
            let head = sign(&scheme, &["k1"], With::Newest, body);
            let verdict = verify(&scheme, &["k1"], &head, body, NOW);
            assert_eq!(refused(verdict), None, "{} {head:?}", scheme.name());
            let other = verify(&scheme, &["other"], &head, body, NOW);
            assert_eq!(refused(other), Some(Code::SignatureInvalid), "{}", scheme.name());
        }
    }
}

#[test]
fn a_changed_body_is_refused_by_every_scheme_that_covers_it() {
    for scheme in signable().into_iter().filter(|scheme| scheme.facts().covers.body) {
        let head = sign(&scheme, &["k1"], With::Newest, b"body");
        for body in [&b"bodx"[..], b"bod", b"body\n", b""] {
            assert!(verify(&scheme, &["k1"], &head, body, NOW).is_err(), "{} {body:?}", scheme.name());
        }
    }
}

#[test]
fn every_active_key_signs_where_the_scheme_carries_a_list() {
    for (name, lists) in [("stripe", true), ("standard-webhooks", true), ("nirah-multisig", true), ("slack", false)] {
        let yaml = grammar().into_iter().find(|(known, _)| known == name).unwrap().1;
        let scheme = scheme(name, &yaml);
        let head = sign(&scheme, &["old", "new"], With::All, b"x");
        assert_eq!(verify(&scheme, &["old"], &head, b"x", NOW).is_ok(), lists, "{name}");
        assert_eq!(refused(verify(&scheme, &["new"], &head, b"x", NOW)), None, "{name}");
        let head = sign(&scheme, &["old", "new"], With::Newest, b"x");
        assert!(verify(&scheme, &["old"], &head, b"x", NOW).is_err(), "{name}");
    }
}

#[test]
fn signing_overwrites_what_the_client_sent() {
    let yaml = grammar().into_iter().find(|(known, _)| known == "timestamp-body").unwrap().1;
    let scheme = scheme("timestamp-body", &yaml);
    let seal = Seal::new(Arc::clone(&scheme), ring(&["k1"]), With::Newest);
    let mut head = head();
    head.fields.append("x-hmac-signature", "forged");
    head.fields.append("x-hmac-signature", "twice");
    head.fields.append("x-hmac-timestamp", "1");
    seal.start(&mut head, SITE, NOW, [0; 16]).unwrap().finish(&mut head, None).unwrap();
    assert_eq!(refused(verify(&scheme, &["k1"], &head, b"", NOW)), None);
    let mut mac = Mac::keyed(Algorithm::Sha256, ring(&["k1"]).at(0).unwrap().secret.expose());
    mac.update(b"1760000000.");
    assert_eq!(head.fields.one("x-hmac-signature"), Ok(Some(&Bytes::from(Encoding::Hex.encode(&mac.finish())))));
}

#[test]
fn signing_says_what_the_scheme_requires_of_a_header() {
    let declared = |optional: &str| {
        let require = format!("require: [{{value: \"{{header:X-Version}}\", equals: v1{optional}}}]");
        scheme(
            "own",
            &format!(
                "algorithm: sha256\nsignature: {{header: X-S, encoding: hex}}\nmessage: \"{{body}}\"\n{require}\n"
            ),
        )
    };
    for (optional, sent, said) in [
        ("", None, Some("v1")),
        ("", Some("v2"), Some("v1")),
        (", if_present: true", None, None),
        (", if_present: true", Some("v2"), Some("v1")),
        (", if_present: true", Some("v1"), Some("v1")),
    ] {
        let scheme = declared(optional);
        let seal = Seal::new(Arc::clone(&scheme), ring(&["k1"]), With::Newest);
        let mut head = head();
        if let Some(sent) = sent {
            head.fields.append("x-version", sent);
        }
        seal.start(&mut head, SITE, NOW, [0; 16]).unwrap().finish(&mut head, None).unwrap();
        assert_eq!(head.fields.one("x-version"), Ok(said.map(Bytes::from).as_ref()), "{optional} {sent:?}");
        assert_eq!(refused(verify(&scheme, &["k1"], &head, b"", NOW)), None, "{optional} {sent:?}");
    }
}

#[test]
fn a_double_signed_request_has_the_same_macs_when_one_signature_is_dropped() {
    let yaml = grammar().into_iter().find(|(known, _)| known == "stripe").unwrap().1;
    let scheme = scheme("stripe", &yaml);
    let both = sign(&scheme, &["a", "b"], With::All, b"x");
    let mut single = both.clone();
    let text = String::from_utf8(both.fields.one("stripe-signature").unwrap().unwrap().to_vec()).unwrap();
    single.fields.set("stripe-signature", text.rsplit_once(',').unwrap().0.to_owned());
    let macs = |head: &Head| verify(&scheme, &["a", "b"], head, b"x", NOW).unwrap().macs().to_vec();
    assert_eq!(macs(&both), macs(&single));
}

#[test]
fn the_six_lines_of_the_manual_load() {
    let manual = include_str!("../docs/schemes.md");
    let block = manual.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let file: BTreeMap<String, BTreeMap<String, Declaration>> = serde_yaml::from_str(block).unwrap();
    assert!(compile("acme", &file["schemes"]["acme"]).is_ok());
    assert!(block.lines().count() <= 6, "{block}");
}

#[test]
fn every_word_of_the_grammar_is_in_the_manual() {
    let manual = include_str!("../docs/schemes.md");
    let algorithms = Primitive::names().map(|(name, _)| name);
    let formats = countersign::sig::stamp::Format::NAMES.iter().map(|(name, _)| *name);
    for word in
        algorithms.chain(formats).chain(["base64url-padded", "any_case", "strip_prefix", "if_present", "any_of"])
    {
        assert!(manual.contains(word), "{word}");
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_is_refused(body in proptest::collection::vec(any::<u8>(), 1..64), place in 0_usize..64, bit in 0_u8..8) {
        let yaml = builtins().iter().find(|(name, _)| *name == "timestamp-body").unwrap().1;
        let scheme = scheme("timestamp-body", yaml);
        let head = sign(&scheme, &["k1"], With::Newest, &body);
        prop_assert!(verify(&scheme, &["k1"], &head, &body, NOW).is_ok());
        let mut changed = body.clone();
        let place = place.checked_rem(changed.len()).unwrap();
        changed[place] ^= 1 << bit;
        prop_assert_eq!(refused(verify(&scheme, &["k1"], &head, &changed, NOW)), Some(Code::SignatureInvalid));
    }

    #[test]
    fn no_header_makes_the_reader_panic(signature in "[ -~]{0,80}", stamp in "[ -~]{0,20}") {
        for (_, yaml) in builtins() {
            let scheme = scheme("any", yaml);
            let mut head = head();
            for name in scheme.facts().known_headers.clone() {
                let value = if name.ends_with(b"timestamp") { stamp.clone() } else { signature.clone() };
                head.fields.append(name, value);
            }
            let verdict = verify(&scheme, &["k1"], &head, b"{}", NOW);
            prop_assert!(verdict.is_err());
        }
    }
}
