//! How public keys are written, what is not one, and what a scheme cannot ask of them.

use countersign::config::scheme::builtin;

use crate::vectors::*;
use crate::{NOW, built_in, declared, gate, judge, scheme};

/// The key of `vectors` in PEM, and with Windows line endings.
fn pem(line_ending: &str) -> String {
    ["-----BEGIN PUBLIC KEY-----", P_SPKI, "-----END PUBLIC KEY-----", ""].join(line_ending)
}

#[test]
fn a_key_is_taken_as_vendors_publish_it() {
    let headers = [("x-signature-timestamp", "1760000000"), ("x-signature-ed25519", DISCORD_P)];
    let discord = builtin("discord").unwrap();
    for (encoding, key) in [
        ("hex", P_HEX.to_owned()),
        ("hex", P_HEX.to_ascii_uppercase()),
        ("hex", pem("\n")),
        ("hex", pem("\r\n")),
        ("base64", P_BASE64.to_owned()),
        ("base64", P_BASE64.trim_end_matches('=').to_owned()),
        ("base64", P_SPKI.to_owned()),
        ("base64url", P_BASE64.replace('/', "_")),
        ("text", pem("\n")),
        ("text", format!("\n{}", pem("\n"))),
    ] {
        let scheme = scheme(&discord.replace("key: {encoding: hex}", &format!("key: {{encoding: {encoding}}}")));
        let own = gate(&scheme, &[("k", &key)]);
        assert_eq!(own.misfits(), [], "{encoding} {key}");
        assert_eq!(judge(&own, &headers, DISCORD_BODY.as_bytes(), NOW).err(), None, "{encoding} {key}");
    }
}

#[test]
fn what_is_no_such_key_is_told_without_repeating_it() {
    let zeros = "00".repeat(32);
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n";
    let pair = pem("\n").repeat(2);
    let small = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALmZ"; // cut off
    for (algorithm, encoding, key, why) in [
        ("ed25519", "hex", "00", "is not an Ed25519 public key in hex or PEM"),
        ("ed25519", "hex", P_BASE64, "is not an Ed25519 public key in hex or PEM"),
        ("ed25519", "base64", P_HEX, "is not an Ed25519 public key in base64 or PEM"),
        ("ed25519", "base64", SENDGRID_KEY, "is not an Ed25519 public key in base64 or PEM"),
        ("ed25519", "hex", RSA, "is not an Ed25519 public key in hex or PEM"),
        ("ed25519", "hex", &pair, "is not an Ed25519 public key in hex or PEM"),
        ("ed25519", "hex", &zeros, "small order"),
        ("ed25519", "hex", private, "is a private key"),
        ("ecdsa-p256-sha256", "base64", P_SPKI, "is not a P-256 public key in base64 or PEM"),
        ("ecdsa-p256-sha256", "base64", RSA, "is not a P-256 public key in base64 or PEM"),
        ("rsa-pss-sha512", "base64", SENDGRID_KEY, "is not an RSA public key of 2048 to 8192 bits in base64 or PEM"),
        ("rsa-pss-sha512", "base64", small, "is not an RSA public key of 2048 to 8192 bits in base64 or PEM"),
        ("rsa-pss-sha512", "base64", RSA_1024, "is not an RSA public key of 2048 to 8192 bits in base64 or PEM"),
    ] {
        let misfits = gate(&scheme(&body_only(algorithm, encoding)), &[("k", key)]).misfits();
        let said = misfits.first().map(ToString::to_string).unwrap_or_default();
        assert!(misfits.len() == 1 && said.contains(why), "{algorithm} {encoding} {key}: {said}");
        assert!(said.starts_with("key `k` of keyring `ring` does not fit scheme `test`: it is"), "{said}");
        assert!(!said.contains(key.trim()), "{said}");
    }
}

/// `openssl genrsa 1024 | openssl rsa -pubout -outform DER | base64 -w0`
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC/18bc6Q2MBvVdEHwzt7uw6t3eRQbQ9zuESKVY2ZCeniqIG0OVfQ2IfAf6d5I8E+xQXCZkA+ZgzBmJrg0xt1KXlUZqnxa0qDXRryghu/plwcsDZ7G/5g7Rf/hJDBD6DImdpCj+oH1mKEhTYNfoW+olJpQLYjWDpPeHqEGLLebZoQIDAQAB";

#[test]
fn a_misfit_verifies_nothing() {
    let own = gate(&built_in("discord"), &[("k", "not a key")]);
    let headers = [("x-signature-timestamp", "1760000000"), ("x-signature-ed25519", DISCORD_P)];
    let verdict = judge(&own, &headers, DISCORD_BODY.as_bytes(), NOW);
    assert_eq!(verdict.err(), Some(countersign::reject::Code::SignatureInvalid));
}

#[test]
fn what_public_keys_and_tokens_have_no_use_for_is_refused_at_load() {
    let (public, token) = (body_only("ed25519", "hex"), "algorithm: token\nsignature: {header: X-Token}\n".to_owned());
    for (yaml, path, message) in [
        (format!("{public}mac: hash\n"), "mac", "no meaning with `ed25519`"),
        (format!("{public}mac: hmac\n"), "mac", "no meaning with `ed25519`"),
        (format!("{token}mac: hmac\n"), "mac", "no meaning with `token`"),
        (
            public.replace("encoding: hex}\nsig", "derive: {algorithm: sha256, message: \"{key}\"}}\nsig"),
            "key",
            "`derive`",
        ),
        (public.replace("{body}", "{key}{body}"), "message", "`{key}` is for `mac: hash`"),
        (public.replace("message: \"{body}\"\n", ""), "message", "a scheme needs a `message`"),
        (format!("{token}message: \"{{body}}\"\n"), "message", "a token covers nothing"),
        (format!("{token}digest: {{header: Digest}}\n"), "digest", "a token covers nothing"),
        (token.replace("X-Token", "X-Token, encoding: hex"), "signature.encoding", "as it stands"),
        (token.replace("X-Token", "X-Token, any_case: true"), "signature.any_case", "`any_case` is for hex"),
        (public.replace("ed25519", "md5"), "algorithm", "`md5` is not known here"),
    ] {
        let problems = declared(&yaml).err().unwrap_or_default();
        let told = problems.iter().any(|problem| problem.path == path && problem.message.contains(message));
        assert!(told, "{yaml}: {problems:?}");
    }
}

#[test]
fn neither_signs_and_both_say_why() {
    for (name, why) in [("discord", "signing takes the private one"), ("gitlab", "a token is the secret itself")] {
        let refused = built_in(name).facts().can_sign.clone().unwrap_err();
        assert!(refused.starts_with("it is verify only") && refused.contains(why), "{refused}");
    }
}
