//! JSON envelopes: as they come, and with a true MAC that must never vouch for anything but what it was made over.
#![no_main]

use std::sync::LazyLock;

use countersign::config::scheme::builtin;
use countersign::policy::gate::Gate;
use countersign::sig::canonical::Canonical;
use countersign::sig::encoding::Encoding;
use countersign::sig::json::Json;
use countersign::sig::mac::{Algorithm, Mac};
use countersign_fuzz::{SECRET, gate, head, judge, scheme, texts};
use libfuzzer_sys::fuzz_target;

static GATES: LazyLock<[(Gate, Canonical); 2]> = LazyLock::new(|| {
    [("json-envelope", Canonical::Python), ("json-envelope-jcs", Canonical::Jcs)]
        .map(|(name, form)| (gate(scheme(builtin(name).expect("a built-in scheme"))), form))
});

fuzz_target!(|input: &[u8]| {
    let head = head(b"", &[(b"content-type", b"application/json")]);
    let [payload, before, between, after] = texts(input);
    for (gate, form) in &*GATES {
        assert!(judge(gate, &head, input).is_none(), "a permit without the key");

        let Some(signed) = Json::parse(payload).and_then(|json| form.print(&json)) else { continue };
        let mac: &[u8] = &mac(&signed);
        let wrap = |payload: &[u8], mac: &[u8]| [b"{\"payload\":", payload, b",\"signature\":\"", mac, b"\"}"].concat();
        // A deep payload may be too deep for an envelope round it.
        if payload.iter().filter(|byte| b"[{".contains(byte)).count() < 64 {
            let permit = judge(gate, &head, &wrap(payload, mac)).expect("a permit for what is signed");
            assert_eq!(permit.payload().map(AsRef::as_ref), Some(signed.as_slice()), "another payload than the signed");
            assert!(judge(gate, &head, &wrap(&signed, mac)).is_some(), "the canonical form is signed alike");
        }

        let wrong = [if mac.starts_with(b"0") { &b"1"[..] } else { b"0" }, &mac[1..]].concat();
        assert!(judge(gate, &head, &wrap(payload, &wrong)).is_none(), "a permit for a wrong MAC");
        let other = [before, b"{\"payload\":", between, payload, b",\"signature\":\"", mac, b"\"", after].concat();
        if let Some(permit) = judge(gate, &head, &other) {
            assert_eq!(
                permit.payload().map(AsRef::as_ref),
                Some(signed.as_slice()),
                "a MAC vouches for another payload"
            );
        }
    }
});

/// In hex, as an envelope holds it.
fn mac(signed: &[u8]) -> Vec<u8> {
    let mut mac = Mac::keyed(Algorithm::Sha256, SECRET);
    mac.update(signed);
    Encoding::Hex.encode(&mac.finish()).into()
}
