//! Which routes may answer handshakes, and what a handshake may be.

use super::problems::{HEAD, told};
use super::*;

const CALM: &str = "algorithm: sha256, signature: {header: X-Sig, encoding: hex}, message: \"{body}\"";

fn route(fields: &str) -> String {
    format!("{HEAD}  - {{path: /, {fields}, upstream: app}}\n")
}

#[test]
fn a_route_answers_what_its_schemes_ask() {
    for (fields, tokens) in [
        ("verify: slack, keys: partners, challenge: true", Some(false)),
        ("verify: slack, keys: partners, challenge: {enabled: true}", Some(false)),
        ("verify: meta, keys: partners, challenge: {keys: partners}", Some(true)),
        ("verify: [{scheme: dropbox, keys: partners}, {scheme: github, keys: partners}], challenge: true", Some(false)),
        ("verify: dropbox, keys: partners, methods: [GET, POST], challenge: true", Some(false)),
        ("verify: slack, keys: partners, challenge: false", None),
        ("verify: slack, keys: partners", None),
    ] {
        let loaded = good(Place::new().load(&route(fields)));
        let challenge = loaded.policy.routes.all()[0].challenge.as_ref();
        assert_eq!(challenge.map(|challenge| challenge.tokens.is_some()), tokens, "{fields}");
    }
}

#[test]
fn a_route_that_could_not_answer_is_refused() {
    for (fields, path, part) in [
        ("public: true, challenge: true", "challenge", "without `verify`"),
        ("verify: github, keys: partners, challenge: true", "challenge", "are dropbox, meta, slack, zoom"),
        ("verify: meta, keys: partners, challenge: true", "challenge", "proves itself by a token"),
        ("verify: slack, keys: partners, challenge: {keys: partners}", "challenge.keys", "asks with a token"),
        ("verify: slack, keys: partners, body: stream, challenge: true", "challenge", "cannot be streamed"),
        ("verify: dropbox, keys: partners, methods: [POST], challenge: true", "challenge", "add GET to `methods`"),
    ] {
        told(&route(fields), 6, &format!("routes[0].{path}"), part);
    }
}

#[test]
fn a_challenge_that_could_be_misused_is_refused() {
    for (challenge, part) in [
        (
            "{unsigned: GET, value: \"query:crc_token\", answer: \"{mac|base64}\"}",
            "would sign whatever a stranger sends",
        ),
        ("{value: \"query:a\", answer: \"{mac|hex}\"}", "would sign what the signature does not cover"),
        ("{unsigned: PUT, value: \"query:a\"}", "`PUT` is not known here"),
        ("{unsigned: GET, value: \"json:/a\"}", "an unsigned challenge sits in the query"),
        ("{value: \"cookie:a\"}", "in the query, in a header or in the JSON body"),
        ("{value: \"query:a\", answer: \"{body}\"}", "made of `{challenge}` and `{mac}`"),
        ("{value: \"query:a\", answer: \"{challenge\"}", "without `}`"),
        ("{value: \"query:a\", type: text/html}", "`text/html` is not known here"),
        ("{value: \"a\"}", "needs a name"),
    ] {
        let text = format!("{}schemes:\n  s: {{{CALM}, challenge: {challenge}}}\n", route("verify: s, keys: partners"));
        let problems = shown(&bad(Place::new().load(&text)));
        assert!(problems.contains(part), "{challenge}\n{problems}");
    }
    let hash = "mac: hash, algorithm: sha256, signature: {header: X-Sig, encoding: hex}, message: \"{key}{body}\"";
    let text = format!(
        "{}schemes:\n  s: {{{hash}, challenge: {{value: \"query:a\", answer: \"{{mac|hex}}\"}}}}\n",
        route("verify: s, keys: partners")
    );
    assert!(shown(&bad(Place::new().load(&text))).contains("this scheme has none"));
}
