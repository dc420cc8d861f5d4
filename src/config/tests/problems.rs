//! Mistakes that more than one setting makes together, and how mistakes are told.

use super::*;

/// A configuration that is right, to be made wrong.
pub(super) const HEAD: &str = r#"version: 1
listeners: {main: {address: "127.0.0.1:0"}}
upstreams: {app: {url: "http://127.0.0.1:8000"}}
keyrings: {partners: {directory: keys/partners}}
routes:
"#;

const CALM: &str = "algorithm: sha256, signature: {header: X-Sig, encoding: hex}";

/// One mistake in `text`, expected at this line and path.
pub(super) fn told(text: &str, line: u32, path: &str, part: &str) {
    let problems = bad(Place::new().load(text));
    let found = problems.iter().any(|problem| {
        problem.at.is_some_and(|(at, _)| at == line) && problem.path == path && format!("{problem}").contains(part)
    });
    assert!(found, "expected {line} {path:?} {part:?} for\n{text}\nfound\n{}", shown(&problems));
    assert_eq!(problems.len(), 1, "one mistake is told once:\n{text}\n{}", shown(&problems));
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
    let asking = "{address: \"0.0.0.0:0\", tls: {directory: tls, clients: {mode: optional, ca: tls/tls.crt}}}";
    for (listener, extra) in [
        ("{address: \"127.0.0.1:0\"}", ""),
        ("{address: \"[::1]:0\"}", ""),
        ("{address: \"unix:/run/x.sock\"}", ""),
        (open, ", sources: [10.0.0.0/8]"),
        (asking, ", client_certificate: true"),
        (&format!("{{address: \"0.0.0.0:0\", {tls}, clients: {{ca: tls/tls.crt}}}}}}"), ""),
    ] {
        let loaded = good(Place::new().load(&text(listener, extra)));
        assert!(loaded.policy.listeners[0].signing_hosts.is_some(), "{listener} {extra}");
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

#[test]
fn a_scheme_of_ones_own_takes_no_built_in_name_and_none_that_a_header_cannot_hold() {
    let text = |name: &str| {
        format!(
            "{HEAD}  - {{path: /, verify: stripe, keys: partners, upstream: app}}\nschemes:\n  {name}: {{{CALM}, message: \"{{body}}\"}}\n"
        )
    };
    told(&text("github"), 8, "schemes.github", "choose another name");
    told(&text("stripe"), 8, "schemes.stripe", "a built-in scheme has this name");
    told(&text("\"a b\""), 8, "schemes.a b", "visible ASCII");
    told(&text("\"a\\\"b\""), 8, "schemes.a\"b", "visible ASCII");
    good(Place::new().load(&text("github-v2")));
}

#[test]
fn a_scheme_that_signs_the_public_url_is_refused_where_nothing_says_it() {
    let head = HEAD.replace(":0\"}}", ":0\"}, inside: {address: \"127.0.0.1:0\"}}");
    let text = |more: &str| format!("{head}  - {{path: /, verify: twilio, keys: partners, upstream: app{more}}}\n");
    told(&text(""), 6, "routes[0]", "write `public_url: https://…`");
    told(&text(", listeners: [inside]"), 6, "routes[0]", "signs the public URL");
    let answers = "verify: github, response: {sign: {scheme: square, keys: partners}}";
    told(&text("").replace("verify: twilio", answers), 6, "routes[0]", "scheme `square` signs the public URL");
    let place = Place::new();
    good(place.load(&text(", public_url: \"https://a.example\"")));
    good(place.load(&text("").replace("verify: twilio", "sign: twilio")));
    let one = text("").replacen(":0\"}", ":0\", public_url: \"https://a.example\"}", 1);
    assert!(place.warnings(&one).contains("listener `inside` has no `public_url`"), "{}", place.warnings(&one));
    let apart = one.replace("upstream: app}", "upstream: app, listeners: [main]}");
    assert!(!place.warnings(&apart).contains("public_url"), "{}", place.warnings(&apart));
}
