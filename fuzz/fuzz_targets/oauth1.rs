//! OAuth parameters in header, query and form: never a permit without the key, and one for whatever was signed with it.
#![no_main]

use std::sync::{Arc, LazyLock};

use countersign::policy::gate::Gate;
use countersign::policy::seal::Seal;
use countersign_fuzz::{gate, head, judge, scheme, seal, signed, texts};
use libfuzzer_sys::fuzz_target;

static DOORS: LazyLock<[(Gate, Seal); 2]> = LazyLock::new(|| {
    ["oauth1: {algorithm: HMAC-SHA1}", "oauth1: {algorithm: HMAC-SHA256, carrier: query, body: none}"].map(|yaml| {
        let scheme = scheme(yaml);
        (gate(Arc::clone(&scheme)), seal(&scheme).expect("a scheme that signs"))
    })
});

fuzz_target!(|input: &[u8]| {
    let [own, query, media, body] = texts(input);
    let own = [b"OAuth ", own].concat();
    let target = [b"?", query].concat();
    for media in [media, b"application/x-www-form-urlencoded"] {
        let head = head(&target, &[(b"authorization", &own), (b"content-type", media)]);
        for (gate, seal) in &*DOORS {
            assert!(judge(gate, &head, body).is_none(), "a permit without the key");
            if let Some((head, body)) = signed(seal, &head, body) {
                assert!(judge(gate, &head, &body).is_some(), "what we sign we refuse: {head:?} {body:?}");
            }
        }
    }
});
