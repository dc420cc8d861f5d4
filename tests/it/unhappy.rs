//! An upstream that misbehaves is answered for, visibly.

use crate::world::{Signing, World, get, post};

#[test]
fn each_fault_of_an_upstream_has_its_code() {
    let world = World::verifying();
    for (raw, refusal) in [
        ("garbage\r\n\r\n", (502, "upstream_invalid")),
        ("HTTP/1.1 abc\r\n\r\n", (502, "upstream_invalid")),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", (502, "upstream_invalid")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", (502, "upstream_invalid")),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", (502, "upstream_invalid")),
    ] {
        world.upstream.answers_raw(raw);
        assert_eq!(world.send(get("/").signed()).refusal(), (refusal.0, refusal.1.to_owned()), "{raw:?}");
    }
    world.upstream.hangs_up();
    assert_eq!(world.send(get("/").signed()).refusal(), (502, "upstream_closed".to_owned()));
}

#[test]
fn a_silent_upstream_is_a_timeout() {
    let world = World::with(|config| {
        config.route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, timeouts: {response: 200ms}, upstream: app",
        )
    });
    let _release = world.upstream.holds();
    assert_eq!(world.send(get("/").signed()).refusal(), (504, "upstream_timeout".to_owned()));
}

#[test]
fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    let world = World::verifying();
    for raw in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz",
    ] {
        world.upstream.answers_raw_and_closes(raw);
        let answer = world.send(get("/").signed());
        assert!(!answer.complete, "{raw:?}");
    }
}

#[test]
fn an_upstream_without_a_free_connection_is_busy() {
    let world = World::with(|config| {
        config
            .app("max_connections: 1, timeouts: {queue: 100ms}")
            .route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app")
    });
    let release = world.upstream.holds();
    let mut first = world.connect();
    first.write(&post("/", "1").signed().bytes());
    world.upstream.begun();
    assert_eq!(world.send(post("/", "2").signed()).refusal(), (503, "upstream_busy".to_owned()));
    release.one();
    assert_eq!(first.answer().status, 200);
}

#[test]
fn an_upstream_whose_certificate_is_not_trusted_is_not_spoken_to() {
    let world = World::with(|config| {
        let plain = config.upstream_address();
        config
            .upstream(&format!("tls: {{url: \"https://{plain}\"}}"))
            .route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: tls")
    });
    assert_eq!(world.send(get("/").signed()).refusal(), (502, "upstream_tls".to_owned()));
}

#[test]
fn interim_answers_are_passed_over_or_on() {
    let world = World::verifying();
    world
        .upstream
        .answers_raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(world.send(get("/").signed()).body, b"hi");
}

/// HTTP/1.0 takes the end of a connection for the end of the answer.
#[test]
fn an_answer_that_breaks_off_is_a_reset_to_a_client_of_http_1_0() {
    let ask = |script: &str| {
        // A new one each time: a connection that the upstream is about to close could be taken for the next request.
        let world = World::with(|config| config.route("path: /**, public: true, upstream: app"));
        world.upstream.answers_raw_and_closes(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{script}"));
        let mut connection = world.connect();
        connection.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
        connection.rest().map_err(|error| error.kind())
    };
    assert!(ask("5\r\nhello\r\n0\r\n\r\n").is_ok_and(|answer| answer.ends_with(b"\r\n\r\nhello")));
    for broken in ["5\r\nhello\r\n", "5\r\nhel", "5\r\nhello\r\nx\r\n"] {
        assert_eq!(ask(broken), Err(std::io::ErrorKind::ConnectionReset), "{broken:?}");
    }
}
