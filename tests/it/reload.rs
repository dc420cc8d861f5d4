//! Everything is replaced in one swap, or nothing is.

use crate::world::{NOW, OTHER, SECRET, Signing, World, get, post};

const STAMP: i64 = NOW;

fn status_with(world: &World, secret: &str) -> u16 {
    world.send(post("/", "{}").signed_with(secret, &STAMP.to_string())).status
}

#[test]
fn keys_rotate_by_one_swap_of_the_data_link() {
    let world = World::verifying();
    for (keys, old, new) in [
        (vec![("k1", SECRET)], 200, 401),
        (vec![("k1", SECRET), ("k2", OTHER)], 200, 200),
        (vec![("k2", OTHER)], 401, 200),
    ] {
        world.keys.swap(&keys);
        assert!(world.reload());
        assert_eq!((status_with(&world, SECRET), status_with(&world, OTHER)), (old, new));
    }
}

#[test]
fn bad_keys_change_nothing() {
    let world = World::verifying();
    for bad in [vec![], vec![("k1", "")], vec![("k1", SECRET), ("k2", "")]] {
        world.keys.swap(&bad);
        assert!(!world.reload(), "{bad:?}");
        assert_eq!((status_with(&world, SECRET), status_with(&world, OTHER)), (200, 401));
    }
}

#[test]
fn a_bad_configuration_changes_nothing_and_is_told_on_readyz() {
    let world = World::verifying();
    for bad in ["", "version: 1\nroutes: 7\n", "version: 1\nroutes: []\nroutes: []\n", "\0", "version: 2\n"] {
        world.overwrite(bad);
        assert!(!world.reload(), "{bad:?}");
        assert_eq!(status_with(&world, SECRET), 200);
    }
    let ready = world.ask("health", get("/readyz"));
    assert_eq!(ready.status, 200, "it serves on");
    assert!(String::from_utf8_lossy(&ready.body).contains("reload"), "{:?}", String::from_utf8_lossy(&ready.body));
}

#[test]
fn a_bad_certificate_changes_nothing() {
    let world = World::with(|config| {
        config.over_tls().route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app")
    });
    std::fs::write(world.directory().join("tls.key"), "no key").unwrap();
    assert!(!world.reload());
    let answer = world.connect_tls("localhost", &["http/1.1"]).exchange(&post("/", "{}").signed());
    assert_eq!(answer.status, 200);
}

#[test]
fn routes_and_schemes_are_replaced_too() {
    let mut world = World::verifying();
    assert_eq!(world.send(get("/open")).status, 401);
    world.rewrite(|config| config.route("path: /open, public: true, upstream: app"));
    assert!(world.reload());
    assert_eq!(world.send(get("/open")).status, 200);
}

#[test]
fn a_request_in_flight_finishes_with_the_keys_it_began_with() {
    let world = World::verifying();
    let request = post("/", "{}").signed();
    let release = world.upstream.holds();
    let mut connection = world.connect();
    connection.write(&request.bytes());
    world.upstream.begun();
    world.keys.swap(&[("k2", OTHER)]);
    assert!(world.reload());
    release.one();
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn the_admin_listener_reloads_by_post_only() {
    let world = World::verifying();
    world.keys.swap(&[("k2", OTHER)]);
    assert_eq!(world.ask("admin", get("/reload")).status, 405);
    assert_eq!(status_with(&world, OTHER), 401);
    assert_eq!(world.ask("admin", post("/reload", "")).status, 200);
    assert_eq!(status_with(&world, OTHER), 200);
}
