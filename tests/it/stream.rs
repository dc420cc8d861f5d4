//! With `body: stream` the upstream sees bytes before the verdict, and never a complete message without one.

use crate::world::{Signing, World, post};

fn streaming() -> World {
    World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, body: stream, upstream: app")
    })
}

#[test]
fn a_streamed_body_arrives_byte_for_byte() {
    let world = streaming();
    let body = (0..=255).collect::<Vec<u8>>().repeat(400);
    for request in [post("/", &body).signed(), post("/", &body).signed().chunked()] {
        assert_eq!(world.send(request).status, 200);
        assert!(world.upstream.next().body == body);
    }
}

#[test]
fn bytes_are_forwarded_before_the_last_one_has_come() {
    let world = streaming();
    let request = post("/", "x".repeat(100_000)).signed();
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(&request.body[..90_000]);
    world.upstream.begun();
    connection.write(&request.body[90_000..]);
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_tampered_stream_reaches_the_upstream_incomplete_or_not_at_all() {
    let world = streaming();
    let body = "x".repeat(100_000);
    for request in
        [post("/", &body).signed().tampered("y".repeat(100_000)), post("/", &body).signed_at(0).tampered("y").chunked()]
    {
        assert_eq!(world.send(request).refusal(), (401, "signature_invalid".to_owned()));
    }
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn an_early_answer_to_an_unverified_stream_never_reaches_the_client() {
    let world = streaming();
    world.upstream.answers_early("HTTP/1.1 200 OK\r\nX-Secret: told\r\nContent-Length: 6\r\n\r\nsecret");
    let request = post("/", "x".repeat(100_000)).signed().tampered("y".repeat(100_000));
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(&request.body[..90_000]);
    world.upstream.begun();
    connection.write(&request.body[90_000..]);
    let answer = connection.answer();
    assert_eq!((answer.refusal(), answer.header("x-secret")), ((401, "signature_invalid".to_owned()), None));
}

#[test]
fn a_client_that_breaks_off_is_seen_as_broken_off() {
    let world = streaming();
    let request = post("/", "x".repeat(100_000)).signed();
    let mut connection = world.connect();
    connection.write(&request.head());
    connection.write(&request.body[..90_000]);
    world.upstream.begun();
    connection.abort();
    assert!(!world.upstream.next().complete);
}

#[test]
fn a_replayed_stream_is_never_completed() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, body: stream, upstream: app")
    });
    let request = post("/", "x".repeat(100_000)).signed();
    assert_eq!(world.send(request.clone()).status, 200);
    assert_eq!(world.send(request).refusal(), (409, "replayed".to_owned()));
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn stale_stamps_are_refused_before_the_upstream_is_asked() {
    let world = streaming();
    assert_eq!(world.send(post("/", "{}").signed_at(-61)).status, 401);
    assert_eq!(world.upstream.connections(), 0);
}
