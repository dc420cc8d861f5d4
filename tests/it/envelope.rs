//! A JSON envelope in front of a service that knows nothing of it, and behind a client that knows nothing of it either.

use crate::world::{NOW, SECRET, Seen, World, post};

/// The built-in scheme with a stamp inside the payload.
const STAMPED: &str = "stamped: {algorithm: sha256, signature: {json: /signature, encoding: hex}, timestamp: {json: /payload/timestamp, past: 60s, future: 60s}, message: \"{json:/payload|pyjson}\"}";

/// `json.dumps({"b": 1, "a": "é"}, sort_keys=True)`
const CANONICAL: &str = r#"{"a": "\u00e9", "b": 1}"#;

fn world(route: &str) -> World {
    World::with(|config| config.scheme(STAMPED).route(&format!("path: /**, {route}, upstream: app")))
}

fn unwrapping(scheme: &str) -> World {
    world(&format!("verify: {{scheme: {scheme}, keys: partners}}, replay: off, body: {{forward: payload}}"))
}

/// HMAC of `text`, as `mac` makes it for a stamp, a point and a body.
fn mac(text: &str) -> String {
    let (front, rest) = text.split_once('.').unwrap_or((text, ""));
    assert!(text.contains('.'), "the text has a point to be cut at");
    crate::world::mac(SECRET, front, rest.as_bytes())
}

fn body(seen: &Seen) -> &str {
    std::str::from_utf8(&seen.body).unwrap_or_default()
}

#[test]
fn the_upstream_gets_the_signed_bytes_alone_and_their_length() {
    let payload = r#"{"a": 1.5, "b": "\u00e9"}"#;
    let wrapped =
        format!("{{\"signature\":\"{}\",\n\"x\":\"unsigned\",\"payload\":{{\"b\":\"é\",\"a\":1.50}}}}", mac(payload));
    let sent = post("/in", &wrapped).header("Content-Digest", "sha-256=:of the envelope:").header("Digest", "x");
    let world = unwrapping("json-envelope");
    assert_eq!(world.send(sent).status, 200);
    let seen = world.upstream.next();
    assert_eq!(body(&seen), payload);
    assert_eq!(seen.header("content-length"), Some(payload.len().to_string().as_str()));
    assert_eq!((seen.header("content-digest"), seen.header("digest")), (None, None));
}

#[test]
fn an_envelope_is_forwarded_as_it_came_unless_the_route_says_otherwise() {
    let wrapped = format!(" {{\"payload\": 1.50,\"signature\":\"{}\"}} ", mac("1.5"));
    let world = world("verify: {scheme: json-envelope, keys: partners}, replay: off");
    assert_eq!(world.send(post("/in", &wrapped)).status, 200);
    assert_eq!(body(&world.upstream.next()), wrapped);
}

#[test]
fn a_changed_payload_never_arrives() {
    let world = unwrapping("json-envelope");
    let wrapped = format!("{{\"payload\":{{\"a\":1.5}},\"signature\":\"{}\"}}", mac(r#"{"a": 1.5}"#));
    for (from, to, code) in [
        ("1.5", "1.6", "signature_invalid"),
        ("1.5", "1.5,\"a\":1.5", "signature_missing"),
        ("payload", "load", "covered_field_missing"),
        ("{\"pay", "x{\"pay", "signature_missing"),
    ] {
        assert_eq!(world.send(post("/in", wrapped.replace(from, to))).refusal(), (401, code.to_owned()), "{to}");
    }
    assert_eq!(world.send(post("/in", &wrapped)).status, 200);
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn a_plain_body_leaves_in_an_envelope_that_the_other_side_accepts() {
    let signing = world("sign: {scheme: stamped, keys: partners}");
    for at in [0, 5] {
        let sent = post("/out", "{\"b\":1,\"a\":\"é\",\"timestamp\":1}").header("Content-Digest", "x");
        assert_eq!(signing.at(at).send(sent).status, 200);
        let seen = signing.upstream.next();
        let payload = format!(r#"{{"a": "\u00e9", "b": 1, "timestamp": {}}}"#, NOW + at);
        assert!(body(&seen).starts_with(&format!(r#"{{"payload": {payload}, "signature": ""#)), "{}", body(&seen));
        assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
        assert_eq!(seen.header("content-digest"), None);

        let verifying = unwrapping("stamped");
        assert_eq!(verifying.at(at).send(post("/in", &seen.body)).status, 200);
        assert_eq!(body(&verifying.upstream.next()), payload);
        let late = verifying.at(at + 61).send(post("/in", &seen.body)).refusal();
        assert_eq!(late, (401, "timestamp_outside_window".to_owned()));
    }
}

#[test]
fn a_body_that_is_not_json_is_the_callers_mistake() {
    let world = world("sign: {scheme: stamped, keys: partners}");
    for body in ["", "a=b", "[1]", "{\"a\":1,\"a\":1}"] {
        assert_eq!(world.send(post("/out", body)).refusal(), (400, "bad_request".to_owned()), "{body}");
    }
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn an_envelope_is_translated_into_another_signature_over_its_payload() {
    let world = world(
        "verify: {scheme: json-envelope, keys: partners}, replay: off, body: {forward: payload}, sign: {scheme: timestamp-body, keys: partners}",
    );
    let payload = format!("[1.5, {CANONICAL}]");
    let wrapped = format!("{{\"payload\":[1.5,{{\"b\":1,\"a\":\"é\"}}],\"signature\":\"{}\"}}", mac(&payload));
    assert_eq!(world.send(post("/", &wrapped)).status, 200);
    let seen = world.upstream.next();
    assert_eq!(body(&seen), payload);
    let signature = crate::world::mac(SECRET, &NOW.to_string(), payload.as_bytes());
    assert_eq!(seen.header("x-hmac-signature"), Some(signature.as_str()));
}

#[test]
fn an_observed_envelope_that_does_not_hold_is_forwarded_as_it_came() {
    let world =
        world("verify: {scheme: json-envelope, keys: partners}, mode: observe, public: true, body: {forward: payload}");
    let wrapped = r#"{"payload":{},"signature":"00"}"#;
    assert_eq!(world.send(post("/", wrapped)).status, 200);
    let seen = world.upstream.next();
    assert_eq!((body(&seen), seen.header("x-countersign-verdict")), (wrapped, Some("signature_malformed")));
}

#[test]
fn a_long_payload_is_judged_like_a_short_one() {
    let world = unwrapping("json-envelope");
    let payload = format!(r#"{{"a": "{}", "b": 1.5}}"#, "x".repeat(200 << 10));
    let wrapped = format!("{{\"payload\":{payload},\"signature\":\"{}\"}}", mac(&payload));
    let invalid = (401, "signature_invalid".to_owned());
    assert_eq!(world.send(post("/in", wrapped.replacen("xx", "yx", 1))).refusal(), invalid);
    assert_eq!(world.send(post("/in", &wrapped)).status, 200);
    assert!(body(&world.upstream.next()) == payload);
}
