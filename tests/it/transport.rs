//! TLS and HTTP/2 in: the same verdicts over every transport.

use crate::world::{Config, Signing, World, get, post};

fn over_tls() -> World {
    World::with(|config| {
        config.over_tls().route("path: /**, verify: {scheme: timestamp-body, keys: partners}, upstream: app")
    })
}

#[test]
fn tls_carries_http_1() {
    let world = over_tls();
    let mut connection = world.connect_tls("localhost", &["http/1.1"]);
    assert_eq!(connection.exchange(&post("/", "{}").signed()).status, 200);
    assert_eq!(connection.exchange(&post("/", "{}")).refusal(), (401, "signature_missing".to_owned()));
}

#[test]
fn http_2_is_judged_and_forwarded_alike() {
    let world = over_tls();
    let answer = world.send_h2(post("/a?b=%20", "{}").signed());
    assert_eq!((answer.status, answer.body.as_slice(), answer.complete), (200, b"{}".as_slice(), true));
    let seen = world.upstream.next();
    assert_eq!((seen.line(), seen.header("host")), ("POST /a?b=%20", Some("localhost")));
    assert_eq!(world.send_h2(post("/", "{}").signed().tampered("[]")).refusal(), (401, "signature_invalid".to_owned()));
}

#[test]
fn the_body_of_an_http_2_get_is_not_dropped() {
    let world = over_tls();
    assert_eq!(world.send_h2(post("/", "body").signed().by("GET")).status, 200);
    assert_eq!(world.upstream.next().body, b"body");
}

#[test]
fn cookie_crumbs_are_joined() {
    let world = over_tls();
    world.send_h2(post("/", "{}").signed().header("cookie", "a=1").header("cookie", "b=2"));
    assert_eq!(world.upstream.next().all("cookie"), ["a=1; b=2"]);
}

#[test]
fn a_replaced_certificate_serves_new_connections_and_old_ones_go_on() {
    let mut world = over_tls();
    let mut old = world.connect_tls("localhost", &["http/1.1"]);
    assert_eq!(old.exchange(&post("/", "{}").signed()).status, 200);
    world.rewrite(|config| config.without_public_settings().over_tls());
    assert!(world.reload());
    let mut new = world.connect_tls("localhost", &["http/1.1"]);
    assert_eq!(new.exchange(&post("/", "1").signed()).status, 200);
    assert_eq!(old.exchange(&post("/", "2").signed()).status, 200);
}

#[test]
fn a_host_with_other_certificate_demands_than_the_handshake_is_misdirected() {
    let world = World::with(|config| {
        let ca = config.path().with_file_name("tls.crt");
        let hosts = format!("hosts: {{b.example: {{mode: required, ca: {}}}}}", ca.display());
        config
            .over_tls_with(&hosts)
            .route("path: /**, host: a.example, public: true, upstream: app")
            .route("path: /**, host: b.example, public: true, client_certificate: true, upstream: app")
    });
    let mut connection = world.connect_tls("a.example", &["http/1.1"]);
    assert_eq!(connection.exchange(&get("/").with("Host", "a.example")).status, 200);
    assert_eq!(connection.exchange(&get("/").with("Host", "b.example")).refusal(), (421, "misdirected".to_owned()));
}

#[test]
fn a_route_may_demand_a_client_certificate() {
    let world = World::with(|config| {
        let ca = config.path().with_file_name("tls.crt");
        config
            .over_tls_with(&format!("clients: {{mode: optional, ca: {}}}", ca.display()))
            .route("path: /**, public: true, client_certificate: true, upstream: app")
    });
    let mut connection = world.connect_tls("localhost", &["http/1.1"]);
    assert_eq!(connection.exchange(&get("/")).refusal(), (403, "client_certificate_required".to_owned()));
}

#[test]
fn a_session_goes_on_after_a_reload_of_something_else_and_not_after_one_of_the_client_authorities() {
    let open = |config: Config| config.route("path: /**, public: true, upstream: app").authorities(&["ca", "other"]);
    let mut world = World::with(|config| open(config).over_tls_with("clients: {mode: optional, ca: ca.crt}"));
    let resumes = world.remembering();
    assert_eq!([resumes(&world), resumes(&world)], [false, true]);

    world.rewrite(|config| config.route("path: /more, public: true, upstream: app"));
    assert!(world.reload() && resumes(&world));
    let file = |name: &str| world.directory().join(name);
    let two = [std::fs::read(file("ca.crt")).unwrap(), std::fs::read(file("other.crt")).unwrap()].concat();
    std::fs::write(file("ca.crt"), two).unwrap();
    assert!(world.reload());
    assert_eq!([resumes(&world), resumes(&world)], [false, true], "one authority more");
}
