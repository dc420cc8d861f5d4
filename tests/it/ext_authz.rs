//! Envoy asks by gRPC: a message in, the verdict with its headers out, and every byte of the request judged as it was sent.

use crate::world::{NOW, Request, Response, SECRET, World, mac, post};

const PLACE: &str = "/envoy.service.auth.v3.Authorization/Check";
const ROUTE: &str =
    "path: /orders/**, methods: [POST], verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}";

fn world() -> World {
    World::with(|config| config.over_tls().public("forward_auth: {from: envoy, body: true}").route(ROUTE))
}

/// A length-delimited field of a protobuf message.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        out.push(u8::try_from(length & 127).unwrap() | 128);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    [&out[..], bytes].concat()
}

/// A request as Envoy tells of it, in its own numbers.
#[derive(Clone)]
struct Told {
    path: &'static str,
    lines: Vec<(&'static str, String)>,
    body: &'static [u8],
    raw: bool,
}

impl Told {
    /// Signed, with the mark that its body is whole.
    fn signed(body: &'static [u8]) -> Self {
        let now = NOW.to_string();
        let signature = mac(SECRET, &now, body);
        let length = body.len().to_string();
        let lines = vec![
            (":method", "POST".to_owned()),
            ("x-hmac-timestamp", now),
            ("x-hmac-signature", signature),
            ("content-length", length),
            ("x-envoy-auth-partial-body", "false".to_owned()),
        ];
        Self { path: "/orders/7?a=%2F", lines, body, raw: true }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.lines.retain(|(have, _)| *have != name);
        self.and(name, value)
    }

    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.lines.push((name, value.to_owned()));
        self
    }

    fn message(&self) -> Vec<u8> {
        let line = |(name, value): &(&str, String)| {
            field(1, &[field(1, name.as_bytes()), field(3, value.as_bytes())].concat())
        };
        let lines: Vec<u8> = self.lines.iter().flat_map(line).collect();
        let mut http = [field(2, b"POST"), field(4, self.path.as_bytes()), field(5, b"shop.example")].concat();
        http.extend(field(12, self.body));
        if self.raw {
            http.extend(field(13, &lines));
        }
        // Beside what is read: the peer, and a field of tomorrow.
        let source = field(1, &field(1, b"whoever"));
        field(1, &[source, field(4, &field(2, &http)), field(15, b"more")].concat())
    }

    fn call(&self) -> Request {
        let message = self.message();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        post(PLACE, [&[0][..], &length, &message].concat())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
    }
}

fn holds(answer: &Response, part: &str) -> bool {
    answer.body.windows(part.len()).any(|window| window == part.as_bytes())
}

/// The stable code of a denial.
fn why(answer: &Response) -> String {
    assert_eq!((answer.status, answer.trailer("grpc-status").as_deref()), (200, Some("0")), "{answer:?}");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

#[test]
fn a_signed_request_is_granted_once_with_its_identity() {
    let mut world = world();
    let good = Told::signed(b"paid").and("x-countersign-verdict", "verified");
    let answer = world.send_h2(good.call());
    assert_eq!(why(&answer), "");
    // CheckResponse: status {} and ok_response with x-countersign-key: k1, in the place of what is there.
    let key = [field(1, &[field(1, b"x-countersign-key"), field(2, b"k1")].concat()), vec![3 << 3, 2]].concat();
    let key = field(2, &key);
    assert!(answer.body.windows(key.len()).any(|window| window == key), "{answer:?}");
    let removed = field(5, b"x-countersign-verdict");
    assert!(answer.body.windows(removed.len()).any(|window| window == removed), "{answer:?}");
    assert_eq!(why(&world.send_h2(good.call())), "replayed");
    world.stop();
    let audit = world.audit();
    assert_eq!((&audit[0]["method"], &audit[0]["target"]), (&"POST".into(), &"/orders/7?a=***".into()));
    assert_eq!((&audit[1]["status"], &audit[1]["code"]), (&409.into(), &"replayed".into()));
}

#[test]
fn what_is_not_as_it_was_signed_is_denied_with_our_problem() {
    let world = world();
    let good = || Told::signed(b"paid");
    let plain = Told { raw: false, ..good() };
    for (told, code) in [
        (good().with("x-hmac-signature", "0"), "signature_malformed"),
        (Told { body: b"pai_", ..good() }, "signature_invalid"),
        (Told { path: "/elsewhere", ..good() }, "route_not_found"),
        (good().and("x-hmac-signature", "0"), "signature_repeated"),
        (good().and("x_hmac_signature", "0"), "field_forbidden"),
        (good().and("x-a", "b\r\nx-c: d"), "original_untold"),
        (good().and("X-A", "b"), "original_untold"),
        (good().with("x-envoy-auth-partial-body", "true"), "body_partial"),
        (good().and("x-envoy-auth-partial-body", "false"), "original_untold"),
        (Told { body: b"", ..good() }, "body_unseen"),
        (plain, "original_untold"),
    ] {
        let answer = world.send_h2(told.call());
        assert_eq!(why(&answer), code);
        assert!(!holds(&answer, "x-countersign-key"), "{answer:?}");
    }
    let crowded = (0..1000).fold(good(), |told, _| told.and("x-a", "b"));
    assert_eq!(why(&world.send_h2(crowded.call())), "head_too_large");
    let unsigned = world.send_h2(Told { lines: Vec::new(), ..good() }.call());
    assert!(why(&unsigned) == "signature_missing" && holds(&unsigned, "www-authenticate"), "{unsigned:?}");
}

#[test]
fn what_is_no_question_is_denied() {
    let world = world();
    let good = Told::signed(b"paid").call();
    let mut compressed = good.body.clone();
    compressed[0] = 1;
    let short = &good.body[..good.body.len() - 1];
    let cases: [&[u8]; 5] = [b"", b"\0\0\0\0\0", &compressed, short, b"\0\0\0\0\x01\xff"];
    for body in cases {
        assert_eq!(why(&world.send_h2(good.clone().tampered(body))), "original_untold", "{body:?}");
    }
    let huge = vec![0; (4 << 20) + 1];
    assert_eq!(why(&world.send_h2(good.tampered(huge))), "body_too_large");
}

#[test]
fn a_body_in_a_message_counts_as_a_held_body_does() {
    static LARGE: [u8; 200 << 10] = [b'x'; 200 << 10];
    let world = World::with(|config| {
        // One source may hold an eighth of it.
        let config = config.over_tls().public("forward_auth: {from: envoy, body: true}").route(ROUTE);
        config.limits("memory: 1MiB")
    });
    assert_eq!(why(&world.send_h2(Told::signed(&LARGE).call())), "overloaded");
    assert_eq!(why(&world.send_h2(Told::signed(&LARGE[..50 << 10]).call())), "");
    assert_eq!(why(&world.send_h2(Told::signed(&LARGE[..60 << 10]).call())), "", "what was held was given back");
}
