//! What the linter advises: only what its reader can do.

use super::problems::HEAD;
use super::*;

fn route(verify: &str, more: &str) -> String {
    format!("{HEAD}  - {{path: \"/**\", verify: {verify}, keys: partners, upstream: app{more}}}\n")
}

fn jwt(options: &str) -> String {
    route("s", "") + &format!("schemes: {{s: {{jwt: {{algorithm: HS256{options}}}}}}}\n")
}

/// The one finding with this code, warning or note.
fn advice(text: &str, code: &str) -> String {
    let loaded = good(Place::new().load(text));
    let found: Vec<String> = loaded.warnings.iter().chain(&loaded.notes).map(ToString::to_string).collect();
    let with = |line: &&String| line.ends_with(&format!("[{code}]"));
    found.iter().find(with).unwrap_or_else(|| panic!("no {code} in {found:?}")).clone()
}

#[test]
fn what_a_built_in_scheme_leaves_open_is_met_on_the_route_or_allowed_with_a_reason() {
    for (scheme, code, part) in [
        ("github", "method_not_covered", "list the one method that the route takes in `methods`; where it must stay"),
        ("github", "path_not_covered", "give every path a keyring of its own"),
        ("github", "query_not_covered", "do not trust the query on this route; where"),
        ("github", "timestamp_absent", "remember signatures with `replay: {by: signature, keep: …}`; where"),
        ("mailgun", "body_not_covered", "where it must stay, say why: `lint: {allow: {body_not_covered: \"…\"}}`"),
        ("github-legacy-sha1", "weak_hash", "say why: `lint: {allow: {weak_hash"),
    ] {
        let said = advice(&route(scheme, ""), code);
        assert!(said.contains(part) && !said.contains("cover `{"), "{said}");
    }
    let mine = "schemes: {s: {algorithm: sha256, signature: {header: S, encoding: hex}, message: \"{body}\"}}\n";
    let said = advice(&(route("s", "") + mine), "method_not_covered");
    assert!(said.contains("cover `{method}`, or list") && !said.contains("lint:"), "{said}");
}

#[test]
fn a_life_that_the_signature_says_itself_is_advised_by_the_option_that_bounds_it() {
    let said = advice(&route("aws-sigv4", ""), "wide_window");
    assert!(said.contains("is good for up to 7days; a shorter `presigned` leaves"), "{said}");
    let said = advice(&route("aws-sigv4", ""), "replay_off");
    assert!(said.contains("for 10m, and one that says itself when it expires for up to 7days"), "{said}");
    let url = ", public_url: \"https://a.example\"";
    let said = advice(&route("signed-link", url), "wide_window");
    assert!(said.contains("is good for up to 1day; a shorter `future` leaves"), "{said}");
    assert!(advice(&route("signed-link", url), "replay_off").contains("sent again for 1day"));
}

#[test]
fn tokens_are_advised_to_have_an_age() {
    for (options, message, fix) in [
        ("", "until it expires, and who writes it says when", "write `max_age`"),
        (", expires: optional", "for ever if it has no `exp`", "write `expires: required` and `max_age`"),
        (", max_age: 5m", "a captured token can be sent again for 5m;", "write `jti: required` in the scheme"),
    ] {
        let said = advice(&jwt(options), "replay_off");
        assert!(said.contains(message) && said.contains(fix), "{said}");
        let open = good(Place::new().load(&jwt(options)));
        assert!(!shown(&[open.warnings, open.notes].concat()).contains("does not cover"), "one sentence says it all");
        assert!(advice(&jwt(options), "token_covers_nothing").contains("covers nothing of the request"));
    }
}

#[test]
fn a_token_that_nothing_bounds_cannot_be_remembered() {
    for replay in [", replay: {by: nonce}", ", replay: {by: signature}"] {
        let text = jwt(", jti: required").replace("upstream: app", &format!("upstream: app{replay}"));
        let problems = shown(&bad(Place::new().load(&text)));
        assert!(
            problems.contains("nothing bounds how long a token is good") && problems.contains("`max_age`"),
            "{problems}"
        );
        good(Place::new().load(&text.replace("jti: required", "jti: required, max_age: 5m")));
    }
}
