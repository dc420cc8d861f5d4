//! What is no scheme: refused when it is loaded, with its place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign::config::scheme::{Declaration, compile};

/// A scheme that loads, with one line replaced.
fn problems(from: &str, to: &str) -> Vec<(String, Option<u32>, String)> {
    let yaml = "algorithm: sha256\nsignature: {header: S, encoding: hex}\ntimestamp: {header: T, past: 1m}\nmessage: \"{timestamp}.{body}\"\n";
    assert!(yaml.contains(from), "{from}");
    let declaration: Declaration = serde_yaml::from_str(&yaml.replace(from, to)).unwrap();
    let found = compile("test", &declaration).err().unwrap_or_default();
    found.into_iter().map(|problem| (problem.path, problem.at.map(|at| at.0), problem.message)).collect()
}

#[test]
fn what_cannot_work_is_refused_at_load_with_its_place() {
    for (from, to, path, line) in [
        ("sha256", "md5", "algorithm", Some(1)),
        ("algorithm: sha256\n", "", "algorithm", None),
        ("header: S, ", "", "signature", Some(2)),
        ("header: S, ", "header: S, query: s, ", "signature", Some(2)),
        ("encoding: hex", "encoding: hax", "signature.encoding", Some(2)),
        ("encoding: hex", "list: ''", "signature.encoding", None),
        ("encoding: hex", "encoding: hex, list: ''", "signature.list", Some(2)),
        ("encoding: hex", "encoding: base64, any_case: true", "signature.any_case", Some(2)),
        ("header: S", "param: s", "params", None),
        ("past: 1m", "past: soon", "timestamp.past", Some(3)),
        ("past: 1m", "past: 900d", "timestamp.past", Some(3)),
        ("past: 1m", "past: 1m, expiry: true", "timestamp.past", Some(3)),
        ("past: 1m", "format: iso", "timestamp.format", Some(3)),
        ("{timestamp}", "{nonce}", "message", Some(4)),
        ("{timestamp}", "{stamp}", "message", Some(4)),
        ("{timestamp}", "{key}", "message", Some(4)),
        ("{timestamp}", "{name}", "signed_headers", None),
        ("{timestamp}", "{header:S}", "message", Some(4)),
        ("header: S,", "query: s,", "", None),
        ("message: \"{timestamp}.{body}\"\n", "", "message", None),
        ("sha256", "sha256\nmac: hash", "message", None),
        ("sha256", "sha256\ndigest: {header: D}", "digest", Some(2)),
        ("sha256", "sha256\nlet: {body: x}", "let.body", Some(2)),
        ("sha256", "sha256\nrequire: [{value: x}]", "require[0]", Some(2)),
        ("sha256", "sha256\nwhen: ['json:/a']", "when", Some(2)),
        ("sha256", "sha256\nany_of: []\nwhen: [x]", "when", Some(3)),
        ("sha256", "sha256\nkey: {derive: {algorithm: sha256, message: '{body}'}}", "key.derive.message", Some(2)),
    ] {
        let found = problems(from, to);
        let expected = found.iter().any(|(known, at, _)| known == path && (line.is_none() || *at == line));
        assert!(expected || path.is_empty(), "{to}: {found:?}");
        assert_eq!(found.is_empty(), path.is_empty(), "{to}: {found:?}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let found = problems("sha256\nsignature: {header: S, encoding: hex}", "md5\nsignature: {encoding: hax}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_signature_within_what_it_signs_is_refused() {
    for (message, loads) in [
        ("{target}{body}", false),
        ("{target|without(s)}", false),
        ("{path}{?query|without(s)}{body}", true),
        ("{query|sorted}", false),
    ] {
        let yaml = format!("{{algorithm: sha256, signature: {{query: s, encoding: hex}}, message: '{message}'}}");
        let declaration: Declaration = serde_yaml::from_str(&yaml).unwrap();
        assert_eq!(compile("test", &declaration).is_ok(), loads, "{message}");
    }
}

#[test]
fn an_unknown_field_or_a_repeated_one_is_no_declaration() {
    for yaml in [
        "{algorithm: sha256, nonsense: 1}",
        "{algorithm: sha256, algorithm: sha1}",
        "{signature: {header: a, place: b}}",
    ] {
        assert!(serde_yaml::from_str::<Declaration>(yaml).is_err(), "{yaml}");
    }
}
