//! A verified answer that streams: the client sees its bytes before the verdict, and its end only after a good one.

use crate::world::{Config, NOW, OTHER, Request, Response, SECRET, Signing, World, get, mac, post};

const ROUTE: &str = "path: /**, public: true, response: {verify: {scheme: timestamp-body, keys: partners}, body: stream}, upstream: app";

fn streaming() -> World {
    World::with(|config| config.route(ROUTE))
}

/// The head of an answer whose evidence is `secret`'s signature over `body`.
fn head(secret: &str, body: &str, framing: &str) -> String {
    let stamp = NOW.to_string();
    let signature = mac(secret, &stamp, body.as_bytes());
    format!("HTTP/1.1 200 OK\r\nX-HMAC-Timestamp: {stamp}\r\nX-HMAC-Signature: {signature}\r\n{framing}\r\n\r\n")
}

fn chunked(pieces: &[&str]) -> String {
    let pieces: Vec<_> = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("{}0\r\n\r\n", pieces.concat())
}

/// The same answer with a length, and in chunks; signed by `secret` for `signed` instead of what it says.
fn both(secret: &str, signed: &str, pieces: &[&str]) -> [String; 2] {
    let body = pieces.concat();
    [
        format!("{}{body}", head(secret, signed, &format!("Content-Length: {}", body.len()))),
        format!("{}{}", head(secret, signed, "Transfer-Encoding: chunked"), chunked(pieces)),
    ]
}

/// The answer with the signature behind the body.
fn trailed(body: &str, signature: &str) -> String {
    let head = format!("HTTP/1.1 200 OK\r\nX-HMAC-Timestamp: {NOW}\r\nTrailer: X-HMAC-Signature, X-Sum\r\n");
    let pieces = chunked(&[body]);
    let pieces = pieces.strip_suffix("\r\n").unwrap();
    format!("{head}Transfer-Encoding: chunked\r\n\r\n{pieces}X-HMAC-Signature: {signature}\r\nX-Sum: 1\r\n\r\n")
}

#[track_caller]
fn assert_whole(answer: &Response, body: &str) {
    let seen = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!((answer.status, answer.complete, seen.as_str()), (200, true, body));
}

/// Its head and perhaps some bytes were seen, and neither the last ones nor the end.
#[track_caller]
fn assert_broken(answer: &Response, body: &str) {
    assert_eq!((answer.status, answer.complete), (200, false));
    assert!(answer.body.len() < body.len(), "{:?}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn bytes_reach_the_client_before_the_last_ones_have_come() {
    let world = streaming();
    let head = head(SECRET, "one two three ", "Transfer-Encoding: chunked");
    let first = format!("{head}4\r\none \r\n");
    let release = world.upstream.answers_in_parts(&[&first, "4\r\ntwo \r\n", "6\r\nthree \r\n", "0\r\n\r\n"]);
    let mut connection = world.connect();
    connection.write(&get("/").bytes());
    assert_eq!(connection.next_head().status, 200);
    release.one();
    assert_eq!(connection.take(9), b"4\r\none \r\n");
    release.one();
    assert_eq!(connection.take(9), b"4\r\ntwo \r\n");
    release.one();
    assert_eq!(connection.take(16), b"6\r\nthree \r\n0\r\n\r\n");
}

#[test]
fn an_answer_that_holds_arrives_whole_whatever_its_framing() {
    let (plain, secure) = (streaming(), World::with(|config| config.over_tls().route(ROUTE)));
    let long = "x".repeat(100_000);
    for pieces in [&["hello"][..], &["hel", "lo"], &[&long, "end"]] {
        for answer in both(SECRET, &pieces.concat(), pieces) {
            plain.upstream.answers_raw(answer.clone());
            assert_whole(&plain.send(get("/")), &pieces.concat());
            secure.upstream.answers_raw(answer);
            assert_whole(&secure.send_h2(get("/")), &pieces.concat());
        }
    }
}

#[test]
fn an_answer_that_does_not_hold_breaks_off_before_its_end() {
    let (plain, secure) = (streaming(), World::with(|config| config.over_tls().route(ROUTE)));
    let long = "x".repeat(100_000);
    for (secret, signed, pieces) in [
        (OTHER, "hello", &["hel", "lo"][..]),
        (SECRET, "hello", &["hul", "lo"]),
        (SECRET, "hello", &["hullo"]),
        (SECRET, "hello", &["hello", "!"]),
        (SECRET, "hello", &[&long, "end"]),
    ] {
        for answer in both(secret, signed, pieces) {
            plain.upstream.answers_raw(answer.clone());
            assert_broken(&plain.send(get("/")), &pieces.concat());
            secure.upstream.answers_raw(answer);
            assert_broken(&secure.send_h2(get("/")), &pieces.concat());
        }
    }
}

#[test]
fn an_answer_that_broke_off_is_told_as_unverified() {
    let mut world = streaming();
    let [answer, _] = both(SECRET, "hello", &["hullo"]);
    world.upstream.answers_raw(answer);
    assert_broken(&world.send(get("/")), "hullo");
    world.upstream.answers_raw(both(SECRET, "hello", &["hello"])[0].clone());
    assert_whole(&world.send(get("/")), "hello");
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    assert!(metrics.lines().any(|line| line.contains("answer_unverified") && line.contains("refused")), "{metrics}");
    world.stop();
    let lines = world.audit();
    let told = |line: &serde_json::Value| {
        (line["verdict"].as_str().unwrap().to_owned(), line["status"].clone(), line["truncated"].clone())
    };
    assert_eq!(told(&lines[0]), ("refused".to_owned(), 200.into(), true.into()), "{}", lines[0]);
    assert_eq!(lines[0]["code"], "answer_unverified");
    assert!(lines[0]["note"].as_str().unwrap().starts_with("signature_invalid"), "{}", lines[0]);
    assert_eq!(told(&lines[1]), ("public".to_owned(), 200.into(), false.into()), "{}", lines[1]);
}

#[test]
fn what_the_head_decides_is_a_bad_gateway_and_nothing_of_it_is_seen() {
    let world = streaming();
    let stale = format!("{}", NOW - 61);
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
        both(SECRET, "hello", &["hello"])[0].replace(&NOW.to_string(), &stale),
        trailed("hello", &mac(SECRET, &NOW.to_string(), b"hello")).replace(&NOW.to_string(), &stale),
        trailed("hello", &mac(SECRET, &NOW.to_string(), b"hello"))
            .replace("Trailer: X-HMAC-Signature, X", "Trailer: X"),
    ] {
        world.upstream.answers_raw(answer.clone());
        assert_eq!(world.send(get("/")).refusal(), (502, "answer_unverified".to_owned()), "{answer}");
    }
}

/// Its head would be the whole message.
#[test]
fn an_answer_without_a_body_is_judged_before_its_head_leaves() {
    let world = streaming();
    for (secret, status) in [(SECRET, 200), (OTHER, 502)] {
        world.upstream.answers_raw(head(secret, "", "Content-Length: 0"));
        assert_eq!(world.send(get("/")).status, status);
        world.upstream.answers_raw(head(secret, "", "Content-Length: 5"));
        assert_eq!(world.send(get("/").by("HEAD")).status, status);
    }
    for (secret, status) in [(SECRET, 304), (OTHER, 502)] {
        world.upstream.answers_raw(head(secret, "", "ETag: x").replace("200 OK", "304 Not Modified"));
        assert_eq!(world.send(get("/")).status, status);
    }
}

/// It takes the end of the connection for the end of the answer.
#[test]
fn a_client_of_http_1_0_gets_an_answer_of_unknown_length_after_the_verdict() {
    let world = streaming();
    for (signed, status) in [("hello", 200), ("hullo", 502)] {
        world.upstream.answers_raw(both(SECRET, signed, &["hello"])[1].clone());
        let mut connection = world.connect();
        connection.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
        assert_eq!(connection.answer().status, status);
    }
}

#[test]
fn a_signature_may_follow_the_body_where_it_is_announced() {
    let good = mac(SECRET, &NOW.to_string(), b"hello");
    let hold = ROUTE.replace(", body: stream", "");
    for (route, is_held) in [(ROUTE, false), (hold.as_str(), true)] {
        let world = World::with(|config| config.route(route));
        world.upstream.answers_raw(trailed("hello", &good));
        let mut connection = world.connect();
        connection.write(&get("/").header("TE", "trailers").bytes());
        let answer = connection.answer();
        assert_whole(&answer, "hello");
        assert_eq!(answer.trailer("x-sum"), None, "no signature covers it");
        for signature in [mac(OTHER, &NOW.to_string(), b"hello"), String::new(), "x".to_owned(), format!("{good}00")] {
            world.upstream.answers_raw(trailed("hello", &signature));
            let refused = world.send(get("/"));
            if is_held {
                assert_eq!(refused.refusal(), (502, "answer_unverified".to_owned()));
            } else {
                assert_broken(&refused, "hello");
            }
        }
        world.upstream.answers_raw(trailed("hullo", &good));
        assert_ne!(world.send(get("/")).body, b"hullo");
    }
}

#[test]
fn trailers_are_asked_for_where_a_signature_may_come_in_them() {
    for (route, asked) in [(ROUTE, Some("trailers")), (&*ROUTE.replace(", body: stream", ""), None)] {
        let world = World::with(|config| config.route(route));
        world.upstream.answers_raw(both(SECRET, "hello", &["hello"])[0].clone());
        world.send(get("/"));
        assert_eq!(world.upstream.next().header("te"), asked);
    }
}

#[test]
fn what_one_gateway_signs_behind_a_stream_another_verifies_as_it_streams() {
    let inner = World::with(|config| {
        config.route("path: /**, public: true, response: {sign: {scheme: timestamp-body, keys: partners}, body: stream}, upstream: app")
    });
    inner.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let upstream = format!("inner: {{url: \"http://{}\"}}", inner.address());
    let behind = |config: Config| config.upstream(&upstream).route(&ROUTE.replace("upstream: app", "upstream: inner"));
    let mut outer = World::with(behind);
    assert_whole(&outer.send(get("/")), "hello");
    outer.keys.swap(&[("k1", OTHER)]);
    assert!(outer.reload());
    assert_broken(&outer.send(get("/")), "hello");
    outer.stop();
}

/// Of a digest scheme the head is judged at once, and the digest as the body passes.
#[test]
fn an_answer_with_a_content_digest_streams_too() {
    let other = World::with(|config| {
        config.route("path: /**, public: true, response: {sign: {scheme: rfc9421, keys: partners}}, upstream: app")
    });
    other.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let signed = other.send(get("/"));
    let names = ["signature-input", "signature", "content-digest"];
    let lines = names.map(|name| format!("{name}: {}\r\n", signed.header(name).unwrap())).concat();
    let world = World::with(|config| config.route(&ROUTE.replace("timestamp-body", "rfc9421")));
    let told = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{lines}\r\n{body}");
    let ask = |request: Request| world.send(request.with("Host", "localhost"));
    world.upstream.answers_raw(told("hello"));
    assert_whole(&ask(get("/")), "hello");
    assert_eq!(ask(get("/other")).refusal(), (502, "answer_unverified".to_owned()));
    world.upstream.answers_raw(told("hullo"));
    assert_broken(&ask(get("/")), "hullo");
}

#[test]
fn a_held_signature_of_ours_is_not_made_over_an_answer_that_does_not_hold() {
    let both_ways = ROUTE.replace("body: stream", "sign: {scheme: timestamp-body, keys: partners}, body: stream");
    let world = World::with(|config| config.route(&both_ways));
    for (signed, status) in [("hello", 200), ("hullo", 502)] {
        world.upstream.answers_raw(both(SECRET, signed, &["hello"])[0].clone());
        assert_eq!(world.send(get("/")).status, status);
    }
    let mut connection = world.connect();
    connection.write(&get("/").header("TE", "trailers").bytes());
    let answer = connection.answer();
    assert_broken(&answer, "hello");
    assert_eq!(answer.trailer("x-hmac-signature"), None);
}

/// Whether the service took a request is not known from an answer that does not hold.
#[test]
fn a_request_is_done_when_its_answer_held() {
    for body in ["stream", "hold"] {
        let world = World::with(|config| {
            let verify = "verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}";
            config.route(&ROUTE.replace("public: true", &format!("{verify}, body: {body}")))
        });
        for (signed, code) in [("hello", "replayed"), ("hullo", "replay_unsettled")] {
            let request = post("/", signed).signed();
            world.upstream.answers_raw(both(SECRET, signed, &["hello"])[0].clone());
            assert_eq!(world.send(request.clone()).complete, signed == "hello", "{body}");
            assert_eq!(world.send(request).refusal(), (409, code.to_owned()), "{body}");
        }
    }
}
