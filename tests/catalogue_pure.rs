//! The built-in schemes in both directions, and the doors that they keep shut.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, Overrides, SchemeProblem, builtin, builtins, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::policy::seal::{Seal, With};
use countersign::reject::Code;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

const NOW: Moment = Moment::from_secs(1_760_000_000);
const SITE: Site<'static> = Site { public_url: Some("https://hooks.example.com"), captures: &[] };

fn load(name: &str, yaml: &str, overrides: Overrides) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
    compile(name, &declaration.with(overrides)).map(Arc::new)
}

fn built_in(name: &str, legacy: &[&str]) -> Arc<Scheme> {
    let legacy = legacy.iter().map(|door| (*door).to_owned()).collect();
    load(name, builtin(name).unwrap(), Overrides { legacy, ..Overrides::default() }).unwrap()
}

/// Text, hex and base64 at once, so that it fits every scheme.
fn ring(secret: &str) -> Arc<Keyring> {
    let id: Arc<str> = "k1".into();
    let (secret, sign, verify) = (Secret::new(secret.as_bytes().to_vec()), Window::default(), Window::default());
    let key = Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false };
    Arc::new(Keyring::new("ring", vec![key]).unwrap())
}

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba98765432100123456789abcdef0123456789abcdef";

fn request() -> Head {
    let mut fields = Fields::default();
    fields.append("x-bapi-recv-window", "5000");
    let (target, authority) = (Bytes::from("/v1/things"), Bytes::from("api.example.com"));
    Head { method: Method::POST, target, authority, secure: true, fields }
}

fn sign(scheme: &Arc<Scheme>, body: &[u8]) -> Head {
    signed(scheme, request(), body)
}

fn signed(scheme: &Arc<Scheme>, mut head: Head, body: &[u8]) -> Head {
    let seal = Seal::new(Arc::clone(scheme), ring(SECRET), With::Newest);
    let mut signing = seal.start(&mut head, SITE, NOW, [7; 16]).unwrap();
    let whole = (signing.need() == Need::Whole).then_some(body);
    if whole.is_none() {
        signing.feed(body);
    }
    signing.finish(&mut head, whole).unwrap();
    head
}

fn judge(scheme: &Arc<Scheme>, secret: &str, head: &Head, body: &[u8], now: Moment) -> Option<Code> {
    let gate = Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring(secret)) }]);
    let verdict = gate.open(head, SITE, now, 8).and_then(|mut check| {
        let whole = (check.need() == Need::Whole).then_some(body);
        if whole.is_none() {
            check.feed(body);
        }
        check.close(whole)
    });
    verdict.err().map(|rejection| rejection.code())
}

#[test]
fn what_the_catalogue_says_that_it_signs_it_accepts_and_nothing_else() {
    let body = b"{\"a\": 1}";
    let mut signs = 0;
    for (name, _) in builtins() {
        let scheme = built_in(name, &[]);
        // An envelope is another body: tests/envelope_pure has those.
        if scheme.facts().can_sign.is_err() || scheme.wraps_body() {
            continue;
        }
        signs += 1;
        let head = sign(&scheme, body);
        assert_eq!(judge(&scheme, SECRET, &head, body, NOW), None, "{name}: {head:?}");
        assert_eq!(judge(&scheme, OTHER, &head, body, NOW), Some(Code::SignatureInvalid), "{name}");
        let changed = judge(&scheme, SECRET, &head, b"{\"a\": 2}", NOW).is_some();
        assert_eq!(changed, scheme.facts().covers.body, "{name}");
        if let Some((past, _)) = scheme.facts().window {
            let late = NOW.plus(past).plus(std::time::Duration::from_secs(1));
            assert_eq!(judge(&scheme, SECRET, &head, body, late), Some(Code::TimestampOutsideWindow), "{name}");
        }
        let mut moved = head.clone();
        moved.target = Bytes::from([b"/v2", head.target.as_ref()].concat());
        let covers = scheme.facts().covers;
        assert_eq!(judge(&scheme, SECRET, &moved, body, NOW).is_some(), covers.path, "{name}");
        let put = Head { method: Method::new("PUT"), ..head };
        assert_eq!(judge(&scheme, SECRET, &put, body, NOW).is_some(), covers.method, "{name}");
    }
    assert!(signs > 35, "{signs}");
}

#[test]
fn a_door_that_is_open_shows_in_what_the_scheme_covers() {
    for name in ["kong", "apisix", "tyk", "cavage"] {
        let shut = built_in(name, &[]).facts().covers;
        assert!(shut.timestamp && shut.body && shut.method && shut.path, "{name}");
        let open = |door| built_in(name, &[door]).facts().covers;
        assert!(!open("unsigned-date").timestamp && open("unsigned-date").body, "{name}");
        assert!(!open("unsigned-target").path && !open("unsigned-target").method, "{name}");
        assert!(!open("unsigned-digest").body && open("unsigned-digest").timestamp, "{name}");
    }
}

#[test]
fn doors_open_together_and_each_is_told() {
    let scheme = built_in("tyk", &["any-algorithm", "unsigned-date"]);
    assert_eq!(scheme.alternatives().len(), 8, "four algorithms, with and without X-Aux-Date");
    for member in scheme.alternatives() {
        assert_eq!(member.legacy().iter().map(|door| &**door).collect::<Vec<_>>(), ["any-algorithm", "unsigned-date"]);
    }
    assert!(built_in("tyk", &[]).legacy().is_empty());
}

const ACME: &str = r#"
algorithm: sha256
params: {header: Authorization, scheme: Acme, quoted: true, fixed: {alg: "{algorithm}"}}
signature: {param: sig, encoding: hex}
timestamp: {header: X-Date/Date, format: http-date}
signed_headers: {param: signed, require: [x-date/date]}
message: "{signed_headers}"
"#;

#[test]
fn a_door_that_leads_nowhere_is_said_at_load() {
    let load = |legacy: &str, open: &[&str]| {
        let legacy = format!("{ACME}legacy: {{{legacy}}}\n");
        let open = open.iter().map(|door| (*door).to_owned()).collect();
        load("acme", &legacy, Overrides { legacy: open, ..Overrides::default() })
    };
    for (legacy, open, path, part) in [
        ("undated: {unsigned: [date]}", &[][..], "legacy.undated", "no entry of `signed_headers.require`"),
        ("undated: {digest: present}", &[], "legacy.undated", "has no `digest`"),
        ("weak: {algorithms: [md5]}", &[], "legacy.weak.algorithm", "`md5` is not known here"),
        ("weak: {require: [{value: \"{nope}\", equals: x}]}", &[], "legacy.weak.require[0].value", "is not a value"),
        ("undated: {unsigned: [x-date/date]}", &["unsigned"], "legacy", "no legacy switch `unsigned`"),
    ] {
        let problems = load(legacy, open).unwrap_err();
        let told = problems.iter().any(|problem| problem.path == path && problem.message.contains(part));
        assert!(told, "{legacy}: {problems:?}");
    }
    assert!(load("undated: {unsigned: [x-date/date]}", &["undated"]).is_ok());
    let message = load("undated: {unsigned: [x-date/date]}", &["x"]).unwrap_err().remove(0).fix;
    assert_eq!(message.as_deref(), Some("one of undated"));
}

#[test]
fn a_route_may_pin_another_algorithm() {
    let with = |algorithm: &str| Overrides { algorithm: Some(algorithm.to_owned()), ..Overrides::default() };
    let signed = sign(&load("stripe", builtin("stripe").unwrap(), with("sha512")).unwrap(), b"x");
    let text = signed.fields.one("stripe-signature").unwrap().unwrap().to_vec();
    assert_eq!(text.len(), "t=1760000000,v1=".len() + 128);
    let wrong = load("stripe", builtin("stripe").unwrap(), with("md5")).unwrap_err();
    assert!(wrong.iter().any(|problem| problem.path == "algorithm"), "{wrong:?}");
}

#[test]
fn a_refusal_asks_for_what_the_scheme_is() {
    for (name, _) in builtins() {
        let asked = match *name {
            "discord" | "telnyx" | "sendgrid" | "standard-webhooks-v1a" => "Signature",
            "gitlab" => "Token",
            "jwt" => "Bearer",
            "oauth1" => "OAuth",
            _ => "HMAC",
        };
        let gate = Gate::new(vec![Alternative { scheme: built_in(name, &[]), keys: Keys::Ring(ring(SECRET)) }]);
        let challenge = String::from_utf8_lossy(gate.challenge()).into_owned();
        assert!(challenge.starts_with(&format!("{asked} scheme=\"{name}\"")), "{challenge}");
    }
    let bearer = "algorithm: token\nsignature: {header: Authorization, prefix: \"Bearer \"}\n";
    let declaration: Declaration = serde_yaml::from_str(bearer).unwrap();
    assert_eq!(compile("t", &declaration).unwrap().asked_as(), "Bearer");
}

#[test]
fn of_twilios_two_forms_the_one_for_the_body_is_signed() {
    let scheme = built_in("twilio", &[]);
    for (kind, form) in [
        (Some("application/x-www-form-urlencoded; charset=UTF-8"), true),
        (Some("application/json"), false),
        (None, false),
    ] {
        let mut head = Head { target: Bytes::from("/in?bodySHA256=00"), ..request() };
        if let Some(kind) = kind {
            head.fields.append("content-type", kind);
        }
        let body = b"b=2&a=1";
        let head = signed(&scheme, head, body);
        assert_eq!(head.query().is_none_or(<[u8]>::is_empty), form, "{kind:?} {head:?}");
        assert_eq!(judge(&scheme, SECRET, &head, body, NOW), None, "{kind:?}");
    }
}
