//! Frames beside requests: enough for everybody who is polite, and an end for a flood of them.

use crate::world::{Config, Connection, World, get as ask};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const GOAWAY: u8 = 7;
const CALM: u8 = 11;
const CANCEL: u8 = 8;

fn open(config: Config) -> Config {
    config.route("path: /**, public: true, upstream: app")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /` in HPACK: three of the static table, and `localhost`.
fn get(stream: u32, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, 5, stream, &[b"\x82\x86\x84\x41\x09localhost", more].concat())
}

/// A connection that has said hello and then `bytes`.
fn connected(world: &World, bytes: &[u8]) -> Connection {
    let mut connection = world.connect();
    connection.write(&[PREFACE, &frame(4, 0, 0, b""), bytes].concat());
    connection
}

/// Reads frames until one is of that kind: its payload, `None` where the connection ends before.
fn next(connection: &mut Connection, kind: u8) -> Option<Vec<u8>> {
    loop {
        let head = connection.take(9);
        let [_, high, low, this, ..] = *head else { return None };
        let payload = connection.take(usize::from(high) << 8 | usize::from(low));
        if this == kind {
            return Some(payload);
        }
    }
}

/// What floods are made of.
fn kinds() -> [(&'static str, Vec<u8>, usize); 6] {
    [
        ("PING", frame(6, 0, 0, b"12345678"), 1000),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 0, 16]), 1000),
        ("WINDOW_UPDATE", frame(8, 0, 0, &[0, 0, 0, 1]), 1000),
        ("unknown", frame(0xfa, 0xff, 0, b"x"), 1000),
        (
            "SETTINGS that shrink and open windows",
            frame(4, 0, 0, &[0, 4, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]),
            100,
        ),
        ("SETTINGS that resize the table", frame(4, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]), 100),
    ]
}

#[test]
fn some_frames_beside_a_request_are_fine() {
    let world = World::with(open);
    for (name, one, most) in kinds() {
        let mut connection = connected(&world, &[one.repeat(most * 9 / 10), get(1, b"")].concat());
        assert!(next(&mut connection, HEADERS).is_some(), "{name}");
    }
}

#[test]
fn a_flood_of_frames_beside_requests_ends_the_connection() {
    let world = World::with(open);
    for (name, one, most) in kinds() {
        let mut connection = connected(&world, &one.repeat(most * 10));
        let told = next(&mut connection, GOAWAY).unwrap_or_else(|| panic!("no GOAWAY for {name}"));
        assert_eq!(told[7], CALM, "{name}");
        assert_eq!(next(&mut connection, GOAWAY), None, "{name}: the connection goes on");
    }
}

#[test]
fn requests_that_are_malformed_again_and_again_end_the_connection() {
    let world = World::with(open);
    let crumbs = b"\x60\x00".repeat(200);
    let mut connection = connected(&world, b"");
    let mut answered = 0;
    for number in 0..40 {
        connection.write(&get(1 + 2 * number, &crumbs));
        if next(&mut connection, HEADERS).is_none() {
            break;
        }
        answered += 1;
    }
    assert!((10..15).contains(&answered), "{answered} heads with too many fields were answered");
}

#[test]
fn who_resets_what_he_asks_for_is_told_to_be_calm() {
    let world = World::with(open);
    let one = |number: u32| [get(1 + 2 * number, b""), frame(RESET, 0, 1 + 2 * number, &[0, 0, 0, 8])].concat();
    let mut connection = connected(&world, b"");
    for number in 0..2000 {
        connection.write(&one(number));
    }
    assert_eq!(next(&mut connection, GOAWAY).unwrap()[7], CALM);
}

#[test]
fn a_connection_that_is_cut_off_is_counted_with_what_it_did() {
    let world = World::with(open);
    let crumbs = get(1, &b"\x60\x00".repeat(200));
    let malformed = (0..40).flat_map(|number| [&crumbs[..5], &u32::to_be_bytes(1 + 2 * number), &crumbs[9..]].concat());
    let resets = (0..2000).flat_map(|number| {
        let stream = 1 + 2 * number;
        [get(stream, b""), frame(RESET, 0, stream, &[0, 0, 0, 8])].concat()
    });
    for (reason, bytes) in [
        ("frames", frame(6, 0, 0, b"12345678").repeat(10_000)),
        ("settings", frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]).repeat(1000)),
        ("malformed", malformed.collect()),
        ("resets", resets.collect()),
    ] {
        let mut connection = connected(&world, &bytes);
        assert!(next(&mut connection, GOAWAY).is_some(), "{reason}");
        let metrics = String::from_utf8(world.ask("health", ask("/metrics")).body).unwrap();
        let counted = format!("countersign_connections_cut_off_total{{listener=\"public\",reason=\"{reason}\"}} 1");
        assert!(metrics.lines().any(|line| line == counted), "{counted}: {metrics}");
    }
}

/// SETTINGS after which an answer may send no byte of its body.
const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

#[test]
fn an_answer_that_may_not_be_sent_ends_in_its_time() {
    let world = World::with(|config| {
        let signed = "path: /signed, verify: {scheme: timestamp-body, keys: partners}, upstream: app";
        let total = "path: /**, public: true, timeouts: {total: 300ms}, upstream: app";
        config.public("timeouts: {write: 300ms}").route(signed).route(total)
    });
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    world.upstream.answers_raw([answer.into_bytes(), vec![b'x'; 1 << 20]].concat());
    let refused = frame(HEADERS, 5, 1, b"\x82\x86\x04\x07/signed\x41\x09localhost");
    for request in [get(1, b""), refused] {
        let mut connection = connected(&world, &[frame(4, 0, 0, &NO_WINDOW), request].concat());
        assert_eq!(next(&mut connection, RESET), Some(vec![0, 0, 0, CANCEL]));
    }
}
