//! In observe mode verdicts are counted and told, not enforced.

use crate::world::{Signing, World, get, post};

fn observing() -> World {
    World::with(|config| {
        config.route("path: /**, mode: observe, sources: [127.0.0.0/8], verify: {scheme: timestamp-body, keys: partners}, upstream: app")
    })
}

#[test]
fn nothing_is_refused_and_the_upstream_learns_the_verdict() {
    let world = observing();
    for (request, verdict) in [
        (post("/", "{}").signed(), "verified"),
        (post("/", "{}"), "signature_missing"),
        (post("/", "{}").signed().tampered("[]"), "signature_invalid"),
        (post("/", "{}").signed_at(-61), "timestamp_outside_window"),
    ] {
        assert_eq!(world.send(request).status, 200, "{verdict}");
        assert!(
            world.upstream.next().header("x-countersign-verdict").is_some_and(|told| told.contains(verdict)),
            "{verdict}"
        );
    }
}

#[test]
fn an_observed_request_has_no_identity() {
    let world = observing();
    world.send(post("/", "{}").header("X-Countersign-Principal", "root").header("X-Countersign-Verdict", "verified"));
    let seen = world.upstream.next();
    assert_eq!(seen.header("x-countersign-principal"), None);
    assert_ne!(seen.header("x-countersign-verdict"), Some("verified"));
}

#[test]
fn the_verdict_is_in_the_audit_line_and_the_metrics() {
    let mut world = observing();
    world.send(post("/", "{}"));
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    assert!(metrics.lines().any(|line| line.contains("signature_missing") && line.contains("observed")), "{metrics}");
    world.stop();
    assert!(world.audit().iter().any(|line| line["verdict"] == "observed" && line["code"] == "signature_missing"));
}

#[test]
fn limits_are_enforced_all_the_same() {
    let world = World::with(|config| {
        config
            .route("path: /**, mode: observe, sources: [127.0.0.0/8], verify: {scheme: timestamp-body, keys: partners}, upstream: app")
            .public("limits: {target: 100}")
    });
    assert_eq!(world.send(get(&format!("/{}", "x".repeat(200)))).refusal(), (414, "target_too_long".to_owned()));
}

#[test]
fn a_body_that_no_key_can_prove_is_forwarded_whole() {
    let world = World::with(|config| {
        config
            .scheme("named: {algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: '{body}'}")
            .route("path: /**, mode: observe, sources: [127.0.0.0/8], verify: {scheme: named, keys: partners}, upstream: app")
    });
    for id in ["k1", "nobody"] {
        let request = post("/", "the body").header("S", "0".repeat(64)).header("K", id);
        assert_eq!(world.send(request).status, 200, "{id}");
        assert_eq!(world.upstream.next().body, b"the body", "{id}");
    }
}
