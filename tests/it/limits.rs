//! Every bound fires, on both sides of its edge.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::world::{Config, Signing, World, get, post};

fn open(config: Config) -> Config {
    config.route("path: /**, public: true, upstream: app")
}

#[test]
fn a_head_has_a_largest_size() {
    let world = World::with(|config| open(config).public("limits: {head: 4KiB}"));
    assert_eq!(world.send(get("/").header("X-Long", "x".repeat(3000))).status, 200);
    assert_eq!(world.send(get("/").header("X-Long", "x".repeat(5000))).status, 431);
}

#[test]
fn a_head_has_a_largest_number_of_fields() {
    let world = World::with(|config| open(config).public("limits: {fields: 10}"));
    let with = |count: usize| (1..count).fold(get("/"), |request, number| request.header(&format!("X-{number}"), "1"));
    assert_eq!(world.send(with(10)).status, 200);
    assert_eq!(world.send(with(11)).refusal(), (431, "head_too_large".to_owned()));
}

#[test]
fn a_target_has_a_greatest_length() {
    let world = World::with(|config| open(config).public("limits: {target: 100B}"));
    assert_eq!(world.send(get(&format!("/{}", "x".repeat(99)))).status, 200);
    assert_eq!(world.send(get(&format!("/{}", "x".repeat(100)))).refusal(), (414, "target_too_long".to_owned()));
}

#[test]
fn a_body_may_have_max_bytes_and_not_one_more() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, body: {max: 1KiB}, upstream: app")
    });
    let too_large = (413, "body_too_large".to_owned());
    for (size, refusal) in [(1024, (200, String::new())), (1025, too_large.clone())] {
        assert_eq!(world.send(post("/", "x".repeat(size)).signed()).refusal(), refusal, "{size}");
        assert_eq!(world.send(post("/", "x".repeat(size)).signed().chunked()).refusal(), refusal, "{size} in chunks");
    }
}

#[test]
fn a_body_that_pauses_is_answered_408() {
    let world = World::with(|config| {
        config.route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, timeouts: {body_idle: 200ms}, upstream: app",
        )
    });
    let mut connection = world.connect();
    connection.write(&post("/", "{}").signed().head());
    assert_eq!(connection.answer().refusal(), (408, "body_timeout".to_owned()));
}

#[test]
fn an_exchange_has_a_total_time() {
    let world = World::with(|config| {
        config.route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, timeouts: {total: 300ms}, upstream: app",
        )
    });
    let _release = world.upstream.holds();
    assert_eq!(world.send(post("/", "{}").signed()).refusal(), (504, "total_timeout".to_owned()));
}

/// More than the sockets on the way take.
const LARGE: usize = 32 << 20;

#[test]
fn a_client_that_reads_nothing_does_not_outlast_the_total_time() {
    let world = World::with(|config| {
        let public = "path: /**, public: true, timeouts: {total: 300ms}, upstream: app";
        config.public("timeouts: {write: 1h}").route(public)
    });
    let head = |framing: &str| format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
    let (sized, chunked) = (format!("Content-Length: {LARGE}"), "Transfer-Encoding: chunked");
    for head in [head(&sized), head(chunked) + &format!("{LARGE:x}\r\n")] {
        world.upstream.answers_raw([head.into_bytes(), vec![b'x'; LARGE]].concat());
        let mut connection = world.connect();
        // The answer may begin too late on a busy machine: it is then the gateway's own, and as short.
        connection.write(&get("/").header("Connection", "close").bytes());
        world.upstream.begun();
        world.told("/metrics", |told| told.contains("countersign_in_flight_requests 0\n"));
        assert!(connection.rest().is_ok_and(|read| read.len() < LARGE), "it was read after all");
    }
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let world = World::with(|config| open(config).public("timeouts: {head: 200ms}"));
    let mut connection = world.connect();
    connection.write(b"GET / HTTP/1.1\r\nHost:");
    while !connection.is_closed() {
        connection.take(1);
    }
}

#[test]
fn a_client_that_closes_its_half_early_is_answered() {
    let world = World::verifying();
    let release = world.upstream.holds();
    for request in [get("/").signed(), post("/", "{}").signed(), post("/", "{}").signed().chunked()] {
        let mut socket = TcpStream::connect(world.address()).unwrap();
        socket.write_all(&request.bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        world.upstream.begun();
        release.one();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}
