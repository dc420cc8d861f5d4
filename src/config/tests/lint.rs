//! What the linter finds, where, how loudly, and how it is told that it need not.

use std::collections::HashSet;

use super::problems::{HEAD, told};
use super::*;
use crate::policy::lint::{Code, Level};

const STAMP: &str = "timestamp: {header: X-Time, format: unix}";

/// A route for `path` with a scheme of these words.
fn scheme(words: &str, path: &str, more: &str) -> String {
    format!(
        "{HEAD}  - {{path: {path}, verify: s, keys: partners, upstream: app{more}}}\nschemes:\n  s: {{algorithm: sha256, signature: {{header: X-Sig, encoding: hex}}, {words}}}\n"
    )
}

/// A route with another keyring.
fn ring(ring: &str, verify: &str) -> String {
    let head = HEAD.replace("keyrings: {", &format!("keyrings: {{other: {ring}, "));
    format!("{head}  - {{path: /, verify: {verify}, keys: other, replay: off, upstream: app}}\n")
}

fn found(loaded: &Loaded, code: Code) -> Option<Level> {
    let has = |list: &[Problem]| list.iter().any(|problem| problem.code == Some(code));
    let warned = has(&loaded.warnings).then_some(Level::Warning);
    warned.or(has(&loaded.notes).then_some(Level::Note))
}

fn furnished() -> Place {
    let place = Place::new();
    let keys = "version: 1\nkeys: [{id: old, created: 2020-01-01, secret: \"0123456789abcdefghijklmnopqrstuv\"}]\n";
    place.write("keys/old.yaml", keys);
    for (name, secret) in [
        ("short", "0123456789abcdef"),
        ("same", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("hex", "000102030405060708090a0b0c0d0e0f"),
        ("long", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        ("white", " 0123456789abcdefghijklmnopqrstuv"),
        ("zero", "0123456789abcdefghijklmnopqrstuv\0"),
    ] {
        place.write(&format!("keys/{name}/one"), secret);
    }
    place.write("keys/tenants/acme/one", "0123456789abcdefghijklmnopqrstuv");
    for number in 0..9 {
        place.write(&format!("keys/many/k{number}"), &format!("{number}123456789abcdef0123456789abcdef"));
    }
    place
}

/// A route whose path chooses the ring.
fn captured(path: &str) -> String {
    let head = HEAD.replace("keyrings: {", "keyrings: {directory: keys, ");
    format!("{head}  - {{path: \"{path}\", verify: stripe, keys: \"tenants/{{shop}}\", upstream: app}}\n")
}

fn coverage() -> Vec<(Code, Option<Level>, String)> {
    let (warning, note) = (Some(Level::Warning), Some(Level::Note));
    let dated = |message: &str| format!("{STAMP}, message: \"{message}\"");
    let loose = "digest: {header: Digest, prefix: \"SHA-256=\", algorithm: sha256, encoding: base64, when: WHEN}, \
                 signed_headers: {header: X-Signed, sign: [date, digest], require: [date]}, message: \"{signed_headers}\"";
    let nonce = |message: &str| format!("{STAMP}, nonce: {{header: X-Nonce}}, message: \"{message}\"");
    vec![
        (Code::TokenCoversNothing, warning, scheme("message: \"{header:X-Name}\"", "/", "")),
        (Code::TokenCoversNothing, None, scheme("message: \"{header:X-Name}{body}\"", "/", "")),
        (Code::BodyNotCovered, warning, scheme(&dated("{timestamp}.{target}"), "/", "")),
        (Code::BodyNotCovered, note, scheme(&dated("{timestamp}.{target}"), "/", ", methods: [GET]")),
        (Code::BodyNotCovered, None, scheme(&dated("{timestamp}.{body|sha256|hex}"), "/", "")),
        (Code::DigestNotCovered, warning, scheme(&loose.replace("WHEN", "present"), "/", "")),
        (Code::DigestNotCovered, None, scheme(&loose.replace("WHEN", "body"), "/", "")),
        (Code::TimestampAbsent, warning, scheme("message: \"{body}\"", "/", "")),
        (Code::TimestampAbsent, note, scheme("message: \"{body}\"", "/", ", replay: {by: signature, keep: 1h}")),
        (Code::TimestampAbsent, None, scheme(&dated("{timestamp}.{body}"), "/", "")),
        (Code::TimestampNotCovered, warning, scheme(&dated("{body}"), "/", "")),
        (Code::TimestampNotCovered, None, scheme(&dated("{timestamp}.{body}"), "/", "")),
        (Code::NonceNotCovered, warning, scheme(&nonce("{timestamp}.{body}"), "/", "")),
        (Code::NonceNotCovered, None, scheme(&nonce("{timestamp}.{nonce}.{body}"), "/", "")),
        (Code::PathNotCovered, warning, scheme(&dated("{timestamp}.{body}"), "\"/**\"", "")),
        (Code::PathNotCovered, warning, scheme(&dated("{timestamp}.{body}"), "[/a, /b]", "")),
        (Code::PathNotCovered, note, scheme(&dated("{timestamp}.{body}"), "\"/**\"", ", replay: {by: signature}")),
        (Code::PathNotCovered, None, scheme(&dated("{timestamp}.{body}"), "/hook", "")),
        (Code::PathNotCovered, None, captured("/of/{shop}")),
        (Code::PathNotCovered, warning, captured("/of/{shop}/{id}")),
        (Code::PathNotCovered, warning, captured("/of/{shop}/**")),
        (Code::QueryNotCovered, warning, scheme(&dated("{timestamp}.{path}.{body}"), "\"/**\"", "")),
        (Code::QueryNotCovered, note, scheme(&dated("{timestamp}.{body}"), "\"/**\"", "")),
        (Code::QueryNotCovered, note, scheme(&dated("{timestamp}.{body}"), "/hook", "")),
        (Code::QueryNotCovered, None, scheme(&dated("{timestamp}.{target}.{body}"), "\"/**\"", "")),
        (Code::MethodNotCovered, warning, scheme(&dated("{timestamp}.{target}.{body}"), "\"/**\"", "")),
        (Code::MethodNotCovered, note, scheme(&dated("{timestamp}.{body}"), "\"/**\"", "")),
        (Code::MethodNotCovered, None, scheme(&dated("{timestamp}.{target}.{body}"), "\"/**\"", ", methods: POST")),
        (
            Code::MethodNotCovered,
            None,
            scheme(&dated("{timestamp}.{target}.{body}"), "\"/**\"", ", methods: [GET, HEAD]"),
        ),
        (Code::MethodNotCovered, None, scheme(&dated("{timestamp}.{method}.{target}.{body}"), "\"/**\"", "")),
    ]
}

/// Which values cannot be told from their neighbours.
fn concatenations() -> Vec<(Code, Option<Level>, String)> {
    let cases = [
        ("{timestamp}{body}", true),
        ("{body}{timestamp}", true),
        ("{timestamp}{nonce}.{body}", true),
        ("{timestamp}.{path}{query}{body|sha256|hex}", true),
        ("{timestamp}.{target}{body}", true),
        ("{timestamp}.{path}{?query}{body}", true),
        ("{timestamp}.{body|sorted_concat}", true),
        ("{timestamp}.{method}{header:X-A}{body|sha256|hex}", true),
        ("{timestamp}{method}{target}{body|sha256|hex}", false),
        ("{timestamp}.{host}{path}{?query}.{body}", false),
        ("{timestamp}\\n{nonce}\\n{body}", false),
        ("{timestamp}{body|sha256|hex}{nonce}", false),
        ("{inner}{body|sha256}", false),
        ("{inner}{body}", true),
    ];
    let text = |message: &str| {
        let words = format!(
            "{STAMP}, nonce: {{header: X-Nonce}}, let: {{inner: \"{{timestamp}}.{{nonce}}\"}}, message: \"{message}\""
        );
        scheme(&words, "/", "")
    };
    let case =
        |(message, found): (&str, bool)| (Code::AmbiguousConcatenation, found.then_some(Level::Warning), text(message));
    cases.into_iter().map(case).collect()
}

fn rules() -> Vec<(Code, Option<Level>, String)> {
    let (warning, note) = (Some(Level::Warning), Some(Level::Note));
    let route = |more: &str| format!("{HEAD}  - {{path: /, {more}, upstream: app}}\n");
    let one = |verify: &str, more: &str| route(&format!("verify: {verify}, keys: partners{more}"));
    let window = |past: &str| one(&format!("{{scheme: stripe, override: {{past: {past}}}}}"), "");
    let both = "[{scheme: github, keys: partners}, {scheme: github-legacy-sha1, keys: partners}]";
    let sigv4 = |options: &str| {
        format!("{}schemes: {{s: {{aws_sigv4: {{region: r, service: s, {options}}}}}}}\n", one("s", ""))
    };
    let link = "signature: {query: sig, encoding: hex}, timestamp: {query: expires, format: unix, expiry: true, future: 24h}, message: \"{path}\\n{query|without(sig)}\"";
    let link = scheme(link, "/", "").replace("signature: {header: X-Sig, encoding: hex}, ", "");
    vec![
        (Code::WeakHash, warning, one("github-legacy-sha1", "")),
        (Code::WeakHash, None, one("github", "")),
        (Code::LegacySwitch, warning, route("verify: {scheme: kong, keys: partners, legacy: [unsigned-digest]}")),
        (Code::LegacySwitch, None, one("kong", "")),
        (Code::WideWindow, warning, window("901s")),
        (Code::WideWindow, None, window("15m")),
        (Code::WideWindow, note, link),
        (Code::WideWindow, note, one("aws-sigv4", "")),
        (Code::WideWindow, None, sigv4("presigned: 15m")),
        (Code::WideWindow, note, sigv4("presigned: 901s")),
        (Code::WideWindow, warning, sigv4("presigned: refuse, past: 901s")),
        (Code::ReplayOff, warning, one("stripe", "")),
        (Code::ReplayOff, note, one("stripe", ", replay: off")),
        (Code::ReplayOff, None, one("stripe", ", replay: {by: signature}")),
        (Code::KeepTooShort, warning, one("stripe", ", replay: {by: signature, keep: 299s}")),
        (Code::KeepTooShort, None, one("stripe", ", replay: {by: signature, keep: 300s}")),
        (Code::AllowedNobody, warning, one("stripe", ", allow: {principals: two}")),
        (Code::AllowedNobody, None, one("stripe", ", allow: {keys: one, principals: one}")),
        (Code::SeveralAlternatives, warning, one(both, ", replay: {by: signature, keep: 1h}")),
        (Code::SeveralAlternatives, None, one("github", ", replay: {by: signature, keep: 1h}")),
        (Code::TooManyMacs, warning, ring("{directory: keys/many}", "github")),
        (Code::TooManyMacs, None, ring("{directory: keys/short}", "github")),
    ]
}

fn keys_and_places() -> Vec<(Code, Option<Level>, String)> {
    let (warning, note) = (Some(Level::Warning), Some(Level::Note));
    let at = |address: &str| one_route().replace("127.0.0.1:8000", address);
    let bound = |listener: &str| one_route().replace("{address: \"127.0.0.1:0\"}", listener);
    let directory = |name: &str| format!("{{directory: keys/{name}}}");
    let hex = "schemes: {h: {algorithm: sha256, key: {encoding: hex}, signature: {header: S, encoding: hex}, message: \"{body}\"}}\n";
    let signing = one_route().replace("verify: stripe, ", "sign: timestamp-body, verify: stripe, ");
    vec![
        (Code::ShortKey, warning, ring(&directory("short"), "github")),
        (Code::ShortKey, warning, ring(&directory("hex"), "h") + hex),
        (Code::ShortKey, None, ring(&directory("long"), "h") + hex),
        (Code::LowEntropyKey, warning, ring(&directory("same"), "github")),
        (Code::LowEntropyKey, None, ring(&directory("long"), "github")),
        (Code::KeyTooOld, warning, ring("{file: keys/old.yaml}", "github")),
        (Code::KeyTooOld, None, ring("{file: keys/old.yaml, max_age: 9000d}", "github")),
        (Code::KeyAging, None, ring("{file: keys/old.yaml, max_age: 9000d}", "github")),
        (Code::KeyAging, None, ring("{file: keys/old.yaml, max_age: 2455d}", "github")),
        (Code::KeyAging, note, ring("{file: keys/old.yaml, max_age: 2456d}", "github")),
        (Code::KeyAging, note, ring("{file: keys/old.yaml, max_age: 2728d}", "github")),
        (Code::KeyAging, None, ring("{file: keys/old.yaml, max_age: 2729d}", "github")),
        (Code::KeyWhiteSpace, warning, ring(&directory("white"), "github")),
        (Code::KeyZeroByte, warning, ring(&directory("zero"), "github")),
        (Code::InlineSecret, warning, ring("{keys: [{id: a, secret: 0123456789abcdefghijklmnopqrstuv}]}", "github")),
        (Code::KeyFileExposed, warning, ring(&directory("long"), "github")),
        (Code::PlainListener, warning, bound("{address: \"0.0.0.0:0\"}")),
        (Code::PlainListener, None, one_route()),
        (Code::ForwardAuthExposed, warning, bound("{address: \"0.0.0.0:0\", forward_auth: {from: envoy, body: true}}")),
        (Code::ForwardAuthExposed, None, bound("{address: \"127.0.0.1:0\", forward_auth: {from: envoy, body: true}}")),
        (Code::PublicUrlMissing, warning, between(", public_url: \"https://a.example\"")),
        (Code::SigningHostsUnused, warning, bound("{address: \"127.0.0.1:0\", signing_hosts: [a]}")),
        (Code::UpstreamExposed, warning, at("203.0.113.1:80")),
        (Code::UpstreamExposed, note, at("app.example.com:80")),
        (Code::UpstreamExposed, None, at("10.0.0.1:80")),
        (Code::UpstreamExposed, None, signing.replace("127.0.0.1:8000", "203.0.113.1:80")),
        (Code::AllowUnused, note, one_route() + "lint: {allow: {weak_hash: not here}}\n"),
        (Code::AllowUnused, None, one_route() + "lint: {allow: {replay_off: it is here}}\n"),
    ]
}

/// Two listeners, the first with these settings, and a scheme that signs the public URL.
fn between(settings: &str) -> String {
    let listeners = format!(":0\"{settings}}}, inside: {{address: \"127.0.0.1:0\"}}}}");
    one_route().replace(":0\"}}", &listeners).replace("stripe", "square")
}

fn one_route() -> String {
    format!("{HEAD}  - {{path: /, verify: stripe, keys: partners, upstream: app}}\n")
}

#[test]
fn every_code_is_found_where_it_is_true_and_only_there() {
    let place = furnished();
    let cases = [coverage(), concatenations(), rules(), keys_and_places()].concat();
    for (code, level, text) in &cases {
        let loaded = good(place.load(text));
        assert_eq!(found(&loaded, *code), *level, "{code:?}\n{text}\n{}", shown(&loaded.warnings));
    }
    let tested: HashSet<Code> = cases.iter().filter(|case| case.1.is_some()).map(|case| case.0).collect();
    // What was renamed is a table of its own in deprecated.rs, since no field was yet.
    assert_eq!(tested.len() + 1, Code::ALL.len(), "every code is shown to be found");
}

#[test]
fn what_is_allowed_is_no_warning_and_keeps_its_reason() {
    let place = Place::new();
    let lint = "lint: {allow: {replay_off: \"the service remembers\"}}";
    for text in [
        format!("{HEAD}  - {{path: /, verify: stripe, keys: partners, upstream: app, {lint}}}\n"),
        format!("{}{lint}\n", one_route()),
        format!("{}defaults: {{{lint}}}\n", one_route()),
    ] {
        let loaded = good(place.load(&text));
        assert_eq!(found(&loaded, Code::ReplayOff), None, "{text}");
        let [allowed] = loaded.allowed.as_slice() else { panic!("{}", shown(&loaded.allowed)) };
        assert!(allowed.to_string().contains("allowed: the service remembers [replay_off]"), "{allowed}");
    }
}

#[test]
fn an_allowance_reaches_no_further_than_what_it_stands_beside() {
    let place = furnished();
    let text =
        ring("{directory: keys/short, lint: {allow: {short_key: \"the vendor's\", key_file_exposed: test}}}", "stripe");
    let loaded = good(place.load(&text));
    assert_eq!((found(&loaded, Code::ShortKey), loaded.allowed.len()), (None, 2), "{}", shown(&loaded.warnings));
    assert_eq!(found(&loaded, Code::KeyFileExposed), Some(Level::Warning), "the other ring's");
    let route = |more: &str| format!("  - {{path: /{more}, verify: stripe, keys: partners, upstream: app");
    let text = format!("{HEAD}{}, lint: {{allow: {{replay_off: here}}}}}}\n{}}}\n", route("a"), route("b"));
    let warnings = shown(&good(place.load(&text)).warnings);
    assert!(warnings.contains("routes[1]: a captured") && !warnings.contains("routes[0]: a captured"), "{warnings}");
}

#[test]
fn an_allowance_names_a_code_and_a_reason() {
    let text = |allow: &str| {
        format!("{HEAD}  - {{path: /, verify: stripe, keys: partners, upstream: app, lint: {{allow: {{{allow}}}}}}}\n")
    };
    told(&text("replay_of: why"), 6, "routes[0].lint.allow.replay_of", "did you mean `replay_off`?");
    told(&text("replay_off: \" \""), 6, "routes[0].lint.allow.replay_off", "a reason is missing");
    told(&text("replay_off: true"), 6, "routes[0].lint.allow.replay_off", "expected text");
}
