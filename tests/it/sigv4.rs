//! AWS Signature Version 4 over a socket: the published cases at their own time, chunks that stream, and what we sign.

use serde_json::Value;

use crate::world::{NOW, Request, World, get, post, request};

const CASES: &str = include_str!("../vectors/aws-sigv4.jsonl");

const CHUNKED: &str = include_str!("../vectors/aws-sigv4-chunked.jsonl");

fn world(service: &str, body: &str) -> World {
    World::with(|config| {
        config
            .scheme(&format!("aws: {{aws_sigv4: {{region: us-east-1, service: {service}, unsigned_payload: allow}}}}"))
            .route(&format!("path: /**, verify: {{scheme: aws, keys: partners}}, body: {body}, upstream: app"))
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn message(case: &Value) -> Request {
    let body = data_encoding::BASE64.decode(text(&case["body_b64"]).as_bytes()).unwrap();
    let unsigned = request(text(&case["method"]), text(&case["target"]), body).without("Host");
    let lines = case["headers"].as_array().unwrap().iter().map(|line| (text(&line[0]), text(&line[1])));
    let sent = lines.filter(|(name, _)| *name != "Content-Length");
    sent.fold(unsigned, |request, (name, value)| request.header(name, value))
}

fn status(world: &World, case: &Value) -> u16 {
    let key = &case["keys"][0];
    world.keys.swap(&[(text(&key["id"]), text(&key["secret"]))]);
    assert!(world.reload(), "{}", case["case"]);
    world.at(case["now"].as_i64().unwrap() - NOW).send(message(case)).status
}

fn cases(file: &str, service: &str) -> Vec<Value> {
    let all = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wanted =
        |case: &Value| case["level"] == "must" && case["config"]["service"] == service && case["config"]["skew"] != 900;
    all.filter(wanted).collect()
}

#[test]
fn every_case_is_judged_over_a_socket_as_published() {
    for (service, least) in [("execute-api", 28), ("s3", 14)] {
        let world = world(service, "hold");
        let cases = cases(CASES, service);
        assert!(cases.len() >= least, "{service}: {}", cases.len());
        for case in cases {
            // No route takes dot segments, signed or not.
            let passes = case["valid"] == true && case["case"] != "ok-path-dots";
            let status = status(&world, &case);
            assert_eq!(status == 200, passes, "{}: {status}", case["case"]);
        }
    }
}

#[test]
fn signed_chunks_pass_as_they_came_held_or_streamed() {
    for body in ["hold", "stream"] {
        let world = world("s3", body);
        for case in CHUNKED.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let (valid, status) = (case["valid"] == true, status(&world, &case));
            assert_eq!(status == 200, valid, "{body} {}: {status}", case["case"]);
            if valid {
                assert!(world.upstream.next().body == message(&case).body);
            }
        }
        assert_eq!(world.upstream.count(), 1, "{body}: what is refused never arrives whole");
    }
}

#[test]
fn what_leaves_is_signed_and_accepted_again() {
    let scheme = "aws: {aws_sigv4: {region: us-east-1, service: execute-api}}";
    let signing = World::with(|config| {
        config.scheme(scheme).route("path: /**, sign: {scheme: aws, keys: partners}, upstream: app")
    });
    let verifying = world("execute-api", "hold");
    for asked in [get("/a?b=c:d"), post("/a%20b/c", "{}").header("X-Amz-Meta-A", "1").header("Content-Type", "a/b")] {
        assert_eq!(signing.send(asked.clone()).status, 200);
        let seen = signing.upstream.next();
        let target = seen.line().split(' ').nth(1).unwrap().to_owned();
        let names = ["host", "content-type", "authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-meta-a"];
        let again = names.iter().filter_map(|name| Some((*name, seen.header(name)?)));
        let again = again.fold(asked.towards(&target), |request, (name, value)| request.with(name, value));
        assert_eq!(verifying.send(again.clone()).status, 200);
        assert_eq!(verifying.send(again.with("x-amz-date", "20251009T085321Z")).refusal().1, "signature_invalid");
    }
}
