//! RFC 9421 over sockets: what one gateway signs another accepts, once, unchanged, and bound to its request.

use crate::world::{Request, Response, Seen, World, get, post};

const CARRIERS: [&str; 2] = ["signature-input", "signature"];

fn signed() -> Seen {
    let world = World::with(|config| config.route("path: /**, sign: {scheme: rfc9421, keys: partners}, upstream: app"));
    assert_eq!(world.send(post("/v1/things?b=2&a=1", "{\"a\": 1}")).status, 200);
    world.upstream.next()
}

fn again(seen: &Seen, body: &str) -> Request {
    let request = post("/v1/things?b=2&a=1", body).with("Host", seen.header("host").unwrap());
    let headers = CARRIERS.into_iter().chain(["content-digest"]);
    headers.fold(request, |request, name| request.header(name, seen.header(name).unwrap()))
}

#[test]
fn what_one_gateway_signs_another_accepts_once_and_unchanged() {
    let seen = signed();
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: rfc9421, keys: partners}, replay: {by: signature}, upstream: app")
    });
    assert_eq!(world.send(again(&seen, "{\"a\": 2}")).refusal(), (401, "digest_invalid".to_owned()));
    let elsewhere = again(&seen, "{\"a\": 1}").towards("/v1/things?b=2&a=2");
    assert_eq!(world.send(elsewhere).refusal(), (401, "signature_invalid".to_owned()));
    assert_eq!(world.send(again(&seen, "{\"a\": 1}")).status, 200);
    assert_eq!(world.send(again(&seen, "{\"a\": 1}")).status, 409);
    assert_eq!(world.send(post("/v1/things", "")).refusal(), (401, "signature_missing".to_owned()));
}

fn answered(answer: &Response, asked: Request) -> u16 {
    let world = World::with(|config| {
        config.route("path: /**, public: true, response: {verify: {scheme: rfc9421, keys: partners}}, upstream: app")
    });
    let headers = CARRIERS.into_iter().chain(["content-digest"]);
    let lines: Vec<String> = headers.map(|name| format!("{name}: {}", answer.header(name).unwrap())).collect();
    let lines = lines.join("\r\n");
    world.upstream.answers_raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{lines}\r\n\r\nhello"));
    world.send(asked).status
}

#[test]
fn an_answer_is_believed_as_the_answer_to_its_own_request_only() {
    let world = World::with(|config| {
        config.route("path: /**, public: true, response: {sign: {scheme: rfc9421, keys: partners}}, upstream: app")
    });
    world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let ask = |target: &str| get(target).with("Host", "api.test");
    let answer = world.send(ask("/mine?a=1"));
    assert_eq!(answered(&answer, ask("/mine?a=1")), 200);
    assert_eq!(answered(&answer, ask("/mine?a=2")), 502);
    assert_eq!(answered(&answer, ask("/mine?a=1").with("Host", "other.test")), 502);
}
