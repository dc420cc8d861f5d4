//! Whatever fails between verdict and answer: no request is forwarded twice, and none is both unprocessed and unrepeatable.

use crate::world::{Config, Nobody, Signing, World, post};

const CLAIMED: &str = "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}";

fn claiming(more: &str) -> impl FnOnce(Config) -> Config {
    let route = format!("{CLAIMED}, {more}");
    move |config| config.route(&route)
}

#[test]
fn a_total_deadline_that_ends_a_body_claims_nothing() {
    for mode in ["hold", "stream"] {
        let world = World::with(claiming(&format!("body: {mode}, timeouts: {{total: 300ms}}, upstream: app")));
        let request = post("/", "0123456789").signed();
        let mut connection = world.connect();
        connection.write(&request.head());
        connection.write(b"01234");
        assert_eq!(connection.answer().refusal(), (504, "total_timeout".to_owned()), "{mode}");
        assert_eq!(world.send(request.clone()).status, 200, "{mode}");
        assert_eq!(world.send(request).status, 409, "{mode}");
        assert_eq!(world.upstream.count(), 1, "{mode}");
    }
}

#[test]
fn a_client_that_leaves_while_the_upstream_works_keeps_its_claim() {
    let world = World::with(claiming("upstream: app"));
    let release = world.upstream.holds();
    let request = post("/", "{}").signed();
    let mut connection = world.connect();
    connection.write(&request.bytes());
    world.upstream.begun();
    connection.abort();
    assert!(world.upstream.next().complete);
    release.one();
    world.upstream.echoes();
    let again = world.send(request).status;
    assert!(again == 409 || again == 503, "{again}");
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn of_several_addresses_a_dead_one_is_passed_over() {
    let nobody = Nobody::new();
    let world = World::with(|config| {
        let (dead, live) = (nobody.address(), config.upstream_address());
        let urls = format!("several: {{urls: [\"http://{dead}\", \"http://{live}\"]}}");
        config.upstream(&urls).route(&format!("{CLAIMED}, upstream: several"))
    });
    for number in 0..6 {
        assert_eq!(world.send(post("/", format!("{number}")).signed()).status, 200);
    }
    assert_eq!(world.upstream.count(), 6);
}

#[test]
fn a_name_is_resolved_and_a_name_of_nobody_claims_nothing() {
    let world = World::with(|config| {
        let port = config.upstream_address().port();
        config
            .upstream(&format!("named: {{url: \"http://localhost:{port}\"}}"))
            .upstream("unknown: {url: \"http://nobody.invalid:80\"}")
            .route(&format!("{CLAIMED}, upstream: named").replace("/**", "/named"))
            .route(&format!("{CLAIMED}, upstream: unknown").replace("/**", "/unknown"))
    });
    let request = post("/unknown", "{}").signed();
    assert_eq!(world.send(request.clone()).status, 502);
    assert_eq!(world.send(request.towards("/named")).status, 200, "no byte had left");
}

#[test]
fn a_connection_that_died_while_idle_costs_neither_the_request_nor_the_claim() {
    let world = World::with(claiming("upstream: app"));
    for number in 0..4 {
        world.upstream.answers_raw_and_closes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(world.send(post("/", format!("{number}")).signed()).status, 200);
    }
    assert_eq!(world.upstream.count(), 4);
}

#[test]
fn an_early_answer_to_a_held_body_is_delivered() {
    let world = World::with(|config| {
        config.route(&format!("{CLAIMED}, body: {{max: 64MiB, memory: 32MiB}}, upstream: app")).limits("memory: 1GiB")
    });
    world.upstream.answers_early_and_closes("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(world.send(post("/", "x".repeat(16 << 20)).signed()).status, 413);
    world.upstream.echoes();
    assert_eq!(world.send(post("/", "next").signed()).body, b"next");
}
