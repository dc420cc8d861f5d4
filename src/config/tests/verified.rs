//! Public keys and tokens in a configuration: what is refused, and what is said about them.

use super::problems::{HEAD, told};
use super::*;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAgyrmJPtOPdu2G4LYE7a6lqNg/UR1HplEUXJ1XaFvDxE=\n-----END PUBLIC KEY-----\n";

/// A place whose key is for our eyes only.
fn quiet(key: &str) -> Place {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let path = place.write("keys/partners/one", key);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    place
}

fn route(verify: &str, more: &str) -> String {
    format!("{HEAD}  - {{path: /, verify: {verify}, keys: partners, upstream: app{more}}}\n")
}

#[test]
fn a_public_key_in_a_file_loads_without_a_word() {
    for key in [PEM, "832ae624fb4e3ddbb61b82d813b6ba96a360fd44751e99445172755da16f0f11"] {
        let allowed = ", replay: {by: signature}, lint: {allow: {ambiguous_concatenation: the vendor signs so}}";
        assert_eq!(quiet(key).warnings(&route("discord", allowed)), "", "{key}");
    }
}

#[test]
fn a_secret_where_a_public_key_belongs_is_told() {
    told(&route("discord", ""), 6, "routes[0].verify", "it is not an Ed25519 public key in hex or PEM");
}

#[test]
fn a_signature_over_the_whole_body_is_never_streamed() {
    let problems = bad(quiet(PEM).load(&route("discord", ", body: stream")));
    assert_eq!(problems.len(), 1, "{}", shown(&problems));
    assert!(shown(&problems).contains("routes[0].body: the scheme needs the body whole"), "{}", shown(&problems));
}

#[test]
fn nobody_signs_with_a_public_key_or_a_token() {
    for (scheme, why) in [("telnyx", "signing takes the private one"), ("gitlab", "never leaves this gateway")] {
        let text = format!("{HEAD}  - {{path: /, sign: {{scheme: {scheme}, keys: partners}}, upstream: app}}\n");
        told(&text, 6, "routes[0].sign", why);
        told(&text, 6, "routes[0].sign", &format!("scheme `{scheme}` cannot sign: it is verify only"));
    }
}

#[test]
fn a_token_tells_no_repetition_and_that_it_covers_nothing_is_said_once() {
    told(&route("gitlab", ", replay: {by: signature, keep: 1h}"), 6, "routes[0].replay", "the same in every request");
    told(&route("gitlab", ", replay: nonce"), 6, "routes[0].replay", "`nonce` needs a scheme");
    let warnings = quiet("0123456789abcdef0123456789abcdef").warnings(&route("gitlab", ""));
    assert!(warnings.contains("scheme `gitlab` covers nothing of the request"), "{warnings}");
    assert_eq!(warnings.lines().count(), 1, "{warnings}");
}
