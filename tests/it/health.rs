//! Upstreams that are asked how they are: who is sent requests, and who is told.

use crate::world::{Config, Signing, Upstream, World, get, post};

const VERIFY: &str = "verify: {scheme: timestamp-body, keys: partners}";
const BROKEN: &str = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

/// Two addresses: `app` and another one.
fn both(other: &Upstream, health: &str) -> impl FnOnce(Config) -> Config {
    let (other, health) = (other.address(), health.to_owned());
    move |config| {
        let urls =
            format!("both: {{urls: [\"http://{}\", \"http://{other}\"], health: {health}}}", config.upstream_address());
        config.upstream(&urls).route(&format!("path: /**, {VERIFY}, upstream: both"))
    }
}

/// The upstream `app` alone.
fn alone(health: &str) -> World {
    World::with(|config| config.app(&format!("health: {health}")).route(&format!("path: /**, {VERIFY}, upstream: app")))
}

fn readyz(world: &World) -> String {
    let answer = world.ask("health", get("/readyz"));
    assert_eq!((answer.status, world.ask("health", get("/livez")).status), (200, 200), "whatever the upstreams do");
    String::from_utf8(answer.body).unwrap()
}

/// Asks until it is told, but not for ever.
fn wait_until(world: &World, told: &str) {
    world.told("/readyz", |ready| ready.contains(told));
}

#[test]
fn an_address_that_fails_its_checks_gets_no_requests_until_they_pass() {
    let other = Upstream::start();
    other.answers_raw(BROKEN);
    let health = "{active: {path: /healthz, interval: 500ms, passes: 1, fails: 9}}";
    let world = World::with(both(&other, health));
    wait_until(&world, "upstream `both`: 1 of 2 addresses healthy\n");
    for number in 0..6 {
        assert_eq!(world.send(post("/", format!("{number}")).signed()).status, 200);
    }
    let asked = other.next();
    assert_eq!(
        (asked.line(), asked.header("user-agent").is_some_and(|agent| agent.contains("health check"))),
        ("GET /healthz", true)
    );
    other.echoes();
    wait_until(&world, "upstream `both`: 2 of 2 addresses healthy\n");
    let metrics = String::from_utf8(world.ask("health", get("/metrics")).body).unwrap();
    for sample in [
        "countersign_upstream_addresses{upstream=\"both\",state=\"healthy\"} 2\n",
        "countersign_upstream_addresses{upstream=\"both\",state=\"unhealthy\"} 0\n",
        "countersign_upstream_outages_total{upstream=\"both\",by=\"active\"} 1\n",
        "countersign_upstream_outages_total{upstream=\"both\",by=\"passive\"} 0\n",
    ] {
        assert!(metrics.contains(sample), "{sample} in {metrics}");
    }
    let status: serde_json::Value = serde_json::from_slice(&world.ask("admin", get("/status")).body).unwrap();
    let upstreams = status["upstreams"].as_array().unwrap();
    let told = upstreams.iter().find(|upstream| upstream["name"] == "both").unwrap();
    let expected = |address: std::net::SocketAddr| serde_json::json!({"address": address.to_string(), "healthy": true});
    assert_eq!(told["addresses"], serde_json::json!([expected(world.upstream.address()), expected(other.address())]));
    assert!(upstreams.iter().any(|upstream| upstream["name"] == "app" && upstream["addresses"].is_null()));
}

#[test]
fn without_a_healthy_address_every_one_is_tried_or_the_request_is_refused_and_unclaimed() {
    let failing = "active: {path: /healthz, status: 204, interval: 300ms, passes: 1, fails: 9}";
    let world = alone(&format!("{{{failing}}}"));
    wait_until(&world, "upstream `app`: 0 of 1 addresses healthy\n");
    assert_eq!(world.send(get("/").signed()).status, 200);

    let route = format!("path: /**, {VERIFY}, replay: {{by: signature}}, upstream: app");
    let health = format!("health: {{{failing}, none_healthy: refuse}}");
    let mut world = World::with(|config| config.app(&health).route(&route));
    wait_until(&world, "upstream `app`: 0 of 1 addresses healthy\n");
    let request = post("/", "{}").signed();
    let refused = world.send(request.clone());
    assert_eq!(
        (refused.refusal(), refused.header("retry-after")),
        ((503, "upstream_unhealthy".to_owned()), Some("1".to_owned()))
    );
    world.upstream.answers_raw("HTTP/1.1 204 No Content\r\n\r\n");
    wait_until(&world, "upstream `app`: 1 of 1 addresses healthy\n");
    assert_eq!(world.send(request.clone()).status, 204, "the refused request had claimed nothing");
    assert_eq!(world.send(request).status, 409);
    world.stop();
    assert_eq!(world.audit()[0]["code"], "upstream_unhealthy");
}

#[test]
fn an_address_that_loses_requests_is_passed_over_and_a_broken_answer_of_its_own_is_not_held_against_it() {
    let other = Upstream::start();
    let world = World::with(both(&other, "{passive: {fails: 2, pause: 1h}}"));
    assert!(readyz(&world).contains("upstream `both`: no address known yet\n"));
    other.answers_raw(BROKEN);
    let answers: Vec<u16> = (0..8).map(|number| world.send(post("/", format!("{number}")).signed()).status).collect();
    assert!(answers.contains(&500) && readyz(&world).contains("2 of 2 addresses healthy"), "{answers:?}");
    other.hangs_up();
    let mut lost = 0;
    for number in 0..40 {
        let answer = world.send(post("/other", format!("{number}")).signed());
        if answer.status != 200 {
            assert_eq!(answer.refusal(), (502, "upstream_closed".to_owned()));
            lost += 1;
        }
    }
    assert_eq!(lost, 2);
    assert!(readyz(&world).contains("upstream `both`: 1 of 2 addresses healthy\n"));
}

#[test]
fn a_reload_changes_what_is_checked_and_keeps_what_did_not_change() {
    let mut world = alone("{active: {path: /one, interval: 100ms}}");
    assert_eq!(world.upstream.next().line(), "GET /one");
    world.rewrite(|config| config.route(&format!("path: /more, {VERIFY}, upstream: app")));
    assert!(world.reload());
    assert_eq!(world.upstream.next().line(), "GET /one");
    world.rewrite(|config| config.upstream("far: {url: \"http://127.0.0.1:9\", health: {active: /x}}"));
    assert!(world.reload());
    wait_until(&world, "upstream `far`: 0 of 1 addresses healthy\n");
    world.rewrite(Config::without_app_settings);
    assert!(world.reload());
    assert!(!readyz(&world).contains("upstream `app`"));
    assert_eq!(world.send(get("/").signed()).status, 200);
}

#[test]
fn a_silent_upstream_is_unhealthy_and_its_request_is_a_timeout() {
    let world = alone("{active: {path: /healthz, interval: 100ms}}");
    let _release = world.upstream.holds();
    wait_until(&world, "upstream `app`: 0 of 1 addresses healthy\n");
}
