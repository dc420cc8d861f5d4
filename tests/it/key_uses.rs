//! Who uses which key, and whether it may go: counted by ring and direction, kept across reloads, told on `/keys`, `/status` and in the metrics.

use serde_json::Value;

use crate::world::{NOW, OTHER, SECRET, Signing, World, get, post};

const DAY: i64 = 86_400;

/// One keyring of `/keys`, or of `/status`.
fn ring(world: &World, path: &str, name: &str) -> Value {
    let told = world.ask("admin", get(path)).json();
    told["keyrings"].as_array().unwrap().iter().find(|ring| ring["name"] == name).unwrap().clone()
}

/// Id, uses, requests in the last hour, and whether it is safe to retire.
fn keys(world: &World) -> Vec<(String, u64, u64, String)> {
    let ring = ring(world, "/keys", "partners");
    let told = |key: &Value| {
        let number = |name: &str| key[name].as_u64().unwrap();
        let safe = key["safe_to_retire"]["answer"].as_str().unwrap().to_owned();
        (key["id"].as_str().unwrap().to_owned(), number("uses"), number("requests_last_hour"), safe)
    };
    ring["keys"].as_array().unwrap().iter().map(told).collect()
}

fn row(id: &str, uses: u64, hour: u64, safe: &str) -> (String, u64, u64, String) {
    (id.into(), uses, hour, safe.into())
}

fn send(world: &World, secret: &str, now: i64) -> u16 {
    world.send(post("/", "{}").signed_with(secret, &now.to_string())).status
}

#[test]
fn a_key_that_signs_no_more_becomes_safe_to_retire_and_a_reload_forgets_nothing() {
    let world = World::verifying();
    world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    assert_eq!(send(&world, SECRET, NOW), 200);
    assert_eq!(keys(&world), [row("k1", 1, 1, "no"), row("k2", 0, 0, "unknown")]);
    world.at(2 * DAY);
    assert_eq!(send(&world, OTHER, NOW + 2 * DAY), 200);
    assert!(world.reload());
    assert_eq!(keys(&world), [row("k1", 1, 0, "yes"), row("k2", 1, 1, "no")]);
    let status = ring(&world, "/status", "partners");
    assert_eq!(status["keys"][0]["safe_to_retire"]["answer"], "yes");
    let metrics = String::from_utf8_lossy(&world.ask("health", get("/metrics")).body).into_owned();
    for line in [
        "countersign_key_safe_to_retire{keyring=\"partners\",key=\"k1\"} 1\n",
        "countersign_key_safe_to_retire{keyring=\"partners\",key=\"k2\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn a_request_that_is_turned_down_after_its_signature_held_is_a_use() {
    let world = World::without_replays();
    for status in [200, 409] {
        assert_eq!(send(&world, SECRET, NOW), status);
    }
    assert_eq!(send(&world, OTHER, NOW), 401);
    assert_eq!(keys(&world)[0].1, 2);
}

#[test]
fn two_rings_with_one_key_id_and_two_directions_are_told_apart() {
    let mut world = World::verifying();
    let place = world.directory().join("out");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("k1"), OTHER).unwrap();
    world.rewrite(|config| {
        config.keyring(&format!("out: {{directory: {}}}", place.display())).no_routes().route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, sign: {scheme: timestamp-body, keys: out}, upstream: app",
        )
    });
    assert!(world.reload());
    assert_eq!(send(&world, SECRET, NOW), 200);
    for (name, verified, signed) in [("partners", 1, 0), ("out", 0, 1)] {
        let ring = ring(&world, "/keys", name);
        let count = |direction: &str| ring["keys"][0][direction]["count"].as_u64().unwrap();
        assert_eq!((count("verified"), count("signed")), (verified, signed), "{name}");
        assert_eq!((&ring["verifies"], ring["signs"].is_null()), (&(name == "partners").into(), name == "partners"));
    }
}
