//! A whole configuration file: it loads, or every mistake in it is said.
#![no_main]

use countersign::config::load_with;
use countersign_fuzz::NOW;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    // A file may name others: nothing that could be a device is opened.
    if text.windows(4).any(|window| matches!(window, b"/dev" | b"/pro" | b"/sys")) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).expect("a file");
    if let Err(problems) = load_with(&path, &|_| None, NOW) {
        assert!(!problems.is_empty(), "refused without a reason");
    }
});
