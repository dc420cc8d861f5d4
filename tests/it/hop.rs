//! What belongs to one connection stays on it.

use crate::world::{Signing, World, get, post};

#[test]
fn hop_by_hop_headers_are_not_forwarded() {
    let world = World::verifying();
    let request =
        post("/", "{}").signed().header("Connection", "X-Hop, close").header("X-Hop", "1").header("Keep-Alive", "5");
    assert_eq!(world.send(request.header("Proxy-Connection", "x").header("X-End", "1")).status, 200);
    let seen = world.upstream.next();
    let hops = ["x-hop", "keep-alive", "proxy-connection"].map(|name| seen.header(name));
    assert_eq!((hops, seen.header("x-end")), ([None; 3], Some("1")));
}

#[test]
fn a_client_may_not_have_protected_headers_dropped() {
    let world = World::verifying();
    for name in ["X-HMAC-Signature", "x-hmac-timestamp", "X-Countersign-Key", "Host", "Content-Length"] {
        let answer = world.send(post("/", "{}").signed().header("Connection", name));
        assert_eq!(answer.refusal(), (400, "field_nominated".to_owned()), "{name}");
    }
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn hop_by_hop_headers_of_the_answer_are_removed() {
    let world = World::verifying();
    world.upstream.answers_raw(
        "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 9\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n",
    );
    let answer = world.send(get("/").signed());
    assert_eq!(
        (answer.header("x-hop"), answer.header("keep-alive"), answer.header("x-end").as_deref()),
        (None, None, Some("1"))
    );
}

#[test]
fn forwarded_headers_of_strangers_are_replaced() {
    let world = World::verifying();
    let request = post("/", "{}").signed().header("X-Forwarded-For", "6.6.6.6").header("Forwarded", "for=6.6.6.6");
    world.send(request.header("X-Request-Id", "evil id"));
    let seen = world.upstream.next();
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert!(!seen.head.contains("6.6.6.6") && !seen.head.contains("evil id"));
    assert!(seen.header("x-request-id").is_some());
}

#[test]
fn an_expectation_is_met_only_for_an_acceptable_head() {
    let world = World::verifying();
    let mut connection = world.connect();
    let request = post("/", "{}").signed().header("Expect", "100-continue");
    connection.write(&request.head());
    assert_eq!(connection.next_head().status, 100);
    connection.write(&request.body);
    assert_eq!(connection.answer().status, 200);

    let mut refused = world.connect();
    refused.write(&post("/", "{}").header("Expect", "100-continue").head());
    assert_eq!(refused.next_head().status, 401);
    assert_eq!(
        world.send(post("/", "{}").signed().header("Expect", "coffee")).refusal(),
        (417, "expectation_failed".to_owned())
    );
}

#[test]
fn request_trailers_are_dropped_or_refused() {
    let chunked = |connection: &mut crate::world::Connection| {
        let request = post("/", "{}").signed().chunked();
        connection.write(&request.head());
        connection.write(b"2\r\n{}\r\n0\r\nX-HMAC-Signature: x\r\nX-Trailer: 1\r\n\r\n");
        connection.answer()
    };
    let world = World::verifying();
    assert_eq!(chunked(&mut world.connect()).status, 200);
    assert_eq!(world.upstream.next().header("x-trailer"), None);

    let strict = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, trailers: refuse, upstream: app")
    });
    assert_eq!(chunked(&mut strict.connect()).refusal(), (400, "trailers_refused".to_owned()));
}
