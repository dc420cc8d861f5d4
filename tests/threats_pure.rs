//! Threats of docs/threat-model.md, each by its name: what other verifiers have let pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign::config::scheme::builtin;
use countersign::policy::seal::{Seal, With};
use countersign::reject::Code;
use countersign::sig::message::{Head, Method};
use countersign::sig::scheme::Scheme;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

mod pure;

const NOW: Moment = Moment::from_secs(1_760_000_000);
/// Text, hex and base64 at once, so that it fits every scheme.
const KEYS: [(&str, &str); 1] = [("k1", "0123456789abcdef0123456789abcdef0123456789abcdef")];
const BODY: &[u8] = b"{\"order\":1}";
const GITHUB: &str = "x-hub-signature-256";

fn built_in(name: &str) -> Arc<Scheme> {
    pure::load(name, builtin(name).unwrap()).ok().unwrap()
}

/// A request as the scheme signs it.
fn signed(scheme: &Arc<Scheme>, target: &str, body: &[u8]) -> Head {
    let mut head = pure::head("POST", ("api.example.com", target), &[]);
    let seal = Seal::new(Arc::clone(scheme), pure::ring(&KEYS), With::Newest);
    let mut signing = seal.start(&mut head, Site::default(), NOW, [7; 16]).unwrap();
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        signing.feed(body);
    }
    signing.finish(&mut head, whole).unwrap();
    head
}

/// Why the request is refused; `None`: it passes.
fn refusal(scheme: &Arc<Scheme>, head: &Head, body: &[u8]) -> Option<Code> {
    let gate = pure::gate(scheme, pure::ring(&KEYS));
    pure::judge(&gate, head, body, (Site::default(), NOW)).err().map(|rejection| rejection.code())
}

#[test]
fn a_list_without_any_signature_in_it_is_refused() {
    for (name, header, empty) in [
        ("standard-webhooks", "webhook-signature", &["", ",", "v1", "v1,", "v1, v1,", "v1,=", "v2,AAAA"][..]),
        ("stripe", "stripe-signature", &["", ",", "t=1760000000", "t=1760000000,v1=", "t=1760000000,v1=,v1=", "v1="]),
        ("slack", "x-slack-signature", &["", "v0", "v0="]),
        ("github", GITHUB, &["", "=", "sha256", "sha256="]),
    ] {
        let scheme = built_in(name);
        let right = signed(&scheme, "/", BODY);
        assert_eq!(refusal(&scheme, &right, BODY), None, "{name}");
        for value in empty {
            let mut head = right.clone();
            assert!(head.fields.contains(header), "{name}");
            head.fields.set(header, *value);
            assert!(refusal(&scheme, &head, BODY).is_some(), "{name}: {value:?}");
        }
    }
}

#[test]
fn a_mac_with_one_wrong_byte_is_refused_alike_wherever_it_is_wrong() {
    let scheme = built_in("github");
    let right = signed(&scheme, "/", BODY);
    let value = right.fields.one(GITHUB).unwrap().unwrap().to_vec();
    assert_eq!(value.len(), "sha256=".len() + 64);
    for place in "sha256=".len()..value.len() {
        let (mut head, mut wrong) = (right.clone(), value.clone());
        wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
        head.fields.set(GITHUB, wrong);
        assert_eq!(refusal(&scheme, &head, BODY), Some(Code::SignatureInvalid), "{place}");
    }
}

#[test]
fn what_stands_behind_a_nul_in_a_mac_is_compared_as_well() {
    let scheme = built_in("github");
    let with_nul = (0..100_000).map(|number| format!("{{\"order\":{number}}}").into_bytes()).find_map(|body| {
        let head = signed(&scheme, "/", &body);
        head.fields.one(GITHUB).unwrap().unwrap().starts_with(b"sha256=00").then_some((head, body))
    });
    let (right, body) = with_nul.unwrap();
    assert_eq!(refusal(&scheme, &right, &body), None);
    let nothing_behind = format!("sha256=00{}", "0".repeat(62));
    let other =
        right.fields.one(GITHUB).unwrap().unwrap().iter().rev().map(|byte| char::from(*byte)).collect::<String>();
    let backwards = format!("sha256=00{}", &other[..62]);
    for wrong in [nothing_behind, backwards, "sha256=00".to_owned()] {
        let mut head = right.clone();
        head.fields.set(GITHUB, wrong.clone());
        assert!(refusal(&scheme, &head, &body).is_some(), "{wrong}");
    }
}

#[test]
fn another_method_path_or_query_is_refused_where_they_are_signed() {
    for message in ["{method} {target} {body}", "{method}\\n{path}\\n{query}\\n{body}", "{method} {url} {body}"] {
        let yaml = format!("algorithm: sha256\nsignature: {{header: S, encoding: hex}}\nmessage: \"{message}\"\n");
        let scheme = pure::load("own", &yaml).ok().unwrap();
        let site = Site { public_url: Some("https://api.example.com"), captures: &[] };
        let gate = pure::gate(&scheme, pure::ring(&KEYS));
        let passes = |head: &Head| pure::judge(&gate, head, BODY, (site, NOW)).is_ok();
        let mut right = pure::head("POST", ("api.example.com", "/a/b?c=d&e=f"), &[]);
        let seal = Seal::new(Arc::clone(&scheme), pure::ring(&KEYS), With::Newest);
        let mut signing = seal.start(&mut right, site, NOW, [7; 16]).unwrap();
        signing.feed(BODY);
        signing.finish(&mut right, None).unwrap();
        assert!(passes(&right), "{message}");
        for method in ["PUT", "GET", "post", "POST "] {
            assert!(!passes(&Head { method: Method::new(method), ..right.clone() }), "{message}: {method}");
        }
        for target in [
            "/a/c?c=d&e=f",
            "/a/B?c=d&e=f",
            "/a/b/?c=d&e=f",
            "//a/b?c=d&e=f",
            "/%61/b?c=d&e=f",
            "/a/b?c=x&e=f",
            "/a/b?e=f&c=d",
            "/a/b?c=d",
            "/a/b?c=d&e=f&g=h",
            "/a/b?c=d&e=f&",
            "/a/b?c=%64&e=f",
            "/a/b?",
            "/a/b",
        ] {
            assert!(!passes(&Head { target: target.into(), ..right.clone() }), "{message}: {target}");
        }
    }
}
