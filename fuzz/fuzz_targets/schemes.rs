//! A declaration: it compiles, or every mistake in it is said; and what compiles lets nothing in that was not signed.
#![no_main]

use std::sync::Arc;

use countersign::config::scheme::{Declaration, compile};
use countersign_fuzz::{gate, head, judge, seal, signed};
use libfuzzer_sys::fuzz_target;

const BODY: &[u8] = b"{\"a\":\"1\"}";

fuzz_target!(|yaml: &str| {
    let Ok(declaration) = serde_yaml::from_str::<Declaration>(yaml) else { return };
    match compile("fuzzed", &declaration) {
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
        Ok(scheme) => {
            let scheme = Arc::new(scheme);
            let gate = gate(Arc::clone(&scheme));
            let names = scheme.facts().known_headers.clone();
            let lines: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_ref(), &b"1760000000"[..])).collect();
            let head = head(b"?a=1", &lines);
            assert!(judge(&gate, &head, BODY).is_none(), "a permit without the key");
            // What it signs it may refuse: a scheme can demand what this request does not say.
            let _signed_or_not = seal(&scheme).and_then(|seal| signed(&seal, &head, BODY));
        }
    }
});
