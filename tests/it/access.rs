//! Which keys may do what, from where.

use crate::world::{NOW, OTHER, Request, SECRET, Signing, World, get, identity, post, request};

const SIGNED: &str = "verify: {scheme: timestamp-body, keys: partners}, upstream: app";

/// `k1` may read from anywhere and write from one network; `k2` may do nothing at `/orders`.
fn ruled(more: &str) -> World {
    let rules = "allow: [{keys: [k1], methods: [GET]}, {keys: [k1], methods: [POST], sources: [192.0.2.0/24]}]";
    let world = World::with(|config| {
        let config = config.public("trusted: [127.0.0.0/8]");
        config.route(&format!("path: /orders, {SIGNED}, {rules}{more}")).route(&format!("path: /open, {SIGNED}"))
    });
    world.keys.swap(&[("k1", SECRET), ("k2", OTHER)]);
    assert!(world.reload());
    world
}

fn from(address: &str, request: Request) -> Request {
    request.header("X-Forwarded-For", address)
}

fn refused() -> (u16, String) {
    (403, "key_refused".to_owned())
}

#[test]
fn a_key_does_what_a_rule_of_the_route_lets_it() {
    let mut world = ruled("");
    let other = |request: Request| request.signed_with(OTHER, &NOW.to_string());
    assert_eq!(world.send(from("203.0.113.9", get("/orders").signed())).status, 200);
    assert_eq!(world.send(from("192.0.2.9", post("/orders", "1").signed())).status, 200);
    for wrong in [
        from("203.0.113.9", post("/orders", "2").signed()),
        from("192.0.2.9", request("DELETE", "/orders", "").signed()),
        from("192.0.2.9", other(get("/orders"))),
    ] {
        assert_eq!(world.send(wrong).refusal(), refused());
    }
    assert_eq!(world.send(other(post("/open", "3"))).status, 200, "a route without rules is for every key");
    assert_eq!(world.upstream.count(), 3);

    world.stop();
    let lines = world.audit();
    let notes: Vec<_> = lines.iter().filter(|line| line["code"] == "key_refused").map(|line| &line["note"]).collect();
    assert_eq!(
        notes,
        [
            "no rule of `allow` takes this key from this address",
            "no rule of `allow` takes this key with this method",
            "no rule of `allow` is for this key"
        ]
    );
    assert!(lines.iter().filter(|line| line["code"] == "key_refused").all(|line| line["key"].is_string()), "{lines:?}");
}

#[test]
fn who_cannot_sign_does_not_learn_the_rules() {
    let world = ruled("");
    let forged = post("/orders", "{}").signed().tampered("[]");
    assert_eq!(world.send(from("203.0.113.9", forged)).refusal(), (401, "signature_invalid".to_owned()));
}

#[test]
fn a_refused_key_claims_nothing_and_takes_no_token() {
    let world = ruled(", replay: {by: signature}, rate: {key: {limit: 1/m, burst: 1}}");
    for _ in 0..3 {
        assert_eq!(world.send(from("203.0.113.9", post("/orders", "1").signed())).refusal(), refused());
    }
    assert_eq!(world.send(from("192.0.2.9", post("/orders", "1").signed())).status, 200);
}

#[test]
fn observing_switches_no_rule_off() {
    let world = World::with(|config| {
        config.route(&format!("path: /**, mode: observe, public: true, {SIGNED}, allow: {{methods: [GET]}}"))
    });
    assert_eq!(world.send(get("/").signed()).status, 200);
    assert_eq!(world.send(post("/", "{}").signed()).refusal(), refused());
    assert_eq!(world.send(post("/", "{}")).status, 200, "nobody was told by a signature");
}

#[test]
fn a_stream_of_a_refused_key_never_becomes_a_complete_request() {
    let world =
        World::with(|config| config.route(&format!("path: /**, body: stream, {SIGNED}, allow: {{keys: [k2]}}")));
    assert_eq!(world.send(post("/", "a body").signed().chunked()).refusal(), refused());
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn a_route_is_for_the_listed_addresses_seen_through_trusted_proxies() {
    let world = World::with(|config| {
        let config = config.public("trusted: [127.0.0.0/8, 10.0.0.0/8]");
        config.route("path: /**, public: true, sources: [192.0.2.0/24, \"2001:db8::/32\"], upstream: app")
    });
    for (chain, passes) in [
        ("192.0.2.7", true),
        ("::ffff:192.0.2.7", true),
        ("2001:db8::7", true),
        ("192.0.2.7, 10.1.1.1", true),
        ("192.0.3.7", false),
        ("192.0.2.7, 192.0.3.7", false),
        ("192.0.2.7, nonsense", false),
        ("nonsense", false),
    ] {
        let (status, code) = world.send(from(chain, get("/"))).refusal();
        assert_eq!((status, code.as_str()), if passes { (200, "") } else { (403, "source_refused") }, "{chain}");
    }
    assert_eq!(world.send(get("/")).status, 403, "the proxy itself is not listed");
}

#[test]
fn a_route_may_demand_certificate_address_and_signature_together() {
    let mut ours = None;
    let world = World::with(|config| {
        let directory = config.path().parent().unwrap().to_owned();
        ours = Some(identity(&directory, "clients"));
        let clients = format!("clients: {{mode: optional, ca: {}}}", directory.join("clients.crt").display());
        let route = format!("path: /**, client_certificate: true, sources: [192.0.2.0/24], {SIGNED}");
        config.over_tls_with(&clients).public("trusted: [127.0.0.0/8]").route(&route)
    });
    let theirs = identity(world.directory(), "others");
    let ask = |who, address, request| {
        let mut connection = world.connect_tls_after(b"", who);
        connection.ask(&from(address, request)).map(|answer| answer.refusal())
    };
    let (good, bad) = (post("/", "{}").signed(), post("/", "{}"));
    let refused = |status: u16, code: &str| Some((status, code.to_owned()));

    assert_eq!(ask(ours.as_ref(), "192.0.2.1", good.clone()), refused(200, ""));
    assert_eq!(ask(None, "192.0.2.1", good.clone()), refused(403, "client_certificate_required"));
    assert_eq!(ask(Some(&theirs), "192.0.2.1", good.clone()), None, "the handshake fails");
    assert_eq!(ask(ours.as_ref(), "192.0.3.1", good), refused(403, "source_refused"));
    assert_eq!(ask(ours.as_ref(), "192.0.2.1", bad), refused(401, "signature_missing"));
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn who_is_not_trusted_cannot_say_where_he_comes_from() {
    let world = World::with(|config| config.route("path: /**, public: true, sources: [192.0.2.0/24], upstream: app"));
    assert_eq!(world.send(from("192.0.2.7", get("/"))).refusal(), (403, "source_refused".to_owned()));
}

/// A key that only observes is named by whoever likes, signed or not.
#[test]
fn a_key_that_only_observes_forgives_nothing_where_it_matters_whose_key_it_is() {
    let scheme =
        "named: {algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: '{body}'}";
    let ring = format!("trial: {{keys: [{{id: k1, secret: {SECRET}}}, {{id: k2, secret: {OTHER}, mode: observe}}]}}");
    let world = World::with(|config| {
        let route = |path: &str, more: &str| {
            format!("path: {path}, verify: {{scheme: named, keys: trial}}, upstream: app{more}")
        };
        let config = config.scheme(scheme).keyring(&ring).route(&route("/open", ""));
        let config = config.route(&route("/ruled", ", allow: [{keys: [k1]}]"));
        let config = config.route(&route("/paced", ", rate: {key: 100/s}"));
        config.route(&route("/limited", ", rate: {route: {limit: 1/m, burst: 1}}"))
    });
    let forged = |path: &str| post(path, "{}").header("S", "0".repeat(64)).header("K", "k2");
    assert_eq!(world.send(forged("/open")).status, 200, "observed");
    for path in ["/ruled", "/paced"] {
        assert_eq!(world.send(forged(path)).refusal(), (401, "signature_invalid".to_owned()), "{path}");
    }
    assert_eq!(world.send(forged("/limited")).status, 200, "observed, and within the route's rate");
    assert_eq!(world.send(forged("/limited")).refusal(), (429, "route_rate_exceeded".to_owned()));
    assert_eq!(world.upstream.count(), 2);
}
