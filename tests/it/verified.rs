//! What only the sender can sign, and tokens, over a socket.

use crate::world::{Request, World, post};

/// Made in Python: see `tests/public_pure/vectors.rs`.
const KEY: &str = "832ae624fb4e3ddbb61b82d813b6ba96a360fd44751e99445172755da16f0f11";
const BODY: &str = r#"{"type":1}"#;
const SIGNATURE: &str = "84d12086615d1bcfa0e372f4f1efb2c2967ef409bdd9ec22bd9d34342200788efa4f885088bfddfbe080170644c5520847c3cea3bf8f7f3362fca7e8cc3f050f";

fn receiving(scheme: &str, secret: &str, more: &str) -> World {
    World::with(|config| {
        config
            .keyring(&format!("vendor: {{keys: [{{id: v1, secret: \"{secret}\"}}]}}"))
            .route(&format!("path: /**, verify: {{scheme: {scheme}, keys: vendor}}, upstream: app{more}"))
    })
}

fn interaction() -> Request {
    post("/", BODY).header("X-Signature-Timestamp", "1760000000").header("X-Signature-Ed25519", SIGNATURE)
}

#[test]
fn an_interaction_that_discord_signed_gets_through_and_no_other() {
    let world = receiving("discord", KEY, ", replay: off");
    assert_eq!(world.send(interaction()).status, 200);
    let refused = |request: Request| world.send(request).refusal();
    assert_eq!(refused(interaction().tampered("{\"type\":2}")), (401, "signature_invalid".to_owned()));
    assert_eq!(
        refused(interaction().with("X-Signature-Timestamp", "1760000001")),
        (401, "signature_invalid".to_owned())
    );
    assert_eq!(refused(interaction().without("X-Signature-Ed25519")), (401, "signature_missing".to_owned()));
    assert_eq!(world.upstream.connections(), 1);
}

#[test]
fn a_captured_interaction_passes_once() {
    let world = receiving("discord", KEY, ", replay: {by: signature}");
    assert_eq!(world.send(interaction()).status, 200);
    assert_eq!(world.send(interaction()).refusal().1, "replayed");
}

#[test]
fn a_body_that_does_not_fit_in_memory_is_refused_before_it_is_verified() {
    let world = receiving("discord", KEY, ", replay: off");
    let large = interaction().tampered(vec![b'x'; (1 << 20) + 1]);
    assert_eq!(world.send(large).refusal(), (413, "body_too_large".to_owned()));
}

#[test]
fn a_token_lets_anything_through_and_a_wrong_one_nothing() {
    let world = receiving("gitlab", "a token of thirty-two characters", "");
    for body in ["{}", "[]"] {
        let sent = |token: &str| post("/", body).header("X-Gitlab-Token", token);
        assert_eq!(world.send(sent("a token of thirty-two characters")).status, 200);
        assert_eq!(
            world.send(sent("a token of thirty-two character")).refusal(),
            (401, "signature_invalid".to_owned())
        );
    }
}
