//! The same request never counts twice, and none is both unprocessed and unrepeatable.

use crate::world::{Config, NOW, Nobody, OTHER, SECRET, Signing, World, mac, post};

fn replayed() -> (u16, String) {
    (409, "replayed".to_owned())
}

#[test]
fn a_captured_request_is_a_replay_whatever_is_changed_around_the_signature() {
    let world = World::without_replays();
    let captured = post("/orders?x=1", "{}").signed();
    assert_eq!(world.send(captured.clone()).status, 200);
    for again in [
        captured.clone(),
        captured.clone().towards("/orders?x=2"),
        captured.clone().towards("/elsewhere"),
        captured.clone().by("PUT"),
        captured.clone().header("X-Extra", "1"),
        captured.clone().with("Host", "other.example"),
        captured.clone().chunked(),
    ] {
        assert_eq!(world.send(again).refusal(), replayed());
    }
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn another_spelling_of_the_signature_never_passes() {
    let world = World::without_replays();
    let captured = post("/", "{}").signed();
    world.send(captured.clone());
    let capitals = captured.value("X-HMAC-Signature").to_uppercase();
    assert!((400..500).contains(&world.send(captured.with("X-HMAC-Signature", capitals)).status));
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn another_route_with_the_same_keys_does_not_help() {
    let route = |path: &str| {
        format!(
            "path: {path}, verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app"
        )
    };
    let world = World::with(|config| config.route(&route("/a")).route(&route("/b")));
    let captured = post("/a", "{}").signed();
    assert_eq!(world.send(captured.clone()).status, 200);
    assert_eq!(world.send(captured.towards("/b")).refusal(), replayed());
}

#[test]
fn a_fresh_timestamp_makes_a_fresh_request() {
    let world = World::without_replays();
    for at in [0, 1, -1] {
        assert_eq!(world.send(post("/", "{}").signed_at(at)).status, 200);
    }
}

#[test]
fn a_request_from_the_future_is_remembered_until_it_is_stale() {
    let world = World::without_replays();
    let captured = post("/", "{}").signed_at(60);
    assert_eq!(world.send(captured.clone()).status, 200);
    assert_eq!(world.at(120).send(captured.clone()).refusal(), replayed());
    assert_eq!(world.at(121).send(captured).refusal().1, "timestamp_outside_window");
}

#[test]
fn only_authentic_requests_are_remembered() {
    let world = World::without_replays();
    let good = post("/", "{}").signed();
    assert_eq!(world.send(good.clone().tampered("[]")).status, 401);
    assert_eq!(world.send(good).status, 200);
}

#[test]
fn a_request_in_progress_is_pending_and_then_a_replay() {
    let world = World::without_replays();
    let release = world.upstream.holds();
    let request = post("/", "{}").signed();
    let mut first = world.connect();
    first.write(&request.bytes());
    world.upstream.begun();
    let second = world.send(request.clone());
    assert_eq!(second.refusal(), (503, "replay_pending".to_owned()));
    assert!(second.header("retry-after").is_some());
    release.one();
    assert_eq!(first.answer().status, 200);
    assert_eq!(world.send(request).refusal(), replayed());
}

#[test]
fn what_never_left_may_come_again() {
    let nobody = Nobody::new();
    let mut world = World::with(|config| {
        config.upstream(&format!("gone: {{url: \"http://{}\"}}", nobody.address())).route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: gone",
        )
    });
    let request = post("/", "{}").signed();
    assert_eq!(world.send(request.clone()).refusal(), (502, "upstream_unreachable".to_owned()));
    world.rewrite(|config| {
        config.no_routes().route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: app",
        )
    });
    assert!(world.reload());
    assert_eq!(world.send(request).status, 200);
}

#[test]
fn what_may_have_been_processed_is_not_repeated() {
    let world = World::without_replays();
    world.upstream.hangs_up();
    let request = post("/", "{}").signed();
    assert_eq!(world.send(request.clone()).refusal(), (502, "upstream_closed".to_owned()));
    world.upstream.echoes();
    assert_eq!(world.send(request).refusal(), (409, "replay_unsettled".to_owned()));
}

fn by_signature(more: &str) -> impl FnOnce(Config) -> Config {
    let route = format!(
        "path: /**, verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature, {more}}}, upstream: app"
    );
    move |config| config.route(&route)
}

#[test]
fn a_status_may_release_the_claim() {
    let world = World::with(by_signature("release_on: [503]"));
    world.upstream.answers(503);
    let request = post("/", "{}").signed();
    assert_eq!(world.send(request.clone()).status, 503);
    world.upstream.echoes();
    assert_eq!(world.send(request.clone()).status, 200);
    assert_eq!(world.send(request).refusal(), replayed());
}

#[test]
fn a_completed_duplicate_may_be_answered_without_forwarding() {
    let world = World::with(by_signature("duplicate: 200"));
    let request = post("/", "{}").signed();
    assert_eq!([world.send(request.clone()).status, world.send(request).status], [200, 200]);
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn the_rule_may_be_limited_to_methods() {
    let world = World::with(by_signature("methods: [POST]"));
    let request = post("/", "{}").signed();
    assert_eq!(world.send(request.clone()).status, 200);
    assert_eq!(world.send(request.clone()).refusal(), replayed());
    assert_eq!([world.send(request.clone().by("PUT")).status, world.send(request.by("PUT")).status], [200, 200]);
}

#[test]
fn a_full_store_refuses_and_forgets_nothing() {
    let world = World::with(|config| by_signature("")(config.replay("capacity: 2, restart_guard: false")));
    let request = |number: u32| post("/", number.to_string()).signed();
    assert_eq!([world.send(request(1)).status, world.send(request(2)).status], [200, 200]);
    assert_eq!(world.send(request(3)).refusal(), (503, "replay_full".to_owned()));
    assert_eq!(world.send(request(1)).refusal(), replayed());
}

#[test]
fn of_many_copies_at_once_exactly_one_passes() {
    let world = World::without_replays();
    let bytes = post("/", "{}").signed().bytes();
    let mut connections: Vec<_> = (0..16).map(|_| world.connect()).collect();
    for connection in &mut connections {
        connection.write(&bytes);
    }
    let passed =
        connections.iter_mut().filter_map(|connection| (connection.answer().status == 200).then_some(())).count();
    assert_eq!((passed, world.upstream.count()), (1, 1));
}

#[test]
fn copies_that_drip_past_the_window_pass_once() {
    let world = World::without_replays();
    let request = post("/", "{}").signed();
    let mut slow = [world.connect(), world.connect()];
    for connection in &mut slow {
        connection.write(&request.head());
    }
    assert_eq!(world.send(request.clone()).status, 200);
    world.at(61);
    for connection in &mut slow {
        connection.write(&request.body);
        assert!(connection.answer().status >= 400);
    }
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn one_of_two_signatures_removed_is_still_a_replay() {
    let world = World::with(|config| {
        config
            .scheme("pair: {algorithm: sha256, signature: {header: X-Sig, list: \",\", encoding: hex}, timestamp: {header: X-At, format: unix, past: 1m, future: 1m}, message: \"{timestamp}.{body}\"}")
            .route("path: /**, verify: {scheme: pair, keys: partners}, replay: {by: signature}, upstream: app")
    });
    world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    let stamp = NOW.to_string();
    let (one, two) = (mac(SECRET, &stamp, b"{}"), mac(OTHER, &stamp, b"{}"));
    let carrying = |signatures: String| world.send(post("/", "{}").header("X-At", &stamp).header("X-Sig", signatures));
    assert_eq!(carrying(format!("{one},{two}")).status, 200);
    for fewer in [one.clone(), two.clone(), format!("{two},{one}")] {
        assert_eq!(carrying(fewer).refusal(), replayed());
    }
}

#[test]
fn a_reload_forgets_nothing() {
    let world = World::without_replays();
    let request = post("/", "{}").signed();
    assert_eq!(world.send(request.clone()).status, 200);
    assert!(world.reload());
    assert_eq!(world.send(request).refusal(), replayed());
}

#[test]
fn after_a_start_what_could_be_a_replay_is_refused_until_it_cannot_be() {
    let world = World::with(|config| by_signature("")(config.replay("restart_guard: true")));
    assert_eq!(world.send(post("/", "{}").signed()).refusal(), (503, "replay_guard".to_owned()));
    assert_eq!(world.send(post("/", "{}").signed_at(60)).refusal().1, "replay_guard");
    assert_eq!(world.at(61).send(post("/", "{}").signed_at(61)).status, 200);
}

#[test]
fn a_clean_restart_remembers() {
    let mut world = World::with(|config| {
        let store = config.path().with_file_name("replay.store");
        by_signature("")(config.replay(&format!("restart_guard: true, persist: {}", store.display())))
    });
    world.at(61);
    let request = post("/", "{}").signed_at(61);
    assert_eq!(world.send(request.clone()).status, 200);
    world.restart();
    assert_eq!(world.send(request).refusal(), replayed());
    assert_eq!(world.send(post("/", "[]").signed_at(61)).status, 200, "the store was read back: no guard");
}

#[test]
fn nobody_is_told_that_all_is_well_of_a_request_that_was_lost_or_turned_down() {
    let world = World::with(by_signature("duplicate: 200"));
    let (lost, refused) = (post("/", "{\"n\":1}").signed(), post("/", "{\"n\":2}").signed());
    world.upstream.hangs_up();
    assert_eq!(world.send(lost.clone()).status, 502);
    world.upstream.answers(500);
    assert_eq!(world.send(refused.clone()).status, 500);
    world.upstream.echoes();
    for again in [lost, refused] {
        assert_eq!(world.send(again).refusal(), (409, "replay_unsettled".to_owned()));
    }
}
