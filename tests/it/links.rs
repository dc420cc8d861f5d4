//! Signed links: made on the command line, followed by browsers and by what looks at mail before people do.

use std::process::Command;

use crate::world::{NOW, Request, Response, World, get, request};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const ORIGIN: &str = "https://app.example.com";

/// A route for links of one purpose.
fn route(path: &str, purpose: &str, more: &str) -> String {
    let verify = format!(
        "verify: {{scheme: signed-link, keys: partners, override: {{future: 2h, settings: {{purpose: {purpose}}}}}}}"
    );
    format!("path: {path}, {verify}, {more}, public_url: \"{ORIGIN}\", errors: page, upstream: app")
}

fn world(purpose: &str, more: &str) -> World {
    World::with(|config| config.route(&route("/reset/**", purpose, more)))
}

/// What `countersign sign --link` says: exit code, standard output and error.
fn sign(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["sign", "--link", "--now", &NOW.to_string(), "--config"])
        .arg(world.directory().join("countersign.yaml"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Path and query of a link that is good for an hour.
fn link(world: &World, purpose: &str, path: &str) -> String {
    let (code, out, error) =
        sign(world, &["--expires", "1h", "--purpose", purpose, "--keys", "partners", &format!("{ORIGIN}{path}")]);
    assert_eq!((code, error.as_str(), out.lines().count()), (0, "", 1), "{out}");
    out.trim_end().strip_prefix(ORIGIN).unwrap().to_owned()
}

fn head(target: &str) -> Request {
    request("HEAD", target, "")
}

#[test]
fn a_link_opens_what_it_names_until_it_expires() {
    let world = world("reset", "replay: off");
    let target = link(&world, "reset", "/reset/a%20b?token=abc");
    assert_eq!(world.send(get(&target)).status, 200);
    let seen = world.upstream.next();
    assert_eq!(seen.line(), format!("GET {target}"));
    assert_eq!(seen.header("x-countersign-key"), Some("k1"));
    assert_eq!(world.send(head(&target)).status, 200);
    for other in [
        target.replace("/reset/", "/reset/x/"),
        target.replace("abc", "abd"),
        format!("{target}&utm_source=mail"),
        target.replace(&format!("expires={}", NOW + 3600), &format!("expires={}", NOW + 3601)),
    ] {
        assert_eq!(world.send(get(&other)).refusal(), (401, "signature_invalid".to_owned()), "{other}");
    }
    assert_eq!(world.at(3600).send(get(&target)).status, 200);
    assert_eq!(world.at(3601).send(get(&target)).refusal(), (401, "timestamp_outside_window".to_owned()));
}

#[test]
fn a_link_for_one_purpose_never_opens_another() {
    let world = World::with(|config| {
        let views = route("/notes/**", "view", "replay: off, methods: GET");
        config.route(&views).route(&route("/notes/**", "delete", "replay: off, methods: DELETE"))
    });
    let target = link(&world, "view", "/notes/7");
    assert_eq!(world.send(get(&target)).status, 200);
    let unmet = (401, "requirement_unmet".to_owned());
    assert_eq!(world.send(get(&target).by("DELETE")).refusal(), unmet);
    let renamed = target.replace("purpose=view", "purpose=delete");
    assert_eq!(world.send(get(&renamed).by("DELETE")).refusal(), (401, "signature_invalid".to_owned()));
    assert_eq!(world.send(get(&link(&world, "delete", "/notes/7"))).refusal(), unmet);
}

#[test]
fn a_link_for_one_host_opens_no_other_and_none_without_a_public_url() {
    let world = World::with(|config| {
        let other = route("/reset/**", "reset", "replay: off, listeners: other").replace("app.example", "evil.example");
        // Where no listener of a route had one, it would be refused when it is loaded.
        let bare = route("/reset/**", "reset", "replay: off, listeners: [bare, named]");
        let bare = bare.replace(&format!(", public_url: \"{ORIGIN}\""), "");
        let config = config.listener("other: {address: \"127.0.0.1:0\"}").listener("bare: {address: \"127.0.0.1:0\"}");
        let config = config.listener("named: {address: \"127.0.0.1:0\", public_url: \"https://b.example\"}");
        config.route(&route("/reset/**", "reset", "replay: off, listeners: public")).route(&other).route(&bare)
    });
    let target = link(&world, "reset", "/reset/1");
    assert_eq!(world.send(get(&target)).status, 200);
    let asked = |listener| world.connect_to(listener).exchange(&get(&target).with("Host", "app.example.com"));
    assert_eq!(asked("other").refusal(), (401, "signature_invalid".to_owned()));
    assert_eq!(asked("bare").refusal(), (401, "requirement_unmet".to_owned()));
}

#[test]
fn a_link_that_works_once_is_not_used_up_by_being_looked_at() {
    let world = world("reset", "replay: {once: true}");
    let target = link(&world, "reset", "/reset/1");
    for _ in 0..3 {
        assert_eq!(world.send(head(&target)).status, 200);
    }
    assert_eq!(world.send(get(&target)).status, 200);
    let used = (409, "replayed".to_owned());
    assert_eq!(world.send(get(&target)).refusal(), used);
    assert_eq!(world.send(get(&target).by("DELETE")).refusal(), used);
    let (path, query) = target.split_once('?').unwrap();
    let (rest, sig) = query.split_once("&sig=").unwrap();
    assert_eq!(
        world.send(get(&format!("{path}?sig={sig}&{rest}"))).refusal(),
        used,
        "the same link, spelled otherwise"
    );
    assert_eq!(world.send(head(&target)).status, 200);
    assert_eq!(world.at(3600).send(get(&target)).refusal(), used, "in its last second");
    assert_eq!(world.at(3601).send(get(&target)).refusal(), (401, "timestamp_outside_window".to_owned()));
}

#[test]
fn whoever_fails_may_follow_the_link_again_where_the_route_says_so() {
    let world = world("reset", "replay: {once: true, release_on: [503]}");
    let target = link(&world, "reset", "/reset/1");
    world.upstream.answers(503);
    assert_eq!(world.send(get(&target)).status, 503);
    world.upstream.answers(200);
    assert_eq!(world.send(get(&target)).status, 200);
    assert_eq!(world.send(get(&target)).status, 409);
}

#[test]
fn a_used_link_stays_used_over_a_clean_restart() {
    let mut world = World::with(|config| {
        let file = config.path().with_file_name("claims");
        let store = format!("restart_guard: false, persist: {}", file.display());
        config.replay(&store).route(&route("/reset/**", "reset", "replay: {once: true}"))
    });
    let (used, fresh) = (link(&world, "reset", "/reset/1"), link(&world, "reset", "/reset/2"));
    assert_eq!(world.send(get(&used)).status, 200);
    world.restart();
    assert_eq!(world.send(get(&used)).refusal(), (409, "replayed".to_owned()));
    assert_eq!(world.send(get(&fresh)).status, 200);
}

#[test]
fn after_a_start_that_remembers_nothing_links_that_may_be_older_wait() {
    let world = World::with(|config| {
        config.replay("restart_guard: true").route(&route("/reset/**", "reset", "replay: {once: true}"))
    });
    let target = link(&world, "reset", "/reset/1");
    assert_eq!(world.send(get(&target)).refusal(), (503, "replay_guard".to_owned()));
}

#[track_caller]
fn shows(answer: &Response, status: u16, title: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    let id = answer.header("x-request-id").unwrap();
    assert_eq!((answer.status, text.contains(&format!("<h1>{title}</h1>"))), (status, true), "{text}");
    assert!(text.contains(&format!("Request {id}<")), "{text}");
    assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    assert_eq!(answer.header("content-security-policy").as_deref(), Some(policy));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
}

#[test]
fn a_browser_gets_a_page_and_a_program_gets_json() {
    let world = world("reset", "replay: {once: true}");
    let target = link(&world, "reset", "/reset/1");
    let browser = |target: &str| get(target).header("Accept", BROWSER);
    assert_eq!(world.send(browser(&target)).status, 200);
    shows(&world.send(browser(&target)), 409, "This link was already used");
    shows(&world.send(browser(&target.replace("/1", "/2"))), 401, "This link is not valid");
    shows(&world.send(browser("/reset/1")), 401, "This link is not valid");
    for accept in ["*/*", "application/json", "text/html;q=0.5, application/problem+json"] {
        let answer = world.send(get(&target).header("Accept", accept));
        assert_eq!(answer.refusal(), (409, "replayed".to_owned()), "{accept}");
        assert_eq!(answer.header("content-security-policy"), None);
    }
    shows(&world.at(3601).send(browser(&target)), 401, "This link has expired");
    assert_eq!(world.send(head(&target).header("Accept", BROWSER)).body, b"");
}

#[test]
fn routes_without_pages_answer_browsers_as_before() {
    let world = World::verifying();
    let answer = world.send(get("/").header("Accept", BROWSER));
    assert_eq!(answer.refusal(), (401, "signature_missing".to_owned()));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
}

#[test]
fn the_route_says_how_its_links_are_made() {
    let world = world("reset", "replay: off");
    let url = format!("{ORIGIN}/reset/1");
    let (code, out, error) = sign(&world, &["--expires", "2h", "--purpose", "reset", &url]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(world.send(get(out.trim_end().strip_prefix(ORIGIN).unwrap())).status, 200);
}

#[test]
fn a_scheme_of_ones_own_makes_links_too() {
    let world = World::with(|config| {
        let mine = "mine: {algorithm: sha512, signature: {query: s, encoding: hex}, timestamp: {query: until, format: unix, expiry: true}, message: \"{path}{?query|without(s)}\"}";
        let route = "path: /files/**, methods: GET, verify: {scheme: mine, keys: partners}, replay: off, upstream: app";
        config.scheme(mine).route(route)
    });
    let by_name = ["--scheme", "mine", "--keys", "partners", "--expires", "1m"];
    let (code, out, error) = sign(&world, &[&by_name[..], &[&format!("{ORIGIN}/files/1")]].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    let target = out.trim_end().strip_prefix(ORIGIN).unwrap();
    assert!(target.starts_with(&format!("/files/1?purpose=link&until={}&s=", NOW + 60)), "{target}");
    assert_eq!(world.send(get(target)).status, 200);
    assert_eq!(world.send(get(&target.replace("/1?", "/2?"))).status, 401);
}

#[test]
fn a_link_that_nobody_would_take_is_not_made() {
    let world = World::with(|config| {
        let hooks = "path: /hooks, verify: {scheme: timestamp-body, keys: partners}, upstream: app";
        let header = "header: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, timestamp: {query: until, format: unix, expiry: true}, message: \"{target}\"}";
        config.route(&route("/reset/**", "reset", "replay: off")).route(hooks).scheme(header)
    });
    let url = format!("{ORIGIN}/reset/1");
    let by_name = ["--keys", "partners"];
    for (arguments, code, why) in [
        (&["--expires", "2h1s", "--purpose", "reset", &url][..], 1, "1 s further ahead than allowed"),
        (&["--expires", "1h", "--purpose", "view", &url], 1, "requirement_unmet"),
        (&["--expires", "1h", &url], 1, "requirement_unmet"),
        (&[&by_name[..], &["--expires", "25h", &url]].concat(), 1, "timestamp_outside_window"),
        (&[&by_name[..], &["--expires", "1h", &format!("{url}?purpose=link")]].concat(), 1, "is repeated"),
        (&[&by_name[..], &["--expires", "1h", &format!("{url}?sig=x")]].concat(), 2, "already has a parameter"),
        (&[&by_name[..], &["--expires", "1h", &format!("{url}?a=1&expires=5")]].concat(), 2, "already has"),
        (&[&by_name[..], &["--expires", "1h", &format!("{url}#top")]].concat(), 2, "behind a `#`"),
        (&[&by_name[..], &["--scheme", "stripe", "--expires", "1h", &url]].concat(), 1, "its timestamp is no expiry"),
        (&["--expires", "1h", &format!("{ORIGIN}/hooks")], 1, "`timestamp-body` makes no links"),
        (&[&by_name[..], &["--scheme", "header", "--expires", "1m", &url]].concat(), 1, "not in the URL"),
        (&["--expires", "soon", &url], 2, "--expires"),
        (&[&url], 2, "--expires"),
    ] {
        let (found, out, error) = sign(&world, arguments);
        assert_eq!((found, out.as_str(), error.contains(why)), (code, "", true), "{arguments:?}: {error}");
    }
}
