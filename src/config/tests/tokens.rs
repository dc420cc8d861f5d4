//! Keys in a token: what has to be said of it, and where they cannot be used.

use super::*;

fn told(ring: &str) -> String {
    let text = format!(
        "version: 1\nlisteners: {{main: {{address: \"127.0.0.1:0\"}}}}\nupstreams: {{app: {{url: \"http://127.0.0.1:1\"}}}}\n\
         keyrings: {{d: {ring}}}\nroutes: [{{path: /, verify: timestamp-body, keys: d, upstream: app}}]\n"
    );
    shown(&Place::new().load(&text).err().unwrap())
}

#[test]
fn all_that_is_missing_of_a_token_is_told_in_one_go() {
    let said = told("{pkcs11: {prefix: k}}");
    for field in ["`module` is missing", "`token` is missing", "`pin_file` is missing"] {
        assert!(said.contains(field), "{field}\n{said}");
    }
    let said = told("{file: keys.yaml, pkcs11: {module: m.so, token: t, pin_file: pin}}");
    assert!(said.contains("a keyring has one source"), "{said}");
}

#[test]
fn a_token_that_cannot_be_asked_refuses_its_ring_and_says_why() {
    let said = told("{pkcs11: {module: /nowhere/module.so, token: orders, pin_file: pin}}");
    let why = if cfg!(feature = "pkcs11") { "module /nowhere/module.so" } else { "build it with `--features pkcs11`" };
    assert!(said.contains(why) && said.contains("keyrings.d.pkcs11"), "{said}");
}
