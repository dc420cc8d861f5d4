//! Every kind of mistake is told with its line, its path and what to write.

use super::*;

/// A configuration that is right, to be made wrong.
const HEAD: &str = r#"version: 1
listeners: {main: {address: "127.0.0.1:0"}}
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {partners: {directory: keys/partners}}
routes:
"#;

const CALM: &str = "algorithm: sha256, signature: {header: X-Sig, encoding: hex}";

/// One mistake in `text`, expected at this line and path.
fn told(text: &str, line: u32, path: &str, part: &str) {
    let problems = bad(Place::new().load(text));
    let found = problems.iter().any(|problem| {
        problem.at.is_some_and(|(at, _)| at == line) && problem.path == path && format!("{problem}").contains(part)
    });
    assert!(found, "expected {line} {path:?} {part:?} for\n{text}\nfound\n{}", shown(&problems));
    assert_eq!(problems.len(), 1, "one mistake is told once:\n{text}\n{}", shown(&problems));
}

#[test]
fn mistakes_in_routes_are_told_with_their_place() {
    for (route, path, part) in [
        ("{path: /, public: true, upstream: ap}", "routes[0].upstream", "unknown upstream `ap`; did you mean `app`?"),
        ("{path: /, public: true}", "routes[0].upstream", "`upstream` is missing"),
        ("{public: true, upstream: app}", "routes[0].path", "`path` is missing"),
        ("{path: x, public: true, upstream: app}", "routes[0].path", "a path begins with `/`"),
        ("{path: \"/a/../b\", public: true, upstream: app}", "routes[0].path", "never matches"),
        ("{path: /, upstream: app}", "routes[0]", "nothing protects this route"),
        ("{path: /, public: false, upstream: app}", "routes[0]", "nothing protects this route"),
        ("{path: /, verify: githb, keys: partners, upstream: app}", "routes[0].verify", "did you mean `github`?"),
        ("{path: /, verify: {scheme: githb, keys: partners}, upstream: app}", "routes[0].verify.scheme", "`github`"),
        ("{path: /, verify: github, keys: partner, upstream: app}", "routes[0].keys", "did you mean `partners`?"),
        ("{path: /, verify: github, upstream: app}", "routes[0].verify.keys", "`keys` is missing"),
        ("{path: /, verify: {keys: partners}, upstream: app}", "routes[0].verify.scheme", "`scheme` is missing"),
        ("{path: /, verify: [], keys: partners, upstream: app}", "routes[0].verify", "no alternative"),
        ("{path: /, verify: github, keys: \"p/{x}\", upstream: app}", "routes[0].keys", "captures no `x`"),
        ("{path: \"/{x}\", verify: github, keys: \"none/{x}\", upstream: app}", "routes[0].keys", "no keyring fits"),
        ("{path: /, public: true, verify: github, keys: partners, upstream: app}", "routes[0].public", "contradicts"),
        ("{path: /, mode: observe, verify: github, keys: partners, upstream: app}", "routes[0].mode", "every request"),
        ("{path: /, mode: observe, public: true, upstream: app}", "routes[0].mode", "nothing to observe"),
        ("{path: /, methods: [get], public: true, upstream: app}", "routes[0].methods[0]", "in capitals"),
        ("{path: /, host: \"h:80\", public: true, upstream: app}", "routes[0].host", "not a host"),
        ("{path: /, listeners: man, public: true, upstream: app}", "routes[0].listeners", "did you mean `main`?"),
        ("{path: /, sources: [10.0.0], upstream: app}", "routes[0].sources[0]", "an address or network"),
        ("{path: /, public: true, upstream: app, challenge: true}", "routes[0].challenge", "not supported"),
        ("{path: /, public: true, upstream: app, retry: {attempts: 3}}", "routes[0].retry.on", "`on: [connect]`"),
        (
            "{path: /, public: true, upstream: app, statuses: {replayd: 409}}",
            "routes[0].statuses.replayd",
            "`replayed`",
        ),
        (
            "{path: /, public: true, upstream: app, statuses: {replayed: 200}}",
            "routes[0].statuses.replayed",
            "400 to 599",
        ),
        ("{path: /, public: true, upstream: app, rewrite: x}", "routes[0].rewrite", "begins with `/`"),
        ("{path: /, public: true, upstream: app, rewrite: \"/x/**\"}", "routes[0].rewrite", "no `**`"),
        ("{path: /, public: true, upstream: app, rewrite: \"/{x}\"}", "routes[0].rewrite", "captures no `x`"),
        (
            "{path: /, public: true, upstream: app, request: {remove: [Host]}}",
            "routes[0].request.remove[0]",
            "cannot be edited",
        ),
        (
            "{path: /, public: true, upstream: app, request: {set: {X-A: \"a\\nb\"}}}",
            "routes[0].request.set.X-A",
            "not a header value",
        ),
        (
            "{path: /, public: true, upstream: app, preflight: {answer: {}}}",
            "routes[0].preflight.answer.origins",
            "is missing",
        ),
        ("{path: /, public: true, upstream: app, upgrade: [h2c]}", "routes[0].upgrade[0]", "unknown value `h2c`"),
        ("{path: /, public: true, upstream: app, body: {max: 1XB}}", "routes[0].body.max", "a size such as"),
        ("{path: /, public: true, upstream: app, timeouts: {total: 5}}", "routes[0].timeouts.total", "a duration"),
        ("{path: /, public: true, upstream: app, metods: [GET]}", "routes[0].metods", "did you mean `methods`?"),
        ("{path: /, public: yes, upstream: app}", "routes[0].public", "`true` or `false`"),
        ("{path: /, public: true, upstream: 5}", "routes[0].upstream", "put it in quotes"),
        ("{path: /, public: true, upstream: }", "routes[0].upstream", "found nothing"),
        ("{path: /, public: true, public: true, upstream: app}", "routes[0].public", "written twice"),
        ("[a]", "routes[0]", "a mapping"),
        (
            "{path: /, sign: {scheme: timestamp-body, keys: partners}, upstream: app, body: stream}",
            "routes[0].body",
            "`body: hold`",
        ),
        ("{path: /, verify: linear, keys: partners, upstream: app, body: stream}", "routes[0].body", "`body: hold`"),
        (
            "{path: /, mode: observe, public: true, verify: github, keys: partners, sign: {scheme: github}, upstream: app}",
            "routes[0].mode",
            "would sign what was not verified",
        ),
    ] {
        told(&format!("{HEAD}  - {route}\n"), 6, path, part);
    }
}

#[test]
fn replay_rules_follow_what_the_signature_covers() {
    let dated = format!("{{{CALM}, timestamp: {{header: X-Time, format: unix}}, message: \"{{timestamp}}{{body}}\"}}");
    let loose = format!(
        "{{{CALM}, nonce: {{header: X-Nonce}}, timestamp: {{header: X-Time, format: unix}}, message: \"{{timestamp}}{{body}}\"}}"
    );
    let full = format!(
        "{{{CALM}, nonce: {{header: X-Nonce}}, timestamp: {{header: X-Time, format: unix}}, message: \"{{timestamp}}{{nonce}}{{body}}\"}}"
    );
    let plain = format!("{{{CALM}, message: \"{{body}}\"}}");
    let text = |scheme: &str, replay: &str| {
        format!("{HEAD}  - {{path: /, verify: s, keys: partners, upstream: app{replay}}}\nschemes:\n  s: {scheme}\n")
    };
    for (scheme, replay, part) in [
        (&dated, ", replay: {by: nonce}", "`nonce` needs a scheme"),
        (&loose, ", replay: nonce", "`nonce` needs a scheme"),
        (&plain, ", replay: {by: signature}", "add `keep: 1h`"),
    ] {
        told(&text(scheme, replay), 6, "routes[0].replay", part);
    }
    let place = Place::new();
    for (scheme, replay, warned) in [
        (&dated, "", "sent again for 6m"),
        (&plain, "", "sent again for ever"),
        (&plain, ", replay: {by: signature, keep: 1h}", ""),
        (&plain, ", replay: off", ""),
        (&full, "", ""),
        (&full, ", replay: nonce", ""),
    ] {
        let warnings = place.warnings(&text(scheme, replay));
        assert!(
            if warned.is_empty() { !warnings.contains("sent again") } else { warnings.contains(warned) },
            "{warnings}"
        );
    }
    let loaded = good(place.load(&text(&full, "")));
    assert_eq!(loaded.policy.routes.all()[0].replay.by, crate::policy::route::ReplayBy::Nonce);
}

#[test]
fn keys_that_are_never_tried_and_proofs_that_count_twice_are_warned_of() {
    let place = Place::new();
    for number in 0..9 {
        place.write(&format!("keys/many/k{number}"), &format!("{number}123456789abcdef0123456789abcdef"));
    }
    let text = |verify: &str, more: &str| {
        let many = HEAD.replace("keyrings: {", "keyrings: {many: {directory: keys/many}, ");
        format!("{many}  - {{path: /, verify: {verify}, replay: {{by: signature, keep: 1h}}, upstream: app{more}}}\n")
    };
    let both = "[{scheme: github, keys: partners}, {scheme: github-legacy-sha1, keys: partners}]";
    for (verify, more, part) in [
        ("{scheme: github, keys: many}", "", "9 MACs try every key, but `macs` allows 8"),
        ("{scheme: github, keys: many}", ", limits: {macs: 9}", ""),
        ("{scheme: github, keys: partners}", "", ""),
        (both, "", "once for each of them"),
    ] {
        let warnings = place.warnings(&text(verify, more));
        let warned = warnings.contains("MACs try") || warnings.contains("once for each");
        assert!(warned != part.is_empty() && warnings.contains(part), "{warnings}");
    }
}

#[test]
fn two_routes_for_the_same_requests_are_an_error_and_name_each_other() {
    let text = format!(
        "{HEAD}  - {{path: \"/{{a}}\", public: true, upstream: app}}\n  - {{path: \"/{{b}}\", public: true, upstream: app}}\n"
    );
    told(&text, 7, "routes[1]", "config.yaml:6; routes are not tried in order");
}

#[test]
fn a_signing_oracle_is_refused_unless_its_callers_are_few() {
    let text = |listener: &str, extra: &str| {
        let text = HEAD.replace("{address: \"127.0.0.1:0\"}", listener);
        format!("{text}  - {{path: /, sign: {{scheme: timestamp-body, keys: partners}}, upstream: app{extra}}}\n")
    };
    let tls = "tls: {directory: tls";
    let open = "{address: \"0.0.0.0:0\"}";
    told(&text(open, ""), 6, "routes[0]", "signs for everybody who reaches listener `main`");
    told(&text(open, ", public: true"), 6, "routes[0]", "signs for everybody");
    told(
        &text(&format!("{{address: \"0.0.0.0:0\", {tls}, clients: {{mode: optional, ca: tls/tls.crt}}}}}}"), ""),
        6,
        "routes[0]",
        "signs for everybody",
    );
    for (listener, extra) in [
        ("{address: \"127.0.0.1:0\"}", ""),
        ("{address: \"[::1]:0\"}", ""),
        ("{address: \"unix:/run/x.sock\"}", ""),
        (open, ", sources: [10.0.0.0/8]"),
        (open, ", client_certificate: true"),
        (&format!("{{address: \"0.0.0.0:0\", {tls}, clients: {{ca: tls/tls.crt}}}}}}"), ""),
    ] {
        let loaded = good(Place::new().load(&text(listener, extra)));
        assert!(loaded.policy.listeners[0].signing_hosts.is_some(), "{listener} {extra}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn mistakes_outside_routes_are_told_with_their_place() {
    let tail = "routes: [{path: /, public: true, upstream: app}]\n";
    for (line, path, part, head) in [
        (
            1,
            "version",
            "`version` is missing",
            "listeners: {m: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://h\"}}\n",
        ),
        (
            1,
            "version",
            "reads version 1",
            "version: 2\nlisteners: {m: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://h\"}}\n",
        ),
        (
            3,
            "listener",
            "did you mean `listeners`?",
            "version: 1\nlisteners: {m: {address: \"127.0.0.1:0\"}}\nlistener: {}\nupstreams: {app: {url: \"http://h\"}}\n",
        ),
        (
            1,
            "upstreams",
            "there is no upstream",
            "version: 1\nlisteners: {m: {address: \"127.0.0.1:0\"}}\nupstreams: {}\n",
        ),
    ] {
        let problems = bad(Place::new().load(&format!("{head}{tail}")));
        let found = problems
            .iter()
            .any(|one| one.path == path && one.at.is_some_and(|at| at.0 == line) && one.to_string().contains(part));
        assert!(found, "{path}\n{}", shown(&problems));
    }
    for (line, path, part) in [
        ("listeners: {m: {}}", "listeners.m.address", "`address` is missing"),
        ("listeners: {m: {address: \"8443\"}}", "listeners.m.address", "ip:port"),
        (
            "listeners: {m: {address: \"127.0.0.1:1\"}, n: {address: \"127.0.0.1:1\"}}",
            "listeners.n.address",
            "the same address",
        ),
        ("listeners: {m: {address: \"127.0.0.1:0\", tls: {}}}", "listeners.m.tls", "no certificate"),
        ("listeners: {m: {address: \"127.0.0.1:0\", tls: {key: x}}}", "listeners.m.tls", "belong together"),
        (
            "listeners: {m: {address: \"127.0.0.1:0\", tls: {directory: tls, clients: {mode: required}}}}",
            "listeners.m.tls.clients.ca",
            "`ca` is missing",
        ),
        (
            "listeners: {m: {address: \"127.0.0.1:0\", public_url: \"https://h/x\"}}",
            "listeners.m.public_url",
            "without a path",
        ),
        (
            "listeners: {m: {address: \"127.0.0.1:0\", http2: 1}}",
            "listeners.m.http2",
            "expected `true` or `false`, found a number",
        ),
        (
            "listeners: {m: {address: \"127.0.0.1:0\", limits: {fields: -1}}}",
            "listeners.m.limits.fields",
            "a whole number",
        ),
        ("upstreams: {app: {url: \"ftp://h\"}}", "upstreams.app.url", "not the URL"),
        ("upstreams: {app: {}}", "upstreams.app.url", "either `url` or `urls`"),
        ("upstreams: {app: {urls: [\"http://a\", \"https://b\"]}}", "upstreams.app.urls", "same scheme and path"),
        ("upstreams: {app: {url: \"http://h\", tls: {}}}", "upstreams.app.tls", "would not be used"),
        ("upstreams: {app: {url: \"https://h\", tls: {key: x}}}", "upstreams.app.tls", "belong together"),
        ("upstreams: {app: {url: \"http://h\", max_connections: 0}}", "upstreams.app.max_connections", "at least 1"),
        ("keyrings: {k: {}}", "keyrings.k", "has one source"),
        ("keyrings: {k: {file: a, directory: b}}", "keyrings.k", "has one source"),
        ("keyrings: {k: {keys: [{id: a}]}}", "keyrings.k.keys[0]", "no secret"),
        (
            "schemes: {s: {algorithm: sha9, signature: {header: X, encoding: hex}, message: \"{body}\"}}",
            "schemes.s.algorithm",
            "sha256",
        ),
        (
            "schemes: {s: {algorithm: sha256, signature: {heder: X}, message: \"{body}\"}}",
            "schemes.s.signature",
            "did you mean `header`?",
        ),
        ("admin: \"0.0.0.0:1\"", "admin", "this machine only"),
        ("replay: redis", "replay", "not supported in this version"),
        ("replay: {capacity: 0}", "replay.capacity", "at least 1"),
        ("workers: 0", "workers", "1 to 1024"),
        ("poll: 0s", "poll", "without a pause"),
        ("audit: false", "audit", "write `off`"),
        ("audit: file", "audit.path", "`path` is missing"),
        ("log: {format: xml}", "log.format", "unknown value `xml`"),
        ("log: \"a=b=c\"", "log", "not a log filter"),
        ("routes: []", "routes", "there is no route"),
    ] {
        let mut text = String::from("version: 1\n");
        for part in
            ["listeners: {m: {address: \"127.0.0.1:0\"}}", "upstreams: {app: {url: \"http://h\"}}", tail.trim_end()]
        {
            if line.split_once(':').unwrap().0 != part.split_once(':').unwrap().0 {
                text.push_str(part);
                text.push('\n');
            }
        }
        let here = u32::try_from(text.lines().count()).unwrap() + 1;
        let problems = bad(Place::new().load(&format!("{text}{line}\n")));
        let found = problems.iter().any(|one| {
            one.path == path && one.to_string().contains(part) && (one.at.unwrap().0 == here || path == "routes")
        });
        assert!(found, "{line}\n{}", shown(&problems));
        assert_eq!(problems.len(), 1, "{line}\n{}", shown(&problems));
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_in_one_run_in_its_order() {
    let text = r#"version: 1
listners: {}
listeners:
  main: {address: nowhere}
  main: {address: "127.0.0.1:1"}
upstreams:
  app: {url: "ftp://x", max_connections: "8"}
routes:
  - {path: /a, verify: githb, keys: nobody, upstream: ap}
  - {path: /b, upstream: app, colour: red}
workers: many
"#;
    let problems = bad(Place::new().load(text));
    let places: Vec<_> = problems.iter().map(|one| (one.at.unwrap().0, one.path.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "listners"),
            (4, "listeners.main.address"),
            (5, "listeners.main"),
            (7, "upstreams.app.url"),
            (7, "upstreams.app.max_connections"),
            (9, "routes[0].verify"),
            (9, "routes[0].keys"),
            (9, "routes[0].upstream"),
            (10, "routes[1]"),
            (10, "routes[1].colour"),
            (11, "workers"),
        ]
    );
}

#[test]
fn a_line_reads_like_a_compiler_message() {
    let text = format!("{HEAD}  - {{path: /, verify: {{scheme: githb, keys: partners}}, upstream: app}}\n");
    let problems = bad(Place::new().load(&text));
    let line = problems[0].to_string();
    assert!(
        line.ends_with("config.yaml:6:32: routes[0].verify.scheme: unknown scheme `githb`; did you mean `github`?"),
        "{line}"
    );
}

#[test]
fn a_syntax_error_is_told_with_its_place_and_without_the_text_around_it() {
    for text in [
        "version: 1\nkeyrings: {k: {keys: [{id: a, secret: canary-0123456789\n",
        "version: 1\nsecret: \"canary-0123456789\n",
        "version: 1\na: *canary-0123456789\n",
        "version: 1\na: !canary-0123456789 x\n",
        "version: 1\n\ta: canary-0123456789\n",
    ] {
        let problems = bad(Place::new().load(text));
        assert!(problems[0].message.contains("not valid YAML") && problems[0].at.is_some(), "{}", shown(&problems));
        assert!(!shown(&problems).contains("canary"), "{}", shown(&problems));
    }
}

#[test]
fn no_secret_is_in_any_message() {
    let canary = "canary-in-the-file-0123456789abcdef";
    for (wrong, place) in [
        (format!("keyrings: {{k: {{keys: [{{id: a, secret: {canary}, secret_hex: {canary}}}]}}}}"), "inline"),
        (format!("keyrings: {{k: {{keys: [{{id: a, secret: {canary}}}, {{id: a, secret: {canary}}}]}}}}"), "repeated"),
        (format!("keyrings: {{k: {{keys: {canary}}}}}"), "not a list"),
        (format!("workers: {canary}"), "a number"),
        (format!("log: {{format: {canary}-{canary}}}"), "an enum"),
        ("admin: ${CANARY}".to_owned(), "from the environment"),
        ("log: {format: \"${CANARY}\"}".to_owned(), "an enum from the environment"),
    ] {
        let head = if wrong.starts_with("keyrings") {
            HEAD.replace("keyrings: {partners: {directory: keys/partners}}\n", "")
        } else {
            HEAD.to_owned()
        };
        let route = if wrong.contains("secret: ") {
            format!("{{path: /, verify: \"${{CANARY}}\", keys: {canary}, upstream: \"{canary}\"}}")
        } else {
            "{path: /}".to_owned()
        };
        let text = shown(&bad(Place::new().load(&format!("{head}  - {route}\n{wrong}\n"))));
        assert!(!text.contains("canary-in-the-environment"), "{place}: {text}");
        assert!(!text.contains(canary), "{place}: {text}");
    }
}
