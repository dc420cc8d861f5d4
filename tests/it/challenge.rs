//! Vendors that ask whether an endpoint is meant get their answer from the gateway; nobody else gets anything out of it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::world::{NOW, OTHER, Request, Response, SECRET, World, get, post};

const TOKEN: &str = "a-verify-token-that-we-told-the-vendor";

fn hex(secret: &str, pieces: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for piece in pieces {
        mac.update(piece);
    }
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// As Slack and Zoom sign, each under its own header names.
fn signed_with(secret: &str, names: [&str; 2], body: &str) -> Request {
    let stamp = NOW.to_string();
    let signature = hex(secret, &[b"v0:", stamp.as_bytes(), b":", body.as_bytes()]);
    post("/hook", body).header(names[0], format!("v0={signature}")).header(names[1], &stamp)
}

const SLACK: [&str; 2] = ["X-Slack-Signature", "X-Slack-Request-Timestamp"];
const ZOOM: [&str; 2] = ["x-zm-signature", "x-zm-request-timestamp"];

fn world(scheme: &str, more: &str) -> World {
    World::with(|config| {
        config
            .keyring(&format!("tokens: {{keys: [{{id: t, secret: {TOKEN}}}]}}"))
            .route(&format!("path: /hook, verify: {{scheme: {scheme}, keys: partners}}, upstream: app{more}"))
    })
}

/// It was answered with this text, as nothing but what it says it is, and the upstream knows nothing.
#[track_caller]
fn heard(world: &World, answer: &Response, kind: &str, text: &str) {
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, text));
    let fields = ["content-type", "x-content-type-options", "cache-control"].map(|name| answer.header(name));
    assert_eq!(fields.each_ref().map(Option::as_deref), [Some(kind), Some("nosniff"), Some("no-store")]);
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn zoom_hears_its_token_and_the_mac_of_it() {
    let world = world("zoom", ", challenge: true");
    let body = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}"#;
    let mac = hex(SECRET, &[b"qgg8vlvZRS6UYooatFL8Aw"]);
    let expected = format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{mac}"}}"#);
    for _ in 0..2 {
        heard(&world, &world.send(signed_with(SECRET, ZOOM, body)), "application/json", &expected);
    }
    let refused = world.send(signed_with(OTHER, ZOOM, body));
    assert_eq!(refused.refusal(), (401, "signature_invalid".to_owned()));
    assert!(!String::from_utf8_lossy(&refused.body).contains("qgg8"), "nothing is signed for strangers");
}

#[test]
fn slack_hears_its_challenge_only_when_it_signed_it() {
    let world = world("slack", ", challenge: true");
    let body =
        r#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let text = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    heard(&world, &world.send(signed_with(SECRET, SLACK, body)), "text/plain", text);
    assert_eq!(world.send(signed_with(OTHER, SLACK, body)).refusal(), (401, "signature_invalid".to_owned()));
    assert_eq!(world.send(post("/hook", body)).refusal(), (401, "signature_missing".to_owned()));
}

#[test]
fn events_are_forwarded_beside_challenges() {
    let world = world("slack", ", challenge: true");
    for body in [
        r#"{"type":"event_callback","challenge":"abc"}"#,
        r#"{"type":"url_verification"}"#,
        r#"{"type":"url_verification","type":"url_verification","challenge":"abc"}"#,
        "type=url_verification&challenge=abc",
        "",
    ] {
        let answer = world.send(signed_with(SECRET, SLACK, body));
        assert_eq!((answer.status, answer.body), (200, body.as_bytes().to_vec()), "echoed by the upstream");
    }
    let long = format!(r#"{{"type":"url_verification","challenge":"abc","pad":"{}"}}"#, "x".repeat(5000));
    assert_eq!(world.send(signed_with(SECRET, SLACK, &long)).body.len(), long.len());
    assert_eq!(world.upstream.count(), 6);
}

#[test]
fn without_the_setting_a_challenge_is_an_event() {
    let world = world("slack", "");
    let body = r#"{"challenge":"abc","type":"url_verification"}"#;
    assert_eq!(world.send(signed_with(SECRET, SLACK, body)).body, body.as_bytes());
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn meta_hears_its_challenge_only_with_the_token() {
    let world = world("meta", ", challenge: {keys: tokens}");
    let ask = |token: &str, challenge: &str| {
        world.send(get(&format!("/hook?hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}")))
    };
    heard(&world, &ask(TOKEN, "1158201444"), "text/plain", "1158201444");
    for wrong in ["", "a", SECRET, &TOKEN[1..], &format!("{TOKEN}x"), &format!("{TOKEN}&hub.verify_token={TOKEN}")] {
        let answer = ask(wrong, "1158201444");
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("1158201444"));
    }
    let nothing = world.send(get(&format!("/hook?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={TOKEN}")));
    assert_eq!(nothing.refusal(), (401, "signature_missing".to_owned()));
    let posted = post(&format!("/hook?hub.mode=subscribe&hub.challenge=1&hub.verify_token={TOKEN}"), "");
    assert_eq!(world.send(posted).refusal(), (401, "signature_missing".to_owned()));
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn dropbox_hears_a_short_plain_challenge_and_nothing_else_comes_back() {
    let world = world("dropbox", ", challenge: true");
    let ask = |challenge: &str| world.send(get(&format!("/hook?challenge={challenge}")));
    heard(&world, &ask("Vq3-_abc123"), "text/plain", "Vq3-_abc123");
    heard(&world, &ask(&"a".repeat(256)), "text/plain", &"a".repeat(256));
    for hostile in ["%3Cscript%3E", "a%0d%0aX-Evil:1", "%00", "%C3%A9", "a%20b", &"a".repeat(257), ""] {
        let answer = ask(hostile);
        assert_eq!(answer.refusal(), (400, "bad_request".to_owned()), "{hostile}");
        assert!(!answer.body.windows(6).any(|window| window == b"script"));
    }
    for other in ["/hook", "/hook?challenge=a&challenge=b"] {
        assert_eq!(world.send(get(other)).refusal(), (401, "signature_missing".to_owned()), "{other}");
    }
    let signed = get("/hook?challenge=abc").header("X-Dropbox-Signature", "0".repeat(64));
    assert_eq!(world.send(signed).refusal(), (401, "signature_invalid".to_owned()), "who signs is judged by it");
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn callers_that_the_route_keeps_out_hear_nothing() {
    let world = world("dropbox", ", challenge: true, sources: [203.0.113.0/24]");
    assert_eq!(world.send(get("/hook?challenge=abc")).refusal(), (403, "source_refused".to_owned()));
}

#[test]
fn a_declared_scheme_has_a_challenge_of_its_own() {
    let world = World::with(|config| {
        config
            .scheme("mine: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, message: \"{header:X-Token}.{body}\", challenge: {when: {\"header:X-Ping\": \"1\"}, value: \"header:X-Token\", answer: \"{challenge}.{mac|hex}\"}}")
            .route("path: /hook, verify: {scheme: mine, keys: partners}, challenge: true, upstream: app")
    });
    let ping = post("/hook", "").header("X-Ping", "1").header("X-Token", "abc");
    let answer = world.send(ping.header("X-Sig", hex(SECRET, &[b"abc."])));
    heard(&world, &answer, "text/plain", &format!("abc.{}", hex(SECRET, &[b"abc"])));
}

#[test]
fn a_challenge_is_told_like_every_request() {
    let mut world = world("slack", ", challenge: true");
    let body = r#"{"challenge":"abc","type":"url_verification"}"#;
    world.send(signed_with(SECRET, SLACK, body));
    world.stop();
    let told = world.audit();
    assert_eq!((told.len(), &told[0]["verdict"], &told[0]["key"]), (1, &"verified".into(), &"k1".into()), "{told:?}");
}

#[test]
fn a_key_that_may_not_use_the_route_hears_nothing() {
    let world = world("slack", ", challenge: true, allow: {keys: [k2]}");
    let answer = world.send(signed_with(
        SECRET,
        SLACK,
        r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY"}"#,
    ));
    assert_eq!(answer.refusal(), (403, "key_refused".to_owned()));
    assert!(!String::from_utf8_lossy(&answer.body).contains("3eZbrw"));
}
