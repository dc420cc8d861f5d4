//! Where keys may be derived, and where they may not.

use super::*;

const NAMED: &str = "schemes:\n  named: {algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K}, message: \"{key_id}.{body}\"}\n  \
    sometimes: {algorithm: sha256, signature: {header: S, encoding: hex}, key_id: {header: K, optional: true}, message: \"{body}\"}\n  \
    encoded: {algorithm: sha256, key: {encoding: base64}, signature: {header: S, encoding: hex}, key_id: {header: K}, message: \"{key_id}.{body}\"}\n";

fn place() -> Place {
    let place = Place::new();
    let master =
        place.write("keys/master.yaml", "version: 1\nkeys: [{id: m, secret: \"0123456789abcdefghijklmnopqrstuv\"}]\n");
    std::fs::set_permissions(master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    place.write("keys/revoked.txt", "lost\n");
    place
}

fn text(derive: &str, route: &str) -> String {
    format!(
        "version: 1\nlisteners: {{main: {{address: \"127.0.0.1:0\"}}}}\nupstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
         keyrings: {{d: {{derive: {derive}}}}}\n{NAMED}routes: [{{path: \"/{{tenant}}\", {route}, upstream: app}}]\n"
    )
}

#[test]
fn a_derived_ring_needs_a_scheme_that_always_names_its_key() {
    let plain = "{file: keys/master.yaml}";
    for (derive, route, problem) in [
        (plain, "verify: {scheme: named, keys: d}", ""),
        ("{file: keys/master.yaml, revoked: keys/revoked.txt, format: hex}", "verify: {scheme: named, keys: d}", ""),
        ("{file: keys/master.yaml, format: base64}", "verify: {scheme: encoded, keys: d}", ""),
        (plain, "verify: {scheme: encoded, keys: d}", "does not fit scheme `encoded`"),
        (plain, "verify: {scheme: sometimes, keys: d}", "does not carry a key id in every request"),
        (plain, "verify: {scheme: timestamp-body, keys: d}", "does not carry a key id in every request"),
        (plain, "verify: {scheme: named, keys: d}, sign: {scheme: named, keys: d}", "no key of its own to sign with"),
        (plain, "verify: {scheme: named, keys: \"{tenant}\"}", "cannot be chosen by a capture"),
        ("{}", "verify: {scheme: named, keys: d}", "a keyring has one source"),
        ("{file: keys/master.yaml, directory: keys}", "verify: {scheme: named, keys: d}", "a keyring has one source"),
        ("{file: keys/none.yaml}", "verify: {scheme: named, keys: d}", "does not exist"),
        ("{file: keys/master.yaml, revoked: keys/none.txt}", "verify: {scheme: named, keys: d}", "does not exist"),
    ] {
        match place().load(&text(derive, route)) {
            Ok(_) => assert_eq!(problem, "", "{derive} {route}"),
            Err(problems) => {
                let told = shown(&problems);
                assert!(!problem.is_empty() && told.contains(problem), "{derive} {route}\n{told}");
            }
        }
    }
}

#[test]
fn every_ring_knows_what_it_is_for() {
    use crate::policy::seal::With;
    use crate::policy::upkeep::Origin;
    let route = "verify: {scheme: named, keys: d}, replay: off";
    let text = text("{file: keys/master.yaml}, max_age: 10d, quiet: 2d", route).replace(
        "keyrings: {d:",
        "keyrings: {s: {file: keys/master.yaml}, n: {file: keys/master.yaml}, unused: {file: keys/master.yaml}, d:",
    );
    let more = "{path: /s, verify: {scheme: named, keys: d}, sign: {scheme: stripe, keys: s}, upstream: app}, \
        {path: /n, verify: {scheme: timestamp-body, keys: s}, sign: {scheme: timestamp-body, keys: n}, upstream: app}, ";
    let loaded = good(place().load(&text.replace("routes: [", &format!("routes: [{more}"))));
    let told = |name: &str| {
        let upkeep = loaded.policy.upkeep.iter().find(|upkeep| **upkeep.ring.name() == *name).unwrap();
        assert!(matches!(&upkeep.origin, Origin::File(path) if path.ends_with("keys/master.yaml")));
        (upkeep.verifies, upkeep.signs, upkeep.max_age.as_secs() / 86_400, upkeep.quiet.as_secs() / 3600)
    };
    assert_eq!(told("d"), (true, None, 10, 48));
    assert_eq!(told("s"), (true, Some(With::All), 90, 24));
    assert_eq!(told("n"), (false, Some(With::Newest), 90, 24));
    assert_eq!(told("unused"), (false, None, 90, 24));
}
