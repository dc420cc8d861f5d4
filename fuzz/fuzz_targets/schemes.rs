//! A declaration: it compiles, or every mistake in it is said; and what compiles judges without panicking.
#![no_main]

use countersign::config::scheme::{Declaration, compile};
use countersign_fuzz::{gate, head, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|yaml: &str| {
    let Ok(declaration) = serde_yaml::from_str::<Declaration>(yaml) else { return };
    match compile("fuzzed", &declaration) {
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
        Ok(scheme) => {
            let names = scheme.facts().known_headers.clone();
            let lines: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_ref(), &b"1760000000"[..])).collect();
            let _ = judge(&gate(scheme.into()), &head(b"?a=1", &lines), b"{}");
        }
    }
});
