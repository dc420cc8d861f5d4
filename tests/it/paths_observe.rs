//! An observing route refuses nothing, and what it forwards is complete.

use crate::world::{Config, Request, Signing, World, post};

const GUARDED: &str = "mode: observe, sources: [127.0.0.0/8], upstream: app";

fn with_key_ids(config: Config) -> Config {
    config.scheme(
        "named: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, key_id: {header: X-Key}, \
         timestamp: {header: X-Ts, format: unix, past: 60s, future: 60s}, message: \"{timestamp}.{key_id}.{body}\"}",
    )
}

#[test]
fn an_unknown_key_does_not_cost_an_observed_request_its_body() {
    let world = World::with(|config| {
        with_key_ids(config).route(&format!("path: /**, verify: {{scheme: named, keys: partners}}, {GUARDED}"))
    });
    let request = post("/", "precious").header("X-Key", "nobody").header("X-Ts", crate::world::NOW.to_string());
    let answer = world.send(request.header("X-Sig", "0".repeat(64)));
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"precious"[..]));
    let seen = world.upstream.next();
    assert_eq!(
        (seen.body.as_slice(), seen.header("x-countersign-verdict")),
        (&b"precious"[..], Some("signature_invalid"))
    );
}

#[test]
fn a_body_above_the_bound_is_forwarded_unjudged_and_whole() {
    let body: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(1000);
    let signed = || post("/", &body).signed();
    let framings: [fn(Request) -> Request; 2] = [|request| request, Request::chunked];
    for memory in ["1KiB", "1MiB"] {
        let world = World::with(|config| {
            config.route(&format!(
                "path: /**, verify: {{scheme: timestamp-body, keys: partners}}, {GUARDED}, body: {{max: 100KiB, memory: {memory}}}"
            ))
        });
        for frame in framings {
            let answer = world.send(frame(signed()));
            assert_eq!((answer.status, answer.body == body), (200, true), "{memory}");
            let seen = world.upstream.next();
            assert_eq!((seen.complete, seen.body == body), (true, true), "{memory}");
            assert_eq!(seen.header("x-countersign-verdict"), Some("unjudged"), "{memory}");
        }
    }
}
