//! Who sent a request is said by the gateway alone.

use crate::world::{Signing, World, post};

#[test]
fn the_upstream_learns_key_and_principal() {
    let world = World::verifying();
    world.send(post("/", "{}").signed());
    let seen = world.upstream.next();
    assert_eq!(seen.header("x-countersign-key"), Some("k1"));
    assert!(seen.header("x-countersign-principal").is_some());
}

#[test]
fn copies_that_the_client_sent_are_removed_in_every_spelling() {
    let world = World::verifying();
    let spoofed = ["X-Countersign-Key", "x-countersign-key", "X-COUNTERSIGN-PRINCIPAL"];
    let request = spoofed.iter().fold(post("/", "{}").signed(), |request, name| request.header(name, "root"));
    assert_eq!(world.send(request).status, 200);
    let seen = world.upstream.next();
    assert_eq!(seen.all("x-countersign-key"), ["k1"]);
    assert!(!seen.head.contains("root"));
}

#[test]
fn look_alikes_with_underscores_do_not_reach_the_upstream() {
    let world = World::verifying();
    for name in ["X_Countersign_Key", "X-Countersign_Key", "X_HMAC_Signature", "content_length", "transfer_encoding"] {
        let answer = world.send(post("/", "{}").signed().header(name, "root"));
        assert_eq!(answer.refusal(), (400, "field_forbidden".to_owned()), "{name}");
    }
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn a_public_route_says_nobody() {
    let world = World::with(|config| config.route("path: /**, public: true, upstream: app"));
    world.send(post("/", "{}").header("X-Countersign-Key", "root"));
    assert_eq!(world.upstream.next().header("x-countersign-key"), None);
}

#[test]
fn names_are_configurable_and_the_signature_can_be_stripped() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, identity: {key: X-Who, strip_signature: true}, upstream: app")
    });
    world.send(post("/", "{}").signed());
    let seen = world.upstream.next();
    assert_eq!(
        (seen.header("x-who"), seen.header("x-hmac-signature"), seen.header("x-hmac-timestamp")),
        (Some("k1"), None, None)
    );
}
