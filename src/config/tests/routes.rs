//! Every kind of mistake in a route is told with its line, its path and what to write.

use super::problems::{HEAD, told};
use super::{Place, good};

/// Mistakes in a single route, written whole.
fn told_of_routes(rows: &[(&str, &str, &str)]) {
    for (route, path, part) in rows {
        told(&format!("{HEAD}  - {route}\n"), 6, &format!("routes[0]{path}"), part);
    }
}

/// Mistakes in what is added to a public route.
fn told_of_settings(rows: &[(&str, &str, &str)]) {
    for (setting, path, part) in rows {
        told_of_routes(&[(&format!("{{path: /, public: true, upstream: app, {setting}}}"), &format!(".{path}"), part)]);
    }
}

#[test]
fn a_route_says_which_requests_and_where_they_go() {
    told_of_routes(&[
        ("{path: /, public: true, upstream: ap}", ".upstream", "unknown upstream `ap`; did you mean `app`?"),
        ("{path: /, public: true}", ".upstream", "`upstream` is missing"),
        ("{public: true, upstream: app}", ".path", "`path` is missing"),
        ("{path: x, public: true, upstream: app}", ".path", "a path begins with `/`"),
        ("{path: \"/a/../b\", public: true, upstream: app}", ".path", "never matches"),
        ("{path: /, methods: [get], public: true, upstream: app}", ".methods[0]", "in capitals"),
        ("{path: /, host: \"h:80\", public: true, upstream: app}", ".host", "not a host"),
        ("{path: /, listeners: man, public: true, upstream: app}", ".listeners", "did you mean `main`?"),
        ("{path: /, sources: [10.0.0], upstream: app}", ".sources[0]", "an address or network"),
        ("{path: /, public: true, upstream: 5}", ".upstream", "put it in quotes"),
        ("{path: /, public: true, upstream: }", ".upstream", "found nothing"),
        ("{path: /, public: true, public: true, upstream: app}", ".public", "written twice"),
        ("{path: /, public: yes, upstream: app}", ".public", "`true` or `false`"),
        ("[a]", "", "a mapping"),
    ]);
}

#[test]
fn a_route_says_who_gets_through() {
    told_of_routes(&[
        ("{path: /, upstream: app}", "", "nothing protects this route"),
        ("{path: /, public: false, upstream: app}", "", "nothing protects this route"),
        ("{path: /, verify: githb, keys: partners, upstream: app}", ".verify", "did you mean `github`?"),
        ("{path: /, verify: {scheme: githb, keys: partners}, upstream: app}", ".verify.scheme", "`github`"),
        ("{path: /, verify: github, keys: partner, upstream: app}", ".keys", "did you mean `partners`?"),
        ("{path: /, verify: github, upstream: app}", ".verify.keys", "`keys` is missing"),
        ("{path: /, verify: {keys: partners}, upstream: app}", ".verify.scheme", "`scheme` is missing"),
        ("{path: /, verify: [], keys: partners, upstream: app}", ".verify", "no alternative"),
        ("{path: /, verify: github, keys: \"p/{x}\", upstream: app}", ".keys", "captures no `x`"),
        ("{path: \"/{x}\", verify: github, keys: \"none/{x}\", upstream: app}", ".keys", "no keyring fits"),
        ("{path: /, public: true, verify: github, keys: partners, upstream: app}", ".public", "contradicts"),
        ("{path: /, mode: observe, verify: github, keys: partners, upstream: app}", ".mode", "every request"),
        ("{path: /, mode: observe, public: true, upstream: app}", ".mode", "nothing to observe"),
        ("{path: /, client_certificate: true, upstream: app}", ".client_certificate", "no listener of this route asks"),
        ("{path: /, verify: linear, keys: partners, upstream: app, body: stream}", ".body", "`body: hold`"),
        (
            "{path: /, verify: linear, keys: partners, upstream: app, body: {forward: payload}}",
            ".body.forward",
            "not one JSON value",
        ),
        ("{path: /, public: true, upstream: app, body: {forward: payload}}", ".body.forward", "nothing is verified"),
        ("{path: /, verify: json-envelope, keys: partners, upstream: app, body: stream}", ".body", "`body: hold`"),
        (
            "{path: /, mode: observe, public: true, verify: github, keys: partners, sign: {scheme: github}, upstream: app}",
            ".mode",
            "would sign what was not verified",
        ),
        (
            "{path: /, sign: {scheme: timestamp-body, keys: partners}, upstream: app, body: stream}",
            ".body",
            "`body: hold`",
        ),
    ]);
}

#[test]
fn settings_of_a_route_are_of_their_kind() {
    told_of_settings(&[
        ("metods: [GET]", "metods", "did you mean `methods`?"),
        ("challenge: true", "challenge", "without `verify`"),
        ("retry: {attempts: 3}", "retry.on", "`on: [connect]`"),
        ("retry: {on: [connect], attempts: 0}", "retry.attempts", "1 to 10"),
        ("retry: {on: [connect], attempts: 11}", "retry.attempts", "1 to 10"),
        ("statuses: {replayd: 409}", "statuses.replayd", "`replayed`"),
        ("statuses: {replayed: 200}", "statuses.replayed", "400 to 599"),
        ("statuses: {replayed: 99}", "statuses.replayed", "200 to 599"),
        ("preflight: {answer: {}}", "preflight.answer.origins", "is missing"),
        ("preflight: {answer: {origins: [\"https://a/b\"]}}", "preflight.answer.origins[0]", "no browser sends"),
        ("upgrade: [h2c]", "upgrade[0]", "unknown value `h2c`"),
        ("body: {max: 1XB}", "body.max", "a size such as"),
        ("errors: DRF", "errors", "did you mean `drf`?"),
        ("public_url: \"https://\"", "public_url", "without a path"),
    ]);
}

#[test]
fn an_edit_never_changes_how_a_message_is_framed_or_who_sent_it() {
    told_of_settings(&[
        ("rewrite: x", "rewrite", "begins with `/`"),
        ("rewrite: \"/../x\"", "rewrite", "dot segments"),
        ("rewrite: \"/a/%2E./x\"", "rewrite", "dot segments"),
        ("rewrite: \"/a%00\"", "rewrite", "`%00`"),
        ("rewrite: \"/x/**\"", "rewrite", "no `**`"),
        ("rewrite: \"/{x}\"", "rewrite", "captures no `x`"),
        ("request: {remove: [Host]}", "request.remove[0]", "cannot be edited"),
        ("request: {set: {X-A: \"a\\nb\"}}", "request.set.X-A", "not a header value"),
        ("request: {set: {\"X A\": b}}", "request.set.X A", "not a header name"),
        ("request: {set: {X-K: b}}, identity: {key: X-K}", "request.set.X-K", "`identity` writes this header"),
        ("response: {set: {Content-Length: \"1\"}}", "response.set.Content-Length", "cannot be edited"),
        ("identity: {key: Transfer-Encoding}", "identity.key", "cannot be edited"),
        ("identity: {principal: Host}", "identity.principal", "cannot be edited"),
        ("identity: {verdict: Content-Length}", "identity.verdict", "cannot be edited"),
        ("identity: {key: X-A, principal: x-a}", "identity.principal", "two facts"),
        ("identity: {key: \"X A\"}", "identity.key", "a header name"),
    ]);
}

#[test]
fn nothing_is_read_as_everything() {
    told_of_settings(&[
        ("methods: []", "methods", "an empty list"),
        ("host: []", "host", "an empty list"),
        ("listeners: []", "listeners", "an empty list"),
        ("sources: []", "sources", "an empty list"),
        ("limits: {macs: 0}", "limits.macs", "0 would refuse everything"),
        ("timeouts: {total: 0s}", "timeouts.total", "0 would refuse everything"),
        ("timeouts: {response: 0}", "timeouts.response", "0 would refuse everything"),
        ("timeouts: {total: 5}", "timeouts.total", "a duration"),
    ]);
}

#[test]
fn a_success_is_never_given_back() {
    for (rule, field, part) in [
        ("release_on: [200]", "release_on[0]", "after a success"),
        ("release_on: [503, 399]", "release_on[1]", "after a success"),
        ("duplicate: 500", "duplicate", "like the completed request"),
        ("duplicate: 300", "duplicate", "like the completed request"),
    ] {
        let route = format!("verify: timestamp-body, keys: partners, replay: {{by: signature, {rule}}}");
        let path = format!(".replay.{field}");
        told_of_routes(&[(&format!("{{path: /, upstream: app, {route}}}"), &path, part)]);
    }
}

#[test]
fn once_leaves_nothing_to_choose() {
    for (rule, field, part) in [
        ("once: true, by: off", ".replay.by", "by the signature"),
        ("once: true, by: nonce", ".replay.by", "by the signature"),
        ("once: true, methods: POST", ".replay.methods", "every method but HEAD"),
    ] {
        let route = format!("verify: svix, keys: partners, replay: {{{rule}}}");
        told_of_routes(&[(&format!("{{path: /, upstream: app, {route}}}"), field, part)]);
    }
    told_of_settings(&[("replay: {once: true}", "replay", "without `verify`")]);
}

/// **Threat:** a capture of the narrow route is fresh on the wide one when the narrow route's claim is over.
#[test]
fn a_claim_outlives_the_widest_window_of_its_keys() {
    let text = "version: 1
listeners: {main: {address: \"127.0.0.1:0\"}}
upstreams: {app: {url: \"http://127.0.0.1:1\"}}
keyrings: {partners: {directory: keys/partners}, others: {directory: keys/partners}}
defaults: {upstream: app, timeouts: {total: 10s}, replay: {by: signature}}
routes:
  - {path: /narrow, verify: {scheme: timestamp-body, keys: partners, override: {past: 5s}}}
  - {path: /wide, verify: {scheme: timestamp-body, keys: partners, override: {past: 5m}}}
  - {path: /slow, verify: {scheme: timestamp-body, keys: partners, override: {past: 5s}}, timeouts: {total: 2m}}
  - {path: /off, verify: {scheme: timestamp-body, keys: partners, override: {past: 1h}}, replay: off}
  - {path: /others, verify: {scheme: timestamp-body, keys: others, override: {past: 5s}}}
";
    let loaded = good(Place::new().load(text));
    let beyond: Vec<u64> = loaded.policy.routes.all().iter().map(|route| route.replay.beyond.as_secs()).collect();
    assert_eq!(beyond, [295, 0, 185, 0, 0]);
}

/// **Threat:** a stamp ahead of a restart that one route took is in no route's future later.
#[test]
fn what_a_restart_may_have_forgotten_reaches_as_far_ahead_as_any_route_of_its_keys() {
    let text = "version: 1
listeners: {main: {address: \"127.0.0.1:0\"}}
upstreams: {app: {url: \"http://127.0.0.1:1\"}}
keyrings: {partners: {directory: keys/partners}, others: {directory: keys/partners}}
defaults: {upstream: app, replay: {by: signature}}
routes:
  - {path: /near, verify: {scheme: timestamp-body, keys: partners, override: {future: 5s}}}
  - {path: /far, verify: {scheme: timestamp-body, keys: partners, override: {future: 2m}}}
  - {path: /link, methods: [GET], public_url: https://links.example, verify: {scheme: signed-link, keys: partners}, replay: {once: true}}
  - {path: /others, verify: {scheme: timestamp-body, keys: others, override: {future: 5s}}}
";
    let loaded = good(Place::new().load(text));
    let ahead: Vec<u64> = loaded.policy.routes.all().iter().map(|route| route.replay.ahead.as_secs()).collect();
    assert_eq!(ahead, [120, 120, 86_400, 5]);
}
