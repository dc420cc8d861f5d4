//! Behind a load balancer that only passes bytes on, the PROXY header says where a connection comes from.

use crate::world::{Config, Connection, Signing, World, get, post};

const OPEN: &str = "path: /**, public: true, upstream: app";

fn behind(config: Config) -> Config {
    config.public("proxy_protocol: {from: [127.0.0.0/8]}")
}

/// A header of version 2 for a client with an IPv4 address, with an addition.
fn introduced(address: [u8; 4]) -> Vec<u8> {
    let addresses = [&address[..], &[127, 0, 0, 1], &40_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
    [b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x11".as_slice(), &addresses, b"\x04\x00\x02hi"].concat()
}

fn line(text: &str) -> Vec<u8> {
    format!("PROXY {text}\r\n").into_bytes()
}

fn connect(world: &World, header: &[u8]) -> Connection {
    let mut connection = world.connect();
    connection.write(header);
    connection
}

#[test]
fn rules_limits_headers_and_logs_know_the_real_address() {
    let mut world = World::with(|config| {
        let route = "sources: [192.0.2.0/24, 127.0.0.1], rate: {source: {limit: 1/m, burst: 1}}";
        behind(config).route(&format!("{OPEN}, {route}"))
    });
    let ask = |header: &[u8]| connect(&world, header).exchange(&get("/")).refusal();
    let passed = || (200, String::new());
    let refused = |status: u16, code: &str| (status, code.to_owned());

    assert_eq!(ask(&introduced([192, 0, 2, 1])), passed());
    assert_eq!(world.upstream.next().header("x-forwarded-for"), Some("192.0.2.1"));
    assert_eq!(ask(&introduced([192, 0, 2, 1])), refused(429, "source_rate_exceeded"));
    assert_eq!(ask(&line("TCP4 192.0.2.2 127.0.0.1 40000 443")), passed());
    assert_eq!(world.upstream.next().header("x-forwarded-for"), Some("192.0.2.2"));
    assert_eq!(ask(&introduced([203, 0, 113, 1])), refused(403, "source_refused"));
    assert_eq!(ask(&line("TCP6 2001:db8::1 ::1 40000 443")), refused(403, "source_refused"));
    // A health check is the balancer itself; a client without an internet address is not.
    assert_eq!(ask(b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"), passed());
    assert_eq!(world.upstream.next().header("x-forwarded-for"), Some("127.0.0.1"));
    for nobody in
        [line("UNKNOWN"), line("UNKNOWN 127.0.0.1 127.0.0.1 1 2"), b"\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00".to_vec()]
    {
        assert_eq!(ask(&nobody), refused(403, "source_refused"));
    }

    world.stop();
    let peers: Vec<_> = world.audit().iter().map(|line| line["peer"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(peers.contains(&"203.0.113.1".to_owned()) && peers.contains(&"2001:db8::1".to_owned()), "{peers:?}");
}

#[test]
fn a_connection_without_the_header_is_closed_and_counted() {
    let world = World::with(|config| behind(config).route(OPEN));
    for first in [
        &get("/").bytes()[..],
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 nonsense\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x0c\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        assert!(connect(&world, first).is_closed(), "{:?}", String::from_utf8_lossy(first));
    }
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    let counted = "countersign_connections_turned_away_total{listener=\"public\",reason=\"proxy\"} 6";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn whoever_is_not_a_balancer_cannot_say_where_he_comes_from() {
    let world = World::with(|config| config.public("proxy_protocol: {from: [192.0.2.0/24]}").route(OPEN));
    assert!(connect(&world, &introduced([192, 0, 2, 1])).is_closed());
    let world = World::with(|config| config.route(OPEN));
    let answer = connect(&world, &line("TCP4 192.0.2.2 127.0.0.1 1 2")).exchange(&get("/"));
    assert_eq!(answer.status, 400, "a listener that expects none takes it for a request");
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn a_header_that_does_not_come_is_not_waited_for_forever() {
    let world = World::with(|config| behind(config).public("timeouts: {handshake: 100ms}").route(OPEN));
    for part in [&b""[..], b"PROXY TCP4 192.0.2.1 ", &introduced([192, 0, 2, 1])[..20]] {
        assert!(connect(&world, part).is_closed(), "{part:?}");
    }
}

#[test]
fn a_header_may_come_in_pieces_and_together_with_requests() {
    let world = World::with(|config| behind(config).route(OPEN));
    let request = post("/", "one body").header("Connection", "close").bytes();
    for header in [introduced([192, 0, 2, 1]), line("TCP4 192.0.2.1 127.0.0.1 1 2")] {
        let whole = [&header[..], &request].concat();
        for cut in [1, 13, 16, 20, header.len(), header.len() + 5] {
            let mut connection = connect(&world, &whole[..cut]);
            connection.write(&whole[cut..]);
            let answer = connection.answer();
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"one body".as_slice()), "{cut}");
        }
    }
}

#[test]
fn the_header_comes_before_tls_and_the_signature_is_judged_as_ever() {
    let world = World::with(|config| {
        behind(config).over_tls().route(
            "path: /**, sources: [192.0.2.0/24], verify: {scheme: timestamp-body, keys: partners}, upstream: app",
        )
    });
    let tls = |address| world.connect_tls_after(&introduced(address), None);
    assert_eq!(tls([192, 0, 2, 1]).exchange(&post("/", "{}").signed()).status, 200);
    let forged = post("/", "{}").signed().tampered("[]");
    assert_eq!(tls([192, 0, 2, 1]).exchange(&forged).refusal(), (401, "signature_invalid".to_owned()));
    assert_eq!(tls([203, 0, 113, 1]).exchange(&post("/", "{}").signed()).refusal(), (403, "source_refused".to_owned()));
}

#[test]
fn forwarded_addresses_are_believed_of_a_trusted_client_behind_the_balancer_only() {
    let world = World::with(|config| behind(config).public("trusted: [10.0.0.0/8]").route(OPEN));
    for (client, seen) in [([10, 0, 0, 1], "198.51.100.1, 10.0.0.1"), ([192, 0, 2, 1], "192.0.2.1")] {
        let request = get("/").header("X-Forwarded-For", "198.51.100.1");
        assert_eq!(connect(&world, &introduced(client)).exchange(&request).status, 200);
        assert_eq!(world.upstream.next().header("x-forwarded-for"), Some(seen));
    }
}

#[test]
fn connections_of_a_source_are_counted_by_its_real_address() {
    let world = World::with(|config| behind(config).public("limits: {connections_per_source: 1}").route(OPEN));
    let mut first = connect(&world, &introduced([192, 0, 2, 1]));
    assert_eq!(first.exchange(&get("/")).status, 200);
    assert!(connect(&world, &introduced([192, 0, 2, 1])).is_closed());
    assert_eq!(connect(&world, &introduced([192, 0, 2, 2])).exchange(&get("/")).status, 200);
}
