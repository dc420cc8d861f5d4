//! What is not HTTP is refused like anything else: with a code, a request id, and a line in the audit log.

use crate::world::{Config, World, get};

fn open(config: Config) -> Config {
    config.route("path: /**, public: true, upstream: app")
}

/// Raw bytes, and the status and code they are refused with.
const CASES: [(&str, u16, &str); 9] = [
    ("GET /a HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400, "bad_request"),
    ("GET /a HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
    ("GET /a HTTP/2.0\r\nHost: a\r\n\r\n", 400, "bad_request"),
    ("\x16\x03\x01\x02", 400, "bad_request"),
    ("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nb", 400, "bad_request"),
    ("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
    ("GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n\x01", 400, "upgrade_refused"),
];

#[test]
fn a_malformed_head_is_answered_and_told_like_any_other_refusal() {
    let mut world = World::with(open);
    for (raw, status, code) in CASES {
        let mut connection = world.connect();
        connection.write(raw.as_bytes());
        let answer = connection.answer();
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{raw:?}");
        assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"), "{raw:?}");
        assert!(answer.header("x-request-id").is_some(), "{raw:?}");
        assert!(connection.is_closed(), "{raw:?}");
    }
    assert_eq!(world.upstream.connections(), 0);
    world.stop();
    let told = world.audit();
    assert_eq!(told.len(), CASES.len());
    for (line, (raw, _, code)) in told.iter().zip(CASES) {
        assert_eq!(line["code"], code, "{raw:?}: {line}");
    }
}

#[test]
fn what_came_before_a_malformed_head_is_answered_first() {
    let world = World::with(open);
    let mut connection = world.connect();
    connection.write(
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nX\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(connection.answer().status, 200);
    assert_eq!(connection.answer().refusal(), (400, "bad_request".to_owned()));
    assert!(connection.is_closed());
    assert_eq!(world.upstream.next().line(), "GET /1");
}

#[test]
fn a_head_that_does_not_end_in_time_has_its_code() {
    let mut world = World::with(|config| open(config).public("timeouts: {head: 200ms}"));
    let mut connection = world.connect();
    connection.write(b"GET /late HTTP/1.1\r\nHost: a\r\n");
    assert_eq!(connection.answer().refusal(), (408, "head_timeout".to_owned()));
    assert!(connection.is_closed());
    world.stop();
    let told = world.audit();
    assert_eq!((told.len(), told[0]["code"].as_str()), (1, Some("head_timeout")), "{told:?}");
}

#[test]
fn a_connection_lives_on_after_heads_that_came_in_pieces() {
    let world = World::with(open);
    let mut connection = world.connect();
    for _ in 0..2 {
        for piece in get("/a").bytes().chunks(7) {
            connection.write(piece);
        }
        assert_eq!(connection.answer().status, 200);
    }
}
