//! A replay store that several gateways share, while nobody can ask it. What it does while it answers is proved beside a real one (`.ci/redis.py`).

use crate::world::{Nobody, Signing, World, get, post};

const CLOSED: &str =
    "path: /closed, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: app";
const OPEN: &str = "path: /open, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature, outage: open}, upstream: app";

const STREAM: &str = "path: /stream, verify: {scheme: timestamp-body, keys: partners}, body: stream, replay: {by: signature}, upstream: app";

fn away(nobody: &Nobody) -> World {
    World::with(|config| {
        let store = format!("store: redis, redis: {{urls: \"redis://{}\", deadline: 5s}}", nobody.address());
        let public = "path: /public, public: true, upstream: app";
        config.replay(&store).route(CLOSED).route(STREAM).route(OPEN).route(public)
    })
}

#[test]
fn nothing_passes_while_nobody_can_say_whether_it_came_before() {
    let nobody = Nobody::new();
    let world = away(&nobody);
    let answer = world.send(post("/closed", "{}").signed());
    assert_eq!(answer.refusal(), (503, "replay_store_away".to_owned()));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(world.upstream.count(), 0);
    assert_eq!(world.send(get("/public")).status, 200, "other routes do not ask");
    world.told("/readyz", |ready| ready.starts_with("ready\n") && ready.contains("replay store away: 127.0.0.1:"));
    world.told("/metrics", |told| told.contains("countersign_replay_store_up 0\n"));
    for path in ["/closed", "/stream"] {
        for _ in 0..2 {
            let again = world.send(post(path, "{}").signed());
            assert_eq!(again.refusal().1, "replay_store_away", "{path}: it is not told that it was received");
        }
    }
}

#[test]
fn where_the_route_is_open_requests_pass_and_are_counted() {
    let nobody = Nobody::new();
    let mut world = away(&nobody);
    let request = post("/open", "{}").signed();
    assert_eq!(world.send(request.clone()).status, 200);
    assert_eq!(world.send(request).refusal().1, "replayed", "what this process knows it knows");
    assert_eq!(world.send(post("/open", "[]").signed()).status, 200);
    world.told("/metrics", |told| told.contains("countersign_replay_unchecked_total 2\n"));
    world.stop();
    let unchecked = |line: &&serde_json::Value| line["replay"] == "unchecked";
    assert_eq!(world.audit().iter().filter(unchecked).count(), 2);
}

#[test]
fn each_gateway_counts_alone_while_nobody_counts_for_all() {
    let nobody = Nobody::new();
    let world = World::with(|config| {
        let store = format!("store: redis, redis: {{urls: \"redis://{}\", deadline: 5s}}", nobody.address());
        let limit = "rate: {key: {limit: 1/h, burst: 2, shared: true}}";
        let route = format!("path: /, verify: {{scheme: timestamp-body, keys: partners}}, {limit}, upstream: app");
        config.replay(&store).route(&route)
    });
    let answers: Vec<_> = (0..3).map(|number| world.send(post("/", format!("{{\"n\": {number}}}")).signed())).collect();
    assert_eq!([answers[0].status, answers[1].status], [200, 200]);
    assert_eq!(answers[2].refusal(), (429, "key_rate_exceeded".to_owned()));
    world.told("/metrics", |told| told.contains("countersign_rate_unshared_total 2\n"));
}
