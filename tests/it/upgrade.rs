//! A websocket tunnel opens only where a route allows it, after the signature held and the upstream agreed.

use crate::world::{Request, Signing, World, get, request};

fn knocking() -> Request {
    let upgrade = get("/ws").signed().header("Connection", "Upgrade").header("Upgrade", "websocket");
    upgrade.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").header("Sec-WebSocket-Version", "13")
}

fn allowing() -> World {
    World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upgrade: [websocket], upstream: app")
    })
}

#[test]
fn an_allowed_upgrade_becomes_a_tunnel() {
    let world = allowing();
    world.upstream.tunnels();
    let mut connection = world.connect();
    assert_eq!(connection.exchange(&knocking()).status, 101);
    connection.write(b"\x81\x02hi");
    assert_eq!(connection.take(4), b"\x81\x02hi");
}

#[test]
fn an_upgrade_is_refused_where_no_route_allows_it() {
    let world = World::verifying();
    world.upstream.tunnels();
    assert_eq!(world.send(knocking()).refusal(), (400, "upgrade_refused".to_owned()));
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn an_unsigned_upgrade_never_reaches_the_upstream() {
    let world = allowing();
    world.upstream.tunnels();
    assert_eq!(world.send(knocking().without("X-HMAC-Signature")).status, 401);
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn an_upstream_that_declines_is_believed() {
    let world = allowing();
    assert_eq!(world.send(knocking()).status, 200);
}

#[test]
fn a_tunnel_ends_with_the_key_that_opened_it() {
    let world = allowing();
    world.upstream.tunnels();
    let mut connection = world.connect();
    assert_eq!(connection.exchange(&knocking()).status, 101);
    connection.write(b"\x81\x02hi");
    assert_eq!(connection.take(4), b"\x81\x02hi");
    world.keys.swap(&[("k2", crate::world::OTHER)]);
    assert!(world.reload());
    assert!(connection.is_closed());
}

#[test]
fn a_tunnel_counts_among_the_connections_of_its_listener() {
    let world = World::with(|config| {
        config
            .public("limits: {connections: 1}")
            .route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upgrade: [websocket], upstream: app")
    });
    world.upstream.tunnels();
    let mut tunnel = world.connect();
    assert_eq!(tunnel.exchange(&knocking()).status, 101);
    tunnel.write(b"\x81\x02hi");
    assert_eq!(tunnel.take(4), b"\x81\x02hi");
    assert!(world.connect().is_closed(), "there is no second place");
}

/// A body beside `Upgrade` is read as one, and nothing is upgraded: two readers cannot disagree about what it is.
#[test]
fn a_request_with_a_body_is_no_upgrade() {
    let world = allowing();
    let knocks = || {
        let body =
            request("GET", "/ws", "hello").signed().header("Connection", "Upgrade").header("Upgrade", "websocket");
        body.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").header("Sec-WebSocket-Version", "13")
    };
    for knock in [knocks(), knocks().header("X-Other", "1").chunked()] {
        assert_eq!(world.send(knock).status, 200);
        let seen = world.upstream.next();
        assert_eq!((seen.header("upgrade"), seen.body.as_slice()), (None, b"hello".as_slice()));
    }
    world.upstream.tunnels();
    assert_eq!(world.send(knocks().header("X-Other", "2")).status, 502, "a 101 that nobody asked for");
}
