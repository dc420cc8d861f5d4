//! `errors: drf` answers as a Django REST Framework service does. The real one is compared with in interop/.

use crate::world::{Signing, World, post};

#[test]
fn a_refusal_has_the_shape_that_drf_clients_know() {
    let world = World::with(|config| {
        config.route("path: /**, verify: {scheme: timestamp-body, keys: partners}, errors: drf, upstream: app")
    });
    for (request, body) in [
        (post("/", "{}"), r#"{"detail":"Missing HMAC headers"}"#),
        (post("/", "{}").signed_with("x", "soon"), r#"{"detail":"Invalid timestamp"}"#),
        (post("/", "{}").signed_at(-61), r#"{"detail":"Request timestamp too old"}"#),
        (post("/", "{}").signed().tampered("[]"), r#"{"detail":"Invalid HMAC signature"}"#),
    ] {
        let answer = world.send(request);
        assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (403, body));
        assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
}
