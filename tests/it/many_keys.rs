//! A key file with very many keys, over real sockets: found, refused, exchanged and told like any other.

use std::fmt::Write as _;

use crate::world::{NOW, Request, Response, World, get, mac, post};

const KEYS: usize = 12_000;
const STAMP: i64 = NOW;

fn secret(number: usize) -> String {
    format!("{number:06}uT3vQx9LmNpRsTuVwXyZaBcDeFgHiJ")
}

/// The key file with these keys, and more lines.
fn write(world: &World, numbers: std::ops::Range<usize>, more: &str) {
    let mut text = String::new();
    for number in numbers {
        writeln!(text, r#"{{"id":"k{number}","secret":"{}","principal":"client {number}"}}"#, secret(number)).unwrap();
    }
    let path = world.directory().join("many.jsonl");
    std::fs::write(path, text + more).unwrap();
}

fn world() -> World {
    let mut world = World::verifying();
    write(&world, 0..KEYS, "");
    world.rewrite(|config| {
        let path = world_path(&config);
        config
            .keyring(&format!("many: {{file: {path}}}"))
            .scheme(
                "named: {algorithm: sha256, signature: {header: X-Signature, encoding: hex}, timestamp: {header: X-Timestamp, format: unix, past: 5m, \
                 future: 1m}, key_id: {header: X-Key}, message: \"{timestamp}.{body}\"}",
            )
            .no_routes()
            .route("path: /**, verify: {scheme: named, keys: many}, upstream: app")
    });
    assert!(world.reload());
    world
}

fn world_path(config: &crate::world::Config) -> String {
    config.path().with_file_name("many.jsonl").display().to_string()
}

fn signed(id: &str, secret: &str) -> Request {
    let body = "{\"order\":1}";
    let stamp = STAMP.to_string();
    let signature = mac(secret, &stamp, body.as_bytes());
    post("/", body).header("X-Key", id).header("X-Timestamp", &stamp).header("X-Signature", signature)
}

fn status(world: &World, number: usize) -> u16 {
    world.send(signed(&format!("k{number}"), &secret(number))).status
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
fn a_client_among_thousands_passes_and_is_named() {
    let world = world();
    for number in (0..KEYS).step_by(997).chain([KEYS - 1]) {
        assert_eq!(status(&world, number), 200, "{number}");
        let arrived = world.upstream.next();
        assert_eq!(arrived.header("X-Countersign-Principal"), Some(&*format!("client {number}")));
    }
}

#[test]
fn an_unknown_id_is_answered_like_a_wrong_signature() {
    let world = world();
    let wrong = seen(&world.send(signed("k17", &secret(18))));
    assert_eq!(wrong.0, 401);
    for id in ["nobody", "k12000", "K17"] {
        for signer in [17, 18, KEYS] {
            assert_eq!(seen(&world.send(signed(id, &secret(signer)))), wrong, "{id} {signer}");
        }
    }
}

#[test]
fn thousands_are_exchanged_in_one_swap_or_not_at_all() {
    let world = world();
    write(&world, 5..KEYS + 5, "");
    assert!(world.reload());
    assert_eq!([4, 5, KEYS + 4].map(|number| status(&world, number)), [401, 200, 200]);
    for bad in ["{\"id\":\"last\"}\n", "{\"id\":\"k7\",\"secret\":\"again\"}\n", "{\"id\":\"last\",\"secret\":\"c4nary"]
    {
        write(&world, 0..KEYS, bad);
        assert!(!world.reload(), "{bad}");
        assert_eq!([4, 5, KEYS + 4].map(|number| status(&world, number)), [401, 200, 200]);
        let told = String::from_utf8_lossy(&world.ask("admin", get("/status")).body).into_owned();
        assert!(told.contains("many.jsonl") && !told.contains("c4nary"), "{told}");
    }
}

#[test]
fn the_operations_listeners_count_thousands_and_list_those_that_are_used() {
    let world = world();
    assert_eq!(status(&world, 42), 200);
    let answer = world.ask("admin", get("/keys"));
    assert!(answer.body.len() < 10_000);
    let rings = answer.json();
    let ring = rings["keyrings"].as_array().unwrap().iter().find(|ring| ring["name"] == "many").unwrap();
    assert_eq!((&ring["count"], &ring["usable"]), (&KEYS.into(), &KEYS.into()));
    let keys = ring["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["id"], &keys[0]["uses"]), (1, &"k42".into(), &1.into()));
    let metrics = String::from_utf8_lossy(&world.ask("health", get("/metrics")).body).into_owned();
    assert!(metrics.contains("countersign_keyring_usable_keys{keyring=\"many\"} 12000") && metrics.len() < 100_000);
}
