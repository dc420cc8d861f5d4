//! Every kind of mistake outside routes is told with its line, its path and what to write.

use super::*;

const LISTENERS: &str = "listeners: {m: {address: \"127.0.0.1:0\"}}";
const UPSTREAMS: &str = "upstreams: {app: {url: \"http://h\"}}";
const ROUTES: &str = "routes: [{path: /, public: true, upstream: app}]";

/// One mistake in `line`, which replaces the usual line of its name, at the end of a file that is right otherwise.
fn told(line: &str, path: &str, part: &str) {
    let name = |line: &str| line.split_once(':').unwrap().0.to_owned();
    let usual = [LISTENERS, UPSTREAMS, ROUTES].into_iter().filter(|usual| name(usual) != name(line));
    let lines: Vec<_> = ["version: 1"].into_iter().chain(usual).chain([line]).collect();
    let text = lines.join("\n");
    let problems = bad(Place::new().load(&text));
    let here = if path == "routes" { 1 } else { u32::try_from(text.lines().count()).unwrap() };
    let found =
        problems.iter().any(|one| one.path == path && one.to_string().contains(part) && one.at.unwrap().0 == here);
    assert!(found, "{line}\n{}", shown(&problems));
    assert_eq!(problems.len(), 1, "{line}\n{}", shown(&problems));
}

#[test]
fn a_file_that_is_no_configuration_is_told_once() {
    let right = format!("{LISTENERS}\n{UPSTREAMS}\n{ROUTES}\n");
    for (text, line, path, part) in [
        (right.clone(), 1, "version", "`version` is missing"),
        (format!("version: 2\n{right}"), 1, "version", "reads version 1"),
        (format!("version: \"1\"\n{right}"), 1, "version", "a whole number"),
        (format!("version: 1\nlistener: {{}}\n{right}"), 2, "listener", "did you mean `listeners`?"),
        (format!("version: 1\n{right}defaults: [a]\n"), 5, "defaults", "expected a mapping"),
        (format!("version: 1\n{right}include: 5\n"), 5, "include", "a list of files"),
        (format!("version: 1\n{LISTENERS}\n{ROUTES}\nupstreams: {{}}\n"), 1, "upstreams", "there is no upstream"),
        (String::new(), 1, "", "the file is empty"),
        ("# nothing\n".to_owned(), 2, "", "the file is empty"),
        ("- a\n".to_owned(), 1, "", "not a mapping"),
        ("hello\n".to_owned(), 1, "", "not a mapping"),
        (format!("version: 1\n{right}---\nversion: 1\n"), 5, "", "a second document begins"),
        ("version: 1\nlisteners: {m: ${X}}\n".to_owned(), 2, "", "needs quotes"),
    ] {
        let problems = bad(Place::new().load(&text));
        let found = problems
            .iter()
            .any(|one| one.path == path && one.at.is_none_or(|at| at.0 == line) && one.to_string().contains(part));
        assert!(found, "{text}\n{}", shown(&problems));
        assert!(path == "upstreams" || problems.len() == 1, "{text}\n{}", shown(&problems));
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let place = Place::new();
    for (path, part) in [
        (place.path("none.yaml"), "no such file"),
        (place.path("keys"), "it is a directory"),
        ("/dev/zero".into(), "not a regular file"),
    ] {
        let problems = bad(load_at(&path));
        assert!(shown(&problems).contains(part) && problems.len() == 1, "{}", shown(&problems));
    }
}

#[test]
fn mistakes_in_listeners_are_told_with_their_place() {
    let at = "address: \"127.0.0.1:0\"";
    for (settings, path, part) in [
        ("{}".to_owned(), ".address", "`address` is missing"),
        ("{address: \"8443\"}".to_owned(), ".address", "ip:port"),
        (format!("{{{at}, tls: {{}}}}"), ".tls", "no certificate"),
        (format!("{{{at}, tls: {{key: x}}}}"), ".tls", "belong together"),
        (format!("{{{at}, tls: {{directory: tls, clients: {{mode: required}}}}}}"), ".tls.clients.ca", "is missing"),
        (format!("{{{at}, tls: {{directory: tls, minimum: \"1.1\"}}}}"), ".tls.minimum", "did you mean `1.2`?"),
        (format!("{{{at}, public_url: \"https://h/x\"}}"), ".public_url", "without a path"),
        (format!("{{{at}, http2: 1}}"), ".http2", "expected `true` or `false`, found a number"),
        (format!("{{{at}, limits: {{fields: -1}}}}"), ".limits.fields", "a whole number"),
        (format!("{{{at}, limits: {{fields: 0}}}}"), ".limits.fields", "0 would refuse everything"),
        (format!("{{{at}, limits: {{head: 0}}}}"), ".limits.head", "0 would refuse everything"),
        (format!("{{{at}, timeouts: {{head: 0s}}}}"), ".timeouts.head", "0 would refuse everything"),
    ] {
        told(&format!("listeners: {{m: {settings}}}"), &format!("listeners.m{path}"), part);
    }
    let twice = "listeners: {m: {address: \"127.0.0.1:1\"}, n: {address: \"127.0.0.1:1\"}}";
    told(twice, "listeners.n.address", "the same address");
}

#[test]
fn mistakes_in_upstreams_are_told_with_their_place() {
    for (settings, path, part) in [
        ("{url: \"ftp://h\"}", ".url", "not the URL"),
        ("{url: \"http://h:99999\"}", ".url", "not the URL"),
        ("{url: \"http://u:p@h\"}", ".url", "not the URL"),
        ("{url: \"http://h/a?b\"}", ".url", "not the URL"),
        ("{url: \"http://h/a#b\"}", ".url", "not the URL"),
        ("{url: \"http://h/a/../b\"}", ".url", "not the URL"),
        ("{}", ".url", "either `url` or `urls`"),
        ("{urls: [\"http://a\", \"https://b\"]}", ".urls", "same scheme and path"),
        ("{url: \"http://h\", tls: {}}", ".tls", "would not be used"),
        ("{url: \"https://h\", tls: {key: x}}", ".tls", "belong together"),
        ("{url: \"http://h\", max_connections: 0}", ".max_connections", "at least 1"),
        ("{url: \"http://h\", resolve: 0s}", ".resolve", "0 would refuse everything"),
        ("{url: \"http://h\", timeouts: {connect: 0s}}", ".timeouts.connect", "0 would refuse everything"),
    ] {
        told(&format!("upstreams: {{app: {settings}}}"), &format!("upstreams.app{path}"), part);
    }
}

#[test]
fn mistakes_in_keyrings_and_schemes_are_told_with_their_place() {
    let message = "message: \"{body}\"";
    for (line, path, part) in [
        ("keyrings: {k: {}}".to_owned(), "keyrings.k", "has one source"),
        ("keyrings: {k: {file: a, directory: b}}".to_owned(), "keyrings.k", "has one source"),
        ("keyrings: {k: {keys: [{id: a}]}}".to_owned(), "keyrings.k.keys[0]", "no secret"),
        (
            format!("schemes: {{s: {{algorithm: sha9, signature: {{header: X, encoding: hex}}, {message}}}}}"),
            "schemes.s.algorithm",
            "sha256",
        ),
        (
            format!("schemes: {{s: {{algorithm: sha256, signature: {{heder: X}}, {message}}}}}"),
            "schemes.s.signature",
            "did you mean `header`?",
        ),
    ] {
        told(&line, path, part);
    }
}

#[test]
fn mistakes_about_the_process_are_told_with_their_place() {
    for (line, path, part) in [
        ("admin: \"0.0.0.0:1\"", "admin", "this machine only"),
        ("replay: redis", "replay", "nothing says where"),
        ("replay: {store: memory, redis: {urls: redis://r}}", "replay.store", "would not be used"),
        ("replay: {redis: {namespace: a}}", "replay.redis.urls", "nothing says where"),
        ("replay: {redis: {urls: \"http://r\"}}", "replay.redis.urls", "not the URL of a Redis"),
        ("replay: {redis: {urls: \"redis://u:p@r\"}}", "replay.redis.urls", "not the URL of a Redis"),
        ("replay: {redis: {urls: \"redis://r/1\"}}", "replay.redis.urls", "not the URL of a Redis"),
        ("replay: {redis: {urls: [redis://r, rediss://s]}}", "replay.redis.urls[1]", "or none is"),
        ("replay: {redis: {urls: redis://r, tls: {server_name: s}}}", "replay.redis.tls", "would not be used"),
        ("replay: {redis: {urls: redis://r, user: u}}", "replay.redis.user", "password"),
        ("replay: {redis: {urls: redis://r, deadline: 0s}}", "replay.redis.deadline", "0 would refuse"),
        ("replay: {redis: {urls: redis://r, deadline: 6s}}", "replay.redis.deadline", "at most 5s"),
        (
            "replay: {redis: {urls: redis://r, namespace: \"a{b}\"}}",
            "replay.redis.namespace",
            "beginning of every name",
        ),
        ("replay: {capacity: 0}", "replay.capacity", "at least 1"),
        ("workers: 0", "workers", "1 to 1024"),
        ("workers: 1025", "workers", "1 to 1024"),
        ("poll: 0s", "poll", "without a pause"),
        ("audit: false", "audit", "write `off`"),
        ("audit: file", "audit.path", "`path` is missing"),
        ("audit: {sink: stdout, path: x}", "audit.path", "no path"),
        ("audit: {sink: syslog, path: x}", "audit.path", "no path"),
        ("audit: {sink: file, path: x, address: \"unix:/dev/log\"}", "audit.address", "no address"),
        ("audit: {sink: journald, address: \"127.0.0.1:514\"}", "audit.address", "a unix socket"),
        ("audit: {sample: 1.5}", "audit.sample", "a part of 1"),
        ("audit: {sample: 2}", "audit.sample", "a part of 1"),
        ("audit: {on_full: wait}", "audit.on_full", "unknown value `wait`"),
        ("anomalies: maybe", "anomalies", "unknown value `maybe`"),
        ("anomalies: {facter: 2}", "anomalies.facter", "did you mean `factor`?"),
        ("capture: {refused: 0}", "capture.refused", "nothing would be kept"),
        ("capture: {refused: 1001}", "capture.refused", "at most 1000"),
        ("capture: {keep: 0s}", "capture.keep", "nothing would be kept"),
        ("capture: {body: 2MiB}", "capture.body", "at most 1MiB"),
        ("capture: {routes: [/b]}", "capture.routes[0]", "unknown route `/b`"),
        ("limits: {memory: 0}", "limits.memory", "0 would refuse everything"),
        ("log: {format: xml}", "log.format", "unknown value `xml`"),
        ("log: \"a=b=c\"", "log", "not a log filter"),
        ("routes: []", "routes", "there is no route"),
    ] {
        told(line, path, part);
    }
    let (health, admin) = ("health: \"127.0.0.1:9\"", "admin: \"127.0.0.1:9\"");
    told(&format!("{health}\n{admin}"), "admin", "another listener has this address");
}
