//! Heads, targets and framing as they arrive on a socket.

use super::*;

#[test]
fn exactly_one_valid_host_or_400() {
    let running = serve(&listener(limits::Connection::default()));
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
        ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "405"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ];
    for (request, expected) in cases {
        assert_eq!(status(&ask(&running, request)), expected, "{request}");
    }
}

#[test]
fn framing_that_can_be_read_in_two_ways_is_refused() {
    let running = serve(&listener(limits::Connection::default()));
    let cases = [
        ("Content-Length: 3\r\n\r\nabc", "200"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200"),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("Transfer-Encoding: identity\r\n\r\n", "400"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("Content-Length: +3\r\n\r\nabc", "400"),
        ("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"),
        ("Content_Length: 3\r\n\r\n", "400"),
        ("Expect: later\r\nContent-Length: 0\r\n\r\n", "417"),
    ];
    for (rest, expected) in cases {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
        assert_eq!(status(&ask(&running, &request)), expected, "{rest}");
    }
    let old = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(&ask(&running, old)), "400");
}

#[test]
fn a_target_is_kept_as_it_is_or_refused() {
    let running = serve(&listener(limits::Connection { target_max: 20, head_max: 1000, ..Default::default() }));
    let target = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let field = |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(length));
    let cases = [
        (target("/%00;a=1//.."), "200"),
        (target("/a#fragment"), "400"),
        (target("/\u{e9}"), "400"),
        (target(&format!("/{}", "a".repeat(19))), "200"),
        (target(&format!("/{}", "a".repeat(20))), "414"),
        (field(900), "200"),
        (field(1000), "431"),
        (field(100_000), "431"),
    ];
    for (request, expected) in cases {
        assert_eq!(status(&ask(&running, &request)), expected, "{request:.60}");
    }
}

#[test]
fn continue_is_said_only_when_the_body_is_wanted() {
    let running = serve(&listener(limits::Connection::default()));
    let head = |path| format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let first = |path| {
        let mut client = connect(&running);
        client.write_all(head(path).as_bytes()).unwrap();
        let mut line = [0; 12];
        client.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line).into_owned()
    };
    assert_eq!(first("/"), "HTTP/1.1 100");
    assert_eq!(first("/early"), "HTTP/1.1 401");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = serve(&listener(limits::Connection::default()));
    let response = ask(&running, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let (first, second) = (response.find("GET /1").unwrap(), response.find("GET /2").unwrap());
    assert!(first < second);
}

/// CVE-2026-2833: they were said to HTTP, and must not become the first bytes of the tunnel.
#[test]
fn bytes_between_an_upgrade_and_its_101_end_the_connection() {
    const ASK: &str = "GET /switch HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let running = serve(&listener(limits::Connection::default()));
    for (early, granted) in [("", true), ("GET /stolen HTTP/1.1\r\nHost: a\r\n\r\n", false), ("x", false)] {
        let mut client = connect(&running);
        client.write_all(ASK.as_bytes()).unwrap();
        SWITCH.arrived.wait();
        client.write_all(early.as_bytes()).unwrap();
        SWITCH.written.wait();
        let mut answer = [0; 12];
        let read = client.read(&mut answer).unwrap_or(0);
        assert_eq!(answer[..read].starts_with(b"HTTP/1.1 101"), granted, "{early:?}");
    }
}
