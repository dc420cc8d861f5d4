//! The upstream's answers: verified before the client sees any of them, and signed on their way back.

use crate::world::{NOW, OTHER, Response, SECRET, World, get, mac, post};

fn signing(more: &str) -> World {
    World::with(|config| {
        config.route(&format!(
            "path: /**, public: true, response: {{sign: {{scheme: timestamp-body, keys: partners}}{more}}}, upstream: app"
        ))
    })
}

fn verifying() -> World {
    World::with(|config| {
        config.route(
            "path: /**, public: true, response: {verify: {scheme: timestamp-body, keys: partners}, max: 1KiB}, upstream: app",
        )
    })
}

fn raw(stamp: &str, signature: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nX-HMAC-Timestamp: {stamp}\r\nX-HMAC-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[track_caller]
fn assert_signed(answer: &Response) {
    let stamp = NOW.to_string();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-hmac-timestamp"), Some(stamp.clone()));
    assert_eq!(answer.header("x-hmac-signature"), Some(mac(SECRET, &stamp, &answer.body)));
}

#[test]
fn an_answer_is_signed_whatever_its_framing() {
    let world = signing("");
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-HMAC-Signature: forged\r\n\r\n",
    ];
    for answer in answers {
        world.upstream.answers_raw(answer);
        assert_signed(&world.send(get("/")));
    }
}

#[test]
fn an_answer_over_http2_is_signed_too() {
    let world = World::with(|config| {
        config
            .over_tls()
            .route("path: /**, public: true, response: {sign: {scheme: timestamp-body, keys: partners}}, upstream: app")
    });
    world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_signed(&world.send_h2(get("/")));
}

#[test]
fn a_client_that_takes_trailers_gets_the_signature_behind_a_streamed_body() {
    let world = signing(", body: stream");
    world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let mut connection = world.connect();
    connection.write(&get("/").header("TE", "trailers").bytes());
    let answer = connection.answer();
    let stamp = NOW.to_string();
    assert_eq!(
        (answer.header("x-hmac-timestamp"), answer.header("trailer")),
        (Some(stamp.clone()), Some("x-hmac-signature".to_owned()))
    );
    assert_eq!(answer.body, b"hello");
    assert_eq!(answer.trailer("x-hmac-signature"), Some(mac(SECRET, &stamp, b"hello")));
}

#[test]
fn a_client_that_takes_none_gets_it_in_the_head() {
    let world = signing(", body: stream");
    world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_signed(&world.send(get("/")));
}

#[test]
fn an_answer_that_is_signed_passes_as_it_came() {
    let world = verifying();
    let stamp = NOW.to_string();
    world.upstream.answers_raw(raw(&stamp, &mac(SECRET, &stamp, b"hello"), "hello"));
    let answer = world.send(post("/", "{}"));
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
}

#[test]
fn trailers_that_no_signature_covers_stay_behind() {
    let world = verifying();
    let stamp = NOW.to_string();
    let signature = mac(SECRET, &stamp, b"hello");
    world.upstream.answers_raw(format!(
        "HTTP/1.1 200 OK\r\nX-HMAC-Timestamp: {stamp}\r\nX-HMAC-Signature: {signature}\r\nTrailer: x-result\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-result: approved\r\n\r\n"
    ));
    let mut connection = world.connect();
    connection.write(&get("/").header("TE", "trailers").bytes());
    let answer = connection.answer();
    assert_eq!((answer.status, answer.body.as_slice(), answer.trailer("x-result")), (200, &b"hello"[..], None));
}

#[test]
fn an_answer_to_head_is_signed_and_ends_with_its_head() {
    let world = signing("");
    world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let answer = world.send(get("/").by("HEAD"));
    let stamp = NOW.to_string();
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("5".to_owned())));
    assert_eq!(answer.header("x-hmac-signature"), Some(mac(SECRET, &stamp, b"")));
}

#[test]
fn an_answer_that_is_not_is_a_bad_gateway_and_nothing_of_it_is_seen() {
    let mut world = verifying();
    let (stamp, stale) = (NOW.to_string(), (NOW - 61).to_string());
    let cases = [
        (raw(&stamp, &mac(OTHER, &stamp, b"hello"), "hello"), "signature_invalid"),
        (raw(&stamp, &mac(SECRET, &stamp, b"hello"), "hullo"), "signature_invalid"),
        (raw(&stale, &mac(SECRET, &stale, b"hello"), "hello"), "timestamp_outside_window"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), "signature_missing"),
    ];
    for (answer, _) in &cases {
        world.upstream.answers_raw(answer.clone());
        let refused = world.send(get("/"));
        assert_eq!(refused.refusal(), (502, "answer_unverified".to_owned()));
        assert_eq!(refused.header("x-hmac-signature"), None);
    }
    world.stop();
    let lines = world.audit();
    assert_eq!(lines.len(), cases.len());
    for (line, (_, why)) in lines.iter().zip(&cases) {
        assert!(line["note"].as_str().unwrap().starts_with(why), "{line}");
    }
}

#[test]
fn an_answer_above_the_bound_is_not_held() {
    let world = verifying();
    let (stamp, body) = (NOW.to_string(), "x".repeat(1025));
    world.upstream.answers_raw(raw(&stamp, &mac(SECRET, &stamp, body.as_bytes()), &body));
    assert_eq!(world.send(get("/")).refusal(), (502, "answer_too_large".to_owned()));
}

#[test]
fn what_one_gateway_signs_another_verifies() {
    let inner = signing("");
    inner.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let signed = inner.send(get("/"));
    let outer = verifying();
    let (stamp, signature) = (signed.header("x-hmac-timestamp").unwrap(), signed.header("x-hmac-signature").unwrap());
    outer.upstream.answers_raw(raw(&stamp, &signature, "hello"));
    assert_eq!(outer.send(get("/")).status, 200);
}
