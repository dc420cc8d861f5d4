//! What leaves is signed, whatever came in.

use crate::world::{NOW, OTHER, SECRET, Seen, Signing, World, mac, post};

#[track_caller]
fn assert_signed(seen: &Seen, secret: &str, at: i64) {
    let stamp = (NOW + at).to_string();
    assert_eq!(seen.header("x-hmac-timestamp"), Some(stamp.as_str()));
    assert_eq!(seen.header("x-hmac-signature"), Some(mac(secret, &stamp, &seen.body).as_str()));
}

#[test]
fn a_plain_request_comes_out_signed() {
    let world = World::signing();
    assert_eq!(world.send(post("/in", "{}")).status, 200);
    assert_signed(&world.upstream.next(), SECRET, 0);
}

#[test]
fn every_request_is_stamped_with_its_own_time() {
    let world = World::signing();
    for at in [0, 5] {
        world.at(at).send(post("/in", "{}"));
        assert_signed(&world.upstream.next(), SECRET, at);
    }
}

#[test]
fn a_signature_of_the_client_is_overwritten() {
    let world = World::signing();
    world.send(post("/", "{}").header("X-HMAC-Signature", "f".repeat(64)).header("x-hmac-timestamp", "1"));
    assert_signed(&world.upstream.next(), SECRET, 0);
}

#[test]
fn what_is_signed_is_accepted_again() {
    let world = World::signing();
    world.send(post("/", "{}"));
    let seen = world.upstream.next();
    let stamp = seen.header("x-hmac-timestamp").unwrap();
    let signature = seen.header("x-hmac-signature").unwrap();
    let again = post("/", "{}").header("X-HMAC-Timestamp", stamp).header("X-HMAC-Signature", signature);
    assert_eq!(World::verifying().send(again).status, 200);
}

#[test]
fn verify_and_sign_on_one_route_translate() {
    let world = World::with(|config| {
        config
            .keyring(&format!("internal: {{keys: [{{id: i1, principal: gw, secret: {OTHER}}}]}}"))
            .scheme("inner: {algorithm: sha512, signature: {header: X-Inner, encoding: hex}, timestamp: {header: X-Inner-At, format: unix, past: 1m, future: 1m}, message: \"{timestamp}:{body}\"}")
            .route("path: /**, verify: {scheme: timestamp-body, keys: partners}, request: {remove: [X-HMAC-Signature, X-HMAC-Timestamp]}, sign: {scheme: inner, keys: internal}, upstream: app")
    });
    assert_eq!(world.send(post("/", "{}").signed()).status, 200);
    let seen = world.upstream.next();
    assert_eq!((seen.header("x-hmac-signature"), seen.header("x-inner-at")), (None, Some(NOW.to_string().as_str())));
    assert_eq!(seen.header("x-inner").map(str::len), Some(128));
}

#[test]
fn with_several_signing_keys_all_sign_where_the_scheme_carries_a_list() {
    let world = World::with(|config| {
        config
            .scheme("list: {algorithm: sha256, signature: {header: X-Sig, list: \",\", encoding: hex}, message: \"{body}\"}")
            .route("path: /**, sign: {scheme: list, keys: partners, with: all}, upstream: app")
    });
    world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    world.send(post("/", "{}"));
    assert_eq!(world.upstream.next().header("x-sig").map(|value| value.split(',').count()), Some(2));
}

#[test]
fn without_an_active_key_nothing_is_signed_or_sent() {
    let world = World::with(|config| {
        let keys =
            format!("late: {{keys: [{{id: l, principal: gw, secret: {SECRET}, not_before: 2030-01-01T00:00:00Z}}]}}");
        config.keyring(&keys).route("path: /**, sign: {scheme: timestamp-body, keys: late}, upstream: app")
    });
    assert_eq!(world.send(post("/", "{}")).refusal(), (503, "signing_failed".to_owned()));
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn the_outgoing_target_is_rewritten_after_verifying() {
    let world = World::with(|config| {
        config.route(
            "path: \"/api/**\", rewrite: \"/v2/**\", verify: {scheme: timestamp-body, keys: partners}, upstream: app",
        )
    });
    world.send(post("/api/orders/%7E?x=%20", "{}").signed());
    assert_eq!(world.upstream.next().line(), "POST /v2/orders/%7E?x=%20");
}
