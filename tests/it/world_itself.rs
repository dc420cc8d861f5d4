//! The instruments, tested on each other: the raw client against the fake upstream, without a gateway between.

use crate::world::{Connection, Keys, NOW, SECRET, Signing, Upstream, mac, post};

#[test]
fn the_client_sends_and_the_upstream_records_the_same_bytes() {
    let upstream = Upstream::start();
    let every_byte: Vec<u8> = (0..=255).collect();
    for request in [post("/a?b=%20", &every_byte), post("/a?b=%20", &every_byte).chunked()] {
        let answer = Connection::open(upstream.address()).exchange(&request.header("X-Raw", b"\xe9"));
        let seen = upstream.next();
        assert_eq!((answer.status, answer.complete), (200, true));
        assert!(answer.body == every_byte && seen.body == every_byte && seen.complete);
        assert_eq!((seen.line(), seen.header("x-raw")), ("POST /a?b=%20", Some("\u{e9}")));
    }
    assert_eq!((upstream.count(), upstream.connections()), (2, 2));
}

#[test]
fn a_request_that_breaks_off_is_recorded_as_incomplete() {
    let upstream = Upstream::start();
    for request in [post("/", "0123456789"), post("/", "0123456789").chunked()] {
        let mut connection = Connection::open(upstream.address());
        connection.write(&request.head());
        connection.write(b"1\r\n0");
        upstream.begun();
        connection.abort();
        assert!(!upstream.next().complete);
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn an_answer_that_breaks_off_is_seen_as_incomplete() {
    let upstream = Upstream::start();
    for (raw, complete) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false),
    ] {
        upstream.answers_raw_and_closes(raw);
        let answer = Connection::open(upstream.address()).exchange(&post("/", ""));
        assert_eq!((answer.complete, answer.body.as_slice()), (complete, b"half".as_slice()), "{raw:?}");
    }
}

#[test]
fn a_held_upstream_answers_when_released_and_an_early_one_before_the_body() {
    let upstream = Upstream::start();
    let release = upstream.holds();
    let mut held = Connection::open(upstream.address());
    held.write(&post("/", "{}").bytes());
    upstream.begun();
    release.one();
    assert_eq!(held.answer().body, b"{}");

    upstream.answers_early("HTTP/1.1 418 Early\r\nContent-Length: 0\r\n\r\n");
    let mut early = Connection::open(upstream.address());
    early.write(&post("/", "{}").head());
    assert_eq!(early.answer().status, 418);
}

#[test]
fn a_tunnel_sends_everything_back() {
    let upstream = Upstream::start();
    upstream.tunnels();
    let mut connection = Connection::open(upstream.address());
    assert_eq!(connection.exchange(&post("/", "")).status, 101);
    connection.write(b"ping");
    assert_eq!(connection.take(4), b"ping");
}

#[test]
fn a_swap_replaces_all_keys_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::in_directory(&directory.path().join("keys"));
    keys.swap(&[("a", "1"), ("b", "2")]);
    keys.swap(&[("b", "3")]);
    let read = |id: &str| std::fs::read_to_string(directory.path().join("keys").join(id)).ok();
    assert_eq!((read("a"), read("b").as_deref()), (None, Some("3")));
}

#[test]
fn our_own_signature_is_the_one_that_openssl_computes() {
    let signed = post("/", "{}").signed();
    assert_eq!(signed.value("X-HMAC-Signature"), mac(SECRET, &NOW.to_string(), b"{}"));
    // printf '1760000000.{}' | openssl dgst -sha256 -hmac "$SECRET"
    assert_eq!(signed.value("x-hmac-signature"), "23ca8f55b53024570ffffc2f298581a4c169eed55b55043226848c2c03f94a90");
}
