//! The published cases of a scheme, over a socket, each at its own time.

use serde_json::Value;

use crate::world::{Request, World, request};

#[test]
fn every_case_is_judged_over_a_socket_as_published() {
    judge(&World::verifying(), include_str!("../vectors/plain-timestamp-body.jsonl"));
}

#[test]
fn json_envelopes_are_judged_over_a_socket_as_published() {
    judge(&verifying("json-envelope"), include_str!("../vectors/json-envelope.jsonl"));
    judge(&verifying("json-envelope-jcs"), include_str!("../vectors/json-envelope-jcs.jsonl"));
}

#[test]
fn tokens_are_judged_over_a_socket_as_published() {
    judge(&verifying("django-dumps"), include_str!("../vectors/django-dumps.jsonl"));
    judge(&verifying("django-timestamp-signer"), include_str!("../vectors/django-timestampsigner.jsonl"));
    judge(&verifying("itsdangerous"), include_str!("../vectors/itsdangerous.jsonl"));
}

fn verifying(scheme: &str) -> World {
    let route = format!("path: /**, verify: {{scheme: {scheme}, keys: partners}}, replay: off, upstream: app");
    World::with(|config| config.route(&route))
}

#[track_caller]
fn judge(world: &World, cases: &str) {
    let mut first = None;
    for case in cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        // The others set up the scheme in another way: tests/vectors_pure.rs.
        let config = &case["config"];
        if case["level"] != "must" || !travels(&case) || first.get_or_insert_with(|| config.clone()) != config {
            continue;
        }
        let keys: Vec<(&str, &str)> =
            list(&case["keys"]).iter().map(|key| (text(&key["id"]), text(&key["secret"]))).collect();
        world.keys.swap(&keys);
        assert!(world.reload(), "{}", case["case"]);
        let status = world.at(case["now"].as_i64().unwrap() - crate::world::NOW).send(message(&case)).status;
        assert_eq!(status == 200, case["valid"] == true, "{}: {status}", case["case"]);
    }
}

/// A header with line breaks or without a name cannot be sent by an HTTP client at all.
fn travels(case: &Value) -> bool {
    list(&case["headers"]).iter().all(|line| !text(&line[1]).contains(['\r', '\n', '\0']))
}

fn message(case: &Value) -> Request {
    let unsigned = request(text(&case["method"]), text(&case["target"]), body(case)).without("Host");
    let lines = list(&case["headers"]);
    lines.iter().fold(unsigned, |request, line| request.header(text(&line[0]), text(&line[1])))
}

fn body(case: &Value) -> Vec<u8> {
    let decode = |value: &Value| data_encoding::BASE64.decode(text(value).as_bytes()).unwrap();
    match case.get("body_repeat") {
        Some(repeat) => decode(&repeat["b64"]).repeat(repeat["times"].as_u64().unwrap().try_into().unwrap()),
        None => decode(&case["body_b64"]),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
