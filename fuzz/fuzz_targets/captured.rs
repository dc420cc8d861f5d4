//! Captured requests, raw, as HAR or as a curl command: read, or refused with a reason.
#![no_main]

use std::io::ErrorKind;
use std::path::Path;

use countersign::explain::request::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    // The one file that a command may name.
    let files =
        |path: &Path| if path == Path::new("f") { Ok(b"a\r\nb".to_vec()) } else { Err(ErrorKind::NotFound.into()) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let other = [b"curl ", text].concat();
    for text in [text, other.as_slice()] {
        match runtime.block_on(read(text, 0, Some(&files))) {
            Ok(captured) => assert!(captured.head.target.starts_with(b"/") || captured.head.target.as_ref() == b"*"),
            Err(why) => assert!(!why.is_empty(), "refused without a reason"),
        }
    }
});
