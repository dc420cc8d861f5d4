//! Health checks of an upstream: their defaults, and every mistake in them.

use std::time::Duration;

use super::problems::told;
use super::*;
use crate::policy::upstream::{Active, Health, Passive};
use crate::sig::message::Method;

fn with(url: &str, health: &str) -> String {
    format!(
        "version: 1\nlisteners: {{main: {{address: \"127.0.0.1:0\"}}}}\nupstreams:\n  app:\n    {url}\n    health: {health}\n\
        keyrings: {{partners: {{directory: keys/partners}}}}\n\
        routes: [{{path: /, verify: {{scheme: timestamp-body, keys: partners}}, replay: {{by: signature}}, upstream: app}}]\n"
    )
}

const ONE: &str = "url: \"http://127.0.0.1:8000\"";
const NAMED: &str = "url: \"http://app:8000\"";

#[test]
fn health_checks_are_off_and_short_to_turn_on() {
    let place = Place::new();
    let health = |text: &str| good(place.load(text)).policy.upstreams[0].health.clone();
    assert_eq!(health(&with(ONE, "{active: /x}").replace("    health: {active: /x}\n", "")), None);
    let active = Active {
        path: "/healthz".into(),
        method: Method::GET,
        host: None,
        statuses: Vec::new(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        passes: 2,
        fails: 3,
    };
    let passive = Passive { fails: 5, rest: Duration::from_secs(10) };
    let both = Health { active: Some(active.clone()), passive: Some(passive.clone()), refuse: false };
    assert_eq!(health(&with(NAMED, "{active: /healthz, passive: {}}")), Some(both.clone()));
    assert_eq!(
        health(&with(ONE, "{passive: {}, none_healthy: refuse}")),
        Some(Health { active: None, refuse: true, ..both.clone() })
    );
    let long = "{active: {path: \"/h?full=1\", method: HEAD, host: \"app:1\", status: [200, 401], interval: 1s, passes: 1, fails: 9}, \
        passive: {fails: 1, pause: 1m}, none_healthy: try}";
    let written = Active {
        path: "/h?full=1".into(),
        method: Method::HEAD,
        host: Some("app:1".into()),
        statuses: vec![200, 401],
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        passes: 1,
        fails: 9,
    };
    let passive = Passive { fails: 1, rest: Duration::from_mins(1) };
    assert_eq!(
        health(&with(NAMED, long)),
        Some(Health { active: Some(written), passive: Some(passive), refuse: false })
    );
}

#[test]
fn what_could_never_have_an_effect_is_refused() {
    told(&with(NAMED, "{}"), 6, "upstreams.app.health", "nothing is checked");
    told(&with(NAMED, "{none_healthy: refuse}"), 6, "upstreams.app.health", "write `active: /healthz`");
    let single = "the only address would never be taken out";
    for url in [ONE, "url: \"unix:/run/app.sock\"", "url: \"http://[::1]:80\""] {
        told(&with(url, "{passive: {}}"), 6, "upstreams.app.health.passive", single);
    }
    let place = Place::new();
    for url in [NAMED, "urls: [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]"] {
        good(place.load(&with(url, "{passive: {}}")));
    }
}

#[test]
fn every_mistake_in_a_health_check_has_its_line_and_a_fix() {
    let cases = [
        ("{active: {interval: 1s}}", "", "write `path: /healthz`"),
        ("{active: healthz}", "", "not the path of a request"),
        ("{active: {path: \"/a b\"}}", ".path", "not the path of a request"),
        ("{active: {path: \"/a/../b\"}}", ".path", "not the path of a request"),
        ("{active: {path: \"/a#b\"}}", ".path", "not the path of a request"),
        ("{active: {path: \"/a?b#c\"}}", ".path", "not the path of a request"),
        ("{active: {path: /, host: \"a/b\"}}", ".host", "not the value of a `Host` header"),
        ("{active: {path: /, host: \"\"}}", ".host", "not the value of a `Host` header"),
        ("{active: {path: /, method: POST}}", ".method", "write `GET` or `HEAD`"),
        ("{active: {path: /, method: get}}", ".method", "a method in capitals"),
        ("{active: {path: /, status: 101}}", ".status", "a status from 200 to 599"),
        ("{active: {path: /, interval: 99ms}}", ".interval", "write at least `100ms`"),
        ("{active: {path: /, interval: 1s, timeout: 2s}}", ".timeout", "longer than the interval"),
        ("{active: {path: /, timeout: 0s}}", ".timeout", "0 would refuse everything"),
        ("{active: {path: /, passes: 0}}", ".passes", "write at least 1"),
        ("{active: {path: /, fails: 0}}", ".fails", "write at least 1"),
        ("{active: {path: /, fall: 2}}", ".fall", "unknown"),
    ];
    for (health, path, part) in cases {
        told(&with(NAMED, health), 6, &format!("upstreams.app.health.active{path}"), part);
    }
    for (health, path, part) in [
        ("{passive: {fails: 0}}", "passive.fails", "write at least 1"),
        ("{passive: {pause: 0s}}", "passive.pause", "`10s` is the default"),
        ("{passive: {pause: 10}}", "passive.pause", "a duration with its unit"),
        ("{active: /, none_healthy: drop}", "none_healthy", "known: try, refuse"),
    ] {
        told(&with(NAMED, health), 6, &format!("upstreams.app.health.{path}"), part);
    }
}
