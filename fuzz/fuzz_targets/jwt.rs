//! Tokens: as they come, and with a true MAC over header and payload, so that what lies behind it is reached.
#![no_main]

use std::sync::LazyLock;

use countersign::policy::gate::Gate;
use countersign::sig::encoding::Encoding;
use countersign::sig::mac::{Algorithm, Mac};
use countersign_fuzz::{NOW, SECRET, gate, head, judge, scheme, texts};
use libfuzzer_sys::fuzz_target;

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    gate(scheme("jwt: {algorithm: HS256, issuer: me, max_age: 5m, leeway: 1s, claims: {sub: X-User, n: X-N}}"))
});

fuzz_target!(|input: &[u8]| {
    let line = [b"Bearer ", input].concat();
    assert!(judge(&GATE, &head(b"", &[(b"authorization", &line)]), b"").is_none(), "a permit without the key");

    let [header, payload] = texts(input);
    let signed = format!("{}.{}", Encoding::Base64Url.encode(header), Encoding::Base64Url.encode(payload));
    let mut mac = Mac::keyed(Algorithm::Sha256, SECRET);
    mac.update(signed.as_bytes());
    let line = format!("Bearer {signed}.{}", Encoding::Base64Url.encode(&mac.finish()));
    if let Some(permit) = judge(&GATE, &head(b"", &[(b"authorization", line.as_bytes())]), b"") {
        assert!(permit.fresh_until().is_some_and(|until| until > NOW), "a permit for a token that is over");
        assert!(permit.stamp().is_some_and(|stamp| NOW.since(stamp).as_secs() <= 301));
        for (_, value) in permit.sets() {
            assert!(!value.is_empty() && value.iter().all(|byte| matches!(byte, b' '..=b'~')), "{value:?}");
        }
    }
});
