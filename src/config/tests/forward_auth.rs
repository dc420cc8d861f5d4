//! Listeners that another proxy asks, and the routes on them.

use super::problems::{HEAD, told};
use super::*;
use crate::policy::listen::{Asker, ForwardAuth};

fn asked(by: &str, route: &str) -> String {
    let head = HEAD.replace("\"127.0.0.1:0\"", &format!("\"127.0.0.1:0\", forward_auth: {by}"));
    format!(
        "{head}  - {{path: /, {route}}}\nschemes:\n  s: {{algorithm: sha256, signature: {{header: X-Sig, encoding: hex}}, timestamp: {{header: X-Time, format: unix}}, message: \"{{timestamp}}.{{target}}\"}}\n"
    )
}

const VERIFY: &str = "verify: s, keys: partners, replay: off";

#[test]
fn whoever_asks_needs_no_upstream() {
    for (by, from, body) in [
        ("nginx", Asker::Nginx, false),
        ("caddy", Asker::Caddy, false),
        ("traefik", Asker::Traefik, false),
        ("{from: envoy, body: true}", Asker::Envoy, true),
    ] {
        let loaded = good(Place::new().load(&asked(by, VERIFY)));
        assert_eq!(loaded.policy.listeners[0].forward_auth, Some(ForwardAuth { from, body }));
        assert_eq!(loaded.policy.routes.all()[0].upstream, None);
        let none = asked(by, VERIFY).replace("upstreams: {app: {url: \"http://127.0.0.1:8000\"}}", "# none");
        assert!(good(Place::new().load(&none)).policy.upstreams.is_empty());
    }
}

#[test]
fn mistakes_about_whoever_asks_are_told_with_their_place() {
    for (by, path, part) in [
        ("{}", "forward_auth.from", "`from` is missing"),
        ("apache", "forward_auth", "known: nginx, traefik, caddy, envoy"),
        ("{from: nginx, body: true}", "forward_auth.body", "nginx does not send the body along"),
        ("{from: caddy, body: true}", "forward_auth.body", "Caddy does not send the body along"),
    ] {
        told(&asked(by, VERIFY), 2, &format!("listeners.main.{path}"), part);
    }
}

#[test]
fn a_route_does_not_say_what_only_a_gateway_that_forwards_can_do() {
    for (more, part) in [
        ("rewrite: /b", "`rewrite` needs a gateway that forwards"),
        ("request: {remove: [cookie]}", "`request` needs"),
        ("response: {remove: [server]}", "`response` needs"),
        ("upgrade: websocket", "`upgrade` needs"),
        ("preflight: {answer: {origins: [\"https://a.example\"], methods: [GET]}}", "`preflight: answer` needs"),
        ("sign: {scheme: s}", "`sign` needs"),
        ("body: stream", "`body: stream` needs"),
    ] {
        told(&asked("nginx", &format!("{VERIFY}, {more}")), 6, "routes[0]", part);
    }
    let twice = "verify: s, keys: partners, replay: {by: signature, duplicate: 200}";
    told(&asked("nginx", twice), 6, "routes[0]", "`replay.duplicate` needs");
    for by in ["nginx", "caddy", "traefik", "envoy"] {
        let whole = "verify: github, keys: partners, replay: off";
        told(
            asked(by, whole).split("schemes:").next().unwrap(),
            6,
            "routes[0]",
            "covers the body, which listener `main` does not see",
        );
    }
}
