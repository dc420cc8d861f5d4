//! No source takes all connections of a listener.

use crate::world::{Connection, World, get};

const OPEN: &str = "path: /**, public: true, upstream: app";

fn limited(more: &str) -> World {
    World::with(|config| config.public(&format!("limits: {{connections_per_source: 2}}{more}")).route(OPEN))
}

/// A connection that is surely counted: it was answered.
fn answered(world: &World) -> Connection {
    let mut connection = world.connect();
    assert_eq!(connection.exchange(&get("/")).status, 200);
    connection
}

#[test]
fn the_next_connection_of_a_source_is_closed_at_once_and_counted() {
    let world = limited("");
    let held = [answered(&world), answered(&world)];
    assert!(world.connect().is_closed());
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    let counted = "countersign_connections_turned_away_total{listener=\"public\",reason=\"source\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    drop(held);
    // The gateway learns of the end of the others in its own time.
    assert!((0..10_000).any(|_| world.connect().ask(&get("/")).is_some()));
}

#[test]
fn a_trusted_proxy_may_bring_as_many_as_the_listener_takes() {
    let world = limited(", trusted: [127.0.0.0/8]");
    let held: Vec<_> = (0..5).map(|_| answered(&world)).collect();
    assert_eq!(held.len(), 5);
}

#[test]
fn a_connection_counts_as_long_as_its_tunnel() {
    let world = World::with(|config| {
        config.public("limits: {connections_per_source: 1}").route(&format!("{OPEN}, upgrade: [websocket]"))
    });
    world.upstream.tunnels();
    let mut tunnel = world.connect();
    let request = get("/").header("Connection", "Upgrade").header("Upgrade", "websocket");
    let request = request.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(tunnel.exchange(&request).status, 101);
    tunnel.write(b"ping");
    assert_eq!(tunnel.take(4), b"ping");
    assert!(world.connect().is_closed());
}

#[test]
fn each_listener_counts_for_itself() {
    let world = World::with(|config| {
        config
            .public("limits: {connections_per_source: 1}")
            .listener("inner: {address: \"127.0.0.1:0\", limits: {connections_per_source: 1}}")
            .route(OPEN)
    });
    let _held = answered(&world);
    assert_eq!(world.connect_to("inner").exchange(&get("/")).status, 200);
}
