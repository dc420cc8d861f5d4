//! A streamed body under attack: early answers, drips, deadlocks, an upstream that dies.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::{Connection, Request, Signing, World, post};

const STREAMED: &str = "path: /**, verify: {scheme: timestamp-body, keys: partners}, body: stream, upstream: app";

fn streaming(more: &str) -> World {
    World::with(|config| config.route(&format!("{STREAMED}{more}")))
}

/// Sends all but the last bytes, and returns when the upstream has seen the head.
fn begun(world: &World, request: &Request) -> Connection {
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(&request.body[..request.body.len() - 10]);
    world.upstream.begun();
    connection
}

fn end(request: &Request) -> &[u8] {
    &request.body[request.body.len() - 10..]
}

#[test]
fn an_early_answer_reaches_only_a_client_that_is_verified_in_the_end() {
    let world = streaming("");
    for answer in [
        "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
    ] {
        world.upstream.answers_early(answer);
        let good = post("/", "x".repeat(100_000)).signed();
        let mut connection = begun(&world, &good);
        connection.write(end(&good));
        let told = connection.answer();
        assert_eq!((told.status, told.body.as_slice()), (413, &b"no"[..]));

        let bad = good.tampered("y".repeat(100_000));
        let mut connection = begun(&world, &bad);
        connection.write(end(&bad));
        assert_eq!(connection.answer().refusal(), (401, "signature_invalid".to_owned()));
    }
}

#[test]
fn an_upstream_that_answers_and_hangs_up_does_not_cost_the_client_the_answer() {
    let world = streaming("");
    world.upstream.answers_early_and_closes("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    for size in [100_000, 8_000_000] {
        let good = post("/", "x".repeat(size)).signed();
        let mut connection = begun(&world, &good);
        connection.write(end(&good));
        assert_eq!(connection.answer().status, 413, "{size}");
    }
}

/// The status line that comes while the request is not yet complete: its end drips for as long as nothing is said.
fn told_midway(world: &World, request: &Request) -> String {
    let (now, later) = request.body.split_at(request.body.len() / 2);
    let mut socket = TcpStream::connect(world.address()).unwrap();
    socket.write_all(&[&request.head(), now].concat()).unwrap();
    world.upstream.begun();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    for byte in &later[1..] {
        let mut told = [0; 12];
        if socket.read_exact(&mut told).is_ok() {
            return String::from_utf8(told.to_vec()).unwrap();
        }
        socket.write_all(&[*byte]).unwrap();
    }
    panic!("nothing was said");
}

#[test]
fn an_upstream_that_dies_midway_is_told_and_the_request_may_come_again() {
    let world = streaming(", replay: {by: signature}");
    let request = post("/", "x".repeat(20_000)).signed();
    world.upstream.answers_early_and_closes("");
    assert_eq!(told_midway(&world, &request), "HTTP/1.1 502");
    world.upstream.echoes();
    assert_eq!(world.send(request.clone()).status, 200, "nothing was completed, so nothing was claimed");
    assert_eq!(world.send(request).refusal(), (409, "replayed".to_owned()));
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn an_upstream_that_takes_nothing_ends_as_a_timeout() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::with(|config| {
        let entry = format!("deaf: {{url: \"http://{}\"}}", deaf.local_addr().unwrap());
        config.upstream(&entry).route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, body: {mode: stream, max: 1GiB}, timeouts: {response: 300ms}, upstream: deaf",
        )
    });
    let request = post("/", "x".repeat(32_000_000)).signed();
    let mut connection = world.connect();
    connection.write(&request.bytes());
    assert_eq!(connection.answer().refusal(), (504, "upstream_timeout".to_owned()));
}

#[test]
fn a_stream_without_a_byte_is_a_request_like_any_other() {
    let world = streaming("");
    for request in [post("/", "").signed(), post("/", "").signed().chunked()] {
        assert_eq!(world.send(request.clone()).status, 200);
        assert!(world.upstream.next().complete);
        assert_eq!(world.send(request.with("X-HMAC-Signature", "0".repeat(64))).status, 401);
    }
    assert_eq!(world.upstream.count(), 2);
}

#[test]
fn trailers_that_are_refused_leave_a_streamed_message_incomplete() {
    for (trailers, status, completed) in [("drop", 200, 1), ("refuse", 400, 0)] {
        let world = streaming(&format!(", trailers: {trailers}"));
        let mut connection = world.connect();
        connection.write(&post("/", "{}").signed().chunked().head());
        connection.write(b"2\r\n{}\r\n0\r\nX-Countersign-Key: root\r\n\r\n");
        assert_eq!(connection.answer().status, status, "{trailers}");
        assert_eq!(world.upstream.count(), completed, "{trailers}");
    }
}

#[test]
fn a_drip_ends_when_its_time_is_over_and_not_with_its_next_byte() {
    let world = streaming(", timeouts: {body_idle: 300ms}");
    let request = post("/", "x".repeat(1000)).signed();
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(b"x");
    assert_eq!(connection.answer().refusal(), (408, "body_timeout".to_owned()));
    assert_eq!(world.upstream.count(), 0);
}
