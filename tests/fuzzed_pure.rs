//! Every reader of text, fed with spliced and random bytes: it never panics, never refuses without a reason, and reads in one way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::load_with;
use countersign::config::scheme::{Declaration, builtins, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::sig::Site;
use countersign::sig::encoding::Encoding;
use countersign::sig::json::Json;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::mac::{Algorithm, Mac};
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::params::{ParamList, Shape};
use countersign::sig::permit::Permit;
use countersign::sig::secret::Secret;
use countersign::sig::stamp::Format;
use countersign::sig::template::{Names, Source, Template};
use countersign::sig::time::Moment;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const NOW: Moment = Moment::from_secs(1_760_000_000);
/// The last second that every format can say.
const LATEST: Moment = Moment::from_secs(253_402_300_799);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Something that is nearly right: a good text with pieces of others put in.
fn spliced(seeds: Vec<String>, pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    let splices = proptest::collection::vec((any::<Index>(), 0_usize..8, piece), 0..5);
    (select(seeds), splices).prop_map(|(seed, splices)| {
        let mut text = seed.into_bytes();
        for (place, width, piece) in splices {
            let start = place.index(text.len().max(1)).min(text.len());
            let end = start.saturating_add(width).min(text.len());
            text.splice(start..end, piece);
        }
        text
    })
}

fn texts(seeds: &[&str]) -> Vec<String> {
    seeds.iter().map(|seed| (*seed).to_owned()).collect()
}

fn builtin_texts() -> Vec<String> {
    builtins().iter().map(|(_, yaml)| (*yaml).to_owned()).collect()
}

const YAML: &[&str] = &[
    "header",
    "query: q",
    "json: /a",
    "{body}",
    "{header:X?}",
    "|sha256",
    "any_of: [",
    "list: \",\"",
    "\n",
    "  ",
    ": ",
    "[]",
    "{}",
    "- ",
    "jwt: {",
    "oauth1: {",
    "algorithm: HS256",
    "&a",
    "*a",
    "!!binary ",
    "\"",
    "'",
    "#",
    "\u{0}",
    "99999999999999999999",
    "null",
    "~",
];

const JSON: &[&str] =
    &["{", "}", "[", "]", ",", ":", "\"", "\\u", "\\ud800", "\\", "1e999", "-0", "0.", "null", "true", "\u{7f}", "\n"];

fn gate(yaml: &str) -> Gate {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap();
    let scheme = Arc::new(compile("fuzzed", &declaration).unwrap());
    let (sign, verify) = (Window::default(), Window::default());
    let secret = Secret::new(SECRET.to_vec());
    let key = Key { id: "k1".into(), principal: "k1".into(), secret, sign, verify, created: None, observe: false };
    Gate::new(vec![Alternative { scheme, keys: Keys::Ring(Arc::new(Keyring::new("ring", vec![key]).unwrap())) }])
}

fn bearer(gate: &Gate, token: &str) -> Option<Permit> {
    let mut fields = Fields::default();
    fields.append("authorization", format!("Bearer {token}"));
    let (target, authority) = (Bytes::from("/"), Bytes::from("h"));
    let head = Head { method: Method::GET, target, authority, secure: true, fields };
    gate.open(&head, Site::default(), NOW, 8).ok()?.close(None).ok()
}

fn token(header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", Encoding::Base64Url.encode(header), Encoding::Base64Url.encode(payload));
    let mut mac = Mac::keyed(Algorithm::Sha256, SECRET);
    mac.update(signed.as_bytes());
    format!("{signed}.{}", Encoding::Base64Url.encode(&mac.finish()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_template_is_read_or_refused_with_a_reason(
        text in spliced(texts(&["{timestamp}.{body}", "{header:X-A?|lower}\n{?query}", "v0:{body|sha256|hex}{{x}}"]),
            &["{", "}", "{{", "|", "?", ":", "body", "hex", "sha256", "/", "setting:salt", "digest", "\u{0}", "é"]),
    ) {
        let (lets, settings) = (["digest".to_owned()], [("salt".to_owned(), "s".to_owned())]);
        let text = String::from_utf8_lossy(&text);
        match Template::parse(&text, Names { lets: &lets, settings: &settings }) {
            Ok(template) => prop_assert!(template.values().count() <= text.len()),
            Err(why) => prop_assert!(!why.is_empty()),
        }
    }

    #[test]
    fn parameters_that_are_written_are_read_back(
        text in spliced(texts(&["t=1,v1=ab,v1=cd", "keyId=\"a\",signature=\"b,c\"", "value:1:sig", "a,b,c"]),
            &[",", "=", "\"", "\\", " ", "\t", "v1=", "t=", "Signature "]),
    ) {
        let text = Bytes::from(text);
        let pairs = |quoted, trim| Shape::Pairs { quoted, trim, repeat: vec![Bytes::from("v1")] };
        for shape in [pairs(false, false), pairs(true, true), Shape::Split(["value", "ts", "sig"].map(Bytes::from).to_vec())] {
            let (source, separator) = (Source::Header(Vec::new()), Bytes::from(","));
            let list = ParamList { source, auth_scheme: None, separator, shape, fixed: vec![], order: vec![] };
            if let Ok(params) = list.parse(&text) {
                let written = list.write(&params);
                let again = list.parse(&written).ok();
                prop_assert!(again.is_none_or(|again| again == params), "{:?} became {:?}", text, written);
            }
        }
    }

    #[test]
    fn a_moment_has_one_spelling(
        text in spliced(texts(&["1760000000", "2025-10-09T08:53:20.5Z", "Thu, 09 Oct 2025 08:53:20 GMT", "1v6O7k", "aOd4gA"]),
            &["0", "9", "-", "+", ":", "Z", " ", "60", "29", "Feb", "Mon", "."]),
    ) {
        for (name, format) in Format::NAMES {
            // What lies beyond the year 9999 is never printed: we write the present.
            let Some(moment) = format.parse(&text).filter(|moment| *moment <= LATEST) else { continue };
            let printed = format.print(moment);
            prop_assert_eq!(format.parse(printed.as_bytes()), Some(moment), "{}", name);
            let single = matches!(format, Format::UnixMs | Format::HttpDate | Format::Base62 | Format::Be64);
            prop_assert!(!single || printed.as_bytes() == text, "{}: {:?} and {}", name, text, printed);
        }
    }

    #[test]
    fn json_is_read_in_one_way_or_not_at_all(
        text in spliced(texts(&["{\"a\":{\"b\":[1,2.50]},\"c\":\"\\u00e9\"}", "[]", "\"x\"", "{\"a\":1,\"b\":null}"]), JSON),
        pointer in spliced(texts(&["/a/b/0", "/c", ""]), &["/", "~0", "~1", "~", "0", "a"]),
    ) {
        if let Some(json) = Json::parse(&text) {
            let _ = json.scalar(&pointer);
            let padded = [b" \n", text.as_slice(), b"\t\r"].concat();
            prop_assert_eq!(Json::parse(&padded), Some(json));
        }
    }

    #[test]
    fn a_declaration_compiles_or_says_why(text in spliced(builtin_texts(), YAML)) {
        let text = String::from_utf8_lossy(&text);
        if let Ok(declaration) = serde_yaml::from_str::<Declaration>(&text)
            && let Err(problems) = compile("fuzzed", &declaration)
        {
            prop_assert!(!problems.is_empty(), "{}", text);
        }
    }

    /// With a true MAC, so that what lies behind it is reached: only a fresh token passes, and only a plain value becomes a header.
    #[test]
    fn a_signed_token_is_fresh_and_its_headers_are_plain(
        header in spliced(texts(&["{\"alg\":\"HS256\",\"kid\":\"k1\"}"]), JSON),
        payload in spliced(texts(&["{\"exp\":1760000060,\"iat\":1759999990,\"sub\":\"ann\",\"n\":1}"]), JSON),
    ) {
        let gate = gate("jwt: {algorithm: HS256, max_age: 5m, leeway: 1s, claims: {sub: X-User, n: X-N}}");
        if let Some(permit) = bearer(&gate, &token(&header, &payload)) {
            prop_assert!(permit.fresh_until().is_some_and(|until| until > NOW));
            prop_assert!(permit.stamp().is_some_and(|stamp| NOW.since(stamp).as_secs() <= 301));
            let plain = |value: &Bytes| !value.is_empty() && value.iter().all(|byte| matches!(byte, b' '..=b'~'));
            prop_assert!(permit.sets().iter().all(|(_, value)| plain(value)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_configuration_loads_or_says_why(text in spliced(vec![include_str!("../config.example.yaml").to_owned()], YAML)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        std::fs::write(&path, &text).unwrap();
        if let Err(problems) = load_with(&path, &|_| None, NOW) {
            prop_assert!(!problems.is_empty());
        }
    }
}

#[test]
fn the_seed_of_the_tokens_holds() {
    let payload = br#"{"exp":1760000060,"iat":1759999990,"sub":"ann"}"#;
    let gate = gate("jwt: {algorithm: HS256, max_age: 5m, claims: {sub: X-User}}");
    let permit = bearer(&gate, &token(br#"{"alg":"HS256","kid":"k1"}"#, payload)).unwrap();
    assert_eq!(permit.sets()[0].1, "ann");
}
