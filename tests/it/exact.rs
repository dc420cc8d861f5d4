//! What was verified is what is forwarded, byte for byte.

use crate::world::{Signing, World, get, post, request};

#[test]
fn the_target_is_forwarded_as_received() {
    let world = World::verifying();
    for target in ["/", "/a%2fb%7E", "/a?b=2&a=1&a=&&c", "/%E6%9D%B1?q=%20+", "/a;v=1", "/?", "/a//b"] {
        assert_eq!(world.send(post(target, "{}").signed()).status, 200, "{target}");
        assert_eq!(world.upstream.next().line(), format!("POST {target}"));
    }
}

#[test]
fn header_values_and_their_order_are_forwarded_as_received() {
    let world = World::verifying();
    let sent = post("/", "{}").signed().header("X-List", "a, b").header("X-List", "c  d").header("X-Raw", b"caf\xe9");
    world.send(sent);
    let seen = world.upstream.next();
    assert_eq!(seen.all("x-list"), ["a, b", "c  d"]);
    assert_eq!(seen.all("x-raw"), ["caf\u{e9}"]);
    assert_eq!(seen.header("host"), Some("localhost"));
}

#[test]
fn bodies_are_forwarded_byte_for_byte_in_memory_and_on_disk() {
    let world = World::verifying();
    let every_byte: Vec<u8> = (0..=255).collect();
    for body in
        [Vec::new(), b"\xef\xbb\xbf{ \"b\":1,\r\n\"a\":2 }\n".to_vec(), every_byte.clone(), every_byte.repeat(2000)]
    {
        let answer = world.send(post("/", &body).signed());
        assert_eq!((answer.status, answer.body == body), (200, true), "{} bytes", body.len());
        assert!(world.upstream.next().body == body);
    }
}

#[test]
fn a_chunked_body_arrives_whole() {
    let world = World::verifying();
    assert_eq!(world.send(post("/", "one, two and three").signed().chunked()).status, 200);
    assert_eq!(world.upstream.next().body, b"one, two and three");
}

#[test]
fn the_body_of_a_get_is_not_dropped() {
    let world = World::verifying();
    for sent in [request("GET", "/", "body").signed(), request("GET", "/", "body").signed().chunked()] {
        assert_eq!(world.send(sent).status, 200);
        assert_eq!(world.upstream.next().body, b"body");
    }
}

#[test]
fn an_encoded_body_is_not_decoded() {
    let world = World::verifying();
    world.send(post("/", b"\x1f\x8b\x08").signed().header("Content-Encoding", "gzip"));
    let seen = world.upstream.next();
    assert_eq!((seen.header("content-encoding"), seen.body.as_slice()), (Some("gzip"), b"\x1f\x8b\x08".as_slice()));
}

#[test]
fn the_answer_is_passed_on_as_it_is() {
    let world = World::verifying();
    world
        .upstream
        .answers_raw("HTTP/1.1 299 Odd\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nhi");
    let answer = world.send(get("/").signed());
    let cookies = answer.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).count();
    assert_eq!((answer.status, cookies, answer.body.as_slice()), (299, 2, b"hi".as_slice()));
}

#[test]
fn a_connection_carries_many_requests() {
    let world = World::verifying();
    let mut connection = world.connect();
    for number in 0..20 {
        let body = format!("{number}");
        assert_eq!(connection.exchange(&post("/", &body).signed()).body, body.as_bytes());
    }
    assert_eq!(world.upstream.connections(), 1, "upstream connections are kept alive");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let world = World::verifying();
    let mut connection = world.connect();
    let both = [post("/", "first").signed().bytes(), post("/", "second").signed().bytes()].concat();
    connection.write(&both);
    assert_eq!([connection.answer().body, connection.answer().body], [b"first".to_vec(), b"second".to_vec()]);
}
