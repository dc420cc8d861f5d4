//! Keys that are derived of a master, over real sockets: any device has one, a revoked one has none, and nobody can tell why.

use countersign::keys::{Derived, Source, load};
use countersign::sig::keyring::{Keyring, Spelling};

use crate::world::{NOW, Request, Response, SECRET, World, get, mac, post};

const SCHEME: &str = "named: {algorithm: sha256, signature: {header: X-Signature, encoding: hex}, timestamp: {header: X-Timestamp, \
    format: unix, past: 5m, future: 1m}, key_id: {header: X-Key}, message: \"{timestamp}.{body}\"}";

fn write(world: &World, name: &str, text: &str) {
    std::fs::write(world.directory().join(name), text).unwrap();
}

fn world() -> World {
    let mut world = World::verifying();
    write(&world, "masters.yaml", &format!("version: 1\nkeys:\n  - id: m1\n    secret: {SECRET}\n"));
    write(&world, "revoked.txt", "# stolen\nlost\n");
    let place = world.directory().display().to_string();
    world.rewrite(|config| {
        config
            .keyring(&format!("devices: {{derive: {{file: {place}/masters.yaml, revoked: {place}/revoked.txt}}}}"))
            .scheme(SCHEME)
            .no_routes()
            .route("path: /**, verify: {scheme: named, keys: devices}, upstream: app")
    });
    assert!(world.reload());
    world
}

/// The ring as a device's maker computes it.
fn ring(world: &World) -> Keyring {
    let masters = Source::File(world.directory().join("masters.yaml"));
    let derived = Derived { masters, revoked: None, spelling: Spelling::default() };
    load("devices", &Source::Derived(Box::new(derived))).unwrap_or_else(|_| panic!("it loads")).ring
}

fn signed(id: &str, secret: &[u8]) -> Request {
    let (body, stamp) = ("{\"order\":1}", NOW.to_string());
    let signature = mac(std::str::from_utf8(secret).unwrap(), &stamp, body.as_bytes());
    post("/", body).header("X-Key", id).header("X-Timestamp", &stamp).header("X-Signature", signature)
}

fn send(world: &World, id: &str, master: usize) -> Response {
    let key = ring(world).derive(master, id.as_bytes()).unwrap();
    world.send(signed(id, key.secret.expose()))
}

/// What a client can tell apart.
fn seen(answer: &Response) -> (u16, Vec<(String, Vec<u8>)>, serde_json::Value) {
    let varies = |name: &str| ["date", "x-request-id"].contains(&name.to_ascii_lowercase().as_str());
    let fields = answer.fields.iter().filter(|(name, _)| !varies(name)).cloned().collect();
    let mut body = answer.json();
    body.as_object_mut().unwrap().retain(|name, _| !["instance", "request_id"].contains(&name.as_str()));
    (answer.status, fields, body)
}

#[test]
fn every_device_has_a_key_of_its_own_and_is_named() {
    let world = world();
    for id in ["device-000001", "device-999999", "0", "lost2"] {
        assert_eq!(send(&world, id, 0).status, 200, "{id}");
        assert_eq!(world.upstream.next().header("X-Countersign-Principal"), Some(id));
    }
    let other = ring(&world).derive(0, b"device-000002").unwrap();
    assert_eq!(world.send(signed("device-000001", other.secret.expose())).status, 401);
}

#[test]
fn a_revoked_id_is_answered_like_a_wrong_signature_from_the_next_load_on() {
    let world = world();
    let wrong = seen(&world.send(signed("device", b"wrong")));
    assert_eq!(wrong.0, 401);
    assert_eq!(seen(&send(&world, "lost", 0)), wrong);
    assert_eq!(send(&world, "stolen", 0).status, 200);
    write(&world, "revoked.txt", "lost\nstolen\n");
    assert!(world.reload());
    assert_eq!(seen(&send(&world, "stolen", 0)), wrong);
    write(&world, "revoked.txt", "not an id\n");
    assert!(!world.reload(), "a list that is wrong changes nothing");
    assert_eq!(seen(&send(&world, "stolen", 0)), wrong);
}

#[test]
fn masters_are_rotated_and_uses_are_counted_for_them() {
    let world = world();
    let two = format!("version: 1\nkeys:\n  - id: m1\n    secret: {SECRET}\n  - id: m2\n    secret: {SECRET}-2\n");
    write(&world, "masters.yaml", &two);
    assert!(world.reload());
    for (id, master) in [("a", 0), ("b", 0), ("c", 1)] {
        assert_eq!(send(&world, id, master).status, 200, "{id}");
    }
    let rings = world.ask("admin", get("/keys")).json();
    let ring = rings["keyrings"].as_array().unwrap().iter().find(|ring| ring["name"] == "devices").unwrap();
    let uses: Vec<_> = ring["keys"].as_array().unwrap().iter().map(|key| (&key["id"], &key["uses"])).collect();
    assert_eq!(uses, [(&"m1".into(), &2.into()), (&"m2".into(), &1.into())]);
    let metrics = String::from_utf8_lossy(&world.ask("health", get("/metrics")).body).into_owned();
    assert!(metrics.contains("key=\"m2\"} 1\n") && !metrics.contains("key=\"c\""), "{metrics}");
}
