//! A signature that holds gets through; everything else learns why not.

use crate::world::{NOW, OTHER, SECRET, Signing, World, get, mac, post};

#[test]
fn a_signed_request_gets_through() {
    let world = World::verifying();
    let answer = world.send(post("/orders", "{}").signed());
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
}

#[test]
fn a_signed_request_without_a_body_gets_through() {
    assert_eq!(World::verifying().send(get("/orders").signed()).status, 200);
}

#[test]
fn what_is_not_signed_never_reaches_the_upstream() {
    let world = World::verifying();
    for unsigned in [
        post("/", "{}"),
        post("/", "{}").signed().without("X-HMAC-Signature"),
        post("/", "{}").signed().without("X-HMAC-Timestamp"),
        post("/", "{}").signed().tampered("[]"),
        post("/", "{}").signed_with(OTHER, &NOW.to_string()),
    ] {
        assert_eq!(world.send(unsigned).status, 401);
    }
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn each_fault_has_its_own_code_and_the_sentence_that_clients_know() {
    let world = World::verifying();
    let signed = || post("/", "{}").signed();
    for (faulty, code, detail) in [
        (post("/", "{}"), "signature_missing", "Missing HMAC headers"),
        (signed().without("X-HMAC-Timestamp"), "signature_missing", "Missing HMAC headers"),
        (signed().with("X-HMAC-Timestamp", "soon"), "timestamp_invalid", "Invalid timestamp"),
        (post("/", "{}").signed_at(-61), "timestamp_outside_window", "Request timestamp too old"),
        (post("/", "{}").signed_at(61), "timestamp_outside_window", "Request timestamp too old"),
        (signed().with("X-HMAC-Signature", "zz"), "signature_malformed", "Invalid HMAC signature"),
        (signed().tampered("[]"), "signature_invalid", "Invalid HMAC signature"),
    ] {
        let answer = world.send(faulty);
        assert_eq!(answer.refusal(), (401, code.to_owned()));
        assert_eq!(answer.detail(), detail);
    }
}

#[test]
fn sixty_seconds_pass_and_sixty_one_do_not_in_both_directions() {
    let world = World::verifying();
    for (age, status) in [(60, 200), (61, 401), (-60, 200), (-61, 401)] {
        assert_eq!(world.send(post("/", "{}").signed_at(-age)).status, status, "{age} s old");
    }
}

#[test]
fn a_timestamp_has_one_spelling_even_when_it_is_signed() {
    let world = World::verifying();
    for text in ["+1760000000", "01760000000", "1760000000.0", "1_760_000_000", "0x68e77800", "1760000000000", "-1", ""]
    {
        let answer = world.send(post("/", "{}").signed_with(SECRET, text));
        assert_eq!(answer.status, 401, "{text:?}");
    }
}

#[test]
fn a_repeated_signature_header_is_refused() {
    let world = World::verifying();
    for name in ["X-HMAC-Signature", "X-HMAC-Timestamp"] {
        let twice = post("/", "{}").signed();
        let twice = twice.clone().header(name, twice.value(name));
        assert_eq!(world.send(twice).refusal(), (401, "signature_repeated".to_owned()), "{name}");
    }
}

#[test]
fn a_signature_has_one_spelling() {
    let world = World::verifying();
    let good = mac(SECRET, &NOW.to_string(), b"{}");
    for wrong in [&good[..63], &format!("{good}0"), &good[..32], &format!("0x{good}"), &format!("{good},{good}"), ""] {
        assert_eq!(world.send(post("/", "{}").signed().with("X-HMAC-Signature", wrong)).status, 401, "{wrong}");
    }
}

#[test]
fn any_active_key_verifies() {
    let world = World::verifying();
    world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    for secret in [SECRET, OTHER] {
        assert_eq!(world.send(post("/", "{}").signed_with(secret, &NOW.to_string())).status, 200);
    }
}

#[test]
fn a_key_is_good_only_in_its_time() {
    let world = World::with(|config| {
        let keys = format!(
            "timed: {{keys: [{{id: t, principal: shop, secret: {SECRET}, \
             not_before: 2025-10-09T08:54:00Z, not_after: 2025-10-09T08:55:00Z}}]}}"
        );
        config.keyring(&keys).route("path: /**, verify: {scheme: timestamp-body, keys: timed}, upstream: app")
    });
    // NOW is 08:53:20.
    for (at, status, code) in [(39, 503, "keyring_empty"), (40, 200, ""), (99, 200, ""), (100, 503, "keyring_empty")] {
        let answer = world.at(at).send(post("/", "{}").signed_at(at));
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{at} s");
    }
}

#[test]
fn an_unknown_key_and_a_wrong_signature_are_answered_alike() {
    let world = World::with(|config| {
        config
            .scheme("with-id: {algorithm: sha256, signature: {header: X-Signature, encoding: hex}, key_id: {header: X-Key-Id}, message: \"{body}\"}")
            .route("path: /**, verify: {scheme: with-id, keys: partners}, upstream: app")
    });
    let told = |key: &str| {
        let answer = world.send(post("/", "{}").header("X-Key-Id", key).header("X-Signature", "0".repeat(64)));
        let mut problem = answer.json();
        problem.as_object_mut().unwrap().retain(|name, _| !name.contains("request"));
        (answer.status, problem.to_string(), answer.header("www-authenticate"))
    };
    assert_eq!(told("k1"), told("nobody"));
}

#[test]
fn a_refusal_is_a_problem_with_a_challenge_and_a_request_id() {
    let answer = World::verifying().send(post("/", "{}"));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    assert!(answer.header("www-authenticate").is_some_and(|value| value.contains("timestamp-body")));
    assert!(answer.header("x-request-id").is_some_and(|value| !value.is_empty()));
}

#[test]
fn a_refusal_never_tells_the_expected_signature() {
    let answer = World::verifying().send(post("/", "{}").signed().with("X-HMAC-Signature", "0".repeat(64)));
    let expected = mac(SECRET, &NOW.to_string(), b"{}");
    assert!(!String::from_utf8_lossy(&answer.body).contains(&expected[..8]));
}

#[test]
fn a_route_may_choose_the_status_of_a_code() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, statuses: {signature_invalid: 400}, upstream: app")
    });
    assert_eq!(world.send(post("/", "{}").signed().tampered("[]")).refusal(), (400, "signature_invalid".to_owned()));
}

#[test]
fn header_names_window_and_separator_are_settings_of_a_declared_scheme() {
    let world = World::with(|config| {
        config
            .scheme("mine: {algorithm: sha256, signature: {header: X-Mine, prefix: \"v1=\", encoding: hex}, timestamp: {header: X-Mine-At, format: unix, past: 5m, future: 1m}, message: \"{timestamp}.{body}\"}")
            .route("path: /**, verify: {scheme: mine, keys: partners}, upstream: app")
    });
    for (age, status) in [(300, 200), (301, 401), (-60, 200), (-61, 401)] {
        let stamp = (NOW - age).to_string();
        let signature = format!("v1={}", mac(SECRET, &stamp, b"{}"));
        let answer = world.send(post("/", "{}").header("X-Mine-At", &stamp).header("X-Mine", signature));
        assert_eq!(answer.status, status, "{age} s old");
    }
}

#[test]
fn what_the_signature_covers_must_be_there_exactly_once() {
    let world = World::with(|config| {
        config
            .scheme("covering: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, nonce: {header: X-Nonce}, timestamp: {header: X-At, format: unix, past: 1m, future: 1m}, message: \"{timestamp}.{nonce}.{header:X-Tenant}.{body}\"}")
            .route("path: /**, verify: {scheme: covering, keys: partners}, upstream: app")
    });
    let stamp = NOW.to_string();
    let sent = |nonce: &str, tenants: &[&str]| {
        let signature = mac(SECRET, &stamp, format!("{nonce}.{}.{{}}", tenants.join("")).as_bytes());
        let carrier = post("/", "{}").header("X-At", &stamp).header("X-Nonce", nonce).header("X-Sig", signature);
        world.send(tenants.iter().fold(carrier, |request, tenant| request.header("X-Tenant", tenant))).refusal().1
    };
    assert_eq!(sent("n1", &["acme"]), "");
    assert_eq!(sent("", &["acme"]), "nonce_invalid");
    assert_eq!(sent(&"n".repeat(256), &["acme"]), "");
    assert_eq!(sent(&"n".repeat(257), &["acme"]), "nonce_invalid");
    assert_eq!(sent("n2", &[]), "covered_field_missing");
    assert_eq!(sent("n3", &["acme", "evil"]), "covered_field_missing");
}
