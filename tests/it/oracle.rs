//! A route that signs without verifying must not sign for web pages or strangers.

use crate::world::{World, post};

#[test]
fn a_web_page_cannot_have_its_requests_signed() {
    let world = World::signing();
    for request in [
        post("/", "{}").header("Origin", "https://evil.example"),
        post("/", "{}").header("Origin", "null"),
        post("/", "{}").header("Sec-Fetch-Site", "cross-site"),
        post("/", "{}").with("Host", "evil.example"),
        post("/", "{}").with("Host", "127.0.0.1.evil.example"),
    ] {
        assert_eq!(world.send(request).refusal(), (403, "origin_refused".to_owned()));
    }
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn loopback_names_are_signed_for() {
    let world = World::signing();
    for host in ["localhost", "localhost:8080", "127.0.0.1", "[::1]:80"] {
        assert_eq!(world.send(post("/", "{}").with("Host", host)).status, 200, "{host}");
    }
}

#[test]
fn other_addresses_may_not_use_a_restricted_route() {
    let world = World::with(|config| {
        config
            .route("path: /**, sources: [192.0.2.0/24], sign: {scheme: timestamp-body, keys: partners}, upstream: app")
    });
    assert_eq!(world.send(post("/", "{}")).refusal(), (403, "source_refused".to_owned()));
}
