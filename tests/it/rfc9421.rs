//! RFC 9421 over sockets: what one gateway signs another accepts, once, unchanged, and bound to its request.

use countersign::sig::encoding::Encoding;
use countersign::sig::mac::{Algorithm, Mac};

use crate::world::{OTHER, Request, Response, SECRET, Seen, World, get, post};

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

/// A signature of `GET /` under `label`, made by the gateway with one key.
fn sealed(world: &mut World, (label, life): (&str, &str), key: (&str, &str)) -> Seen {
    world.keys.swap(&[key]);
    let scheme = format!("{label}: {{rfc9421: {{label: {label}, expires: {life}, nonce: required}}}}");
    let route = format!("path: /**, sign: {{scheme: {label}, keys: partners}}, upstream: app");
    world.rewrite(|config| config.no_routes().scheme(&scheme).route(&route));
    assert!(world.reload());
    assert_eq!(world.send(get("/")).status, 200);
    world.upstream.next()
}

#[test]
fn a_nonce_is_remembered_until_the_last_signature_beside_it_is_over() {
    let mut signer = World::with(|config| config.route("path: /**, public: true, upstream: app"));
    let soon = sealed(&mut signer, ("a", "10s"), ("k1", SECRET));
    let late = sealed(&mut signer, ("b", "200s"), ("k2", OTHER));
    let carrying = |all: &[&Seen]| {
        let value = |name: &str| all.iter().map(|seen| seen.header(name).unwrap()).collect::<Vec<_>>().join(", ");
        let request = get("/").with("Host", soon.header("host").unwrap());
        CARRIERS.into_iter().fold(request, |request, name| request.header(name, value(name)))
    };
    for order in [[&soon, &late], [&late, &soon]] {
        let rules = "replay: {by: nonce}, timeouts: {total: 20s}";
        let route = format!("path: /**, verify: {{scheme: both, keys: partners}}, {rules}, upstream: app");
        let world = World::with(|config| config.scheme("both: {rfc9421: {nonce: required}}").route(&route));
        world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
        assert!(world.reload());
        assert_eq!(world.send(carrying(&order)).status, 200);
        for alone in [&soon, &late] {
            assert_eq!(world.send(carrying(&[alone])).refusal(), (409, "replayed".to_owned()));
        }
        assert_eq!(world.at(199).send(carrying(&[&late])).refusal(), (409, "replayed".to_owned()));
        assert_eq!(world.at(200).send(carrying(&[&late])).refusal(), (401, "timestamp_outside_window".to_owned()));
    }
}

#[test]
fn an_answer_is_signed_for_the_public_url_of_the_route_or_else_the_listener() {
    for (own, host) in [("", "of-listener.test"), (", public_url: \"https://of-route.test\"", "of-route.test")] {
        let world = World::with(|config| {
            config
                .public("public_url: \"https://of-listener.test\"")
                .scheme(
                    "outside: {rfc9421: {authority: public_url, body: optional, response: \
                     {require: ['\"@scheme\";req', '\"@authority\";req'], components: ['\"@scheme\";req', '\"@authority\";req']}}}",
                )
                .route(&format!(
                    "path: /**, public: true, response: {{sign: {{scheme: outside, keys: partners}}}}, upstream: app{own}"
                ))
        });
        world.upstream.answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let answer = world.send(get("/").with("Host", "inside.test"));
        let params = answer.header("signature-input").unwrap();
        let params = params.strip_prefix("sig1=").unwrap();
        let base = format!("\"@scheme\";req: https\n\"@authority\";req: {host}\n\"@signature-params\": {params}");
        let mut mac = Mac::keyed(Algorithm::Sha256, SECRET.as_bytes());
        mac.update(base.as_bytes());
        let expected = format!("sig1=:{}:", Encoding::Base64.encode(&mac.finish()));
        assert_eq!(answer.header("signature"), Some(expected), "{host}");
    }
}
