//! Who comes too often waits, and spends nobody else's tokens.

use crate::world::{Config, NOW, OTHER, Request, Response, Signing, World, get, post, request};

/// A signed route that says `rate`, behind a proxy of this machine.
fn limited(rate: &str) -> World {
    with(rate, "path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app")
}

fn with(rate: &str, route: &str) -> World {
    let world = World::with(|config| config.public("trusted: [127.0.0.0/8]").route(&format!("{route}, rate: {rate}")));
    world.keys.swap(&[("k1", crate::world::SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    world
}

fn from(address: &str, request: Request) -> Request {
    request.header("X-Forwarded-For", address)
}

/// A body makes it a request of its own.
fn signed(body: &str) -> Request {
    post("/", body).signed()
}

fn by_other(body: &str) -> Request {
    post("/", body).signed_with(OTHER, &NOW.to_string())
}

fn told(answer: &Response) -> (u16, String, Option<String>) {
    let (status, code) = answer.refusal();
    (status, code, answer.header("retry-after"))
}

fn refused(code: &str, seconds: u32) -> (u16, String, Option<String>) {
    (429, code.to_owned(), Some(seconds.to_string()))
}

#[test]
fn an_address_that_comes_too_often_is_told_when_to_come_again() {
    let world = with("{source: {limit: 6/m, burst: 2}}", "path: /**, public: true, upstream: app");
    let ask = |address| world.send(from(address, get("/")));
    assert_eq!((ask("192.0.2.1").status, ask("192.0.2.1").status), (200, 200));
    assert_eq!(told(&ask("192.0.2.1")), refused("source_rate_exceeded", 10));
    assert_eq!(ask("192.0.2.2").status, 200, "another address has tokens of its own");
    assert_eq!(ask("2001:db8::1").status, 200);
    assert_eq!((ask("2001:db8::2").status, ask("2001:db8::3").status), (200, 429), "a /64 is one source");

    world.at(9);
    assert_eq!(told(&ask("192.0.2.1")), refused("source_rate_exceeded", 1));
    world.at(10);
    assert_eq!((ask("192.0.2.1").status, ask("192.0.2.1").status), (200, 429));
    assert_eq!(world.upstream.count(), 6, "what is refused does not reach the upstream");
}

#[test]
fn an_address_is_slowed_down_before_anything_is_verified() {
    let world = limited("{source: {limit: 1/m, burst: 2}}");
    let ask = |request| world.send(from("192.0.2.1", request)).status;
    assert_eq!((ask(signed("a").tampered("b")), ask(signed("a").tampered("c")), ask(signed("a"))), (401, 401, 429));
}

#[test]
fn a_key_spends_its_own_tokens_only_and_strangers_spend_none() {
    let world = limited("{key: {limit: 1/m, burst: 2}}");
    for number in 0..5 {
        assert_eq!(world.send(signed("a").tampered(number.to_string())).status, 401);
    }
    assert_eq!((world.send(signed("1")).status, world.send(signed("2")).status), (200, 200));
    assert_eq!(told(&world.send(signed("3"))), refused("key_rate_exceeded", 60));
    assert_eq!(world.send(by_other("3")).status, 200, "another key has tokens of its own");
    world.at(60);
    assert_eq!(world.send(post("/", "4").signed_at(60)).status, 200);
}

#[test]
fn a_captured_request_cannot_spend_the_tokens_of_its_key_and_a_refused_one_may_come_again() {
    let world = with(
        "{key: {limit: 1/m, burst: 2}}",
        "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: app",
    );
    assert_eq!(world.send(signed("1")).status, 200);
    for _ in 0..5 {
        assert_eq!(world.send(signed("1")).refusal(), (409, "replayed".to_owned()));
    }
    assert_eq!(world.send(signed("2")).status, 200, "a token was left");
    assert_eq!(told(&world.send(signed("3"))), refused("key_rate_exceeded", 60));
    world.at(60);
    assert_eq!(world.send(signed("3")).status, 200, "it was not claimed when it was refused");
    assert_eq!(world.send(signed("3")).status, 409);
}

#[test]
fn the_keys_of_a_principal_share_tokens_where_the_route_says_so() {
    let world = World::with(|config| {
        let file = config.path().with_file_name("ring.yaml");
        let keys = [("a", crate::world::SECRET), ("b", OTHER)];
        let key = |(id, secret): (&str, &str)| format!("  - {{id: {id}, principal: shop, secret: \"{secret}\"}}\n");
        std::fs::write(&file, format!("version: 1\nkeys:\n{}", keys.map(key).concat())).unwrap();
        let ring = format!("shops: {{file: {}}}", file.display());
        config.keyring(&ring).route(
            "path: /**, verify: {scheme: timestamp-body, keys: shops}, rate: {principal: {limit: 1/m, burst: 2}}, upstream: app",
        )
    });
    assert_eq!((world.send(signed("1")).status, world.send(by_other("2")).status), (200, 200));
    assert_eq!(told(&world.send(signed("3"))), refused("principal_rate_exceeded", 60));
}

#[test]
fn a_route_counts_what_it_would_forward() {
    let world = limited("{route: {limit: 1/m, burst: 2}}");
    assert_eq!(world.send(post("/", "unsigned")).status, 401);
    assert_eq!((world.send(signed("1")).status, world.send(by_other("2")).status), (200, 200));
    assert_eq!(told(&world.send(signed("3"))), refused("route_rate_exceeded", 60));
    assert_eq!(world.upstream.count(), 2);
}

#[test]
fn a_key_beyond_its_rate_leaves_the_route_to_the_others() {
    let world = limited("{key: {limit: 1/m, burst: 1}, route: {limit: 1/m, burst: 2}}");
    let codes: Vec<_> = (0..4).map(|number| world.send(signed(&number.to_string())).refusal().1).collect();
    assert_eq!(codes, ["", "key_rate_exceeded", "key_rate_exceeded", "key_rate_exceeded"]);
    assert_eq!(world.send(by_other("x")).status, 200);
}

#[test]
fn observing_switches_no_limit_off() {
    let world = with(
        "{source: {limit: 1/m, burst: 3}, route: {limit: 1/m, burst: 2}, key: {limit: 1/m, burst: 1}}",
        "path: /**, mode: observe, public: true, verify: {scheme: timestamp-body, keys: partners}, upstream: app",
    );
    let ask = |address, request| world.send(from(address, request)).refusal().1;
    assert_eq!(ask("192.0.2.1", signed("1")), "");
    assert_eq!(ask("192.0.2.1", signed("2")), "key_rate_exceeded");
    assert_eq!(ask("192.0.2.1", post("/", "3")), "");
    assert_eq!(ask("192.0.2.1", post("/", "4")), "source_rate_exceeded");
    assert_eq!(ask("192.0.2.2", post("/", "5")), "route_rate_exceeded");
}

#[test]
fn a_stream_over_the_limit_never_becomes_a_complete_request() {
    let world = with(
        "{key: {limit: 1/m, burst: 1}}",
        "path: /**, body: stream, replay: {by: signature}, verify: {scheme: timestamp-body, keys: partners}, upstream: app",
    );
    assert_eq!(world.send(signed("one").chunked()).status, 200);
    assert!(world.upstream.next().complete);
    for _ in 0..2 {
        assert_eq!(
            told(&world.send(signed("two").chunked())),
            refused("key_rate_exceeded", 60),
            "not remembered as seen"
        );
    }
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn a_preflight_that_passes_takes_no_token_of_the_route() {
    let world = with(
        "{route: {limit: 1/m, burst: 1}}",
        "path: /**, preflight: pass, verify: {scheme: timestamp-body, keys: partners}, upstream: app",
    );
    let preflight = || {
        request("OPTIONS", "/", "").header("Origin", "https://a.test").header("Access-Control-Request-Method", "POST")
    };
    for _ in 0..2 {
        assert_eq!(world.send(preflight()).status, 200);
    }
    assert_eq!(world.send(signed("1")).status, 200);
    assert_eq!(told(&world.send(signed("2"))), refused("route_rate_exceeded", 60));
}

#[test]
fn what_is_in_the_buckets_survives_a_reload() {
    let mut world = limited("{key: {limit: 1/m, burst: 2}}");
    assert_eq!(world.send(signed("1")).status, 200);
    assert_eq!(world.send(signed("2")).status, 200);
    assert!(world.reload());
    assert_eq!(told(&world.send(signed("3"))), refused("key_rate_exceeded", 60));

    let route = |config: Config, rate: &str| {
        let fields = "path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app";
        config.no_routes().route(&format!("{fields}, rate: {rate}"))
    };
    world.rewrite(|config| route(config, "{key: {limit: 60/m, burst: 4}}"));
    assert!(world.reload());
    let statuses: Vec<_> = (3..6).map(|body| world.send(signed(&body.to_string())).status).collect();
    assert_eq!(statuses, [200, 200, 429], "two of the four are missing still");
}

#[test]
fn routes_share_a_pool_that_both_name() {
    let world = World::with(|config| {
        let rate = "rate: {route: {limit: 1/m, burst: 1, pool: together}}";
        ["a", "b", "c"].into_iter().fold(config, |config, name| {
            let rate = if name == "c" { "rate: {route: {limit: 1/m, burst: 1}}" } else { rate };
            config.route(&format!("path: /{name}, public: true, upstream: app, {rate}"))
        })
    });
    let statuses = ["/a", "/b", "/c"].map(|path| world.send(get(path)).status);
    assert_eq!(statuses, [200, 429, 200]);
}

#[test]
fn limits_hold_over_http_2_and_are_told_in_metrics() {
    let world = World::with(|config| {
        let route = "path: /**, public: true, upstream: app, rate: {source: {limit: 1/m, burst: 2, pool: web}}";
        config.over_tls().route(route)
    });
    let statuses = [(); 3].map(|()| world.send_h2(get("/")).status);
    assert_eq!(statuses, [200, 200, 429]);
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    for line in [
        "countersign_requests_total{route=\"/**\",verdict=\"refused\",code=\"source_rate_exceeded\",key=\"\"} 1",
        "countersign_rate_buckets{per=\"source\",pool=\"web\"} 1",
        "countersign_rate_capacity{per=\"source\",pool=\"web\"} 100000",
        "countersign_rate_crowded_total{per=\"source\",pool=\"web\"} 0",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line}\n{metrics}");
    }
}
