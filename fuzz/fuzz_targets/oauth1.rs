//! OAuth parameters in header, query and form: never a permit without the key.
#![no_main]

use std::sync::LazyLock;

use countersign::policy::gate::Gate;
use countersign_fuzz::{gate, head, judge, scheme, texts};
use libfuzzer_sys::fuzz_target;

static GATES: LazyLock<[Gate; 2]> = LazyLock::new(|| {
    ["oauth1: {algorithm: HMAC-SHA1}", "oauth1: {algorithm: HMAC-SHA256, carrier: query, body: none}"]
        .map(|yaml| gate(scheme(yaml)))
});

fuzz_target!(|input: &[u8]| {
    let [own, query, media, body] = texts(input);
    let own = [b"OAuth ", own].concat();
    let target = [b"?", query].concat();
    for media in [media, b"application/x-www-form-urlencoded"] {
        let head = head(&target, &[(b"authorization", &own), (b"content-type", media)]);
        assert!(GATES.iter().all(|gate| judge(gate, &head, body).is_none()), "a permit without the key");
    }
});
