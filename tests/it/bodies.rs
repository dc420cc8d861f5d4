//! Held bodies are bounded in memory, on disk and in total.

use crate::world::{Signing, World, post};

const HELD: &str = "path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app";

#[test]
fn a_body_above_memory_goes_through_a_file_that_nobody_finds() {
    let world = World::with(|config| config.route(&format!("{HELD}, body: {{memory: 1KiB}}")));
    let body = (0..=255).collect::<Vec<u8>>().repeat(400);
    assert!(world.send(post("/", &body).signed()).body == body);
    assert_eq!(world.send(post("/", &body).signed().tampered("x".repeat(100_000))).status, 401);
    let left = std::fs::read_dir(world.directory()).unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("spool")));
}

#[test]
fn over_the_budget_a_body_is_refused_for_now() {
    let world = World::with(|config| config.limits("memory: 64KiB").route(&format!("{HELD}, body: {{memory: 1MiB}}")));
    let answer = world.send(post("/", "x".repeat(256 << 10)).signed());
    assert_eq!(answer.refusal(), (503, "overloaded".to_owned()));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(world.send(post("/", "{}").signed()).status, 200, "the budget is given back");
}

#[test]
fn a_body_that_is_cut_is_never_forwarded() {
    let world = World::verifying();
    let request = post("/", "0123456789").signed();
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(b"01234");
    connection.abort();

    let mut malformed = world.connect();
    malformed.write(&post("/", "{}").signed().chunked().head());
    malformed.write(b"zz\r\n{}\r\n0\r\n\r\n");
    assert_eq!(malformed.answer().refusal(), (400, "body_incomplete".to_owned()));
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn an_unsigned_body_is_not_read_as_the_next_request() {
    let world = World::with(|config| config.route(HELD).route("path: /open, public: true, upstream: app"));
    let smuggled = b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut connection = world.connect();
    connection.write(&post("/", smuggled).bytes());
    assert_eq!(connection.answer().status, 401);
    assert_eq!(world.upstream.count(), 0);
}
