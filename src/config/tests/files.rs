//! Includes, defaults, the environment, certificates on disk, and what is printed back.

use super::*;

const HEAD: &str = r#"version: 1
listeners: {main: {address: "127.0.0.1:0"}}
upstreams: {app: {url: "http://127.0.0.1:8000"}}
"#;

#[test]
fn included_files_are_merged_and_watched() {
    let place = Place::new();
    place.write(
        "more/upstreams.yaml",
        "version: 1\nupstreams: {other: {url: \"http://h\"}}\nroutes: [{path: /o, public: true, upstream: other}]\n",
    );
    let loaded =
        good(place.load(&format!(
            "{HEAD}include: [more/upstreams.yaml]\nroutes: [{{path: /, public: true, upstream: app}}]\n"
        )));
    assert_eq!((loaded.policy.upstreams.len(), loaded.policy.routes.all().len()), (2, 2));
    assert!(loaded.watched.contains(&place.path("more/upstreams.yaml")));
}

#[test]
fn mistakes_in_included_files_name_their_file() {
    let place = Place::new();
    place.write(
        "more.yaml",
        "version: 1\nupstreams: {app: {url: \"http://h\"}}\nroutes: [{path: /x, public: true, upstrem: app}]\n",
    );
    let problems =
        bad(place.load(&format!("{HEAD}include: [more.yaml]\nroutes: [{{path: /, public: true, upstream: app}}]\n")));
    let text = shown(&problems);
    assert!(
        text.contains("more.yaml:2:13: upstreams.app: `app` is written twice") && text.contains("config.yaml:3"),
        "{text}"
    );
    assert!(text.contains("more.yaml:3:35: routes[0].upstrem: unknown field `upstrem`"), "{text}");
}

#[test]
fn includes_in_a_circle_missing_files_and_a_missing_version_are_told() {
    let place = Place::new();
    place.write("a.yaml", "version: 1\ninclude: [b.yaml]\n");
    place.write("b.yaml", "version: 1\ninclude: [a.yaml]\n");
    place.write("old.yaml", "routes: []\n");
    for (include, part) in [
        ("a.yaml", "b.yaml:2:11: include[0]: files include each other"),
        ("none.yaml", "config.yaml:4:11: include[0]"),
        ("old.yaml", "old.yaml:1:1: version: `version` is missing"),
    ] {
        let text =
            shown(&bad(place
                .load(&format!("{HEAD}include: [{include}]\nroutes: [{{path: /, public: true, upstream: app}}]\n"))));
        assert!(text.contains(part), "{text}");
    }
    let text = shown(&bad(load_at(&place.path("absent.yaml"))));
    assert!(text.contains("absent.yaml") && text.contains("cannot be read"), "{text}");
}

#[test]
fn defaults_fill_what_a_route_does_not_say() {
    let place = Place::new();
    let loaded = good(place.load(&format!(
        "{HEAD}keyrings: {{partners: {{directory: keys/partners}}}}
defaults: {{upstream: app, verify: github, keys: partners, body: {{max: 1KiB, memory: 2KiB}}, replay: off}}
routes: [{{path: /a, body: {{max: 5KiB}}}}, {{path: /b, public: true}}]\n"
    )));
    let [a, b] = loaded.policy.routes.all() else { panic!() };
    assert_eq!((a.limits.body_max, a.limits.memory), (5 << 10, 2 << 10));
    assert!(matches!(a.guard, crate::policy::route::Guard::Verify(_)));
    assert!(matches!(b.guard, crate::policy::route::Guard::Public), "`public` is not undone by a default");
}

#[test]
fn the_environment_gives_text_and_numbers_but_never_yaml() {
    let place = Place::new();
    let text = "version: 1
listeners: {main: {address: \"127.0.0.1:0\"}}
upstreams: {app: {url: \"${UPSTREAM}\", max_connections: \"${COUNT}\"}}
routes: [{path: /, public: true, upstream: app, response: {set: {X-A: \"$${COUNT}\"}}}]
";
    let loaded = good(place.load(text));
    assert_eq!(loaded.policy.upstreams[0].max_connections, Some(7));
    assert_eq!(&loaded.policy.routes.all()[0].response.set[0].1[..], b"${COUNT}");
    let text = shown(&bad(place.load(&text.replace("${UPSTREAM}", "${INJECTED}"))));
    assert!(text.contains("upstreams.app.url: not the URL"), "{text}");
    let text = shown(&bad(place.load("version: 1\nadmin: \"${UNSET}\"\n")));
    assert!(text.contains("2:8: admin: the environment variable `UNSET` is not set"), "{text}");
}

#[test]
fn certificates_and_keys_are_read_checked_and_warned_about() {
    let place = Place::new();
    let text = |tls: &str| {
        format!(
            "{}routes: [{{path: /, public: true, upstream: app}}]\n",
            HEAD.replace("\"127.0.0.1:0\"}", &format!("\"127.0.0.1:0\", tls: {tls}}}"))
        )
    };
    let loaded = good(place.load(&text("{directory: tls, hosts: {Partner.Example: {ca: tls/tls.crt}}}")));
    let tls = loaded.policy.listeners[0].tls.as_ref().unwrap();
    assert!(tls.certificates[0].chain.starts_with(b"-----BEGIN") && &*tls.hosts[0].0 == "partner.example");
    place.write("tls/empty.pem", "nothing");
    for (tls, part) in [
        ("{certificate: tls/none.crt, key: tls/tls.key}", "tls/none.crt` cannot be read"),
        ("{certificate: tls/empty.pem, key: tls/tls.key}", "holds no PEM certificate"),
        ("{certificate: tls/tls.crt, key: tls/empty.pem}", "holds no PEM private key"),
        ("{certificate: tls/tls.crt, key: tls}", "cannot be read"),
    ] {
        let text = shown(&bad(place.load(&text(tls))));
        assert!(text.contains(part), "{text}");
    }
    std::fs::set_permissions(place.path("tls/tls.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(place.warnings(&text("{directory: tls}")).contains("every user of this machine can read"));
}

#[test]
fn a_kubernetes_mount_is_read_from_one_generation() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("mount")).unwrap();
    for generation in ["one", "two"] {
        for file in ["tls.crt", "tls.key"] {
            place.write(
                &format!("mount/..{generation}/{file}"),
                &std::fs::read_to_string(place.path("tls").join(file)).unwrap(),
            );
        }
    }
    std::os::unix::fs::symlink("..one", place.path("mount/..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), place.path("mount").join(file)).unwrap();
    }
    let text = format!(
        "{}routes: [{{path: /, public: true, upstream: app}}]\n",
        HEAD.replace("\"127.0.0.1:0\"}", "\"127.0.0.1:0\", tls: {directory: mount}}")
    );
    let loaded = good(place.load(&text));
    assert!(loaded.watched.contains(&place.path("mount/tls.crt")), "the mount is watched, not the generation");
}

#[test]
fn doors_left_ajar_are_warned_about() {
    let place = Place::new();
    place.write("keys/short/one", "tooshort");
    let text = "version: 1
listeners: {main: {address: \"0.0.0.0:0\"}}
upstreams: {app: {url: \"http://h\"}}
keyrings:
  inline: {keys: [{id: a, secret: 0123456789abcdef0123456789abcdef, created: \"2020-01-01\"}]}
  short: {directory: keys/short}
routes: [{path: /, verify: [github, {scheme: timestamp-body, keys: short}], keys: inline, upstream: app, replay: off}]
";
    let warnings = place.warnings(text);
    for part in [
        "2:29: listeners.main.address: a plain listener",
        "5:18: keyrings.inline.keys: secrets stand in the configuration",
        "key `a` of `inline` is older than",
        "keys/short",
    ] {
        assert!(warnings.contains(part), "{part}\n{warnings}");
    }
}

#[test]
fn what_a_scheme_leaves_open_is_said() {
    let place = Place::new();
    let part = "signature: {header: X-Sig, encoding: hex}, timestamp: {header: X-Time, format: unix, past: 2h}";
    let text = format!(
        "{HEAD}keyrings: {{partners: {{directory: keys/partners}}}}
schemes:
  weak: {{algorithm: sha1, {part}, message: \"{{path}}\"}}
  long: {{algorithm: sha256, {part}, message: \"{{timestamp}}{{body}}\"}}
defaults: {{keys: partners, upstream: app, replay: off}}
routes: [{{path: /weak, verify: weak}}, {{path: /long, verify: long}}, {{path: /good, verify: timestamp-body}}]\n"
    );
    let warnings = place.warnings(&text);
    for part in [
        "routes[0]: scheme `weak` does not cover the body",
        "routes[0]: scheme `weak` does not cover its timestamp",
        "routes[0]: scheme `weak` uses SHA-1",
        "routes[1]: signatures are good for 2h",
    ] {
        assert!(warnings.contains(part), "{part}\n{warnings}");
    }
    assert!(!warnings.contains("routes[2]"), "{warnings}");
}

#[test]
fn the_effective_file_shows_origins_and_no_secrets() {
    let place = Place::new();
    place.write("more.yaml", "version: 1\nkeyrings: {k: {keys: [{id: a, secret: canary-0123456789}]}}\n");
    let path = place.write("config.yaml", &format!("{HEAD}include: [more.yaml]\ndefaults: {{upstream: app}}\nroutes: [{{path: /, public: true, request: {{set: {{X-Token: canary-0123456789}}}}}}]\n"));
    let text = print(&path).unwrap();
    assert!(!text.contains("canary") && text.contains("secret: <redacted>"), "{text}");
    assert!(
        text.contains("upstream: app  # ") && text.contains("config.yaml:5") && text.contains("more.yaml:2"),
        "{text}"
    );
}
