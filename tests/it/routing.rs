//! Which rule applies is decided by the most specific route, and by nothing a client can blur.

use crate::world::{World, get, post, request};

#[test]
fn no_route_is_answered_by_the_gateway() {
    let world = World::with(|config| config.route("path: /only, public: true, upstream: app"));
    assert_eq!(world.send(get("/other")).refusal(), (404, "route_not_found".to_owned()));
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let public = |path: &str, to: &str| format!("path: \"{path}\", public: true, rewrite: \"{to}\", upstream: app");
    let world = World::with(|config| {
        config.route(&public("/**", "/any")).route(&public("/a/**", "/prefix")).route(&public("/a/b", "/exact"))
    });
    for (target, expected) in [("/a/b", "/exact"), ("/a/c", "/prefix"), ("/x", "/any")] {
        world.send(get(target));
        assert_eq!(world.upstream.next().line(), format!("GET {expected}"));
    }
}

#[test]
fn a_method_without_a_route_is_405() {
    let world = World::with(|config| config.route("path: /a, methods: [GET], public: true, upstream: app"));
    assert_eq!(world.send(get("/a")).status, 200);
    let refused = world.send(post("/a", ""));
    assert_eq!(refused.refusal(), (405, "method_not_allowed".to_owned()));
    assert_eq!(refused.header("allow").as_deref(), Some("GET"));
}

#[test]
fn a_path_that_could_lead_elsewhere_is_refused() {
    let world = World::with(|config| {
        config
            .route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app")
            .route("path: \"/open/**\", public: true, upstream: app")
    });
    for target in ["/open/../admin", "/open/%2e%2e/admin", "/open/..%2fadmin", "/open/.%2e/admin"] {
        let (status, code) = world.send(get(target)).refusal();
        assert!(
            status == 400 && ["path_ambiguous", "target_invalid"].contains(&code.as_str()),
            "{target}: {status} {code}"
        );
    }
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn a_request_has_exactly_one_valid_host() {
    let world = World::with(|config| config.route("path: /**, public: true, upstream: app"));
    for request in [get("/").without("Host"), get("/").header("Host", "localhost"), get("/").with("Host", "a b")] {
        assert_eq!(world.send(request).refusal(), (400, "host_invalid".to_owned()));
    }
}

#[test]
fn framing_that_can_be_read_in_two_ways_is_refused() {
    let world = World::with(|config| config.route("path: /**, public: true, upstream: app"));
    for head in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "Content-Length: +2\r\n\r\n{}",
    ] {
        let mut connection = world.connect();
        connection.write(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{head}").as_bytes());
        let answer = connection.answer();
        assert!(answer.status == 400 || answer.status == 501, "{head:?}: {}", answer.status);
        // Some of it is refused before it is a request at all, and then without a body.
        assert!(answer.body.is_empty() || answer.refusal().1 == "bad_request", "{head:?}: {:?}", answer.refusal());
    }
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn a_malformed_target_is_refused() {
    let world = World::with(|config| config.route("path: /**, public: true, upstream: app"));
    for target in ["relative", "/a#b", "*"] {
        assert_eq!(world.send(request("GET", target, "")).status, 400, "{target}");
    }
    assert_eq!(world.send(request("CONNECT", "localhost:80", "")).status / 100, 4);
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn a_preflight_is_answered_here_where_the_route_says_so() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, preflight: {answer: {origins: [\"https://app.example\"], methods: [POST], headers: [X-HMAC-Signature]}}, upstream: app")
    });
    let ask = |origin: &str| {
        let preflight = request("OPTIONS", "/", "").header("Origin", origin);
        world.send(preflight.header("Access-Control-Request-Method", "POST"))
    };
    let answer = ask("https://app.example");
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin").as_deref()),
        (204, Some("https://app.example"))
    );
    assert_eq!(ask("https://evil.example").header("access-control-allow-origin"), None);
    assert_eq!(world.upstream.connections(), 0);
}

#[test]
fn a_route_may_belong_to_one_listener() {
    let world = World::with(|config| {
        config
            .listener("inner: {address: \"127.0.0.1:0\"}")
            .route("path: /**, listeners: [public], verify: {scheme: timestamp-body, keys: partners}, upstream: app")
            .route("path: /**, listeners: [inner], public: true, upstream: app")
    });
    assert_eq!(world.connect_to("inner").exchange(&get("/")).status, 200);
    assert_eq!(world.connect_to("public").exchange(&get("/")).status, 401);
}
